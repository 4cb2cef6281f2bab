"""NUTS without data gives back every prior, for every kind of block that a fit can ask for."""

import numpy as np
import pytest
from scipy import stats
from small_study import joined

from cellkinetics.fitting.compile import compile_model
from cellkinetics.fitting.convergence import ess_bulk
from cellkinetics.fitting.sampling import sample
from cellkinetics.joint import build_model

EVERYTHING = {
    "correlation": {"parameters": ["c_max", "t_max"], "lkj": 2.0},
    "covariates": [
        {"parameter": "alpha", "covariate": "sex", "form": "category", "level": "F"},
    ],
    "parameters": {"beta": {"centred": True}},
}


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prior")
    joint = joined(folder / "small", **EVERYTHING)
    compiled = compile_model(build_model(joint, likelihood=False))
    drawn = sample(
        compiled, seed=7, folder=folder / "draws", draws=2000, target_accept=0.8, progress=False
    )
    return joint, drawn["posterior"].to_dataset()


def columns(joint, posterior):
    """Name, draws (chain, draw) and distribution function of every scalar of the prior."""
    population, obs = joint.population, joint.observations
    for i, q in enumerate(joint.estimated):
        yield f"mu[{q.name}]", posterior["mu"][..., i], stats.norm(q.loc, q.sd).cdf
    for i, q in enumerate(population.omega):
        yield (
            f"omega[{q.name}]",
            posterior["omega"][..., i],
            stats.lognorm(q.log_sd, scale=q.median).cdf,
        )
    for i, q in enumerate(obs.errors):
        yield (
            f"error[{q.name}]",
            posterior["error"][..., i],
            stats.lognorm(q.log_sd, scale=q.median).cdf,
        )
    for i, q in enumerate(population.effects):
        yield f"effect[{q.name}]", posterior["effect"][..., i], stats.norm(q.mean, q.sd).cdf
    for i in range(posterior["eta"].shape[2]):
        for j in range(posterior["eta"].shape[3]):
            yield f"eta[{i},{j}]", posterior["eta"][..., i, j], stats.norm.cdf
    # Centred deviations, put back on the scale of a standard normal.
    first = len(joint.noncentred)
    for j, name in enumerate(joint.centred):
        at = [q.name for q in joint.estimated].index(name)
        for i in range(posterior["phi_centred"].shape[2]):
            centre = posterior["mu"][..., at] + sum(
                posterior["effect"][..., k] * q.column[i]
                for k, q in enumerate(population.effects)
                if q.parameter == name
            )
            z = (posterior["phi_centred"][..., i, j] - centre) / posterior["omega"][..., first + j]
            yield f"centred[{i},{name}]", z, stats.norm.cdf
    # The correlation of two deviations under LKJ(2) is Beta(2, 2) on (-1, 1).
    yield (
        "correlation",
        (posterior["correlation_root"][..., 1, 0] + 1) / 2,
        stats.beta(2.0, 2.0).cdf,
    )


def test_every_prior_is_reproduced(sampled):
    joint, posterior = sampled
    answers = {}
    for name, draws, cdf in columns(joint, posterior):
        values = np.asarray(draws)
        effective = float(ess_bulk(values[..., None])[0])
        step = max(1, int(np.ceil(values.size / effective)))
        answers[name] = stats.kstest(values[:, ::step].ravel(), cdf).pvalue
    assert len(answers) > 30
    worst = min(answers, key=answers.__getitem__)
    assert answers[worst] > 0.001 / len(answers), f"{worst}: p = {answers[worst]:.2g}"


def test_a_prior_that_is_off_by_a_quarter_of_its_sd_is_seen(sampled):
    joint, posterior = sampled
    q = joint.estimated[0]
    values = np.asarray(posterior["mu"][..., 0])
    step = max(1, int(np.ceil(values.size / float(ess_bulk(values[..., None])[0]))))
    shifted = stats.norm(q.loc + 0.25 * q.sd, q.sd).cdf
    assert stats.kstest(values[:, ::step].ravel(), shifted).pvalue < 0.001
