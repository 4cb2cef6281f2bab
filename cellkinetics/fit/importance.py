"""Importance sampling on two levels: theta from a proposal, and given theta each subject's u.

The estimate of p(y_s | theta) that a subject's own draws give is unbiased, so that their product
with the prior may stand in for the posterior of theta, and the weights are those of plain
importance sampling on everything that was drawn.
Source: Andrieu and Roberts, Ann Stat 2009;37:697 (pseudo-marginal); Tran et al., J Bus Econ Stat
2021;39:1, importance sampling squared, arXiv 1309.3339.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from cellkinetics.fit.laplace import (
    Modes,
    every_subject,
    find_modes,
    log_joint,
    make_batch,
    read_batch,
    solve_batch,
)
from cellkinetics.fit.levels import Levels, log_prior, shared_at
from cellkinetics.kernel.layout import Floats, Ints

OWN_DF = 5.0
"""Degrees of freedom of the proposal of u."""

SHRINK = 20.0
"""Effective draws at which a fitted proposal is half way between Laplace's and its own moments."""

CHUNK_ROWS = 100_000
"""Rows solved at a time: bounds the memory and keeps the arrays in the cache."""

MODE_EVALUATIONS = 3
"""Newton steps from the mode at the mode of theta: the proposal may be rough, the weights mend it."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """Student-t proposals of u, in units of Laplace's: u = mode + whitening (shift + root t).

    Attributes
    ----------
    shift : float array (subject, own)
    root : float array (subject, own, own)      lower triangular
    """

    shift: Floats
    root: Floats

    @staticmethod
    def plain(subjects: int, own: int) -> "Proposal":
        """Laplace's own location and scale."""
        return Proposal(np.zeros((subjects, own)), np.tile(np.eye(own), (subjects, 1, 1)))

    @staticmethod
    def fitted(mean: Floats, covariance: Floats, *, effective: Floats) -> "Proposal":
        """Location and scale from moments of weighted draws, (subject, ...), shrunk to Laplace's."""
        keep = (effective / (effective + SHRINK))[:, None]
        around = covariance + (1 - keep)[..., None] * mean[:, :, None] * mean[:, None]
        own = mean.shape[1]
        mixed = keep[..., None] * around + (1 - keep)[..., None] * np.eye(own)
        return Proposal(keep * mean, np.linalg.cholesky(mixed))


@dataclass(frozen=True, eq=False)
class OwnDraws:
    """Draws of u in antithetic pairs: (sign, pair, ...), the pairs of an item one after another.

    Attributes
    ----------
    u, white : float array (2, pair, own)       ``white`` in units of Laplace's approximation
    log_q : float array (2, pair)
    item : int array (pair,)
    """

    u: Floats
    white: Floats
    log_q: Floats
    item: Ints


def draw_own(
    proposal: Proposal, modes: Modes, subject: Ints, counts: Ints, rng: np.random.Generator
) -> OwnDraws:
    """Draw u for every item.

    Parameters
    ----------
    proposal : Proposal
    modes : Modes                   of the items
    subject : int array (item,)
    counts : int array (item,)      draws, even
    rng : numpy.random.Generator

    Returns
    -------
    OwnDraws
    """
    item = np.repeat(np.arange(len(subject)), counts // 2)
    own = modes.u.shape[1]
    # Each pair shares its radius and differs in sign: what is odd around the centre cancels.
    t = rng.standard_normal((len(item), own))
    t *= np.sqrt(OWN_DF / rng.chisquare(OWN_DF, len(item)))[:, None]
    moved = np.einsum("pqr,pr->pq", proposal.root[subject][item], t)
    shift = proposal.shift[subject][item]
    white = np.stack([shift + moved, shift - moved])
    factor = np.linalg.cholesky(modes.hessian)
    whitening = np.swapaxes(np.linalg.inv(factor), 1, 2)
    u = modes.u[item] + np.einsum("pqr,spr->spq", whitening[item], white)
    log_q = _log_student((t**2).sum(axis=1), own, OWN_DF)
    log_q += np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)[item]
    log_q -= np.log(np.diagonal(proposal.root, axis1=1, axis2=2)).sum(axis=1)[subject][item]
    return OwnDraws(u, white, np.stack([log_q, log_q]), item)


def _log_student(squared: Floats, size: int, df: float) -> Floats:
    """Log density of a standard multivariate Student-t at a squared distance from its centre."""
    constant = gammaln((df + size) / 2) - gammaln(df / 2) - size / 2 * np.log(df * np.pi)
    return np.asarray(constant - (df + size) / 2 * np.log1p(squared / df))


@dataclass(frozen=True, eq=False)
class Student:
    """A multivariate Student-t proposal of z: location, lower triangular root of its scale."""

    location: Floats
    root: Floats
    df: float

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Draws, (count, free)."""
        t = rng.standard_normal((count, len(self.location)))
        t *= np.sqrt(self.df / rng.chisquare(self.df, count))[:, None]
        return np.asarray(self.location + t @ self.root.T)

    def log_density(self, z: Floats) -> Floats:
        """Log density, (draw,)."""
        standard = np.linalg.solve(self.root, (z - self.location).T)
        squared = (standard**2).sum(axis=0)
        size = len(self.location)
        return _log_student(squared, size, self.df) - np.log(np.diag(self.root)).sum()


@dataclass(frozen=True, eq=False)
class Weighed:
    """Draws of theta with what their subjects' own draws say.

    Attributes
    ----------
    z : float array (draw, free)
    u : float array (draw, subject, own)        one of the subject's draws, by their weights
    log_weight : float array (draw,)
    spread : float array (draw, subject)        relative variance of a single own draw's weight
    mean : float array (draw, subject, own)     of the weighted own draws, in Laplace's units
    square : float array (draw, subject, own, own)      likewise, of their outer products
    """

    z: Floats
    u: Floats
    log_weight: Floats
    spread: Floats
    mean: Floats
    square: Floats


def weigh(
    levels: Levels,
    student: Student,
    proposal: Proposal,
    start: Floats,
    count: int,
    own_counts: Ints,
    rng: np.random.Generator,
) -> Weighed:
    """Draw theta, and weigh each draw by an unbiased estimate of its posterior density.

    Parameters
    ----------
    levels : Levels
    student, proposal               of z and of u
    start : float array (subject, own)  modes of u to start from
    count : int                     draws of theta
    own_counts : int array (subject,)   draws of u for each of them, even
    rng : numpy.random.Generator

    Returns
    -------
    Weighed
    """
    lengths = np.diff(levels.joint.observations.rows.start)
    few = max(1, CHUNK_ROWS // int(lengths.sum()))
    fewer = max(1, CHUNK_ROWS // int((lengths * own_counts).sum()))
    z = student.draw(count, rng)
    parts = []
    for first in range(0, count, few):
        part = z[first : first + few]
        modes = _rough_modes(levels, part, start)
        for begin in range(0, len(part), fewer):
            within = slice(begin, begin + fewer)
            some = Modes(*(x[within].reshape(-1, *x.shape[2:]) for x in modes))
            parts.append(_weigh_own(levels, part[within], some, proposal, own_counts, rng))
    log_p, u, spread, mean, square = (np.concatenate(part) for part in zip(*parts, strict=True))
    log_weight = log_p.sum(axis=1) + log_prior(levels, z)[0] - student.log_density(z)
    return Weighed(z, u, log_weight, spread, mean, square)


def _rough_modes(levels: Levels, z: Floats, start: Floats) -> tuple[Floats, Floats, Floats]:
    """Modes near those at the mode of theta: u, value and Hessian, each (draw, subject, ...)."""
    modes = find_modes(
        levels,
        shared_at(levels, z),
        every_subject(levels, len(z)),
        np.tile(start, (len(z), 1)),
        tolerance=1e-2,
        evaluations=MODE_EVALUATIONS,
    )
    shape = (len(z), len(start))
    return (
        modes.u.reshape(*shape, -1),
        modes.value.reshape(shape),
        modes.hessian.reshape(*shape, *modes.hessian.shape[1:]),
    )


def _weigh_own(
    levels: Levels,
    z: Floats,
    modes: Modes,
    proposal: Proposal,
    own_counts: Ints,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """What the subjects' own draws say of each theta; the fields of ``Weighed`` from log p on."""
    shared, every = shared_at(levels, z), every_subject(levels, len(z))
    counts = np.tile(own_counts, len(z))
    draws = draw_own(proposal, modes, every.subject, counts, rng)
    both = np.concatenate([draws.item, draws.item])
    batch = make_batch(levels, every.draw[both], every.subject[both])
    u = draws.u.reshape(len(both), -1)
    pred, _ = solve_batch(levels, shared, batch, u, jacobian=False)
    reading = read_batch(levels, shared, batch, u, pred)
    log_w = log_joint(levels, shared, batch, u, reading.log_p).reshape(2, -1) - draws.log_q
    begin = np.concatenate([[0], np.cumsum(counts // 2)])[:-1]
    top = np.maximum.reduceat(log_w.max(axis=0), begin)
    weight = np.exp(log_w - np.where(np.isfinite(top), top, 0.0)[draws.item])
    total = np.add.reduceat(weight.sum(axis=0), begin)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = top + np.log(total / counts)
        spread = counts * np.add.reduceat((weight**2).sum(axis=0), begin) / total**2 - 1
        share = np.nan_to_num(weight / total[draws.item])
    weighted = share[..., None] * draws.white
    mean = np.add.reduceat(weighted.sum(axis=0), begin)
    square = np.add.reduceat(np.einsum("spq,spr->pqr", weighted, draws.white), begin)
    chosen = draws.u.transpose(1, 0, 2).reshape(len(both), -1)[_pick(share, begin, rng)]
    shape = (len(z), len(own_counts))
    return (
        log_p.reshape(shape),
        chosen.reshape(*shape, -1),
        spread.reshape(shape),
        mean.reshape(*shape, -1),
        square.reshape(*shape, *square.shape[1:]),
    )


def _pick(share: Floats, begin: Ints, rng: np.random.Generator) -> Ints:
    """One draw of each item by its weights: a position among (pair, sign)."""
    running = np.cumsum(share.T.ravel())
    before = np.concatenate([[0.0], running])[2 * begin]
    after = np.concatenate([before[1:], running[-1:]])
    target = before + rng.random(len(begin)) * (after - before)
    last = np.concatenate([2 * begin[1:], [share.size]]) - 1
    found = np.searchsorted(running, target, side="right")
    return np.minimum(np.maximum(found, 2 * begin), last).astype(np.int64)


def pooled_proposal(weighed: Weighed, weight: Floats) -> Proposal:
    """Fit the proposal of u to all weighted draws of it, whatever their theta.

    Parameters
    ----------
    weighed : Weighed
    weight : float array (draw,)        of the draws of theta, 1 in sum

    Returns
    -------
    Proposal
    """
    mean = np.einsum("t,tsq->sq", weight, weighed.mean)
    square = np.einsum("t,tsqr->sqr", weight, weighed.square)
    covariance = square - mean[:, :, None] * mean[:, None]
    # A theta counts for one draw of u, whatever the number that it was averaged over.
    effective = np.full(len(mean), 1.0 / (weight**2).sum())
    return Proposal.fitted(mean, covariance, effective=effective)
