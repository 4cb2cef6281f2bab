"""The whole command under ``kill -9``: sampling, zarr, tables and figures, again and again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cellkinetics.fitting.chain import STATISTICS
from cellkinetics.fitting.store import read_record

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
STUDY = "study"
FIT = f"""
study = "{STUDY}"
model = "stein2019"
seed = 5

[analytes.qpcr]

[sampler]
draws = 150
tune = 100
"""
SETTINGS = """
name = "killed"
simulated = true
dose_unit = "cells/kg"

[units]
qpcr = "copies/ug"
"""


def make_fit(folder: Path) -> None:
    (folder / STUDY).mkdir(parents=True)
    (folder / "fit.toml").write_text(FIT)
    study = folder / STUDY
    (study / "study.toml").write_text(SETTINGS)
    (study / "subjects.csv").write_text("subject\nA\nB\nC\n")
    (study / "infusions.csv").write_text("subject,time,cells\nA,0,1e6\nB,0,1e6\nC,0,2e6\n")
    rng = np.random.default_rng(3)
    lines = ["subject,time,analyte,value,unit,cens,lloq"]
    for subject in "ABC":
        for day, copies in ((1, 60), (4, 900), (8, 20000), (14, 9000), (28, 700), (90, 80)):
            value = copies * np.exp(0.3 * rng.standard_normal())
            shown, cens = (100, 1) if value < 100 else (value, 0)
            lines.append(f"{subject},{day},qpcr,{shown:.6g},copies/ug,{cens},100")
    (study / "samples.csv").write_text("\n".join(lines) + "\n")


def command(folder: Path, out: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "cellkinetics.cli", "fit", str(folder)),
        *("--study", str(folder / STUDY), "--out", str(out), *more),
    ]


def draws(out: Path, columns: int) -> list[np.ndarray]:
    """Kept draws of every chain, warm-up included."""
    return [read_record(p, columns).rows for p in sorted((out / "checkpoint").glob("*.draws"))]


def stage(out: Path, columns: int, wanted: int) -> str:
    if (out / "summary.json").exists():
        return "done"
    kept = draws(out, columns) if (out / "checkpoint").is_dir() else []
    if not kept or not any(len(rows) for rows in kept):
        return "before"
    whole = len(kept) == 4 and all(len(rows) == wanted for rows in kept)
    return "results" if whole else "sampling"


def start(command: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        start_new_session=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_results(process, out: Path, columns: int, wanted: int) -> None:
    while process.poll() is None and stage(out, columns, wanted) != "results":
        time.sleep(0.02)


def lengths(folder: Path, columns: int, wanted: int) -> tuple[float, float]:
    """Seconds of an undisturbed run up to its last draw, and from there to its end."""
    started = time.perf_counter()
    process = start(command(folder, folder / "second"))
    wait_for_results(process, folder / "second", columns, wanted)
    sampled = time.perf_counter()
    process.wait()
    return sampled - started, time.perf_counter() - sampled


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    make_fit(folder)
    reference = folder / "reference"
    # Exit 3: so few draws do not pass the checks, and need not.
    assert subprocess.run(command(folder, reference), check=False, cwd=ROOT).returncode == 3
    files = sorted((reference / "checkpoint").glob("*.draws"))
    columns = chain_columns(reference)
    wanted = len(read_record(files[0], columns).rows)
    to_results, tail = lengths(folder, columns, wanted)

    chance = random.Random(11)
    out, round_, stages, changed = folder / "killed-0", 0, [], 0
    for attempt in range(3 * KILLS):
        if len(stages) == KILLS:
            break
        before = draws(out, columns) if (out / "checkpoint").is_dir() else []
        process = start(command(folder, out, *(["--resume"] if out.exists() else [])))
        if attempt % 2:  # every other kill waits for what comes after sampling
            wait_for_results(process, out, columns, wanted)
            time.sleep(chance.uniform(0.0, 0.9 * tail))
        else:
            time.sleep(chance.uniform(0.4, 1.0) * to_results)
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        after = draws(out, columns) if (out / "checkpoint").is_dir() else []
        for old, new in zip(before, after, strict=False):
            changed += not (len(new) >= len(old) and np.array_equal(new[: len(old)], old))
        now = stage(out, columns, wanted)
        if alive:
            stages.append(now)
        if now == "done":
            round_ += 1
            out = folder / f"killed-{round_}"
    final = subprocess.run(
        command(folder, out, *(["--resume"] if out.exists() else [])), check=False, cwd=ROOT
    )
    return {
        "code": final.returncode,
        "stages": stages,
        "changed": changed,
        "reference": reference,
        "out": out,
    }


def chain_columns(reference: Path) -> int:
    """Numbers in a row of a chain's file."""
    run = json.loads((reference / "checkpoint" / "run.json").read_text())
    return len(STATISTICS) + len(run["parameters"])


def test_kills_hit_sampling_and_what_comes_after(outcome):
    assert len(outcome["stages"]) == KILLS
    assert outcome["stages"].count("results") >= 5, outcome["stages"]
    assert {"before", "sampling"} & set(outcome["stages"]), outcome["stages"]


def test_no_kept_draw_ever_changes(outcome):
    assert outcome["changed"] == 0


def test_the_result_is_whole_and_equals_one_that_was_never_killed(outcome):
    assert outcome["code"] == 3
    for name in ("parameters.csv", "individuals.csv", "shrinkage.csv", "left_out.csv"):
        assert (outcome["out"] / name).read_bytes() == (outcome["reference"] / name).read_bytes()
    figures = {p.name for p in (outcome["out"] / "figures").iterdir()}
    assert figures == {p.name for p in (outcome["reference"] / "figures").iterdir()}
    assert not list(outcome["out"].rglob(".*.tmp"))
