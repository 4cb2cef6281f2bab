"""The five-state benchmark problem in plain NumPy, with a 1e-12 reference for values and gradients.

Effector E and memory M cells against three tumour clones B1, B2, B3 that share one antigen load
and one capacity; cells/uL and days.  Eight parameters a subject, two hundred and more steps a
solve, and relapses whose timing makes a few elasticities reach several hundred: that is what
separates the solvers.

Everything is compared as the elasticity ``d log(y + FLOOR) / d log p``.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

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


def rates(y: NDArray, p: NDArray) -> NDArray:
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


def log_scale_system(_t: float, flat: Array, p: Array) -> Array:
    """Rates of z = log y and of its elasticities dz/dlog p, derivatives written by hand.

    Independent of every automatic or symbolic differentiation that the benchmark compares.
    """
    z, s = flat[:5], flat[5:].reshape(5, 8)
    rho, half_antigen, alpha, k, beta, g, kill, half_effector = p
    y = np.exp(z)
    effector, memory, clones = y[0], y[1], y[2:]
    antigen = clones.sum()
    stimulation = rho * antigen / (half_antigen + antigen)
    conversion = k * effector / memory
    killing = kill * effector / (half_effector + effector)
    growth = g * (1 - antigen / CAPACITY)

    jacobian = np.zeros((5, 5))  # d(dz/dt)/dz
    jacobian[0, 2:] = stimulation * half_antigen / (half_antigen + antigen) / antigen * clones
    jacobian[1, 0], jacobian[1, 1] = conversion, -conversion
    jacobian[2:, 0] = -SUSCEPTIBILITY * killing * half_effector / (half_effector + effector)
    jacobian[2:, 2:] = -g * clones / CAPACITY

    direct = np.zeros((5, 8))  # d(dz/dt)/dlog p
    direct[0, :4] = stimulation, -stimulation * half_antigen / (half_antigen + antigen), -alpha, -k
    direct[1, 3], direct[1, 4] = conversion, -beta
    direct[2:, 5] = growth
    direct[2:, 6] = -SUSCEPTIBILITY * killing
    direct[2:, 7] = SUSCEPTIBILITY * killing * half_effector / (half_effector + effector)

    dz = np.concatenate(
        [[stimulation - alpha - k], [conversion - beta], growth - SUSCEPTIBILITY * killing]
    )
    return np.concatenate([dz, (jacobian @ s + direct).ravel()])


def reference(log_parameters: Array, tolerance: float = 1e-12) -> tuple[Array, Array]:
    """Log states and elasticities by DOP853 on the log-scale variational system.

    Parameters
    ----------
    log_parameters : array (subject, parameter)
    tolerance : float             absolute and relative, sensitivities included

    Returns
    -------
    array (subject, time, state)              log y
    array (subject, time, state, parameter)   d log y / d log p
    """
    start = np.concatenate([np.log(INITIAL), np.zeros(40)])
    span = (0.0, TIMES[-1])
    values, elasticities = [], []
    for p in np.exp(log_parameters):
        solution = solve_ivp(
            log_scale_system, span, start, "DOP853", TIMES, args=(p,), rtol=tolerance, atol=tolerance
        )
        flat = solution.y.T
        values.append(flat[:, :5])
        elasticities.append(flat[:, 5:].reshape(-1, 5, 8))
    return np.array(values), np.array(elasticities)


def complex_step_reference(log_p: Array, tolerance: float = 1e-13) -> tuple[Array, Array]:
    """Answer as `reference` does, for one subject, with neither logarithms nor derivatives.

    Natural scale, purely relative error control, one complex perturbation a parameter.

    Parameters
    ----------
    log_p : array (parameter,)
    tolerance : float             relative

    Returns
    -------
    array (time, state)             log y
    array (time, state, parameter)  d log y / d log p
    """
    step = 1e-30
    columns = []
    for direction in np.eye(log_p.size):
        p = np.exp(log_p + 1j * step * direction)
        solution = solve_ivp(
            lambda _t, y, p=p: rates(y, p),
            (0.0, TIMES[-1]),
            INITIAL.astype(complex),
            "DOP853",
            TIMES,
            rtol=tolerance,
            atol=1e-300,
        )
        columns.append(np.log(solution.y.T))
    return columns[0].real, np.stack([c.imag / step for c in columns], axis=-1)


def above_floor(log_y: Array, elasticity: Array) -> tuple[Array, Array]:
    """Log(y + FLOOR) and its elasticities: what the solvers' errors are measured on."""
    y = np.exp(log_y)
    return np.log(y + FLOOR), elasticity * (y / (y + FLOOR))[..., None]


def errors(found: tuple[Array, Array], wanted: tuple[Array, Array]) -> tuple[float, float]:
    """Worst absolute error of log(y + FLOOR) and of its elasticity; NaN counts as infinite.

    Parameters
    ----------
    found, wanted : (log y, elasticity)     as `reference` returns; ``wanted`` may hold fewer
        subjects than ``found``: only these are compared

    Returns
    -------
    (float, float)                          value error, elasticity error
    """
    worst = []
    checked = wanted[0].shape[0]
    first = (found[0][:checked], found[1][:checked])
    for ours, theirs in zip(above_floor(*first), above_floor(*wanted), strict=True):
        worst.append(float(np.nan_to_num(np.abs(ours - theirs), nan=np.inf).max()))
    return worst[0], worst[1]
