"""The verb ``simulate``: dose levels, results of fits, hybrid; printed, as JSON, and refused."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cellkinetics.cli import main

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "simulation"))
from posterior_folder import write_result


class Shell:
    """The command line within this process, in an empty folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["cellkinetics", "simulate", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        return int(str(ended.value.code or 0)), said.out, said.err

    def json(self, *words: str) -> Any:
        code, out, err = self.run(*words, "--json")
        assert code == 0, out + err
        return json.loads(out)


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(monkeypatch, capsys)


def test_dose_levels(shell: Shell, tmp_path: Path) -> None:
    words = ["antigen_driven", "--dose", "1e6:4e6:3", "--subjects", "12", "--times", "0:90:1"]
    code, out, _ = shell.run(*words, "--plot", "--lloq", "car_t=0.5", "--weight", "80")
    assert code == 0
    assert "12 virtual patients; 3 doses, 1e+06 to 4e+06 cells/kg" in out
    assert "dose, cells/kg" in out
    for metric in ("Cmax", "Tmax", "AUC0-28d", "AUC0-90d", "persistence"):
        assert out.count(metric) == 3
    folder = tmp_path / "results" / "antigen_driven-simulation"
    assert list(pd.read_csv(folder / "bands.csv")["dose"].unique()) == [1e6, 2e6, 4e6]
    assert (folder / "curves.png").stat().st_size > 10_000
    said = shell.json(*words, "--out", "b", "--flat")
    assert said["doses"][1] == {"dose": 2e6, "unit": "cells"}
    assert "a dose of" not in str(said["notes"])
    assert len(said["exposure"]) == 3 * 2 * 6
    assert "2.86e+04 cells/kg" not in str(said["warnings"])
    wild = shell.json("antigen_driven", "--dose", "1,1e6", "--subjects", "2", "--out", "c")
    assert "a dose of 1 cells/kg (at 70 kg) is outside 1000 to 1e+09" in str(wild["warnings"])


def test_a_result_in_place_of_a_model(shell: Shell, tmp_path: Path) -> None:
    write_result("aml5dual-aml-dual-antigen", tmp_path / "results" / "mine", draws=12)
    code, out, err = shell.run("results/mine", "--subjects", "6", "--times", "0:28:7")
    assert code == 0, err
    assert "aml_dual_antigen, posterior of mine (SIMULATED data): 6 virtual patients" in out
    assert (tmp_path / "results" / "mine-simulation" / "bands.csv").is_file()
    said = shell.json(
        "mine", "--subject", "D03", "--dose", "1e6,1e7", "--times", "0:28:7", "--out", "b"
    )
    assert said["origin"] == "posterior of mine (SIMULATED data)"
    assert (said["subject"], said["subjects"]) == ("D03", 12)
    assert "x 82 kg" in str(said["notes"])  # the subject's own weight
    for words, wanted in (
        (["mine", "--subject", "D3"], "Did you mean 'D0"),
        (["mine", "--example", "x"], "--example would do nothing here"),
        (["mine", "--read", "car_t"], "--read would do nothing here"),
        (["mine", "--hybrid"], "Those that have one: kimmel2021"),
        (["mine", "--subject", "D03", "--class", "x"], "D03 has a class already"),
        (["mine", "--class", "x"], "'x' is not a class"),
    ):
        code, _, err = shell.run(*words, "--out", "c")
        assert code == 2
        assert wanted in err, words
    assert not (tmp_path / "c").exists()


def test_hybrid(shell: Shell, tmp_path: Path) -> None:
    code, out, err = shell.run("kimmel2021", "--hybrid", "--subjects", "20", "--runs", "3",
                               "--times", "0:100:10", "--out", "a", "--plot")  # fmt: skip
    assert code == 0, err
    assert "probability of cure by day 100: 0." in out
    assert "(90% interval 0." in out
    assert "of 60 runs, 20 patients, 3 runs each)" in out
    assert (tmp_path / "a" / "cure.png").is_file()
    said = shell.json("kimmel2021", "--hybrid", "--subjects", "0", "--times", "0,50", "--out", "b")
    assert said["runs"] == 200
    assert said["cure"][-1]["n"] == 200
    wide = shell.json("kimmel2021", "--hybrid", "--dose", "1e10", "--set", "r_b=1e-9",
                      "--subjects", "2", "--times", "0,501", "--out", "c")  # fmt: skip
    text = " ".join(wide["warnings"])
    for wanted in (
        "days 0 to 500; day 501 is outside that range",
        "7e+11 cells are outside that range",
        "a dose of 1e+10 cells/kg",
        "the typical r_b is 1e-09",
    ):
        assert wanted in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stein2019", "--dose", "1e6:1e7:3"], "dose does nothing in this model"),
        (["antigen_driven", "--dose", "1e6:1e7"], "LOW:HIGH:N"),
        (["antigen_driven", "--dose", "1e6,2e6", "--dose", "1e6,2e6@1"], "one infusion only"),
        (["antigen_driven", "--lloq", "cart=1"], "Did you mean 'car_t'?"),
        (["antigen_driven", "--hybrid"], "Those that have one: kimmel2021"),
        (["antigen_driven", "--runs", "3"], "--runs would do nothing here"),
        (["antigen_driven", "--subject", "P01"], "--subject would do nothing here"),
        (["antigen_driven", "--study", "aml5"], "--study would do nothing here"),
        (["kimmel2021", "--hybrid", "--method", "implicit"], "--method would do nothing here"),
        (["kimmel2021", "--hybrid", "--read", "car_t"], "--read would do nothing here"),
        (["aml5-stein2019"], "run 'cellkinetics fit aml5-stein2019' first"),
        (["empty"], "holds no result (no summary.json) and no fit"),
        (["nowhere"], "There is no model 'nowhere'"),
    ],
)
def test_mistakes_are_sentences(shell: Shell, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = shell.run(*words)
    assert code == 2
    assert said in err
    assert [f.name for f in tmp_path.iterdir()] == ["empty"]
