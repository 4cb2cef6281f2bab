"""A NONMEM-style CSV from the command line: what it does not say is said by options."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellkinetics.cli import app
from cellkinetics.errors import CellKineticsError
from cellkinetics.show.nonmem import nonmem_options

TEXT = (
    "ID,TIME,AMT,EVID,DVID,DV,CENS\n"
    "1,0,1.5e6,1,.,.,0\n1,168,.,0,1,1200,0\n1,336,.,0,1,9800,0\n1,336,.,0,2,7,0\n"
    "2,0,2e6,1,.,.,0\n2,168,.,0,1,300,0\n"
)
TELL = (
    "--name", "1=qpcr", "--name", "2=", "--unit", "qpcr=copies/ug", "--dose-unit", "cells",
    "--time-unit", "h",
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "one.csv").write_text(TEXT)
    return tmp_path / "one.csv"


def ask(*words: object) -> dict:
    answer = CliRunner().invoke(app, [*map(str, words), "--json"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.output)


def test_nca_reads_it(file: Path) -> None:
    said = ask("nca", file, *TELL)
    found = {(r["subject"], r["metric"]): r["value"] for r in said["subjects"]}
    assert found["1", "Cmax"] == 9800
    assert found["1", "Tmax"] == 14  # 336 h
    assert found["2", "Cmax"] == 300
    assert {r["analyte"] for r in said["subjects"]} == {"qpcr"}


def test_endpoints_reads_it(file: Path, tmp_path: Path) -> None:
    said = ask("endpoints", file, *TELL, "--no-figures", "--out", tmp_path / "out")
    assert said["treated"] == 2
    rows = said["endpoints"]["exposure"]["numbers"]
    assert any(r["quantity"].startswith("qpcr Cmax") and r["n"] == 2 for r in rows)


def test_check_reads_it(file: Path) -> None:
    assert ask("check", file, *TELL)["counts"]["error"] == 0
    assert CliRunner().invoke(app, ["check", str(file)]).exit_code == 1


def test_columns_of_other_names(tmp_path: Path) -> None:
    text = TEXT.replace("ID,TIME", "USUBJ,TIME", 1).replace(",DVID,", ",ASSAY,", 1)
    (tmp_path / "two.csv").write_text(text)
    said = ask("nca", tmp_path / "two.csv", *TELL, "--id", "USUBJ", "--name-column", "ASSAY")
    assert {r["subject"] for r in said["subjects"]} == {"1", "2"}


@pytest.mark.parametrize("verb", ["nca", "endpoints"])
def test_what_is_missing_names_the_options(file: Path, tmp_path: Path, verb: str) -> None:
    answer = CliRunner().invoke(app, [verb, str(file), "--out", str(tmp_path / "out")])
    assert isinstance(answer.exception, CellKineticsError)
    for word in ("DVID 1", "--name 1=qpcr", "--unit qpcr=copies/ug", "--dose-unit", "--time-unit"):
        assert word in str(answer.exception), word
    assert not (tmp_path / "out").exists()


def test_options_for_a_folder_are_refused_and_not_ignored(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["nca", "aml5", "--unit", "qpcr=copies/mL"])
    assert isinstance(answer.exception, CellKineticsError)
    assert "units" in str(answer.exception)
    assert CliRunner().invoke(app, ["check", "aml5", "--name", "1=qpcr"]).exit_code == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"names": ["qpcr"]}, "--name 'qpcr': wanted a text such as 1=qpcr"),
        ({"names": ["=qpcr"]}, "--name '=qpcr'"),
        ({"names": ["one=qpcr"]}, "wanted a whole number"),
        ({"names": ["1=qpcr", "1=flow"]}, "names '1' twice"),
        ({"names": ["1=qpcr", "01=flow"]}, "names 1 twice"),
        ({"units": ["qpcr="]}, "wanted ANALYTE=UNIT"),
        ({"units": ["qpcr=a", "qpcr=b"]}, "names 'qpcr' twice"),
    ],
)
def test_mistakes_are_sentences(given: dict, said: str) -> None:
    with pytest.raises(CellKineticsError, match=said):
        nonmem_options(**given)
