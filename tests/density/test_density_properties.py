"""Laws that hold for any error model and any numbers, on generated readings."""

import math
from dataclasses import replace

import numpy as np
from density_reference import Row, closed_form, compiled, natural
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cellkinetics.density import COMBINED, INTERVAL, LEFT, LOGNORMAL, OBSERVED, RIGHT, STUDENT_T

reproducible = settings(derandomize=True, deadline=None, max_examples=200)


@st.composite
def readings(draw: st.DrawFn, families: tuple[int, ...] = (LOGNORMAL, STUDENT_T, COMBINED)) -> Row:
    """An observed value, up to some hundred scale units from its prediction."""
    family = draw(st.sampled_from(families))
    log_f = draw(st.floats(-3.0, 10.0))
    a = 10.0 ** draw(st.floats(-2.0, 1.0))
    b = draw(st.sampled_from([0.0, 0.05, 0.3]))
    z = draw(st.sampled_from([0.3, 3.0, 30.0, 300.0])) * draw(st.floats(-1.0, 1.0))
    if family == COMBINED:
        f = math.exp(log_f)
        value = f + z * math.hypot(a, b * f)
    else:
        a /= 10.0
        value = math.exp(log_f + a * z)
    nu = draw(st.sampled_from([1.0, 2.5, 4.0, 30.0]))
    return Row(family, OBSERVED, log_f, a=a, b=b, nu=nu, value=value)


def log_p(row: Row) -> float:
    return compiled(row)[0]


def scale_of(row: Row) -> float:
    """The error's SD in units of y, at the reading."""
    if row.family == COMBINED:
        return math.hypot(row.a, row.b * math.exp(row.pred))
    return row.a * row.value


@reproducible
@given(readings(), st.booleans())
def test_left_and_right_are_all(row: Row, conditional: bool) -> None:
    floor = row.value - 0.5 * scale_of(row) if conditional else -math.inf
    left = log_p(replace(row, kind=LEFT, upper=row.value, floor=floor))
    right = log_p(replace(row, kind=RIGHT, lower=row.value, floor=floor))
    np.testing.assert_allclose(np.logaddexp(left, right), 0.0, atol=1e-12)


@reproducible
@given(readings(), st.floats(0.01, 3.0), st.floats(0.01, 3.0))
def test_neighbouring_intervals_add(row: Row, first: float, second: float) -> None:
    middle = row.value + first * scale_of(row)
    end = middle + second * scale_of(row)
    whole = replace(row, kind=INTERVAL, lower=row.value, upper=end)
    parts = replace(whole, upper=middle), replace(whole, lower=middle)
    together = np.logaddexp(log_p(parts[0]), log_p(parts[1]))
    np.testing.assert_allclose(together, log_p(whole), rtol=1e-12, atol=1e-12)


@reproducible
@given(readings())
def test_an_interval_tends_to_the_density(row: Row) -> None:
    half = 1e-6 * scale_of(row) / (1.0 + abs(compiled(row)[2]) * row.a)
    lower, upper = row.value - half, row.value + half
    assume(upper > lower)
    interval = compiled(replace(row, kind=INTERVAL, lower=lower, upper=upper))
    came = (interval[0] - math.log(upper - lower), *interval[1:])
    np.testing.assert_allclose(came, compiled(row), rtol=1e-5, atol=1e-5)


@reproducible
@given(readings(), st.floats(1e-6, 5.0))
def test_more_room_is_more_probable(row: Row, wider: float) -> None:
    further = row.value + wider * scale_of(row)
    left = replace(row, kind=LEFT, upper=row.value)
    assert log_p(left) <= log_p(replace(left, upper=further))
    right = replace(row, kind=RIGHT, lower=row.value)
    assert log_p(right) >= log_p(replace(right, lower=further))
    interval = replace(row, kind=INTERVAL, lower=row.value, upper=further)
    assert log_p(interval) <= min(log_p(replace(interval, kind=RIGHT)), 0.0)


@reproducible
@given(readings(families=(LOGNORMAL, STUDENT_T)))
def test_a_higher_prediction_makes_a_low_reading_less_probable(row: Row) -> None:
    left = compiled(replace(row, kind=LEFT, upper=row.value))
    right = compiled(replace(row, kind=RIGHT, lower=row.value))
    assert left[1] <= 0.0 <= right[1]


@reproducible
@given(readings(families=(LOGNORMAL, STUDENT_T)))
def test_log_families_are_symmetric(row: Row) -> None:
    left = compiled(replace(row, kind=LEFT, upper=row.value))
    mirrored = replace(row, kind=RIGHT, pred=-row.pred, lower=1.0 / row.value)
    right = compiled(mirrored)
    # 1 / value is rounded, which moves z by some 1e-16 / a
    z = (math.log(row.value) - row.pred) / row.a
    tolerance = {"rtol": 1e-9, "atol": 1e-13 * (1.0 + abs(z)) ** 2 / row.a**2}
    np.testing.assert_allclose(left[:3], (right[0], -right[1], right[2]), **tolerance)


@reproducible
@given(readings(), st.sampled_from([OBSERVED, LEFT, RIGHT, INTERVAL]))
def test_the_link_changes_nothing_but_the_chain_rule(row: Row, kind: int) -> None:
    upper = row.value + scale_of(row)
    row = replace(row, kind=kind, lower=row.value, upper=upper)
    by_log, plain = compiled(row), compiled(natural(row))
    f = math.exp(row.pred)
    # log f and f are rounded apart, which moves z by some 1e-15 / scale: terms in z^2 follow
    tolerance = {"rtol": 1e-7, "atol": 1e-7 / row.a}
    np.testing.assert_allclose(by_log, (plain[0], plain[1] * f, *plain[2:]), **tolerance)


@settings(reproducible, max_examples=80)
@given(readings(), st.sampled_from([OBSERVED, LEFT, RIGHT, INTERVAL]), st.floats(-1.0, 6.0))
def test_any_reading_equals_the_high_precision_reference(
    row: Row, kind: int, above_floor: float
) -> None:
    unit = scale_of(row)
    floor = row.value - above_floor * unit if above_floor > 0.0 else -math.inf
    row = replace(row, kind=kind, lower=row.value, upper=row.value + 0.7 * unit, floor=floor)
    came = np.array(compiled(row))
    wanted = np.array(closed_form(row, digits=120))
    # in units of the scale: derivatives by log a are of order z^2
    by_scale = np.array([1.0, row.a, row.a, row.a])
    np.testing.assert_allclose(came * by_scale, wanted * by_scale, rtol=1e-9, atol=1e-9)


@reproducible
@given(
    st.builds(
        Row,
        family=st.sampled_from([LOGNORMAL, STUDENT_T, COMBINED]),
        kind=st.sampled_from([OBSERVED, LEFT, RIGHT, INTERVAL]),
        pred=st.floats(-745.0, 700.0),  # to the smallest positive float and near the largest
        a=st.floats(1e-8, 1e4),
        b=st.floats(0.0, 10.0),
        nu=st.floats(0.2, 1e3),
        value=st.floats(1e-9, 1e12),
        floor=st.sampled_from([-math.inf, 0.0, 1e-6, 50.0]),
    )
)
def test_no_finite_input_gives_nan(row: Row) -> None:
    row = replace(row, lower=row.value, upper=2.0 * row.value)
    for came in (compiled(row), compiled(natural(row))):
        assert not any(math.isnan(v) for v in came)
        assert came[0] < math.inf
        assert row.kind == OBSERVED or came[0] <= 1e-12
