"""The comparison that the README tells is the one that was recorded, of fits of the same rows."""

import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FITS = ROOT / "fits"
README = FITS / "liu2022-smooth-gate" / "README.md"
RECORDED = json.loads(
    (ROOT / "benchmarks" / "results" / "compare" / "liu2022.json").read_text(encoding="utf-8")
)
ROWS = {row["fit"]: row for row in RECORDED["fits"]}


def told() -> dict[str, list[str]]:
    """Cells of the table in the README, by fit."""
    lines = README.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0].strip("`"): row[1:] for row in rows if row[0].startswith("`")}


def test_the_table_is_the_recorded_one() -> None:
    assert set(told()) == set(ROWS)
    for fit, cells in told().items():
        row = ROWS[fit]
        wanted = [f"{row[c]:.1f}" for c in ("elpd", "se", "difference", "se_difference", "p_loo")]
        assert cells == [*wanted, f"{row['largest_k']:.2f}", str(row["refits"])], fit


def test_it_is_whole_and_best_first() -> None:
    totals = [row["elpd"] for row in RECORDED["fits"]]
    assert totals == sorted(totals, reverse=True)
    for row in RECORDED["fits"]:
        assert row["subjects"] == 32
        assert row["incomplete"] == 0
        assert row["difference"] == pytest.approx(row["elpd"] - totals[0])
        assert np.isfinite(row["largest_k"])


def test_what_failed_is_told() -> None:
    assert RECORDED["passed"] is (not RECORDED["failures"])
    for sentence in RECORDED["failures"]:
        assert sentence.split(":")[0] in README.read_text(encoding="utf-8")


def test_the_compared_fits_are_of_the_same_data() -> None:
    summaries = [
        json.loads((FITS / fit / "summary.json").read_text(encoding="utf-8")) for fit in ROWS
    ]
    assert len({s["identity"]["data"]["samples"] for s in summaries}) == 1
    assert {s["analytes"][0]["rows"] for s in summaries} == {295}
    assert {s["analytes"][0]["below_limit"] for s in summaries} == {50}
