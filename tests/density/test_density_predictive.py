"""Draws and cdf against each other, against scipy and against the log density."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from cellkinetics.density import COMBINED, LOGNORMAL, STUDENT_T, cdf, draw_readings

ERRORS: dict[str, dict[str, Any]] = {
    "lognormal": {"family": LOGNORMAL, "a": 0.5, "b": 0.0, "nu": 4.0},
    "student_t": {"family": STUDENT_T, "a": 0.3, "b": 0.0, "nu": 2.5},
    "combined": {"family": COMBINED, "a": 2.0, "b": 0.3, "nu": 4.0},
}
LOG_F = np.log([0.5, 7.0, 3000.0])


def draws(seed: int, size: int, **error: Any) -> NDArray[np.float64]:
    pred = np.broadcast_to(LOG_F, (size, 3))
    return draw_readings(np.random.default_rng(seed), pred=pred, pred_is_log=True, **error)


@pytest.mark.parametrize("name", ERRORS)
def test_pit_values_of_draws_are_uniform(name: str) -> None:
    error = ERRORS[name]
    pit = cdf(value=draws(1, 3000, **error), pred=LOG_F, pred_is_log=True, **error)
    assert pit.shape == (3000, 3)
    for column in pit.T:
        assert stats.kstest(column, "uniform").pvalue > 0.001


@pytest.mark.parametrize("name", ERRORS)
def test_pit_values_notice_another_error_model(name: str) -> None:
    error = ERRORS[name]
    wider = {**error, "a": 1.2 * error["a"], "b": 1.2 * error["b"]}
    pit = cdf(value=draws(1, 3000, **wider), pred=LOG_F, pred_is_log=True, **error)
    for column in pit.T:
        assert stats.kstest(column, "uniform").pvalue < 0.001


def test_cdf_is_that_of_scipy() -> None:
    y, f = np.array([[0.1], [3.0], [60.0]]), np.array([2.0, 20.0])
    given = {"value": y, "pred": f, "pred_is_log": False, "a": 0.5, "b": 0.2, "nu": 3.0}
    wanted = {
        LOGNORMAL: stats.lognorm.cdf(y, s=0.5, scale=f),
        STUDENT_T: stats.t.cdf(np.log(y / f) / 0.5, df=3.0),
        COMBINED: stats.norm.cdf(y, loc=f, scale=np.hypot(0.5, 0.2 * f)),
    }
    for family, expected in wanted.items():
        np.testing.assert_allclose(cdf(family, **given), expected, rtol=1e-11)


def test_cdf_above_a_floor_goes_from_zero_to_one() -> None:
    y = np.array([1.0, 2.0, 5.0, math.inf])
    pit = cdf(COMBINED, y, 2.0, False, 1.0, 0.1, 4.0, floor=2.0)
    scale = math.hypot(1.0, 0.2)
    above = stats.truncnorm.cdf(5.0, 0.0, math.inf, loc=2.0, scale=scale)
    np.testing.assert_allclose(pit, [0.0, 0.0, above, 1.0], rtol=1e-12)


def test_mixed_rows_are_drawn_each_by_its_own_family() -> None:
    family = np.array([LOGNORMAL, STUDENT_T, COMBINED])
    rng = np.random.default_rng(3)
    y = draw_readings(
        rng,
        family,
        pred=np.broadcast_to([math.log(9.0), math.log(9.0), 9.0], (20_000, 3)),
        pred_is_log=np.array([True, True, False]),
        a=np.array([0.4, 0.4, 1.0]),
        b=np.array([0.0, 0.0, 0.5]),
        nu=4.0,
    )
    np.testing.assert_allclose(np.median(y, axis=0), 9.0, rtol=0.02)
    assert np.std(np.log(y[:, 0])) == pytest.approx(0.4, rel=0.02)
    assert np.std(np.log(y[:, 1])) == pytest.approx(0.4 * math.sqrt(2.0), rel=0.1)
    assert np.std(y[:, 2]) == pytest.approx(math.hypot(1.0, 4.5), rel=0.02)


def test_same_seed_same_readings() -> None:
    for error in ERRORS.values():
        np.testing.assert_array_equal(draws(7, 5, **error), draws(7, 5, **error))


def test_edges_of_draws() -> None:
    rng = np.random.default_rng(1)
    pred = np.array([math.nan, 0.0, -1.0, 800.0])
    is_log = np.array([False, False, False, True])
    y = draw_readings(rng, LOGNORMAL, pred, is_log, 0.5, 0.0, 4.0)
    assert math.isnan(y[0])
    np.testing.assert_array_equal(y[1:], [0.0, 0.0, math.inf])


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="error family 7 is not known: 0 is lognormal"):
        cdf([0, 7], 1.0, 1.0, False, 1.0, 0.0, 4.0)
    with pytest.raises(ValueError, match="error family -1 is not known"):
        draw_readings(np.random.default_rng(1), -1, 1.0, False, 1.0, 0.0, 4.0)


@pytest.mark.parametrize(
    ("family", "wrong"),
    [(STUDENT_T, {"a": -1.0}), (COMBINED, {"b": -0.1}), (STUDENT_T, {"nu": 0.0})],
)
def test_an_impossible_error_model_is_refused(family: int, wrong: dict[str, float]) -> None:
    error = {"a": 1.0, "b": 0.1, "nu": 4.0, **wrong}
    name = next(iter(wrong))
    with pytest.raises(ValueError, match=f"{name} must be .* got {wrong[name]}"):
        draw_readings(np.random.default_rng(1), family, 1.0, False, **error)
