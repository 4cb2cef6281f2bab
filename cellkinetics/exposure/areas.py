"""Areas under piecewise curves: linear, or logarithmic where the curve falls.

Source
------
Phoenix WinNonlin, "Partial area calculation": the logarithmic rule gives way to the linear one
where an end of the interval is not positive or both are equal.
"""

import numpy as np

from cellkinetics.exposure.curves import Bools, Floats
from cellkinetics.exposure.rules import Trapezoid

_SERIES_BELOW = 1e-2


def falling(level: Floats, trapezoid: Trapezoid) -> Bools:
    """Say which intervals between points follow an exponential, (..., point - 1)."""
    one, two = level[..., :-1], level[..., 1:]
    with np.errstate(invalid="ignore"):
        return (one > two) & (two > 0) & (trapezoid == "linlog")


def area(time: Floats, level: Floats, trapezoid: Trapezoid) -> Floats:
    """Area of every interval between points.

    Parameters
    ----------
    time, level : float array (..., point)    time not decreasing
    trapezoid : 'linlog' or 'linear'

    Returns
    -------
    float array (..., point - 1)
    """
    width = np.diff(time, axis=-1)
    one, two = level[..., :-1], level[..., 1:]
    log = falling(level, trapezoid)
    linear = 0.5 * width * (one + two)
    return np.where(log, width * two * _growth(_drop(one, two, log)), linear)


def moment(time: Floats, level: Floats, trapezoid: Trapezoid) -> Floats:
    """Area under time x level of every interval, as WinNonlin has it; shapes as in :func:`area`.

    On linear intervals it is the trapezoid of time x level, which is not the integral of
    time x (linear level).
    """
    width = np.diff(time, axis=-1)
    one, two = level[..., :-1], level[..., 1:]
    start, stop = time[..., :-1], time[..., 1:]
    log = falling(level, trapezoid)
    drop = _drop(one, two, log)
    linear = 0.5 * width * (start * one + stop * two)
    curved = start * width * two * _growth(drop) + width**2 * one * _first_moment(drop)
    return np.where(log, curved, linear)


def window(
    time: Floats, level: Floats, trapezoid: Trapezoid, start: Floats, stop: Floats
) -> Floats:
    """Area between two times, each interval cut with its own interpolation.

    Parameters
    ----------
    time, level : float array (profile, point)
    trapezoid : 'linlog' or 'linear'
    start, stop : float array (profile,)      what lies outside the curve counts nothing

    Returns
    -------
    float array (profile,)
    """
    t1, t2 = time[:, :-1], time[:, 1:]
    one, two = level[:, :-1], level[:, 1:]
    left = np.clip(start[:, None], t1, t2)
    right = np.clip(stop[:, None], t1, t2)
    log = falling(level, trapezoid)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(t2 > t1, 1.0 / (t2 - t1), 0.0)
        rate = _drop(one, two, log) * share
        slope = (two - one) * share
    width = right - left
    from_left = one + slope * (left - t1)
    linear = width * (from_left + 0.5 * slope * width)
    curved = one * np.exp(-rate * (left - t1)) * width * _growth(-rate * width)
    return np.asarray(np.where(log, curved, linear).sum(axis=1), dtype=np.float64)


def _drop(one: Floats, two: Floats, log: Bools) -> Floats:
    """ln(one / two) where the interval is logarithmic, else 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(log, np.log(np.where(log, one, 1.0) / np.where(log, two, 1.0)), 0.0)


def _growth(x: Floats) -> Floats:
    """(e^x - 1) / x, 1 at 0."""
    small = x == 0
    safe = np.where(small, 1.0, x)
    return np.where(small, 1.0, np.expm1(safe) / safe)


def _first_moment(x: Floats) -> Floats:
    """(1 - e^-x (1 + x)) / x^2, 1/2 at 0: the mean of s e^(-x s) over s from 0 to 1."""
    small = x < _SERIES_BELOW
    safe = np.where(small, 1.0, x)
    series = 1 / 2 - x * (1 / 3 - x * (1 / 8 - x * (1 / 30 - x * (1 / 144 - x / 840))))
    return np.where(small, series, (-np.expm1(-safe) - safe * np.exp(-safe)) / safe**2)
