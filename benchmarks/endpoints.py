"""The whole command on a made-up trial: a process of its own, from the tables to the figures.

    uv run python benchmarks/endpoints.py [--subjects 10000] [--samples 30] [--repeats 1] [--json]
    uv run python benchmarks/endpoints.py --study aml5 --repeats 3

Wall time, CPU time (user and system) and peak resident memory of ``cellkinetics endpoints STUDY
--out DIR``. The trial is made up first, which is not timed: for every subject so many readings
(qPCR, flow, IL-6 and white cells, many of them below a limit), up to six assessments, three events,
three toxicities and four treatments.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = """\
name = "made-up"
simulated = true
dose_unit = "cells/kg"

[response]
criteria = "ELN2022"
landmark = 60
windows = { day_28 = [21, 35] }
"""
# analyte: unit, limit, share of the readings
ANALYTES = {
    "qpcr": ("copies/ug", 50.0, 0.4),
    "flow": ("cells/uL", 0.5, 0.2),
    "il6": ("pg/mL", 2.0, 0.2),
    "wbc": ("10^9/L", 0.05, 0.2),
}


def made_up_trial(folder: Path, subjects: int, samples: int, seed: int) -> None:
    """Write the tables of a trial."""
    rng = np.random.default_rng(seed)
    names = np.array([f"S{i:06d}" for i in range(subjects)])
    (folder / "study.toml").write_text(SETTINGS)
    death = rng.exponential(500, subjects).round(1) + 30
    last = np.minimum(rng.uniform(60, 420, subjects).round(1), death)
    write = {
        "subjects": pd.DataFrame({"subject": names, "sex": rng.choice(["F", "M"], subjects)}),
        "infusions": pd.DataFrame(
            {"subject": names, "time": 0, "cells": rng.uniform(1e6, 2.5e6, subjects).round()}
        ),
        "samples": _samples(names, samples, last, rng),
        **_course(names, death, last, rng),
        "toxicities": _toxicities(names, rng),
        "treatments": _treatments(names, rng),
    }
    for name, table in write.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def _samples(
    names: np.ndarray, samples: int, last: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Readings up to each subject's last day."""
    counts = {a: max(2, round(share * samples)) for a, (_, _, share) in ANALYTES.items()}
    counts["qpcr"] += samples - sum(counts.values())
    peak = np.exp(rng.normal(9.0, 1.5, (len(names), 1)))
    t_max = rng.uniform(7, 14, (len(names), 1))
    parts = []
    for analyte, count in counts.items():
        unit, limit, _ = ANALYTES[analyte]
        share = np.linspace(0, 1, count - 1)
        days = np.column_stack([np.full(len(names), -1.0), last[:, None] ** share]).round(2)
        after = np.maximum(days - t_max, 0)
        level = peak * (0.97 * np.exp(-0.2 * after) + 0.03 * np.exp(-0.01 * after))
        level = np.where(days < t_max, peak * np.exp(-0.8 * (t_max - days)), level)
        reading = level * limit / 50 * np.exp(rng.normal(0, 0.3, level.shape))
        below = reading < limit
        parts.append(
            pd.DataFrame(
                {
                    "subject": np.repeat(names, count),
                    "time": days.ravel(),
                    "analyte": analyte,
                    "value": np.where(below, limit, reading).ravel().round(4),
                    "unit": unit,
                    "cens": below.astype(int).ravel(),
                    "lloq": limit,
                }
            )
        )
    return pd.concat(parts)


def _course(
    names: np.ndarray, death: np.ndarray, last: np.ndarray, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Assessments and events that do not contradict each other."""
    relapse = rng.exponential(400, len(names)).round(1) + 29
    responds = rng.random(len(names)) < 0.6
    visits, happened = [], []
    for i, name in enumerate(names):
        visits.append((name, -5.0, None, 45.0, 0.6, 30.0, None, None))
        for day in (28.0, 60.0, 90.0, 180.0, 360.0):
            if day > last[i]:
                continue
            good = bool(responds[i] and day < relapse[i])
            response = "CR" if good else "NR"
            blasts, anc, platelets = (1.0, 1.5, 140.0) if good else (35.0, 0.4, 25.0)
            visits.append((name, day, response, blasts, anc, platelets, 0.02 if good else 9, 0.01))
        if responds[i] and relapse[i] <= last[i]:
            happened.append((name, relapse[i], "relapse"))
        elif not responds[i]:
            happened.append((name, min(60.0, last[i]), "progression"))
        if i % 9 == 0 and last[i] > 100:
            happened.append((name, 100.0, "transplant"))
        happened.append((name, last[i], "death" if death[i] == last[i] else "last_contact"))
    columns = [
        "subject", "time", "response", "marrow_blasts_pct", "anc", "platelets", "mrd_value",
        "mrd_lod",
    ]  # fmt: skip
    return {
        "assessments": pd.DataFrame(visits, columns=columns),
        "events": pd.DataFrame(happened, columns=["subject", "time", "event"]),
    }


def _toxicities(names: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    kinds = [
        ("Cytokine release syndrome", "Immune system disorders", "CRS", "ASTCT"),
        ("Febrile neutropenia", "Blood and lymphatic system disorders", "other", "CTCAE v5.0"),
        ("Lung infection", "Infections and infestations", "other", "CTCAE v5.0"),
    ]
    rows = [
        (name, day, day + 4, *kind, int(rng.integers(1, 5)), 0)
        for name in names
        for day, kind in zip((5, 9, 20), kinds, strict=True)
    ]
    return pd.DataFrame(
        rows,
        columns=["subject", "time", "end", "term", "soc", "kind", "scale", "grade", "dlt"],
    )


def _treatments(names: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for name in names:
        rows.append((name, -5, -3, "fludarabine", "lymphodepletion"))
        rows.append((name, -5, -3, "cyclophosphamide", "lymphodepletion"))
        if rng.random() < 0.5:
            rows.append((name, 6, 6, "tocilizumab", "tocilizumab"))
            rows.append((name, 7, 9, "dexamethasone", "corticosteroid"))
    return pd.DataFrame(rows, columns=["subject", "time", "end", "drug", "kind"])


def run(study: str, out: Path, words: Sequence[str]) -> dict[str, float]:
    """Run the command once: wall and CPU seconds, peak memory, what it wrote."""
    clock = time.perf_counter()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "cellkinetics.cli", "endpoints", study, "--out", str(out),
            *words,
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"cellkinetics endpoints {study}: exit code {process.returncode}")
    unit = 1024 if sys.platform != "darwin" else 1024**2
    written = [file for file in out.rglob("*") if file.is_file()]
    return {
        "wall_s": time.perf_counter() - clock,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_memory_mb": usage.ru_maxrss / unit,
        "files": len(written),
        "written_mb": sum(file.stat().st_size for file in written) / 1e6,
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", help="in place of the made-up trial")
    parser.add_argument("--subjects", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("words", nargs="*", help="options of the command, after --")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        study = options.study or str(Path(name) / "trial")
        if not options.study:
            Path(study).mkdir()
            made_up_trial(Path(study), options.subjects, options.samples, options.seed)
        runs = [run(study, Path(name) / f"out{i}", options.words) for i in range(options.repeats)]
    row = {key: round(median(one[key] for one in runs), 2) for key in runs[0]}
    found = {"study": options.study or f"made up, {options.subjects} subjects", **row}
    print(json.dumps(found) if options.json else pd.Series(found).to_string())


if __name__ == "__main__":
    main()
