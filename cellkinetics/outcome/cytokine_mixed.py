"""Fold change by visit from a mixed model of log levels that takes limits by likelihood.

The baseline is one of the visits (its mean is estimated with the others), so that a baseline below
its limit, or a missing one, needs no substitute: the log fold change at a visit is the difference
of two means, exp of it the geometric mean fold change.

Source
------
Liang KY and Zeger SL, Sankhya B 2000;62:134 (baseline as a response); Hughes JP, Biometrics
1999;55:625 (censored readings); White H, Econometrica 1982;50:1 (the sandwich); Helsel DR,
Statistics for Censored Environmental Data, 2012 (no mean where more than 80 % are censored).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import t as student

from cellkinetics.outcome.cytokine_likelihood import NODES, Grid, Value, log_likelihood
from cellkinetics.study.findings import counted

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

MOST = 0.8  # of a visit's readings beyond limits; with more, its mean is the tail's, not the data's
OWN_SD = 10  # readings as read that a visit needs for a residual SD of its own
FEW = 10  # subjects below which the intervals are said to lean on normality
_STEPS = 200
_SMALLEST_SD = 1e-4  # on the log scale; below it there is no residual left
_QUADRATURE = 1e-3  # change of the log-likelihood with twice the nodes
LADDER = (NODES, 3 * NODES, 9 * NODES)  # a small residual SD beside limits needs many
_NO_RESIDUAL = "the readings leave no residual variance"
_DECREMENT = 1e-6  # convergence: the log-likelihood that a further Newton step would gain


@dataclass(frozen=True)
class MixedFit:
    """A fitted model.

    Arrays run over the visits that were given, the first being the baseline; ``why`` says in words
    why a visit's fold change is not estimable (then its numbers are NaN), else "". ``log_fold`` is
    0 at the baseline.
    """

    log_fold: Floats
    se: Floats
    se_model: Floats
    lower: Floats
    upper: Floats
    log_mean: Floats
    tau: float
    sigma: Floats
    log_likelihood: float
    subjects: int
    own_sd: bool
    why: tuple[str, ...]


def fit_fold(lower: Floats, upper: Floats, *, level: float = 0.95) -> MixedFit:
    """Fit the model and give every visit's mean log fold change.

    Parameters
    ----------
    lower, upper : array (subject, visit)   bounds of log readings: equal where it was read, -inf
                                            and inf where unbounded, NaN where not measured; the
                                            first visit is the baseline
    level : float                           of the intervals

    Returns
    -------
    MixedFit
        Maximum likelihood. ``se`` is cluster-robust (the sandwich over subjects), because levels
        near the peak vary far more between subjects than the model's covariance allows; its
        variance is multiplied by n / (n - 1) and intervals take Student's t with n - 1 degrees of
        freedom, n the subjects measured both at baseline and at that visit. Complete and within
        limits, this is the paired t-interval of every visit. ``se_model`` is that of the Hessian,
        with the same factor.
    """
    with np.errstate(invalid="ignore"):
        silent = np.isneginf(lower) & np.isposinf(upper)
    lower, upper = (np.where(silent, np.nan, bound) for bound in (lower, upper))
    why = _why_not(lower, upper)
    kept = np.array([not reason for reason in why])
    rows = ~np.isnan(lower[:, kept]).all(axis=1)
    group = _groups(lower, upper, kept)
    grid = Grid(lower[rows][:, kept], upper[rows][:, kept], group)
    failed = why[0] or _too_little(grid)
    if not failed:
        theta, value, failed = _maximise(grid)
        if failed and grid.deviations > 1:
            # A visit's own SD can run into 0, as in any factor model; a common one does not.
            grid = replace(grid, group=np.zeros_like(group))
            theta, value, failed = _maximise(grid)
    if not failed:
        return _summary(grid, theta, value, kept, _paired(lower), tuple(why), level)
    nothing = np.full(len(why), np.nan)
    return MixedFit(
        log_fold=nothing,
        se=nothing,
        se_model=nothing,
        lower=nothing,
        upper=nothing,
        log_mean=nothing,
        tau=np.nan,
        sigma=nothing,
        log_likelihood=np.nan,
        subjects=len(grid.lower),
        own_sd=False,
        why=tuple(reason or failed for reason in why),
    )


def _why_not(lower: Floats, upper: Floats) -> list[str]:
    """Why a visit's mean has no maximum of the likelihood; "" where it has."""
    measured = ~np.isnan(lower)
    reasons = []
    for v in range(lower.shape[1]):
        low, high = lower[measured[:, v], v], upper[measured[:, v], v]
        where = "baseline" if v == 0 else "visit"
        if not len(low):
            reasons.append(f"no reading at the {where}")
        elif np.isneginf(low).all():
            reasons.append(f"every reading at the {where} is below its limit")
        elif np.isposinf(high).all():
            reasons.append(f"every reading at the {where} is above its limit")
        elif np.mean(low < high) > MOST:
            reasons.append(
                f"{int((low < high).sum())} of {counted(len(low), 'reading')} at the {where} "
                f"lie beyond their limits, more than {MOST:.0%}"
            )
        elif measured[:, 0].any() and not (measured[:, v] & measured[:, 0]).any():
            reasons.append("no subject has readings at both the baseline and the visit")
        else:
            reasons.append("")
    return reasons


def _groups(lower: Floats, upper: Floats, kept: Bools) -> NDArray[np.int64]:
    """A residual SD for every visit with enough readings as read; the others share one.

    Where even together they have too few, they share that of the visit with the fewest.
    """
    read = (lower == upper).sum(axis=0)[kept]
    own = read >= OWN_SD
    group = np.where(own, np.cumsum(own), 0)
    if own.any() and read[~own].sum() < OWN_SD:
        group = np.where(own, group, group[own][np.argmin(read[own])]) - 1
    return group.astype(np.int64)


def _paired(lower: Floats) -> NDArray[np.int64]:
    """Subjects measured both at baseline and at the visit."""
    measured = ~np.isnan(lower)
    return np.asarray((measured & measured[:, :1]).sum(axis=0), dtype=np.int64)


def _too_little(grid: Grid) -> str:
    """Why nothing can be fitted, or ""."""
    read = int((grid.lower == grid.upper).sum())
    if len(grid.lower) < 2:
        return "fewer than two subjects"
    if grid.visits < 2:
        return "no visit to compare with the baseline"
    if read <= grid.visits:
        return (
            f"{counted(int(read), 'reading')} within limits for "
            f"{counted(grid.visits, 'mean')}: no residual variance"
        )
    return ""


def _start(grid: Grid) -> Floats:
    """Means and SDs with limits in place of censored readings: only where to begin."""
    low, high = grid.lower, grid.upper
    crude = np.where(np.isinf(low), high, np.where(np.isinf(high), low, (low + high) / 2))
    mean = np.nanmean(crude, axis=0)
    rest = crude - mean
    own = np.nanmean(rest, axis=1)
    tau = max(float(np.std(own)), 0.1)
    spread = np.nanstd(rest - own[:, None], axis=0)
    sigma = [max(float(np.mean(spread[grid.group == k])), 0.1) for k in range(grid.deviations)]
    return np.concatenate([mean, np.log(sigma), [tau]])


def _maximise(grid: Grid) -> tuple[Floats, Value, str]:
    """Maximum of the likelihood, with as many quadrature nodes as it takes; what failed, or ""."""
    theta, failed = _start(grid), ""
    for nodes in LADDER:
        theta, value, failed = _climb(grid, theta, nodes)
        finer = log_likelihood(grid, theta, 2 * nodes)
        if not failed and abs(finer.log_likelihood - value.log_likelihood) < _QUADRATURE:
            return theta, value, ""
        if failed == _NO_RESIDUAL:
            break
    return theta, value, failed or f"quadrature with {LADDER[-1]} nodes is not exact enough"


def _climb(grid: Grid, start: Floats, nodes: int) -> tuple[Floats, Value, str]:
    """Maximum by a trust region with the exact Hessian."""
    last: dict[bytes, Value] = {}

    def at(theta: Floats) -> Value:
        key = theta.tobytes()
        if key not in last:
            last.clear()
            last[key] = log_likelihood(grid, theta, nodes)
        return last[key]

    found = minimize(
        lambda theta: -at(theta).log_likelihood,
        start,
        jac=lambda theta: -at(theta).gradient,
        hess=lambda theta: -at(theta).hessian,
        method="trust-exact",
        options={"gtol": 1e-5, "maxiter": _STEPS, "initial_trust_radius": 1.0},
    )
    theta = np.asarray(found.x, dtype=np.float64)
    value = at(theta)
    v, k = grid.visits, grid.deviations
    if np.exp(theta[v : v + k]).min() < _SMALLEST_SD:
        return theta, value, _NO_RESIDUAL
    try:
        np.linalg.cholesky(-value.hessian)
    except np.linalg.LinAlgError:
        return theta, value, "the likelihood has no maximum inside (Hessian not definite)"
    decrement = float(value.gradient @ np.linalg.solve(-value.hessian, value.gradient))
    if not decrement < _DECREMENT:
        return theta, value, f"no convergence after {found.nit} steps"
    return theta, value, ""


def _summary(
    grid: Grid,
    theta: Floats,
    value: Value,
    kept: Bools,
    paired: NDArray[np.int64],
    why: tuple[str, ...],
    level: float,
) -> MixedFit:
    v, k = grid.visits, grid.deviations
    covariance = np.linalg.inv(-value.hessian)
    robust = covariance @ (value.scores.T @ value.scores) @ covariance
    contrast = np.eye(v, len(theta))
    contrast[:, 0] -= 1.0
    n = paired[kept].astype(np.float64)
    # One subject's change has no variance between subjects: no interval, as for the t-test.
    factor = np.divide(n, n - 1.0, out=np.full(v, np.nan), where=n > 1)
    variance, modelled = (
        np.einsum("vp,pq,vq->v", contrast, c, contrast) * factor for c in (robust, covariance)
    )
    # Where every subject changed by one factor the sandwich is zero but for rounding.
    variance[1:][variance[1:] <= 1e-10 * modelled[1:]] = np.nan
    se, se_model = np.sqrt(np.clip(variance, 0.0, None)), np.sqrt(np.clip(modelled, 0.0, None))
    half = se * student.ppf(0.5 + level / 2, np.where(n > 1, n - 1.0, np.nan))
    fold = contrast @ theta

    def wide(values: Floats) -> Floats:
        out = np.full(len(why), np.nan)
        out[kept] = values
        return out

    return MixedFit(
        log_fold=wide(fold),
        se=wide(se),
        se_model=wide(se_model),
        lower=wide(fold - half),
        upper=wide(fold + half),
        log_mean=wide(theta[:v]),
        tau=abs(float(theta[-1])),
        sigma=wide(np.exp(theta[v : v + k])[grid.group]),
        log_likelihood=value.log_likelihood,
        subjects=len(grid.lower),
        own_sd=grid.deviations > 1,
        why=why,
    )
