"""The same parametric posteriors for a sampler: plain log densities in, draws back.

No sampler is named here: ``cellkinetics.fitting.survival`` samples any such density with NUTS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_expit

from cellkinetics.errors import did_you_mean
from cellkinetics.survival.data import Floats, SurvivalError, times_and_events
from cellkinetics.survival.location_scale import SHAPES, log_density, log_times
from cellkinetics.survival.parametric import (
    MODELS,
    ModelName,
    Posterior,
    hazards,
    mass_at_zero,
)
from cellkinetics.survival.priors import DEFAULT_PRIORS, SurvivalPriors

# (log density with gradient, start) -> draws (draw, parameter) and words on how they were made.
type Sampler = Callable[[Callable[[Floats], tuple[float, Floats]], Floats], tuple[Floats, str]]


@dataclass(frozen=True)
class Density:
    """A log density of unconstrained parameters.

    ``evaluate(x)`` returns the value and its gradient; ``posterior(draws, words)`` turns draws
    (draw, parameter) into a :class:`Posterior`, ``words`` naming the sampler.
    """

    names: tuple[str, ...]
    start: Floats
    evaluate: Callable[[Floats], tuple[float, Floats]]
    posterior: Callable[[Floats, str], Posterior]


def density(
    model: ModelName,
    time: ArrayLike,
    event: ArrayLike,
    *,
    point_mass: bool = False,
    priors: SurvivalPriors = DEFAULT_PRIORS,
) -> Density:
    """Log posterior density of a survival model. Arguments as :func:`parametric.posterior`.

    Returns
    -------
    Density                       parameters: log median and log spread, or log hazards; and the
                                  logit of P(T = 0) where there is a point mass

    Raises
    ------
    SurvivalError                 unknown model; see :func:`times_and_events`
    """
    if model not in MODELS:
        raise SurvivalError(f"survival model {model!r}. {did_you_mean(str(model), MODELS)}")
    times, events = times_and_events(time, event)
    mass = mass_at_zero(times, events, priors, point_mass=point_mass)
    names: tuple[str, ...]
    if model in SHAPES:
        shape, data = SHAPES[model], log_times(times, events)
        names, start = ("log_median", "log_spread"), np.array([log(priors.median), 0.0])

        def inner(x: Floats) -> tuple[float, Floats]:
            return log_density(shape, data, priors, x[0], x[1])

        def survival(draws: Floats, day: float) -> Floats:
            if day <= 0:
                return np.ones(len(draws))
            with np.errstate(over="ignore"):
                w = (log(day) - draws[:, 0]) / np.exp(draws[:, 1])
                return np.asarray(np.exp(shape.log_survival(w)))

    else:
        shapes, rates, spent = hazards(times, events, priors)
        names = tuple(f"log_hazard_{i}" for i in range(len(shapes)))
        start = np.log(shapes / rates)

        def inner(x: Floats) -> tuple[float, Floats]:
            expected = rates * np.exp(x)
            return float(shapes @ x - expected.sum()), np.asarray(shapes - expected)

        def survival(draws: Floats, day: float) -> Floats:
            return np.asarray(np.exp(-np.exp(draws[:, : len(shapes)]) @ spent(day)))

    def evaluate(x: Floats) -> tuple[float, Floats]:
        if mass is None:
            return inner(x)
        value, gradient = inner(x[:-1])
        value += mass[0] * float(log_expit(x[-1])) + mass[1] * float(log_expit(-x[-1]))
        slope = mass[0] - (mass[0] + mass[1]) * float(expit(x[-1]))
        return value, np.append(gradient, slope)

    def posterior(draws: Floats, words: str) -> Posterior:
        def alive(day: float) -> Floats:
            share = 1.0 if mass is None else expit(-draws[:, -1])
            return np.asarray(survival(draws, day) * share)

        return Posterior(
            lambda day, s: float(np.mean(alive(day) <= s)),
            lambda day: float(alive(day).mean()),
            f"{model} posterior, {words}; {priors.words(model, mass=mass is not None)}",
        )

    if mass is not None:
        names, start = (*names, "logit_mass"), np.append(start, log(mass[0] / mass[1]))
    return Density(names, start, evaluate, posterior)
