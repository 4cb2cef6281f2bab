"""Importance sampling on two levels: z from a proposal, and given z each subject's u.

The estimate of p(y_s | z) that a subject's own draws give is unbiased, so that their product with
the prior stands in for the posterior of z, and the weights are those of plain importance sampling
on everything that was drawn. Source: Tran et al., importance sampling squared, arXiv 1309.3339;
Andrieu and Roberts, Ann Stat 2009;37:697.
"""

from dataclasses import dataclass

import numpy as np

from cellkinetics.fitting.quick_levels import Levels, shared_at
from cellkinetics.fitting.quick_mixture import Mixture
from cellkinetics.fitting.quick_sites import Sites, normalise
from cellkinetics.fitting.quick_subjects import as_items, every_subject, log_joint
from cellkinetics.kernel.layout import Floats

CHUNK_ROWS = 200_000
"""Rows solved at a time: bounds the memory and keeps the arrays in the cache."""


@dataclass(frozen=True, eq=False)
class Weighed:
    """Draws of z with what their subjects' own draws say.

    Attributes
    ----------
    z : float array (draw, free)
    u : float array (draw, subject, own)        one of the subject's draws, by their weights
    log_joint : float array (draw,)             log p(y, u, z) at that one
    log_weight : float array (draw,)
    noise : float                               variance of the log weights by the subjects' draws
    """

    z: Floats
    u: Floats
    log_joint: Floats
    log_weight: Floats
    noise: float


def weigh(
    levels: Levels,
    proposal: Mixture,
    sites: Sites,
    *,
    count: int,
    own_count: int,
    rng: np.random.Generator,
) -> Weighed:
    """Draw z, and weigh each draw by an unbiased estimate of its posterior density.

    Parameters
    ----------
    levels : Levels
    proposal : Mixture              of z, batch 1
    sites : Sites                   propose u
    count : int                     draws of z
    own_count : int                 draws of u for each of them and each subject

    Returns
    -------
    Weighed
    """
    rows = len(levels.joint.observations.value)
    step = max(1, CHUNK_ROWS // (rows * own_count))
    z = proposal.draw(count, rng)[0]
    parts = [
        _weigh_own(levels, z[first : first + step], sites, own_count, rng)
        for first in range(0, count, step)
    ]
    log_p, u, chosen, noise = (np.concatenate(part) for part in zip(*parts, strict=True))
    prior = levels.log_prior(z)
    log_weight = prior + log_p - proposal.log_density(z[None])[0]
    return Weighed(z, u, prior + chosen, log_weight, float(np.median(noise)))


def _weigh_own(
    levels: Levels, z: Floats, sites: Sites, count: int, rng: np.random.Generator
) -> tuple[Floats, ...]:
    """Log p(y | z), one u of each subject, log p(y, u | z), and the noise of the first."""
    shared = shared_at(levels, z)
    mixture = sites.given(shared)
    u = mixture.draw(count, rng)
    value = log_joint(levels, shared, *every_subject(levels, len(z), count), as_items(u))
    value = value.reshape(u.shape[:2])
    log_mean, share = normalise(value - mixture.log_density(u))
    pick = (share.cumsum(axis=1) < rng.random((len(share), 1))).sum(axis=1)
    pick = np.minimum(pick, count - 1)[:, None]
    shape = (len(z), levels.subjects)
    return (
        log_mean.reshape(shape).sum(axis=1),
        np.take_along_axis(u, pick[..., None], axis=1).reshape(*shape, u.shape[2]),
        np.take_along_axis(value, pick, axis=1).reshape(shape).sum(axis=1),
        ((share**2).sum(axis=1) - 1 / count).reshape(shape).sum(axis=1),
    )
