"""Exact posteriors: against brute force, closed forms, their own gradients, and frequency."""

import numpy as np
import pytest
from scipy import optimize, stats

from cellkinetics.survival.data import SurvivalError
from cellkinetics.survival.gamma_sums import Cumulative, below, mean_survival
from cellkinetics.survival.location_scale import SHAPES, log_density, log_times
from cellkinetics.survival.parametric import MODELS, posterior
from cellkinetics.survival.priors import DEFAULT_PRIORS, SurvivalPriors

TIME = np.array([365.0, 365, 180, 60, 210])
EVENT = np.array([0, 0, 1, 1, 0])


def scipy_model(model, location, spread):
    """The same model in SciPy's words."""
    if model == "weibull":
        scale = np.exp(location) / np.log(2) ** spread
        return stats.weibull_min(1 / spread, scale=scale)
    return stats.lognorm(spread, scale=np.exp(location))


def plain_log_posterior(model, location, log_spread, time=TIME, event=EVENT):
    model = scipy_model(model, location, np.exp(log_spread))
    prior = DEFAULT_PRIORS
    return (
        model.logpdf(time[event == 1]).sum()
        + model.logsf(time[event == 0]).sum()
        + stats.norm(np.log(prior.median), prior.median_sd).logpdf(location)
        + stats.norm(0, prior.spread_sd).logpdf(log_spread)
    )


@pytest.mark.parametrize("model", SHAPES)
def test_density_is_scipys_up_to_a_constant(model):
    data = log_times(TIME, EVENT == 1)
    at = [(5.0, 0.0), (7.0, 0.8), (3.0, -0.5), (9.0, -0.2)]
    ours = [log_density(SHAPES[model], data, DEFAULT_PRIORS, u, v)[0] for u, v in at]
    theirs = [plain_log_posterior(model, u, v) for u, v in at]
    assert np.diff(ours) == pytest.approx(np.diff(theirs), rel=1e-10)


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize("at", [(5.0, 0.0), (7.5, 0.8), (2.0, -0.6), (12.0, 1.5)])
def test_gradient_is_the_derivative(model, at):
    data = log_times(np.array([0.5, 30, 30, 365, 200, 0]), np.array([1, 1, 0, 0, 1, 1], dtype=bool))

    def value(x):
        return log_density(SHAPES[model], data, DEFAULT_PRIORS, *x)[0]

    gradient = log_density(SHAPES[model], data, DEFAULT_PRIORS, *at)[1]
    assert gradient == pytest.approx(optimize.approx_fprime(np.array(at), value, 1e-7), rel=1e-4)


@pytest.mark.parametrize("model", SHAPES)
def test_posterior_against_a_plain_sum(model):
    """P(S(180) <= s) and E S(180) by adding up SciPy's densities on a fine grid of a wide box."""
    found = posterior(model, TIME, EVENT)
    location, log_spread = np.meshgrid(np.linspace(1, 17, 1601), np.linspace(-2.5, 2.5, 401))
    family = scipy_model(model, location, np.exp(log_spread))
    prior = stats.norm(np.log(180), 2).logpdf(location) + stats.norm(0, 0.5).logpdf(log_spread)
    data = sum(family.logpdf(t) if e else family.logsf(t) for t, e in zip(TIME, EVENT, strict=True))
    weight = np.exp(prior + data)
    weight /= weight.sum()
    alive = family.sf(180.0)
    assert found.mean(180.0) == pytest.approx((weight * alive).sum(), abs=1e-6)
    for s in (0.3, 0.6, 0.95):
        share = weight[alive <= s].sum()
        assert found.distribution(180.0, s) == pytest.approx(share, abs=2e-3)


@pytest.mark.parametrize("model", SHAPES)
def test_twice_the_nodes_change_nothing(model):
    some, more = posterior(model, TIME, EVENT), posterior(model, TIME, EVENT, nodes=(1025, 257))
    assert some.median().value == pytest.approx(more.median().value, rel=1e-5)
    for day in (30.0, 365.0):
        a, b = some.survival(day), more.survival(day)
        assert (a.value, a.lower, a.upper) == pytest.approx((b.value, b.lower, b.upper), abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_without_data_it_is_the_prior(model):
    """One subject censored at 0 says nothing."""
    found = posterior(model, [0.0], [0])
    if model == "piecewise-exponential":
        hazard = stats.gamma(0.5, scale=1 / DEFAULT_PRIORS.rate)
        wanted = np.exp(-hazard.ppf([0.975, 0.025]) * 45)
    else:
        assert found.median().value == pytest.approx(180, rel=1e-6)
        limits = np.exp(np.log(180) + 2 * stats.norm.ppf([0.025, 0.975]))
        middle = found.median()
        assert (middle.lower, middle.upper) == pytest.approx(tuple(limits), rel=1e-4)
        return
    got = found.survival(45.0)
    assert (got.lower, got.upper) == pytest.approx(tuple(wanted), abs=1e-6)


def test_piecewise_exponential_is_conjugate():
    """One piece: the hazard is Gamma(a + 2 events, b + 1180 days)."""
    priors = SurvivalPriors(cuts=())
    found = posterior("piecewise-exponential", TIME, EVENT, priors=priors)
    hazard = stats.gamma(0.5 + 2, scale=1 / (priors.rate + 1180))
    got = found.survival(365.0, level=0.9)
    limits = np.exp(-365 * hazard.ppf([0.95, 0.05]))
    assert (got.lower, got.upper) == pytest.approx(tuple(limits), rel=1e-6)
    rate = priors.rate + 1180
    assert got.value == pytest.approx((rate / (rate + 365)) ** 2.5)
    medians = np.log(2) / hazard.ppf([0.5, 0.975, 0.025])
    middle = found.median()
    assert (middle.value, middle.lower, middle.upper) == pytest.approx(tuple(medians), rel=1e-6)


def test_pieces_share_out_events_and_time():
    """An event on the day of a cut belongs to the piece that ends there."""
    priors = SurvivalPriors(cuts=(90.0,))
    found = posterior("piecewise-exponential", [90, 100], [1, 0], priors=priors)
    rate = priors.rate
    wanted = ((rate + 180) / (rate + 180 + 90)) ** 1.5 * ((rate + 10) / (rate + 10 + 30)) ** 0.5
    assert found.mean(120.0) == pytest.approx(wanted)


def test_sum_of_gammas_against_sampling_and_closed_form():
    rng = np.random.default_rng(8)
    shapes, scales = np.array([0.5, 2.5, 1.5]), np.array([0.3, 0.05, 1.2])
    hazard = Cumulative(shapes, scales, mass=(1.5, 3.5))
    draws = (rng.gamma(shapes, size=(400_000, 3)) * scales).sum(axis=1)
    draws -= np.log1p(-rng.beta(1.5, 3.5, 400_000))
    for value in np.quantile(draws, [0.01, 0.3, 0.9]):
        assert below(hazard, value) == pytest.approx(np.mean(draws <= value), abs=4e-3)
    assert mean_survival(hazard) == pytest.approx(np.exp(-draws).mean(), abs=2e-3)
    one = Cumulative(np.array([0.5]), np.array([2.0]))
    for value in (1e-6, 0.1, 3.0, 40.0):
        assert below(one, value) == pytest.approx(stats.gamma(0.5, scale=2).cdf(value), abs=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_point_mass(model):
    """2 of 5 at time 0: S(0) is 1 minus a Beta(2.5, 3.5); the rest is the model of the others."""
    time, event = [0, 0, 100, 200, 300], [1, 1, 1, 0, 0]
    found = posterior(model, time, event)
    share = stats.beta(3.5, 2.5)
    there = found.survival(0.0)
    assert there.value == pytest.approx(share.mean())
    limits = tuple(share.ppf([0.025, 0.975]))
    # A distribution function of 257 nodes has steps at time 0, where nothing else varies.
    assert (there.lower, there.upper) == pytest.approx(limits, abs=0.02)
    rest = posterior(model, time[2:], event[2:])
    assert found.mean(150.0) == pytest.approx(share.mean() * rest.mean(150.0))
    assert "P(T = 0) ~ Beta(0.5, 0.5)" in found.method
    assert "P(T = 0)" not in rest.method
    draws = np.random.default_rng(1).beta(3.5, 2.5, 4000)
    wanted = np.mean([rest.distribution(150.0, 0.5 / a) if a > 0.5 else 1.0 for a in draws])
    assert found.distribution(150.0, 0.5) == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("model", MODELS)
def test_everyone_at_time_zero(model):
    found = posterior(model, [0, 0, 0], [1, 1, 1])
    assert found.median().value == 0
    assert 0 < found.mean(0.0) < 0.2
    assert np.isfinite(found.survival(180.0).upper)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("time", "event"),
    [([5], [1]), ([0.001, 1e5], [1, 0]), ([365] * 5, [0] * 5), ([30] * 20, [1] * 20)],
)
def test_ugly_samples_give_numbers_in_order(model, time, event):
    found = posterior(model, time, event)
    values = [found.survival(day) for day in (1.0, 30.0, 365.0, 3650.0)]
    for one in values:
        assert 0 <= one.lower <= one.upper <= 1
        assert 0 <= one.value <= 1
    assert (np.diff([one.value for one in values]) <= 0).all()
    middle = found.median()
    assert 0 <= middle.lower <= middle.value <= middle.upper


def test_large_samples_come_to_the_truth():
    rng = np.random.default_rng(0)
    lifetime, stop = rng.weibull(1.4, 3000) * 200, rng.uniform(0, 600, 3000)
    found = posterior("weibull", np.minimum(lifetime, stop), lifetime <= stop)
    median = found.median()
    assert median.lower < 200 * np.log(2) ** (1 / 1.4) < median.upper
    assert median.upper / median.lower < 1.15


def test_intervals_cover_as_often_as_they_say():
    """Parameters drawn from the prior, 5 subjects each: 90 % intervals of S(180) cover 90 %."""
    rng = np.random.default_rng(12)
    hits = 0
    for _ in range(100):
        location, spread = rng.normal(np.log(180), 2), np.exp(rng.normal(0, 0.5))
        model = scipy_model("weibull", location, spread)
        lifetime, stop = model.rvs(5, random_state=rng), rng.uniform(100, 365, 5)
        found = posterior("weibull", np.minimum(lifetime, stop), lifetime <= stop)
        there = found.survival(180.0, level=0.9)
        hits += there.lower <= model.sf(180.0) <= there.upper
    assert stats.binomtest(hits, 100, 0.9).pvalue > 0.001


def test_refusals():
    with pytest.raises(SurvivalError, match=r"survival model 'weibul'.*Did you mean 'weibull'"):
        posterior("weibul", [1], [1])
    with pytest.raises(SurvivalError, match="rising order"):
        posterior("piecewise-exponential", [1], [1], priors=SurvivalPriors(cuts=(90.0, 30.0)))
