"""Rows, links and limits: what a fit makes of a study."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_study import joined

from cellkinetics.errors import SpecError
from cellkinetics.joint import join
from cellkinetics.observation import covariate_table


def test_physical_link_is_dna_mass_times_white_cells_over_copy_number(tmp_path: Path) -> None:
    obs = joined(tmp_path / "s").observations
    at = [
        i
        for i in range(len(obs.value))
        if obs.subjects[obs.subject[i]] == "A-2" and obs.analyte[i] == 1 and obs.rows.time[i] == 14
    ]
    white = 1000.0 + (3000.0 - 1000.0) * 14 / 90  # linear between the counts of day 0 and 90
    assert np.exp(obs.offset[at[0]]) == pytest.approx(6.6e-6 * white / 2, rel=1e-12)


def test_rows_are_sorted_and_keep_the_subjects_own_ids(tmp_path: Path) -> None:
    obs = joined(tmp_path / "s").observations
    assert obs.subjects == ("007", "A-2", "p3")
    for s in range(3):
        times = obs.rows.time[obs.rows.start[s] : obs.rows.start[s + 1]]
        assert (np.diff(times) >= 0).all()
        assert (obs.subject[obs.rows.start[s] : obs.rows.start[s + 1]] == s).all()


def test_nothing_is_dropped_in_silence(tmp_path: Path) -> None:
    joint = joined(tmp_path / "s", analytes={"qpcr": {"limit": "M1"}})
    obs = joint.observations
    samples = joint.study.samples
    used = set(obs.table["line"])
    left = set(obs.left_out["line"])
    mine = set(samples.loc[samples["analyte"] == "qpcr", "line"])
    assert used | left == mine
    assert not used & left
    assert obs.left_out["reason"].notna().all()
    assert obs.unused == {"flow": 21, "wbc": 6}


def test_second_assay_without_physics_gets_a_shared_factor(tmp_path: Path) -> None:
    joint = joined(tmp_path / "s", analytes={"qpcr": {}, "flow": {"link": "fixed"}})
    assert [c.name for c in joint.observations.calibrations] == ["flow.calibration"]
    assert joint.observations.calibrations[0].median == pytest.approx(6.6e-6 * 5000)
    assert joint.observations.calibrations[0].origin.startswith("assumption")


def test_one_assay_alone_has_no_factor_to_estimate(tmp_path: Path) -> None:
    joint = joined(tmp_path / "s", analytes={"flow": {"link": "fixed"}})
    assert joint.observations.calibrations == ()


def test_dose_becomes_a_covariate(tmp_path: Path) -> None:
    joint = joined(tmp_path / "s")
    table = covariate_table(joint.study, joint.subjects)
    assert table.loc["A-2", "cells_per_kg"] == 2e6
    assert table.loc["A-2", "cells"] == 1.6e8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"analytes": {"qpr": {}}}, "no samples of analyte 'qpr'. Known: "),
        (
            {"analytes": {"qpcr": {"observes": "transgen"}}},
            "is not an observable of stein2019. Known: transgene.  Did you mean 'transgene'?",
        ),
        ({"analytes": {"flow": {"link": "unit"}}}, "cells/uL cannot be converted to copies/ug"),
        ({"analytes": {"wbc": {"link": "fixed"}, "qpcr": {"limit": "M7"}}}, "M7"),
        ({"parameters": {"cmax": {}}}, "'cmax' is not a parameter of stein2019"),
        (
            {"covariates": [{"parameter": "c_max", "covariate": "sx", "form": "power"}]},
            "The study has no covariate 'sx'",
        ),
        (
            {"covariates": [{"parameter": "c_max", "covariate": "sex", "form": "power"}]},
            "of subject 007 is 'F', not a number",
        ),
        (
            {
                "covariates": [
                    {"parameter": "c_max", "covariate": "sex", "form": "category", "level": "f"}
                ]
            },
            "never equals 'f'. Known: F, M.",
        ),
        ({"correlation": {"parameters": ["c_max", "f_tocilizumab"]}}, "does not differ between"),
        ({"parameters": {"f_b": {"typical": 1.5}}}, "which its logit scale does not allow"),
        ({"model_covariates": ["c_max~sexx"]}, "is not a covariate effect of stein2019"),
        ({"keep": ["at-infuson"]}, "is not a reason to keep samples out"),
    ],
)
def test_mistakes_in_a_fit_are_sentences(changes: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as error:
        joined(tmp_path / "s", **changes)
    assert said in str(error.value)


def test_a_missing_covariate_names_the_subject(tmp_path: Path) -> None:
    joint = joined(tmp_path / "s")
    subjects = joint.study.subjects.copy()
    subjects["age"] = [40.0, np.nan, 50.0]
    study = replace(joint.study, subjects=subjects)
    spec = joint.spec.model_copy(
        update={
            "covariates": joined(
                tmp_path / "t",
                covariates=[{"parameter": "c_max", "covariate": "age", "form": "power"}],
            ).spec.covariates
        }
    )
    with pytest.raises(SpecError, match="missing for subject A-2"):
        join(study, joint.model, spec)


def test_an_assay_taken_as_it_is_gives_the_model_its_unit(tmp_path: Path) -> None:
    alone = joined(tmp_path / "a", analytes={"flow": {"link": "fixed"}})
    assert alone.unit("copies/ug") == "cells/uL"
    assert alone.unit("day") == "day"
    assert joined(tmp_path / "b").unit("copies/ug") == "copies/ug"
