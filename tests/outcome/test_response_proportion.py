"""Intervals and posteriors of a rate against published values, scipy and plain integration."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from cellkinetics.errors import SpecError
from cellkinetics.outcome.proportion import (
    BetaPrior,
    clopper_pearson,
    exceeds,
    jeffreys,
    posterior,
    rate,
)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [  # R: binom.test(x, n)$conf.int
        (0, 5, 0.0, 0.5218238),
        (5, 5, 0.4781762, 1.0),
        (1, 5, 0.005050763, 0.7164179),
        (3, 5, 0.1466328, 0.9472550),
        (7, 20, 0.1539092, 0.5921885),
    ],
)
def test_clopper_pearson_is_r_binom_test(x, n, low, high):
    assert clopper_pearson(x, n) == pytest.approx((low, high), abs=5e-7)


@given(st.integers(1, 200), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_clopper_pearson_is_scipy_exact(n, data, level):
    x = data.draw(st.integers(0, n))
    exact = stats.binomtest(x, n).proportion_ci(level, method="exact")
    assert clopper_pearson(x, n, level) == pytest.approx((exact.low, exact.high), abs=1e-9)


def beta_quantile(probability: float, a: float, b: float) -> float:
    """By bisection of a numerical integral of x^(a-1) (1-x)^(b-1), with x = sin(u)^2."""

    def mass(until):
        u = math.asin(math.sqrt(until))
        f = lambda t: 2 * math.sin(t) ** (2 * a - 1) * math.cos(t) ** (2 * b - 1)  # noqa: E731
        return quad(f, 0, u, epsabs=1e-12)[0]

    whole = mass(1.0)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mass(middle) < probability * whole else (low, middle)
    return low


@pytest.mark.parametrize(("x", "n"), [(1, 5), (3, 5), (4, 12)])
def test_jeffreys_inside_is_the_posterior_interval_by_integration(x, n):
    low, high = jeffreys(x, n)
    assert low == pytest.approx(beta_quantile(0.025, x + 0.5, n - x + 0.5), abs=1e-7)
    assert high == pytest.approx(beta_quantile(0.975, x + 0.5, n - x + 0.5), abs=1e-7)


def test_jeffreys_ends_are_0_and_1_at_the_edges():
    """R: DescTools::BinomCI(0, 5, method = "jeffreys") is 0 to 0.3794."""
    low, high = jeffreys(0, 5)
    assert low == 0.0
    assert high == pytest.approx(beta_quantile(0.975, 0.5, 5.5), abs=1e-7)
    # not the *modified* Jeffreys interval, whose end at 0 is that of Clopper and Pearson
    assert high < clopper_pearson(0, 5)[1] - 0.1
    assert jeffreys(5, 5) == pytest.approx((1 - high, 1.0))


@given(st.integers(1, 60), st.data())
def test_events_and_non_events_are_mirror_images(n, data):
    x = data.draw(st.integers(0, n))
    for interval in (clopper_pearson, jeffreys):
        low, high = interval(x, n)
        assert interval(n - x, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)
        assert low <= x / n <= high


def test_posterior_and_its_tail_have_closed_forms_under_the_uniform_prior():
    mean, low, high = posterior(0, 5)
    assert mean == pytest.approx(1 / 7)
    assert 1 - (1 - low) ** 6 == pytest.approx(0.025)  # Beta(1, 6)
    assert 1 - (1 - high) ** 6 == pytest.approx(0.975)
    assert exceeds(0, 5, 0.3) == pytest.approx(0.7**6)
    assert exceeds(5, 5, 0.3) == pytest.approx(1 - 0.3**6)
    assert exceeds(0, 0, 0.3) == pytest.approx(0.7)


def test_an_informative_prior_is_worth_its_subjects():
    prior = BetaPrior("earlier trial", 6, 4)
    assert posterior(3, 5, prior)[0] == pytest.approx(9 / 15)
    assert posterior(3, 5, prior) == pytest.approx(posterior(8, 13, "uniform"))


@given(st.integers(1, 40), st.data(), st.floats(0.01, 0.99))
def test_more_events_make_the_rate_more_likely_to_exceed(n, data, target):
    x = data.draw(st.integers(0, n - 1))
    assert exceeds(x, n, target) <= exceeds(x + 1, n, target)
    assert 0 <= exceeds(x, n, target) <= 1


def test_a_rate_of_nobody_is_no_number():
    rows = rate("ORR", 0, 0, target=0.2, note="of those evaluated")
    assert len(rows) == 1
    assert np.isnan(rows[0]["estimate"])
    assert rows[0]["note"] == "of those evaluated; no subject"


def test_every_row_says_its_n_and_method():
    rows = rate("ORR", 2, 5, target=0.2, prior="jeffreys")
    assert [r["n"] for r in rows] == [5] * 4
    assert [r["quantity"] for r in rows][-1] == "P(ORR > 0.2)"
    assert "Jeffreys Beta(0.5, 0.5)" in rows[-1]["method"]
    assert rows[0]["estimate"] == rows[1]["estimate"] == 0.4


@pytest.mark.parametrize(
    "call",
    [
        lambda: clopper_pearson(6, 5),
        lambda: clopper_pearson(-1, 5),
        lambda: clopper_pearson(0, 0),
        lambda: jeffreys(1, 5, level=95),
        lambda: posterior(1, 5, "jefreys"),
        lambda: posterior(1, 5, BetaPrior("improper", 0, 0)),
        lambda: exceeds(1, 5, 30),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(SpecError):
        call()
