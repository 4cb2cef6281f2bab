"""Distribution of a sum of independent gammas and -log(1 - beta), from its Laplace transform."""

from dataclasses import dataclass
from math import comb, exp, pi

import numpy as np
from scipy.special import loggamma

from cellkinetics.survival.data import Floats

# Abate and Whitt 1995, the Euler method: A sets the discretisation error, exp(-A).
_A = 18.4
_TERMS = 25
_EULER = 14


@dataclass(frozen=True)
class Cumulative:
    """A cumulative hazard: the sum of scale_j G_j, G_j ~ Gamma(shape_j, 1), and -log(1 - P).

    P ~ Beta(*mass) is a point mass at time 0; None for none.
    """

    shapes: Floats
    scales: Floats
    mass: tuple[float, float] | None = None


def below(hazard: Cumulative, value: float) -> float:
    """P(cumulative hazard <= value), to about 1e-8.

    Source
    ------
    Abate and Whitt 1995, ORSA Journal on Computing 7:36, the Euler method.
    """
    if value <= 0:
        return 0.0
    index = np.arange(_TERMS + _EULER + 1)
    z = (_A + 2j * pi * index) / (2 * value)
    terms = np.real(_transform(hazard, z) / z) * (-1.0) ** index
    terms[0] /= 2
    sums = np.cumsum(terms)[_TERMS:]
    binomial = np.array([comb(_EULER, k) for k in range(_EULER + 1)]) * 0.5**_EULER
    return float(np.clip(exp(_A / 2) / value * (binomial @ sums), 0.0, 1.0))


def mean_survival(hazard: Cumulative) -> float:
    """E[exp(-cumulative hazard)]: the predictive survival."""
    return float(np.real(_transform(hazard, np.array([1.0 + 0j])))[0])


def _transform(hazard: Cumulative, z: np.ndarray) -> np.ndarray:
    log_value = -(hazard.shapes * np.log1p(z[:, None] * hazard.scales)).sum(axis=1)
    if hazard.mass is not None:
        a, b = hazard.mass
        log_value += loggamma(b + z) + loggamma(a + b) - loggamma(a + b + z) - loggamma(b)
    return np.asarray(np.exp(log_value))
