"""Every family x kind x floor x link against quadrature of the density, values and gradients."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from density_reference import Four, Row, brute_force, closed_form, compiled, natural
from scipy import stats

from cellkinetics.density import (
    COMBINED,
    INTERVAL,
    LEFT,
    LOGNORMAL,
    OBSERVED,
    RIGHT,
    STUDENT_T,
    log_densities,
)
from cellkinetics.density import rows as density_rows

ERRORS = {
    "lognormal": Row(LOGNORMAL, OBSERVED, 0.0),
    "student_t(1)": Row(STUDENT_T, OBSERVED, 0.0, nu=1.0),
    "student_t(4)": Row(STUDENT_T, OBSERVED, 0.0, nu=4.0),
    "student_t(30)": Row(STUDENT_T, OBSERVED, 0.0, nu=30.0),
    "combined": Row(COMBINED, OBSERVED, 0.0),
    "additive": Row(COMBINED, OBSERVED, 0.0, a=1.5, b=0.0),
    "proportional": Row(COMBINED, OBSERVED, 0.0, a=0.0, b=0.8),
}
KINDS = {"observed": OBSERVED, "left": LEFT, "right": RIGHT, "interval": INTERVAL}
FLOORS = (-math.inf, 0.0, 1.0, 6.0)
PREDICTIONS = (0.4, 2.5, 7.0, 30.0)
LINKS: dict[str, Callable[[Row], Row]] = {"log": lambda row: row, "natural": natural}


def reading(error: str, kind: int, floor: float, prediction: float) -> Row:
    limits = {"value": 7.0, "lower": 6.5 if kind == INTERVAL else 8.0, "upper": 9.0}
    return replace(ERRORS[error], kind=kind, floor=floor, pred=math.log(prediction), **limits)


def agree(came: Four, wanted: Four) -> bool:
    return bool(np.allclose(came, wanted, rtol=1e-9, atol=1e-10))


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", ERRORS)
def test_density_and_gradient_equal_the_quadrature(
    error: str, kind: str, floor: float, link: str
) -> None:
    for prediction in PREDICTIONS:
        row = LINKS[link](reading(error, KINDS[kind], floor, prediction))
        wanted = brute_force(row)
        assert agree(compiled(row), wanted), row
        # the high-precision reference that the tails are held against is itself held here
        if row.pred_is_log:
            assert agree(closed_form(row), wanted), row


WRONG: dict[str, tuple[Row, Callable[[Row], Four]]] = {
    "M5 in place of M3": (
        Row(LOGNORMAL, LEFT, math.log(7.0), upper=9.0),
        lambda row: compiled(replace(row, kind=OBSERVED, value=row.upper / 2)),
    ),
    "M3 in place of M2: floor ignored": (
        Row(LOGNORMAL, OBSERVED, math.log(7.0), value=8.0, floor=6.0),
        lambda row: compiled(replace(row, floor=-math.inf)),
    ),
    "M3 in place of M4: floor ignored": (
        Row(COMBINED, LEFT, math.log(2.0), a=1.5, upper=3.0, floor=0.0),
        lambda row: compiled(replace(row, floor=-math.inf)),
    ),
    "left read as right": (
        Row(STUDENT_T, LEFT, math.log(7.0), upper=9.0, lower=9.0),
        lambda row: compiled(replace(row, kind=RIGHT)),
    ),
    "interval read as left": (
        Row(STUDENT_T, INTERVAL, math.log(7.0), lower=6.0, upper=9.0),
        lambda row: compiled(replace(row, kind=LEFT)),
    ),
    "Student-t taken as normal": (
        Row(STUDENT_T, LEFT, math.log(7.0), upper=9.0),
        lambda row: compiled(replace(row, family=LOGNORMAL)),
    ),
    "scale given as a variance": (
        Row(LOGNORMAL, OBSERVED, math.log(7.0), value=9.0),
        lambda row: compiled(replace(row, a=row.a**2)),
    ),
    "combined SDs added": (
        Row(COMBINED, OBSERVED, math.log(7.0), value=9.0),
        lambda row: compiled(replace(row, a=row.a + row.b * math.exp(row.pred), b=0.0)),
    ),
    "density of log y": (
        Row(LOGNORMAL, OBSERVED, math.log(7.0), value=9.0),
        lambda row: (compiled(row)[0] + math.log(row.value), *compiled(row)[1:]),
    ),
    "sign of the gradient": (
        Row(LOGNORMAL, LEFT, math.log(7.0), upper=9.0),
        lambda row: (compiled(row)[0], -compiled(row)[1], *compiled(row)[2:]),
    ),
    "gradient by f in place of log f": (
        Row(LOGNORMAL, LEFT, math.log(7.0), upper=9.0),
        lambda row: (compiled(row)[0], compiled(natural(row))[1], *compiled(row)[2:]),
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_comparison_notices(mistake: str) -> None:
    row, wrong = WRONG[mistake]
    assert agree(compiled(row), brute_force(row))
    assert not agree(wrong(row), brute_force(row))


def test_observed_densities_are_those_of_scipy() -> None:
    y, f = 9.0, 7.0
    t = stats.t.logpdf(math.log(y / f) / 0.5, df=4.0) - math.log(0.5) - math.log(y)
    wanted = {
        LOGNORMAL: stats.lognorm.logpdf(y, s=0.5, scale=f),
        STUDENT_T: t,
        COMBINED: stats.norm.logpdf(y, loc=f, scale=math.hypot(0.5, 0.2 * f)),
    }
    for family, log_p in wanted.items():
        row = Row(family, OBSERVED, f, value=y, pred_is_log=False)
        assert compiled(row)[0] == pytest.approx(log_p, rel=1e-13)


@pytest.mark.parametrize(
    ("nu", "quantile", "probability"),
    [  # tables of the t distribution
        (1.0, 12.7062, 0.025),
        (2.0, 4.30265, 0.025),
        (4.0, 2.77645, 0.025),
        (30.0, 2.75000, 0.005),
        (100.0, 2.36422, 0.01),
        (math.inf, 1.959964, 0.025),
    ],
)
def test_tabulated_quantiles(nu: float, quantile: float, probability: float) -> None:
    # y = 1, so that z = -pred
    left = Row(STUDENT_T, LEFT, quantile, a=1.0, nu=nu, upper=1.0)
    right = Row(STUDENT_T, RIGHT, -quantile, a=1.0, nu=nu, lower=1.0)
    assert math.exp(compiled(left)[0]) == pytest.approx(probability, rel=5e-5)
    assert math.exp(compiled(right)[0]) == pytest.approx(probability, rel=5e-5)


def test_known_values_of_log_phi() -> None:
    for z, log_phi in {-10.0: -53.23128515051247, -40.0: -804.6084420137538}.items():
        row = Row(LOGNORMAL, LEFT, -z, a=1.0, upper=1.0)
        assert compiled(row)[0] == pytest.approx(log_phi, rel=1e-14)


@pytest.mark.parametrize("kind", KINDS.values())
@pytest.mark.parametrize("error", ["lognormal", "student_t(4)"])
def test_m4_is_m3_for_the_log_families(error: str, kind: int) -> None:
    row = reading(error, kind, 0.0, 2.5)
    assert compiled(row) == compiled(replace(row, floor=-math.inf))


def test_student_t_with_infinite_nu_is_lognormal() -> None:
    for kind, floor in itertools.product(KINDS.values(), FLOORS):
        row = reading("lognormal", kind, floor, 2.5)
        assert compiled(replace(row, family=STUDENT_T, nu=math.inf)) == compiled(row)


IMPOSSIBLE = (-math.inf, 0.0, 0.0, 0.0)
CERTAIN = (0.0, 0.0, 0.0, 0.0)
NOT_A_NUMBER = (math.nan,) * 4
LIMITS = {"value": 7.0, "lower": 6.0, "upper": 9.0}
CONVENTIONS: dict[str, tuple[Row, Four]] = {
    "f = 0, observed": (Row(LOGNORMAL, OBSERVED, 0.0, pred_is_log=False, **LIMITS), IMPOSSIBLE),
    "f = 0, right": (Row(STUDENT_T, RIGHT, 0.0, pred_is_log=False, **LIMITS), IMPOSSIBLE),
    "f < 0, interval": (Row(LOGNORMAL, INTERVAL, -3.0, pred_is_log=False, **LIMITS), IMPOSSIBLE),
    "f < 0, left": (Row(STUDENT_T, LEFT, -3.0, pred_is_log=False, **LIMITS), CERTAIN),
    "f = 0, left, floor": (
        Row(LOGNORMAL, LEFT, 0.0, pred_is_log=False, floor=1.0, **LIMITS),
        IMPOSSIBLE,
    ),
    "log f = -inf, left": (Row(LOGNORMAL, LEFT, -math.inf, **LIMITS), CERTAIN),
    "log f = inf, right": (Row(LOGNORMAL, RIGHT, math.inf, **LIMITS), CERTAIN),
    "log f = inf, left": (Row(LOGNORMAL, LEFT, math.inf, **LIMITS), IMPOSSIBLE),
    "y = 0, observed": (Row(LOGNORMAL, OBSERVED, 1.0, value=0.0), IMPOSSIBLE),
    "y < 0, left": (Row(STUDENT_T, LEFT, 1.0, upper=-1.0), IMPOSSIBLE),
    "y > 0 for certain": (Row(LOGNORMAL, RIGHT, 1.0, lower=0.0), CERTAIN),
    "no upper limit": (Row(COMBINED, LEFT, 1.0, upper=math.inf), CERTAIN),
    "empty interval": (Row(COMBINED, INTERVAL, 1.0, lower=3.0, upper=3.0), IMPOSSIBLE),
    "ends in the wrong order": (Row(LOGNORMAL, INTERVAL, 1.0, lower=3.0, upper=2.0), IMPOSSIBLE),
    "value below the floor": (Row(COMBINED, OBSERVED, 1.0, value=2.0, floor=3.0), IMPOSSIBLE),
    "limit at the floor": (Row(LOGNORMAL, LEFT, 1.0, upper=3.0, floor=3.0), IMPOSSIBLE),
    "right of the floor": (Row(LOGNORMAL, RIGHT, -4.0, lower=3.0, floor=3.0), CERTAIN),
    "pred NaN": (Row(LOGNORMAL, LEFT, math.nan, **LIMITS), NOT_A_NUMBER),
    "f NaN": (Row(LOGNORMAL, LEFT, math.nan, pred_is_log=False, **LIMITS), NOT_A_NUMBER),
    "value NaN": (Row(LOGNORMAL, OBSERVED, 1.0), NOT_A_NUMBER),
    "limit NaN": (Row(COMBINED, RIGHT, 1.0), NOT_A_NUMBER),
    "floor NaN": (Row(COMBINED, RIGHT, 1.0, floor=math.nan, **LIMITS), NOT_A_NUMBER),
    "scale 0": (Row(LOGNORMAL, LEFT, 1.0, a=0.0, **LIMITS), NOT_A_NUMBER),
    "scale < 0": (Row(STUDENT_T, LEFT, 1.0, a=-1.0, **LIMITS), NOT_A_NUMBER),
    "b < 0": (Row(COMBINED, LEFT, 1.0, b=-0.1, **LIMITS), NOT_A_NUMBER),
    "nu = 0": (Row(STUDENT_T, LEFT, 1.0, nu=0.0, **LIMITS), NOT_A_NUMBER),
    "f overflows": (Row(COMBINED, LEFT, 800.0, **LIMITS), NOT_A_NUMBER),
    "unknown family": (Row(3, LEFT, 1.0, **LIMITS), NOT_A_NUMBER),
    "unknown kind": (Row(LOGNORMAL, 4, 1.0, **LIMITS), NOT_A_NUMBER),
}


@pytest.mark.parametrize("case", CONVENTIONS)
def test_conventions_at_the_edges(case: str) -> None:
    row, wanted = CONVENTIONS[case]
    np.testing.assert_array_equal(compiled(row), wanted)


def test_arguments_that_a_row_does_not_use_are_not_looked_at() -> None:
    for kind in KINDS.values():
        used = reading("lognormal", kind, -math.inf, 2.5)
        names = {OBSERVED: {"value"}, LEFT: {"upper"}, RIGHT: {"lower"}}
        unused = {"value", "lower", "upper"} - names.get(kind, {"lower", "upper"})
        blank = replace(used, b=math.nan, nu=math.nan, **dict.fromkeys(unused, math.nan))
        assert compiled(blank) == compiled(used)


def test_rows_are_the_scalar_function_row_by_row() -> None:
    cases = [
        LINKS[link](reading(error, kind, floor, 2.5))
        for error, kind, floor, link in itertools.product(ERRORS, KINDS.values(), FLOORS, LINKS)
    ]
    fields = ("family", "kind", "value", "lower", "upper", "floor", "pred", "pred_is_log")
    columns = [
        np.array([getattr(row, name) for row in cases]) for name in (*fields, "a", "b", "nu")
    ]
    outputs = [np.empty(len(cases)) for _ in range(4)]
    log_densities(*columns, *outputs)
    np.testing.assert_array_equal(np.column_stack(outputs), [compiled(row) for row in cases])
    with pytest.raises(ValueError, match="one entry per row"):
        log_densities(*columns, *outputs[:3], np.empty(3))


def test_no_compiled_function_takes_fastmath_from_its_caller() -> None:
    compiled_functions = [v for v in vars(density_rows).values() if hasattr(v, "targetoptions")]
    assert len(compiled_functions) > 10
    assert all(f.targetoptions["fastmath"] is False for f in compiled_functions)
