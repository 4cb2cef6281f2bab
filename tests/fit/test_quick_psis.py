"""Pareto smoothing and mixture proposals against ArviZ, SciPy and known answers."""

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

from cellkinetics.fitting.psis import fit_pareto, smooth_weights
from cellkinetics.fitting.quick_mixture import Mixture, fit_mixture


def log_weights(tail: float, count: int = 2000, seed: int = 3) -> np.ndarray:
    """A normal target weighed from a normal proposal that is ``tail`` times as wide."""
    x = tail * np.random.default_rng(seed).standard_normal(count)
    return stats.norm.logpdf(x) - stats.norm.logpdf(x, scale=tail)


@pytest.mark.parametrize("tail", [1.5, 0.9, 0.7, 0.5])
@pytest.mark.parametrize("count", [200, 2000])
def test_equal_to_arviz(tail: float, count: int) -> None:
    raw = log_weights(tail, count)
    weight, k = smooth_weights(raw)
    smoothed, expected = array_stats.psislw(-raw)  # takes log likelihoods left out, not weights
    np.testing.assert_allclose(k, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(np.log(weight), smoothed, rtol=1e-6, atol=1e-9)


def test_k_of_a_pareto_tail_is_its_shape() -> None:
    for shape in (0.2, 0.7, 1.2):
        excess = np.sort(stats.genpareto(shape, scale=3).rvs(20_000, random_state=1))
        k, sigma = fit_pareto(excess)
        assert k == pytest.approx(shape, abs=0.04)
        assert sigma == pytest.approx(3, rel=0.04)


def test_a_proposal_that_is_too_narrow_is_not_trusted() -> None:
    assert smooth_weights(log_weights(0.4))[1] > 0.7
    assert smooth_weights(log_weights(1.2))[1] < 0.3


def test_weights_that_one_draw_carries_are_not_trusted() -> None:
    raw = np.full(1000, -2000.0)
    raw[7] = 0.0
    weight, k = smooth_weights(raw)
    assert weight[7] == pytest.approx(1)
    assert k == np.inf


def test_draws_without_weight_do_not_count() -> None:
    raw = log_weights(1.2)
    raw[::2] = -np.inf
    weight, k = smooth_weights(raw)
    assert weight[::2].sum() == 0
    assert weight.sum() == pytest.approx(1)
    assert k < 0.7


MEAN = np.array([[-3.0, 0.0], [2.0, 1.0]])
ROOT = np.array([[[1.0, 0.0], [0.5, 0.8]], [[0.4, 0.0], [-0.2, 1.2]]])


def two_humps(df: float = 8.0) -> Mixture:
    return Mixture(np.log([[0.3, 0.7]]), MEAN[None], ROOT[None], df)


def test_mixture_density_is_that_of_scipy() -> None:
    x = np.random.default_rng(2).normal(0, 3, (50, 2))
    expected = np.log(
        sum(
            share * stats.multivariate_t(mean, root @ root.T, df=8).pdf(x)
            for share, mean, root in zip((0.3, 0.7), MEAN, ROOT, strict=True)
        )
    )
    np.testing.assert_allclose(two_humps().log_density(x[None])[0], expected, rtol=1e-10)


def test_mixture_draws_follow_its_density() -> None:
    mixture = two_humps()
    x = mixture.draw(20_000, np.random.default_rng(4))[0]
    assert (x[:, 0] < -0.5).mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(x.mean(axis=0), 0.3 * MEAN[0] + 0.7 * MEAN[1], atol=0.05)
    # Weighed by another density over its own, they give that density's integral: 1.
    other = stats.multivariate_normal([0, 0], [[9, 1], [1, 4]]).logpdf(x)
    ratio = np.exp(other - mixture.log_density(x[None])[0])
    assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / len(x) ** 0.5)


def test_mixture_is_found_again_from_weighted_draws() -> None:
    rng = np.random.default_rng(6)
    truth = two_humps(df=1000.0)
    x = rng.normal(0, 4, (1, 30_000, 2))
    log_weight = truth.log_density(x) - stats.norm.logpdf(x, scale=4).sum(axis=2)
    weight = np.exp(log_weight) / np.exp(log_weight).sum()
    found = fit_mixture(x, weight, 2, 1000.0, rng)
    order = np.argsort(found.location[0, :, 0])
    # Few steps, and a little shrunk to the whole: near is near enough for a proposal.
    np.testing.assert_allclose(found.location[0][order], MEAN, atol=0.5)
    np.testing.assert_allclose(np.exp(found.log_share[0][order]), [0.3, 0.7], atol=0.1)
    log_ratio = truth.log_density(x) - found.log_density(x)
    assert (weight * log_ratio).sum() < 0.1  # Kullback and Leibler's distance
