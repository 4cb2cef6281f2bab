"""Stan: ``ode_rk45_tol`` with forward sensitivities, as pystan compiles it.

The timed call is `log_prob_grad` of a weighted sum over all states, times and subjects. Stan
computes all sensitivities on the way, so this costs what the whole output costs; its error norm
covers them too.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from peers.clock import peak_megabytes, seconds
from peers.stan_module import compiled
from problem import CAPACITY, FLOOR, INITIAL, SUSCEPTIBILITY, TIMES, Problem

PROGRAMS = {"natural": "five_state.stan", "log": "five_state_log.stan"}
# atol / rtol: users write both equal; the other serves clones that nearly die out.
VARIANTS = {"atol = rtol": 1.0, "atol = 1e-3 rtol": 1e-3}


def prepare(*, threads: int, subjects: int, scale: str) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods; with several threads subjects go through ``reduce_sum``."""
    log_p = Problem(subjects).log_parameters
    module, compile_seconds = compiled(Path(__file__).parent / PROGRAMS[scale])

    def data(variant: str, tolerance: float, rows: int, weights: np.ndarray) -> dict[str, Any]:
        return {
            "subjects": rows,
            "n_times": TIMES.size,
            "times": TIMES.tolist(),
            "initial": INITIAL.tolist(),
            "susceptibility": SUSCEPTIBILITY.tolist(),
            "capacity": CAPACITY,
            "floor_value": FLOOR,
            "weights": weights.tolist(),
            "rtol": tolerance,
            "atol": tolerance * VARIANTS[variant],
            "max_steps": 1_000_000,
            "threaded": int(threads > 1),
        }

    def run(variant: str, tolerance: float, repeats: int) -> dict[str, list[float]]:
        point, ones = log_p.ravel().tolist(), np.ones((TIMES.size, INITIAL.size))
        known = data(variant, tolerance, subjects, ones)
        return seconds(lambda: module.log_prob_grad(known, point, False), repeats)

    def answer(variant: str, tolerance: float, checked: int, path: str) -> str:
        point = log_p[:checked].ravel().tolist()
        elasticity = np.empty((checked, TIMES.size, INITIAL.size, log_p.shape[1]))
        for i, j in np.ndindex(TIMES.size, INITIAL.size):
            weights = np.zeros((TIMES.size, INITIAL.size))
            weights[i, j] = 1.0
            known = data(variant, tolerance, checked, weights)
            gradient = module.log_prob_grad(known, point, False)
            elasticity[:, i, j] = np.reshape(gradient, (checked, -1))
        known = data(variant, tolerance, checked, np.zeros((TIMES.size, INITIAL.size)))
        written = module.write_array(known, point, False, True)[len(point) :]
        np.savez(path, np.reshape(written, elasticity.shape[:3], order="F"), elasticity)
        return path

    return {
        "variants": lambda: list(VARIANTS),
        "compile_seconds": lambda: compile_seconds,
        "run": run,
        "answer": answer,
        "memory": peak_megabytes,
    }
