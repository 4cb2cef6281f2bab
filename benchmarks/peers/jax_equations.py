"""The benchmark's equations in JAX (the worker has set double precision and the devices)."""

import jax
import jax.numpy as jnp

from problem import CAPACITY, SUSCEPTIBILITY


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
