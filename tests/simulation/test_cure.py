"""Probability of cure of a hybrid simulation: its interval, its folder, who has none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cellkinetics.catalogue import load_model
from cellkinetics.errors import ModelError
from cellkinetics.outcome.proportion import clopper_pearson
from cellkinetics.simulation.cure import check_hybrid, cure_by_day
from cellkinetics.simulation.hybrid import probability_of_cure, simulate_hybrid
from cellkinetics.simulation.hybrid_folder import write_hybrid
from cellkinetics.simulation.levels import Level, plan_levels
from cellkinetics.simulation.run import Simulation, plan_simulation

KIMMEL = load_model("kimmel2021")
DAYS = np.arange(0.0, 366.0, 5.0)


def made_up(extinct: Any, progressed: Any = None, status: Any = None) -> xr.Dataset:
    days = np.asarray(extinct, dtype=float)
    own = ("subject", "replicate")
    return xr.Dataset(
        {
            "extinct": (own, days),
            "progressed": (own, np.full(days.shape, np.nan) if progressed is None else progressed),
            "status": (own, np.zeros(days.shape, int) if status is None else status),
        }
    )


def test_only_a_model_in_which_something_can_die_out() -> None:
    check_hybrid(KIMMEL)
    with pytest.raises(ModelError, match=r"stein2019: no state.*Those that have one: kimmel2021\."):
        check_hybrid(load_model("stein2019"))


def test_cure_counts_extinction_before_progression() -> None:
    never = np.nan
    found = cure_by_day(
        made_up(
            [[10.0], [20.0], [30.0], [never], [5.0]],
            [[never], [12.0], [40.0], [50.0], [never]],
            [[0], [0], [0], [0], [3]],
        ),
        np.array([0.0, 10.0, 29.0, 30.0, 100.0]),
    )
    assert found["cured"].tolist() == [0, 1, 1, 2, 2]
    assert (found["n"] == 4).all()
    with pytest.raises(ModelError, match="None of the runs was solved"):
        cure_by_day(made_up([[1.0]], status=[[2]]), DAYS)


def test_one_run_each_is_clopper_pearson() -> None:
    asked = plan_simulation(KIMMEL, times=DAYS, subjects=60, seed=3)
    found = simulate_hybrid(
        KIMMEL, asked.patients.table.drop(columns="class"), DAYS, list(asked.infusions), seed=3
    )
    last = cure_by_day(found, DAYS).iloc[-1]
    wanted = probability_of_cure(found)
    assert last["probability"] == wanted.probability
    assert (last["lower"], last["upper"]) == pytest.approx((wanted.lower, wanted.upper))
    # Runs of one patient are independent as well.
    alone = cure_by_day(made_up([[1.0] * 3 + [np.nan] * 17]), np.array([2.0])).iloc[0]
    assert (alone["lower"], alone["upper"]) == pytest.approx(clopper_pearson(3, 20, 0.9))


def test_the_interval_covers_where_runs_are_of_the_same_patients() -> None:
    """Patients differ: 40 of them with 25 runs each do not say as much as 1000 patients."""
    rng = np.random.default_rng(8)
    truth, covered, naive = 0.4, 0, 0
    for _ in range(400):
        chance = rng.beta(0.4, 0.6, 40)
        cured = rng.random((40, 25)) < chance[:, None]
        row = cure_by_day(made_up(np.where(cured, 1.0, np.nan)), np.array([2.0])).iloc[0]
        covered += row["lower"] <= truth <= row["upper"]
        low, high = clopper_pearson(int(cured.sum()), 1000, 0.9)
        naive += low <= truth <= high
    assert covered >= 0.86 * 400
    assert naive < 0.5 * 400
    # All alike: nothing is known beyond the number of patients.
    all_cured = cure_by_day(made_up(np.ones((40, 25))), np.array([2.0])).iloc[0]
    assert all_cured["lower"] == pytest.approx(clopper_pearson(40, 40, 0.9)[0])


def groups(**options: Any) -> tuple[Simulation, ...]:
    levels = [Level(x, "cells", ((0.0, x),)) for x in (1e6, 1.5e8)]
    return plan_levels(
        levels, lambda dosing: plan_simulation(KIMMEL, None, DAYS, dosing, seed=2, **options)
    )


def test_a_folder_by_dose(tmp_path: Path) -> None:
    done = write_hybrid(groups(subjects=30), tmp_path / "out", runs=2, figure=True)
    assert done.failures == {}
    last = done.cure.groupby("dose").last()
    assert last["probability"].is_monotonic_increasing
    assert last["probability"].nunique() == 2
    assert (last["n"] == 60).all()
    assert (last["patients"] == 30).all()
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert list(runs) == ["dose", "subject", "run", "response", "few", "extinct", "progressed"]
    counted = runs.groupby("dose")["response"].value_counts()
    for row in done.responses.to_dict("records"):
        assert counted.get((row["dose"], row["response"]), 0) == row["runs"]
    assert (runs["response"] == "CR").groupby(runs["dose"]).mean().to_dict() == pytest.approx(
        last["probability"].to_dict()
    )
    assert {28.0, 90.0, 180.0, 365.0} <= set(done.cure["day"])
    bands = pd.read_csv(tmp_path / "out" / "bands.csv")
    assert next(iter(bands)) == "dose"
    assert (bands["n"] == 60).all()
    said = json.loads((tmp_path / "out" / "simulation.json").read_text(encoding="utf-8"))
    assert said["hybrid"]["runs"] == 2
    assert any("meant for total doses of 1e+08 to 2e+08" in w for w in said["warnings"])
    for name in ("cure.png", "cure.svg", "curves.png", "curves.svg"):
        assert (tmp_path / "out" / name).stat().st_size > 8_000
    assert sorted(said["files"]) == sorted(
        f.name for f in (tmp_path / "out").iterdir() if f.name != "simulation.json"
    )


def test_what_a_hybrid_refuses(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Those that have one: kimmel2021"):
        write_hybrid([plan_simulation("stein2019", subjects=2)], tmp_path / "out")
    with pytest.raises(ModelError, match=r"Give fewer --times, --runs or --subjects"):
        write_hybrid(groups(subjects=30), tmp_path / "out", runs=10_000_000)
    assert list(tmp_path.iterdir()) == []
