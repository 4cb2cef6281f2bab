"""The numbers of a fit as Stan's data: priors, what is known of each subject, every reading.

Methods M1 to M7, links and limits have already decided what each row says; here rows are brought
to the few forms that the program knows.
"""

from dataclasses import dataclass
from math import inf, isfinite, isnan, log
from typing import Any

import numpy as np

from cellkinetics.density import COMBINED, INTERVAL, LEFT, OBSERVED, RIGHT
from cellkinetics.errors import SpecError
from cellkinetics.exporting.stan_classes import class_data
from cellkinetics.joint import OMEGA_CALIBRATION_SD, Joint

NEVER = 1e300
"""Day of what never happens: JSON has no infinity."""


@dataclass(frozen=True)
class Reading:
    """One row on the scale of its error: log y, or y with a combined error."""

    kind: int
    value: float
    low: float
    high: float
    conditional: bool
    floor: float


def stan_data(joint: Joint) -> dict[str, Any]:
    """What the data block of :func:`cellkinetics.exporting.stan.stan_program` asks for.

    Positions count from 1; 0 says that there is none.

    Parameters
    ----------
    joint : Joint

    Returns
    -------
    dict                            plain numbers and lists, all finite

    Raises
    ------
    SpecError                       a row or a number that Stan has no form for
    """
    obs, population = joint.observations, joint.population
    readings = _readings(joint)
    analytes = [obs.analytes[i] for i in obs.analyte]
    data: dict[str, Any] = {
        "n_subjects": len(obs.subjects),
        "n_rows": len(readings),
        "mu_mean": [q.loc for q in joint.estimated],
        "mu_sd": [q.sd for q in joint.estimated],
        "fixed": [0.0 if q.sd > 0 else q.loc for q in population.typical],
        "estimated": [i for i, q in enumerate(population.typical, start=1) if q.sd > 0],
        "known": _finite(joint),
        "row_subject": (obs.subject + 1).tolist(),
        "row_observable": (obs.rows.observable + 1).tolist(),
        "row_is_log": obs.pred_is_log.astype(int).tolist(),
        "row_offset": obs.offset.tolist(),
        "row_family": obs.family.tolist(),
        "row_kind": [q.kind for q in readings],
        "row_value": [q.value for q in readings],
        "row_low": [q.low for q in readings],
        "row_high": [q.high for q in readings],
        "row_conditional": [int(q.conditional) for q in readings],
        "row_floor": [q.floor for q in readings],
        "row_nu": obs.nu.tolist(),
        "row_a": [q.a + 1 for q in analytes],
        "row_b": [q.b + 1 for q in analytes],
        "error_median": [q.median for q in obs.errors],
        "error_log_sd": [q.log_sd for q in obs.errors],
    }
    if population.omega:
        data["omega_median"] = [q.median for q in population.omega]
        data["omega_log_sd"] = [q.log_sd for q in population.omega]
    if len(population.correlated) > 1:
        data["lkj"] = population.lkj
    if population.effects:
        data["effect_mean"] = [q.mean for q in population.effects]
        data["effect_sd"] = [q.sd for q in population.effects]
        data["effect_on"] = [population.names.index(q.parameter) + 1 for q in population.effects]
        data["covariates"] = np.column_stack([q.column for q in population.effects]).tolist()
    if population.classes:
        data |= class_data(joint, population.classes)
    if obs.calibrations:
        varying = [i for i, q in enumerate(obs.calibrations) if q.per_subject]
        data["calibration_median"] = [q.median for q in obs.calibrations]
        data["calibration_log_sd"] = [q.log_sd for q in obs.calibrations]
        data["row_calibration"] = [q.calibration + 1 for q in analytes]
        if varying:
            data["omega_calibration_sd"] = OMEGA_CALIBRATION_SD
            data["row_varying"] = [
                varying.index(q.calibration) + 1 if q.calibration in varying else 0
                for q in analytes
            ]
    data |= {"row_time": obs.rows.time.tolist()} if joint.kernel.closed else _ode_data(joint)
    _check_priors(data)
    for name, values in data.items():
        if not np.isfinite(np.asarray(values, dtype=np.float64)).all():
            raise SpecError(
                f"Stan's data cannot hold '{name}': it has a number that is not finite."
            )
    return data


def _ode_data(joint: Joint) -> dict[str, Any]:
    """Distinct times of each subject, infusions, and the solver's tolerances."""
    obs, dosing = joint.observations, joint.dosing
    grid: list[float] = []
    start, place = [1], np.empty(len(obs.value), dtype=np.int64)
    for i in range(len(obs.subjects)):
        rows = slice(obs.rows.start[i], obs.rows.start[i + 1])
        times, where = np.unique(obs.rows.time[rows], return_inverse=True)
        place[rows] = len(grid) + 1 + where
        grid += times.tolist()
        start.append(len(grid) + 1)
    rtol = joint.spec.kernel.rtol
    smallest = [1e-8 * q.smallest for q in joint.model.states if not q.positive]
    return {
        "n_grid": len(grid),
        "grid": grid,
        "grid_start": start,
        "row_place": place.tolist(),
        "n_infusions": len(dosing.time),
        "infusion_start": (dosing.start + 1).tolist(),
        "infusion_time": dosing.time.tolist(),
        "infusion_cells": dosing.cells.tolist(),
        "rtol": rtol,
        # One number for all states: of logarithms rtol is the relative error of the state.
        "atol": min([rtol, *smallest]),
        "max_steps": joint.spec.kernel.max_steps,
    }


def _finite(joint: Joint) -> list[list[float]]:
    """Fixed parameters and inputs of each subject; what never happens gets a day far away."""
    known = np.where(joint.constants == inf, NEVER, joint.constants)
    if not np.isfinite(known).all():
        i, j = np.argwhere(~np.isfinite(known))[0]
        raise SpecError(
            f"'{joint.kernel.constants[j]}' of subject {joint.subjects[i]} is"
            f" {known[i, j]}, which Stan's data cannot hold."
        )
    rows: list[list[float]] = known.tolist()
    return rows


def reading_of(
    kind: int, family: int, value: float, lower: float, upper: float, floor: float
) -> Reading | None:
    """One row (as :func:`cellkinetics.density.log_density` takes it) as the program knows it.

    Returns
    -------
    Reading, or None where the row has no density: a zero under a log-normal error
    """

    def scaled(y: float) -> float:
        if family == COMBINED or isnan(y):
            return float(y)
        return log(y) if y > 0 else -inf

    x, bottom = scaled(value), scaled(floor)
    low = -inf if kind in (OBSERVED, LEFT) else scaled(lower)
    high = inf if kind in (OBSERVED, RIGHT) else scaled(upper)
    low = max(low, bottom)
    possible = isfinite(x) and x >= bottom if kind == OBSERVED else low < high
    if not possible:
        return None
    if kind != OBSERVED:
        kind = LEFT if low == -inf else RIGHT if high == inf else INTERVAL
    return Reading(
        kind=kind,
        value=x if kind == OBSERVED else 0.0,
        low=low if kind in (RIGHT, INTERVAL) else 0.0,
        high=high if kind in (LEFT, INTERVAL) else 0.0,
        conditional=bottom > -inf,
        floor=bottom if bottom > -inf else 0.0,
    )


def _readings(joint: Joint) -> list[Reading]:
    obs = joint.observations
    found = []
    for r in range(len(obs.value)):
        limits = (obs.value[r], obs.lower[r], obs.upper[r], obs.floor[r])
        reading = reading_of(int(obs.kind[r]), int(obs.family[r]), *map(float, limits))
        if reading is None:
            sample = obs.table.iloc[r]
            raise SpecError(
                f"samples.csv, line {sample['line']} (subject {sample['subject']}): the reading"
                f" {sample['value']:g} of '{sample['analyte']}' has no density under"
                f" {obs.analytes[obs.analyte[r]].limits} Correct it, or leave it out."
            )
        found.append(reading)
    return found


def _check_priors(data: dict[str, Any]) -> None:
    """A prior without spread is a point, which a Stan parameter cannot have."""
    for name in ("error_log_sd", "omega_log_sd", "effect_sd", "calibration_log_sd"):
        if any(not sd > 0 for sd in data.get(name, [])):
            what = name.removesuffix("_log_sd").removesuffix("_sd")
            raise SpecError(
                f"A prior of this fit ({what}) has an SD of 0, which Stan cannot sample."
                " Give it a spread in fit.toml."
            )
