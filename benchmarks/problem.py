"""The five-state benchmark problem: equations, subjects, times, and how an answer is judged.

Effector E and memory M cells against three tumour clones B1, B2, B3 that share one antigen load
and one capacity; cells/uL and days.  Eight parameters a subject, two hundred and more steps a
solve, and relapses whose timing makes a few elasticities reach several hundred: that is what
separates the solvers.

Answers are compared as log(y + FLOOR) and its elasticities d log(y + FLOOR) / d log p.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

STATES = ("E", "M", "B1", "B2", "B3")
PARAMETERS = ("rho", "K_A", "alpha", "k", "beta", "g", "kill", "K_E")
TYPICAL = np.array([1.2, 50.0, 0.25, 0.03, 0.005, 0.08, 1.2, 5.0])
INITIAL = np.array([0.1, 0.02, 800.0, 150.0, 5.0])
CAPACITY = 2000.0
SUSCEPTIBILITY = np.array([1.0, 0.6, 0.1])  # of each clone, relative to `kill`
TIMES = np.array(
    [1, 2, 4, 6, 8, 10, 12, 14, 17, 21, 28, 42, 60, 90, 120, 180, 240, 300, 330, 360], float
)
# Below one cell per mL no assay reads, and log y of an extinct clone means nothing.
FLOOR = 1e-3


@dataclass(frozen=True)
class Problem:
    """Subjects of the benchmark: typical values times exp(0.3 z), z from ``default_rng(1)``."""

    subjects: int

    @cached_property
    def log_parameters(self) -> Array:
        """Log parameters, (subject, parameter); fewer subjects are a prefix of more."""
        z = np.random.default_rng(1).standard_normal((self.subjects, TYPICAL.size))
        return np.log(TYPICAL) + 0.3 * z


def rates(y: NDArray[Any], p: NDArray[Any]) -> NDArray[Any]:
    """dy/dt on the natural scale, (state,) of real or complex numbers.

    Parameters
    ----------
    y : array (state,), cells/uL
    p : array (parameter,)

    Returns
    -------
    array (state,), cells/uL/day
    """
    rho, half_antigen, alpha, k, beta, g, kill, half_effector = p
    effector, memory, clones = y[0], y[1], y[2:]
    antigen = clones.sum()
    growth = g * (1 - antigen / CAPACITY)
    killing = kill * effector / (half_effector + effector)
    return np.concatenate(
        [
            [(rho * antigen / (half_antigen + antigen) - alpha - k) * effector],
            [k * effector - beta * memory],
            (growth - SUSCEPTIBILITY * killing) * clones,
        ]
    )


def above_floor(log_y: Array, elasticity: Array) -> tuple[Array, Array]:
    """Turn log y and d log y / d log p into the same of y + FLOOR, on which errors are measured."""
    y = np.exp(log_y)
    return np.log(y + FLOOR), elasticity * (y / (y + FLOOR))[..., None]


def errors(found: tuple[Array, Array], wanted: tuple[Array, Array]) -> tuple[float, float]:
    """Worst absolute error of log(y + FLOOR) and of its elasticity; what is not finite is infinite.

    Parameters
    ----------
    found, wanted : (array (subject, time, state), array (subject, time, state, parameter))

    Returns
    -------
    (float, float)
    """
    pairs = zip(found, wanted, strict=True)
    value, elasticity = (
        float(np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf).max()) for a, b in pairs
    )
    return value, elasticity
