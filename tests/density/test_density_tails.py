"""Far tails: digits kept, gradients neither zero nor NaN, to 1e8 scale units and far beyond."""

import math
from dataclasses import replace

import numpy as np
import pytest
from density_reference import Row, closed_form, compiled, log_survival

from cellkinetics.density import COMBINED, INTERVAL, LEFT, LOGNORMAL, OBSERVED, RIGHT, STUDENT_T

KINDS = (OBSERVED, LEFT, RIGHT, INTERVAL)
NU = (1.0, 2.0, 3.0, 4.0, 7.5, 30.0, 100.0, math.inf)


def at(z: float, kind: int, nu: float) -> Row:
    """A reading of 1 that lies z scale units above the prediction: log 1 = 0, so z = -pred."""
    upper = math.e if kind == INTERVAL else 1.0
    return Row(STUDENT_T, kind, -z, a=1.0, nu=nu, value=1.0, lower=1.0, upper=upper)


@pytest.mark.parametrize("nu", NU)
def test_log_cdf_and_log_survival_keep_their_digits(nu: float) -> None:
    magnitudes = np.concatenate([np.geomspace(1e-3, 1e8, 56), [1.72, 1.74, 9.99, 10.0, 40.0]])
    for z in (float(v) for v in (*-magnitudes, 0.0, *magnitudes)):
        survival = compiled(at(z, RIGHT, nu))[0]
        cdf = compiled(at(z, LEFT, nu))[0]
        # below 1e-290 a probability is lost beside 1 in double precision, and may be
        assert survival == pytest.approx(log_survival(nu, z), rel=1e-12, abs=1e-290), z
        assert cdf == pytest.approx(log_survival(nu, -z), rel=1e-12, abs=1e-290), z


@pytest.mark.parametrize("nu", NU)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("z", [-1e8, -1e4, -300.0, -40.0, 40.0, 300.0, 1e4, 1e8])
def test_gradients_in_the_tails(z: float, kind: int, nu: float) -> None:
    wrong_side = {LEFT: z > 0, RIGHT: z < 0}.get(kind, False)
    row = at(z, kind, nu)
    log_p, by_pred, by_a, by_b = compiled(row)
    if wrong_side:  # probability 1 to within a tail that may be too small for a float
        assert log_p <= 0.0
        assert math.isfinite(by_pred)
        assert math.isfinite(by_a)
        return
    assert by_pred * z > 0.0  # the gradient pulls the prediction towards the reading
    assert by_a > 0.0  # and the scale up
    wanted = closed_form(row, digits=80)
    assert (log_p, by_pred, by_a, by_b) == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("nu", NU)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("z", [-1e100, -1e20, 1e20, 1e100])
def test_no_nan_far_beyond(z: float, kind: int, nu: float) -> None:
    log_p, by_pred, by_a, _ = compiled(at(z, kind, nu))
    assert math.isfinite(log_p)
    assert math.isfinite(by_pred)
    assert math.isfinite(by_a)
    if not {LEFT: z > 0, RIGHT: z < 0}.get(kind, False):
        assert by_pred * z > 0.0


@pytest.mark.parametrize("nu", [4.0, 30.0, math.inf])
@pytest.mark.parametrize("width", [1e-12, 1e-6, 1e-3, 0.1, 0.7, 3.0, 50.0])
@pytest.mark.parametrize("z", [-1e6, -30.0, -1.0, -0.01, 0.3, 2.0, 12.0, 1e6])
def test_intervals_narrow_and_wide(z: float, width: float, nu: float) -> None:
    row = replace(at(z, INTERVAL, nu), upper=1.0 + width)
    wanted = closed_form(row, digits=90)
    # abs: an interval around the prediction has a gradient near 0
    assert compiled(row) == pytest.approx(wanted, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nu", [4.0, 30.0, math.inf])
@pytest.mark.parametrize("z", [-1e6, -40.0, -1.0, 0.5, 3.0, 12.0, 40.0, 1e4, 1e8])
@pytest.mark.parametrize("gap", [1e-9, 1e-3, 0.3])
def test_conditioning_on_a_floor_in_the_tails(z: float, kind: int, nu: float, gap: float) -> None:
    row = replace(at(z, kind, nu), floor=1.0 / (1.0 + gap))
    if kind == LEFT:
        row = replace(row, upper=1.5)
    log_p, by_pred, by_a, _ = compiled(row)
    wanted = closed_form(row, digits=120)
    assert log_p == pytest.approx(wanted[0], rel=1e-10, abs=1e-13)
    # differences of terms of size 1 (by log a) and of 1/z (by pred), each to some 1e-14
    assert by_pred == pytest.approx(wanted[1], rel=1e-9, abs=1e-13)
    assert by_a == pytest.approx(wanted[2], rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reading", [1e-3, 40.0, 1e4, 1e9])
@pytest.mark.parametrize("floor", [-math.inf, 0.0])
def test_combined_error_in_the_tails(reading: float, kind: int, floor: float) -> None:
    row = Row(
        COMBINED,
        kind,
        math.log(0.5),
        a=0.2,
        b=0.1,
        value=reading,
        lower=reading,
        upper=reading if kind == LEFT else reading + 1.0,
        floor=floor,
    )
    assert compiled(row) == pytest.approx(closed_form(row, digits=90), rel=1e-10, abs=1e-12)


def test_right_censored_student_t_where_a_cdf_from_below_fails() -> None:
    # log(1 - cdf) is -inf and its gradient NaN here, and so PyMC's censored Student-t
    for nu, z in ((30.0, 30.0), (4.0, 1e5)):
        log_p, by_pred, by_a, _ = compiled(at(z, RIGHT, nu))
        assert log_p == pytest.approx(log_survival(nu, z), rel=1e-13)
        assert by_pred == pytest.approx(nu / z, rel=0.05)
        assert by_a == pytest.approx(nu, rel=0.05)


def test_lognormal_with_a_small_scale_is_far_out_soon() -> None:
    # f = 1e-30 copies/ug against a reading of 1e6: a start of a chain, not a corner case
    row = Row(LOGNORMAL, OBSERVED, math.log(1e-30), a=0.05, value=1e6)
    for kind in (OBSERVED, RIGHT):
        came = compiled(replace(row, kind=kind, lower=1e6))
        assert came == pytest.approx(closed_form(replace(row, kind=kind, lower=1e6)), rel=1e-12)


@pytest.mark.parametrize("width", [1e-12, 1e-9, 1e-5])
@pytest.mark.parametrize("floor", [-math.inf, 1e4 * (1.0 - 1e-9)])
def test_a_narrow_interval_at_a_high_level(width: float, floor: float) -> None:
    # log upper - log lower would keep four digits of a width of 1e-12
    row = Row(LOGNORMAL, INTERVAL, 1.0, lower=1e4, upper=1e4 * (1.0 + width), floor=floor)
    wanted = closed_form(row, digits=100)
    assert compiled(row) == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("nu", [0.5, 29.0, 31.0, 1e4, 1e6])
def test_density_of_student_t_for_few_and_many_degrees_of_freedom(nu: float) -> None:
    for z in (0.3, 5.0, 100.0):
        row = at(z, OBSERVED, nu)
        assert compiled(row) == pytest.approx(closed_form(row), rel=1e-13, abs=1e-13)
