"""A subject's own level given the shared one: log density, mode, and curvature at the mode.

Everything here works on a batch of items, an item being one subject under one draw of theta: all
items are solved in one call of the kernel.
"""

from dataclasses import dataclass

import numpy as np

from cellkinetics.density import COMBINED, log_densities
from cellkinetics.fit.draws import natural
from cellkinetics.fit.levels import Levels, Shared
from cellkinetics.kernel.layout import Dosing, Floats, Ints, Rows

LOG_2PI = float(np.log(2 * np.pi))
RELATIVE_STEP = 1e-4
"""Change of a prediction over which the slope of the log density is differenced."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Items, and the rows of the likelihood that belong to them.

    Attributes
    ----------
    draw, subject : int array (item,)
    item : int array (row,)         the item of each row
    row : int array (row,)          the row of the fit's observations
    place : int array (row,)        counted within the item
    rows : Rows
    dosing : Dosing
    """

    draw: Ints
    subject: Ints
    item: Ints
    row: Ints
    place: Ints
    rows: Rows
    dosing: Dosing

    @property
    def start(self) -> Ints:
        """Where the rows of each item begin."""
        return self.rows.start[:-1]


@dataclass(frozen=True, eq=False)
class Reading:
    """Log density of each row of a batch, and its derivatives.

    Attributes
    ----------
    log_p, by_pred, by_a, by_b : float array (row,)     as from ``log_densities``
    pred : float array (row,)                           linked and calibrated
    slope : float array (row,)                          of ``pred`` in the kernel's prediction
    by_factor : float array (row,)                      slope of ``log_p`` in the log calibration
    """

    log_p: Floats
    by_pred: Floats
    by_a: Floats
    by_b: Floats
    pred: Floats
    slope: Floats
    by_factor: Floats


@dataclass(frozen=True, eq=False)
class Modes:
    """Modes of u given theta.

    Attributes
    ----------
    u : float array (item, own)
    value : float array (item,)             log p(y, u | theta) there; -inf where it has none
    hessian : float array (item, own, own)  of -log p(y, u | theta), by Gauss and Newton
    """

    u: Floats
    value: Floats
    hessian: Floats

    def log_marginal(self) -> Floats:
        """Laplace's approximation of log p(y | theta), (item,)."""
        size = self.u.shape[1]
        return self.value + 0.5 * (size * LOG_2PI - np.linalg.slogdet(self.hessian)[1])


def make_batch(levels: Levels, draw: Ints, subject: Ints) -> Batch:
    """Gather the rows and infusions of items; ``draw`` and ``subject`` are (item,)."""
    rows, dosing = levels.joint.observations.rows, levels.joint.dosing
    row_start, item, row = _ragged(rows.start, subject)
    infusion_start, _, infusion = _ragged(dosing.start, subject)
    return Batch(
        draw=draw,
        subject=subject,
        item=item,
        row=row,
        place=np.arange(len(row)) - row_start[item],
        rows=Rows(row_start, rows.time[row], rows.observable[row]),
        dosing=Dosing(infusion_start, dosing.time[infusion], dosing.cells[infusion]),
    )


def _ragged(start: Ints, subject: Ints) -> tuple[Ints, Ints, Ints]:
    """Entries of each subject in turn: where they begin, their item, their position."""
    counts = np.diff(start)[subject]
    begin = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    item = np.repeat(np.arange(len(subject)), counts)
    return begin, item, np.arange(begin[-1]) - begin[item] + start[subject][item]


def every_subject(levels: Levels, draws: int) -> Batch:
    """All subjects under each of so many draws of theta, subjects changing fastest."""
    subjects = len(levels.joint.subjects)
    return make_batch(
        levels, np.repeat(np.arange(draws), subjects), np.tile(np.arange(subjects), draws)
    )


def solve_batch(
    levels: Levels, shared: Shared, batch: Batch, u: Floats, *, jacobian: bool
) -> tuple[Floats, Floats | None]:
    """Kernel predictions for a batch.

    Parameters
    ----------
    levels : Levels
    shared : Shared
    batch : Batch
    u : float array (item, own)
    jacobian : bool

    Returns
    -------
    pred (row,), jac (row, parameter) or None
    """
    joint = levels.joint
    phi = shared.phi[batch.draw, batch.subject]
    phi[:, : levels.individual] = u[:, : levels.individual]
    settings = {"rtol": joint.spec.kernel.rtol, "max_steps": joint.spec.kernel.max_steps}
    constants = joint.constants[batch.subject]
    if jacobian:
        out = joint.kernel(phi, constants, batch.dosing, batch.rows, **settings)  # type: ignore[arg-type]
        return out.pred, out.jac
    names, known = joint.population.names, joint.kernel.constants
    theta = natural(joint, phi)
    columns = [
        theta[:, names.index(name)] if name in names else constants[:, known.index(name)]
        for name in levels.values.constants
    ]
    out = levels.values(
        np.empty((len(phi), 0)),
        np.column_stack(columns) if columns else np.empty((len(phi), 0)),
        batch.dosing,
        batch.rows,
        **settings,  # type: ignore[arg-type]
    )
    return out.pred, None


def read_batch(levels: Levels, shared: Shared, batch: Batch, u: Floats, pred: Floats) -> Reading:
    """Log density of every row of a batch, ``pred`` being the kernel's prediction of it."""
    obs = levels.joint.observations
    row, draw = batch.row, batch.draw[batch.item]
    is_log = obs.pred_is_log[row]
    factor = obs.offset[row] + shared.factor[draw, calibration_of(levels)[row]]
    for column, calibration in enumerate(levels.varying, start=levels.individual):
        concerned = calibration_of(levels)[row] == calibration
        factor += np.where(concerned, u[batch.item, column], 0.0)
    times = np.exp(np.where(is_log, 0.0, factor))
    linked = np.where(is_log, pred + factor, pred * times)
    log_p, by_pred, by_a, by_b = _densities(levels, shared, batch, linked)
    return Reading(
        log_p=log_p,
        by_pred=by_pred,
        by_a=by_a,
        by_b=by_b,
        pred=linked,
        slope=times,
        by_factor=by_pred * np.where(is_log, 1.0, linked),
    )


def calibration_of(levels: Levels) -> Ints:
    """Calibration factor of each row of the observations; one past the last where it has none."""
    obs = levels.joint.observations
    which = np.array([a.calibration for a in obs.analytes])[obs.analyte]
    return which % (len(obs.calibrations) + 1)


def errors_of(levels: Levels) -> tuple[Ints, Ints]:
    """Error parameters a and b of each row; one past the last where it has none."""
    obs = levels.joint.observations
    count = len(obs.errors) + 1
    a = np.array([x.a for x in obs.analytes])[obs.analyte] % count
    b = np.array([x.b for x in obs.analytes])[obs.analyte] % count
    return a, b


def _densities(
    levels: Levels, shared: Shared, batch: Batch, linked: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    obs = levels.joint.observations
    row, draw = batch.row, batch.draw[batch.item]
    at_a, at_b = errors_of(levels)
    log_p, by_pred, by_a, by_b = (np.empty(len(row)) for _ in range(4))
    log_densities(
        obs.family[row],
        obs.kind[row],
        np.nan_to_num(obs.value[row]),
        np.nan_to_num(obs.lower[row], neginf=-np.inf, posinf=np.inf),
        np.nan_to_num(obs.upper[row], neginf=-np.inf, posinf=np.inf),
        obs.floor[row],
        linked,
        obs.pred_is_log[row],
        shared.error[draw, at_a[row]],
        shared.error[draw, at_b[row]],
        obs.nu[row],
        log_p,
        by_pred,
        by_a,
        by_b,
    )
    return log_p, by_pred, by_a, by_b


def log_joint(levels: Levels, shared: Shared, batch: Batch, u: Floats, log_p: Floats) -> Floats:
    """Log p(y, u | theta) of each item, -inf where a prediction could not be had."""
    residual = u - shared.centre[batch.draw, batch.subject]
    pulled = np.einsum("iqr,ir->iq", shared.precision[batch.draw], residual)
    value = np.add.reduceat(log_p, batch.start) - 0.5 * (residual * pulled).sum(axis=1)
    value -= shared.log_root[batch.draw] + 0.5 * levels.own * LOG_2PI
    return np.where(np.isfinite(value), value, -np.inf)


def _expand(
    levels: Levels, shared: Shared, batch: Batch, u: Floats
) -> tuple[Floats, Floats, Floats]:
    """Log p(y, u | theta), its gradient in u, and minus its Hessian by Gauss and Newton."""
    obs = levels.joint.observations
    pred, jac = solve_batch(levels, shared, batch, u, jacobian=True)
    assert jac is not None
    reading = read_batch(levels, shared, batch, u, pred)
    value = log_joint(levels, shared, batch, u, reading.log_p)

    row, draw = batch.row, batch.draw[batch.item]
    is_log, additive = obs.pred_is_log[row], shared.error[draw, errors_of(levels)[0][row]]
    size = np.maximum(np.abs(reading.pred), np.where(obs.family[row] == COMBINED, additive, 0.0))
    step = RELATIVE_STEP * np.where(is_log, 1.0, size + 1e-300)
    ahead = _densities(levels, shared, batch, reading.pred + step)[1]
    # Where a density is convex (far from a Student-t) the row is taken to say nothing.
    weight = np.maximum((reading.by_pred - ahead) / step, 0.0)

    slope = np.empty((len(row), levels.own))
    slope[:, : levels.individual] = jac[:, : levels.individual] * reading.slope[:, None]
    for column, calibration in enumerate(levels.varying, start=levels.individual):
        by = np.where(is_log, 1.0, reading.pred)
        slope[:, column] = np.where(calibration_of(levels)[row] == calibration, by, 0.0)
    # Padded to the longest item: batched products are much faster than sums over ragged rows.
    shape = (len(u), int(batch.place.max()) + 1, levels.own)
    dense, weighted = np.zeros(shape), np.zeros(shape)
    dense[batch.item, batch.place] = slope
    weighted[batch.item, batch.place] = slope * weight[:, None]
    precision = shared.precision[batch.draw]
    hessian = np.swapaxes(weighted, 1, 2) @ dense + precision
    by_row = np.zeros(shape[:2])
    by_row[batch.item, batch.place] = reading.by_pred
    residual = u - shared.centre[batch.draw, batch.subject]
    gradient = (by_row[:, None] @ dense)[:, 0] - np.einsum("iqr,ir->iq", precision, residual)
    lost = ~np.isfinite(value)
    hessian[lost], gradient[lost] = precision[lost], 0.0
    return value, gradient, hessian


def find_modes(
    levels: Levels,
    shared: Shared,
    batch: Batch,
    start: Floats,
    *,
    tolerance: float = 1e-8,
    evaluations: int = 40,
) -> Modes:
    """Climb to the mode of log p(y, u | theta) of every item, by Newton with a step that shortens.

    Parameters
    ----------
    levels : Levels
    shared : Shared
    batch : Batch
    start : float array (item, own)
    tolerance : float               an item is done when a full step would gain half of this
    evaluations : int               at most, after the first

    Returns
    -------
    Modes                           where an item ended, whether it has converged or not
    """
    u = start.copy()
    value, gradient, hessian = _expand(levels, shared, batch, u)
    direction = _newton(hessian, gradient)
    length = np.ones(len(u))
    active = np.flatnonzero((gradient * direction).sum(axis=1) > tolerance)
    for _ in range(evaluations):
        if not len(active):
            break
        part = make_batch(levels, batch.draw[active], batch.subject[active])
        trial = u[active] + length[active, None] * direction[active]
        new_value, new_gradient, new_hessian = _expand(levels, shared, part, trial)
        better = new_value > value[active]
        moved = active[better]
        u[moved], value[moved] = trial[better], new_value[better]
        gradient[moved], hessian[moved] = new_gradient[better], new_hessian[better]
        direction[moved] = _newton(hessian[moved], gradient[moved])
        length[moved] = np.minimum(1.0, 2 * length[moved])
        length[active[~better]] *= 0.25
        gain = (gradient[active] * direction[active]).sum(axis=1)
        active = active[(gain > tolerance) & (length[active] > 1e-5)]
    return Modes(u, value, hessian)


def _newton(hessian: Floats, gradient: Floats) -> Floats:
    return np.asarray(np.linalg.solve(hessian, gradient[..., None])[..., 0])
