"""Diffrax as its documentation shows it: Tsit5, vmap over subjects, jit, reverse mode.

The timed call is the value and gradient of one scalar, a weighted sum over all states, times and
subjects: what a sampler asks for, and the cheapest thing that reverse mode can do.
"""

from collections.abc import Callable
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np

from peers.clock import peak_megabytes, seconds
from peers.jax_equations import rates
from problem import FLOOR, INITIAL, TIMES, Problem

# atol / rtol: users write both equal; the other serves clones that nearly die out.
VARIANTS = {"atol = rtol": 1.0, "atol = 1e-3 rtol": 1e-3}


def solve(log_p: jax.Array, rtol: float, atol: float, adjoint: dfx.AbstractAdjoint) -> jax.Array:
    """States (time, state) of one subject."""
    solution = dfx.diffeqsolve(
        dfx.ODETerm(rates),
        dfx.Tsit5(),
        t0=0.0,
        t1=TIMES[-1],
        dt0=0.1,
        y0=jnp.asarray(INITIAL),
        args=jnp.exp(log_p),
        saveat=dfx.SaveAt(ts=jnp.asarray(TIMES)),
        stepsize_controller=dfx.PIDController(rtol=rtol, atol=atol),
        adjoint=adjoint,
        max_steps=16384,
        throw=False,  # a solve that stops early shows as an infinite error
    )
    return solution.ys


def log_reading(
    log_p: jax.Array, rtol: float, atol: float, adjoint: dfx.AbstractAdjoint
) -> jax.Array:
    """log(y + FLOOR) of all subjects, (subject, time, state)."""
    y = jax.vmap(lambda one: solve(one, rtol, atol, adjoint))(log_p)
    return jnp.log(y + FLOOR)


@jax.jit
@jax.value_and_grad
def loss(log_p: jax.Array, weights: jax.Array, rtol: float, atol: float) -> jax.Array:
    """Scalar whose reverse-mode gradient is timed."""
    return jnp.sum(weights * log_reading(log_p, rtol, atol, dfx.RecursiveCheckpointAdjoint()))


@jax.jit
def outcome(log_p: jax.Array, rtol: float, atol: float) -> tuple[jax.Array, jax.Array]:
    """Readings and elasticities of the same discrete solution, by forward mode.

    Both modes differentiate the same steps; `check.py` holds the two gradients together.
    """

    def one(log_p: jax.Array) -> tuple[jax.Array, jax.Array]:
        reading = log_reading(log_p[None], rtol, atol, dfx.ForwardMode())[0]
        return reading, reading

    elasticity, reading = jax.vmap(jax.jacfwd(one, has_aux=True))(log_p)
    return reading, elasticity


def prepare(*, threads: int, subjects: int) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods; XLA takes the cores it was given."""
    problem = Problem(subjects)
    log_p = jnp.asarray(problem.log_parameters)
    weights = jnp.ones((TIMES.size, INITIAL.size))

    def run(variant: str, tolerance: float, repeats: int) -> dict[str, list[float]]:
        atol = tolerance * VARIANTS[variant]
        return seconds(
            lambda: jax.block_until_ready(loss(log_p, weights, tolerance, atol)), repeats
        )

    def answer(variant: str, tolerance: float, checked: int, path: str) -> str:
        found = outcome(log_p[:checked], tolerance, tolerance * VARIANTS[variant])
        np.savez(path, *(np.asarray(a) for a in found))
        return path

    def modes_apart(tolerance: float) -> float:
        """Largest relative difference between the timed gradient and the one that is judged."""
        _, reverse = loss(log_p, weights, tolerance, tolerance)
        forward = outcome(log_p, tolerance, tolerance)[1].sum((1, 2))
        return float(jnp.max(jnp.abs(reverse - forward)) / jnp.max(jnp.abs(forward)))

    return {
        "modes_apart": modes_apart,
        "variants": lambda: list(VARIANTS),
        "run": run,
        "answer": answer,
        "compile_seconds": float,  # compiled at the first call
        "memory": peak_megabytes,
    }
