"""Log density of a reading given its prediction, with exact gradients, compiled by numba.

Every row is either a point (an observed value) or a set (left, right, interval), in units of
the error's scale: z = (x - location) / scale, with x = log y for the log families and x = y
otherwise. What is left is one standard distribution, Student-t with ``nu`` degrees of freedom;
``nu = inf`` is the normal.

Far tails stay exact because nothing is computed as a small difference of probabilities. An
upper tail is written relative to the density at its near end, P(Z > a) = pdf(a) mills(a), so
that conditioning on y > floor subtracts two *densities'* exponents (an exact product), and a
narrow interval is integrated by Gauss-Legendre quadrature. The gradient uses two numbers, the
mean of s = -d log pdf / dz over the set, and the mean of z s - 1; both keep their digits where
pdf(lower) - pdf(upper) would lose them.

All compiled functions of the density live in this one file: numba's disk cache looks at the
file of the function that is called and not at the files of the functions that it calls.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cellkinetics.density.codes import (
    COMBINED,
    INTERVAL,
    LEFT,
    LOGNORMAL,
    OBSERVED,
    RIGHT,
    STUDENT_T,
)
from cellkinetics.density.compiled import compiled

INF: Final = math.inf
NAN: Final = math.nan
HALF_LOG_2PI: Final = 0.5 * math.log(2.0 * math.pi)
SQRT_HALF_PI: Final = math.sqrt(0.5 * math.pi)
SQRT_HALF: Final = math.sqrt(0.5)

_gauss_nodes, _gauss_weights = np.polynomial.legendre.leggauss(20)
NODES: Final = 0.5 + 0.5 * _gauss_nodes  # on (0, 1)
WEIGHTS: Final = 0.5 * _gauss_weights
NARROW: Final = -0.5  # a set over which log pdf falls by less than this is integrated by nodes

type Triple = tuple[float, float, float]
type Floats = NDArray[np.float64]


# ---------------------------------------------------------------- the standard distribution


@compiled
def _log_norm(nu: float) -> float:
    """Log pdf at 0."""
    if nu == INF:
        return -HALF_LOG_2PI
    x = 0.5 * nu
    if x < 15.0:
        log_gamma_step = math.lgamma(x + 0.5) - math.lgamma(x)
    else:  # the difference of two large lgamma loses digits; this is its asymptotic series
        u = 1.0 / (x * x)
        series = -1 / 8 + u * (1 / 192 + u * (-1 / 640 + u * (17 / 14336 - u * 31 / 18432)))
        log_gamma_step = 0.5 * math.log(x) + series / x
    return log_gamma_step - 0.5 * math.log(nu * math.pi)


@compiled
def _log_ratio(nu: float, z: float, step: float) -> float:
    """Log of pdf(z + step) / pdf(z), without forming z + step."""
    if nu == INF:
        return -step * (z + 0.5 * step)
    return -0.5 * (nu + 1.0) * math.log1p(step * (2.0 * z + step) / (nu + z * z))


@compiled
def _score(nu: float, z: float) -> float:
    """-d log pdf / dz."""
    return z if nu == INF else (nu + 1.0) * z / (nu + z * z)


@compiled
def _score_steps(nu: float, z: float, step: float) -> tuple[float, float]:
    """By how much score(z) and z score(z) grow over the step."""
    end = z + step
    if nu == INF:
        return step, step * (z + end)
    # divided one after the other: the product of both denominators can overflow
    scaled = (nu + 1.0) * step / (nu + end * end)
    return scaled * ((nu - z * end) / (nu + z * z)), scaled * (nu * (z + end) / (nu + z * z))


@compiled
def _beta_fraction(x: float, p: float, q: float) -> float:
    """Continued fraction of the incomplete beta function, I_x(p, q) p B(p, q) / (x^p (1-x)^q).

    Modified Lentz's method on DLMF 8.17.22; below x = (p + 1) / (p + q + 2), where it is used,
    it takes at most 50 terms for any nu from 0.1 to 1e8.
    """
    c = 1.0
    d = 1.0 / (1.0 - (p + q) * x / (p + 1.0))
    fraction = d
    for m in range(1, 1000):
        k = p + 2 * m
        term = m * (q - m) * x / ((k - 1.0) * k)
        d = 1.0 / (1.0 + term * d)
        c = 1.0 + term / c
        fraction *= c * d
        term = -(p + m) * (p + q + m) * x / (k * (k + 1.0))
        d = 1.0 / (1.0 + term * d)
        c = 1.0 + term / c
        fraction *= c * d
        if abs(c * d - 1.0) < 4e-16:
            return fraction
    return NAN


@compiled
def _mills(nu: float, z: float) -> tuple[float, float]:
    """P(Z > z) / pdf(z) for z >= 0, and 1 - score(z) times it."""
    if nu == INF:
        if z < 10.0:
            mills = SQRT_HALF_PI * math.exp(0.5 * z * z) * math.erfc(z * SQRT_HALF)
            return mills, 1.0 - z * mills
        u = 1.0 / (z * z)  # asymptotic series, DLMF 7.12.1: the 20th term is below 1e-16
        series = 1.0
        for odd in range(39, 1, -2):
            series = 1.0 - odd * u * series
        return (1.0 - u * series) / z, u * series
    square = z * z
    if square * (nu + 2.0) >= 3.0 * nu:
        mills = z / nu * _beta_fraction(nu / (nu + square), 0.5 * nu, 0.5)
    else:
        middle = z * _beta_fraction(square / (nu + square), 0.5, 0.5 * nu)
        mills = 0.5 * math.exp(-_log_norm(nu) - _log_ratio(nu, 0.0, z)) - middle
    return mills, 1.0 - _score(nu, z) * mills


# ------------------------------------------------------------------ sets and points in z
# "Anchored at z": (log P - log pdf(z), mean score - score(z), mean (z score) - 1 - z score(z)).


@compiled
def _absolute(nu: float, z: float, anchored: Triple) -> Triple:
    """(log P, mean score, mean (z score) - 1) from the triple anchored at z."""
    score = _score(nu, z)
    log_pdf = _log_norm(nu) + _log_ratio(nu, 0.0, z)
    return log_pdf + anchored[0], score + anchored[1], z * score + anchored[2]


@compiled
def _narrow(nu: float, low: float, width: float) -> Triple:
    """Interval over which the density changes little, anchored at its lower end."""
    mass = 0.0
    first = 0.0
    second = 0.0
    for i in range(NODES.size):
        step = width * NODES[i]
        part = WEIGHTS[i] * math.exp(_log_ratio(nu, low, step))
        score_step, z_score_step = _score_steps(nu, low, step)
        mass += part
        first += part * score_step
        second += part * z_score_step
    return math.log(width) + math.log(mass), first / mass, second / mass - 1.0


@compiled
def _upper(nu: float, low: float, high: float, width: float) -> Triple:
    """P(low < Z < high) for 0 <= low, anchored at low; high may be inf."""
    log_fall = _log_ratio(nu, low, width)
    if log_fall > NARROW:
        return _narrow(nu, low, width)
    mills, defect = _mills(nu, low)
    if high == INF:
        excess = defect / mills
        return math.log(mills), excess, low * excess
    fall = math.exp(log_fall)
    mills_high, _ = _mills(nu, high)
    mass = mills - fall * mills_high
    first = (defect - fall * (1.0 - _score(nu, low) * mills_high)) / mass
    return math.log(mass), first, low * first - fall * width / mass


@compiled
def _set(nu: float, low: float, high: float, width: float) -> Triple:
    """(log P, mean score, mean (z score) - 1) of low < Z < high; either end may be infinite."""
    if low == -INF and high == INF:
        return 0.0, 0.0, 0.0
    flipped = low + high < 0.0
    if flipped:
        low, high = -high, -low
    if low >= 0.0:
        log_p, first, second = _absolute(nu, low, _upper(nu, low, high, width))
    elif _log_ratio(nu, 0.0, high) > NARROW:
        log_p, first, second = _absolute(nu, low, _narrow(nu, low, width))
    else:  # around the centre and wide: one minus both tails
        pdf_low = math.exp(_log_norm(nu) + _log_ratio(nu, 0.0, low))
        outside = pdf_low * _mills(nu, -low)[0]
        first = pdf_low
        second = low * pdf_low
        if high < INF:
            pdf_high = math.exp(_log_norm(nu) + _log_ratio(nu, 0.0, high))
            outside += pdf_high * _mills(nu, high)[0]
            first -= pdf_high
            second -= high * pdf_high
        log_p = math.log1p(-outside)
        first /= 1.0 - outside
        second /= 1.0 - outside
    return log_p, -first if flipped else first, second


@compiled
def _above_floor(nu: float, anchored: Triple, floor: float, gap: float) -> Triple:
    """Condition a triple anchored at floor + gap on Z > floor, for floor > 0."""
    mills, defect = _mills(nu, floor)
    score_step, z_score_step = _score_steps(nu, floor, gap)
    excess = defect / mills
    return (
        _log_ratio(nu, floor, gap) + anchored[0] - math.log(mills),
        score_step + anchored[1] - excess,
        z_score_step + anchored[2] - floor * excess,
    )


# ----------------------------------------------------------------------- readings


@compiled
def _coordinate(is_log: bool, y: float) -> float:
    if not is_log:
        return y
    return -INF if y <= 0.0 else math.log(y)


@compiled
def _distance(is_log: bool, low: float, high: float) -> float:
    """coordinate(high) - coordinate(low), exact where the two are close."""
    if not is_log:
        return high - low
    if low <= 0.0:
        return INF
    return math.log1p((high - low) / low) if high < 2.0 * low else math.log(high) - math.log(low)


@compiled
def _standard(x: float, location: float, scale: float) -> float:
    # a limit at +-inf stays there, even where the location is infinite too
    return x if math.isinf(x) else (x - location) / scale


@compiled
def log_density(
    family: int,
    kind: int,
    value: float,
    lower: float,
    upper: float,
    floor: float,
    pred: float,
    pred_is_log: bool,
    a: float,
    b: float,
    nu: float,
) -> tuple[float, float, float, float]:
    """Log density of one reading given one prediction, with its gradient.

    Densities are of y on its natural scale (the log families include -log y), so that
    pointwise log-likelihoods of different families can be compared.

    Parameters
    ----------
    family : int                   LOGNORMAL, STUDENT_T (both on log y) or COMBINED
    kind : int                     OBSERVED, LEFT, RIGHT or INTERVAL
    value, lower, upper : float    the reading, or its limits; those that ``kind`` does not use
                                   are not looked at
    floor : float                  condition on y > floor; -inf: none. 0 changes nothing for the
                                   log families (M4 equals M3)
    pred : float                   log f where ``pred_is_log``, else f
    a, b : float                   SD (scale) on the log scale, unused; COMBINED: additive SD,
                                   proportional SD
    nu : float                     degrees of freedom, > 0; used by STUDENT_T only

    Returns
    -------
    tuple of float (4,)            log density; its derivatives by pred, a and b

    Notes
    -----
    What cannot happen has log density -inf and gradient 0: an observed value below the floor, an
    empty interval, a reading above 0 where a log family is given f <= 0 (there y < upper has
    probability 1). All four are NaN where pred or an argument that is used is NaN, a scale is
    not positive, exp(pred) overflows in COMBINED, or a code is unknown.

    Source
    ------
    Beal 2001, J Pharmacokinet Pharmacodyn 28:481 (M2, M3, M4)
    """
    failed = (NAN, NAN, NAN, NAN)
    impossible = (-INF, 0.0, 0.0, 0.0)
    is_log = family in (LOGNORMAL, STUDENT_T)
    shape = nu if family == STUDENT_T else INF
    if not (is_log or family == COMBINED) or not shape > 0.0 or math.isnan(floor):
        return failed

    scale, proportional = a, 0.0
    if not is_log:
        location = math.exp(pred) if pred_is_log else pred
        if not a >= 0.0 or not b >= 0.0 or math.isinf(location):
            return failed
        scale = math.hypot(a, b * location)
        proportional = b * location / scale
    else:
        location = pred if pred_is_log else _coordinate(is_log, pred)
    if math.isnan(location) or not scale > 0.0:
        return failed

    z_floor = _standard(_coordinate(is_log, floor), location, scale)
    far = z_floor > 0.0  # most readings would lie below the floor: stay relative to it
    log_jacobian = 0.0
    if kind == OBSERVED:
        x = _coordinate(is_log, value)
        if math.isnan(x):
            return failed
        z = _standard(x, location, scale)
        if value < floor or math.isinf(z):
            return impossible
        log_jacobian = -math.log(scale) - (x if is_log else 0.0)
        low = value
        piece = (0.0, 0.0, -1.0)
        if not far:
            piece = _absolute(shape, z, piece)
    elif kind in (LEFT, RIGHT, INTERVAL):
        low = -INF if kind == LEFT else lower
        high = INF if kind == RIGHT else upper
        if math.isnan(low) or math.isnan(high):
            return failed
        low = max(low, floor)
        z = _standard(_coordinate(is_log, low), location, scale)
        z_high = _standard(_coordinate(is_log, high), location, scale)
        if not low < high or z == INF or z_high == -INF:
            return impossible
        width = _distance(is_log, low, high) / scale
        piece = _upper(shape, z, z_high, width) if far else _set(shape, z, z_high, width)
    else:
        return failed

    if far:
        piece = _above_floor(shape, piece, z_floor, _distance(is_log, floor, low) / scale)
    elif z_floor > -INF:
        kept = _set(shape, z_floor, INF, INF)
        piece = (piece[0] - kept[0], piece[1] - kept[1], piece[2] - kept[2])

    log_p, by_location, by_log_scale = piece
    if log_p == -INF:
        return impossible
    log_p += log_jacobian
    if is_log:
        by_pred = by_location / scale
        if not pred_is_log:
            by_pred = by_pred / pred if pred > 0.0 else 0.0
        return log_p, by_pred, by_log_scale / scale, 0.0
    by_pred = (by_location + by_log_scale * proportional * b) / scale  # the scale follows f
    by_a = by_log_scale / scale * (a / scale)
    by_b = by_log_scale * proportional * (location / scale)
    return log_p, by_pred * location if pred_is_log else by_pred, by_a, by_b


@compiled
def log_densities(
    family: NDArray[np.int64], kind: NDArray[np.int64],
    value: Floats, lower: Floats, upper: Floats, floor: Floats,
    pred: Floats, pred_is_log: NDArray[np.bool_], a: Floats, b: Floats, nu: Floats,
    log_p: Floats, by_pred: Floats, by_a: Floats, by_b: Floats,
) -> None:  # fmt: skip
    """``log_density`` of every row; all arrays are (row,), the last four are written into.

    Raises
    ------
    ValueError                     if the arrays differ in length
    """
    rows = pred.size
    codes = (family.size, kind.size, pred_is_log.size)
    given = (value.size, lower.size, upper.size, floor.size, a.size, b.size, nu.size)
    for size in codes + given + (log_p.size, by_pred.size, by_a.size, by_b.size):
        if size != rows:  # unchecked, compiled code would read past the end
            raise ValueError("log_densities: all arrays must have one entry per row")
    for i in range(rows):
        log_p[i], by_pred[i], by_a[i], by_b[i] = log_density(
            family[i], kind[i], value[i], lower[i], upper[i], floor[i],
            pred[i], pred_is_log[i], a[i], b[i], nu[i],
        )  # fmt: skip
