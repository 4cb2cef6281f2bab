"""Virtual patients: spread as declared, one seed one answer, ranges said, nothing dropped."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Example, Model, PatientClass
from cellkinetics.errors import ModelError, SpecError
from cellkinetics.kernel.solve import solve
from cellkinetics.simulation import run
from cellkinetics.simulation.asked import parse_doses, parse_readings, parse_times, parse_values
from cellkinetics.simulation.bands import band_table, peaks, stacked
from cellkinetics.simulation.csv_file import CsvFile, tiled
from cellkinetics.simulation.readings import make_readers, read_patients
from cellkinetics.simulation.run import RangeWarning, parts, plan_simulation, simulate

STEIN: Model = load_model("stein2019")
DRIVEN: Model = load_model("antigen_driven")
DAYS = [0.0, 7.0, 14.0, 28.0]


def theta(found: xr.Dataset, name: str) -> Any:
    return found["theta"].sel(parameter=name).to_numpy()


def test_patients_spread_as_the_model_says() -> None:
    found = simulate(STEIN, times=[9.0], subjects=20_000, seed=3)
    assert (found.status == 0).all()
    for q in STEIN.parameters:
        values = theta(found, q.name)
        phi = np.log(values) if q.scale == "log" else np.log(values / (1 - values))
        centre = np.log(q.typical if q.scale == "log" else q.typical / (1 - q.typical))
        spread = q.omega or 0.0
        assert abs(phi.mean() - centre) <= 4 * spread / np.sqrt(20_000) + 1e-12, q.name
        assert phi.std() == pytest.approx(spread, rel=0.03, abs=1e-12), q.name
    own = {name: theta(found, name) for name in found.parameter.values}
    np.testing.assert_allclose(solve(STEIN, own, [9.0]).transgene.values, found.transgene.values)
    between = np.corrcoef(np.log(theta(found, "c_max")), np.log(theta(found, "alpha")))[0, 1]
    assert abs(between) < 0.03


def test_a_seed_says_who_the_patients_are() -> None:
    few, many = (simulate(STEIN, times=DAYS, subjects=n, seed=5) for n in (20, 300))
    np.testing.assert_array_equal(few.theta, many.theta[:20])
    other = simulate(STEIN, times=DAYS, subjects=20, seed=6)
    assert (theta(other, "c_max") != theta(few, "c_max")).all()
    moved = simulate(STEIN, {"t_max": 12.0}, DAYS, subjects=20, seed=5)
    np.testing.assert_array_equal(theta(moved, "alpha"), theta(few, "alpha"))
    np.testing.assert_allclose(theta(moved, "t_max"), theta(few, "t_max") * 12 / 9.3)


def test_the_typical_patient_is_the_solver_s() -> None:
    alone = simulate(DRIVEN, times=DAYS, subjects=0)
    assert list(alone.subject.values) == ["typical"]
    np.testing.assert_array_equal(alone.car_t, solve(DRIVEN, None, DAYS).car_t)


def test_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plan_simulation(DRIVEN, times=DAYS, subjects=50, seed=2)
    sd = replace(DRIVEN, residuals=(replace(STEIN.residuals[0], observable="car_t"),))
    whole = simulate(DRIVEN, times=DAYS, subjects=50, seed=2)
    (one,) = parts(asked)
    read = read_patients(one, make_readers(sd, {"car_t": 1.0}, seed=2))
    monkeypatch.setattr(run, "VALUES_A_PART", 7 * len(DAYS) * 5)
    split = list(parts(asked))
    assert [part.sizes["subject"] for part in split] == [7] * 7 + [1]
    np.testing.assert_array_equal(xr.concat(split, "subject").car_t, whole.car_t)
    readers = make_readers(sd, {"car_t": 1.0}, seed=2)
    again = [read_patients(part, readers) for part in split]
    assert sum(map(len, again)) == len(read)
    np.testing.assert_array_equal(np.concatenate([t["value"] for t in again]), read["value"])


def test_covariates_act_as_published() -> None:
    def c_max(**covariates: float | str) -> float:
        found = simulate(STEIN, times=[1.0], subjects=0, covariates=covariates)
        return float(theta(found, "c_max")[0])

    assert c_max() == pytest.approx(24000)
    assert c_max(sex="M") == pytest.approx(24000)
    assert c_max(sex="F") == pytest.approx(24000 * np.exp(0.25))
    assert c_max(cells_per_kg=6.2e6) == pytest.approx(24000 * 2**0.093)
    assert c_max(sex="F", race="Asian") == pytest.approx(24000 * np.exp(0.38))
    noted = plan_simulation(STEIN, covariates={"race": "asian"}).patients.notes
    assert "no effect is stated for this level (only for Asian, other)" in noted[0]
    with pytest.raises(ModelError, match=r"'gender' is not a covariate.*Known: .*sex"):
        c_max(gender="F")
    with pytest.raises(ModelError, match=r"'cells_per_kg' is 'many', wanted a number"):
        c_max(cells_per_kg="many")
    with pytest.raises(ModelError, match=r"is -1, wanted a number above 0"):
        c_max(cells_per_kg=-1)


def test_values_are_held_and_refused() -> None:
    off = plan_simulation(DRIVEN, {"kill": 0.0}, subjects=30)
    assert (off.patients.table["kill"] == 0).all()
    assert "'kill' is 0, an end of its log scale: it is the same" in off.patients.notes[0]
    never = simulate(STEIN, {"t_tocilizumab": 5.0}, DAYS, subjects=4)
    assert (theta(never, "t_tocilizumab") == 5).all()
    for wrong, said in (
        ({"cmax": 1.0}, r"'cmax' is not a parameter.*Did you mean 'c_max'\?"),
        ({"c_max": -1.0}, r"'c_max' is -1 copies/ug, wanted a number from 0 on"),
        ({"f_b": 1.5}, r"'f_b' is 1.5 1, wanted 0 to 1"),
        ({"alpha": np.inf}, r"'alpha' is inf"),
        ({"alpha": np.nan}, r"'alpha' is nan"),
        ({"t_tocilizumab": np.nan}, r"input 't_tocilizumab' is not a number"),
    ):
        with pytest.raises(ModelError, match=said):
            simulate(STEIN, wrong, DAYS)


def mixed() -> Model:
    classes = (
        PatientClass(name="good", meaning="g", probability=0.7, typical={}, assumption="t"),
        PatientClass(name="poor", meaning="p", probability=0.3,
                     typical={"rho": 0.3, "b_0": 1500.0}, assumption="t"),
    )  # fmt: skip
    return replace(DRIVEN, classes=classes)


def test_classes_are_drawn_by_their_probabilities() -> None:
    found = simulate(mixed(), times=DAYS, subjects=4000, seed=8)
    poor = found.patient_class.to_numpy() == "poor"
    assert poor.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 4000))
    assert np.median(theta(found, "rho")[poor]) == pytest.approx(0.3, rel=0.1)
    assert np.median(theta(found, "rho")[~poor]) == pytest.approx(1.2, rel=0.1)
    assert np.median(theta(found, "alpha")[poor]) == pytest.approx(0.25, rel=0.1)
    typical = simulate(mixed(), times=DAYS, subjects=0)
    assert list(typical.subject.values) == ["typical_good", "typical_poor"]
    np.testing.assert_array_equal(theta(typical, "rho"), [1.2, 0.3])
    held = simulate(mixed(), {"rho": 0.9}, DAYS, subjects=0)
    np.testing.assert_array_equal(theta(held, "rho"), [0.9, 0.9])
    alone = simulate(mixed(), times=DAYS, subjects=5, patient_class="poor")
    assert set(alone.patient_class.values) == {"poor"}
    with pytest.raises(ModelError, match=r"'por' is not a class.*Did you mean 'poor'\?"):
        simulate(mixed(), times=DAYS, patient_class="por")


def test_an_example_brings_its_values_and_its_dosing() -> None:
    who = Example(name="UPN1", meaning="one", values={"rho": 1.0}, dosing=((0.0, 1e7), (2.0, 2e7)),
                  assumption="t")  # fmt: skip
    model = replace(DRIVEN, examples=(who,))
    found = simulate(model, times=DAYS, example="UPN1")
    wanted = solve(DRIVEN, {"rho": 1.0}, DAYS, [(0.0, 1e7), (2.0, 2e7)])
    np.testing.assert_array_equal(found.car_t, wanted.car_t)
    around = simulate(model, {"rho": 2.0}, DAYS, [(0.0, 5e7)], example="UPN1", subjects=9)
    assert around.sizes["subject"] == 9
    assert np.isfinite(around.car_t).all()
    with pytest.raises(ModelError, match=r"'UPN2'.*Did you mean 'UPN1'\?"):
        simulate(model, times=DAYS, example="UPN2")


def test_a_dose_that_does_nothing_is_refused_with_the_reason() -> None:
    with pytest.raises(ModelError, match=r"dose does nothing in this model.*c_max~cells_per_kg"):
        simulate(STEIN, times=DAYS, infusions=[(0.0, 1e8)])


def test_ranges_are_said() -> None:
    bounded = replace(DRIVEN, doses=(5e7, 5e8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(bounded, times=[0, 365.0], subjects=2)
    with pytest.warns(RangeWarning, match="days 0 to 365; day 400 is outside"):
        simulate(bounded, times=[0, 400.0], subjects=2)
    with pytest.warns(RangeWarning, match=r"doses of 5e\+07 to 5e\+08 cells; 6e\+08 cells"):
        simulate(bounded, times=DAYS, infusions=[(0, 3e8), (1, 3e8)], subjects=2)
    with pytest.warns(RangeWarning, match="infusion on day 40 comes after the last day"):
        simulate(bounded, times=DAYS, infusions=[(0, 1e8), (40, 1e8)], subjects=2)


def test_a_patient_who_cannot_be_solved_is_no_number() -> None:
    with pytest.warns(RangeWarning, match="far outside the published spread"):
        found = simulate(DRIVEN, {"rho": 1e9, "k_a": 0.0}, DAYS, subjects=3)
    assert (found.status != 0).all()
    assert np.isnan(found.car_t).all()
    asked = plan_simulation(DRIVEN, {"rho": 1e9, "k_a": 0.0}, DAYS, subjects=3)
    (part,) = parts(asked)
    table = band_table(DRIVEN, ["car_t"], asked.times, stacked(part, ["car_t"]))
    assert (table["n"] == 0).all()
    assert table["p50"].isna().all()
    assert (peaks(DRIVEN, ["car_t"], asked.times, stacked(part, ["car_t"]))["n"] == 0).all()


def test_bands_and_peaks_are_those_of_the_curves() -> None:
    found = simulate(DRIVEN, times=np.arange(0, 60.0), subjects=101, seed=4)
    values = stacked(found, ["car_t", "tumour_cells"])
    table = band_table(DRIVEN, ["car_t", "tumour_cells"], found.time.values, values)
    own = table[(table["quantity"] == "tumour_cells") & (table["time"] == 20)].iloc[0]
    np.testing.assert_allclose(
        own[["p05", "p50", "p95"]].astype(float),
        np.quantile(found.tumour_cells.sel(time=20), [0.05, 0.5, 0.95]),
    )
    assert own["n"] == 101
    assert own["unit"] == "cells/uL"
    rows = peaks(DRIVEN, ["car_t"], found.time.values, values[:1]).set_index("measure")
    assert rows.loc["peak", "p50"] == pytest.approx(np.median(found.car_t.max("time")))
    assert rows.loc["day of the peak", "p50"] == np.median(found.car_t.idxmax("time"))


def test_readings_have_the_residual_error_and_the_limit() -> None:
    asked = plan_simulation(STEIN, times=DAYS, subjects=3000, seed=9)
    (part,) = parts(asked)
    free = read_patients(part, make_readers(STEIN, {"transgene": None}, seed=9))
    off = np.log(free["value"].to_numpy()) - np.log(part.transgene.to_numpy().ravel())
    assert off.std() == pytest.approx(0.56, rel=0.03)
    assert abs(off.mean()) < 0.02
    assert (free["cens"] == 0).all()
    cut = read_patients(part, make_readers(STEIN, {"transgene": 50.0}, seed=9))
    np.testing.assert_array_equal(cut["cens"], free["value"] < 50)
    assert (cut.loc[cut["cens"] == 1, "value"] == 50).all()
    np.testing.assert_array_equal(cut.loc[cut["cens"] == 0, "value"],
                                  free.loc[free["value"] >= 50, "value"])  # fmt: skip
    for wrong, said in (
        ({"qpcr": 1.0}, "Known: transgene"),
        ({"transgene": 0.0}, "wanted above 0"),
    ):
        with pytest.raises(ModelError, match=said):
            make_readers(STEIN, wrong, seed=1)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="no residual error is stated for 'car_t'"):
        make_readers(replace(DRIVEN, residuals=()), {"car_t": None}, seed=1)


def test_texts_of_the_command_line() -> None:
    np.testing.assert_allclose(parse_times("0:1:0.25,7,28"), [0, 0.25, 0.5, 0.75, 1, 7, 28])
    np.testing.assert_allclose(parse_times("0:10:4"), [0, 4, 8, 10])
    np.testing.assert_allclose(parse_times("0:0.3:0.1"), [0, 0.1, 0.2, 0.3])
    assert parse_values(["a=1", " b = 2e3 "]) == {"a": 1.0, "b": 2000.0}
    assert parse_readings(["car_t=0.5", "x"]) == {"car_t": 0.5, "x": None}
    assert parse_doses(["1e6", "2e6/kg@7"], flat=False, weight=60) == (
        [(0.0, 6e7), (7.0, 1.2e8)],
        ["day 0: 1e+06 cells/kg x 60 kg = 6e+07 cells",
         "day 7: 2e+06 cells/kg x 60 kg = 1.2e+08 cells"],
    )  # fmt: skip
    assert parse_doses(["1e8 cells"], flat=True, weight=None) == ([(0.0, 1e8)], [])
    assert "a weight of 70 kg was assumed" in parse_doses(["1e6"], flat=False, weight=None)[1][-1]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: parse_values(["c_max"]),
        lambda: parse_values(["c_max=x"]),
        lambda: parse_values(["c_max=nan"]),
        lambda: parse_values(["a=1", "a=2"]),
        lambda: parse_times("a"),
        lambda: parse_times("0:1"),
        lambda: parse_times("0:1:0"),
        lambda: parse_times("5:1:1"),
        lambda: parse_times("0:1e9:1e-3"),
        lambda: parse_doses(["1e6/kg"], flat=True, weight=None),
        lambda: parse_doses(["-1"], flat=True, weight=None),
        lambda: parse_doses(["1e6@-1"], flat=True, weight=None),
        lambda: parse_doses(["1e6@"], flat=True, weight=None),
        lambda: parse_doses(["1e6"], flat=False, weight=-3),
        lambda: parse_readings(["=3"]),
        lambda: parse_readings(["a", "a=1"]),
    ],
)
def test_texts_that_are_refused(wrong: Any) -> None:
    with pytest.raises(SpecError, match=r"wanted|twice|contradict"):
        wrong()


@pytest.mark.parametrize(
    "wrong", [{"subjects": -1}, {"subjects": 2.5}, {"seed": -1}, {"times": [-1.0]}, {"rtol": 1.0},
              {"infusions": [(-1.0, 1e8)]}, {"infusions": [(0.0, -1e8)]}],
)  # fmt: skip
def test_numbers_that_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        simulate(DRIVEN, **wrong)


def test_weight_and_dose_reach_a_model_that_asks_for_them() -> None:
    from cellkinetics.declare import CovariateEffect, Input

    effect = CovariateEffect(parameter="rho", covariate="cells_per_kg", form="power", value=0.5,
                             rse=1.0, reference=1e6, assumption="t")  # fmt: skip
    weighed = Input(name="kg", unit="kg", meaning="weight", default=50.0, covariate="weight_kg")
    model = replace(DRIVEN, covariates=(effect,), inputs=(weighed,))
    found = simulate(model, times=DAYS, infusions=[(0.0, 2.8e8)], subjects=0, weight=70.0)
    assert theta(found, "rho")[0] == pytest.approx(1.2 * 2)
    assert theta(found, "kg")[0] == 70
    assert theta(simulate(model, times=DAYS, subjects=0), "kg")[0] == 50


def test_a_long_csv_file_reads_back(tmp_path: Path) -> None:
    values = np.exp(np.random.default_rng(1).uniform(-40, 40, 999)) * np.tile([1, -1, 1], 333)
    values[:4] = [0.0, np.nan, 1e-300, 24000.0]
    with CsvFile(tmp_path / "a.csv") as file:
        for half in (values[:500], values[500:]):
            file.append({"who": tiled(["a", "b"], len(half))[: len(half)], "value": half})
    text = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert text[:3] == ["who,value", "a,0", "b,"]
    found = pd.read_csv(tmp_path / "a.csv")
    assert len(found) == 999
    np.testing.assert_allclose(found["value"], values, rtol=5.1e-7)
    usual = np.abs(np.log10(np.abs(values[4:]))) < 9  # beyond, powers of ten are not exact
    for line in np.array(text[5:])[usual]:
        digits = line.split(",")[1].lstrip("-").split("e")[0].replace(".", "").strip("0")
        assert len(digits) <= 7, line
