"""The mode of the shared level, each subject's own level integrated out.

Laplace's approximation of log p(y | z) jumps where a subject's mode sits in a kink, as the peak
time does when it meets a sampling time. So each subject's u is drawn at some z and then frozen: the
importance-sampling estimate of log p(y | z) over these draws is smooth in z. Its maximum gives the
next z to draw at (Geyer and Thompson, J R Stat Soc B 1992;54:657).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from cellkinetics.errors import FitError
from cellkinetics.fitting.quick_levels import Levels, log_own_prior, shared_at
from cellkinetics.fitting.quick_sites import (
    Sites,
    effective,
    first_proposal,
    learn_sites,
    normalise,
)
from cellkinetics.fitting.quick_subjects import as_items, every_subject, read_items, solve_items
from cellkinetics.kernel.layout import Floats

DRAWS = 128
"""Frozen draws of each subject while the mode is looked for."""

LEARN, LEARN_LAST = 512, 2048
"""Draws of each subject in a round of learning its proposal: on the way, and at the mode."""

LEARNINGS = 3
"""Rounds of learning at the first z and at the mode."""

ROUNDS = 12
MOVED = 0.5
"""The mode is found when a round moves no entry of z by more than this, in prior SDs: the weighted
draws that follow mend what is left."""

KEPT = 0.2
"""Share of its effective draws that a subject keeps in one round, at least."""

VALLEY = 3.0
"""Log posterior density that parts two modes, well above the noise of its estimate."""

STEP = 1e-4
"""Of the differences, in prior SDs."""


@dataclass(frozen=True, eq=False)
class Frozen:
    """Draws of u at one z.

    Attributes
    ----------
    u : float array (subject * draw, own)
    log_q : float array (subject, draw)         log density that they were drawn from
    solved : tuple or None                      predictions, Jacobian; None: they move with z
    """

    u: Floats
    log_q: Floats
    solved: tuple[Floats, Floats] | None


def freeze(levels: Levels, z: Floats, sites: Sites, rng: np.random.Generator) -> Frozen:
    """Draw each subject's u at z."""
    shared = shared_at(levels, z[None])
    mixture = sites.given(shared)
    u = mixture.draw(DRAWS, rng)
    log_q, u = mixture.log_density(u), as_items(u)
    items = every_subject(levels, 1, DRAWS)
    # Only parameters without between-subject variability move predictions at a given u.
    moves = levels.individual < len(levels.joint.population.typical)
    return Frozen(
        u, log_q, None if moves else solve_items(levels, shared, *items, u, jacobian=False)
    )


@dataclass(frozen=True, eq=False)
class Estimate:
    """Log posterior density of z over frozen draws, and what they are worth there.

    Attributes
    ----------
    value : float
    gradient : float array (free,)
    effective : float array (subject,)      number of draws
    """

    value: float
    gradient: Floats
    effective: Floats


def estimate(levels: Levels, frozen: Frozen, z: Floats, step: Floats) -> Estimate:
    """Log posterior density of z over frozen draws, with its gradient.

    By Fisher's identity the gradient is that of the expected log density of everything, the
    weights held: all that it asks of the draws are their moments and the slopes of the readings,
    so that differencing it along every entry of z costs next to nothing.
    """
    points = z + np.concatenate([np.zeros((1, len(z))), np.diag(step), -np.diag(step)])
    there, prior = shared_at(levels, points), levels.log_prior(points)
    draw, subject = every_subject(levels, 1, DRAWS)
    # Its first point is z itself, which is all that items of draw 0 look at.
    solved = frozen.solved or solve_items(levels, there, draw, subject, frozen.u, jacobian=True)
    reading = read_items(levels, there, draw, subject, frozen.u, *solved)
    value = reading.log_p + log_own_prior(there, draw, subject, frozen.u)
    log_mean, share = normalise(value.reshape(frozen.log_q.shape) - frozen.log_q)

    def expected_slope(slope: Floats) -> Floats:
        """Mean over each subject's draws; one without weight counts nothing, whatever it is."""
        known = np.where(share.reshape(-1, 1) > 0, slope, 0.0)
        return np.asarray((share[:, None] @ known.reshape(*share.shape, slope.shape[1]))[:, 0])

    mean = expected_slope(frozen.u)
    rest = frozen.u.reshape(*share.shape, mean.shape[1]) - mean[:, None]
    around = (np.swapaxes(share[..., None] * rest, 1, 2) @ rest).sum(axis=0)
    moved = np.einsum("dqr,dsr->dsq", there.whiten, mean - there.centre)
    expected = prior - levels.subjects * there.log_root
    expected -= 0.5 * (moved**2).sum(axis=(1, 2))
    expected -= 0.5 * (there.whiten * (there.whiten @ around)).sum(axis=(1, 2))
    expected += there.error @ expected_slope(reading.by_error).sum(axis=0)
    expected += there.factor @ expected_slope(reading.by_factor).sum(axis=0)
    if len(reading.gradient):
        fixed = slice(levels.individual, len(levels.joint.population.typical))
        by_phi = expected_slope(reading.gradient[:, fixed])
        expected += np.einsum("dsq,sq->d", there.phi[:, :, fixed], by_phi)
    forward, backward = expected[1:].reshape(2, -1)
    slope = (forward - backward) / (2 * step)
    return Estimate(float(log_mean.sum() + prior[0]), slope, effective(share))


@dataclass(frozen=True, eq=False)
class Mode:
    """Where the posterior of z is highest, each subject's own level integrated out.

    Attributes
    ----------
    z : float array (free,)
    sites : Sites                           proposals of u, learnt there
    covariance : float array (free, free)   inverse of minus the Hessian of the log posterior
    converged : bool
    """

    z: Floats
    sites: Sites
    covariance: Floats
    converged: bool


def find_mode(levels: Levels, rng: np.random.Generator) -> Mode:
    """Climb from the priors' centre to a mode of z.

    Raises
    ------
    FitError                        the model cannot be solved for a subject at typical values
    """
    start = levels.compiled.start[levels.shared]
    scale = prior_scale(levels, start)
    z, sites, converged = _search(levels, start, scale, rng, known=None)
    sites = learn(levels, z, sites, LEARNINGS, LEARN_LAST, rng)
    frozen = freeze(levels, z, sites, rng)
    return Mode(z, sites, _covariance(levels, frozen, z, scale), converged)


def other_mode(levels: Levels, mode: Mode, rng: np.random.Generator) -> float:
    """Look for another mode from the far side of the priors' centre.

    The search starts where typical values are the mode's mirrored in their priors' medians. What it
    ends at is another mode if the posterior is lower on the way there than at both ends.

    Returns
    -------
    float                           log posterior density there minus that at the mode; -inf where
                                    no other mode was found
    """
    start = levels.compiled.start[levels.shared]
    scale = prior_scale(levels, start)
    typical = np.array([n.startswith("mu[") for n in levels.compiled.names])[levels.shared]
    mirrored = np.where(typical, 2 * start - mode.z, mode.z)
    try:
        z, _, _ = _search(levels, mirrored, scale, rng, known=mode.z)
    except FitError:
        return -np.inf
    if _near(z, mode.z, scale):
        return -np.inf
    way = mode.z + np.array([0.0, 0.25, 0.5, 0.75, 1.0])[:, None] * (z - mode.z)
    height = np.array([_log_posterior(levels, point, rng) for point in way])
    valley = height[1:4].min() < min(height[0], height[4]) - VALLEY
    return float(height[4] - height[0]) if valley else -np.inf


def _log_posterior(levels: Levels, z: Floats, rng: np.random.Generator) -> float:
    """Log posterior density of z from scratch: nothing is taken over from another z."""
    proposal, _ = first_proposal(levels, z, rng)
    sites = learn(levels, z, learn_sites(levels, z, proposal, LEARN, rng), 1, LEARN, rng)
    return estimate(levels, freeze(levels, z, sites, rng), z, np.ones_like(z)).value


def _search(
    levels: Levels,
    z: Floats,
    scale: Floats,
    rng: np.random.Generator,
    *,
    known: Floats | None,
) -> tuple[Floats, Sites, bool]:
    """Where the climb from z ends, the subjects' proposals there, and whether it came to rest.

    It is over once it comes near ``known``.
    """
    proposal, value = first_proposal(levels, z, rng)
    if not np.isfinite(value).all():
        lost = levels.joint.subjects[int(np.flatnonzero(~np.isfinite(value))[0])]
        raise FitError(
            f"The quick answer cannot start: the model has no finite prediction for subject {lost}"
            " at typical values. See the prior's curves ('cellkinetics priors'), or fit without"
            " --quick."
        )
    sites = learn_sites(levels, z, proposal, LEARN, rng)
    learnings, converged = LEARNINGS - 1, False
    for _ in range(ROUNDS):
        sites = learn(levels, z, sites, learnings, LEARN, rng)
        moved, whole = _climb(levels, freeze(levels, z, sites, rng), z, scale)
        z, learnings = z + moved, 1
        converged = whole and bool((np.abs(moved) < MOVED * scale).all())
        if converged or (known is not None and _near(z, known, scale)):
            break
    return z, sites, converged


def _near(z: Floats, other: Floats, scale: Floats) -> bool:
    return bool((np.abs(z - other) < 2 * MOVED * scale).all())


def learn(
    levels: Levels, z: Floats, sites: Sites, rounds: int, count: int, rng: np.random.Generator
) -> Sites:
    """Learn the subjects' proposals at z anew, in rounds of ``count`` draws of each."""
    for _ in range(rounds):
        sites = learn_sites(levels, z, sites.given(shared_at(levels, z[None])), count, rng)
    return sites


def _climb(levels: Levels, frozen: Frozen, z: Floats, scale: Floats) -> tuple[Floats, bool]:
    """The step to the maximum over frozen draws, or a part of it; whether it is the whole."""
    # The draws speak for places near the one that they were made at.

    def objective(move: Floats) -> tuple[float, Floats]:
        found = estimate(levels, frozen, z + scale * move, STEP * scale)
        if not np.isfinite(found.value):
            return 1e10, np.zeros_like(move)
        return -found.value, -scale * found.gradient

    options = {"gtol": 0.1, "maxiter": 20}
    move = minimize(objective, np.zeros_like(z), jac=True, method="BFGS", options=options).x
    enough = KEPT * estimate(levels, frozen, z, STEP * scale).effective
    halvings = 0
    while (
        halvings < 6
        and not (estimate(levels, frozen, z + scale * move, STEP * scale).effective > enough).all()
    ):
        move, halvings = move / 2, halvings + 1
    return scale * move, halvings == 0


def prior_scale(levels: Levels, z: Floats) -> Floats:
    """Prior SD of each entry of z, as the curvature of its log density says."""
    step = 1e-3 * np.eye(len(z))
    centre = levels.log_prior(z[None])
    bend = levels.log_prior(z + step) + levels.log_prior(z - step) - 2 * centre
    return np.asarray(1e-3 / np.sqrt(np.maximum(-bend, 1e-8)))


def _covariance(levels: Levels, frozen: Frozen, z: Floats, scale: Floats) -> Floats:
    """Inverse of minus the Hessian over frozen draws; no direction wider than ten prior SDs."""
    size = len(z)
    slopes = [
        scale * estimate(levels, frozen, z + move * scale, STEP * scale).gradient
        for move in np.concatenate([0.02 * np.eye(size), -0.02 * np.eye(size)])
    ]
    forward, backward = np.reshape(slopes, (2, size, size))
    hessian = (backward - forward) / 0.04
    if not np.isfinite(hessian).all():
        raise np.linalg.LinAlgError("the Hessian is not finite")
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    covariance = (vectors / np.maximum(values, 0.01)) @ vectors.T
    return np.asarray(covariance * np.outer(scale, scale))
