"""The log predictive density of each subject left out, its own level integrated out.

p(y_i | z), the density of a subject's readings given what all subjects share, is estimated under
posterior draws of z by importance sampling over the subject's own level u. The posterior without
the subject is the posterior weighed by 1 / p(y_i | z): these weights are Pareto-smoothed, and
their k says whether they can be trusted. The conditional density p(y_i | u_i, z) at the
subject's own u_i is something else: it says how well readings are met by a curve that has seen
them, not what the model says of a subject that it has not.

Source: Vehtari et al., Stat Comput 2017;27:1413; Merkle et al., Psychometrika 2019;84:802.
"""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from cellkinetics.fitting.draws import flat, take_draws
from cellkinetics.fitting.psis import smooth_weights
from cellkinetics.fitting.quick_levels import Levels, Shared, shared_from
from cellkinetics.fitting.quick_mixture import Mixture, fit_mixture
from cellkinetics.fitting.quick_sites import COMPONENTS, DF, Sites, learn_under, normalise
from cellkinetics.fitting.quick_subjects import as_items, log_joint
from cellkinetics.fitting.quick_weights import CHUNK_ROWS
from cellkinetics.kernel.layout import Floats, Ints

DRAWS = 2000
"""Posterior draws of z that are used, spread evenly over all; from about so many on Pareto weights
can be trusted up to a k of 0.7."""

ANCHORS, LEARN, LEARNINGS = 4, 512, 2
"""Draws of z under which proposals of u are learnt; draws of each subject in a round; rounds."""

OWN_DRAWS, MOST_OWN_DRAWS = 64, 1024
"""Draws of u for each draw of z: at first, and for subjects that need them."""

NOISE = 0.005
"""Variance of the log of an estimated p(y_i | z), on average over draws, that is good enough: it
biases 1 / p by as much."""

MAX_NOISE = 0.05
"""Above this an answer of weights 1 / p is not trusted."""


def shared_draws(levels: Levels, posterior: xr.Dataset, count: int = DRAWS) -> Shared:
    """Posterior draws of the shared level, spread evenly over all.

    Parameters
    ----------
    levels : Levels                 of the fit, or of one with more subjects and the same priors
    posterior : Dataset             (chain, draw, ...), constrained values
    count : int                     at most

    Returns
    -------
    Shared
    """
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    chosen = np.linspace(0, total - 1, min(count, total)).round().astype(np.int64)
    names = ("mu", "effect", "omega", "omega_calibration", "correlation_root", "error")
    value = {
        name: flat(posterior, name)[chosen]
        for name in (*names, "log_calibration")
        if name in posterior
    }
    return shared_from(levels, value)


def learn_proposals(
    levels: Levels, posterior: xr.Dataset, shared: Shared, rng: np.random.Generator
) -> Sites:
    """Proposals of each subject's u, learnt from its posterior and improved under a few draws.

    Where a parameter does not differ between subjects p(y | u) moves with it, so that proposals
    of one z alone would serve another badly.
    """
    draws = take_draws(levels.joint, posterior)
    u = draws.phi[:, :, : levels.individual]
    if levels.varying:
        deviation = flat(posterior, "eta_calibration")
        deviation = flat(posterior, "omega_calibration")[:, None] * deviation
        u = np.concatenate([u, deviation], axis=2)
    of_subject = np.swapaxes(u, 0, 1)
    even = np.full(of_subject.shape[:2], 1 / of_subject.shape[1])
    seen = fit_mixture(of_subject, even, COMPONENTS, DF, rng)
    anchors = np.linspace(0, len(shared.phi) - 1, ANCHORS + 2)[1:-1].round().astype(np.int64)
    learnt = []
    for anchor in anchors:
        here = _part(shared, slice(anchor, anchor + 1))
        sites = learn_under(levels, here, seen, LEARN, rng)
        for _ in range(LEARNINGS - 1):
            sites = learn_under(levels, here, sites.given(here), LEARN, rng)
        learnt.append(sites)
    return Sites(
        *(np.concatenate([getattr(s, f.name) for s in learnt], axis=1) for f in fields(Sites))
    )


def log_densities(
    levels: Levels, shared: Shared, sites: Sites, subjects: Ints, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Estimate log p(y_i | z), each subject with as many draws of u as it needs.

    Parameters
    ----------
    levels : Levels
    shared : Shared                 draws of z
    sites : Sites                   propose u
    subjects : int array (subject,) positions of those wanted

    Returns
    -------
    log_p (draw, subject)           -inf where no draw of u could be solved
    noise (draw, subject)           estimated variance of its log
    """
    log_p, noise = _in_chunks(levels, shared, sites, subjects, OWN_DRAWS, rng)
    count = OWN_DRAWS
    while count < MOST_OWN_DRAWS:
        poor = np.flatnonzero(noise.mean(axis=0) > NOISE)
        if not len(poor):
            break
        # As many again: the mean of two equally good estimates.
        again = _in_chunks(levels, shared, sites, subjects[poor], count, rng)
        total = np.logaddexp(log_p[:, poor], again[0])
        with np.errstate(invalid="ignore"):  # both nothing: no share
            first = np.nan_to_num(np.exp(log_p[:, poor] - total), nan=0.5)
        noise[:, poor] = first**2 * noise[:, poor] + (1 - first) ** 2 * again[1]
        log_p[:, poor] = total - np.log(2)
        count *= 2
    return log_p, noise


def _in_chunks(
    levels: Levels,
    shared: Shared,
    sites: Sites,
    subjects: Ints,
    count: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """As :func:`log_densities`, with so many draws of u; memory does not grow with the draws."""
    rows = int(np.diff(levels.joint.observations.rows.start)[subjects].sum())
    step = max(1, CHUNK_ROWS // (max(rows, len(subjects)) * count))
    few = Sites(sites.log_share[subjects], sites.pull[subjects], sites.precision[subjects])
    found = []
    for first in range(0, len(shared.phi), step):
        part = _part(shared, slice(first, first + step))
        mixture = few.given(replace(part, centre=part.centre[:, subjects]))
        found.append(_estimate(levels, part, mixture, subjects, count, rng))
    log_p, noise = (np.concatenate(each) for each in zip(*found, strict=True))
    return log_p, noise


def _estimate(
    levels: Levels,
    shared: Shared,
    mixture: Mixture,
    subjects: Ints,
    count: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    draws = len(shared.phi)
    u = mixture.draw(count, rng)
    items = (
        np.repeat(np.arange(draws), len(subjects) * count),
        np.tile(np.repeat(subjects, count), draws),
    )
    value = log_joint(levels, shared, *items, as_items(u)).reshape(u.shape[:2])
    log_p, share = normalise(value - mixture.log_density(u))
    noise = (share**2).sum(axis=1) - 1 / count
    return log_p.reshape(draws, -1), noise.reshape(draws, -1)


def _part(shared: Shared, chosen: slice) -> Shared:
    """Some draws of the shared level."""
    return Shared(*(getattr(shared, f.name)[chosen] for f in fields(Shared)))


def left_out(log_p: Floats) -> tuple[float, float]:
    """Log predictive density of readings that the posterior has seen, as if it had not.

    Parameters
    ----------
    log_p : float array (draw,)     log density of the readings under each posterior draw

    Returns
    -------
    elpd, k                         NaN and inf where the readings are impossible under a draw
    """
    if not np.isfinite(log_p).all():
        return np.nan, np.inf
    weight, k = smooth_weights(-log_p)
    return float(logsumexp(log_p, b=weight)), k


def leave_out(
    levels: Levels, posterior: xr.Dataset, *, seed: int, draws: int = DRAWS
) -> tuple[pd.DataFrame, Sites]:
    """Leave each subject of a fit out in turn, without a new fit.

    Parameters
    ----------
    levels : Levels
    posterior : Dataset (chain, draw, ...)      of the fit
    seed : int
    draws : int                                 of the posterior that are used, at most

    Returns
    -------
    DataFrame                       subject, rows, elpd, lpd (log predictive density with the
                                    subject in), k (Pareto's, of the weights), noise (variance of
                                    the log of the estimated densities, on average)
    Sites                           the proposals that were used
    """
    rng = np.random.default_rng([seed, 40])
    shared = shared_draws(levels, posterior, draws)
    sites = learn_proposals(levels, posterior, shared, rng)
    log_p, noise = log_densities(levels, shared, sites, np.arange(levels.subjects), rng)
    elpd, k = np.transpose([left_out(each) for each in log_p.T])
    table = pd.DataFrame(
        {
            "subject": list(levels.joint.subjects),
            "rows": np.diff(levels.joint.observations.rows.start),
            "elpd": elpd,
            "lpd": logsumexp(log_p, axis=0) - np.log(len(log_p)),
            "k": k,
            "noise": noise.mean(axis=0),
        }
    )
    return table, sites
