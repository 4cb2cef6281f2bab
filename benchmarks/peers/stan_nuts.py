"""Stan's NUTS through pystan, both posteriors as Stan programs."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpstan.cache
import httpstan.models
import numpy as np
import stan

from peers.clock import cpu_seconds
from peers.stan_module import compiled
from posterior import BLOCKS, MEMORY_START, ODE_TOLERANCE, Array, Posterior, load, save


def data(posterior: Posterior) -> dict[str, Any]:
    """Return what the program's data block asks for; Stan counts from 1."""
    known = {
        "n_subjects": len(posterior.subjects),
        "n_parameters": len(posterior.parameters),
        "n_varying": len(posterior.varying),
        "n_analytes": posterior.analytes,
        "varying": [k + 1 for k in posterior.varying],
        "n_readings": posterior.time.size,
        "subject": (posterior.subject + 1).tolist(),
        "analyte": (posterior.analyte + 1).tolist(),
        "log_value": posterior.log_value.tolist(),
        "censored": posterior.censored.astype(int).tolist(),
    }
    for name, (mean, sd) in posterior.prior().items():
        if name != "eta":
            known |= {f"{name}_mean": mean.tolist(), f"{name}_sd": sd.tolist()}
    if posterior.name == "stein":
        return known | {"time": posterior.time.tolist()}
    return known | {
        "n_grid": posterior.grid.size,
        "grid": posterior.grid.tolist(),
        "first": (posterior.starts[:-1] + 1).tolist(),
        "last": posterior.starts[1:].tolist(),
        "at": (posterior.at + 1).tolist(),
        "log_memory_start": float(np.log(MEMORY_START)),
        "tolerance": ODE_TOLERANCE,
    }


def prepare(*, threads: int, problem: str) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods; chains share the cores that the worker was given."""
    posterior = load(problem)
    path = Path(__file__).parent / f"{problem}.stan"
    program, known = path.read_text(encoding="utf-8"), data(posterior)
    module, compile_seconds = compiled(path)

    def evaluate(point: list[float]) -> dict[str, Any]:
        return {
            "log_density": module.log_prob(known, point, False),
            "gradient": module.log_prob_grad(known, point, False),
        }

    def sample(
        *, seed: int, chains: int, warmup: int, draws: int, target: float, path: str
    ) -> dict[str, float]:
        # httpstan replays a fit that it has seen before: forget them all.
        folder = httpstan.cache.model_directory(httpstan.models.calculate_model_name(program))
        shutil.rmtree(folder / "fits", ignore_errors=True)
        built = stan.build(program, data=known, random_seed=seed)
        starts = [posterior.start(1000 * seed + chain) for chain in range(chains)]
        inits = [{block: value.tolist() for block, value in start.items()} for start in starts]
        started, cpu = time.perf_counter(), cpu_seconds()
        fit = built.sample(
            num_chains=chains, num_warmup=warmup, num_samples=draws, init=inits, delta=target
        )
        took, used = time.perf_counter() - started, cpu_seconds() - cpu
        save(path, {block: _by_chain(fit[block], chains) for block in BLOCKS})
        return {
            "seconds": took,
            "cpu_seconds": used,
            "steps": float(fit["n_leapfrog__"].sum()),
            "divergences": float(fit["divergent__"].sum()),
        }

    return {
        "compile_seconds": lambda: compile_seconds,
        "evaluate": evaluate,
        "sample": sample,
    }


def _by_chain(values: Array, chains: int) -> Array:
    """(..., draw and chain), chain running fastest, to (chain, draw, ...)."""
    draws_first = np.moveaxis(values, -1, 0)
    split = draws_first.reshape(-1, chains, *draws_first.shape[1:])
    return np.swapaxes(split, 0, 1)
