"""This package's kernel on a model of the library, with and without gradients."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from cellkinetics.kernel.compiled import Kernel, build_kernel
from cellkinetics.kernel.layout import regular_dosing, regular_rows
from model_problem import DAYS, ModelProblem
from peers.clock import peak_megabytes, seconds


def prepare(*, threads: int, name: str, subjects: int) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods; ``variant`` 'explicit' also serves as the reference."""
    problem = ModelProblem(name, subjects)
    model = problem.model
    dosing = regular_dosing(((0.0, problem.cells),) if problem.cells else (), subjects)

    @cache
    def kernel_of(variant: str, gradient: bool) -> Kernel:
        return build_kernel(model, problem.wrt if gradient else (), form="ode", method=variant)  # type: ignore[arg-type]

    def solve(variant: str, tolerance: float, gradient: bool) -> Any:
        kernel = kernel_of(variant, gradient)
        given = dict(zip(problem.wrt, _natural(problem).T, strict=True)) | problem.constants
        constants = np.empty((subjects, len(kernel.constants)))
        for j, constant in enumerate(kernel.constants):
            constants[:, j] = given[constant]
        phi = problem.phi if gradient else np.empty((subjects, 0))
        states = [kernel.outputs.index(q.name) for q in model.states]
        rows = regular_rows(DAYS, states, subjects)
        return lambda: kernel(
            phi, constants, dosing, rows, rtol=tolerance, max_steps=2_000_000, threads=threads
        )

    def run(variant: str, tolerance: float, gradient: bool, repeats: int) -> dict[str, list[float]]:
        return seconds(solve(variant, tolerance, gradient), repeats)

    def answer(variant: str, tolerance: float, gradient: bool, path: str) -> str:
        out = solve(variant, tolerance, gradient)()
        shape = (subjects, DAYS.size, len(model.states))
        slopes = out.jac.reshape(*shape, -1) if gradient else None
        z, s = problem.above_floor(out.pred.reshape(shape), slopes)
        np.savez(path, z=z, s=np.empty(0) if s is None else s, steps=out.steps)
        return path

    return {"run": run, "answer": answer, "memory": peak_megabytes}


def _natural(problem: ModelProblem) -> Any:
    theta = problem.phi.copy()
    estimated = [q for q in problem.model.parameters if not q.fixed]
    for j, q in enumerate(estimated):
        if q.scale == "log":
            theta[:, j] = np.exp(theta[:, j])
        elif q.scale == "logit":
            theta[:, j] = q.lower + (q.upper - q.lower) / (1 + np.exp(-theta[:, j]))
    return theta
