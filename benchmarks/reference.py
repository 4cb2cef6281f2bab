"""Answers to the benchmark problem at 1e-12, by two routes that share nothing but the equations."""

import numpy as np
from scipy.integrate import solve_ivp

from problem import CAPACITY, INITIAL, SUSCEPTIBILITY, TIMES, Array, rates


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
            log_scale_system,
            span,
            start,
            "DOP853",
            TIMES,
            args=(p,),
            rtol=tolerance,
            atol=tolerance,
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
