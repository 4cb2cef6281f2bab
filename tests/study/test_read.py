"""What ``read_study`` makes of well-formed files, however they are spelt."""

import numpy as np
import pandas as pd
import pytest
from study_files import FILES, write_study

from cellkinetics.errors import StudyError
from cellkinetics.study import check_study, read_study
from cellkinetics.study.tables import TABLES


@pytest.fixture
def study(tmp_path):
    return read_study(write_study(tmp_path, {}))


def test_every_table_has_all_its_columns_and_lines(study):
    for table in TABLES:
        frame = study.table(table.name)
        assert [c for c in frame.columns if c in {*table.names, "line"}] == [*table.names, "line"]
        assert frame["line"].dtype == np.int64
        assert list(frame["line"]) == list(range(2, len(frame) + 2))
        for column in table.columns:
            kind = {"number": "float64", "flag": "boolean"}.get(column.kind, "object")
            assert frame[column.name].dtype == kind, (table.name, column.name)


def test_ids_are_texts_as_written(study):
    assert list(study.subjects["subject"]) == ["007", "P02"]
    assert set(study.samples["subject"]) == {"007", "P02"}


def test_settings_and_covariates(study):
    assert (study.name, study.description, study.simulated) == (
        "two",
        "two invented patients",
        True,
    )
    assert study.settings.horizon == 365
    assert study.settings.mrd.specimen == "marrow"
    assert study.covariates == ("age", "sex")
    assert study.subjects["age"].dtype == np.float64
    assert list(study.subjects["sex"]) == ["F", "M"]
    assert study.analytes == ("qpcr", "flow", "wbc")
    assert repr(study) == (
        "<simulated study 'two': 2 subjects, 2 infusions, 11 samples of qpcr, flow, wbc>"
    )


def test_absent_columns_and_tables_are_missing_values(tmp_path):
    study = read_study(
        write_study(
            tmp_path,
            {
                "samples.csv": "subject,time,analyte,value\n007,7,wbc,1.5\n",
                "events.csv": None,
                "toxicities.csv": None,
            },
        )
    )
    assert study.samples[["cens", "lloq", "uloq", "lower", "lod"]].isna().all(axis=None)
    assert study.samples.loc[0, "specimen"] is None
    assert study.events.empty
    assert "event" in study.events


def test_units_are_filled_in_and_spelt_in_one_way(tmp_path):
    text = FILES["samples.csv"].replace("copies/ug", "copies/\u00b5g DNA", 2)
    study = read_study(write_study(tmp_path, {"samples.csv": text}))
    assert set(study.samples["unit"]) == {"copies/ug", "cells/uL", "10^9/L"}
    assert study.unit("wbc") == "10^9/L"
    assert study.unit("il6") is None


def test_flags(tmp_path):
    rows = "".join(
        f"007,{i},{text}\n" for i, text in enumerate(["1", "0", "Yes", "FALSE", "", "NA"])
    )
    study = read_study(write_study(tmp_path, {"vitals.csv": f"subject,time,hypotension\n{rows}"}))
    assert study.vitals["hypotension"].tolist() == [True, False, True, False, pd.NA, pd.NA]


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: (text + "\n\n  \n").encode(),
        lambda text: (text + ",,,,\n").encode(),
        lambda text: ("\n" + text).encode(),
        lambda text: text.replace("\n", ",,\n").encode(),
        lambda text: text.replace(",", " , ").replace("subject , time", "subject,time").encode(),
        lambda text: "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()
        ).encode(),
        lambda text: text.rstrip("\n").encode(),
    ],
    ids=["bom", "windows", "old-mac", "blank-end", "commas-end", "blank-start", "wide", "spaces",
         "quoted", "no-newline"],
)  # fmt: skip
def test_spellings_that_mean_the_same(tmp_path, study, spell):
    names = ("subjects", "samples", "events", "infusions")
    edits = {f"{name}.csv": spell(FILES[f"{name}.csv"]) for name in names}
    other = read_study(write_study(tmp_path / "other", edits))
    for name in names:
        mine, theirs = study.table(name), other.table(name)
        pd.testing.assert_frame_equal(mine.drop(columns="line"), theirs.drop(columns="line"))


def test_lines_count_blank_lines(tmp_path):
    text = "\n\nsubject,time,event\n\n007,300,relapse\n,,\n007,350,last_contact\nP02,120,death\n"
    study = read_study(write_study(tmp_path, {"events.csv": text}))
    assert list(study.events["line"]) == [5, 7, 8]


def test_settings_with_windows_line_ends_and_bom(tmp_path, study):
    text = b"\xef\xbb\xbf" + FILES["study.toml"].replace("\n", "\r\n").encode()
    assert (
        read_study(write_study(tmp_path / "other", {"study.toml": text})).settings == study.settings
    )


def test_assumed_limit_fills_only_what_is_empty(tmp_path):
    header = "subject,time,analyte,value,unit,lloq\n"
    text = f"{header}007,7,qpcr,0,copies/ug,\n007,8,qpcr,90,copies/ug,14\n"
    folder = write_study(tmp_path, {"samples.csv": text})
    with pytest.raises(StudyError, match="--assume-lloq qpcr=LIMIT"):
        read_study(folder)
    study = read_study(folder, assume_lloq={"qpcr": 50})
    assert study.samples["lloq"].tolist() == [50, 14]


def test_doses_come_in_whole_cells(tmp_path):
    edits = {
        "study.toml": ("cells/kg", "10^6 cells/kg"),
        "infusions.csv": "subject,time,cells\n007,0,1.5\nP02,0,2\n",
    }
    study = read_study(write_study(tmp_path, edits))
    assert study.infusions["cells"].tolist() == [1.5e6, 2e6]
    assert study.settings.dose_unit == "cells/kg"


def test_a_relative_path_and_a_text_path(tmp_path, monkeypatch):
    write_study(tmp_path / "here", {})
    monkeypatch.chdir(tmp_path)
    assert read_study("here").name == "two"


def test_study_is_frozen(study):
    with pytest.raises(AttributeError):
        study.samples = study.subjects


def test_zeros_as_read_are_no_error(tmp_path):
    text = "subject,time,analyte,value,unit\n007,7,theo,0,mg/L\n"
    folder = write_study(tmp_path, {"samples.csv": text})
    assert "zero-without-limit" in {f.code for f in check_study(folder)}
    settings = FILES["study.toml"].replace("[units]", 'zeros_as_read = ["theo"]\n[units]')
    write_study(tmp_path, {"samples.csv": text, "study.toml": settings})
    assert read_study(tmp_path).samples["value"].tolist() == [0.0]


def test_a_large_study_is_checked_in_time(tmp_path):
    """200 subjects with 100 readings each: no check may be quadratic."""
    subjects = [f"S{i:03d}" for i in range(200)]
    rows = [
        f"{subject},{day},qpcr,{1000 + day},copies/ug,0,50"
        for subject in subjects
        for day in range(100)
    ]
    edits = dict.fromkeys(name for name in FILES if name.endswith(".csv"))
    edits["subjects.csv"] = "subject\n" + "\n".join(subjects) + "\n"
    edits["samples.csv"] = "subject,time,analyte,value,unit,cens,lloq\n" + "\n".join(rows) + "\n"
    study = read_study(write_study(tmp_path, edits))
    assert len(study.samples) == 20_000
