"""The quick answer: the posterior by importance sampling from its mode, and how far to trust it.

The mode of what all subjects share is found with each subject's own level integrated out. Draws
around it are weighed by their posterior density, each subject's part of it estimated without bias
by draws of its own; the weights adapt the proposal in a few rounds, and the last round is the
answer. Its Pareto k says whether the weights can be trusted, not whether a mode that no draw came
near was missed: that is looked for by a second search.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cellkinetics.fitting.compile import Compiled
from cellkinetics.fitting.diagnostics import Check
from cellkinetics.fitting.psis import smooth_weights
from cellkinetics.fitting.quick_levels import Levels, to_points
from cellkinetics.fitting.quick_mixture import Mixture
from cellkinetics.fitting.quick_mode import find_mode, learn, other_mode
from cellkinetics.fitting.quick_sites import effective
from cellkinetics.fitting.quick_weights import Weighed, weigh
from cellkinetics.fitting.tree import make_posterior
from cellkinetics.kernel.layout import Floats

MAX_K = 0.7
MIN_EFFECTIVE = 50
MAX_DIFFERENCE = 0.01
"""Of two log densities that should be one: they weigh draws 1 % apart. The kernel without
derivatives takes other steps than that with them, so that an ODE is not solved to the same bits."""

MAX_OTHER = -5.0
"""Log density of another mode, relative to the first, from which on it cannot be left out."""

DF = 12.0
"""Degrees of freedom of the proposal of z."""
PILOTS, PILOT_DRAWS, PILOT_OWN = 2, 300, 16
OWN_DRAWS = 32
SUBJECT_DRAWS = 10_000
ATTEMPTS, AGAIN = 2, 4096
"""A round that fails its checks becomes one more pilot, once; draws of each subject that the
subjects' proposals are then learnt anew from."""

FEWEST, MOST = 1000, 4000
"""Draws of the last round: as many as this total of subjects under draws allows, within bounds."""


@dataclass(frozen=True, eq=False)
class Approximation:
    """A posterior by importance sampling.

    Attributes
    ----------
    posterior : Dataset (chain 1, draw, ...)    equally likely draws, some of them equal
    log_density : float array (draw,)           at each, of the sampler's unconstrained point
    checks : tuple of Check
    effective : float                           number of independent draws that it is worth
    attempts : int                              rounds that might have been the last
    converged : bool                            the search for the mode came to rest
    """

    posterior: xr.Dataset
    log_density: Floats
    checks: tuple[Check, ...]
    effective: float
    attempts: int
    converged: bool


def approximate(levels: Levels, seed: int) -> Approximation:
    """Find the mode, weigh draws around it, keep draws in proportion to their weights.

    Parameters
    ----------
    levels : Levels
    seed : int

    Returns
    -------
    Approximation                   whatever its checks say

    Raises
    ------
    FitError                        the model cannot be solved for a subject at typical values
    """
    rng = np.random.default_rng([seed, 30])
    mode = find_mode(levels, rng)
    other = other_mode(levels, mode, rng)
    root, sites = np.linalg.cholesky(mode.covariance), mode.sites
    proposal = Mixture(np.zeros((1, 1)), mode.z[None, None], root[None, None], DF)
    for _ in range(PILOTS):
        pilot = weigh(levels, proposal, sites, count=PILOT_DRAWS, own_count=PILOT_OWN, rng=rng)
        proposal = _adapt(proposal, pilot)
    count = int(np.clip(SUBJECT_DRAWS // levels.subjects, FEWEST, MOST))
    for attempt in range(1, ATTEMPTS + 1):
        found = weigh(levels, proposal, sites, count=count, own_count=OWN_DRAWS, rng=rng)
        weight, k = smooth_weights(found.log_weight)
        worth = float(effective(weight))
        if (k <= MAX_K and worth >= MIN_EFFECTIVE) or attempt == ATTEMPTS:
            break
        proposal = _adapt(proposal, found)
        sites = learn(levels, proposal.location[0, 0], sites, 2, AGAIN, rng)
    chosen = rng.permutation(_resample(weight, count, rng))
    points, jacobian = to_points(levels, found.z[chosen], found.u[chosen])
    log_density = found.log_joint[chosen] + jacobian
    checks = (
        _trusted(k),
        _enough(worth),
        _single(other),
        _same(levels.compiled, points, log_density),
    )
    return Approximation(
        make_posterior(levels.compiled, points[None]),
        log_density,
        checks,
        worth,
        attempt,
        mode.converged,
    )


def _adapt(proposal: Mixture, drawn: Weighed) -> Mixture:
    """Move a proposal to the moments of weighted draws, as far as these are worth it."""
    weight, _ = smooth_weights(drawn.log_weight)
    location, root = proposal.location[0, 0], proposal.root[0, 0]
    worth = float(effective(weight))
    keep = worth / (worth + 2 * len(location))
    mean = weight @ drawn.z
    rest = drawn.z - mean
    scale = keep * (weight[:, None] * rest).T @ rest + (1 - keep) * root @ root.T
    location = keep * mean + (1 - keep) * location
    root = np.linalg.cholesky(scale)
    return Mixture(np.zeros((1, 1)), location[None, None], root[None, None], proposal.df)


def _resample(weight: Floats, count: int, rng: np.random.Generator) -> np.ndarray:
    """Systematic resampling: each draw as often as its weight says, to within one."""
    position = (np.arange(count) + rng.random()) / count
    return np.minimum(np.searchsorted(weight.cumsum(), position), len(weight) - 1)


def _trusted(k: float) -> Check:
    sentence = f"Pareto k of the importance weights is {k:.2f}, "
    sentence += (
        f"at most {MAX_K}: they can be trusted."
        if k <= MAX_K
        else f"above {MAX_K}: the posterior is too far from what was drawn."
    )
    return Check("pareto_k", bool(k <= MAX_K), k, MAX_K, sentence)


def _enough(worth: float) -> Check:
    sentence = f"The weighted draws are worth {worth:.0f} independent ones"
    sentence += "." if worth >= MIN_EFFECTIVE else f", fewer than {MIN_EFFECTIVE}."
    return Check("effective", worth >= MIN_EFFECTIVE, worth, MIN_EFFECTIVE, sentence)


def _single(other: float) -> Check:
    """The weights cannot see a mode that no draw came near, so that it is looked for."""
    passed = other < MAX_OTHER
    sentence = "A second search, from the far side of the priors, found no other mode that counts."
    if not passed:
        sentence = (
            "A second search, from the far side of the priors, ended at another mode, whose log"
            f" posterior density is {other:+.1f} relative to the first: the draws are of one mode"
            " only."
        )
    return Check("single_mode", passed, other, MAX_OTHER, sentence)


def _same(compiled: Compiled, points: Floats, log_density: Floats) -> Check:
    """Hold the densities behind the weights against the function that NUTS samples."""
    difference = [
        abs(compiled.native(point)[0] - value)
        for point, value in zip(points, log_density, strict=True)
    ]
    worst = float(np.max(difference))
    sentence = (
        "The log density of every kept draw is that which NUTS samples"
        if worst <= MAX_DIFFERENCE
        else "The log density of a kept draw is not that which NUTS samples"
    )
    passed = bool(worst <= MAX_DIFFERENCE)
    sentence += f" (largest difference {worst:.1g})."
    return Check("same_density", passed, worst, MAX_DIFFERENCE, sentence)
