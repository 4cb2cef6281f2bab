"""The two levels of a fit: what all subjects share, and what each subject has to itself.

The shared level is ``z``: every entry of the sampler's unconstrained point that belongs to no
subject. A subject's own level is ``u``: its individual parameters on their transformed scale (those
with between-subject variability, in the kernel's order), then its deviations of log calibration
factors. Given z, u ~ Normal(centre, Omega), whichever parameterisation is sampled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.compile.maker import function
from pytensor.graph.replace import vectorize_graph

from cellkinetics.fitting.compile import Compiled
from cellkinetics.fitting.constrain import PYTHON
from cellkinetics.fitting.draws import expected_phi
from cellkinetics.joint import Joint
from cellkinetics.kernel.compiled import Kernel, build_kernel
from cellkinetics.kernel.layout import Floats, Ints

OWN = ("eta", "phi_centred", "eta_calibration")
"""Random variables that have a row for every subject."""

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class Levels:
    """Where the two levels of a fit lie in the sampler's point.

    Attributes
    ----------
    joint : Joint
    compiled : Compiled                 the log density that NUTS uses
    shared : int array (free,)          entries of the point that are ``z``
    own : int array (subject, own)      entries of the point that belong to a subject, ordered as u
    standard : bool array (own,)        entries of u that are sampled as standardised deviations
    varying : tuple of int              calibrations that differ between subjects
    log_prior : callable                z (draw, free) -> log prior density (draw,)
    values : Kernel                     without derivatives
    """

    joint: Joint
    compiled: Compiled
    shared: Ints
    own: Ints
    standard: np.ndarray
    varying: tuple[int, ...]
    log_prior: Callable[[Floats], Floats]
    values: Kernel

    @property
    def subjects(self) -> int:
        """Number of subjects."""
        return len(self.own)

    @property
    def individual(self) -> int:
        """Number of individual parameters in u; calibration deviations follow them."""
        return len(self.joint.population.omega)

    @property
    def columns(self) -> list[int]:
        """Where u lies among the kernel's parameters followed by the varying calibrations."""
        after = len(self.joint.population.typical)
        return [*range(self.individual), *range(after, after + len(self.varying))]


@dataclass(frozen=True, eq=False)
class Shared:
    """What z says of every subject; the first axis is the draw of z.

    Attributes
    ----------
    phi : float array (draw, subject, parameter)    expected phi, covariates included
    centre : float array (draw, subject, own)       expected u
    root : float array (draw, own, own)             Cholesky factor of Omega
    error : float array (draw, error_parameter + 1) the last is 0: what a row without one takes
    factor : float array (draw, calibration + 1)    logarithms, the last is 0 likewise
    """

    phi: Floats
    centre: Floats
    root: Floats
    error: Floats
    factor: Floats

    @property
    def whiten(self) -> Floats:
        """Inverse of ``root``."""
        return np.linalg.inv(self.root)

    @property
    def log_root(self) -> Floats:
        """Half the log determinant of Omega, (draw,)."""
        return np.asarray(np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum(axis=1))


def make_levels(joint: Joint, model: pm.Model, compiled: Compiled) -> Levels:
    """Find the two levels of a fit; ``model`` and ``compiled`` are made from ``joint``."""
    names = compiled.names
    blocks = [
        np.reshape([i for i, n in enumerate(names) if n.startswith(f"{rv}[")], (-1, width))
        for rv, width in zip(OWN, _widths(joint), strict=True)
        if width
    ]
    none = np.empty((len(joint.subjects), 0), dtype=np.int64)
    own = np.concatenate([none, *blocks], axis=1).astype(np.int64)
    n, m, varying = _widths(joint)
    obs = joint.observations
    return Levels(
        joint=joint,
        compiled=compiled,
        shared=np.setdiff1d(np.arange(len(names)), own),
        own=own,
        standard=np.array([True] * n + [False] * m + [True] * varying, dtype=bool),
        varying=tuple(i for i, q in enumerate(obs.calibrations) if q.per_subject),
        log_prior=_prior_function(model, names),
        values=build_kernel(joint.model, (), form=joint.spec.kernel.form),
    )


def _widths(joint: Joint) -> tuple[int, int, int]:
    varying = sum(q.per_subject for q in joint.observations.calibrations)
    return len(joint.noncentred), len(joint.centred), varying


def _prior_function(model: pm.Model, names: Sequence[str]) -> Callable[[Floats], Floats]:
    """Log prior density of the shared level, the transforms' Jacobians included."""
    free = [rv for rv in model.free_RVs if rv.name not in OWN]
    values = [model.rvs_to_values[rv] for rv in free]
    # Every variable of the shared level is a vector where it is unconstrained.
    sizes = [sum(n.startswith(f"{v.name}[") for n in names) for v in values]
    batches = [
        pt.tensor(shape=(None, size), dtype=v.dtype) for v, size in zip(values, sizes, strict=True)
    ]
    logp = vectorize_graph(model.logp(vars=free), dict(zip(values, batches, strict=True)))
    evaluate = function(batches, logp, mode=PYTHON)
    edges = np.cumsum(sizes)[:-1]

    def log_prior(z: Floats) -> Floats:
        return np.asarray(evaluate(*np.split(z, edges, axis=1)))

    return log_prior


def shared_at(levels: Levels, z: Floats) -> Shared:
    """What z (draw, free) says of every subject."""
    point = np.zeros((len(z), len(levels.compiled.names)))
    point[:, levels.shared] = z
    return shared_from(levels, levels.compiled.constrain(point))


def shared_from(levels: Levels, value: Mapping[str, np.ndarray]) -> Shared:
    """What random variables of the shared level, each (draw, ...), say of every subject."""
    joint, count, own = levels.joint, len(value["mu"]), levels.own.shape[1]
    none = np.zeros((count, 0))
    phi = expected_phi(joint, value["mu"], value.get("effect", none))
    centre = np.zeros((count, levels.subjects, own))
    centre[:, :, : levels.individual] = phi[:, :, : levels.individual]
    scale = [value.get("omega", none), value.get("omega_calibration", none)]
    root = np.tile(np.eye(own), (count, 1, 1))
    correlated = len(joint.population.correlated)
    if correlated > 1:
        root[:, :correlated, :correlated] = value["correlation_root"]
    last = np.zeros((count, 1))
    return Shared(
        phi=phi,
        centre=centre,
        root=np.concatenate(scale, axis=1)[:, :, None] * root,
        error=np.concatenate([value["error"], last], axis=1),
        factor=np.concatenate([value.get("log_calibration", none), last], axis=1),
    )


def log_own_prior(shared: Shared, draw: Ints, subject: Ints, u: Floats) -> Floats:
    """Log density of u (item, own) given z, (item,); ``draw`` and ``subject`` are (item,)."""
    rest = u - shared.centre[draw, subject]
    white = (shared.whiten[draw] @ rest[..., None])[..., 0]
    constant = shared.log_root[draw] + 0.5 * u.shape[1] * LOG_2PI
    return np.asarray(-0.5 * np.einsum("iq,iq->i", white, white) - constant)


def to_points(levels: Levels, z: Floats, u: Floats) -> tuple[Floats, Floats]:
    """The sampler's points at draws of both levels.

    Parameters
    ----------
    levels : Levels
    z : float array (draw, free)
    u : float array (draw, subject, own)

    Returns
    -------
    points (draw, parameter)
    log_jacobian (draw,)            what the log density of (z, u) gains by the change of variables
    """
    shared = shared_at(levels, z)
    white = np.einsum("dqr,dsr->dsq", shared.whiten, u - shared.centre)
    points = np.empty((len(z), len(levels.compiled.names)))
    points[:, levels.shared] = z
    points[:, levels.own] = np.where(levels.standard, white, u)
    # Standardised entries are correlated among themselves only, so that this is their own block.
    scale = np.log(np.diagonal(shared.root, axis1=1, axis2=2))
    return points, levels.subjects * scale[:, levels.standard].sum(axis=1)
