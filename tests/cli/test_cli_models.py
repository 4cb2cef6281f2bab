"""The command line of models: simulate, check, new-model, pages; how it prints and exits."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from test_cli import ROOT, run, strict

from cellkinetics.cli import main


def at(folder: Path, *words: str):  # type: ignore[no-untyped-def]
    return run(*words, folder=folder, PYTHONPATH=str(ROOT))


def test_a_simulation_and_its_folder(tmp_path: Path) -> None:
    answer = at(tmp_path, "simulate", "antigen_driven", "--set", "kill=1.5", "--dose", "1e6",
                "--weight", "80", "--subjects", "30", "--times", "0:28:1,90", "--states",
                "--plot")  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert "30 virtual patients; 8e+07 cells on day 0" in answer.stdout
    assert "1e+06 cells/kg x 80 kg" in answer.stdout
    folder = tmp_path / "results" / "antigen_driven-simulation"
    curves = pd.read_csv(folder / "trajectories.csv")
    assert list(curves) == ["subject", "time", "quantity", "value", "unit"]
    assert len(curves) == 30 * 30 * 5
    assert set(curves["quantity"]) == {"car_t", "tumour_cells", "effector", "memory", "tumour"}
    assert (folder / "curves.png").stat().st_size > 10_000
    assert (folder / "curves.svg").is_file()
    own = pd.read_csv(folder / "parameters.csv")
    assert own["kill"].median() == pytest.approx(1.5, rel=0.4)
    bands = pd.read_csv(folder / "bands.csv")
    first = curves[(curves["quantity"] == "car_t") & (curves["time"] == 7)]["value"]
    row = bands[(bands["quantity"] == "car_t") & (bands["time"] == 7)].iloc[0]
    assert row["p50"] == pytest.approx(first.median(), rel=1e-5)
    said = strict((folder / "simulation.json").read_text(encoding="utf-8"))
    assert said["infusions"] == [{"day": 0.0, "cells": 8e7}]
    assert sorted(said["files"]) == sorted(f.name for f in folder.iterdir() if f.suffix != ".json")
    again = at(tmp_path, "simulate", "antigen_driven")
    assert again.returncode == 2
    assert "--overwrite" in again.stderr


def test_readings_warnings_and_json(tmp_path: Path) -> None:
    answer = at(tmp_path, "simulate", "stein2019", "--read", "transgene=50", "--times", "0,9,400",
                "--subjects", "12", "--json", "--out", "s")  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    said = strict(answer.stdout)
    assert "days 0 to 365; day 400 is outside" in str(said["warnings"])
    samples = pd.read_csv(tmp_path / "s" / "samples.csv")
    assert list(samples) == ["subject", "time", "analyte", "value", "unit", "cens", "lloq"]
    assert samples["cens"].sum() > 0


def test_what_fails_is_said_and_exits_3(tmp_path: Path) -> None:
    answer = at(tmp_path, "simulate", "antigen_driven", "--set", "rho=1e9", "--set", "k_a=0",
                "--subjects", "3", "--out", "s")  # fmt: skip
    assert answer.returncode == 3
    assert "3 patients" in answer.stdout
    assert pd.read_csv(tmp_path / "s" / "trajectories.csv")["value"].isna().all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulate", "stein2019", "--dose", "1e6"], "dose does nothing in this model"),
        (["simulate", "stein2091"], "Did you mean 'stein2019'?"),
        (["simulate", "stein2019", "--set", "cmax=1"], "Did you mean 'c_max'?"),
        (["simulate", "stein2019", "--set", "c_max"], "wanted NAME=VALUE"),
        (["simulate", "stein2019", "--set", "f_b=2"], "wanted 0 to 1"),
        (["simulate", "stein2019", "--times", "7:0:1"], "FROM:TO:STEP"),
        (["simulate", "stein2019", "--read", "qpcr"], "Known: transgene"),
        (["simulate", "stein2019", "--method", "magic"], "method 'magic'"),
        (["simulate", "stein2019", "--form", "magic"], "form 'magic'"),
        (["simulate", "stein2019", "--example", "UPN1"], "UPN1"),
        (["simulate", "stein2019", "--out", "afile"], "Choose another --out"),
        (["models", "stein2019", "--html", "card.pdf"], "ending in .html"),
        (["models", "broken.py"], "broken.py, line 1"),
        (["simulate", "broken.py"], "broken.py, line 1"),
        (["new-model", "afile"], "ends in .py"),
        (["new-model", "broken.py"], "is not overwritten"),
        (["check", "broken.py", "--study", "aml5"], "do not go with it"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    (tmp_path / "afile").write_text("mine", encoding="utf-8")
    (tmp_path / "broken.py").write_text(
        "from cellkinetics.declare import Parameter; Parameter(name='x', unit='1', typical=1.0,"
        " meaning='x')\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cellkinetics", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert sorted(f.name for f in tmp_path.iterdir()) == ["afile", "broken.py"]


def test_a_model_of_one_s_own_from_the_start_to_a_fit(tmp_path: Path) -> None:
    assert at(tmp_path, "new-model", "mine.py").returncode == 0
    answer = at(tmp_path, "check", "mine.py")
    assert answer.returncode == 0, answer.stdout
    assert "0 errors, 0 warnings, 0 info" in answer.stdout
    assert "ASSUMPTION" in at(tmp_path, "models", "mine.py").stdout
    assert at(tmp_path, "models", "mine.py", "--html", "mine.html").returncode == 0
    assert "A starting model" in (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert at(tmp_path, "simulate", "mine.py", "--subjects", "5").returncode == 0
    fit = tmp_path / "fit"
    fit.mkdir()
    (tmp_path / "mine.py").rename(fit / "mine.py")
    (fit / "fit.toml").write_text(
        'study = "aml5"\nmodel = "mine.py"\nseed = 1\n[analytes.flow]\n', encoding="utf-8"
    )
    # Its model is found beside fit.toml, from anywhere.
    checked = at(tmp_path, "check", "fit")
    assert checked.returncode == 0, checked.stdout
    priors = at(tmp_path, "priors", "fit", "--draws", "200")
    assert priors.returncode == 0, priors.stderr
    assert "placeholder" in priors.stdout
    wrong = (fit / "mine.py").read_text(encoding="utf-8").replace("y.memory}", "y.memroy}")
    (fit / "mine.py").write_text(wrong, encoding="utf-8")
    found = at(tmp_path, "check", "fit/mine.py", "--json")
    assert found.returncode == 1
    (one,) = json.loads(found.stdout)["findings"]
    assert one["code"] == "name-unknown"
    assert one["line"] > 0
    assert "Did you mean 'memory'?" in one["text"]
