"""From posterior (or prior) draws to individual parameters, predictions and readings.

The same arithmetic as in the graph of :mod:`cellkinetics.joint`, in NumPy: a test holds the two
against each other, draw by draw.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cellkinetics.density import draw_readings, log_densities
from cellkinetics.joint import Joint
from cellkinetics.kernel.compiled import build_kernel
from cellkinetics.kernel.layout import Floats, Rows, repeated_dosing, repeated_rows
from cellkinetics.population import to_natural

CHUNK_ROWS = 400_000
"""Rows solved at a time: bounds the memory, whatever the number of draws."""


@dataclass(frozen=True)
class Draws:
    """Draws of everything that predictions need; the first axis is the draw.

    Attributes
    ----------
    phi : float array (draw, subject, parameter)    in the kernel's order
    error : float array (draw, error_parameter)
    log_factor : float array (draw, row)            calibration, zero where there is none
    """

    phi: Floats
    error: Floats
    log_factor: Floats


def flat(group: xr.Dataset, name: str) -> Floats:
    """A variable with chain and draw joined into one leading axis."""
    values = group[name].to_numpy()
    return values.reshape((-1, *values.shape[2:]))


def centres(joint: Joint, group: xr.Dataset) -> Floats:
    """What each subject's phi is expected to be: typical value of its class, and covariates.

    Returns
    -------
    float array (draw, subject, parameter)
    """
    mu = flat(group, "mu")
    effect = flat(group, "effect") if joint.population.effects else np.zeros((len(mu), 0))
    expected = expected_phi(joint, mu, effect)
    if joint.population.classes is not None:
        shift = class_shifts(joint, group)
        expected += shift[np.arange(len(mu))[:, None], flat(group, "member")]
    return expected


def class_shifts(joint: Joint, group: xr.Dataset) -> Floats:
    """What a class adds to the typical phi of the first class, (draw, class, parameter)."""
    classes, population = joint.population.classes, joint.population
    assert classes is not None
    mu = flat(group, "mu")
    first = {q.name: i for i, q in enumerate(joint.estimated)}
    out = np.zeros((len(mu), len(classes.names), len(population.typical)))
    own = flat(group, "class_typical") if classes.estimated else None
    for q in classes.own:
        at, name = population.names.index(q.typical.name), q.typical.name
        base = mu[:, first[name]] if name in first else population.typical[at].loc
        value = own[:, classes.estimated.index(q)] if own is not None and q.typical.sd > 0 else None
        out[:, q.member, at] = (q.typical.loc if value is None else value) - base
    return out


def log_class_probability(joint: Joint, group: xr.Dataset) -> Floats:
    """Log probability of each class at each draw, (draw, class)."""
    classes = joint.population.classes
    assert classes is not None
    if classes.concentration:
        return np.asarray(np.log(flat(group, "class_probability")))
    return np.tile(np.log(classes.probability), (len(flat(group, "mu")), 1))


def expected_phi(joint: Joint, mu: Floats, effect: Floats) -> Floats:
    """As :func:`centres` for the first class, from ``mu`` (draw, typical), ``effect`` (draw, .)."""
    population = joint.population
    estimated = {q.name: i for i, q in enumerate(joint.estimated)}
    out = np.empty((len(mu), len(joint.subjects), len(population.typical)))
    for j, q in enumerate(population.typical):
        out[:, :, j] = mu[:, [estimated[q.name]]] if q.name in estimated else q.loc
    for i, covariate in enumerate(population.effects):
        at = population.names.index(covariate.parameter)
        out[:, :, at] += effect[:, [i]] * covariate.column
    return out


def take_draws(joint: Joint, group: xr.Dataset) -> Draws:
    """Assemble individual parameters from the random variables of a fit.

    Parameters
    ----------
    joint : Joint
    group : Dataset (chain, draw, ...)      posterior or prior

    Returns
    -------
    Draws
    """
    n, m = len(joint.noncentred), len(joint.centred)
    phi = centres(joint, group)
    if n:
        eta = flat(group, "eta").copy()
        k = len(joint.population.correlated)
        if k > 1:
            root = flat(group, "correlation_root")
            eta[:, :, :k] = np.einsum("dsj,dij->dsi", eta[:, :, :k], root)
        phi[:, :, :n] += flat(group, "omega")[:, None, :n] * eta
    if m:
        phi[:, :, n : n + m] = flat(group, "phi_centred")
    return Draws(phi, flat(group, "error"), _log_factor(joint, group, len(phi)))


def _log_factor(joint: Joint, group: xr.Dataset, count: int) -> Floats:
    obs = joint.observations
    out = np.zeros((count, len(obs.value)))
    if not obs.calibrations:
        return out
    shared = flat(group, "log_calibration")
    varying = [i for i, q in enumerate(obs.calibrations) if q.per_subject]
    deviation = (
        flat(group, "omega_calibration")[:, None, :] * flat(group, "eta_calibration")
        if varying
        else None
    )
    for position, analyte in enumerate(obs.analytes):
        if analyte.calibration < 0:
            continue
        rows = obs.analyte == position
        out[:, rows] = shared[:, [analyte.calibration]]
        if deviation is not None and analyte.calibration in varying:
            column = varying.index(analyte.calibration)
            out[:, rows] += deviation[:, obs.subject[rows], column]
    return out


def natural(joint: Joint, phi: Floats) -> Floats:
    """Individual parameters on their natural scales, same shape."""
    out = np.empty_like(phi)
    for j, q in enumerate(joint.population.typical):
        with np.errstate(over="ignore"):  # a proposal far out: a fraction of 0, an infinite rate
            out[..., j] = to_natural(phi[..., j], q.scale, q.lower, q.upper)
    return out


def predictions(joint: Joint, phi: Floats, rows: Rows | None = None) -> Floats:
    """Kernel predictions for every draw.

    Parameters
    ----------
    joint : Joint
    phi : float array (draw, subject, parameter)
    rows : Rows, optional                   default: those of the likelihood

    Returns
    -------
    float array (draw, row)                 before link offset and calibration
    """
    asked = joint.observations.rows if rows is None else rows
    draws, subjects, _ = phi.shape
    kernel = build_kernel(joint.model, (), form=joint.spec.kernel.form)
    names = joint.population.names
    own = {name: j for j, name in enumerate(joint.kernel.constants)}
    theta = natural(joint, phi)
    constants = np.empty((draws, subjects, len(kernel.constants)))
    for j, name in enumerate(kernel.constants):
        constants[:, :, j] = (
            theta[:, :, names.index(name)] if name in names else joint.constants[:, own[name]]
        )
    n_rows = len(asked.time)
    out = np.empty((draws, n_rows))
    step = max(1, CHUNK_ROWS // max(1, n_rows))
    for first in range(0, draws, step):
        part = constants[first : first + step]
        times = len(part)
        solution = kernel(
            np.empty((times * subjects, 0)),
            part.reshape(times * subjects, -1),
            repeated_dosing(joint.dosing, times),
            repeated_rows(asked, times),
            rtol=joint.spec.kernel.rtol,
            max_steps=joint.spec.kernel.max_steps,
        )
        out[first : first + times] = solution.pred.reshape(times, n_rows)
    return out


def linked(joint: Joint, pred: Floats, log_factor: Floats) -> Floats:
    """Predictions as the assay would read them without error, on the kernel's scale."""
    obs = joint.observations
    total = obs.offset + log_factor
    return np.where(obs.pred_is_log, pred + total, pred * np.exp(total))


def _error_rows(joint: Joint, draws: Draws) -> tuple[Floats, Floats]:
    obs = joint.observations
    padded = np.concatenate([draws.error, np.zeros((len(draws.error), 1))], axis=1)
    a = padded[:, np.array([x.a for x in obs.analytes])[obs.analyte]]
    b = padded[:, np.array([x.b for x in obs.analytes])[obs.analyte]]
    return a, b


def pointwise_log_likelihood(joint: Joint, draws: Draws, pred: Floats) -> Floats:
    """Log density of every row at every draw, (draw, row); ``pred`` as from :func:`linked`."""
    obs = joint.observations
    a, b = _error_rows(joint, draws)
    count = len(pred)
    out = np.empty((count, len(obs.value)))
    waste = np.empty((3, len(obs.value)))
    value = np.nan_to_num(obs.value)
    lower, upper = np.nan_to_num(obs.lower, neginf=-np.inf), np.nan_to_num(obs.upper, posinf=np.inf)
    for i in range(count):
        log_densities(
            obs.family, obs.kind, value, lower, upper, obs.floor, pred[i], obs.pred_is_log,
            a[i], b[i], obs.nu, out[i], waste[0], waste[1], waste[2],
        )  # fmt: skip
    return out


def replicate(joint: Joint, draws: Draws, pred: Floats, rng: np.random.Generator) -> Floats:
    """One new reading of every row at every draw, (draw, row), as if there were no limits."""
    obs = joint.observations
    a, b = _error_rows(joint, draws)
    return draw_readings(rng, obs.family, pred, obs.pred_is_log, a, b, obs.nu)
