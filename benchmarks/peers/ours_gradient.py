"""This package's kernel: all states and all eight elasticities at all times, in one call."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cellkinetics.kernel.compiled import build_kernel
from cellkinetics.kernel.layout import regular_dosing, regular_rows
from five_state import MODEL, NAMES
from peers.clock import peak_megabytes, seconds
from problem import STATES, TIMES, Problem, above_floor


def prepare(*, threads: int, subjects: int) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods; the kernel divides the subjects among its threads."""
    log_p = Problem(subjects).log_parameters
    kernel = build_kernel(MODEL, NAMES)
    states = [kernel.outputs.index(name) for name in STATES]
    rows, dosing = regular_rows(TIMES, states, subjects), regular_dosing([], subjects)
    nothing = np.empty((subjects, len(kernel.constants)))

    def run(variant: str, tolerance: float, repeats: int) -> dict[str, list[float]]:
        return seconds(
            lambda: kernel(log_p, nothing, dosing, rows, rtol=tolerance, threads=threads), repeats
        )

    def answer(variant: str, tolerance: float, checked: int, path: str) -> str:
        found = kernel(log_p, nothing, dosing, rows, rtol=tolerance, threads=threads)
        shape = (subjects, TIMES.size, len(STATES))
        z = found.pred.reshape(shape)[:checked]
        elasticity = found.jac.reshape(*shape, len(NAMES))[:checked]
        np.savez(path, *above_floor(z, elasticity))
        return path

    return {
        "variants": lambda: ["default"],
        "run": run,
        "answer": answer,
        "compile_seconds": float,  # generated and compiled at the first call
        "memory": peak_megabytes,
    }
