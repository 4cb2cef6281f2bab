"""Exact posteriors of parametric survival, for samples too small for anything asymptotic.

Weibull and log-normal by quadrature on a grid, piecewise exponential by conjugacy, each with a
point mass at time 0 where events happen there. No sampling, no seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import betaincinv, betaln, expit, logit

from cellkinetics.errors import did_you_mean
from cellkinetics.survival.data import (
    Flags,
    Floats,
    SurvivalError,
    level_checked,
    times_and_events,
)
from cellkinetics.survival.gamma_sums import Cumulative, below, mean_survival
from cellkinetics.survival.kaplan_meier import Estimate
from cellkinetics.survival.location_scale import SHAPES, log_times
from cellkinetics.survival.priors import DEFAULT_PRIORS, SurvivalPriors
from cellkinetics.survival.quadrature import grid, location_below

ModelName = Literal["weibull", "log-normal", "piecewise-exponential"]
MODELS: tuple[ModelName, ...] = get_args(ModelName)
_FURTHEST = 1e9  # days; a median beyond is given as infinite


@dataclass(frozen=True)
class Posterior:
    """Posterior of a survival curve.

    ``distribution(t, s)`` is P(S(t) <= s); ``mean(t)`` is E[S(t)], the predictive survival: the
    probability that a new subject is event-free at t. ``method`` names model and priors.
    """

    distribution: Callable[[float, float], float]
    mean: Callable[[float], float]
    method: str

    def survival(self, time: float, level: float = 0.95) -> Estimate:
        """Predictive survival at a time with an equal-tailed interval of S(time)."""
        tail = (1 - level_checked(level)) / 2
        low, high = (self._survival_quantile(time, q) for q in (tail, 1 - tail))
        return Estimate(self.mean(time), low, high)

    def median(self, level: float = 0.95) -> Estimate:
        """Posterior median of the median time, with an equal-tailed interval."""
        tail = (1 - level_checked(level)) / 2
        value, low, high = (self._median_quantile(q) for q in (0.5, tail, 1 - tail))
        return Estimate(value, low, high)

    def _survival_quantile(self, time: float, probability: float) -> float:
        # On the scale of log(-log S), where tails of either kind are far from steep.
        def excess(x: float) -> float:
            return self.distribution(time, float(np.exp(-np.exp(x)))) - probability

        low, high = -60.0, 6.5  # S = 1 to within rounding, and S = exp(-665)
        if excess(low) < 0:
            return 1.0
        if excess(high) > 0:
            return 0.0
        return float(np.exp(-np.exp(brentq(excess, low, high, xtol=1e-9))))

    def _median_quantile(self, probability: float) -> float:
        # P(median <= t) = P(S(t) <= 1/2).
        def excess(log_time: float) -> float:
            return self.distribution(float(np.exp(log_time)), 0.5) - probability

        if self.distribution(0.0, 0.5) >= probability:
            return 0.0
        low, high = -30.0, log(_FURTHEST)
        if excess(low) >= 0:
            return 0.0
        if excess(high) < 0:
            return float("inf")
        return float(np.exp(brentq(excess, low, high, xtol=1e-9)))


def posterior(
    model: ModelName,
    time: ArrayLike,
    event: ArrayLike,
    *,
    point_mass: bool = False,
    priors: SurvivalPriors = DEFAULT_PRIORS,
    nodes: tuple[int, int] | None = None,
) -> Posterior:
    """Posterior of a survival curve.

    Parameters
    ----------
    model : "weibull", "log-normal" or "piecewise-exponential"
    time : array (subject,), day
    event : array (subject,)      1 event, 0 censored
    point_mass : bool             events at time 0 can happen by definition (ELN 2022, FDA); if one
                                  did, there is a point mass anyway
    priors : SurvivalPriors
    nodes : (int, int), optional  of the quadrature, to check that it has enough

    Returns
    -------
    Posterior

    Raises
    ------
    SurvivalError                 unknown model; see :func:`times_and_events`
    """
    if model not in MODELS:
        raise SurvivalError(f"survival model {model!r}. {did_you_mean(str(model), MODELS)}")
    times, events = times_and_events(time, event)
    mass = mass_at_zero(times, events, priors, point_mass=point_mass)
    method = (
        f"{model} posterior, {'quadrature' if model in SHAPES else 'conjugate'}; "
        + priors.words(model, mass=mass is not None)
    )
    if model in SHAPES:
        return _location_scale(model, times, events, mass, priors, nodes, method)
    return _piecewise(times, events, mass, priors, method)


def mass_at_zero(
    times: Floats, events: Flags, priors: SurvivalPriors, *, point_mass: bool
) -> tuple[float, float] | None:
    """Parameters of the Beta posterior of P(T = 0); None without a point mass.

    Censored at 0 counts as event-free there, as in Kaplan-Meier.
    """
    at_zero = int((events & (times == 0)).sum())
    if not (point_mass or at_zero):
        return None
    return priors.mass + at_zero, priors.mass + len(times) - at_zero


def hazards(
    times: Floats, events: Flags, priors: SurvivalPriors
) -> tuple[Floats, Floats, Callable[[float], Floats]]:
    """Gamma posteriors of a piecewise-exponential model.

    Returns
    -------
    shapes, rates : arrays (piece,)
    spent : function of a time    days in each piece until then
    """
    starts: Floats = np.array([0.0, *priors.cuts])
    if (np.diff(starts) <= 0).any():
        raise SurvivalError(f"cuts {priors.cuts}: wanted days after 0 in rising order.")
    ends = np.append(starts[1:], np.inf)
    exposure = np.clip(times[:, None] - starts, 0.0, ends - starts).sum(axis=0)
    # An event on the day of a cut belongs to the piece that ends there, as its exposure does.
    piece = np.searchsorted(starts, times, side="left") - 1
    happened = np.bincount(piece[events & (times > 0)], minlength=len(starts))
    shapes: Floats = priors.events + happened.astype(np.float64)
    rates: Floats = np.asarray(priors.rate + exposure, dtype=np.float64)
    return shapes, rates, lambda time: np.asarray(np.clip(time - starts, 0.0, ends - starts))


def _location_scale(
    model: str,
    times: Floats,
    events: Flags,
    mass: tuple[float, float] | None,
    priors: SurvivalPriors,
    nodes: tuple[int, int] | None,
    method: str,
) -> Posterior:
    shape = SHAPES[model]
    found = grid(shape, log_times(times, events), priors, nodes)
    alive, weight = _mass_nodes(mass)

    def distribution(time: float, survival: float) -> float:
        # S(t) <= s where the location is below log t - spread W(s), W inverse to the survival.
        rest = survival / alive
        out = np.where(rest >= 1, 1.0, 0.0)
        inside = (rest > 0) & (rest < 1)
        if time > 0 and inside.any():
            at = shape.inverse_survival(rest[inside])
            bounds = log(time) - at[:, None] * found.spreads
            out[inside] = location_below(found, bounds)
        return float(out @ weight)

    def mean(time: float) -> float:
        share = float(alive @ weight)
        if time <= 0:
            return share
        w = (log(time) - found.locations) / found.spreads[:, None]
        with np.errstate(over="ignore"):
            return share * float((found.weights * np.exp(shape.log_survival(w))).sum())

    return Posterior(distribution, mean, method)


def _mass_nodes(mass: tuple[float, float] | None) -> tuple[Floats, Floats]:
    """Nodes of 1 - P(T = 0) and their weights, by the trapezoid rule on the logit scale."""
    if mass is None:
        return np.ones(1), np.ones(1)
    a, b = mass
    # 1 - p is carried, not p, so that it keeps its digits where nearly all are lost at time 0.
    low, high = logit(betaincinv(b, a, 1e-10)), -logit(betaincinv(a, b, 1e-10))
    y = np.linspace(low, high, 257)
    weight = np.exp(-b * np.logaddexp(0, -y) - a * np.logaddexp(0, y) - betaln(a, b))
    return np.asarray(expit(y)), weight / weight.sum()


def _piecewise(
    times: Floats,
    events: Flags,
    mass: tuple[float, float] | None,
    priors: SurvivalPriors,
    method: str,
) -> Posterior:
    shapes, rates, spent = hazards(times, events, priors)

    def hazard(time: float) -> Cumulative:
        scales = np.asarray(spent(time) / rates, dtype=np.float64)
        return Cumulative(shapes[scales > 0], scales[scales > 0], mass)

    def distribution(time: float, survival: float) -> float:
        if time <= 0 and mass is None:
            return float(survival >= 1)
        if survival <= 0:
            return 0.0
        return 1.0 - below(hazard(time), -log(survival)) if survival < 1 else 1.0

    return Posterior(distribution, lambda time: mean_survival(hazard(time)), method)
