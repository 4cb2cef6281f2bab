"""What the error model says about readings that have not been seen: draws, and P(Y < y)."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellkinetics.density.codes import COMBINED, LEFT, LOGNORMAL, STUDENT_T
from cellkinetics.density.rows import log_densities


def _checked_family(family: ArrayLike) -> NDArray[np.int64]:
    codes = np.asarray(family, dtype=np.int64)
    known = (LOGNORMAL, STUDENT_T, COMBINED)
    if not np.isin(codes, known).all():
        unknown = sorted(set(codes.ravel().tolist()) - set(known))
        raise ValueError(
            f"error family {unknown[0]} is not known: 0 is lognormal, 1 student_t, 2 combined"
        )
    return codes


def draw_readings(
    rng: np.random.Generator,
    family: ArrayLike,
    pred: ArrayLike,
    pred_is_log: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    nu: ArrayLike,
) -> NDArray[np.float64]:
    """Draw one reading per prediction; arguments broadcast, as in pred (draw, row), a (draw, 1).

    Limits play no part: a drawn reading below the LLOQ is what the assay would have seen
    without one, and is compared with the limit afterwards.

    Parameters
    ----------
    rng : numpy.random.Generator
    family : int array            LOGNORMAL, STUDENT_T or COMBINED
    pred : array                  log f where ``pred_is_log``, else f
    pred_is_log : bool array
    a, b, nu : array              as in ``log_density``

    Returns
    -------
    array                         of the broadcast shape, in the unit of f; NaN where ``pred`` is
                                  NaN; inf where a heavy tail leaves the range of a float

    Raises
    ------
    ValueError                    for an unknown family, a negative scale, nu <= 0
    """
    codes = _checked_family(family)
    is_log = np.asarray(pred_is_log, dtype=bool)
    inputs = (np.asarray(v, dtype=np.float64) for v in (pred, a, b, nu))
    codes, is_log, pred, a, b, nu = np.broadcast_arrays(codes, is_log, *inputs)
    student, combined = codes == STUDENT_T, codes == COMBINED
    for name, values in (("a", a), ("b", np.where(combined, b, 0.0))):
        if (values < 0.0).any():
            raise ValueError(f"{name} must be >= 0, got {values.min()}")
    if (nu[student] <= 0.0).any():
        raise ValueError(f"nu must be > 0, got {nu[student].min()}")
    z = np.empty(codes.shape)
    z[~student] = rng.standard_normal(np.count_nonzero(~student))
    z[student] = rng.standard_t(nu[student])

    # exp overflows to inf and log(0) is -inf, as documented
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        log_f = np.where(is_log, pred, np.log(np.where(pred < 0.0, 0.0, pred)))
        f = np.where(is_log, np.exp(pred), pred)
        return np.where(combined, f + np.hypot(a, b * f) * z, np.exp(log_f + a * z))


def cdf(
    family: ArrayLike,
    value: ArrayLike,
    pred: ArrayLike,
    pred_is_log: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    nu: ArrayLike,
    floor: ArrayLike = -math.inf,
) -> NDArray[np.float64]:
    """P(Y < value), given Y > floor: for PIT values and quantile residuals; arguments broadcast.

    Parameters
    ----------
    family : int array            LOGNORMAL, STUDENT_T or COMBINED
    value : array                 the reading, or its limit
    pred, pred_is_log, a, b, nu : array
    floor : array                 as in ``log_density``

    Returns
    -------
    array                         of the broadcast shape, within [0, 1]; NaN as in ``log_density``

    Raises
    ------
    ValueError                    for an unknown family
    """
    codes = _checked_family(family)
    is_log = np.asarray(pred_is_log, dtype=bool)
    inputs = (np.asarray(v, dtype=np.float64) for v in (value, floor, pred, a, b, nu))
    broadcast = np.broadcast_arrays(codes, is_log, *inputs)
    shape = broadcast[0].shape
    codes, is_log, value, floor, pred, a, b, nu = (np.ravel(v) for v in broadcast)
    unused = np.full(codes.size, np.nan)
    kind = np.full(codes.size, LEFT)
    log_p, *gradient = (np.empty(codes.size) for _ in range(4))
    log_densities(
        codes, kind, unused, unused, value, floor, pred, is_log, a, b, nu, log_p, *gradient
    )
    return np.exp(log_p).reshape(shape)
