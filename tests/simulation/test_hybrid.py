"""Extinction by chance, against closed forms, an independent simulation, and the equations."""

import numpy as np
import pytest
from dying_model import DYING, UNITS
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid

from cellkinetics.errors import ModelError
from cellkinetics.kernel.solve import solve
from cellkinetics.simulation.hybrid import probability_of_cure, simulate_hybrid

Floats = NDArray[np.float64]
MANY = 6000


def extinct_by(days: Floats, n: int, birth: Floats, death: Floats, on: Floats) -> Floats:
    """Kendall (1948): probability that n cells are extinct, with rates that change in time."""
    rho = cumulative_trapezoid(death - birth, on, initial=0)
    lost = cumulative_trapezoid(death * np.exp(rho), on, initial=0)
    return np.asarray(np.interp(days, on, lost / (1 + lost)) ** n)


def share_extinct(simulated: object, days: Floats) -> Floats:
    extinct = simulated.extinct.values.ravel()  # type: ignore[attr-defined]
    return (extinct[:, None] <= days).mean(axis=0)


def assert_share(found: Floats, wanted: Floats, count: int) -> None:
    """Within four standard errors everywhere."""
    error = np.sqrt(np.maximum(wanted * (1 - wanted), 1 / count) / count)
    np.testing.assert_array_less(np.abs(found - wanted), 4 * error)


@pytest.mark.parametrize(("birth", "death", "n"), [(0.3, 0.2, 5), (0.1, 0.6, 30), (0.4, 0.4, 3)])
def test_constant_rates_die_out_as_the_closed_form_says(birth: float, death: float, n: int) -> None:
    days = np.array([1.0, 3.0, 8.0, 20.0])
    known = {"n_0": n, "birth": birth, "death": death, "kill": 0.0}
    found = simulate_hybrid(DYING, known, days, seed=3, replicates=MANY)
    if birth == death:
        one = birth * days / (1 + birth * days)
    else:
        grown = np.exp((birth - death) * days)
        one = death * (grown - 1) / (birth * grown - death)
    assert_share(share_extinct(found, days), one**n, MANY)
    # Its mean grows or shrinks at the net rate; its variance is that of births and deaths.
    cells = found.tumour.values[0, :, 1] * UNITS["cells"][1]
    net, growth = birth - death, np.exp((birth - death) * 3)
    variance = n * (2 * birth * 3 if net == 0 else (birth + death) / net * growth * (growth - 1))
    assert cells.mean() == pytest.approx(n * growth, abs=4 * np.sqrt(variance / MANY))
    assert cells.var() == pytest.approx(variance, rel=0.15)
    assert np.allclose(cells, np.round(cells), atol=1e-9)


def test_rates_that_change_in_time_follow_kendall() -> None:
    days = np.array([2.0, 5.0, 10.0, 25.0, 80.0])
    known = {"n_0": 12, "birth": 0.25, "death": 0.05, "c_0": 2.0, "loss": 0.15, "kill": 0.4}
    found = share_extinct(simulate_hybrid(DYING, known, days, seed=4, replicates=MANY), days)
    on = np.linspace(0, 80, 80_001)
    killer = 2.0 * np.exp(-0.15 * on)
    birth = np.full_like(on, 0.25)
    wanted = extinct_by(days, 12, birth, 0.05 + 0.4 * killer, on)
    assert_share(found, wanted, MANY)
    # Rates held at their first values would be seen.
    frozen = extinct_by(days, 12, birth, np.full_like(on, 0.05 + 0.8), on)
    with pytest.raises(AssertionError):
        assert_share(found, frozen, MANY)


def test_a_feedback_of_the_counted_cells_is_that_of_an_independent_simulation() -> None:
    """Killers fed by the tumour: many small steps, each with its chance of a birth or a death."""
    days = np.array([5.0, 10.0, 20.0])
    known = {
        "n_0": 15, "birth": 0.3, "death": 0.1, "c_0": 0.2, "loss": 0.2, "kill": 0.4, "feed": 12.0,
    }  # fmt: skip
    simulated = simulate_hybrid(DYING, known, days, seed=5, replicates=MANY)
    rng = np.random.default_rng(50)
    n, killer, dt = np.full(MANY, 15), np.full(MANY, 0.2), 0.005
    extinct, mean = [], []
    for i in range(1, round(20 / dt) + 1):
        up = 0.3 * n * dt
        down = (0.1 + 0.4 * killer) * n * dt
        u = rng.random(MANY)
        killer = killer + dt * (12.0 * n / 1000 - 0.2 * killer)
        n = n + (u < up) - ((u >= up) & (u < up + down))
        if np.isclose(i * dt, days).any():
            extinct.append((n == 0).mean())
            mean.append(killer.mean())
    found = share_extinct(simulated, days)
    error = np.sqrt(2 * found * (1 - found) / MANY)
    assert np.abs(found - extinct).max() < 4 * error.max()
    np.testing.assert_allclose(simulated.killer.values[0].mean(axis=0), mean, rtol=0.03)
    # Without the feedback far fewer would die out.
    alone = simulate_hybrid(DYING, known | {"feed": 1e-9}, days, seed=5, replicates=MANY)
    assert (found - share_extinct(alone, days))[-1] > 10 * error.max()


def test_above_the_threshold_it_is_the_model() -> None:
    """Through a switch and two infusions."""
    days = np.array([0.0, 1.0, 3.0, 4.0, 7.0, 11.0])
    known = {"n_0": 1e9, "t_fatigue": 3.0, "feed": 1e-7}
    infusions = [(0.0, 30.0), (4.0, 200.0)]
    found = simulate_hybrid(DYING, known, days, infusions, seed=1)
    wanted = solve(DYING, known, days, infusions, rtol=1e-11)
    for name in ("killer", "tumour", "burden"):
        np.testing.assert_allclose(found[name].values[0, 0], wanted[name].values[0], rtol=1e-6)
    assert np.isnan(found.few.values).all()


def test_the_last_cells_are_met_on_the_day_that_the_equations_say() -> None:
    known = {"n_0": 1e6, "birth": 0.1, "death": 0.6, "kill": 0.0}
    found = simulate_hybrid(DYING, known, [0.0, 60.0], seed=2, replicates=200)
    np.testing.assert_allclose(found.few.values, np.log(1e6 / 100) / 0.5, rtol=1e-7)
    assert (found.extinct.values > found.few.values).all()


def test_progression_is_the_day_on_which_the_tumour_is_a_fifth_larger() -> None:
    known = {"n_0": 1e6, "birth": 0.4, "death": 0.1, "kill": 0.0}
    found = simulate_hybrid(DYING, known, [0.0, 10.0], seed=2)
    np.testing.assert_allclose(found.progressed.values, np.log(1.2) / 0.3, rtol=1e-7)
    assert found.response.values.tolist() == [["PD"]]
    later = simulate_hybrid(DYING, known, [0.0, 10.0], seed=2, assessed_from=5.0)
    assert later.progressed.values[0, 0] == pytest.approx(5.0, abs=1e-9)
    stricter = simulate_hybrid(DYING, known, [0.0, 10.0], seed=2, progression=25.0)
    assert stricter.response.values.tolist() == [["neither"]]


def test_extinction_is_for_good_and_the_rest_goes_on() -> None:
    known = {"n_0": 3, "birth": 0.1, "death": 1.0}
    days = np.arange(0.0, 60.0)
    found = simulate_hybrid(DYING, known, days, seed=6, replicates=300)
    gone = found.time.values >= found.extinct.values[0][:, None]
    assert (found.tumour.values[0][gone] == 0).all()
    assert (found.tumour.values[0][~gone] > 0).all()
    np.testing.assert_allclose(
        found.killer.values[0], np.tile(np.exp(-0.1 * days), (300, 1)), rtol=1e-4
    )
    assert set(found.response.values.ravel()) == {"CR"}


def test_a_seed_is_one_answer_whatever_the_threads_and_the_days_asked() -> None:
    known = {"n_0": [4.0, 8.0, 16.0]}
    one = simulate_hybrid(DYING, known, [0.0, 30.0], seed=7, replicates=40)
    two = simulate_hybrid(DYING, known, [30.0, 0.0], seed=7, replicates=40, threads=2)
    np.testing.assert_array_equal(one.extinct, two.extinct)
    np.testing.assert_array_equal(one.tumour.values, two.tumour.values[:, :, ::-1])
    more = simulate_hybrid(DYING, known, np.arange(0.0, 30.5, 0.5), seed=7, replicates=40)
    # Stops on more days round differently; a patient's chances stay the same.
    np.testing.assert_allclose(one.extinct, more.extinct, rtol=1e-5)
    other = simulate_hybrid(DYING, known, [0.0, 30.0], seed=8, replicates=40)
    assert not np.array_equal(one.extinct, other.extinct, equal_nan=True)
    assert len(np.unique(one.extinct.values[np.isfinite(one.extinct.values)])) > 50


def test_the_probability_of_cure_counts_who_died_out_in_time() -> None:
    known = {"n_0": 3, "birth": 0.2, "death": 0.4, "kill": 0.0}
    found = simulate_hybrid(DYING, known, [0.0, 12.0], seed=9, replicates=500)
    early, late = probability_of_cure(found, by=5.0), probability_of_cure(found)
    assert early.cured == int((found.extinct.values <= 5).sum()) < late.cured
    assert (late.n, late.by, late.level) == (500, 12.0, 0.90)
    assert late.lower < late.probability < late.upper
    wanted = (0.4 * (np.exp(-0.2 * 5) - 1) / (0.2 * np.exp(-0.2 * 5) - 0.4)) ** 3
    wide = probability_of_cure(found, by=5.0, level=0.9999)
    assert wide.lower < wanted < wide.upper
    for by in (-1.0, 13.0, float("nan")):
        with pytest.raises(ModelError, match="by is day"):
            probability_of_cure(found, by=by)


def test_one_who_progressed_before_is_not_cured() -> None:
    known = {"n_0": 3, "birth": 0.4, "death": 0.5, "kill": 0.0}
    found = simulate_hybrid(DYING, known, [0.0, 200.0], seed=10, replicates=300)
    assert np.isnan(found.progressed.values).all(), "cells that are counted do not progress"
    late = found.assign(progressed=found.extinct - 1.0)
    assert probability_of_cure(late).cured == 0


def test_what_cannot_be_solved_is_said_and_left_out() -> None:
    known = {"n_0": [5.0, np.nan, 1e9], "loss": 0.1}
    found = simulate_hybrid(DYING, known, [0.0, 40.0], seed=1, max_steps=400)
    assert found.status.values.ravel().tolist()[1] == 3
    assert found.response.values[1, 0] == "not solved"
    assert np.isnan(found.tumour.values[1]).all()
    assert probability_of_cure(found).failed == int((found.status.values > 0).sum()) >= 1
    with pytest.raises(ModelError, match="None of the patients was solved"):
        probability_of_cure(found.isel(subject=[1]))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"replicates": 0}, "replicates is 0"),
        ({"threshold": 0.5}, "threshold is 0.5 cells"),
        ({"threshold": float("nan")}, "threshold is nan cells"),
        ({"progression": 1.0}, "progression is 1.0"),
        ({"assessed_from": -1.0}, "assessed_from is -1.0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changed: dict[str, float], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        simulate_hybrid(DYING, None, [0.0, 1.0], **({"seed": 1} | changed))  # type: ignore[arg-type]


def test_every_replicate_gets_its_subject_s_infusions() -> None:
    import pandas as pd

    given = pd.DataFrame(
        {"subject": ["a", "b", "b"], "time": [0.0, 0.0, 2.0], "cells": [100.0, 300.0, 500.0]}
    )
    known = {"subject": ["a", "b"], "n_0": [1e9, 1e9], "loss": [0.1, 0.1]}
    found = simulate_hybrid(DYING, known, [0.0, 3.0], given, seed=1, replicates=3)
    wanted = solve(DYING, known, [0.0, 3.0], given)
    for r in range(3):
        np.testing.assert_allclose(found.killer.values[:, r], wanted.killer.values, rtol=1e-6)
