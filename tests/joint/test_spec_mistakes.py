"""Slips in fit.toml and in the options of a NONMEM-style file are sentences, not tracebacks."""

from pathlib import Path

import pytest
from small_study import BASE, joined

from cellkinetics.errors import SpecError, StudyError
from cellkinetics.spec import parse_spec, read_spec
from cellkinetics.study import read_study

EFFECT = {"parameter": "c_max", "covariate": "age", "form": "power"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nonmem": {"analytes": {"a": "qpcr"}}}, "'a' is no whole number"),
        ({"nonmem": {"analytes": 3}}, "analytes must be a table from DVID to analyte"),
        ({"correlation": {"parameters": ["c_max", "c_max"]}}, "'c_max' is named twice"),
        ({"correlation": {"parameters": ["c_max"]}}, "needs two parameters or more"),
        ({"covariates": [EFFECT, EFFECT]}, "effect 'c_max~age' is given twice"),
        ({"model_covariates": ["c_max~age"], "covariates": [EFFECT]}, "is given twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_spec({**BASE, **changes})
    assert said in str(error.value)


def test_numbers_of_analytes_become_whole_numbers() -> None:
    spec = parse_spec({**BASE, "nonmem": {"analytes": {"1": "qpcr", "-2": "flow"}}})
    assert spec.nonmem_options()["analytes"] == {1: "qpcr", -2: "flow"}


def test_a_mark_at_the_start_of_fit_toml_is_no_mistake(tmp_path: Path) -> None:
    text = 'study = "s"\nmodel = "stein2019"\nseed = 1\n[analytes.qpcr]\n'
    (tmp_path / "fit.toml").write_text(text, encoding="utf-8-sig")
    assert read_spec(tmp_path).study == "s"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"analytes": ["qpcr"]}, "wanted a table, such as {1: "),
        ({"analytes": {"1": "qpcr"}}, "wanted whole numbers as keys"),
        ({"analytes": {1: 5}}, "wanted texts as values"),
        ({"analytes": {1: "qpcr"}, "units": "copies/ug"}, "units='copies/ug'; wanted a table"),
        ({"analytes": {1: "qpcr"}, "covariates": ["WT"]}, "wanted a table, such as {"),
        ({"analytes": {1: "qpcr"}, "settings": 3}, "wanted a table"),
        ({"analytes": {1: "qpcr"}, "time_unit": 1}, "time_unit='1'; wanted a text"),
        ({"analytes": {1: "qpcr"}, "zeros_as_read": "qpcr"}, "wanted a list of analytes"),
    ],
)
def test_options_of_a_wrong_kind_are_findings(
    options: dict[str, object], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("ID,TIME,DVID,DV\n1,0,1,5\n", encoding="utf-8")
    with pytest.raises(StudyError) as error:
        read_study(file, **options)  # type: ignore[arg-type]
    assert said in str(error.value)


def test_an_analyte_without_samples_in_the_file_is_said_in_words(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("ID,TIME,AMT,EVID,DVID,DV\n1,0,1e8,1,.,.\n", encoding="utf-8")
    with pytest.raises(StudyError) as error:
        read_study(file, analytes={1: "qpcr"}, units={"qpcr": "copies/ug"}, dose_unit="cells")
    assert "samples in the file; it has none" in str(error.value)
    assert "one of ." not in str(error.value)


def test_a_dose_per_kg_that_is_missing_needs_the_weight(tmp_path: Path) -> None:
    from dataclasses import replace

    from cellkinetics.joint import join

    joint = joined(tmp_path / "s")
    study = replace(
        joint.study,
        subjects=joint.study.subjects.assign(weight_kg=float("nan")),
        settings=joint.study.settings.model_copy(update={"dose_unit": "cells"}),
    )
    effect = {**EFFECT, "covariate": "cells_per_kg", "reference": 1e6}
    with pytest.raises(SpecError, match="Complete weight_kg and the dose"):
        join(study, joint.model, parse_spec({**BASE, "covariates": [effect]}))
