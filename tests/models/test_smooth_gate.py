"""The smooth gate: Stein 2019 as its limit, no kink anywhere else."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve
from cellkinetics.symbolic import trace

MODEL = load_model("smooth_gate")
TYPICAL = {q.name: q.typical for q in MODEL.parameters}
DAYS = np.array([0.0, 1.0, 4.0, 7.0, 9.2, 9.4, 11.0, 14.0, 28.0, 90.0, 365.0])
COMEDICATION = [{}, {"t_tocilizumab": 5.0}, {"t_tocilizumab": 7.0, "t_corticosteroid": 3.0}]


@pytest.mark.parametrize("known", COMEDICATION)
def test_a_steep_gate_without_saturation_is_stein(known: dict[str, float]) -> None:
    sharp = solve("stein2019", known | {"f_corticosteroid": 0.8}, DAYS).transgene.values[0]
    limit = known | {"f_corticosteroid": 0.8, "saturation": 1e-9}
    smooth = solve(MODEL, limit | {"width": 1e-3}, DAYS, rtol=1e-10).transgene.values[0]
    np.testing.assert_allclose(np.log(smooth), np.log(sharp), atol=1e-6)


def test_what_is_left_of_the_limit_is_proportional_to_the_width() -> None:
    """At t_max itself the level is short by (rho + alpha) w log 2."""
    rho = np.log(TYPICAL["fold_expansion"]) / TYPICAL["t_max"]
    for width in (0.02, 0.01):
        at = {"width": width, "saturation": 1e-9, "f_b": 1e-9}
        level = float(solve(MODEL, at, [TYPICAL["t_max"]], rtol=1e-10).transgene[0, 0])
        short = np.log(TYPICAL["c_max"] / level) / width
        assert short == pytest.approx((rho + TYPICAL["alpha"]) * np.log(2), rel=1e-4)


def test_saturation_slows_growth_but_keeps_the_level_at_the_peak() -> None:
    at = {"width": 1e-4, "saturation": 2.0}
    days = [0.0, 0.5, TYPICAL["t_max"] - 0.5, TYPICAL["t_max"]]
    level = solve(MODEL, at, days, rtol=1e-10).transgene.values[0]
    assert level[-1] == pytest.approx(TYPICAL["c_max"], rel=1e-3)
    early, late = np.log(level[1] / level[0]), np.log(level[3] / level[2])
    # At the peak growth is 1 / (1 + 2) of what it was at the start.
    assert 1 / 3 < late / early < 0.5


def test_the_typical_peak_is_where_the_card_says() -> None:
    days = np.arange(8.0, 12.0, 0.05)
    level = solve(MODEL, None, days).transgene.values[0]
    peak = int(level.argmax())
    assert TYPICAL["t_max"] < days[peak] < TYPICAL["t_max"] + 1
    assert 0.7 < level[peak] / TYPICAL["c_max"] < 0.9


def test_the_kernel_solves_the_equations_as_written() -> None:
    """Against SciPy on the equations written out by hand, time explicit."""
    p = TYPICAL | {"width": 0.7, "saturation": 1.5}
    rho = (np.log(p["fold_expansion"]) + 1.5 * (1 - 1 / p["fold_expansion"])) / p["t_max"]
    r_0 = p["c_max"] / p["fold_expansion"]

    def slope(t: float, z: np.ndarray) -> list[float]:
        closed = 1 / (1 + np.exp(-(t - p["t_max"]) / p["width"]))
        growth = rho / (1 + 1.5 * np.exp(z).sum() / p["c_max"])
        return [(1 - closed) * growth - closed * p[name] for name in ("alpha", "beta")]

    start = np.log([(1 - p["f_b"]) * r_0, p["f_b"] * r_0])
    wanted = solve_ivp(slope, (0, 365), start, "DOP853", DAYS, rtol=1e-11, atol=1e-11, max_step=1)
    found = solve(MODEL, {"width": 0.7, "saturation": 1.5}, DAYS, rtol=1e-9)
    np.testing.assert_allclose(
        np.log(found.transgene.values[0]), np.log(np.exp(wanted.y).sum(axis=0)), atol=1e-7
    )


def test_no_switch_depends_on_a_parameter() -> None:
    symbolic = trace(MODEL)
    estimated = set(symbolic.parameters.values())
    assert all(not (e.free_symbols & estimated) for e in symbolic.switches.values())
