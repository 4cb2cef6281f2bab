"""The mode of theta, its subjects' own levels integrated out, by Monte-Carlo likelihood.

Laplace's approximation of log p(y | theta) jumps where a subject's mode sits in a kink, as the peak
time does when it meets a sampling time. So each subject's u is drawn once around its mode at some
theta and then frozen: the importance-sampling estimate of log p(y | theta) over these draws is
smooth in theta, and its gradient is exact. Its maximum gives the next theta to draw at.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from cellkinetics.errors import FitError
from cellkinetics.fit.importance import Proposal, draw_own
from cellkinetics.fit.laplace import (
    Batch,
    Modes,
    calibration_of,
    errors_of,
    every_subject,
    find_modes,
    log_joint,
    make_batch,
    read_batch,
    solve_batch,
)
from cellkinetics.fit.levels import Levels, Shared, log_prior, partial_to_root, shared_at, theta_at
from cellkinetics.kernel.layout import Floats

DRAWS = 256
"""Frozen draws of each subject while the mode is looked for."""

ROUNDS = 20
MOVED = 0.15
"""The mode is found when a round moves no parameter by more than this, in prior SDs."""

KEPT = 0.2
"""Share of its effective draws that a subject keeps in one round, at least."""


@dataclass(frozen=True, eq=False)
class Frozen:
    """Draws of u around each subject's mode at one theta.

    Attributes
    ----------
    modes : Modes                           of each subject at that theta
    white : float array (subject, draw, own)    the draws, whitened by the mode's Hessian
    u : float array (subject * draw, own)
    log_q : float array (subject, draw)     log density that they were drawn from
    batch : Batch                           its items are the draws
    pred : float array (row,)               kernel predictions of the draws
    """

    modes: Modes
    white: Floats
    u: Floats
    log_q: Floats
    batch: Batch
    pred: Floats


@dataclass(frozen=True, eq=False)
class Estimate:
    """Log posterior of theta over frozen draws.

    Attributes
    ----------
    value : float
    gradient : float array (free,)
    weight : float array (subject, draw)    importance weights, 1 in sum for each subject
    """

    value: float
    gradient: Floats
    weight: Floats

    @property
    def effective(self) -> Floats:
        """Effective number of draws of each subject."""
        return np.asarray(1.0 / (self.weight**2).sum(axis=1))


def freeze(
    levels: Levels,
    z: Floats,
    start: Floats,
    proposal: Proposal,
    count: int,
    rng: np.random.Generator,
) -> Frozen:
    """Draw each subject's u around its mode.

    Parameters
    ----------
    levels : Levels
    z : float array (free,)
    start : float array (subject, own)      where to look for the modes from
    proposal : Proposal
    count : int                             draws of each subject, even
    rng : numpy.random.Generator

    Returns
    -------
    Frozen

    Raises
    ------
    FitError                                the model cannot be solved for a subject at this theta
    """
    shared = shared_at(levels, z[None])
    modes = find_modes(levels, shared, every_subject(levels, 1), start)
    if not np.isfinite(modes.value).all():
        lost = levels.joint.subjects[int(np.flatnonzero(~np.isfinite(modes.value))[0])]
        raise FitError(
            f"The quick answer cannot start: the model has no finite prediction for subject {lost}"
            " at typical values. See the prior's curves ('cellkinetics priors'), or fit without"
            " --quick."
        )
    subjects = len(levels.joint.subjects)
    every = np.arange(subjects)
    draws = draw_own(proposal, modes, every, np.full(subjects, count), rng)
    # From (sign, subject * pair) to (subject, draw).
    u, white = (
        np.moveaxis(x.reshape(2, subjects, count // 2, -1), 0, 1).reshape(subjects, count, -1)
        for x in (draws.u, draws.white)
    )
    log_q = np.moveaxis(draws.log_q.reshape(2, subjects, -1), 0, 1).reshape(subjects, count)
    batch = make_batch(levels, np.zeros(subjects * count, np.int64), np.repeat(every, count))
    u = u.reshape(subjects * count, -1)
    pred, _ = solve_batch(levels, shared, batch, u, jacobian=False)
    return Frozen(modes, white, u, log_q, batch, pred)


def estimate(levels: Levels, frozen: Frozen, z: Floats) -> Estimate:
    """Log posterior density of theta over frozen draws, and its exact gradient.

    Parameters
    ----------
    levels : Levels
    frozen : Frozen
    z : float array (free,)

    Returns
    -------
    Estimate
    """
    shared, batch = shared_at(levels, z[None]), frozen.batch
    pred, jac = frozen.pred, None
    if levels.individual < len(levels.joint.population.typical):
        # Parameters without between-subject variability move the predictions themselves.
        pred, jac = solve_batch(levels, shared, batch, frozen.u, jacobian=True)
    reading = read_batch(levels, shared, batch, frozen.u, pred)
    value = log_joint(levels, shared, batch, frozen.u, reading.log_p)
    log_weight = value.reshape(frozen.log_q.shape) - frozen.log_q
    top = log_weight.max(axis=1, keepdims=True)
    weight = np.exp(log_weight - np.where(np.isfinite(top), top, 0.0))
    total = weight.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_marginal = float((top + np.log(total / weight.shape[1])).sum())
        weight = weight / total

    by_row = np.where(weight.ravel()[batch.item] > 0, weight.ravel()[batch.item], 0.0)
    gradient = _prior_of_own(levels, shared, frozen, weight, z)
    at_a, at_b = errors_of(levels)
    by_error = np.bincount(at_a[batch.row], _weighted(by_row, reading.by_a), len(shared.error[0]))
    by_error += np.bincount(at_b[batch.row], _weighted(by_row, reading.by_b), len(shared.error[0]))
    gradient[levels.blocks["log_error"]] = (by_error * shared.error[0])[:-1]
    by_factor = np.bincount(
        calibration_of(levels)[batch.row],
        _weighted(by_row, reading.by_factor),
        len(shared.factor[0]),
    )
    gradient[levels.blocks["log_calibration"]] = by_factor[:-1]
    if jac is not None:
        by_phi = _weighted(by_row, reading.by_pred * reading.slope)[:, None] * np.nan_to_num(jac)
        by_subject = np.zeros((len(weight), jac.shape[1]))
        np.add.at(by_subject, batch.subject[batch.item], by_phi)
        by_subject[:, : levels.individual] = 0.0
        _add_centre(levels, gradient, by_subject)
    prior, prior_slope = log_prior(levels, z[None])
    slope = (gradient * levels.sd)[levels.free] + prior_slope[0]
    return Estimate(log_marginal + float(prior[0]), slope, weight)


def _weighted(weight: Floats, slope: Floats) -> Floats:
    """A draw without weight counts nothing, whatever its slope is."""
    return np.where(weight > 0, weight * slope, 0.0)


def _prior_of_own(
    levels: Levels, shared: Shared, frozen: Frozen, weight: Floats, z: Floats
) -> Floats:
    """Gradient in theta of the expected log density of u."""
    subjects, count = weight.shape
    residual = frozen.u.reshape(subjects, count, -1) - shared.centre[0][:, None]
    residual = residual / shared.scale[0]
    moment = np.einsum("sk,skq,skr->qr", weight, residual, residual)
    pulled = np.einsum("sk,skq->sq", weight, residual) @ (
        shared.precision[0] * shared.scale[0][:, None]
    )
    gradient = np.zeros(len(levels.loc))
    by_phi = np.zeros((subjects, len(levels.joint.population.typical)))
    by_phi[:, : levels.individual] = pulled[:, : levels.individual]
    _add_centre(levels, gradient, by_phi)
    inverse = np.linalg.inv(shared.root[0] @ shared.root[0].T)
    by_scale = np.diag(inverse @ moment) - subjects
    gradient[levels.blocks["log_omega"]] = by_scale[: levels.individual]
    gradient[levels.blocks["log_omega_calibration"]] = by_scale[levels.individual :]
    gradient[levels.blocks["partial"]] = _by_correlation(levels, moment, subjects, z)
    return gradient


def _by_correlation(levels: Levels, moment: Floats, subjects: int, z: Floats) -> Floats:
    """Central differences: the term is a small matrix and costs nothing."""
    size = len(levels.joint.population.correlated)
    at = theta_at(levels, z[None])[0, levels.blocks["partial"]]
    step = 1e-5
    ends = np.concatenate([at + step * np.eye(len(at)), at - step * np.eye(len(at))])
    root = partial_to_root(np.tanh(ends), size)
    inverse = np.linalg.inv(root)
    inside = moment[:size, :size]
    log_p = -0.5 * np.einsum("aij,jk,aik->a", inverse, inside, inverse)
    log_p -= subjects * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    return (log_p[: len(at)] - log_p[len(at) :]) / (2 * step)


def _add_centre(levels: Levels, gradient: Floats, by_phi: Floats) -> None:
    """Carry a gradient in each subject's expected phi (subject, parameter) over to theta."""
    joint = levels.joint
    names = joint.population.names
    first = levels.blocks["mu"].start
    for i, q in enumerate(joint.estimated):
        gradient[first + i] += by_phi[:, names.index(q.name)].sum()
    first = levels.blocks["effect"].start
    for i, effect in enumerate(joint.population.effects):
        gradient[first + i] += effect.column @ by_phi[:, names.index(effect.parameter)]


@dataclass(frozen=True, eq=False)
class Mode:
    """Where the posterior of theta is highest, each subject's own level integrated out.

    Attributes
    ----------
    z : float array (free,)
    u : float array (subject, own)          mode of each subject there
    value : float                           log posterior density, by the last frozen draws
    proposal : Proposal                     for u, fitted to the last frozen draws
    converged : bool
    """

    z: Floats
    u: Floats
    value: float
    proposal: Proposal
    converged: bool


def find_mode(levels: Levels, z: Floats, rng: np.random.Generator) -> Mode:
    """Climb to a mode of theta.

    Parameters
    ----------
    levels : Levels
    z : float array (free,)         where to start
    rng : numpy.random.Generator

    Returns
    -------
    Mode

    Source
    ------
    Geyer and Thompson, J R Stat Soc B 1992;54:657 (Monte-Carlo maximum likelihood)
    """
    u = shared_at(levels, z[None]).centre[0]
    proposal = Proposal.plain(len(u), levels.own)
    converged, value = False, -np.inf
    for _ in range(ROUNDS):
        frozen = freeze(levels, z, u, proposal, DRAWS, rng)
        u = frozen.modes.u
        before = estimate(levels, frozen, z).effective

        def objective(at: Floats, frozen: Frozen = frozen) -> tuple[float, Floats]:
            found = estimate(levels, frozen, at)
            if not np.isfinite(found.value):
                return 1e10, np.zeros_like(at)
            return -found.value, -found.gradient

        best = minimize(
            objective, z, jac=True, method="BFGS", options={"gtol": 0.03, "maxiter": 30}
        ).x
        # The draws speak for thetas near the one that they were made at.
        step = 1.0
        now = estimate(levels, frozen, best)
        while step > 0.1 and not (now.effective > KEPT * before).all():
            step /= 2
            now = estimate(levels, frozen, z + step * (best - z))
        moved = float(np.abs(best - z).max())
        z, value = z + step * (best - z), now.value
        proposal = Proposal.fitted(*_moments(frozen.white, now.weight), effective=now.effective)
        if moved < MOVED:
            converged = True
            break
    return Mode(z, u, value, proposal, converged)


def _moments(white: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Mean (subject, own) and covariance (subject, own, own) of weighted draws."""
    mean = np.einsum("sk,skq->sq", weight, white)
    rest = white - mean[:, None]
    return mean, np.einsum("sk,skq,skr->sqr", weight, rest, rest)


def curvature(levels: Levels, frozen: Frozen, z: Floats) -> Floats:
    """Minus the Hessian of the log posterior of theta over frozen draws, (free, free)."""
    step = 1e-3
    size = len(z)
    slopes = [
        estimate(levels, frozen, z + s * step * unit).gradient
        for unit in np.eye(size)
        for s in (1.0, -1.0)
    ]
    hessian = -np.diff(np.reshape(slopes, (size, 2, size)), axis=1)[:, 0] / (-2 * step)
    return (hessian + hessian.T) / 2
