"""``cellkinetics endpoints`` as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from trials import trial
from typer.testing import CliRunner

import cellkinetics
from cellkinetics.cli import app
from cellkinetics.errors import CellKineticsError

ROOT = Path(__file__).resolve().parents[2]


def run(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cellkinetics.cli", "endpoints", *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def ask(*words: object) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["endpoints", *map(str, words)], catch_exceptions=False)
    return answer.exit_code, answer.output


def test_a_summary_that_can_be_read(tmp_path):
    answer = run("aml5", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    for words in (
        "SIMULATED data",
        "5 treated subjects",
        "95 %, pointwise",
        "152 relapse",
        "ORR (of all treated)",
        "P(rate > 50 %) = 0.89",
        "Event-free survival (registered)",
        "not reached [60, not reached]",
        "reverse Kaplan-Meier",
        "geometric CV",
        "Own checks: 10 of 10 hold.",
        "results/aml5-endpoints",
    ):
        assert words in answer.stdout, words
    rows = [line for line in answer.stdout.splitlines() if line.startswith("ORR")]
    assert all("Clopper-Pearson" in row and row.split("treated)")[1].split()[0] == "5"
               for row in rows if "all treated" in row)  # fmt: skip
    assert "nan" not in answer.stdout.lower().split()
    assert (tmp_path / "results" / "aml5-endpoints" / "swimmer.svg").is_file()
    again = run("aml5", folder=tmp_path)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    assert "Traceback" not in again.stderr


def test_json_is_json_and_says_the_same(tmp_path):
    code, text = ask("aml5", "--json", "--no-figures", "--out", tmp_path / "x", "--target", "0.3")
    assert code == 0
    said = json.loads(text, parse_constant=pytest.fail)
    file = json.loads((tmp_path / "x" / "endpoints.json").read_text())
    assert said["endpoints"] == file["endpoints"]
    assert said["options"]["target"] == 0.3
    assert not list((tmp_path / "x").glob("*.png"))


def test_options_reach_the_numbers(tmp_path):
    code, text = ask(
        "aml5", "--json", "--no-figures", "--out", tmp_path / "x", "--efs", "fda", "--dor", "fda",
        "--conf-type", "log", "--cutoff", "200", "--xpt",
    )  # fmt: skip
    assert code == 0
    said = json.loads(text)
    assert (
        said["options"] | {"efs": "fda", "dor": "fda", "conf_type": "log", "cutoff": 200.0}
        == (said["options"])
    )
    assert "FDA guidance" in said["endpoints"]["efs"]["definition"]
    assert "Data cut: day 200" in said["endpoints"]["os"]["definition"]
    assert "log interval" in said["endpoints"]["os"]["numbers"][1]["method"]
    assert said["rows_after_the_cut"] > 0
    assert (tmp_path / "x" / "pp.xpt").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("amlfive",), "no study 'amlfive'"),
        (("aml5", "--efs", "eln"), "Known: registered, eln2017, eln2022, fda"),
        (("aml5", "--conf-type", "logit"), "Known: log-log, log, plain"),
        (("aml5", "--target", "50"), "wanted a rate between 0 and 1"),
        (("aml5", "--cutoff", "-3"), "wanted a day from the infusion"),
        (("aml5", "--assume-lloq", "qpcr"), "wanted ANALYTE=VALUE"),
    ],
)
def test_mistakes_are_sentences_and_nothing_is_written(tmp_path, words, said):
    with pytest.raises(CellKineticsError, match=said):
        ask(*words, "--out", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_study_with_errors_gives_no_number(tmp_path):
    trial(tmp_path / "s", "A", events="A 9 death")
    (tmp_path / "s" / "events.csv").write_text("subject,time,event\nA,nine,death\n")
    answer = run(tmp_path / "s", "--out", tmp_path / "x", folder=tmp_path)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "events.csv, line 2 (subject A), time: got 'nine'" in answer.stderr
    assert not (tmp_path / "x").exists()


def test_a_study_with_little_in_it_is_answered(tmp_path):
    trial(tmp_path / "s", "A [x]", events="A 9 death; [x] 30 last_contact")
    code, text = ask(tmp_path / "s", "--out", tmp_path / "x")
    assert code == 0
    for words in (
        "there are no assessments", "[x]", "the study has no samples", "no analyte has a cytokine",
        "nothing in toxicities.csv", "9 death",
    ):  # fmt: skip
        assert words in text, words


def test_the_sampler_is_loaded_for_bayes_alone(tmp_path):
    code = (
        "import sys; from cellkinetics.cli import app\n"
        f"app(['endpoints', 'aml5', '--out', {str(tmp_path / 'x')!r}, '--json'],"
        " standalone_mode=False)\n"
        "print('\\n', *sorted(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.splitlines()[-1].split())
    assert {"pandas", "matplotlib"} <= loaded
    heavy = {"pymc", "pytensor", "nutpie", "numba", "sympy", "arviz", "xarray"}
    assert not heavy & loaded
    assert "matplotlib.pyplot" not in loaded


def test_bayes_adds_numbers_that_agree_with_quadrature(tmp_path):
    code, text = ask("aml5", "--bayes", "--json", "--no-figures", "--out", tmp_path / "x")
    assert code == 0
    said = json.loads(text)
    names = {check["check"]: check["passed"] for check in said["checks"]}
    assert names["NUTS has converged"]
    assert names["NUTS agrees with quadrature"]
    rows = said["endpoints"]["os"]["numbers"]
    sampled = [r for r in rows if "NUTS" in r["method"]]
    exact = [r for r in rows if "posterior" in r["method"] and "NUTS" not in r["method"]]
    assert len(sampled) == len(exact) == 12
    for ours, theirs in zip(sampled, exact, strict=True):
        if ours["quantity"].startswith("S("):
            assert ours["estimate"] == pytest.approx(theirs["estimate"], abs=0.03)
    assert "nutpie" in said["versions"]


def test_the_function_is_not_shadowed_by_the_package():
    from cellkinetics import endpoints

    assert cellkinetics.compute_endpoints is endpoints.compute_endpoints
    assert callable(cellkinetics.compute_endpoints)
    assert "compute_endpoints" in cellkinetics.__all__
