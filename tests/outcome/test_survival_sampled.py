"""NUTS on the plain densities against quadrature and closed forms."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from survival_studies import study

from cellkinetics.errors import FitError
from cellkinetics.fitting.survival import sample_density
from cellkinetics.outcome.survival.endpoints import Options, overall
from cellkinetics.survival.data import SurvivalError
from cellkinetics.survival.parametric import MODELS, posterior
from cellkinetics.survival.sampled import density

TIME, EVENT = [0, 365, 365, 180, 60, 210], [1, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("point_mass", [False, True])
def test_gradient_is_the_derivative(model, point_mass):
    found = density(model, TIME[1:], EVENT[1:], point_mass=point_mass)
    at = found.start + np.linspace(-0.3, 0.4, len(found.names))
    wanted = approx_fprime(at, lambda x: found.evaluate(x)[0], 1e-7)
    assert found.evaluate(at)[1] == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert (found.names[-1] == "logit_mass") is point_mass


@pytest.mark.parametrize("model", MODELS)
def test_nuts_agrees_with_quadrature(model):
    exact, plain = posterior(model, TIME, EVENT), density(model, TIME, EVENT)
    draws, words = sample_density(plain.evaluate, plain.start, seed=3, draws=1500)
    sampled = plain.posterior(draws, words)
    assert sampled.method.startswith(f"{model} posterior, NUTS, 4 chains x 1500, R-hat 1.0")
    assert sampled.method.endswith(exact.method.split("; ")[1])
    for day in (0.0, 100.0, 365.0):
        a, b = sampled.survival(day), exact.survival(day)
        assert (a.value, a.lower, a.upper) == pytest.approx((b.value, b.lower, b.upper), abs=0.03)
    assert np.log(sampled.median().value) == pytest.approx(np.log(exact.median().value), abs=0.12)


def test_same_seed_same_draws():
    plain = density("weibull", TIME, EVENT)
    one, two = (sample_density(plain.evaluate, plain.start, seed=5)[0] for _ in range(2))
    assert (one == two).all()


def test_too_few_draws_are_refused():
    plain = density("weibull", TIME, EVENT)
    with pytest.raises(FitError, match=r"wanted R-hat <= 1.01, ESS >= 400"):
        sample_density(plain.evaluate, plain.start, seed=5, draws=50)


def test_an_endpoint_takes_the_sampler(tmp_path):
    data = study(tmp_path, "A B C", "A 60 relapse; B 200 death; C 300 last_contact", "A 28 CR")
    nuts = Options(models=("piecewise-exponential",), sampler=partial(sample_density, seed=1))
    sampled = overall(data, options=nuts).numbers
    exact = overall(data, options=Options(models=nuts.models)).numbers
    rows = sampled["method"].str.contains("NUTS")
    assert rows.sum() == 4
    there = sampled["quantity"].str.startswith("S(") & rows
    for end in ("estimate", "lower", "upper"):
        assert sampled.loc[there, end].to_numpy() == pytest.approx(
            exact.loc[there, end].to_numpy(), abs=0.03
        )


def test_an_unknown_model_is_refused():
    with pytest.raises(SurvivalError, match=r"'gompertz'. Known: weibull"):
        density("gompertz", TIME, EVENT)
