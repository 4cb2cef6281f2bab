"""The two levels of a fit, as plain vectors: what all subjects share, and what each has itself.

The shared level is theta: typical values, covariate effects, logarithms of between-subject SDs, of
residual errors and of calibration factors, and correlations. ``z`` is theta counted from the prior
median in prior SDs, and has only the entries that are estimated. A subject's own level is ``u``:
its individual parameters (those with between-subject variability, in the kernel's order), then its
own deviations of log calibration factors. Given theta, u ~ Normal(centre, Omega).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from cellkinetics.joint import OMEGA_CALIBRATION_SD, Joint
from cellkinetics.kernel.compiled import Kernel, build_kernel
from cellkinetics.kernel.layout import Floats, Ints

PARTIAL_STEP = 0.5
"""Length of a step in the artanh of a partial correlation: a scale for ``z``, not a prior."""


@dataclass(frozen=True, eq=False)
class Levels:
    """How a fit's parameters lie in the vectors theta, z and u.

    Attributes
    ----------
    joint : Joint
    blocks : dict of slice          where each kind of parameter lies in theta
    loc, sd : float array (theta,)  theta = loc + sd z; sd 0 is a parameter that is not estimated
    varying : tuple of int          calibrations that differ between subjects
    """

    joint: Joint
    blocks: dict[str, slice]
    loc: Floats
    sd: Floats
    varying: tuple[int, ...]

    @cached_property
    def free(self) -> Ints:
        """Positions in theta that are estimated: the entries of z."""
        return np.flatnonzero(self.sd > 0)

    @property
    def individual(self) -> int:
        """Number of individual parameters in u; calibration deviations follow them."""
        return len(self.joint.population.omega)

    @property
    def own(self) -> int:
        """Length of u."""
        return self.individual + len(self.varying)

    @cached_property
    def values(self) -> Kernel:
        """The kernel without derivatives."""
        return build_kernel(self.joint.model, (), form=self.joint.spec.kernel.form)


@dataclass(frozen=True, eq=False)
class Shared:
    """What theta says of every subject; the first axis is the draw of theta.

    Attributes
    ----------
    phi : float array (draw, subject, parameter)    expected phi, covariates included
    centre : float array (draw, subject, own)       expected u
    scale : float array (draw, own)                 SD of each entry of u
    root : float array (draw, own, own)             Cholesky factor of the correlation matrix of u
    precision : float array (draw, own, own)        inverse of Omega
    log_root : float array (draw,)                  half the log determinant of Omega
    error : float array (draw, error_parameter + 1) the last is 0: what an analyte without one takes
    factor : float array (draw, calibration + 1)    logarithms, the last is 0 likewise
    """

    phi: Floats
    centre: Floats
    scale: Floats
    root: Floats
    precision: Floats
    log_root: Floats
    error: Floats
    factor: Floats


def make_levels(joint: Joint) -> Levels:
    """Lay out a fit's parameters.

    Parameters
    ----------
    joint : Joint

    Returns
    -------
    Levels
    """
    population, obs = joint.population, joint.observations
    varying = tuple(i for i, q in enumerate(obs.calibrations) if q.per_subject)
    correlated = len(population.correlated)
    pairs = correlated * (correlated - 1) // 2
    entries = {
        "mu": [(q.loc, q.sd) for q in joint.estimated],
        "effect": [(q.mean, q.sd) for q in population.effects],
        "log_omega": [(np.log(q.median), q.log_sd) for q in population.omega],
        "log_error": [(np.log(q.median), q.log_sd) for q in obs.errors],
        "log_calibration": [(np.log(q.median), q.log_sd) for q in obs.calibrations],
        "log_omega_calibration": [(np.log(OMEGA_CALIBRATION_SD), 1.0)] * len(varying),
        "partial": [(0.0, PARTIAL_STEP)] * pairs,
    }
    edges = np.cumsum([0, *(len(part) for part in entries.values())]).tolist()
    every = np.array([pair for part in entries.values() for pair in part], dtype=np.float64)
    return Levels(
        joint=joint,
        blocks=dict(zip(entries, map(slice, edges[:-1], edges[1:]), strict=True)),
        loc=every[:, 0],
        sd=every[:, 1],
        varying=varying,
    )


def theta_at(levels: Levels, z: Floats) -> Floats:
    """Theta, fixed entries included, at ``z`` (draw, free)."""
    theta = np.tile(levels.loc, (len(z), 1))
    theta[:, levels.free] += levels.sd[levels.free] * z
    return theta


def log_prior(levels: Levels, z: Floats) -> tuple[Floats, Floats]:
    """Log prior density of z, up to a constant, and its gradient.

    Parameters
    ----------
    levels : Levels
    z : float array (draw, free)

    Returns
    -------
    value (draw,), gradient (draw, free)
    """
    theta = theta_at(levels, z)
    with np.errstate(divide="ignore", invalid="ignore"):
        standard = np.where(levels.sd > 0, (theta - levels.loc) / levels.sd, 0.0)
    value, slope = -0.5 * standard**2, -standard
    # Half-normal SDs, carried as logarithms.
    at = levels.blocks["log_omega_calibration"]
    ratio = np.exp(2 * theta[:, at]) / OMEGA_CALIBRATION_SD**2
    value[:, at], slope[:, at] = theta[:, at] - 0.5 * ratio, (1.0 - ratio) * levels.sd[at]
    # LKJ: each partial correlation is a symmetric beta variable, carried as its artanh.
    at = levels.blocks["partial"]
    population = levels.joint.population
    size = len(population.correlated)
    columns = np.array([j for i in range(1, size) for j in range(i)], dtype=np.float64)
    shape = population.lkj + (size - 2 - columns) / 2.0
    value[:, at] = -2 * shape * np.log(np.cosh(theta[:, at]))
    slope[:, at] = -2 * shape * np.tanh(theta[:, at]) * levels.sd[at]
    return value.sum(axis=1), slope[:, levels.free]


def partial_to_root(partial: Floats, size: int) -> Floats:
    """Cholesky factor of a correlation matrix from its partial correlations.

    Parameters
    ----------
    partial : float array (draw, size (size - 1) / 2)   row by row of the lower triangle
    size : int

    Returns
    -------
    float array (draw, size, size)

    Source
    ------
    Lewandowski, Kurowicka and Joe, J Multivar Anal 2009;100:1989-2001, section 2
    """
    root = np.zeros((len(partial), size, size))
    left = np.ones((len(partial), size))
    at = 0
    for i in range(size):
        for j in range(i):
            root[:, i, j] = partial[:, at] * np.sqrt(left[:, i])
            left[:, i] -= root[:, i, j] ** 2
            at += 1
        root[:, i, i] = np.sqrt(left[:, i])
    return root


def shared_at(levels: Levels, z: Floats) -> Shared:
    """What theta says of every subject.

    Parameters
    ----------
    levels : Levels
    z : float array (draw, free)

    Returns
    -------
    Shared
    """
    joint, theta = levels.joint, theta_at(levels, z)
    draws, subjects = len(z), len(joint.subjects)
    names = joint.population.names
    phi = np.tile([q.loc for q in joint.population.typical], (draws, subjects, 1))
    for i, q in enumerate(joint.estimated):
        phi[:, :, names.index(q.name)] = theta[:, [i]]
    coefficients = theta[:, levels.blocks["effect"]]
    for i, effect in enumerate(joint.population.effects):
        phi[:, :, names.index(effect.parameter)] += coefficients[:, [i]] * effect.column
    centre = np.zeros((draws, subjects, levels.own))
    centre[:, :, : levels.individual] = phi[:, :, : levels.individual]
    scale = np.exp(
        theta[:, np.r_[levels.blocks["log_omega"], levels.blocks["log_omega_calibration"]]]
    )
    root = np.tile(np.eye(levels.own), (draws, 1, 1))
    size = len(joint.population.correlated)
    if size > 1:
        partial = np.tanh(theta[:, levels.blocks["partial"]])
        root[:, :size, :size] = partial_to_root(partial, size)
    inverse = np.linalg.inv(root) / scale[:, None, :]
    none = np.zeros((draws, 1))
    return Shared(
        phi=phi,
        centre=centre,
        scale=scale,
        root=root,
        precision=np.swapaxes(inverse, 1, 2) @ inverse,
        log_root=(np.log(scale) + np.log(np.diagonal(root, axis1=1, axis2=2))).sum(axis=1),
        error=np.concatenate([np.exp(theta[:, levels.blocks["log_error"]]), none], axis=1),
        factor=np.concatenate([theta[:, levels.blocks["log_calibration"]], none], axis=1),
    )


def as_posterior(levels: Levels, z: Floats, u: Floats) -> xr.Dataset:
    """The random variables of :func:`cellkinetics.joint.build_model` at draws of z and u.

    Parameters
    ----------
    levels : Levels
    z : float array (draw, free)
    u : float array (draw, subject, own)

    Returns
    -------
    Dataset (chain, draw, ...)      one chain: independent draws have no chains
    """
    joint, theta, shared = levels.joint, theta_at(levels, z), shared_at(levels, z)
    n, m = len(joint.noncentred), len(joint.centred)
    size = len(joint.population.correlated)
    deviation = (u - shared.centre) / shared.scale[:, None, :]
    whole = np.linalg.inv(shared.root)[:, None] @ deviation[..., None]
    eta = whole[..., 0]
    found: dict[str, tuple[tuple[str, ...], Floats]] = {
        "mu": (("typical",), theta[:, levels.blocks["mu"]]),
        "error": (("error_parameter",), shared.error[:, :-1]),
    }
    if joint.population.effects:
        found["effect"] = (("covariate_effect",), theta[:, levels.blocks["effect"]])
    if n + m:
        found["omega"] = (("iiv",), shared.scale[:, : n + m])
    if n:
        found["eta"] = (("subject", "iiv_noncentred"), eta[:, :, :n])
    if m:
        found["phi_centred"] = (("subject", "iiv_centred"), u[:, :, n : n + m])
    if size > 1:
        dims = ("correlation_row", "correlation_column")
        found["correlation_root"] = (dims, shared.root[:, :size, :size])
    if joint.observations.calibrations:
        found["log_calibration"] = (("calibration",), shared.factor[:, :-1])
    if levels.varying:
        found["omega_calibration"] = (("calibration_subject",), shared.scale[:, n + m :])
        found["eta_calibration"] = (("subject", "calibration_subject"), eta[:, :, n + m :])
    labels = {
        "typical": [q.name for q in joint.estimated],
        "iiv": [*joint.noncentred, *joint.centred],
        "iiv_noncentred": list(joint.noncentred),
        "iiv_centred": list(joint.centred),
        "error_parameter": [q.name for q in joint.observations.errors],
        "covariate_effect": [q.name for q in joint.population.effects],
        "calibration": [q.name for q in joint.observations.calibrations],
        "subject": list(joint.subjects),
    }
    used = {dim for dims, _ in found.values() for dim in dims}
    return xr.Dataset(
        {name: (("chain", "draw", *dims), value[None]) for name, (dims, value) in found.items()},
        coords={
            "chain": [0],
            "draw": np.arange(len(z)),
            **{name: label for name, label in labels.items() if name in used},
        },
    )
