"""NumPyro's NUTS on both posteriors; chains in parallel over the devices it was given."""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import jax
import numpy as np
import numpyro
from numpyro.infer import MCMC, NUTS
from numpyro.infer.util import log_density

from peers.clock import cpu_seconds
from peers.numpyro_model import antigen, log_states_best, log_states_user, model, stein
from posterior import BLOCKS, Posterior, flat, load, save

# NumPyro runs chains in parallel only where each has a device; these are threads, not cores.
MOST_CHAINS = 16


@contextlib.contextmanager
def compilation() -> Iterator[list[tuple[float, float]]]:
    """Collect the intervals during which JAX traces and compiles, inside its first run."""
    intervals: list[tuple[float, float]] = []

    def listen(event: str, duration: float, **_: Any) -> None:
        if event.startswith("/jax/core/compile"):
            now = time.perf_counter()
            intervals.append((now - duration, now))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield intervals
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def union(intervals: list[tuple[float, float]]) -> float:
    """Total length of intervals that may overlap."""
    total, end = 0.0, -np.inf
    for first, last in sorted(intervals):
        total += max(0.0, last - max(first, end))
        end = max(end, last)
    return total


def prepare(*, threads: int, problem: str, solver: str) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods; ``solver`` 'best' or 'user' matters to the ODE only."""
    if threads > 1:
        numpyro.set_host_device_count(MOST_CHAINS)
    posterior = load(problem)
    compiled: list[float] = []
    if problem == "stein":
        predictions = stein(posterior)
    else:
        log_states = {"best": log_states_best, "user": log_states_user}[solver]
        predictions = antigen(posterior, log_states)
    joint = partial(model, posterior, predictions)
    density = jax.jit(jax.value_and_grad(lambda blocks: log_density(joint, (), {}, blocks)[0]))

    def evaluate(point: list[float]) -> dict[str, Any]:
        value, gradient = density(_blocks(posterior, np.array(point)))
        vector = flat({block: np.asarray(g) for block, g in gradient.items()})
        return {"log_density": float(value), "gradient": vector.tolist()}

    @cache
    def sampler(chains: int, warmup: int, draws: int, target: float) -> MCMC:
        return MCMC(
            NUTS(joint, target_accept_prob=target),
            num_warmup=warmup,
            num_samples=draws,
            num_chains=chains,
            chain_method="parallel" if threads > 1 else "sequential",
            progress_bar=False,
        )

    def sample(
        *, seed: int, chains: int, warmup: int, draws: int, target: float, path: str
    ) -> dict[str, float]:
        starts = [posterior.start(1000 * seed + chain) for chain in range(chains)]
        # All sites live on the real line, so these are the unconstrained starting points too.
        stacked = {block: np.stack([start[block] for start in starts]) for block in BLOCKS}
        initial = stacked if chains > 1 else starts[0]
        mcmc = sampler(chains, warmup, draws, target)
        key = jax.random.key(seed)
        fields = ("num_steps", "diverging")
        started, cpu = time.perf_counter(), cpu_seconds()
        with compilation() as compiling:
            mcmc.run(key, init_params=initial, extra_fields=fields)
            drawn = jax.block_until_ready(mcmc.get_samples(group_by_chain=True))
        took, used = time.perf_counter() - started, cpu_seconds() - cpu
        compiled.append(union(compiling))
        sampling = 1 - compiled[-1] / took
        extra = mcmc.get_extra_fields()
        save(path, drawn)
        return {
            "seconds": took * sampling,
            "cpu_seconds": used * sampling,
            "steps": float(extra["num_steps"].sum()),
            "divergences": float(extra["diverging"].sum()),
        }

    return {
        "compile_seconds": lambda: max(compiled, default=0.0),
        "evaluate": evaluate,
        "sample": sample,
    }


def _blocks(posterior: Posterior, point: np.ndarray) -> dict[str, np.ndarray]:
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in posterior.shapes.values()])
    parts = np.split(point, ends[:-1])
    return {n: p.reshape(s) for (n, s), p in zip(posterior.shapes.items(), parts, strict=True)}
