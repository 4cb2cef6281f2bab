"""NUTS on a plain log density with its gradient: for small models, without compilation.

The density is a Python function of unconstrained parameters (those of
``cellkinetics.survival.sampled``), so nutpie samples it as it is.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import nutpie
from numpy.typing import NDArray
from nutpie.compiled_pyfunc import from_pyfunc

from cellkinetics.errors import FitError
from cellkinetics.fitting.convergence import ess_bulk, ess_tail, r_hat

Floats = NDArray[np.float64]
type PlainDensity = Callable[[Floats], tuple[float, Floats]]

R_HAT, ESS = 1.01, 400.0


def sample_density(
    evaluate: PlainDensity,
    start: Floats,
    *,
    seed: int,
    draws: int = 1000,
    tune: int = 500,
    chains: int = 4,
    target_accept: float = 0.9,
) -> tuple[Floats, str]:
    """Draw from a plain log density by NUTS.

    Parameters
    ----------
    evaluate : function           parameters -> (log density, gradient)
    start : array (parameter,)    where chains begin, each within 0.5 of it
    seed : int
    draws, tune, chains : int
    target_accept : float

    Returns
    -------
    draws : array (chain x draw, parameter)
    words : str                   "NUTS, 4 chains x 1000, R-hat 1.001, ESS 2300"

    Raises
    ------
    FitError                      if R-hat exceeds 1.01, an ESS is below 400, or draws diverged in
                                  more than 1 of 1000
    """
    width = len(start)

    def expand(_seed1: int, _seed2: int, _chain: int) -> Callable[..., dict[str, Any]]:
        return lambda x: {"x": np.asarray(x, dtype=np.float64)}

    def begin(chain_seed: int) -> Floats:
        return np.asarray(start + np.random.default_rng(chain_seed).uniform(-0.5, 0.5, width))

    model = from_pyfunc(
        width,
        lambda: evaluate,
        expand,
        [np.dtype("float64")],
        [(width,)],
        ["x"],
        make_initial_point_fn=begin,
    )
    found = nutpie.sample(
        model,
        draws=draws,
        tune=tune,
        chains=chains,
        cores=1,  # a Python function holds the interpreter: chains side by side gain nothing
        seed=seed,
        target_accept=target_accept,
        progress_bar=False,
    )
    kept = np.asarray(found["posterior"]["x"].values, dtype=np.float64)
    diverged = int(found["sample_stats"]["diverging"].values.sum())
    worst = float(r_hat(kept).max())
    least = float(np.minimum(ess_bulk(kept), ess_tail(kept)).min())
    words = f"NUTS, {chains} chains x {draws}, R-hat {worst:.3f}, ESS {least:.0f}"
    if not (worst <= R_HAT and least >= ESS and diverged <= kept.shape[0] * kept.shape[1] / 1000):
        raise FitError(
            f"{words}, {diverged} divergent: wanted R-hat <= {R_HAT}, ESS >= {ESS:.0f}, at most 1 "
            "divergence in 1000 draws. The quadrature needs no sampler; or give more draws."
        )
    return kept.reshape(-1, width), words
