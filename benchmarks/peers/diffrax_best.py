"""Diffrax at its best: log scale, forward mode, method, error control and batching tuned.

The timed call is the whole output: all states and all eight elasticities at all times.

Two ways to carry sensitivities: "tangents" pushes them through diffrax's solve (`ForwardMode`;
steps are chosen by the states alone), "augmented" makes them states, so that they are in the error
norm. Two ways to batch: "vmap" steps all subjects together until the last has finished, "map"
solves one after the other inside one compiled loop (on a CPU far the faster).
"""

import itertools
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from peers.clock import peak_megabytes, seconds
from peers.jax_equations import log_rates
from problem import FLOOR, INITIAL, PARAMETERS, STATES, TIMES, Problem

METHODS = {"Tsit5": dfx.Tsit5, "Dopri8": dfx.Dopri8}
VARIANTS = [
    " ".join(parts)
    for parts in itertools.product(("tangents", "augmented"), METHODS, ("map", "vmap"))
]


def largest(error: Any) -> jax.Array:
    """Error norm: the worst component, so that no sensitivity hides among forty-five."""
    return jnp.max(jnp.abs(jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(error)])))


def solve(
    rates: Callable[..., Any], start: Any, args: jax.Array, method: str, tolerance: float
) -> Any:
    """Solution at the benchmark's times, as a pytree with a leading time axis."""
    return dfx.diffeqsolve(
        dfx.ODETerm(rates),
        METHODS[method](),
        t0=0.0,
        t1=TIMES[-1],
        dt0=0.1,
        y0=start,
        args=args,
        saveat=dfx.SaveAt(ts=jnp.asarray(TIMES)),
        stepsize_controller=dfx.PIDController(rtol=tolerance, atol=tolerance, norm=largest),
        adjoint=dfx.ForwardMode(),
        max_steps=16384,
        throw=False,
    ).ys


def tangents(log_p: jax.Array, method: str, tolerance: float) -> tuple[jax.Array, jax.Array]:
    """Log states (time, state) and elasticities (time, state, parameter) of one subject."""

    def states(log_p: jax.Array) -> tuple[jax.Array, jax.Array]:
        z = solve(log_rates, jnp.log(INITIAL), log_p, method, tolerance)
        return z, z

    elasticity, z = jax.jacfwd(states, has_aux=True)(log_p)
    return z, elasticity


def augmented(log_p: jax.Array, method: str, tolerance: float) -> tuple[jax.Array, jax.Array]:
    """As `tangents`, with the variational equations as part of the system."""
    unit = jnp.eye(len(PARAMETERS))

    def rates(t: jax.Array, state: tuple[jax.Array, jax.Array], log_p: jax.Array) -> Any:
        z, s = state

        def along(column: jax.Array, direction: jax.Array) -> tuple[jax.Array, jax.Array]:
            return jax.jvp(partial(log_rates, t), (z, log_p), (column, direction))

        return jax.vmap(along, in_axes=(1, 0), out_axes=(None, 1))(s, unit)

    start = (jnp.log(INITIAL), jnp.zeros((len(STATES), len(PARAMETERS))))
    z, elasticity = solve(rates, start, log_p, method, tolerance)
    return z, elasticity


@cache
def solver(variant: str) -> Callable[[jax.Array, float], tuple[jax.Array, jax.Array]]:
    """Compiled function of log parameters (subject, parameter) and tolerance."""
    sensitivities, method, batching = variant.split()
    subject = tangents if sensitivities == "tangents" else augmented

    def everybody(log_p: jax.Array, tolerance: float) -> tuple[jax.Array, jax.Array]:
        one = partial(subject, method=method, tolerance=tolerance)
        z, s = jax.lax.map(one, log_p) if batching == "map" else jax.vmap(one)(log_p)
        y = jnp.exp(z)
        return jnp.log(y + FLOOR), s * (y / (y + FLOOR))[..., None]

    return jax.jit(_shared_out(everybody))


def _shared_out(everybody: Callable[..., Any]) -> Callable[..., Any]:
    """Give every core its share of the subjects (padded to a multiple of the cores)."""
    devices = jax.devices()
    if len(devices) == 1:
        return everybody
    split = PartitionSpec("subject")
    parallel = jax.shard_map(
        everybody,
        mesh=Mesh(np.array(devices), ("subject",)),
        in_specs=(split, PartitionSpec()),
        out_specs=(split, split),
        check_vma=False,
    )

    def padded(log_p: jax.Array, tolerance: float) -> Any:
        subjects = log_p.shape[0]
        rows = np.arange(-(-subjects // len(devices)) * len(devices)) % subjects
        return jax.tree.map(lambda a: a[:subjects], parallel(log_p[rows], tolerance))

    return padded


def prepare(*, threads: int, subjects: int) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods; with several threads the subjects are shared out."""
    log_p = jnp.asarray(Problem(subjects).log_parameters)

    def run(variant: str, tolerance: float, repeats: int) -> dict[str, list[float]]:
        call = solver(variant)
        return seconds(lambda: jax.block_until_ready(call(log_p, tolerance)), repeats)

    def answer(variant: str, tolerance: float, checked: int, path: str) -> str:
        found = solver(variant)(log_p[:checked], tolerance)
        np.savez(path, *(np.asarray(a) for a in found))
        return path

    return {
        "variants": lambda: VARIANTS,
        "run": run,
        "answer": answer,
        "compile_seconds": float,  # compiled at the first call
        "memory": peak_megabytes,
    }
