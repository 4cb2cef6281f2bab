"""Pareto-smoothed importance sampling: how far importance weights may be trusted."""

import numpy as np

from cellkinetics.kernel.layout import Floats

MIN_TAIL = 5
"""Largest weights that a Pareto tail is fitted to, at least."""


def smooth_weights(log_weight: Floats) -> tuple[Floats, float]:
    """Replace the largest weights by quantiles of the Pareto distribution fitted to them.

    Parameters
    ----------
    log_weight : float array (draw,)        up to a constant; -inf is a weight of zero

    Returns
    -------
    weight : float array (draw,)            they add up to 1
    k : float                               Pareto shape; above 0.7 the weights tell too little,
                                            inf where there are too few to say

    Source
    ------
    Vehtari et al., J Mach Learn Res 2024;25:72
    """
    relative = log_weight - log_weight.max()
    size = len(relative)
    tail = int(min(0.2 * size, 3 * np.sqrt(size)))
    order = np.argsort(relative)
    largest = order[-tail:]
    cutoff = max(float(relative[order[-tail - 1]]), np.log(np.finfo(float).tiny))
    excess = np.exp(relative[largest]) - np.exp(cutoff)
    largest, excess = largest[excess > 0], excess[excess > 0]
    k = np.inf
    # A tail whose first quartile is its smallest value is nothing that a Pareto could be fitted to.
    if len(excess) >= MIN_TAIL and excess[int(len(excess) / 4 + 0.5) - 1] > excess[0]:
        k, sigma = fit_pareto(excess)
        probability = (np.arange(len(excess)) + 0.5) / len(excess)
        with np.errstate(over="ignore"):  # a tail beyond all numbers: its k says so
            quantile = sigma * np.expm1(-k * np.log1p(-probability)) / k
        relative = relative.copy()
        # Smoothing must not make a weight larger than the largest one that was seen.
        relative[largest] = np.minimum(np.log(quantile + np.exp(cutoff)), 0.0)
    weight = np.exp(relative)
    return weight / weight.sum(), float(k)


def fit_pareto(excess: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, the shape with a weak prior.

    Parameters
    ----------
    excess : float array (n,)               above 0, in ascending order

    Returns
    -------
    k, sigma

    Source
    ------
    Zhang and Stephens, Technometrics 2009;51:316; prior as in Vehtari et al. 2024, appendix G
    """
    size = len(excess)
    count = 30 + int(np.sqrt(size))
    theta = 1 - np.sqrt(count / (np.arange(1, count + 1) - 0.5))
    theta = theta / (3 * excess[int(size / 4 + 0.5) - 1]) + 1 / excess[-1]
    shape = np.log1p(-theta[:, None] * excess).mean(axis=1)
    profile = size * (np.log(-theta / shape) - shape - 1)
    weight = np.exp(profile - profile.max())
    weight /= weight.sum()
    keep = weight >= 10 * np.finfo(float).eps
    mean = float((theta[keep] * weight[keep]).sum() / weight[keep].sum())
    k = float(np.log1p(-mean * excess).mean())
    sigma = -k / mean
    return (size * k + 10 * 0.5) / (size + 10), sigma
