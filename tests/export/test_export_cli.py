"""``cellkinetics export``: files that are whole, and what is refused."""

import json
import sys
from pathlib import Path

import pytest
from simulated import SWIG
from typer.testing import CliRunner
from wide_study import HERE

import cellkinetics
from cellkinetics.cli import app
from cellkinetics.errors import CellKineticsError, FitError, ModelError, SpecError
from cellkinetics.exporting import sbml_check
from cellkinetics.exporting.write import export

pytestmark = SWIG


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["export", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_model_as_sbml() -> None:
    said = run("antigen_driven", "--format", "sbml")
    text = Path("antigen_driven.xml").read_text(encoding="utf-8")
    assert text.startswith('<?xml version="1.0"')
    assert "antigen_driven.xml" in said
    assert "not in it: variability between subjects" in said


def test_an_example_of_a_file_of_ones_own() -> None:
    run(str(HERE / "wide_model.py"), "--format", "sbml", "--example", "late", "--out", "late.xml")
    assert 'value="9.0"' in Path("late.xml").read_text(encoding="utf-8")


def test_a_fit_as_stan() -> None:
    said = json.loads(run("aml5-stein2019", "--format", "stan", "--out", "fit.stan", "--json"))
    assert said["files"] == ["fit.stan", "fit.json"]
    assert "ode_" not in Path("fit.stan").read_text(encoding="utf-8")
    data = json.loads(Path("fit.json").read_text(encoding="utf-8"))
    assert data["n_subjects"] == 5
    assert any("kept out of the likelihood" in text for text in said["left_out"])


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["stein2019", "--format", "smbl"], SpecError, "Did you mean 'sbml'"),
        (["stein2019", "--format", "stan"], SpecError, "is a model, and Stan gets a whole fit"),
        (["aml5-stein2019", "--format", "sbml"], ModelError, "is a fit"),
        (["stein2020", "--format", "sbml"], ModelError, "Did you mean 'stein2019'"),
        (["aml5-stein2020", "--format", "stan"], SpecError, "Did you mean 'aml5-stein2019'"),
        (["stein2019", "--format", "sbml", "--example", "x"], ModelError, "no example 'x'"),
        (["stein2019", "--format", "sbml", "--study", "aml5"], SpecError, "without data"),
        (["aml5-stein2019", "--format", "stan", "--example", "x"], SpecError, "go with"),
        (["stein2019", "--format", "sbml", "--out", "no/such/x.xml"], FitError, "no folder"),
        (["aml5-stein2019", "--format", "stan", "--out", "x.json"], SpecError, "where the data go"),
    ],
)
def test_what_cannot_be_meant(
    arguments: list[str], error: type[CellKineticsError], said: str
) -> None:
    with pytest.raises(error, match=said):
        run(*arguments)
    assert list(Path().iterdir()) == []


def test_nothing_is_overwritten_unasked() -> None:
    Path("stein2019.xml").write_text("mine")
    with pytest.raises(FitError, match="is there already"):
        run("stein2019", "--format", "sbml")
    assert Path("stein2019.xml").read_text() == "mine"
    run("stein2019", "--format", "sbml", "--overwrite")
    assert Path("stein2019.xml").read_text().startswith("<?xml")
    Path("fit.json").write_text("{}")
    with pytest.raises(FitError, match=r"fit\.json is there already"):
        run("aml5-stein2019", "--format", "stan", "--out", "fit.stan")
    assert not Path("fit.stan").exists()


def test_without_libsbml_the_file_is_written_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libsbml", None)
    done = export("stein2019", format="sbml")
    assert done.checked.startswith("not checked: python-libsbml is not installed")
    assert done.files[0].is_file()


def test_a_document_that_breaks_a_rule_is_refused() -> None:
    pytest.importorskip("libsbml", reason="python-libsbml is not installed")
    export("stein2019", format="sbml")
    text = Path("stein2019.xml").read_text(encoding="utf-8")
    with pytest.raises(ModelError, match="breaks a rule of the standard"):
        sbml_check.check_sbml(text.replace("<ci>rho</ci>", "<ci>roh</ci>"))


def test_the_function_is_the_command() -> None:
    assert cellkinetics.export is export
