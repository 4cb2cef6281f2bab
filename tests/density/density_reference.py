"""The density of a reading written a second and a third time, from the definition.

``brute_force`` knows only the density p(x) of each family: the probability of a set is an
adaptive quadrature of it, and gradients are complex steps of it. ``closed_form`` uses erfc and
the incomplete beta function at high precision, for tails where quadrature cannot follow.
"""

import cmath
import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import mpmath as mp
from scipy.integrate import quad

from cellkinetics.density import COMBINED, INTERVAL, LEFT, OBSERVED, RIGHT, STUDENT_T, log_density

type Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class Row:
    family: int
    kind: int
    pred: float
    a: float = 0.5
    b: float = 0.2
    nu: float = 4.0
    value: float = math.nan
    lower: float = math.nan
    upper: float = math.nan
    floor: float = -math.inf
    pred_is_log: bool = True

    def ends(self) -> tuple[float, float]:
        """What a censored row says, as an interval above the floor."""
        low = self.lower if self.kind in (RIGHT, INTERVAL) else -math.inf
        high = self.upper if self.kind in (LEFT, INTERVAL) else math.inf
        return max(low, self.floor), high


def compiled(row: Row) -> Four:
    """What is under test."""
    limits = (row.value, row.lower, row.upper, row.floor)
    prediction = (float(row.pred), row.pred_is_log, row.a, row.b, row.nu)
    return log_density(row.family, row.kind, *limits, *prediction)


def natural(row: Row) -> Row:
    """The same row with the prediction given as f instead of log f."""
    return replace(row, pred=math.exp(row.pred), pred_is_log=False)


# ------------------------------------------------------------------- by quadrature


def brute_force(row: Row) -> Four:
    """Log density and its gradient by pred, a and b, from p(x) alone, in double precision."""
    if row.kind == OBSERVED:
        p = [_density(row, coordinate(row, row.value), i) for i in range(4)]
        if row.family != COMBINED:
            p = [v / row.value for v in p]
    else:
        p = _integrals(row, *(coordinate(row, y) for y in row.ends()))
    log_p, *gradient = math.log(p[0]), *(v / p[0] for v in p[1:])
    floor = coordinate(row, row.floor)
    if floor > -math.inf:
        kept = _integrals(row, floor, math.inf)
        log_p -= math.log(kept[0])
        gradient = [g - v / kept[0] for g, v in zip(gradient, kept[1:], strict=True)]
    return (log_p, *gradient)


def coordinate(row: Row, y: float) -> float:
    if row.family == COMBINED or math.isinf(y):
        return y
    return math.log(y) if y > 0 else -math.inf


def _density(row: Row, x: float, derivative: int) -> float:
    """p(x) (derivative = 0), or its derivative by pred, a or b (1, 2, 3)."""
    arguments: list[Any] = [row.pred, row.a, row.b]
    step = 1e-30
    if derivative:
        arguments[derivative - 1] += 1j * step
    pred, a, b = arguments
    if row.family == COMBINED:
        location = cmath.exp(pred) if row.pred_is_log else pred
        scale = cmath.sqrt(a**2 + (b * location) ** 2)
    else:
        location = pred if row.pred_is_log else cmath.log(pred)
        scale = a
    z = (x - location) / scale
    if row.family == STUDENT_T:
        nu = row.nu
        norm = math.gamma((nu + 1) / 2) / (math.gamma(nu / 2) * math.sqrt(nu * math.pi))
        p = norm * (1 + z**2 / nu) ** (-(nu + 1) / 2) / scale
    else:
        p = cmath.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) / scale
    return p.imag / step if derivative else complex(p).real


def _integrals(row: Row, low: float, high: float) -> list[float]:
    """P(low < x < high) and its derivatives, as integrals of the density of x."""
    f = math.exp(row.pred) if row.pred_is_log else row.pred
    centre = f if row.family == COMBINED else math.log(f)
    unit = math.hypot(row.a, row.b * f) if row.family == COMBINED else row.a
    cuts = [centre + k * unit for k in (-10, -3, 0, 3, 10)]
    points = [low, *(c for c in cuts if low < c < high), high]

    def integral(derivative: int, tolerance: float) -> float:
        options = {"epsabs": tolerance, "epsrel": 1e-11, "limit": 200}
        pieces = itertools.pairwise(points)
        return sum(quad(lambda x: _density(row, x, derivative), *p, **options)[0] for p in pieces)

    probability = integral(0, 0.0)
    return [probability, *(integral(i, 1e-12 * probability) for i in (1, 2, 3))]


# -------------------------------------------------------------- by special functions


def closed_form(row: Row, digits: int = 80) -> Four:
    """Log density and its gradient by pred, a and b, from survival functions in mpmath."""
    with mp.workdps(digits):
        start = [mp.mpf(float(v)) for v in (row.pred, row.a, row.b)]
        result = [mp.re(_log_likelihood(row, *start))]
        for i in range(3):
            relative = start[i] != 0 and not (i == 0 and row.pred_is_log)
            step = mp.mpf("1e-30") * (abs(start[i]) if relative else 1)
            moved = list(start)
            moved[i] = mp.mpc(start[i], step)
            result.append(mp.im(_log_likelihood(row, *moved)) / step)
        log_p, by_pred, by_a, by_b = (float(v) for v in result)
        return log_p, by_pred, by_a, by_b


def log_survival(nu: float, z: float) -> float:
    """Log P(Z > z) of Student-t (normal: nu = inf), accurate in both tails."""
    with mp.workdps(60):
        small = _survival(nu, abs(mp.mpf(z)))
        return float(mp.log(small) if z > 0 else mp.log1p(-small))


def _survival(nu: float, z: Any) -> Any:
    if z == mp.inf:
        return mp.mpf(0)
    if math.isinf(nu):
        return mp.erfc(z / mp.sqrt(2)) / 2
    shape = mp.mpf(nu)
    if abs(z) < 1:  # analytic through 0, as the complex step needs it
        series = mp.hyp2f1(0.5, (shape + 1) / 2, 1.5, -(z**2) / shape)
        norm = mp.gammaprod([(shape + 1) / 2], [shape / 2]) / mp.sqrt(mp.pi * shape)
        return mp.mpf(1) / 2 - z * norm * series
    x = shape / (shape + z**2)
    tail = mp.betainc(shape / 2, mp.mpf(1) / 2, 0, x, regularized=True) / 2
    return tail if mp.re(z) >= 0 else 1 - tail


def _log_likelihood(row: Row, pred: Any, a: Any, b: Any) -> Any:
    nu = row.nu if row.family == STUDENT_T else math.inf
    if row.family == COMBINED:
        location = mp.exp(pred) if row.pred_is_log else pred
        scale = mp.sqrt(a**2 + (b * location) ** 2)
    else:
        location = pred if row.pred_is_log else mp.log(pred)
        scale = a

    def standard(y: float) -> Any:
        if math.isinf(y) or (row.family != COMBINED and y <= 0):
            return mp.inf if y > 0 and math.isinf(y) else -mp.inf
        x = mp.mpf(y) if row.family == COMBINED else mp.log(y)
        return (x - location) / scale

    if row.kind == OBSERVED:
        z = standard(row.value)
        jacobian = scale if row.family == COMBINED else scale * row.value
        if math.isinf(nu):
            log_p = -(z**2) / 2 - mp.log(2 * mp.pi) / 2 - mp.log(jacobian)
        else:
            shape = mp.mpf(nu)
            log_p = mp.loggamma((shape + 1) / 2) - mp.loggamma(shape / 2)
            log_p -= mp.log(shape * mp.pi) / 2 + mp.log(jacobian)
            log_p -= (shape + 1) / 2 * mp.log1p(z**2 / shape)
    else:
        log_p = mp.log(_between(nu, *(standard(y) for y in row.ends())))
    z_floor = standard(row.floor)
    return log_p - (mp.log(_survival(nu, z_floor)) if mp.re(z_floor) > -mp.inf else 0)


def _between(nu: float, low: Any, high: Any) -> Any:
    if mp.re(low) + mp.re(high) < 0:
        low, high = -high, -low
    return _survival(nu, low) - _survival(nu, high)
