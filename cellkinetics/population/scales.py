"""Between a parameter's natural scale and the one it is estimated on."""

import numpy as np
from numpy.typing import NDArray

from cellkinetics.declare import Scale


def to_phi(
    theta: float | NDArray[np.float64], scale: Scale, lower: float = 0.0, upper: float = 1.0
) -> NDArray[np.float64]:
    """Natural to transformed scale (log, logit between the bounds, or identity)."""
    x = np.asarray(theta, dtype=np.float64)
    if scale == "log":
        return np.log(x)
    if scale == "logit":
        return np.asarray(np.log((x - lower) / (upper - x)))
    return x


def to_natural(
    phi: float | NDArray[np.float64], scale: Scale, lower: float = 0.0, upper: float = 1.0
) -> NDArray[np.float64]:
    """Transformed to natural scale; the inverse of :func:`to_phi`."""
    x = np.asarray(phi, dtype=np.float64)
    if scale == "log":
        return np.exp(x)
    if scale == "logit":
        return np.asarray(lower + (upper - lower) / (1.0 + np.exp(-x)))
    return x
