"""What ``import cellkinetics`` offers, in any order and more than once."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import cellkinetics
from cellkinetics.cli import app
from cellkinetics.errors import StudyError

# A package named like a function would take its place as soon as it is imported.
TWICE = """
import cellkinetics as ck
names = [name for name in ck.__all__ if name != "__version__"]
for again in (names, names[::-1]):
    for name in again:
        space = {}
        exec(f"from cellkinetics import {name} as found", space)
        for what in (getattr(ck, name), space["found"]):
            assert callable(what), f"{name} is {what}"
"""


def test_every_public_function_stays_one() -> None:
    subprocess.run([sys.executable, "-c", TWICE], check=True, timeout=300)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        cellkinetics.fitt  # noqa: B018


def test_every_verb_of_the_command_line_is_a_function() -> None:
    verbs = {command.callback.__name__ for command in app.registered_commands if command.callback}
    functions = {"models": "model_names", "endpoints": "compute_endpoints"}
    missing = {verb for verb in verbs if functions.get(verb, verb) not in cellkinetics.__all__}
    assert missing == set()


def test_a_shipped_study_is_found_by_its_name_as_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = cellkinetics.read_study("aml5")
    by_path = cellkinetics.read_study(study.path)
    pd.testing.assert_frame_equal(study.samples, by_path.samples)
    assert cellkinetics.check_study("aml5") == cellkinetics.check_study(study.path)
    assert cellkinetics.check("aml5") == cellkinetics.check_study("aml5")


def test_a_study_that_is_not_there_is_refused_with_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for function in (cellkinetics.read_study, cellkinetics.check_study):
        with pytest.raises(StudyError, match=r"(?s)There is no study 'aml6'.*Did you mean 'aml5'"):
            function("aml6")


def test_a_folder_that_is_no_study_is_explained_by_its_findings(tmp_path: Path) -> None:
    (tmp_path / "samples.csv").write_text("subject,time,analyte,value\nA,1,qpcr,100\n")
    codes = [found.code for found in cellkinetics.check_study(tmp_path)]
    assert "missing-table" in codes
    with pytest.raises(StudyError, match=r"study\.toml"):
        cellkinetics.read_study(tmp_path)


def test_a_file_takes_a_name_as_read_study_does(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("ID,TIME,DV,MDV,EVID\n1,1,100,0,0\n")
    study = cellkinetics.read_study(
        file, name="mine", analytes={1: "qpcr"}, units={"qpcr": "copies/ug"}, simulated=False
    )
    assert study.name == "mine"


def test_a_fit_is_checked_as_on_the_command_line() -> None:
    found = [finding.code for finding in cellkinetics.check("aml5-stein2019")]
    assert "analyte-not-fitted" in found
    assert "analyte-not-fitted" not in [finding.code for finding in cellkinetics.check("aml5")]


def test_the_table_of_limits_is_the_one_that_is_printed() -> None:
    printed = CliRunner().invoke(app, ["check", "--limits"]).output
    assert cellkinetics.limits_table() == printed.rstrip("\n")
