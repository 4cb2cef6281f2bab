"""R-hat, effective sample size and Monte-Carlo error of many quantities at once.

The same numbers as ArviZ gives (a test holds the two against each other), but all quantities in
one array operation, and without ArviZ's import, which takes longer than a small fit.
Source: Vehtari et al. 2021, Bayesian Analysis 16:667, doi 10.1214/20-BA1221.
"""

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import betaincinv, ndtri

from cellkinetics.kernel.layout import Floats

TAIL = (0.05, 0.95)
ONE_SD = (0.1586553, 0.8413447)


def r_hat(x: Floats) -> Floats:
    """Rank-normalised split R-hat, the larger of bulk and folded.

    Parameters
    ----------
    x : float array (chain, draw, quantity)

    Returns
    -------
    float array (quantity,)         NaN for a constant, and here and below for a quantity with
                                    draws that are not finite
    """
    return _of_finite(x, _rank_r_hat)


def ess_bulk(x: Floats) -> Floats:
    """Effective sample size of the bulk: of rank-normalised draws, (quantity,)."""
    return _of_finite(x, lambda y: _ess(_normalise(_split(y))))


def ess_tail(x: Floats) -> Floats:
    """Effective sample size of the tails: the smaller one of the 5 % and 95 % quantiles."""
    low, high = (ess_quantile(x, p) for p in TAIL)
    return np.minimum(low, high)


def ess_mean(x: Floats) -> Floats:
    """Effective sample size for the mean, (quantity,)."""
    return _of_finite(x, lambda y: _ess(_split(y)))


def ess_quantile(x: Floats, probability: float) -> Floats:
    """Effective sample size for a quantile, (quantity,)."""

    def of_indicator(y: Floats) -> Floats:
        below = y <= np.quantile(y, probability, axis=(0, 1))
        return _ess(_split(below.astype(np.float64)))

    return _of_finite(x, of_indicator)


def mcse_mean(x: Floats) -> Floats:
    """Monte-Carlo standard error of the mean, (quantity,)."""
    return _of_finite(x, lambda y: y.std(axis=(0, 1), ddof=1) / np.sqrt(ess_mean(y)))


def mcse_quantile(x: Floats, probability: float) -> Floats:
    """Monte-Carlo standard error of a quantile, (quantity,)."""
    ess = ess_quantile(x, probability)
    flat = np.sort(x.reshape(-1, x.shape[2]), axis=0)
    size = len(flat)
    low, high = (
        betaincinv(ess * probability + 1, ess * (1 - probability) + 1, p) * size - 1 for p in ONE_SD
    )
    first = np.floor(np.fmax(low, 0)).astype(np.int64)
    last = np.ceil(np.fmin(high, size - 1)).astype(np.int64)
    column = np.arange(x.shape[2])
    error: Floats = (flat[last, column] - flat[first, column]) / 2
    return np.where(np.isnan(ess), np.nan, error)


def e_bfmi(energy: Floats) -> Floats:
    """Bayesian fraction of missing information, (chain,), from the energy (chain, draw)."""
    change: Floats = np.square(np.diff(energy, axis=1)).mean(axis=1)
    with np.errstate(invalid="ignore"):  # a chain that never moved
        return change / energy.var(axis=1, ddof=1)


def _of_finite(x: Floats, measure: Callable[[Floats], Floats]) -> Floats:
    """Measure the quantities whose draws are all finite; NaN for the others."""
    finite = np.isfinite(x).all(axis=(0, 1))
    return np.where(finite, measure(np.where(finite, x, 0.0)), np.nan)


def _rank_r_hat(x: Floats) -> Floats:
    halves = _split(x)
    folded = np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True))
    bulk, tail = (_plain_r_hat(_normalise(y)) for y in (halves, folded))
    return np.maximum(bulk, tail)


def _split(x: Floats) -> Floats:
    """Halves of the chains, (quantity, half, draw): the draws of a quantity lie together."""
    half = x.shape[1] // 2
    return np.ascontiguousarray(np.concatenate([x[:, :half], x[:, -half:]]).transpose(2, 0, 1))


def _normalise(x: Floats) -> Floats:
    """Normal scores of a quantity's ranks over all its draws; ties share their mean rank."""
    flat = x.reshape(len(x), -1)
    size = flat.shape[1]
    order = np.argsort(flat, axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    rank = np.empty_like(flat)
    np.put_along_axis(rank, order, np.arange(1.0, size + 1)[None, :], axis=1)
    for i in np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1)):
        _, group, count = np.unique(flat[i], return_inverse=True, return_counts=True)
        rank[i] = (count.cumsum() - (count - 1) / 2)[group]
    scores: Floats = ndtri((rank - 0.375) / (size + 0.25))
    return scores.reshape(x.shape)


def _plain_r_hat(x: Floats) -> Floats:
    draws = x.shape[2]
    within = x.var(axis=2, ddof=1).mean(axis=1)
    between = draws * x.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: Floats = np.sqrt((between / within + draws - 1) / draws)
    return out


def _ess(x: Floats) -> Floats:
    """Effective sample size by Geyer's initial monotone sequence."""
    quantities, chains, draws = x.shape
    total = chains * draws
    covariance = _mean_autocovariance(x)
    within = covariance[:, :1] * draws / (draws - 1)
    plus = covariance[:, :1].copy()
    if chains > 1:
        plus += x.mean(axis=2).var(axis=1, ddof=1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1 - (within - covariance) / plus
    rho[:, 0] = 1.0
    even, odd = rho[:, 0 : draws - draws % 2 : 2], rho[:, 1::2]
    pairs = even + odd
    # The sequence ends with the first pair that is not positive, or with the draws.
    longest = max((draws - 3) // 2, 0)
    ends = ~(pairs[:, : longest + 1] > 0)
    ends[:, longest] = True
    end = ends.argmax(axis=1)
    counted = np.arange(pairs.shape[1]) < end[:, None]
    monotone = np.where(counted, np.minimum.accumulate(pairs, axis=1), 0.0).sum(axis=1)
    rest = np.where((even > 0) | (pairs >= 0), even, 0.0)[np.arange(quantities), end]
    tau = np.maximum(-1 + 2 * monotone + rest, 1 / np.log10(total))
    ess: Floats = np.where(np.isnan(pairs).any(axis=1), np.nan, total / tau)
    constant = np.ptp(x, axis=(1, 2)) < np.finfo(float).resolution
    return np.where(constant, float(total), ess)


def _mean_autocovariance(x: Floats) -> Floats:
    """Autocovariance at every lag, biased, mean over chains, (quantity, lag)."""
    draws = x.shape[2]
    size = next_fast_len(2 * draws, real=True)
    spectrum = rfft(x - x.mean(axis=2, keepdims=True), n=size, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    out: Floats = irfft(power, n=size, axis=1)[:, :draws] / draws
    return out
