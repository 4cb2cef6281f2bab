"""SciPy's LSODA on a model of the library; equations and Jacobian compiled by numba.

Values solve the states, gradients the states with their variational equations, all of it on the
same scale as ours.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from numba import njit
from scipy.integrate import solve_ivp

from cellkinetics.symbolic import CELLS, TIME
from model_problem import DAYS, ModelProblem
from peers.clock import peak_megabytes, seconds

WORDS: list[Any] = [
    {"Where": lambda c, a, b: a if c > 0.5 else b, "NotAbove": lambda a, b: float(a <= b)},
    "math",
]


def written_out(expression: sp.Expr) -> sp.Expr:
    """Our 0/1 functions as Piecewise, which numba compiles."""
    for name in ("Where", "NotAbove"):
        for f in [f for f in expression.atoms(sp.Function) if f.func.__name__ == name]:
            a, b, *c = f.args
            piece = (
                sp.Piecewise((b, a > 0.5), (c[0], True))
                if c
                else sp.Piecewise((1.0, a <= b), (0.0, True))
            )
            expression = expression.xreplace({f: piece})
    return expression


def prepare(*, threads: int, name: str, subjects: int) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods."""
    problem = ModelProblem(name, subjects)
    scaled = problem.scaled
    s = scaled.symbolic
    states, logs = list(s.states.values()), np.array(scaled.log_state)
    names = [*s.parameters, *s.inputs]
    symbols = [*s.parameters.values(), *s.inputs.values()]
    n, m = len(states), len(problem.wrt)
    rates = [written_out(f) for f in problem.rates]
    by_z = [
        f.diff(y) * (y if log else 1) for f in rates for y, log in zip(states, logs, strict=True)
    ]
    by_phi = [f.diff(q) * slope for f in rates for q, slope in scaled.chosen]
    start = [
        e + scaled.infuse.get(i, sp.S.Zero).subs(CELLS, problem.cells)
        for i, e in enumerate(scaled.initial)
    ]
    start_phi = [e.diff(q) * slope for e in start for q, slope in scaled.chosen]

    def function(expressions: list[sp.Expr]) -> Any:
        y, p = sp.DeferredVector("y"), sp.DeferredVector("p")
        where = {a: y[i] for i, a in enumerate(states)} | {a: p[i] for i, a in enumerate(symbols)}
        inner = sp.lambdify([TIME, y, p], [sp.sympify(e).xreplace(where) for e in expressions],
                            "math", cse=True)  # fmt: skip
        compiled = njit(error_model="numpy")(inner)
        return lambda t, z, p: np.array(
            compiled(t, np.where(logs, np.exp(np.where(logs, z, 0)), z), p)
        )

    rate, begin = function(rates), function([*start, *start_phi])
    jacobian, direct = function(by_z), function(by_phi)
    atol_of = np.where(logs, np.nan, 1e-8 * np.array([q.smallest for q in problem.model.states]))

    def values(phi: Any) -> Any:
        theta = dict(problem.constants)
        for x, parameter in zip(phi, problem.wrt, strict=True):
            q = next(q for q in problem.model.parameters if q.name == parameter)
            logit = q.lower + (q.upper - q.lower) / (1 + np.exp(-x))
            theta[parameter] = {"log": np.exp(x), "logit": logit, "identity": x}[q.scale]
        return np.array([theta[k] for k in names])

    def one(phi: Any, tolerance: float, gradient: bool) -> Any:
        p = values(phi)
        first = begin(0.0, np.zeros(n), p)
        y, slope = first[:n], first[n:].reshape(n, m)
        z = np.where(logs, np.log(np.where(logs, y, 1.0)), y)
        slope = np.where(logs[:, None], slope / np.where(logs, y, 1.0)[:, None], slope)
        atol = np.where(logs, tolerance, atol_of)

        def along(t: float, flat: Any) -> Any:
            j = jacobian(t, flat[:n], p).reshape(n, n)
            change = j @ flat[n:].reshape(n, m) + direct(t, flat[:n], p).reshape(n, m)
            return np.concatenate([rate(t, flat[:n], p), change.ravel()])

        if gradient:
            z, atol = np.concatenate([z, slope.ravel()]), np.append(atol, np.repeat(atol, m))
        right = along if gradient else (lambda t, z: rate(t, z, p))
        out = solve_ivp(right, (0, DAYS[-1]), z, "LSODA", DAYS, rtol=tolerance, atol=atol)
        return out.y.T if out.success else np.full((DAYS.size, len(z)), np.nan)

    def solve(tolerance: float, gradient: bool) -> Any:
        with np.errstate(all="ignore"):
            return np.array([one(phi, tolerance, gradient) for phi in problem.phi])

    def run(variant: str, tolerance: float, gradient: bool, repeats: int) -> dict[str, list[float]]:
        return seconds(lambda: solve(tolerance, gradient), repeats)

    def answer(variant: str, tolerance: float, gradient: bool, path: str) -> str:
        found = solve(tolerance, gradient)
        slopes = found[..., n:].reshape(*found.shape[:2], n, m) if gradient else None
        z, s = problem.above_floor(found[..., :n], slopes)
        np.savez(path, z=z, s=np.empty(0) if s is None else s)
        return path

    return {"run": run, "answer": answer, "memory": peak_megabytes}
