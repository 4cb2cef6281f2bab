"""A subject's own level given the shared one: log density, mode, curvature at the mode.

Everything works on items, an item being one subject under one draw of z (``draw`` and ``subject``,
both (item,)): all items are solved in one call of the kernel and read in one of compiled code.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from cellkinetics.fitting.draws import natural
from cellkinetics.fitting.quick_levels import Levels, Shared, log_own_prior, shared_at
from cellkinetics.fitting.quick_read import read_compiled
from cellkinetics.kernel.layout import Dosing, Floats, Ints, Rows


@dataclass(frozen=True, eq=False)
class Reading:
    """What the rows of every item say.

    Attributes
    ----------
    log_p : float array (item,)         log p(y | u, z); -inf where the model cannot be solved
    by_error : float array (item, error_parameter + 1)      its slopes
    by_factor : float array (item, calibration + 1)
    gradient : float array (item, parameter + varying)      empty where there was no Jacobian
    curvature : float array (item, parameter + varying, parameter + varying)
        Gauss and Newton's: never negative
    """

    log_p: Floats
    by_error: Floats
    by_factor: Floats
    gradient: Floats
    curvature: Floats


@dataclass(frozen=True, eq=False)
class Modes:
    """Modes of u given z.

    Attributes
    ----------
    u : float array (item, own)
    value : float array (item,)             log p(y, u | z) there
    hessian : float array (item, own, own)  of -log p(y, u | z), by Gauss and Newton
    """

    u: Floats
    value: Floats
    hessian: Floats


def every_subject(levels: Levels, draws: int, copies: int = 1) -> tuple[Ints, Ints]:
    """All subjects under each of so many draws of z, copies changing fastest, then subjects."""
    subjects = np.repeat(np.arange(levels.subjects), copies)
    return np.repeat(np.arange(draws), len(subjects)), np.tile(subjects, draws)


def as_items(u: Floats) -> Floats:
    """Draws (batch, draw, own) as items (item, own)."""
    return u.reshape(u.shape[0] * u.shape[1], u.shape[2])


def _ragged(start: Ints, subject: Ints) -> tuple[Ints, Ints]:
    """Entries of each subject in turn: where each item's begin, and their positions."""
    counts = np.diff(start)[subject]
    begin = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return begin, np.arange(begin[-1]) + np.repeat(start[subject] - begin[:-1], counts)


def solve_items(
    levels: Levels, shared: Shared, draw: Ints, subject: Ints, u: Floats, *, jacobian: bool
) -> tuple[Floats, Floats]:
    """Kernel predictions of the rows of every item.

    Returns
    -------
    pred (row,), jac (row, parameter)       without ``jacobian`` jac is (0, 0)
    """
    joint = levels.joint
    rows, dosing = joint.observations.rows, joint.dosing
    phi = shared.phi[draw, subject]
    phi[:, : levels.individual] = u[:, : levels.individual]
    constants = joint.constants[subject]
    row_start, row = _ragged(rows.start, subject)
    infusion_start, infusion = _ragged(dosing.start, subject)
    kernel, wrt = joint.kernel, phi
    if not jacobian:
        kernel, wrt = levels.values, np.empty((len(phi), 0))
        names, known, theta = joint.population.names, joint.kernel.constants, natural(joint, phi)
        columns = [
            theta[:, names.index(q)] if q in names else constants[:, known.index(q)]
            for q in kernel.constants
        ]
        constants = np.stack(columns, axis=1) if columns else wrt
    out = kernel(
        wrt,
        constants,
        Dosing(infusion_start, dosing.time[infusion], dosing.cells[infusion]),
        Rows(row_start, rows.time[row], rows.observable[row]),
        rtol=joint.spec.kernel.rtol,
        max_steps=joint.spec.kernel.max_steps,
    )
    return out.pred, out.jac if jacobian else np.empty((0, 0))


def read_items(
    levels: Levels, shared: Shared, draw: Ints, subject: Ints, u: Floats, pred: Floats, jac: Floats
) -> Reading:
    """Log density of every item's readings, ``pred`` and ``jac`` as from :func:`solve_items`."""
    obs = levels.joint.observations
    start, _ = _ragged(obs.rows.start, subject)
    count, width = len(u), len(levels.joint.population.typical) + len(levels.varying)
    size = (count, width) if len(jac) else (0, 0)
    out = Reading(
        log_p=np.empty(count),
        by_error=np.zeros((count, shared.error.shape[1])),
        by_factor=np.zeros((count, shared.factor.shape[1])),
        gradient=np.zeros(size),
        curvature=np.zeros((*size, size[1])),
    )
    read_compiled()(
        draw, subject, start, obs.rows.start, pred, jac,
        np.ascontiguousarray(u[:, levels.individual :]), shared.error, shared.factor,
        *_tables(levels),
        out.log_p, out.by_error, out.by_factor, out.gradient, out.curvature,
    )  # fmt: skip
    return out


@cache
def _tables(levels: Levels) -> tuple[np.ndarray, ...]:
    """What is known of every row of the fit, as the compiled loop takes it."""
    obs = levels.joint.observations
    error = len(obs.errors) + 1
    calibration = np.array([a.calibration for a in obs.analytes])[obs.analyte]
    column = [levels.varying.index(c) if c in levels.varying else -1 for c in calibration.tolist()]
    return (
        obs.family,
        obs.kind,
        np.nan_to_num(obs.value),
        np.nan_to_num(obs.lower, neginf=-np.inf, posinf=np.inf),
        np.nan_to_num(obs.upper, neginf=-np.inf, posinf=np.inf),
        obs.floor,
        obs.nu,
        obs.offset,
        obs.pred_is_log,
        np.array([a.a for a in obs.analytes])[obs.analyte] % error,
        np.array([a.b for a in obs.analytes])[obs.analyte] % error,
        calibration % (len(obs.calibrations) + 1),
        np.array(column, dtype=np.int64),
    )


def log_joint(levels: Levels, shared: Shared, draw: Ints, subject: Ints, u: Floats) -> Floats:
    """Log p(y, u | z) of every item, -inf where the model cannot be solved; u is (item, own)."""
    pred, jac = solve_items(levels, shared, draw, subject, u, jacobian=False)
    reading = read_items(levels, shared, draw, subject, u, pred, jac)
    return reading.log_p + log_own_prior(shared, draw, subject, u)


def _expand(
    levels: Levels, shared: Shared, draw: Ints, subject: Ints, u: Floats
) -> tuple[Floats, ...]:
    """Log p(y, u | z), its gradient in u, and minus its Hessian by Gauss and Newton."""
    reading = read_items(
        levels,
        shared,
        draw,
        subject,
        u,
        *solve_items(levels, shared, draw, subject, u, jacobian=True),
    )
    own = levels.columns
    whiten = shared.whiten
    precision = (np.swapaxes(whiten, 1, 2) @ whiten)[draw]
    rest = u - shared.centre[draw, subject]
    value = reading.log_p + log_own_prior(shared, draw, subject, u)
    gradient = reading.gradient[:, own] - np.einsum("iqr,ir->iq", precision, rest)
    hessian = reading.curvature[:, own][:, :, own] + precision
    lost = ~np.isfinite(value)
    gradient[lost], hessian[lost] = 0.0, precision[lost]
    return value, gradient, hessian


def find_modes(
    levels: Levels,
    shared: Shared,
    draw: Ints,
    subject: Ints,
    start: Floats,
    *,
    tolerance: float = 1e-4,
    evaluations: int = 40,
) -> Modes:
    """Climb to a mode of every item by damped Newton steps.

    Parameters
    ----------
    levels, shared, draw, subject
    start : float array (item, own)
    tolerance : float               an item is done where a step promises less log density than this
    evaluations : int               at most, after the first

    Returns
    -------
    Modes
    """
    u = start.copy()
    value, gradient, hessian = _expand(levels, shared, draw, subject, u)
    direction = _newton(hessian, gradient)
    length = np.ones(len(u))
    active = np.flatnonzero((gradient * direction).sum(axis=1) > tolerance)
    for _ in range(evaluations):
        if not len(active):
            break
        trial = u[active] + length[active, None] * direction[active]
        found = _expand(levels, shared, draw[active], subject[active], trial)
        better = found[0] > value[active]
        moved = active[better]
        u[moved] = trial[better]
        value[moved], gradient[moved], hessian[moved] = (x[better] for x in found)
        direction[moved] = _newton(hessian[moved], gradient[moved])
        length[moved] = np.minimum(1.0, 2 * length[moved])
        length[active[~better]] *= 0.25
        gain = (gradient[active] * direction[active]).sum(axis=1)
        active = active[(gain > tolerance) & (length[active] > 1e-5)]
    return Modes(u, value, hessian)


def _newton(hessian: Floats, gradient: Floats) -> Floats:
    return np.asarray(np.linalg.solve(hessian, gradient[..., None])[..., 0])


def warm_up(levels: Levels) -> None:
    """Compile, or load from the disk, everything that is called here."""
    shared = shared_at(levels, levels.compiled.start[None, levels.shared])
    items = every_subject(levels, 1)
    log_joint(levels, shared, *items, shared.centre[0])
    _expand(levels, shared, *items, shared.centre[0])
