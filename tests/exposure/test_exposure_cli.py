"""``cellkinetics nca`` as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cellkinetics.cli import app
from cellkinetics.errors import CellKineticsError

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cellkinetics.cli", "nca", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_table_that_can_be_read(tmp_path: Path) -> None:
    answer = run("aml5", "--out", str(tmp_path / "x"), "--around", "tocilizumab", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    for text in (
        "SIMULATED",
        "qpcr in peripheral blood, copies/ug",
        "AUC0-28d",
        "geometric CV, %",
        "6.54e+04",
        "not estimable: too few quantifiable readings after Tmax for lambda_z",
        "4 readings of qpcr left out: conditioning (P02).",
        "Area: linear trapezoids up, logarithmic down",
        "exposure_summary.csv",
    ):
        assert text in answer.stdout, text
    assert max(len(line) for line in answer.stdout.splitlines() if "P0" in line) <= 160
    assert (tmp_path / "x" / "exposure_subjects.csv").is_file()


def test_json_is_json_without_a_nan() -> None:
    answer = run("aml5", "--json", "--windows", "0-28,28-90", "--slope", "pknca")
    assert answer.returncode == 0, answer.stderr
    content = json.loads(answer.stdout, parse_constant=pytest.fail)
    assert content["simulated"] is True
    metrics = {row["metric"] for row in content["subjects"]}
    assert "AUC28-90d" in metrics
    assert "AUC0-7d" not in metrics
    assert any("pknca" in line for line in content["rules"])
    missing = [row for row in content["subjects"] if row["value"] is None]
    assert missing
    assert all(row["reason"] for row in missing)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("amlfive",), "no study 'amlfive'"),
        (("aml5", "--rule", "log"), "'log' is not a rule"),
        (("aml5", "--slope", "phoenix"), "not a rule"),
        (("aml5", "--windows", "28"), "wanted START-END"),
        (("aml5", "--windows", "28-7"), "later"),
        (("aml5", "--blq", "first=zero"), "before, between and after"),
        (("aml5", "--blq", "after=half"), "not a rule"),
        (("aml5", "--analyte", "qpc"), "Did you mean 'qpcr'"),
        (("aml5", "--by", "sexx"), "Did you mean 'sex'"),
        (("aml5", "--route", "infusion"), "duration above 0"),
        (("aml5", "--keep", "transplants"), "Did you mean 'transplant'"),
    ],
)
def test_mistakes_are_sentences(words: tuple[str, ...], said: str) -> None:
    answer = CliRunner().invoke(app, ["nca", *words])
    assert isinstance(answer.exception, CellKineticsError)
    assert said in str(answer.exception)


def test_a_mistake_exits_with_2_and_no_traceback() -> None:
    answer = run("aml5", "--rule", "log")
    assert answer.returncode == 2
    assert answer.stderr.startswith("SpecError: trapezoid = 'log' is not a rule.")


def test_options_do_what_they_say() -> None:
    def ask(*words: str) -> tuple[float | None, int]:
        answer = CliRunner().invoke(app, ["nca", "aml5", "--analyte", "qpcr", "--json", *words])
        content = json.loads(answer.stdout)
        area = next(
            row["value"]
            for row in content["subjects"]
            if (row["subject"], row["metric"]) == ("P03", "AUC0-90d")
        )
        return area, len(content["left_out"])

    area, left = ask()
    assert ask("--rule", "linear")[0] != area
    assert ask("--blq", "after=zero")[0] != area
    assert ask("--keep", "cytotoxic", "--keep", "other_therapy")[1] == left - 3
    assert ask("--cutoff", "20")[1] > left
