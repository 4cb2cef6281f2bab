"""Fold change by visit: known answers without limits, truth recovered with them."""

import numpy as np
import pytest
from scipy import stats

from cellkinetics.outcome.cytokine_mixed import fit_fold


def draw(subjects: int, seed: int, *, means: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.7, (subjects, len(means)))
    return means + rng.normal(0, 1.0, (subjects, 1)) + noise


def cut(y: np.ndarray, floor: float, cap: float) -> tuple[np.ndarray, np.ndarray]:
    lower, upper = y.copy(), y.copy()
    lower[y < floor], upper[y < floor] = -np.inf, floor
    lower[y > cap], upper[y > cap] = cap, np.inf
    return lower, upper


MEANS = np.array([0.5, 2.0, 3.0, 1.5, 0.6])


def test_two_visits_within_limits_are_the_paired_t_interval():
    y = draw(6, 1, means=MEANS[:2])
    change = y[:, 1] - y[:, 0]
    fit = fit_fold(y, y, level=0.9)
    low, high = stats.t.interval(0.9, 5, change.mean(), stats.sem(change))
    assert fit.log_fold[1] == pytest.approx(change.mean())
    assert (fit.lower[1], fit.upper[1]) == (pytest.approx(low), pytest.approx(high))
    assert fit.se_model[1] == pytest.approx(stats.sem(change), rel=1e-5)
    assert fit.log_fold[0] == 0


def test_every_complete_visit_is_a_paired_t_interval_whatever_the_spread():
    y = draw(7, 2, means=MEANS) * np.array([1.0, 0.3, 4.0, 1.0, 2.0])
    fit = fit_fold(y, y)
    change = y - y[:, :1]
    np.testing.assert_allclose(fit.log_fold, change.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(fit.se[1:], stats.sem(change[:, 1:]), rtol=1e-6)


def test_balanced_variances_are_those_of_the_anova():
    n, visits = 8, len(MEANS)
    y = draw(n, 3, means=MEANS)
    rest = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    sigma2 = (rest**2).sum() / (n * (visits - 1))
    between = visits * ((y.mean(axis=1) - y.mean()) ** 2).sum() / n
    fit = fit_fold(y, y)
    assert not fit.own_sd
    np.testing.assert_allclose(fit.sigma**2, sigma2, rtol=1e-6)
    assert fit.tau**2 == pytest.approx((between - sigma2) / visits, rel=1e-5)
    np.testing.assert_allclose(fit.se_model[1:] ** 2, 2 * sigma2 / (n - 1), rtol=1e-6)


def test_truth_is_recovered_under_limits_and_half_the_limit_is_biased():
    floor, cap, truth = 0.3, 3.5, MEANS - MEANS[0]
    errors, halves, inside = [], [], []
    for seed in range(40):
        y = draw(60, 100 + seed, means=MEANS)
        fit = fit_fold(*cut(y, floor, cap))
        errors.append(fit.log_fold - truth)
        inside.append((fit.lower <= truth) & (truth <= fit.upper))
        half = np.where(y < floor, floor - np.log(2), np.minimum(y, cap))
        halves.append(fit_fold(half, half).log_fold - truth)
    spread = np.std(errors, axis=0)[1:] / np.sqrt(40)
    assert (np.abs(np.mean(errors, axis=0)[1:]) < 3.5 * spread).all()
    assert np.mean(halves, axis=0)[2] < -0.3  # the visit at the peak, of a true 2.5
    assert 0.9 < np.mean(inside, axis=0)[1:].mean() < 0.99


def test_five_subjects_with_half_below_keep_their_coverage():
    truth, inside = MEANS - MEANS[0], []
    for seed in range(150):
        fit = fit_fold(*cut(draw(5, 1000 + seed, means=MEANS), 0.3, 3.5))
        known = ~np.isnan(fit.lower[1:])
        inside += list(((fit.lower <= truth) & (truth <= fit.upper))[1:][known])
    assert len(inside) > 500
    assert 0.9 < np.mean(inside) < 1.0


def test_one_reading_out_of_order_changes_nothing():
    lower, upper = cut(draw(12, 5, means=MEANS), 0.3, 3.5)
    lower[3, 2] = upper[3, 2] = np.nan
    order = np.random.default_rng(0).permutation(12)
    one, other = fit_fold(lower, upper), fit_fold(lower[order], upper[order])
    np.testing.assert_allclose(one.log_fold, other.log_fold, atol=1e-6)
    np.testing.assert_allclose(one.se, other.se, atol=1e-6)


def test_a_missing_baseline_and_a_reading_that_says_nothing():
    y = draw(10, 6, means=MEANS)
    lower, upper = y.copy(), y.copy()
    lower[0, 0], upper[0, 0] = -np.inf, np.inf
    gone_low, gone_high = y.copy(), y.copy()
    gone_low[0, 0] = gone_high[0, 0] = np.nan
    one, other = fit_fold(lower, upper), fit_fold(gone_low, gone_high)
    np.testing.assert_array_equal(one.log_fold, other.log_fold)
    assert one.subjects == 10


def test_a_visits_own_spread_that_runs_into_zero_gives_way_to_a_common_one():
    rng = np.random.default_rng(8)
    trait = rng.normal(0, 1.0, 20)
    y = MEANS + trait[:, None] + rng.normal(0, 0.7, (20, 5))
    y[:, 2] = MEANS[2] + trait  # no residual at all
    lower, upper = cut(y, 0.3, 30.0)
    fit = fit_fold(lower, upper)
    assert not fit.own_sd
    assert np.isfinite(fit.se).all()


@pytest.mark.parametrize(
    ("change", "visit", "words"),
    [
        (lambda lo, hi: (lo[:, 2].fill(-np.inf), hi[:, 2].fill(0.3)), 2, "visit is below its"),
        (lambda lo, hi: (lo[:, 2].fill(3.0), hi[:, 2].fill(np.inf)), 2, "visit is above its"),
        (lambda lo, hi: (lo[:, 2].fill(np.nan), hi[:, 2].fill(np.nan)), 2, "no reading at the"),
        (lambda lo, hi: (lo[1:, 2].fill(-np.inf), hi[1:, 2].fill(9)), 2, "7 of 8 readings at the"),
        (lambda lo, hi: (lo[:, 0].fill(-np.inf), hi[:, 0].fill(0.3)), 1, "baseline is below its"),
        (lambda lo, hi: (lo[:, 1:].fill(np.nan), hi[:, 1:].fill(np.nan)), 1, "no reading at the"),
    ],
)
def test_what_cannot_be_estimated_says_why(change, visit, words):
    y = draw(8, 9, means=MEANS)
    lower, upper = y.copy(), y.copy()
    change(lower, upper)
    fit = fit_fold(lower, upper)
    assert words in fit.why[visit]
    assert np.isnan([fit.log_fold[visit], fit.lower[visit], fit.upper[visit]]).all()


def test_other_visits_are_given_where_one_cannot_be():
    y = draw(8, 9, means=MEANS)
    lower, upper = y.copy(), y.copy()
    lower[:, 2], upper[:, 2] = -np.inf, 0.3
    fit = fit_fold(lower, upper)
    np.testing.assert_allclose(fit.log_fold[[1, 3]], (y - y[:, :1]).mean(axis=0)[[1, 3]], atol=1e-6)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.array([[1.0, 2.0, 3.0]]), "fewer than two subjects"),
        (np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]), "no residual variance"),
        (np.array([[1.0, np.nan, 2.0], [np.nan, 1.0, 2.0]]), "no residual variance"),
    ],
)
def test_too_little_to_fit(y, words):
    fit = fit_fold(y, y)
    assert any(words in why for why in fit.why)
    assert np.isnan(fit.lower).all()
    assert np.isnan(fit.log_fold).all()


def test_a_visit_of_one_pair_has_no_interval():
    y = draw(9, 11, means=MEANS)
    y[1:, 4] = np.nan
    fit = fit_fold(y, y)
    assert np.isfinite(fit.log_fold[4])
    assert np.isnan(fit.se[4])
    assert np.isnan(fit.upper[4])
