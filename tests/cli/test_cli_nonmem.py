"""A NONMEM-style CSV from the command line: what it does not say is said by options."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellkinetics.cli import app, main
from cellkinetics.errors import CellKineticsError
from cellkinetics.show.nonmem import nonmem_options
from cellkinetics.show.source import Source

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
    untold = CliRunner().invoke(app, ["check", str(file)])
    assert untold.exit_code == 1
    assert "--name 1=qpcr" in untold.output
    assert "--dose-unit cells" in untold.output


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


SETTINGS = """\
name = "Trial A"
simulated = true
dose_unit = "cells"
zeros_as_read = ["qpcr"]

[units]
qpcr = "copies/ug"
"""
WITH_ZERO = (
    "ID,TIME,AMT,EVID,DVID,DV,CENS,LLOQ,WT,AGE\n"
    "1,0,1.5e6,1,.,.,0,.,70,50\n1.0,7,.,0,1,1200,0,50,70,50\n1,14,.,0,1,0,0,.,70,50\n"
    "02,0,2e6,1,.,.,0,.,80,60\n2,7,.,0,1,300,0,50,80,60\n"
)


def test_a_file_says_the_rest(tmp_path: Path) -> None:
    """Settings, covariates, zeros as read; 1 and 1.0 are one subject, as NONMEM reads them."""
    (tmp_path / "a.csv").write_text(WITH_ZERO)
    (tmp_path / "s.toml").write_text(SETTINGS)
    tell = ("--name", "1=qpcr", "--settings", tmp_path / "s.toml", "--covariate", "WT=weight_kg")
    tell = (*tell, "--covariate", "AGE=")
    assert ask("check", tmp_path / "a.csv", *tell)["counts"] == {
        "error": 0, "warning": 0, "info": 0
    }  # fmt: skip
    said = ask("nca", tmp_path / "a.csv", *tell)
    assert (said["study"], said["simulated"]) == ("Trial A", True)
    found = {(r["subject"], r["metric"]): r["value"] for r in said["subjects"]}
    assert found["1", "AUCall"] == 7 * 1200  # up to 1200 on day 7, down to the zero of day 14
    assert {subject for subject, _ in found} == {"1", "02"}
    study = Source(
        name=["1=qpcr"], settings=tmp_path / "s.toml", covariate=["WT=weight_kg", "AGE="]
    ).read(str(tmp_path / "a.csv"))
    assert study.covariates == ()
    assert list(study.subjects["weight_kg"]) == [70, 80]


def test_a_mistake_in_the_settings_names_their_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(WITH_ZERO)
    (tmp_path / "s.toml").write_text(SETTINGS + "\n[safety]\ndlt_windw = 5\n")
    for file, said in (
        ("s.toml", "s.toml, line 10, safety.dlt_windw: got a key 'dlt_windw'"),
        ("none.toml", "none.toml: got no such file ("),
    ):
        words = ("check", tmp_path / "a.csv", "--settings", tmp_path / file, "--json")
        answer = CliRunner().invoke(app, [*map(str, words)])
        assert answer.exit_code == 1
        assert any(said in f["text"] for f in json.loads(answer.output)["findings"])


def test_ids_that_are_texts_keep_their_spelling(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        WITH_ZERO.replace("\n1.0,", "\nP1,").replace("\n1,", "\nP1,").replace("\n02,", "\n2,")
    )
    (tmp_path / "s.toml").write_text(SETTINGS)
    study = Source(name=["1=qpcr"], settings=tmp_path / "s.toml").read(str(tmp_path / "a.csv"))
    assert list(study.subjects["subject"]) == ["P1", "2"]


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (("nca", "--json"), "UsageError", "Missing argument"),
        (("nca", "aml5", "--frob", "--json"), "UsageError", "--frob"),
        (("nca", "aml5", "--cutoff", "soon", "--json"), "UsageError", "--cutoff"),
        (("check", "--json"), "UsageError", "name a study or a fit"),
        (("frob", "--json"), "UsageError", "frob"),
        (("nca", "nowhere", "--json"), "StudyError", "There is no study 'nowhere'"),
        (("endpoints", "aml5", "--dlt-within", "x", "--json"), "EndpointsError", "--dlt-within"),
        (("endpoints", "aml5", "--dlt-within", "-1", "--json"), "EndpointsError", "--dlt-within"),
    ],
)
def test_with_json_a_refusal_is_json_too(
    words: tuple[str, ...],
    kind: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("sys.argv", ["cellkinetics", *words])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"] == kind
    assert said in answer["message"]


@pytest.mark.parametrize(("words", "code"), [(("nca",), 2), (("--help",), 0), (("frob",), 2)])
def test_without_it_typer_speaks(
    words: tuple[str, ...],
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["cellkinetics", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == code
    spoken = capsys.readouterr()
    assert "Usage" in spoken.out + spoken.err


def test_an_interrupt_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cellkinetics.show.models.print_models", interrupted)
    for words in (["models"], ["models", "--json"]):
        monkeypatch.setattr("sys.argv", ["cellkinetics", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 130
        assert "--resume" in capsys.readouterr().err
