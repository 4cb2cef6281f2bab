"""Log-likelihood of a random-intercept model whose readings may be censored, with derivatives.

For subject i and visit v the log reading is ``mean_v + tau u_i + sigma_g(v) e_iv``, with u and e
standard normal. A reading contributes its density where it was read, else the probability of the
interval that it lies in. The subject's u is integrated by adaptive Gauss-Hermite quadrature, which
is exact for a subject without censored readings.

Source
------
Hughes JP, Biometrics 1999;55:625 (the model); Liu Q and Pierce DA, Biometrika 1994;81:624 (adaptive
quadrature); Louis TA, J R Stat Soc B 1982;44:226 (derivatives through the complete data).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

NODES = 15
CHUNK = 1000  # subjects at a time: what they need stays in the cache
_LOG_2PI = float(np.log(2 * np.pi))
_MODE_STEPS = 100


@dataclass(frozen=True)
class Grid:
    """Log readings as subjects by visits, and which standard deviation each visit has.

    ``lower`` and ``upper`` are equal where it was read, -inf and inf where nothing bounds it, NaN
    where nothing was measured. ``group`` numbers the visit's residual SD from 0.
    """

    lower: Floats
    upper: Floats
    group: Ints

    @property
    def visits(self) -> int:
        """Number of visits."""
        return len(self.group)

    @property
    def deviations(self) -> int:
        """Number of residual standard deviations."""
        return int(self.group.max()) + 1


@dataclass(frozen=True)
class Value:
    """Log-likelihood at one point: its value, gradient and Hessian, and the subjects' scores."""

    log_likelihood: float
    gradient: Floats
    hessian: Floats
    scores: Floats


def log_likelihood(grid: Grid, theta: Floats, nodes: int = NODES) -> Value:
    """Evaluate the model.

    Parameters
    ----------
    grid : Grid
    theta : array                 means of the visits, log residual SDs, tau (its sign is free)
    nodes : int                   of the quadrature

    Returns
    -------
    Value                         scores are (subject, parameter)
    """
    parts = [
        _chunk(Grid(grid.lower[i : i + CHUNK], grid.upper[i : i + CHUNK], grid.group), theta, nodes)
        for i in range(0, len(grid.lower), CHUNK)
    ]
    return Value(
        sum(part.log_likelihood for part in parts),
        np.sum([part.gradient for part in parts], axis=0),
        np.sum([part.hessian for part in parts], axis=0),
        np.concatenate([part.scores for part in parts]),
    )


def _chunk(grid: Grid, theta: Floats, nodes: int) -> Value:
    v, k = grid.visits, grid.deviations
    mode, curvature = _modes(grid, theta)
    x, w = np.polynomial.hermite.hermgauss(nodes)
    width = np.sqrt(2.0 / curvature)[:, None]
    u = mode[:, None] + width * x
    row, d = _rows(grid, theta, u[:, None, :])
    joint = row.sum(axis=1) - 0.5 * (u * u + _LOG_2PI)
    terms = joint + np.log(w) + x * x + np.log(width)
    top = terms.max(axis=1, keepdims=True)
    weight = np.exp(terms - top)
    total = weight.sum(axis=1, keepdims=True)
    weight /= total
    value = float((top + np.log(total)).sum())

    # Complete-data score of every subject at every node, and the expected complete-data Hessian.
    member = np.zeros((v, k))
    member[np.arange(v), grid.group] = 1.0
    score = np.concatenate(
        [d.mean, np.einsum("ivq,vk->ikq", d.sd, member), (u * d.mean.sum(axis=1))[:, None, :]],
        axis=1,
    )
    expected = np.einsum("ipq,iq->ip", score, weight)
    hessian = np.zeros((v + k + 1, v + k + 1))
    mean2, mixed, sd2 = (np.einsum("ivq,iq->v", part, weight) for part in (d.mean2, d.mixed, d.sd2))
    weighted = weight * u
    mean2_u, mixed_u = (np.einsum("ivq,iq->v", part, weighted) for part in (d.mean2, d.mixed))
    hessian[:v, :v] = np.diag(mean2)
    hessian[:v, v : v + k] = mixed[:, None] * member
    hessian[:v, -1] = mean2_u
    hessian[v : v + k, v : v + k] = np.diag(sd2 @ member)
    hessian[v : v + k, -1] = mixed_u @ member
    hessian[-1, -1] = float(np.einsum("ivq,iq->", d.mean2, weighted * u))
    hessian = np.triu(hessian) + np.triu(hessian, 1).T
    flat = (score * np.sqrt(weight)[:, None, :]).transpose(0, 2, 1).reshape(-1, v + k + 1)
    hessian += flat.T @ flat - expected.T @ expected
    return Value(value, expected.sum(axis=0), hessian, expected)


def _modes(grid: Grid, theta: Floats) -> tuple[Floats, Floats]:
    """Mode of every subject's u given its readings, and minus the curvature there.

    The log density is concave with curvature at most -1, so that damped Newton steps find it.
    """
    tau = float(theta[-1])
    u = np.zeros(len(grid.lower))
    for _ in range(_MODE_STEPS):
        _, d = _rows(grid, theta, u[:, None, None])
        slope = tau * d.mean[..., 0].sum(axis=1) - u
        curvature = 1.0 - tau * tau * d.mean2[..., 0].sum(axis=1)
        step = np.clip(slope / curvature, -2.0, 2.0)
        u = u + step
        if np.abs(step).max(initial=0.0) < 1e-7:
            break
    return u, curvature


@dataclass(frozen=True)
class _Derivatives:
    """Of the rows' log density: by the mean, by log sigma, and twice by each."""

    mean: Floats
    sd: Floats
    mean2: Floats
    mixed: Floats
    sd2: Floats


def _rows(grid: Grid, theta: Floats, u: Floats) -> tuple[Floats, _Derivatives]:
    """Log density of every reading, (subject, visit, node), zero where nothing was measured."""
    v, k = grid.visits, grid.deviations
    s = np.exp(theta[v : v + k])[grid.group][None, :, None]
    centre = theta[:v][None, :, None] + theta[-1] * u
    low, high = grid.lower[:, :, None], grid.upper[:, :, None]
    missing, read = np.isnan(low), grid.lower == grid.upper
    with np.errstate(invalid="ignore"):
        a, b = (low - centre) / s, (high - centre) / s
    row = np.where(missing, 0.0, -0.5 * (a * a + _LOG_2PI) - np.log(s))
    # Where it was read, a is the standardised residual; censored rows are overwritten below.
    d = [a / s, a * a - 1.0, np.broadcast_to(-1.0 / (s * s), a.shape), -2.0 * a / s, -2.0 * a * a]
    d = [np.where(missing, 0.0, part) for part in d]
    hidden = ~read & ~np.isnan(grid.lower)
    if hidden.any():
        sd = np.broadcast_to(s, a.shape)[hidden]
        row[hidden], parts = _interval(a[hidden], b[hidden], sd)
        for whole, part in zip(d, parts, strict=True):
            whole[hidden] = part
    return row, _Derivatives(*d)


def _interval(a: Floats, b: Floats, s: Floats) -> tuple[Floats, tuple[Floats, ...]]:
    """log(Phi(b) - Phi(a)) and its derivatives by the mean and by log sigma."""
    with np.errstate(invalid="ignore"):
        flip = a + b > 0  # from the tail that the interval is in, where Phi keeps its digits
        near, far = np.where(flip, -a, b), np.where(flip, -b, a)
    log_near, log_far = log_ndtr(near), log_ndtr(far)
    with np.errstate(divide="ignore"):
        log_p = log_near + np.log1p(-np.exp(log_far - log_near))
    fa = np.exp(-0.5 * (a * a + _LOG_2PI) - log_p)
    fb = np.exp(-0.5 * (b * b + _LOG_2PI) - log_p)
    a, b = (np.where(np.isinf(x), 0.0, x) for x in (a, b))  # there fa or fb is zero
    g = fa - fb
    tails = a * fa - b * fb
    spread = a * a * fa - b * b * fb
    return log_p, (
        g / s,
        tails,
        -(g * g - tails) / (s * s),
        (-g + spread - g * tails) / s,
        a * a * a * fa - b * b * b * fb - tails - tails * tails,
    )
