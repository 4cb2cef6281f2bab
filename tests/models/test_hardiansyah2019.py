"""Hardiansyah 2019: what its equations imply, and an independent solution of them."""

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.example import find_example
from cellkinetics.kernel.solve import solve

MODEL = load_model("hardiansyah2019")
CAR_T = ("effector", "effector_tissue", "memory", "memory_tissue")
TYPICAL = {q.name: q.typical for q in MODEL.parameters}


def independent(example: str, days: Any) -> Any:
    """States on those days, by LSODA between the infusions; written from the supplement."""
    own = find_example(MODEL, example)
    v = TYPICAL | dict(own.values)

    def change(t: float, y: Any) -> list[float]:
        b, e, et, m, mt, il6, il10, ifng = y
        f = b / (b + v["h"])
        made = 1e6 * b * e
        inhibited = v["a_g"] + (1 - v["a_g"]) * v["b_g"] / (il10 + v["b_g"])
        return [
            v["r_b"] * b - v["d_b"] * b - v["k_bc"] * e * b,
            v["r_e"] * e * b - v["d_e"] * e - v["k_in"] * e + v["k_out"] * et
            - v["a_e"] * e * (1 - f) + v["a_m"] * m * f,
            v["k_in"] * e - v["k_out"] * et,
            v["r_m"] * m - v["d_m"] * m - v["k_in"] * m + v["k_out"] * mt
            + v["a_e"] * e * (1 - f) - v["a_m"] * m * f,
            v["k_in"] * m - v["k_out"] * mt,
            v["d_il6"] * v["il6_0"] + v["p_il6"] * made - v["d_il6"] * il6,
            v["d_il10"] * v["il10_0"] + v["p_il10"] * made - v["d_il10"] * il10,
            v["d_ifng"] * v["ifng_0"] + v["p_ifng"] * made * inhibited - v["d_ifng"] * ifng,
        ]  # fmt: skip

    y = np.array([v["b_0"], 0, 0, 0, 0, v["il6_0"], v["il10_0"], v["ifng_0"]])
    assert own.dosing is not None
    edges = [*(t for t, _ in own.dosing), days[-1]]
    found: list[Any] = []
    for (start, cells), end in zip(own.dosing, edges[1:], strict=True):
        y[1] += cells * 1e-9
        inside = [d for d in days if start < d <= end]
        at = sorted({*inside, end})
        out = solve_ivp(
            change, (start, end), y, method="LSODA", t_eval=at, rtol=1e-10, atol=1e-14
        ).y
        found += [out[:, at.index(d)] for d in inside]
        y = out[:, -1].copy()
    return np.array(found)


@pytest.mark.parametrize("example", ["UPN1", "UPN3"])
def test_an_independent_solution_agrees(example: str) -> None:
    days = [0.5, 1.5, 3.0, 3.5, 5.0, 10.0, 20.0, 30.0, 100.0, 350.0]
    wanted = independent(example, days)
    ours = solve(MODEL, None, days, example=example, rtol=1e-8)
    for i, state in enumerate(MODEL.states):
        np.testing.assert_allclose(
            ours[state.name].values[0], wanted[:, i], rtol=1e-5, atol=1e-9, err_msg=state.name
        )
    np.testing.assert_allclose(ours.car_t.values[0], wanted[:, 1] + wanted[:, 3], rtol=1e-5)
    np.testing.assert_allclose(ours.car_t_per_ul, ours.car_t * 1e9 / 5e6, rtol=1e-12)


def test_without_an_infusion_cytokines_stay_and_b_cells_grow() -> None:
    for infusions in ([], [(0.0, 0.0)]):
        out = solve(MODEL, None, np.arange(0.0, 351.0), infusions)
        for cytokine, baseline in (("il6", 1.7), ("il10", 4.5), ("ifng", 2.3)):
            np.testing.assert_allclose(out[cytokine], baseline, rtol=1e-14)
        for cells in CAR_T:
            np.testing.assert_array_equal(out[cells], 0.0)
        growth = np.diff(np.log(out.cll_cells.values[0]))
        np.testing.assert_allclose(growth, 0.0093 - 0.0076, rtol=1e-6)


def test_without_growth_and_death_the_cells_are_those_infused() -> None:
    still = {"r_e": 0.0, "d_e": 0.0, "r_m": 0.0, "d_m": 0.0}
    days = np.array([0.5, 1.0, 1.001, 2.0, 2.001, 30.0, 350.0])
    out = solve(MODEL, still, days, rtol=1e-9)
    total = sum(out[cells].values[0] for cells in CAR_T)
    infused = np.array([0.11, 0.11, 0.44, 0.44, 1.1, 1.1, 1.1])
    np.testing.assert_allclose(total, infused, rtol=1e-8)
    # Cells do change their kind meanwhile: the balance is that of moving cells.
    assert out.memory.values.max() > 1e-3


def test_late_memory_is_spread_as_the_exchange_says_and_declines_from_both() -> None:
    days = np.arange(250.0, 350.0)
    out = solve(MODEL, None, days)
    ratio = TYPICAL["k_in"] / TYPICAL["k_out"]
    np.testing.assert_allclose(out.memory_tissue / out.memory, ratio, rtol=0.01)
    slope = -np.polyfit(days, np.log(out.car_t.values[0]), 1)[0]
    assert slope == pytest.approx((TYPICAL["d_m"] - TYPICAL["r_m"]) / (1 + ratio), rel=0.01)
    assert np.log(2) / slope == pytest.approx(83, abs=0.5)


@pytest.mark.parametrize(("h", "peak"), [(1e-4, 7.7e-7), (0.5, 2.2883e-3), (1e5, 7.34449e-3)])
def test_only_h_in_the_models_own_unit_gives_the_memory_of_the_paper(h: float, peak: float) -> None:
    """Peaks of memory that nlmixr2lib's vignette gives for three readings of "1e5 cells/ml"."""
    out = solve(MODEL, {"h": h}, np.arange(0.0, 351.0, 0.5))
    assert float(out.memory.max()) == pytest.approx(peak, rel=5e-3)


def test_il10_holds_interferon_down() -> None:
    """Fig. 1b reads 700 pg/mL; with b_G in ng/mL nothing is held and the peak is 50 % above."""
    days = np.arange(0.0, 20.0, 0.05)
    held, free = (float(solve(MODEL, {"b_g": b_g}, days).ifng.max()) for b_g in (650.0, 650e3))
    assert held / 700 == pytest.approx(1.18, abs=0.01)
    assert free / 700 == pytest.approx(1.53, abs=0.01)


def test_burden_moves_the_peak_and_dose_does_not() -> None:
    days = np.arange(0.0, 60.0, 0.1)
    for who in ("UPN1", "UPN3"):
        own = find_example(MODEL, who)
        assert own.dosing is not None
        double = [(t, 2 * cells) for t, cells in own.dosing]
        once = float(solve(MODEL, None, days, example=who).il6.max())
        more_cells = float(solve(MODEL, None, days, double, example=who).il6.max())
        burden = {"b_0": 2 * own.values["b_0"]}
        more_burden = float(solve(MODEL, burden, days, example=who).il6.max())
        assert abs(more_cells / once - 1) < 0.02
        assert more_burden / once > 3
