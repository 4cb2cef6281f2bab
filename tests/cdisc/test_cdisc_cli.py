"""The command line on CDISC folders: what it prints and how it exits."""

import json
import subprocess
import sys

from cdisc_files import write_folder, write_xpt_folder
from typer.testing import CliRunner

from cellkinetics.cli import app
from cellkinetics.verify import check_anything


def check(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *map(str, arguments)])
    return result.exit_code, result.output


def test_a_sound_folder_exits_with_0(tmp_path):
    folder = write_xpt_folder(tmp_path / "xpt", write_folder(tmp_path / "csv", {}))
    code, text = check(folder)
    assert code == 0
    assert "adpc.xpt, record 6 (subject CART-01-1001), DTYPE: got 1 record with DTYPE HALF" in text


def test_an_error_exits_with_1_and_json_names_the_place(tmp_path):
    folder = write_folder(tmp_path, {"adpc.csv": ("copies/ng", "cells/uL")})
    code, text = check(folder, "--json")
    assert code == 1
    found = json.loads(text)
    (error,) = [f for f in found["findings"] if f["severity"] == "error"]
    assert (error["code"], error["file"], error["line"], error["column"], error["subject"]) == (
        "unit-refused", "adpc.csv", 10, "AVALU", "CART-01-1002",
    )  # fmt: skip


def test_a_folder_that_is_no_study_exits_with_2(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    words = [sys.executable, "-m", "cellkinetics.cli", "check", str(tmp_path)]
    run = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 2
    assert "no folder with a study.toml or CDISC data" in " ".join(run.stderr.split())


def test_a_limit_can_be_assumed(tmp_path):
    edits = {"adpc.csv": ("1200,1200,copies/ug,50,N,,2", ",<BLQ,copies/ug,,Y,,2")}
    folder = write_folder(tmp_path, edits)
    assert check(folder)[0] == 1
    assert check(folder, "--assume-lloq", "carqpcr=40")[0] == 0


def test_it_is_a_study_wherever_one_is_named(tmp_path):
    folder = write_folder(tmp_path, {})
    assert {f.severity for f in check_anything(folder)} == {"warning", "info"}
