"""Weibull and log-normal survival as one: log T = location + spread W, W with median 0.

Plain log densities with gradients, in unconstrained parameters (log median, log spread): what the
quadrature integrates, and what a sampler could sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
from scipy.special import log_ndtr, ndtri

from cellkinetics.survival.data import Flags, Floats
from cellkinetics.survival.priors import SurvivalPriors

LOG2 = log(2.0)
_HALF_LOG_2PI = 0.5 * log(2 * np.pi)


@dataclass(frozen=True)
class Shape:
    """Distribution of W: log density, log survival and their derivatives; inverse survival."""

    log_density: Callable[[Floats], Floats]
    log_survival: Callable[[Floats], Floats]
    d_log_density: Callable[[Floats], Floats]
    d_log_survival: Callable[[Floats], Floats]
    inverse_survival: Callable[[Floats], Floats]


def _normal_hazard(w: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * w**2 - _HALF_LOG_2PI - log_ndtr(-w)))


# Weibull: W is a Gumbel minimum, S(w) = 2^-exp(w).
WEIBULL = Shape(
    log_density=lambda w: log(LOG2) + w - LOG2 * np.exp(w),
    log_survival=lambda w: -LOG2 * np.exp(w),
    d_log_density=lambda w: 1 - LOG2 * np.exp(w),
    d_log_survival=lambda w: -LOG2 * np.exp(w),
    inverse_survival=lambda s: np.log(-np.log(s) / LOG2),
)
LOG_NORMAL = Shape(
    log_density=lambda w: -0.5 * w**2 - _HALF_LOG_2PI,
    log_survival=lambda w: log_ndtr(-w),
    d_log_density=lambda w: -w,
    d_log_survival=lambda w: -_normal_hazard(w),
    inverse_survival=lambda s: -ndtri(s),
)
SHAPES = {"weibull": WEIBULL, "log-normal": LOG_NORMAL}


@dataclass(frozen=True)
class LogTimes:
    """Positive times, equal ones together: their logarithms and how many ended in which way."""

    value: Floats
    events: Floats
    censored: Floats


def log_times(time: Floats, event: Flags) -> LogTimes:
    """Collect positive times; those at 0 belong to the point mass."""
    positive = time > 0
    value, place = np.unique(time[positive], return_inverse=True)
    count = len(value)
    happened = np.bincount(place, weights=event[positive], minlength=count)
    stopped = np.bincount(place, weights=~event[positive], minlength=count)
    return LogTimes(np.log(value), happened, stopped)


def log_density(
    shape: Shape, data: LogTimes, priors: SurvivalPriors, location: float, log_spread: float
) -> tuple[float, Floats]:
    """Log posterior density (unnormalised) and its gradient.

    Parameters
    ----------
    shape : Shape                 ``WEIBULL`` or ``LOG_NORMAL``
    data : LogTimes
    priors : SurvivalPriors
    location : float              log of the median, in log days
    log_spread : float

    Returns
    -------
    value : float
    gradient : array (2,)         by location and log_spread
    """
    spread = np.exp(log_spread)
    value = float(on_line(shape, data, priors, np.array([location]), log_spread)[0])
    w = (data.value - location) / spread
    died, stopped = data.events > 0, data.censored > 0
    by_w = np.zeros_like(w)
    with np.errstate(over="ignore"):
        by_w[died] = data.events[died] * shape.d_log_density(w[died])
        by_w[stopped] += data.censored[stopped] * shape.d_log_survival(w[stopped])
    by_location = -by_w.sum() / spread - (location - log(priors.median)) / priors.median_sd**2
    by_spread = -(by_w * w).sum() - data.events.sum() - log_spread / priors.spread_sd**2
    return value, np.array([by_location, by_spread])


def on_line(
    shape: Shape, data: LogTimes, priors: SurvivalPriors, locations: Floats, log_spread: float
) -> Floats:
    """Log posterior density at many locations and one spread."""
    w = (data.value[None, :] - locations[:, None]) / np.exp(log_spread)
    died, stopped = data.events > 0, data.censored > 0
    with np.errstate(over="ignore"):
        terms = (
            shape.log_survival(w[:, stopped]) @ data.censored[stopped]
            + (shape.log_density(w[:, died]) - log_spread - data.value[died]) @ data.events[died]
        )
    prior = -0.5 * ((locations - log(priors.median)) / priors.median_sd) ** 2
    return np.asarray(terms + prior - 0.5 * (log_spread / priors.spread_sd) ** 2)
