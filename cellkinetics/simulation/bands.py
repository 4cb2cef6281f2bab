"""Quantiles over virtual patients, and what their curves come to."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.declare import Model
from cellkinetics.kernel.layout import Floats
from cellkinetics.simulation.run import Simulation, parts

QUANTILES = (0.05, 0.5, 0.95)


def band_table(model: Model, names: Sequence[str], times: Floats, values: Floats) -> pd.DataFrame:
    """Quantiles over patients at each time.

    Parameters
    ----------
    model : Model
    names : sequence of str         observables or states
    times : float array (time,), day
    values : float array (quantity, time, patient)      NaN where a patient was not solved

    Returns
    -------
    DataFrame                       quantity, unit, time, n (patients solved), p05, p50, p95
    """
    units = units_of(model)
    tables = []
    for name, of_one in zip(names, values, strict=True):
        n = np.count_nonzero(np.isfinite(of_one), axis=1)
        # By time: a quantity of very many patients may lie on disk.
        found = np.full((len(times), len(QUANTILES)), np.nan)
        for i in np.flatnonzero(n):
            found[i] = np.nanquantile(of_one[i], QUANTILES)
        tables.append(
            pd.DataFrame(
                {"quantity": name, "unit": units[name], "time": times, "n": n}
                | {column_of(q): found[:, i] for i, q in enumerate(QUANTILES)}
            )
        )
    return pd.concat(tables, ignore_index=True)


def peaks(model: Model, names: Sequence[str], times: Floats, values: Floats) -> pd.DataFrame:
    """Peak, its day and the last level of each patient, as quantiles over patients.

    Parameters
    ----------
    model, names, times, values     as in :func:`band_table`

    Returns
    -------
    DataFrame                       quantity, measure (peak, day of the peak, level on the last
                                    day), unit, n, p05, p50, p95; peaks are those of the grid
    """
    units = units_of(model)
    rows = []
    for name, of_one in zip(names, values, strict=True):
        peak, day = np.full(of_one.shape[1], -np.inf), np.zeros(of_one.shape[1])
        for when, level in zip(times, of_one, strict=True):
            higher = level > peak
            peak[higher], day[higher] = level[higher], when
        solved = np.isfinite(np.asarray(of_one[-1])) & np.isfinite(peak)
        for measure, unit, of_patient in (
            ("peak", units[name], peak),
            ("day of the peak", "day", day),
            (f"on day {times[-1]:g}", units[name], np.asarray(of_one[-1])),
        ):
            kept = of_patient[solved]
            found = np.quantile(kept, QUANTILES) if len(kept) else np.full(3, np.nan)
            rows.append(
                {"quantity": name, "measure": measure, "unit": unit, "n": len(kept)}
                | {column_of(q): v for q, v in zip(QUANTILES, found, strict=True)}
            )
    return pd.DataFrame(rows)


def typical_table(asked: Simulation, names: Sequence[str]) -> pd.DataFrame:
    """Curves of the typical patient of each class that was asked for.

    Returns
    -------
    DataFrame                       class, quantity, time, value
    """
    if asked.typical.table.empty:  # draws of one subject
        return pd.DataFrame(columns=["class", "quantity", "time", "value"])
    tables = []
    for part in parts(replace(asked, patients=asked.typical)):
        for i, of_class in enumerate(part["patient_class"].to_numpy()):
            for name in names:
                level = part[name].to_numpy()[i]
                tables.append(
                    pd.DataFrame(
                        {"class": of_class, "quantity": name, "time": asked.times, "value": level}
                    )
                )
    return pd.concat(tables, ignore_index=True)


def stacked(part: xr.Dataset, names: Sequence[str]) -> Floats:
    """Curves of some quantities, (quantity, time, patient)."""
    return np.stack([part[name].to_numpy().T for name in names])


def column_of(quantile: float) -> str:
    """Name of a quantile's column: ``p05``."""
    return f"p{round(100 * quantile):02d}"


def units_of(model: Model) -> dict[str, str]:
    """Units of observables and states by name."""
    return {q.name: q.unit for q in model.observables} | {q.name: q.unit for q in model.states}
