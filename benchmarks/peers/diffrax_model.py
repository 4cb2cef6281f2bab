"""Diffrax on a model of the library: Tsit5 or Kvaerno5, forward mode, one subject after another.

It solves the same equations on the same scale as we do (positive states as logarithms), written by
SymPy with common subexpressions taken out; ``lax.map`` is what made diffrax fastest in
``diffrax_best.py``.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

# A step whose Newton iteration leaves the domain is to be rejected, not to end the program.
os.environ.setdefault("EQX_ON_ERROR", "nan")

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp

from cellkinetics.symbolic import CELLS, TIME
from model_problem import DAYS, ModelProblem
from peers.clock import peak_megabytes, seconds

METHODS = {"Tsit5": dfx.Tsit5, "Kvaerno5": dfx.Kvaerno5}
WORDS: list[Any] = [
    {
        "Where": lambda c, a, b: jnp.where(c > 0.5, a, b),
        "NotAbove": lambda a, b: jnp.where(a <= b, 1.0, 0.0),
    },
    "jax",
]


def solver(problem: ModelProblem, variant: str, gradient: bool) -> Callable[..., Any]:
    """Compiled function of phi (subject, parameter) and tolerance: (z, dz/dphi)."""
    scaled, model = problem.scaled, problem.model
    s = scaled.symbolic
    names = [*s.parameters, *s.inputs]
    symbols = [*s.parameters.values(), *s.inputs.values()]
    logs = np.array(scaled.log_state)
    start = [
        e + scaled.infuse.get(i, sp.S.Zero).subs(CELLS, problem.cells)
        for i, e in enumerate(scaled.initial)
    ]
    begin = sp.lambdify(symbols, start, WORDS, cse=True)
    rates = sp.lambdify([TIME, *s.states.values(), *symbols], problem.rates, WORDS, cse=True)
    declared = {q.name: q for q in model.parameters}
    atol = np.where(logs, 1.0, 1e-8 * np.array([q.smallest for q in model.states]))

    def values(phi: jax.Array) -> list[Any]:
        theta = dict(problem.constants)
        for j, name in enumerate(problem.wrt):
            q = declared[name]
            theta[name] = {
                "log": lambda j=j: jnp.exp(phi[j]),
                "logit": lambda j=j, q=q: q.lower + (q.upper - q.lower) * jax.nn.sigmoid(phi[j]),
                "identity": lambda j=j: phi[j],
            }[q.scale]()
        return [theta[name] for name in names]

    def slope(t: jax.Array, z: jax.Array, theta: list[Any]) -> jax.Array:
        y = [jnp.exp(z[i]) if logs[i] else z[i] for i in range(len(logs))]
        return jnp.stack([jnp.asarray(f, float) * 1.0 for f in rates(t, *y, *theta)])

    def one(phi: jax.Array, tolerance: jax.Array) -> jax.Array:
        theta = values(phi)
        y_0 = jnp.stack([jnp.asarray(v, float) for v in begin(*theta)])
        z_0 = jnp.where(logs, jnp.log(jnp.where(logs, y_0, 1.0)), y_0)
        controller = dfx.PIDController(rtol=tolerance, atol=jnp.where(logs, tolerance, atol))
        return dfx.diffeqsolve(
            dfx.ODETerm(slope),
            METHODS[variant](),
            t0=0.0,
            t1=DAYS[-1],
            dt0=1e-4,
            y0=z_0,
            args=theta,
            saveat=dfx.SaveAt(ts=jnp.asarray(DAYS)),
            stepsize_controller=controller,
            adjoint=dfx.ForwardMode(),
            max_steps=200_000,
            throw=False,
        ).ys

    def both(phi: jax.Array, tolerance: jax.Array) -> Any:
        def twice(phi: jax.Array) -> Any:
            z = one(phi, tolerance)
            return z, z

        slopes, z = jax.jacfwd(twice, has_aux=True)(phi)
        return z, slopes

    def values_only(phi: jax.Array, tolerance: jax.Array) -> Any:
        return one(phi, tolerance), jnp.zeros(0)

    subject = both if gradient else values_only
    return jax.jit(lambda phi, tol: jax.lax.map(lambda p: subject(p, tol), phi))


def prepare(*, threads: int, name: str, subjects: int) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods."""
    problem = ModelProblem(name, subjects)
    phi = jnp.asarray(problem.phi)

    @cache
    def compiled(variant: str, gradient: bool) -> Callable[..., Any]:
        return solver(problem, variant, gradient)

    def run(variant: str, tolerance: float, gradient: bool, repeats: int) -> dict[str, list[float]]:
        call = compiled(variant, gradient)
        return seconds(lambda: jax.block_until_ready(call(phi, tolerance)), repeats)

    def answer(variant: str, tolerance: float, gradient: bool, path: str) -> str:
        z, slopes = (np.asarray(a) for a in compiled(variant, gradient)(phi, tolerance))
        z, s = problem.above_floor(z, slopes if gradient else None)
        np.savez(path, z=z, s=np.empty(0) if s is None else s)
        return path

    return {"run": run, "answer": answer, "memory": peak_megabytes}
