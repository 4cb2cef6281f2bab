"""The graph of the posterior against plain NumPy, for every feature that a fit can ask for."""

from pathlib import Path

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from scipy import stats
from small_study import joined

from cellkinetics.fitting.compile import PYTHON
from cellkinetics.fitting.draws import (
    flat,
    linked,
    pointwise_log_likelihood,
    predictions,
    replicate,
    take_draws,
)
from cellkinetics.fitting.prior import lkj_roots, prior_draws
from cellkinetics.joint import build_model, join

EVERYTHING = {
    "correlation": {"parameters": ["c_max", "t_max", "alpha"], "lkj": 2.0},
    "covariates": [
        {"parameter": "c_max", "covariate": "cells_per_kg", "form": "power"},
        {"parameter": "alpha", "covariate": "sex", "form": "category", "level": "F"},
        {"parameter": "t_max", "covariate": "age", "form": "exponential", "reference": 50},
    ],
    "parameters": {"f_tocilizumab": {"estimate": True}, "t_max": {"estimate": False}},
    "analytes": {
        "qpcr": {"limit": "M2"},
        "flow": {"link": "physical", "calibration": "subject", "error": "student_t"},
    },
}
COMBINED = {
    "analytes": {
        "qpcr": {
            "error": "combined",
            "limit": "M4",
            "additive": {"median": 20},
            "proportional": {"median": 0.3},
        },
        "flow": {"link": "fixed"},
    },
    "parameters": {"c_max": {"centred": False}, "f_b": {"centred": True}},
}
CASES = {"plain": {}, "everything": EVERYTHING, "combined": COMBINED}


def _point(model: pm.Model, group: xr.Dataset, draw: int) -> dict[str, np.ndarray]:
    """One draw as the unconstrained point that the graph takes."""
    point = {}
    for rv in model.free_RVs:
        value = flat(group, rv.name)[draw]
        transform = model.rvs_to_transforms[rv]
        if transform is not None:
            value = transform.forward(value, *rv.owner.inputs).eval(mode=PYTHON)
        point[model.rvs_to_values[rv].name] = np.asarray(value, dtype=np.float64)
    return point


@pytest.mark.parametrize("name", CASES)
def test_numpy_and_graph_agree_draw_by_draw(name: str, tmp_path: Path) -> None:
    joint = joined(tmp_path / "small", **CASES[name])
    model = build_model(joint)
    group = prior_draws(joint, 12, np.random.default_rng(3))
    draws = take_draws(joint, group)
    pred = linked(joint, predictions(joint, draws.phi), draws.log_factor)
    ours = pointwise_log_likelihood(joint, draws, pred)
    graph = model.compile_fn(
        model.logp(vars=[model["readings"]], sum=False)[0],
        mode=PYTHON,
        on_unused_input="ignore",
    )
    compared = 0
    for i in range(12):
        theirs = graph(_point(model, group, i))
        finite = np.isfinite(theirs)
        assert np.array_equal(finite, np.isfinite(ours[i]))
        np.testing.assert_allclose(ours[i][finite], theirs[finite], rtol=1e-9)
        compared += finite.sum()
    assert compared > 6 * len(joint.observations.value)


@pytest.mark.parametrize("name", ["plain", "everything"])
def test_prior_draws_have_pymc_moments(name: str, tmp_path: Path) -> None:
    joint = joined(tmp_path / "small", **CASES[name])
    ours = prior_draws(joint, 4000, np.random.default_rng(1))
    with build_model(joint, likelihood=False):
        theirs = pm.sample_prior_predictive(
            draws=4000, random_seed=2, compile_kwargs={"mode": PYTHON}
        ).prior
    pairs = [
        (
            f"{variable}{list(at)}",
            flat(ours, variable)[(slice(None), *at)],
            flat(theirs, variable)[(slice(None), *at)],
        )
        for variable in theirs.data_vars
        for at in np.ndindex(flat(theirs, variable).shape[1:])
    ]
    tested = [(label, a, b) for label, a, b in pairs if a.std() > 0 or b.std() > 0]
    assert len(tested) > 20
    for label, a, b in tested:
        p = stats.ks_2samp(a, b).pvalue
        assert p > 0.001 / len(tested), f"{label}: p = {p:.2g}"


def test_lkj_roots_are_cholesky_factors_with_known_marginals() -> None:
    size, shape = 4, 1.5
    roots = lkj_roots(np.random.default_rng(5), 20000, size, shape)
    correlation = roots @ roots.transpose(0, 2, 1)
    np.testing.assert_allclose(np.diagonal(correlation, axis1=1, axis2=2), 1.0, atol=1e-12)
    # Each correlation is Beta(a, a) on (-1, 1) with a = shape + (size - 2) / 2.
    a = shape + (size - 2) / 2
    for i in range(size):
        for j in range(i):
            p = stats.kstest((correlation[:, i, j] + 1) / 2, stats.beta(a, a).cdf).pvalue
            assert p > 1e-4, (i, j, p)


def test_gradient_of_the_joint_density(tmp_path: Path) -> None:
    joint = joined(tmp_path / "small", **EVERYTHING)
    model = build_model(joint)
    value, slope = model.logp(), model.dlogp()
    names = [v.name for v in model.value_vars]
    f = model.compile_fn(value, mode=PYTHON)
    g = model.compile_fn(slope, mode=PYTHON)
    point = _point(model, prior_draws(joint, 1, np.random.default_rng(8)), 0)
    gradient = g(point)
    steps = []
    for name in names:
        for at in np.ndindex(point[name].shape):
            pair = []
            for sign in (1, -1):
                moved = {k: v.copy() for k, v in point.items()}
                moved[name][at] += sign * 1e-5
                pair.append(float(f(moved)))
            steps.append((pair[0] - pair[1]) / 2e-5)
    scale = np.abs(steps).max()
    np.testing.assert_allclose(gradient, steps, rtol=1e-4, atol=1e-7 * scale)


def test_blocks_are_ordered_for_the_kernel(tmp_path: Path) -> None:
    joint = joined(tmp_path / "small", **EVERYTHING)
    assert joint.noncentred[:3] == ("c_max", "t_max", "alpha")
    assert joint.kernel.wrt[: len(joint.noncentred)] == joint.noncentred
    assert joint.kernel.wrt[-1] == "f_tocilizumab"
    assert "t_max" not in [q.name for q in joint.estimated]


def test_an_lloq_of_one_analyte_says_nothing_of_another(tmp_path: Path) -> None:
    plain = joined(tmp_path / "a")
    obs = plain.observations
    raised = plain.study.samples.copy()
    raised.loc[raised["analyte"] == "flow", "lloq"] = 0.8
    other = join(_with_samples(plain.study, raised), plain.model, plain.spec).observations
    qpcr = obs.analyte == 0
    for field in ("kind", "value", "lower", "upper", "floor"):
        np.testing.assert_array_equal(getattr(obs, field)[qpcr], getattr(other, field)[qpcr])


def _with_samples(study, samples):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(study, samples=samples)


def test_replicated_readings_follow_the_error_model(tmp_path: Path) -> None:
    joint = joined(tmp_path / "small")
    group = prior_draws(joint, 4000, np.random.default_rng(2))
    draws = take_draws(joint, group)
    pred = linked(joint, predictions(joint, draws.phi), draws.log_factor)
    readings = replicate(joint, draws, pred, np.random.default_rng(4))
    row = int(np.flatnonzero(joint.observations.kind == 0)[3])
    error = draws.error[:, joint.observations.analytes[joint.observations.analyte[row]].a]
    z = (np.log(readings[:, row]) - pred[:, row]) / error
    assert stats.kstest(z, "norm").pvalue > 0.001
