"""Log-linear lines through readings: the choice of the terminal line, and one line through all.

Source
------
Phoenix WinNonlin, "Lambda Z or Slope Estimation settings"; PKNCA, vignette "Half-Life Calculation".
"""

from dataclasses import dataclass

import numpy as np

from cellkinetics.exposure.curves import Bools, Floats, Ints
from cellkinetics.exposure.rules import Slope


@dataclass(frozen=True)
class Lines:
    """One line log(level) = log(level at ``origin``) + slope (t - origin) a profile, NaN if none.

    Attributes
    ----------
    slope, origin, log_level, r2, r2_adjusted, lower, upper : float array (profile,)
        ``lower`` and ``upper`` are the times of the line's first and last reading
    points : int array (profile,)             readings on it, 0 where there is no line
    on_line : bool array (profile, reading)
    eligible : int array (profile,)           readings that could have been on it
    lines, falling : bool array (profile,)    were there lines at all, and any that falls?
    """

    slope: Floats
    origin: Floats
    log_level: Floats
    r2: Floats
    r2_adjusted: Floats
    lower: Floats
    upper: Floats
    points: Ints
    on_line: Bools
    eligible: Ints
    lines: Bools
    falling: Bools

    def level(self, time: Floats) -> Floats:
        """Level of the line at one time a profile."""
        return np.asarray(np.exp(self.log_level + self.slope * (time - self.origin)))


def best_line(
    time: Floats,
    level: Floats,
    eligible: Bools,
    *,
    order: Slope,
    min_points: int,
    tolerance: float,
    forwards: bool = False,
) -> Lines:
    """Choose, of the lines that end in the last eligible reading, the best that falls.

    Candidates are the last ``min_points`` readings, the last ``min_points`` + 1, and so on. Of
    those within ``tolerance`` of the best adjusted R2 the one with most readings is taken.

    Parameters
    ----------
    time, level : float array (profile, reading)
    eligible : bool array (profile, reading)
    order : 'winnonlin' or 'pknca'            is the best sought among falling lines, or among all?
    min_points : int
    tolerance : float
    forwards : bool                           lines that begin in the first eligible reading instead

    Returns
    -------
    Lines
    """
    if forwards:
        time, level, eligible = time[:, ::-1], level[:, ::-1], eligible[:, ::-1]
    row = np.arange(len(time))
    count = np.cumsum(eligible[:, ::-1], axis=1)[:, ::-1]
    x, y, origin, base = _anchored(time, level, eligible)
    # Sums over the last readings, from each reading on: all candidates at once.
    sx, sy, sxx, sxy, syy = (
        np.cumsum(term[:, ::-1], axis=1)[:, ::-1] for term in (x, y, x * x, x * y, y * y)
    )
    n = np.maximum(count, 1)
    sxx, sxy, syy = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
    candidate = eligible & (count >= min_points) & (sxx > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = sxy / sxx
        r2 = np.clip(sxy * sxy / (sxx * syy), 0.0, 1.0)
        adjusted = 1.0 - (1.0 - r2) * (n - 1) / (n - 2)
        falls = candidate & (syy > 0) & (slope < 0)
        judged = falls if order == "winnonlin" else candidate & (syy > 0)
        best = np.max(np.where(judged, adjusted, -np.inf), axis=1, keepdims=True, initial=-np.inf)
        chosen = falls & ((adjusted > best - tolerance) | (adjusted == best))
    there = chosen.any(axis=1)
    at = np.argmax(chosen, axis=1)
    on_line = eligible & (np.arange(time.shape[1]) >= at[:, None]) & there[:, None]

    def pick(table: Floats) -> Floats:
        return np.where(there, table[row, at], np.nan)

    steep = pick(slope)
    centre = base + pick(sy / n) - steep * pick(sx / n)
    ends = _ends(time, on_line)
    return Lines(
        slope=steep,
        origin=np.where(there, origin, np.nan),
        log_level=centre,
        r2=pick(r2),
        r2_adjusted=pick(adjusted),
        lower=ends[0],
        upper=ends[1],
        points=np.where(there, count[row, at], 0),
        on_line=on_line[:, ::-1] if forwards else on_line,
        eligible=eligible.sum(axis=1),
        lines=candidate.any(axis=1),
        falling=falls.any(axis=1),
    )


def slope_through(time: Floats, level: Floats, mask: Bools) -> tuple[Floats, Ints]:
    """Least-squares slope of log(level) through all marked readings.

    Parameters
    ----------
    time, level : float array (profile, reading)
    mask : bool array (profile, reading)

    Returns
    -------
    slope : float array (profile,)            NaN with fewer than two readings
    points : int array (profile,)
    """
    points = mask.sum(axis=1)
    x, y, _, _ = _anchored(time, level, mask)
    n = np.maximum(points, 1)
    sx, sy = x.sum(axis=1), y.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = ((x * y).sum(axis=1) - sx * sy / n) / ((x * x).sum(axis=1) - sx * sx / n)
    return np.where(points >= 2, slope, np.nan), points


def _anchored(time: Floats, level: Floats, mask: Bools) -> tuple[Floats, Floats, Floats, Floats]:
    """Times and log levels from the last marked reading, so that sums keep their digits."""
    row = np.arange(len(time))
    last = time.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    origin = time[row, last]
    log_level = np.log(np.where(mask, level, 1.0))
    base = log_level[row, last]
    x = np.where(mask, time - origin[:, None], 0.0)
    y = np.where(mask, log_level - base[:, None], 0.0)
    return x, y, origin, base


def _ends(time: Floats, on_line: Bools) -> tuple[Floats, Floats]:
    """Times of the first and the last reading on a line."""
    there = on_line.any(axis=1)
    low = np.where(on_line, time, np.inf).min(axis=1, initial=np.inf)
    high = np.where(on_line, time, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(there, low, np.nan), np.where(there, high, np.nan)
