"""JAX in double precision on the cores that the worker was given, and the benchmark's equations.

Import before anything else touches JAX: the number of CPU devices is read once.
"""

import os

_THREADS = len(os.sched_getaffinity(0))
_FLAGS = [f"--xla_force_host_platform_device_count={_THREADS}"]
if _THREADS == 1:
    _FLAGS.append("--xla_cpu_multi_thread_eigen=false")
os.environ["XLA_FLAGS"] = " ".join(_FLAGS)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from problem import CAPACITY, SUSCEPTIBILITY  # noqa: E402

jax.config.update("jax_enable_x64", True)


def rates(t: jax.Array, y: jax.Array, p: jax.Array) -> jax.Array:
    """dy/dt of the five states on the natural scale."""
    rho, half_antigen, alpha, k, beta, g, kill, half_effector = p
    effector, memory, clones = y[0], y[1], y[2:]
    antigen = clones.sum()
    d_effector = (rho * antigen / (half_antigen + antigen) - alpha - k) * effector
    d_memory = k * effector - beta * memory
    killing = kill * effector / (half_effector + effector) * jnp.asarray(SUSCEPTIBILITY)
    d_clones = (g * (1 - antigen / CAPACITY) - killing) * clones
    return jnp.concatenate([jnp.stack([d_effector, d_memory]), d_clones])


def log_rates(t: jax.Array, z: jax.Array, log_p: jax.Array) -> jax.Array:
    """dz/dt of z = log y, each rate divided by its state."""
    rho, half_antigen, alpha, k, beta, g, kill, half_effector = jnp.exp(log_p)
    y = jnp.exp(z)
    effector, memory, clones = y[0], y[1], y[2:]
    antigen = clones.sum()
    d_effector = rho * antigen / (half_antigen + antigen) - alpha - k
    d_memory = k * effector / memory - beta
    killing = kill * effector / (half_effector + effector) * jnp.asarray(SUSCEPTIBILITY)
    d_clones = g * (1 - antigen / CAPACITY) - killing
    return jnp.concatenate([jnp.stack([d_effector, d_memory]), d_clones])
