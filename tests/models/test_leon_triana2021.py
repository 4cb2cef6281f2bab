"""Leon-Triana 2021: its two models in one, and its thresholds met from both sides."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from cellkinetics.card import characteristic_rows
from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve

MODEL = load_model("leon_triana2021")
T_0 = 3.35e10


def fact(name: str, **values: float) -> float:
    """A characteristic of the card, at other typical values."""
    from dataclasses import replace

    parameters = tuple(
        replace(q, typical=values[q.name]) if q.name in values else q for q in MODEL.parameters
    )
    rows = characteristic_rows(replace(MODEL, parameters=parameters))
    return float(next(r["value"] for r in rows if r["characteristic"] == name))


def biomodels(t: float, y: np.ndarray, alpha_1: float) -> list[float]:
    """BIOMD0000001014, written out anew."""
    c, tumour, off, b = y
    return [
        0.2 * off + 0.9 * c * tumour / (1e10 + tumour) - alpha_1 * c * tumour / (2e9 + c) - c / 7,
        0.02 * tumour - 2.5e-10 * c * tumour,
        0.9 * off * b / (1e10 + b) - off / 7 - 0.2 * off,
        -4.5e-11 * b * off - b / 60,
    ]


@pytest.mark.parametrize("alpha_1", [0.0, 0.02, 0.183, 0.2])
def test_the_equations_are_those_of_biomodels(alpha_1: float) -> None:
    days = np.array([1.0, 5.0, 10.0, 15.0, 20.0, 25.0])
    peer = solve_ivp(
        biomodels, (0, 25), [0.0, T_0, 2e8, 2.5e10], method="LSODA", t_eval=days, rtol=1e-11,
        atol=1e-6, args=(alpha_1,),
    ).y  # fmt: skip
    ours = solve(MODEL, {"alpha_1": alpha_1}, days, rtol=1e-9)
    names = ("car_t_on_tumour", "tumour", "car_t_off_tumour", "b_cells")
    for name, wanted in zip(names, peer, strict=True):
        np.testing.assert_allclose(ours[name].values[0], wanted, rtol=1e-6)


def test_with_the_dose_in_the_tumour_it_is_the_single_target_model() -> None:
    """BIOMD0000001013: 4e8 cells in a tumour of 6.7e9."""
    days = np.array([2.0, 8.0, 20.0, 40.0])

    def single(t: float, y: np.ndarray) -> list[float]:
        c, tumour = y
        return [
            0.9 * c * tumour / (1e10 + tumour) - 0.04 * c * tumour / (2e9 + c) - c / 7,
            0.02 * tumour - 2.5e-10 * c * tumour,
        ]

    peer = solve_ivp(
        single, (0, 40), [4e8, 6.7e9], method="DOP853", t_eval=days, rtol=1e-11, atol=1e-6
    ).y
    example = next(e for e in MODEL.examples if e.name == "small_tumour")
    ours = solve(MODEL, example.values, days, infusions=example.dosing, rtol=1e-9)
    np.testing.assert_allclose(ours.car_t_on_tumour.values[0], peer[0], rtol=1e-6)
    np.testing.assert_allclose(ours.tumour.values[0], peer[1], rtol=1e-6)
    assert (ours.car_t_off_tumour.values == 0).all()


@pytest.mark.parametrize("alpha_1", [0.034, 0.04, 0.06, 0.1])
def test_car_t_cells_grow_above_the_expansion_threshold_and_decline_below(alpha_1: float) -> None:
    threshold = fact("expansion_threshold", alpha_1=alpha_1)
    assert threshold > 0
    for factor, grows in ((0.999, False), (1.001, True)):
        out = solve(
            MODEL, {"alpha_1": alpha_1, "f_tumour": 1.0}, [0.0, 1e-5],
            infusions=[(0.0, factor * threshold)], rtol=1e-11,
        )  # fmt: skip
        cells = out.car_t_on_tumour.values[0]
        assert (cells[1] > cells[0]) == grows


def test_the_threshold_is_the_root_of_the_growth_rate() -> None:
    """Found by search, not by the formula."""

    def growth(cells: float) -> float:
        return 0.9 * T_0 / (1e10 + T_0) - 1 / 7 - 0.04 * T_0 / (2e9 + cells)

    assert fact("expansion_threshold", alpha_1=0.04) == pytest.approx(
        brentq(growth, 1.0, 1e12, xtol=1e-3), rel=1e-9
    )
    assert fact("expansion_threshold", alpha_1=0.04) == pytest.approx(4.353e8, rel=1e-3)


def test_below_a_weak_inactivation_any_number_expands() -> None:
    limit = fact("alpha_1_any_dose")
    assert limit == pytest.approx(0.03285, rel=1e-3)
    assert fact("expansion_threshold", alpha_1=0.999 * limit) == 0
    assert fact("expansion_threshold", alpha_1=1.001 * limit) > 0
    for factor, grows in ((0.99, True), (1.01, False)):
        out = solve(
            MODEL, {"alpha_1": factor * limit, "f_tumour": 1.0}, [0.0, 0.01],
            infusions=[(0.0, 1e3)],
        )  # fmt: skip
        assert (out.car_t_on_tumour.values[0, 1] > 1e3) == grows


def test_figure_1_shows_both_sides() -> None:
    """8e7 cells expand at alpha_1 of 0 to 0.03 and do not at 0.035 to 0.1."""
    for alpha_1 in (0.0, 0.01, 0.02, 0.03, 0.035, 0.04, 0.1):
        out = solve(
            MODEL, {"alpha_1": alpha_1, "f_tumour": 1.0}, np.arange(0.0, 61.0),
            infusions=[(0.0, 8e7)],
        )  # fmt: skip
        expanded = out.car_t_on_tumour.values.max() > 1e9
        assert expanded == (fact("expansion_threshold", alpha_1=max(alpha_1, 1e-9)) < 8e7)


def test_b_cells_feed_expansion_outside_the_tumour_only_above_their_threshold() -> None:
    threshold = fact("b_for_expansion")
    assert threshold == pytest.approx(6.154e9, rel=1e-3)
    for factor, grows in ((0.99, False), (1.01, True)):
        out = solve(MODEL, {"b_0": factor * threshold}, [0.0, 1e-4], infusions=[(0.0, 1e3)])
        cells = out.car_t_off_tumour.values[0]
        assert (cells[1] > cells[0]) == grows


def test_a_small_tumour_feeds_nobody() -> None:
    least = fact("t_for_expansion")
    assert least == pytest.approx(1e10 / 5.3, rel=1e-9)
    for factor, grows in ((0.99, False), (1.01, True)):
        out = solve(
            MODEL, {"t_0": factor * least, "alpha_1": 0.0, "f_tumour": 1.0}, [0.0, 1e-3],
            infusions=[(0.0, 1e6)], rtol=1e-11,
        )  # fmt: skip
        cells = out.car_t_on_tumour.values[0]
        assert (cells[1] > cells[0]) == grows


def test_above_the_critical_inactivation_there_is_no_joint_equilibrium() -> None:
    critical = fact("alpha_1_critical")
    entry = next(p for p in MODEL.published)
    assert critical == pytest.approx(entry.compute(solve, MODEL), rel=1e-12)
    tumour = np.geomspace(1e6, 1e13, 200_001)
    cells = 0.02 / 2.5e-10  # dT/dt = 0
    for alpha_1, roots in ((0.99 * critical, 2), (1.01 * critical, 0)):
        rate = 0.9 * tumour / (1e10 + tumour) - alpha_1 * tumour / (2e9 + cells) - 1 / 7
        assert int((np.diff(np.sign(rate)) != 0).sum()) == roots


def test_a_second_target_overcomes_what_one_cannot() -> None:
    """The paper's point: 2e8 cells fail alone at alpha_1 = 0.1 and win with B cells to grow on."""
    days = np.arange(0.0, 61.0)
    alone = solve(MODEL, {"alpha_1": 0.1, "f_tumour": 1.0}, days)
    dual = solve(MODEL, {"alpha_1": 0.1}, days)
    assert alone.tumour.values[0, -1] > 2 * T_0
    assert dual.tumour.values[0].min() < 1e-3 * T_0
    # Fig. 5b, for which the paper prints 0.2 and BioModels needed 0.183.
    printed = solve(MODEL, {"alpha_1": 0.2}, days)
    needed = solve(MODEL, {"alpha_1": 0.183}, days)
    assert needed.tumour.values[0].min() < 0.01 * printed.tumour.values[0].min()
