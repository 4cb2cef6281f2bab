"""Dose levels: the same patients under each, bands and exposure by dose, ranges said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellkinetics.catalogue import load_model, model_names
from cellkinetics.declare import CovariateEffect, Model
from cellkinetics.errors import ModelError, SpecError
from cellkinetics.exposure import metrics_of
from cellkinetics.files import write_json
from cellkinetics.simulation.asked import parse_limits
from cellkinetics.simulation.folder import title_of, write_simulation
from cellkinetics.simulation.levels import Level, parse_levels, plan_levels
from cellkinetics.simulation.metrics import metric_table
from cellkinetics.simulation.ranges import outside
from cellkinetics.simulation.run import Simulation, plan_simulation

DRIVEN: Model = load_model("antigen_driven")
DAYS = np.arange(0.0, 91.0)


def planned(model: Model, *doses: float, **options: Any) -> tuple[Simulation, ...]:
    levels = [Level(dose, "cells", ((0.0, dose),)) for dose in doses]
    return plan_levels(
        levels,
        lambda dosing: plan_simulation(model, None, DAYS, dosing, subjects=25, seed=4, **options),
    )


def test_texts_of_levels() -> None:
    levels, notes = parse_levels(["1e6:8e6:4/kg"], flat=False, weight=60)
    np.testing.assert_allclose([x.dose for x in levels], [1e6, 2e6, 4e6, 8e6])
    np.testing.assert_allclose([x.infusions[0][1] for x in levels], [6e7, 1.2e8, 2.4e8, 4.8e8])
    assert {x.unit for x in levels} == {"cells/kg"}
    assert notes[1] == "day 0: 2e+06 cells/kg x 60 kg = 1.2e+08 cells"
    # Total of what is infused; the other infusion is the same in every group.
    levels, _ = parse_levels(["3e7,1e7@1", "5e6"], flat=True, weight=None)
    assert [x.infusions for x in levels] == [
        ((1.0, 1e7), (0.0, 5e6)),
        ((1.0, 3e7), (0.0, 5e6)),
    ]
    assert [(x.dose, x.unit) for x in levels] == [(1.5e7, "cells"), (3.5e7, "cells")]
    assert parse_levels([], flat=False, weight=None) == ((), [])
    (one,), notes = parse_levels(["1e6"], flat=False, weight=None)
    assert one == Level(1e6, "cells/kg", ((0.0, 7e7),))
    assert sum("a weight of 70 kg was assumed" in note for note in notes) == 1


@pytest.mark.parametrize(
    "texts",
    [["1e6:1e7"], ["1e7:1e6:3"], ["0:1e6:3"], ["1e6:1e7:2.5"], ["1e6:1e7:1"], ["1e6:1e7:99"],
     ["1e6,1e6"], ["1e6,"], ["1e6,x"], ["1e6,2e6", "1e6,3e6@1"], ["1e6:inf:3"], ["1e6,-2e6"],
     ["nan,1e6"]],
)  # fmt: skip
def test_levels_that_are_refused(texts: list[str]) -> None:
    with pytest.raises(SpecError, match=r"wanted|Wanted"):
        parse_levels(texts, flat=False, weight=70)


def test_every_group_is_of_the_same_patients() -> None:
    groups = planned(DRIVEN, 1e7, 1e8, 1e9)
    for group in groups[1:]:
        pd.testing.assert_frame_equal(group.patients.table, groups[0].patients.table)
    # Where the model has an effect of the dose, it alone moves.
    effect = CovariateEffect(parameter="rho", covariate="cells_per_kg", form="power", value=0.5,
                             rse=1.0, reference=1e6, assumption="t")  # fmt: skip
    low, high = planned(replace(DRIVEN, covariates=(effect,)), 7e7, 2.8e8, weight=70.0)
    np.testing.assert_allclose(high.patients.table["rho"] / low.patients.table["rho"], 2.0)
    pd.testing.assert_series_equal(high.patients.table["kill"], low.patients.table["kill"])


def test_groups_are_what_each_dose_gives_alone(tmp_path: Path) -> None:
    groups = planned(DRIVEN, 1e7, 1e9)
    both = write_simulation(groups, tmp_path / "both")
    assert list(both.bands)[:2] == ["dose", "quantity"]
    for group in groups:
        alone = write_simulation([replace(group, dose=np.nan)], tmp_path / f"{group.dose:g}")
        assert "dose" not in alone.bands
        for name in ("bands", "peaks", "exposure", "typical"):
            of_both = getattr(both, name)
            own = of_both[of_both["dose"] == group.dose].drop(columns="dose")
            pd.testing.assert_frame_equal(own.reset_index(drop=True), getattr(alone, name))
    low, high = (both.bands[both.bands["dose"] == dose]["p50"].to_numpy() for dose in (1e7, 1e9))
    assert (low != high).any()
    curves = pd.read_csv(tmp_path / "both" / "trajectories.csv")
    assert list(curves["dose"].unique()) == [1e7, 1e9]
    assert len(curves) == 2 * 25 * len(DAYS) * 2
    assert list(pd.read_csv(tmp_path / "both" / "exposure.csv")["dose"].unique()) == [1e7, 1e9]
    assert title_of(groups) == "antigen_driven: 25 virtual patients; 2 doses, 1e+07 to 1e+09 cells"


def test_exposure_is_that_of_the_curves() -> None:
    times = np.array([0.0, 5.0, 10.0, 20.0, 28.0, 60.0, 90.0])
    peak = np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    shape = np.array([0.1, 0.5, 1.0, 0.6, 0.3, 0.05, 0.01])
    values = np.stack([shape[:, None] * peak, np.full((7, 5), np.nan)])
    table = metric_table(DRIVEN, ["car_t", "tumour_cells"], times, values, {"car_t": 1.0})
    own = table[table["quantity"] == "car_t"].set_index("metric")
    assert own.loc["Cmax", "median"] == 40
    assert own.loc["Cmax", "lower"] == pytest.approx(np.quantile(peak, 0.05))
    assert own.loc["Cmax", "upper"] == pytest.approx(np.quantile(peak, 0.95))
    assert (own["n"] == 5).all()
    assert own.loc["Tmax", "median"] == 10
    each = [
        metrics_of(times, shape * p, metrics=["Cmax"], windows=[(0, 28), (0, 90)]).set_index(
            "metric"
        )["value"]
        for p in peak
    ]
    for name in ("AUC0-28d", "AUC0-90d"):
        assert own.loc[name, "median"] == pytest.approx(np.median([m[name] for m in each]))
    # Last day at or above the limit, by patient: 28, 60, 60, 60, 90.
    assert own.loc["persistence", "median"] == 60
    assert own.loc["persistence", "remark"] == "censored in 20%"
    lost = table[table["quantity"] == "tumour_cells"]
    assert (lost["n"] == 0).all()
    assert lost["median"].isna().all()
    # Without a limit nothing falls below one.
    assert "persistence" not in set(lost["metric"])


def test_limits_are_of_observables() -> None:
    assert parse_limits(DRIVEN, ["car_t=0.5"]) == {"car_t": 0.5}
    for wrong, said in (("cart=1", "Did you mean 'car_t'"), ("car_t=0", "wanted a limit above 0")):
        with pytest.raises(SpecError, match=said):
            parse_limits(DRIVEN, [wrong])


def test_a_failed_dose_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="dose does nothing"):
        planned(load_model("stein2019"), 1e7, 1e8)
    (tmp_path / "mine").mkdir()
    write_json(tmp_path / "mine" / "notes.json", {})
    with pytest.raises(Exception, match="is not touched"):
        write_simulation(planned(DRIVEN, 1e7, 1e8), tmp_path / "mine")
    assert [f.name for f in (tmp_path / "mine").iterdir()] == ["notes.json"]


def said(model: Model = DRIVEN, weight: float | None = None, **options: Any) -> list[str]:
    asked = plan_simulation(model, subjects=0, **options)
    return list(outside(model, asked.times, asked.infusions, asked.typical.table, weight))


def test_ranges_of_doses_that_trials_give() -> None:
    assert said(infusions=[(0.0, 7e7)]) == []
    assert said(infusions=[(0.0, 0.0)]) == []
    assert said(infusions=[(0.0, 7.1e10)]) == [
        "a dose of 1.01e+09 cells/kg (at 70 kg) is outside 1000 to 1e+09 cells/kg, where doses of"
        " trials lie: is it cells, or cells/kg?"
    ]
    assert said(infusions=[(0.0, 1e6)]) == []
    assert "a dose of 14.3 cells/kg" in said(infusions=[(0.0, 1e3)])[0]
    assert said(infusions=[(0.0, 7.1e10)], weight=80.0) == []
    assert plan_simulation(DRIVEN, infusions=[(0.0, 1e3)], weight=20.0, subjects=0).warnings


def test_values_far_outside_the_published_spread() -> None:
    kill = next(q for q in DRIVEN.parameters if q.name == "kill")
    sd = np.sqrt((kill.omega or 0) ** 2 + (kill.rse or 0) ** 2 + DRIVEN.tau**2)
    near, far = (kill.typical * np.exp(k * sd) for k in (3.9, 4.1))
    assert said(parameters={"kill": near}) == []
    (sentence,) = said(parameters={"kill": far})
    assert sentence.startswith(f"the typical kill is {far:.4g} 1/day, far outside the published")
    assert "4 SDs from 1.2 1/day" in sentence
    (off,) = said(parameters={"kill": 0.0})
    assert "an end of its scale from 1.2" in off


def test_what_is_published_is_inside_its_ranges() -> None:
    for model in map(load_model, model_names()):
        assert said(model) == [], model.name
        for example in model.examples:
            found = said(model, example=example.name)
            assert [x for x in found if "far outside the published" in x] == [], example.name
