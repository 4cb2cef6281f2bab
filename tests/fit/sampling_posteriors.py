"""Posteriors that the sampling tests draw from."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

TIMES = np.array([1.0, 4, 7, 10, 14, 21, 28, 60, 90, 180, 270, 365])
PARAMETERS = ["fold", "t_max", "c_max", "alpha", "f_b", "beta"]
TYPICAL = np.log([3900, 9.3, 24000, 0.16, 0.0079, 0.0032])
OMEGA = np.array([1.0, 0.38, 0.65, 0.91, 0.80, 0.86])
RSE = np.array([0.30, 0.042, 0.20, 0.11, 0.15, 0.23])


def group_posterior(readings=400, shift=0.0):
    """Twenty group means; with 10,000 readings some ms a draw, so that a kill can hit it."""
    rng = np.random.default_rng(7)
    group = np.arange(readings) % 20
    y = rng.normal(0.3 * group, 1.0) + shift
    with pm.Model(coords={"group": list("ABCDEFGHIJKLMNOPQRST")}) as model:
        mean = pm.Normal("mean", 0.0, 5.0)
        spread = pm.HalfNormal("spread", 3.0)
        level = pm.Normal("level", mean, spread, dims="group")
        noise = pm.HalfNormal("noise", 2.0)
        pm.StudentT("y", nu=5.0, mu=level[pm.Data("of", group)], sigma=noise, observed=y)
        pm.Deterministic("range", pt.max(level) - pt.min(level))
    return model


def stein_posterior(subjects=5, seed=4):
    """Stein 2019, closed form, qPCR and flow with limits; non-centred; simulated data."""
    rng = np.random.default_rng(seed)
    phi = TYPICAL + OMEGA * rng.normal(size=(subjects, 6))
    subject, t = np.repeat(np.arange(subjects), len(TIMES)), np.tile(TIMES, subjects)
    truth = _log_level(np, phi[subject].T, t)
    qpcr = truth + rng.normal(0, 0.5, t.size)
    flow = truth - np.log(20) + rng.normal(0, 0.4, t.size)
    coords = {"subject": [f"P{i + 1:02d}" for i in range(subjects)], "parameter": PARAMETERS}
    with pm.Model(coords={**coords, "analyte": ["qpcr", "flow"]}) as model:
        mu = pm.Normal("mu", TYPICAL, np.hypot(RSE, 0.5), dims="parameter")
        log_omega = pm.Normal("log_omega", np.log(OMEGA), 0.3, dims="parameter")
        eta = pm.Normal("eta", 0.0, 1.0, dims=("subject", "parameter"))
        log_factor = pm.Normal("log_factor", -np.log(20), 0.7)
        sd = pm.LogNormal("sd", np.log(0.5), 0.3, dims="analyte")
        level = _log_level(pt, (mu + pt.exp(log_omega) * eta)[subject].T, t)
        for i, (y, at, limit) in enumerate(
            [(qpcr, level, np.log(50)), (flow, level + log_factor, np.log(2))]
        ):
            above = pm.logp(pm.Normal.dist(at, sd[i]), np.maximum(y, limit))
            below = pm.logcdf(pm.Normal.dist(at, sd[i]), np.full(t.size, limit))
            pm.Potential(f"rows_{i}", pt.sum(pt.where(y >= limit, above, below)))
    return model


def _log_level(module, phi, t):
    fold, t_max, c_max, alpha, f_b, beta = phi[0], phi[1], phi[2], phi[3], phi[4], phi[5]
    peak = module.exp(t_max)
    up = c_max - fold + fold / peak * t
    since = module.maximum(t - peak, 0.0)
    slow = 1 / (1 + module.exp(-f_b))
    down = c_max + module.logaddexp(
        module.log1p(-slow) - module.exp(alpha) * since,
        module.log(slow) - module.exp(beta) * since,
    )
    return module.where(t < peak, up, down)
