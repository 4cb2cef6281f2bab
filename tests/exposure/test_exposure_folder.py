"""The folder of ``nca --out``: whole or not there, and never over what is not ours."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cellkinetics.exposure.write as module
from cellkinetics import nca
from cellkinetics.catalogue import find_study
from cellkinetics.cli import app
from cellkinetics.errors import CellKineticsError, SpecError
from cellkinetics.exposure import NcaResult, write_nca
from cellkinetics.study import read_study


@pytest.fixture(scope="module")
def result() -> NcaResult:
    return nca(read_study(find_study("aml5")), analytes="qpcr", windows=[(0, 28)])


def test_an_earlier_result_is_replaced_only_when_asked(result: NcaResult, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    files = write_nca(result, out)
    said = json.loads((out / "exposure.json").read_text())
    assert said["kind"] == "cellkinetics nca"
    assert {*said["files"], "exposure.json"} == {file.name for file in files}
    with pytest.raises(SpecError, match=r"earlier result.*--overwrite"):
        write_nca(result, out, figures=False)
    again = write_nca(result, out, figures=False, overwrite=True)
    assert len(again) < len(files)  # no figure of the earlier one is left
    assert {file.name for file in again} == {file.name for file in out.iterdir()}
    assert [entry.name for entry in out.parent.iterdir()] == ["out"]


def test_what_is_not_ours_is_not_touched(result: NcaResult, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "exposure_subjects.csv").write_text("my own table")
    with pytest.raises(SpecError, match="is no result of cellkinetics nca"):
        write_nca(result, theirs, overwrite=True)
    assert [file.name for file in theirs.iterdir()] == ["exposure_subjects.csv"]
    assert (theirs / "exposure_subjects.csv").read_text() == "my own table"
    ours = tmp_path / "ours"
    write_nca(result, ours, figures=False)
    (ours / "notes.txt").write_text("keep")
    with pytest.raises(SpecError, match=r"also holds notes\.txt"):
        write_nca(result, ours, overwrite=True)
    assert (ours / "notes.txt").read_text() == "keep"


def test_a_failure_half_way_leaves_nothing(
    result: NcaResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_text", full)
    with pytest.raises(SpecError, match="No space left on device"):
        write_nca(result, tmp_path / "out", figures=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file/out", "x" * 300, "file"])
def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    answer = CliRunner().invoke(app, ["nca", "aml5", "--out", str(tmp_path / place)])
    assert isinstance(answer.exception, CellKineticsError)
    assert answer.exception.exit_code == 2
    assert "Choose another --out" in str(answer.exception)


def test_the_command_refuses_before_it_computes(tmp_path: Path) -> None:
    words = ["nca", "aml5", "--analyte", "qpcr", "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 0
    refused = CliRunner().invoke(app, words)
    assert "--overwrite" in str(refused.exception)
    assert CliRunner().invoke(app, [*words, "--overwrite"]).exit_code == 0


@pytest.mark.parametrize("day", ["-5", "nan", "inf"])
def test_a_cut_is_a_day_from_the_infusion_on(day: str) -> None:
    answer = CliRunner().invoke(app, ["nca", "aml5", "--cutoff", day])
    assert isinstance(answer.exception, SpecError)
    assert "wanted a day from the infusion (day 0) on" in str(answer.exception)
