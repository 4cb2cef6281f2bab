"""The command line as a user runs it: what it prints and how it exits."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cellkinetics.cli", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    began = time.perf_counter()
    answer = run("--help")
    assert answer.returncode == 0
    assert time.perf_counter() - began < 10  # 0.5 s on an idle machine
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, cellkinetics.cli; print([m for m in ('pymc', 'pytensor', 'numba', 'sympy',"
            " 'pandas', 'xarray', 'matplotlib') if m in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert loaded.stdout.strip() == "[]"


def test_models_and_a_card() -> None:
    listed = run("models")
    assert listed.returncode == 0
    for name in ("stein2019", "ogasawara2021", "antigen_driven"):
        assert name in listed.stdout
    card = run("models", "stein2019")
    assert card.returncode == 0
    for text in (
        "short_lived",
        "24000",
        "Stein 2019, Table 1",
        "copies/ug",
        "doi 10.1002/psp4.12388",
    ):
        assert text in card.stdout
    assumed = run("models", "antigen_driven")
    assert "ASSUMPTION" in assumed.stdout


def test_a_wrong_name_is_a_sentence_and_exit_2() -> None:
    answer = run("models", "stein2018")
    assert answer.returncode == 2
    assert "Did you mean 'stein2019'?" in answer.stderr
    assert "Traceback" not in answer.stderr
    answer = run("fit", "aml5-stein2020")
    assert answer.returncode == 2
    assert "Did you mean 'aml5-stein2019'?" in answer.stderr


def test_limits_table() -> None:
    answer = run("check", "--limits")
    assert answer.returncode == 0
    assert "M3" in answer.stdout
    assert "lod < value < lloq" in answer.stdout


def test_check_of_the_shipped_fit_counts_what_is_left_out() -> None:
    answer = run("check", "fits/aml5-stein2019")
    assert answer.returncode == 0
    assert "0 errors" in answer.stdout
    assert re.search(r"got 4 rows of 'flow' left out \(conditioning; subject P02\)", answer.stdout)
    assert "90 rows of analyte 'il6', which this fit does not use" in answer.stdout


def test_check_of_a_broken_study_exits_1_and_speaks_json(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('name = "x"\nsimulated = true\n', encoding="utf-8")
    (tmp_path / "subjects.csv").write_text("subject\nP1\n", encoding="utf-8")
    (tmp_path / "samples.csv").write_text(
        "subject,time,analyte,value,unit\nP1,1,qpcr,0,copies/ug\nP9,2,qpcr,5,copies/ug\n",
        encoding="utf-8",
    )
    answer = run("check", str(tmp_path), "--json")
    assert answer.returncode == 1
    found = json.loads(answer.stdout)
    codes = {f["code"] for f in (found["findings"] if isinstance(found, dict) else found)}
    assert {"zero-without-limit", "unknown-subject"} <= codes


def test_a_typo_in_fit_toml_names_the_key(tmp_path: Path) -> None:
    (tmp_path / "fit.toml").write_text(
        'study = "aml5"\nmodel = "stein2019"\nseed = 1\n[analytes.qpcr]\neror = "lognormal"\n',
        encoding="utf-8",
    )
    answer = run("fit", str(tmp_path))
    assert answer.returncode == 2
    assert "'analytes.qpcr.eror' is not a key of fit.toml" in answer.stderr
    assert "Did you mean 'error'?" in answer.stderr
    assert not (tmp_path / "results").exists()


def test_priors_print_and_draw(tmp_path: Path) -> None:
    answer = run("priors", "aml5-stein2019", "--out", str(tmp_path / "p"))
    assert answer.returncode == 0, answer.stderr
    assert "Stein 2019, Table 1" in answer.stdout
    assert (tmp_path / "p" / "prior.png").stat().st_size > 10_000
    assert (tmp_path / "p" / "priors.csv").is_file()


def test_an_earlier_result_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text("{}", encoding="utf-8")
    answer = run("fit", "aml5-stein2019", "--out", str(tmp_path))
    assert answer.returncode == 2
    assert "holds an earlier fit" in answer.stderr
    assert "--resume" in answer.stderr
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work", encoding="utf-8")
    answer = run("fit", "aml5-stein2019", "--out", str(foreign), "--overwrite")
    assert answer.returncode == 2
    assert (foreign / "thesis.txt").is_file()


def test_resume_names_what_changed(tmp_path: Path) -> None:
    folder = tmp_path / "fit"
    folder.mkdir()
    text = (ROOT / "fits" / "aml5-stein2019" / "fit.toml").read_text(encoding="utf-8")
    (folder / "fit.toml").write_text(text, encoding="utf-8")
    from cellkinetics.files import write_json
    from cellkinetics.fitting.provenance import identity
    from cellkinetics.fitting.run import prepare

    old = identity(prepare(folder)[1])
    old["data"]["samples"] = "0" * 16
    old["spec"]["seed"] = 7
    (tmp_path / "out").mkdir()
    write_json(tmp_path / "out" / "identity.json", old)
    answer = run("fit", str(folder), "--out", str(tmp_path / "out"), "--resume")
    assert answer.returncode == 2
    assert "fit.toml: seed was 7" in answer.stderr
    assert "samples.csv has changed" in answer.stderr


@pytest.mark.parametrize("words", [["check"], ["fit"], ["nonsense"], ["models", "--jsn"]])
def test_wrong_usage_exits_2(words: list[str]) -> None:
    assert run(*words).returncode == 2


def strict(text: str) -> dict[str, object]:
    """JSON as every reader takes it: NaN and Infinity are none."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads(text, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


def test_json_of_a_quick_answer_and_of_priors_is_json(tmp_path: Path) -> None:
    answer = run("fit", "aml5-stein2019", "--quick", "--json", "--out", str(tmp_path / "q"))
    assert answer.returncode == 0, answer.stderr
    assert strict(answer.stdout)["approximate"] is True
    assert '"r_hat": null' in answer.stdout
    answer = run("priors", "aml5-stein2019", "--json", "--out", str(tmp_path / "p"))
    assert strict(answer.stdout)["parameters"]
    assert strict(run("models", "stein2019", "--json").stdout)["name"] == "stein2019"


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "--out", "/proc/nope"],
        ["fit", "--out", "afile"],
        ["fit", "--out", "afile/x"],
        ["fit", "--quick", "--out", "afile/x"],
        ["fit", "--quick", "--out", "."],
        ["priors", "--out", "afile/x"],
        ["fit", "--resume", "--out", "broken"],
        ["fit", "--resume", "--overwrite", "--out", "broken"],
        ["priors", "--out", "odd"],
    ],
)
def test_a_place_where_no_result_can_be_is_a_sentence(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("mine", encoding="utf-8")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "identity.json").write_text("{", encoding="utf-8")
    (tmp_path / "odd" / "priors.csv").mkdir(parents=True)
    answer = run(words[0], "aml5-stein2019", *words[1:], folder=tmp_path, PYTHONPATH=str(ROOT))
    assert answer.returncode == 2, answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr) > 20
    assert (tmp_path / "afile").read_text(encoding="utf-8") == "mine"
