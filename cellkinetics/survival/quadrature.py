"""The posterior of a location-scale model on a grid: exact to quadrature, whatever the sample."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize

from cellkinetics.survival.data import Floats
from cellkinetics.survival.location_scale import LogTimes, Shape, log_density, on_line
from cellkinetics.survival.priors import SurvivalPriors

# Nodes of location and log spread. With twice as many, S(t) and its quantiles change by less than
# 1e-5 (tests/outcome). A large sample has a posterior near to normal, which needs fewer.
NODES = (257, 65)
NODES_LARGE = (129, 33)
LARGE = 500  # distinct times
DROP = 32.0  # the density at the edges is below exp(-32) of its peak


@dataclass(frozen=True)
class Grid:
    """Posterior of (location, log spread).

    ``weights`` (spread, location) add up to 1; ``within`` gives, a spline for all spreads, the
    distribution function of the location within each spread, ``of_spread`` the spreads' weights.
    """

    locations: Floats
    spreads: Floats
    weights: Floats
    within: CubicSpline
    of_spread: Floats


def grid(
    shape: Shape, data: LogTimes, priors: SurvivalPriors, nodes: tuple[int, int] | None = None
) -> Grid:
    """Evaluate the posterior around its mode, as far as it reaches.

    Parameters
    ----------
    shape : Shape
    data : LogTimes               may be empty: the prior
    priors : SurvivalPriors
    nodes : (int, int), optional  of location and of log spread

    Returns
    -------
    Grid
    """
    if nodes is None:
        nodes = NODES if len(data.value) <= LARGE else NODES_LARGE
    (u_low, u_high), (v_low, v_high) = _box(shape, data, priors)
    locations = np.linspace(u_low, u_high, nodes[0])
    log_spreads = np.linspace(v_low, v_high, nodes[1])
    heights = np.array([on_line(shape, data, priors, locations, v) for v in log_spreads])
    weights = np.exp(heights - heights.max())
    weights /= weights.sum()
    of_spread = weights.sum(axis=1)
    known = of_spread > 0
    density = CubicSpline(locations, (weights[known] / of_spread[known, None]).T, axis=0)
    within = density.antiderivative()
    return Grid(
        locations,
        np.exp(log_spreads)[known],
        weights[known],
        within,
        of_spread[known],
    )


def location_below(found: Grid, bounds: Floats) -> Floats:
    """P(location < bound), the bound being one for each spread.

    Parameters
    ----------
    found : Grid
    bounds : array (..., spread)

    Returns
    -------
    array (...,)
    """
    low, high = found.locations[0], found.locations[-1]
    inside = np.clip(bounds, low, high)
    step = (high - low) / (len(found.locations) - 1)
    coefficients = found.within.c  # (5, interval, spread)
    interval = np.minimum(((inside - low) / step).astype(np.intp), len(found.locations) - 2)
    offset = inside - found.locations[interval]
    column = np.broadcast_to(np.arange(bounds.shape[-1]), bounds.shape)
    value = np.zeros(bounds.shape)
    for power in coefficients:
        value = value * offset + power[interval, column]
    total = found.within(high) - found.within(low)
    return np.asarray((np.clip(value / total, 0.0, 1.0) * found.of_spread).sum(axis=-1))


def _box(
    shape: Shape, data: LogTimes, priors: SurvivalPriors
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Find a box outside of which there is nothing."""

    def negative(at: Floats) -> tuple[float, Floats]:
        value, gradient = log_density(shape, data, priors, at[0], at[1])
        return -value, -gradient

    start = np.array([np.log(priors.median), 0.0])
    if len(data.value):
        start[0] = np.average(data.value, weights=data.events + data.censored)
    mode = minimize(negative, start, jac=True, method="BFGS").x
    peak = -negative(mode)[0]
    # Along each axis through the mode, as far as the density falls by DROP; then the box grows
    # until all its edges lie as low, because the two are correlated.
    reach = np.array(
        [[_reach(negative, mode, axis, side, peak) for side in (-1, 1)] for axis in (0, 1)]
    )
    for _ in range(60):
        low, high = mode + reach[:, 0], mode + reach[:, 1]
        u, v = np.linspace(low[0], high[0], 65), np.linspace(low[1], high[1], 65)
        sides = np.array([on_line(shape, data, priors, u[[0, -1]], one) for one in v])
        rows = [on_line(shape, data, priors, u, one).max() for one in (v[0], v[-1])]
        tall = np.array([sides.max(axis=0), rows]) > peak - DROP
        if not tall.any():
            break
        reach = np.where(tall, 1.25 * reach, reach)
    return (low[0], high[0]), (low[1], high[1])


def _reach(
    negative: Callable[[Floats], tuple[float, Floats]],
    mode: Floats,
    axis: int,
    side: int,
    peak: float,
) -> float:
    """Distance from the mode along one axis at which the log density has fallen by DROP."""
    distance = 1e-3
    for _ in range(80):
        at = mode.copy()
        at[axis] += side * distance
        with np.errstate(over="ignore", invalid="ignore"):
            if not -negative(at)[0] > peak - DROP:
                break
        distance *= 1.3
    return side * distance
