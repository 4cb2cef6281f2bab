"""The censored random-intercept likelihood against brute-force integration."""

import numpy as np
import pytest
from scipy.stats import norm

from cellkinetics.outcome.cytokine_likelihood import Grid, log_likelihood

THETA = np.array([1.8, 2.4, 1.1, 2.0, np.log(0.8), np.log(1.2), 0.9])
KINDS = ("observed", "left", "right", "interval", "missing", "mixed")


def grid_of(kind: str, seed: int = 3, subjects: int = 5) -> Grid:
    rng = np.random.default_rng(seed)
    y = rng.normal(2, 1.4, (subjects, 4))
    lower, upper = y.copy(), y.copy()
    chosen = rng.integers(5, size=y.shape) if kind == "mixed" else np.full(y.shape, -1)
    if kind != "mixed":
        chosen[:, ::2] = KINDS.index(kind)
    lower[chosen == 1] = -np.inf
    upper[chosen == 2] = np.inf
    lower[chosen == 3] -= 0.4
    upper[chosen == 3] += 0.6
    lower[chosen == 4] = upper[chosen == 4] = np.nan
    return Grid(lower, upper, np.array([0, 1, 1, 0]))


def brute(grid: Grid, theta: np.ndarray) -> float:
    """Sum over 20,001 points of u: for so smooth a function as good as exact."""
    u = np.linspace(-9, 9, 20001)
    sigma, total = np.exp(theta[4:6])[grid.group], 0.0
    for i in range(len(grid.lower)):
        p = norm.pdf(u)
        for v in range(4):
            low, high, mean = grid.lower[i, v], grid.upper[i, v], theta[v] + theta[-1] * u
            if np.isnan(low):
                continue
            if low == high:
                p = p * norm.pdf(low, mean, sigma[v])
            else:
                p = p * (norm.cdf(high, mean, sigma[v]) - norm.cdf(low, mean, sigma[v]))
        total += np.log(p.sum() * (u[1] - u[0]))
    return total


@pytest.mark.parametrize("kind", KINDS)
def test_value_and_gradient_are_those_of_brute_force(kind):
    grid = grid_of(kind)
    got = log_likelihood(grid, THETA, 25)
    assert got.log_likelihood == pytest.approx(brute(grid, THETA), abs=1e-8)
    step = 1e-4
    expected = [
        (brute(grid, THETA + step * e) - brute(grid, THETA - step * e)) / (2 * step)
        for e in np.eye(len(THETA))
    ]
    np.testing.assert_allclose(got.gradient, expected, atol=3e-6)
    np.testing.assert_allclose(got.scores.sum(axis=0), got.gradient, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_hessian_is_the_gradients_derivative(kind):
    grid, step = grid_of(kind), 1e-5
    expected = [
        (
            log_likelihood(grid, THETA + step * e, 25).gradient
            - log_likelihood(grid, THETA - step * e, 25).gradient
        )
        / (2 * step)
        for e in np.eye(len(THETA))
    ]
    np.testing.assert_allclose(log_likelihood(grid, THETA, 25).hessian, expected, atol=1e-6)


def test_five_nodes_are_exact_without_limits():
    grid = grid_of("observed")
    few, many = (log_likelihood(grid, THETA, n).log_likelihood for n in (5, 60))
    assert few == pytest.approx(many, abs=1e-11)


def test_subjects_in_chunks_are_subjects_together():
    grid = grid_of("mixed", subjects=2300)
    whole = log_likelihood(grid, THETA)
    halves = [
        log_likelihood(Grid(grid.lower[part], grid.upper[part], grid.group), THETA)
        for part in (slice(0, 700), slice(700, None))
    ]
    assert whole.log_likelihood == pytest.approx(sum(h.log_likelihood for h in halves))
    np.testing.assert_allclose(whole.hessian, sum(h.hessian for h in halves), rtol=1e-9)


def test_far_tails_keep_value_and_slope():
    """40 SD from its limit a reading still says which way to go."""
    lower = np.array([[-np.inf, 1.0], [60.0, 1.0], [60.0, 1.0]])
    upper = np.array([[-60.0, 1.0], [np.inf, 1.0], [61.0, 1.0]])
    grid = Grid(lower, upper, np.array([0, 0]))
    got = log_likelihood(grid, np.array([0.0, 1.0, 0.0, 0.3]))
    assert np.isfinite(got.log_likelihood)
    assert np.isfinite(got.hessian).all()
    assert got.scores[0, 0] < -30
    assert (got.scores[1:, 0] > 30).all()
