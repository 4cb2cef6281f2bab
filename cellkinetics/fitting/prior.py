"""Draws of the prior in NumPy: what a fit believes before it has seen anything.

Laid out as the random variables of :func:`cellkinetics.joint.build_model`, so that everything that
reads a posterior reads a prior as well; a test holds both against PyMC's own draws.
"""

from typing import Any

import numpy as np
import xarray as xr

from cellkinetics.fitting.draws import centres
from cellkinetics.joint import OMEGA_CALIBRATION_SD, Joint
from cellkinetics.kernel.layout import Floats


def prior_draws(joint: Joint, draws: int, rng: np.random.Generator) -> xr.Dataset:
    """Draw from the prior of a fit.

    Parameters
    ----------
    joint : Joint
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    Dataset (chain 1, draw, ...)
    """
    population, obs = joint.population, joint.observations
    n, m, subjects = len(joint.noncentred), len(joint.centred), len(joint.subjects)
    out: dict[str, tuple[tuple[str, ...], Floats]] = {}
    estimated = joint.estimated
    z = rng.standard_normal((draws, len(estimated)))
    mu = np.array([q.loc for q in estimated]) + np.array([q.sd for q in estimated]) * z
    out["mu"] = (("typical",), mu)
    out |= _classes(joint, draws, rng)
    if population.effects:
        effect = np.array([q.mean for q in population.effects]) + np.array(
            [q.sd for q in population.effects]
        ) * rng.standard_normal((draws, len(population.effects)))
        out["effect"] = (("covariate_effect",), effect)
    if n + m:
        omega = _log_normal(
            rng, draws, [q.median for q in population.omega], [q.log_sd for q in population.omega]
        )
        out["omega"] = (("iiv",), omega)
    if n:
        eta = rng.standard_normal((draws, subjects, n))
        out["eta"] = (("subject", "iiv_noncentred"), eta)
        k = len(population.correlated)
        if k > 1:
            root = lkj_roots(rng, draws, k, population.lkj)
            out["correlation_root"] = (("correlation_row", "correlation_column"), root)
    if m:
        named = xr.Dataset({k: (("chain", "draw", *dims), v[None]) for k, (dims, v) in out.items()})
        centre = centres(joint, named)[:, :, n : n + m]
        phi = centre + omega[:, None, n:] * rng.standard_normal(centre.shape)
        out["phi_centred"] = (("subject", "iiv_centred"), phi)
    out["error"] = (
        ("error_parameter",),
        _log_normal(rng, draws, [q.median for q in obs.errors], [q.log_sd for q in obs.errors]),
    )
    if obs.calibrations:
        factor = _log_normal(
            rng,
            draws,
            [q.median for q in obs.calibrations],
            [q.log_sd for q in obs.calibrations],
        )
        out["log_calibration"] = (("calibration",), np.log(factor))
        varying = sum(q.per_subject for q in obs.calibrations)
        if varying:
            omega_cal = np.abs(OMEGA_CALIBRATION_SD * rng.standard_normal((draws, varying)))
            out["omega_calibration"] = (("calibration_subject",), omega_cal)
            out["eta_calibration"] = (
                ("subject", "calibration_subject"),
                rng.standard_normal((draws, subjects, varying)),
            )
    return xr.Dataset(
        {name: (("chain", "draw", *dims), value[None]) for name, (dims, value) in out.items()},
        coords={
            "chain": [0],
            "draw": np.arange(draws),
            "subject": list(joint.subjects),
            "typical": [q.name for q in estimated],
            **({"patient_class": list(population.classes.names)} if population.classes else {}),
        },
    )


def _classes(
    joint: Joint, draws: int, rng: np.random.Generator
) -> dict[str, tuple[tuple[str, ...], Any]]:
    """Typical values of classes, their probabilities, and a class for every subject."""
    classes = joint.population.classes
    if classes is None:
        return {}
    out: dict[str, tuple[tuple[str, ...], Any]] = {}
    share = np.tile(classes.probability, (draws, 1))
    if classes.estimated:
        prior = [q.typical for q in classes.estimated]
        z = rng.standard_normal((draws, len(prior)))
        own = np.array([q.loc for q in prior]) + np.array([q.sd for q in prior]) * z
        out["class_typical"] = (("class_own",), own)
    if classes.concentration:
        share = rng.dirichlet(classes.concentration * np.array(classes.probability), draws)
        out["class_probability"] = (("patient_class",), share)
    uniform = rng.random((draws, len(joint.subjects), 1))
    member = (uniform > share.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
    out["member"] = (("subject",), member)
    return out


def _log_normal(
    rng: np.random.Generator, draws: int, median: list[float], log_sd: list[float]
) -> Floats:
    z = rng.standard_normal((draws, len(median)))
    return np.asarray(np.exp(np.log(median) + np.asarray(log_sd) * z))


def lkj_roots(rng: np.random.Generator, draws: int, size: int, shape: float) -> Floats:
    """Cholesky factors of LKJ correlation matrices, by the onion method.

    Parameters
    ----------
    rng : numpy.random.Generator
    draws, size : int
    shape : float                   1 is uniform over correlation matrices

    Returns
    -------
    float array (draw, size, size)

    Source
    ------
    Lewandowski, Kurowicka and Joe, J Multivar Anal 2009;100:1989-2001, section 3.2
    """
    root = np.zeros((draws, size, size))
    root[:, 0, 0] = 1.0
    beta = shape + (size - 2) / 2.0
    for i in range(1, size):
        # Squared length of the row below the diagonal, then a direction on the sphere.
        length = (
            (2.0 * rng.beta(beta, beta, draws) - 1.0) ** 2
            if i == 1
            else rng.beta(i / 2.0, beta, draws)
        )
        direction = rng.standard_normal((draws, i))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        root[:, i, :i] = np.sqrt(length)[:, None] * direction
        root[:, i, i] = np.sqrt(1.0 - length)
        beta -= 0.5
    return root
