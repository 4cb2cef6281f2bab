"""Are ranks uniform? Simultaneous ECDF bands over several quantities, and interval coverage.

Source: Säilynoja, Bürkner, Vehtari, Stat Comput 2022;32:32, doi 10.1007/s11222-022-10090-6: the
pointwise level of a binomial band is adjusted by simulation until the whole ECDF of one sample of
uniform ranks stays inside with the wanted probability. Several quantities share that probability
by Bonferroni, which holds whatever the dependence between them.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

SIMULATIONS = 100_000
CHUNK = 5_000
BAND_SEED = 20220222


@dataclass(frozen=True)
class BandTest:
    """The band test of several quantities.

    Attributes
    ----------
    points : float array (point,)           where the ECDFs are compared, within (0, 1)
    lower, upper : float array (point,)     the band: values of the ECDF that are still inside
    ecdf : float array (quantity, point)
    p_value : float array (quantity,)       of each quantity alone, over all of its points
    outside : bool array (quantity,)        the ECDF leaves the band somewhere
    """

    points: Floats
    lower: Floats
    upper: Floats
    ecdf: Floats
    p_value: Floats
    outside: NDArray[np.bool_]

    @property
    def passed(self) -> bool:
        """Whether every ECDF stays inside the band."""
        return not self.outside.any()


def band_test(
    ranks: Ints, draws: int, *, alpha: float = 0.05, simulations: int = SIMULATIONS
) -> BandTest:
    """Compare the ECDFs of ranks with a band that all of them together leave with chance alpha.

    Parameters
    ----------
    ranks : int array (replicate, quantity)     how many of ``draws`` draws lie below the truth
    draws : int                                 a rank is one of 0 to ``draws``
    alpha : float                               at most: chance that any calibrated quantity leaves
    simulations : int                           samples of uniform ranks that set the band

    Returns
    -------
    BandTest

    Raises
    ------
    ValueError                                  ranks outside 0 to ``draws``, or none
    """
    replicates, quantities = ranks.shape
    if not ranks.size or ranks.min() < 0 or ranks.max() > draws:
        raise ValueError(f"ranks must be within 0 and {draws}, and there must be some")
    tail = _tail_probability(replicates, draws)
    below = np.stack([(ranks <= k).sum(axis=0) for k in range(draws)], axis=1)
    column = np.arange(draws)
    least = tail[column, below].min(axis=1)
    simulated = _simulated_least(replicates, draws, simulations)
    # Levels on which a count is as extreme as the alpha / quantities most extreme simulations.
    allowed = int(np.floor(alpha / quantities * simulations))
    threshold = np.partition(simulated, allowed)[allowed]
    inside = tail >= threshold
    counts = np.arange(replicates + 1)
    return BandTest(
        points=np.arange(1, draws + 1) / (draws + 1),
        lower=np.where(inside, counts, replicates).min(axis=1) / replicates,
        upper=np.where(inside, counts, 0).max(axis=1) / replicates,
        ecdf=below / replicates,
        p_value=(1 + (simulated[:, None] <= least).sum(axis=0)) / (1 + simulations),
        outside=least < threshold,
    )


def _tail_probability(replicates: int, draws: int) -> Floats:
    """Two-sided probability of every count of ranks up to a point, (point, count)."""
    counts = np.arange(replicates + 1)
    p = np.arange(1, draws + 1)[:, None] / (draws + 1)
    either = np.minimum(binom.cdf(counts, replicates, p), binom.sf(counts - 1, replicates, p))
    return np.asarray(np.minimum(2.0 * either, 1.0), dtype=np.float64)


@lru_cache(maxsize=4)
def _simulated_least(replicates: int, draws: int, simulations: int) -> Floats:
    """Smallest probability along the ECDF of uniform ranks, (simulation,)."""
    rng = np.random.default_rng(BAND_SEED)
    tail = _tail_probability(replicates, draws)
    column = np.arange(draws)
    parts = []
    for first in range(0, simulations, CHUNK):
        size = min(CHUNK, simulations - first)
        bins = rng.multinomial(replicates, np.full(draws + 1, 1 / (draws + 1)), size=size)
        parts.append(tail[column, bins.cumsum(axis=1)[:, :-1]].min(axis=1))
    return np.concatenate(parts)


@dataclass(frozen=True)
class Coverage:
    """How often an interval held the truth; ``low`` to ``high`` is the exact 95 % interval."""

    level: float
    covered: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Share of replicates in which the interval held the truth."""
        return self.covered / self.of

    @property
    def consistent(self) -> bool:
        """Whether the nominal level lies in the binomial interval."""
        return self.low <= self.level <= self.high


def coverage(below: Floats, level: float) -> Coverage:
    """Coverage of the equal-tailed interval of a level.

    Parameters
    ----------
    below : float array (replicate,)    share of the posterior below the truth
    level : float                       0.5, 0.9

    Returns
    -------
    Coverage
    """
    tail = (1.0 - level) / 2.0
    covered = int(((below > tail) & (below < 1.0 - tail)).sum())
    bounds = binomtest(covered, len(below)).proportion_ci(0.95, method="exact")
    return Coverage(level, covered, len(below), float(bounds.low), float(bounds.high))
