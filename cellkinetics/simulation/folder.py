"""The result folder of a simulation: whole, or not there; in bounded memory."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics import files as folders
from cellkinetics.errors import CellKineticsError
from cellkinetics.files import write_csv, write_json
from cellkinetics.kernel.compiled import STATUS
from cellkinetics.kernel.layout import Floats, Ints
from cellkinetics.simulation.bands import band_table, peaks, stacked, typical_table, units_of
from cellkinetics.simulation.csv_file import CsvFile, repeated, tiled
from cellkinetics.simulation.metrics import metric_table
from cellkinetics.simulation.readings import Reader, make_readers, read_patients
from cellkinetics.simulation.run import Simulation, parts
from cellkinetics.study.findings import counted

MARK, KIND = "simulation.json", "cellkinetics simulate"


class SimulationError(CellKineticsError):
    """A simulation cannot be written as it was asked for."""


MAKER = folders.Maker(MARK, KIND, SimulationError)


@dataclass(frozen=True)
class Simulated:
    """What a simulation came to; with dose levels every table begins with a column ``dose``.

    Attributes
    ----------
    groups : tuple of Simulation    one, or one a dose level
    bands : DataFrame               quantity, unit, time, n, p05, p50, p95
    peaks : DataFrame               quantity, measure, unit, n, p05, p50, p95
    exposure : DataFrame            quantity, metric, unit, n, median, lower, upper, remark
    typical : DataFrame             class, quantity, time, value: the typical patient of each class
    failures : mapping              reason -> number of patients whose equations were not solved
    files : tuple of Path
    """

    groups: tuple[Simulation, ...]
    bands: pd.DataFrame
    peaks: pd.DataFrame
    exposure: pd.DataFrame
    typical: pd.DataFrame
    failures: Mapping[str, int]
    files: tuple[Path, ...]


def default_folder(model: str) -> Path:
    """Folder of a model's simulation, in the working directory: ``results/NAME-simulation``."""
    plain = re.sub(r"[^\w.-]+", "-", model, flags=re.ASCII).strip("-.") or "model"
    return Path("results") / f"{plain[:80]}-simulation"


def check_folder(folder: str | Path, *, overwrite: bool = False) -> Path:
    """Refuse a folder that must not be written, before anything is computed."""
    return folders.check_folder(folder, MAKER, overwrite=overwrite)


def write_simulation(
    groups: Sequence[Simulation],
    folder: str | Path,
    *,
    states: bool = False,
    readings: Mapping[str, float | None] | None = None,
    overwrite: bool = False,
    figure: bool = False,
) -> Simulated:
    """Solve a simulation and write its result folder, whole or not at all.

    Parameters
    ----------
    groups : sequence of Simulation one, or one a dose level
    folder : path
    states : bool                   curves of the states too, not of the observables alone
    readings : mapping, optional    observables to be read with residual error, each with its lower
                                    limit or None; written as a study's samples.csv
    overwrite : bool                replace an earlier result of ours
    figure : bool

    Returns
    -------
    Simulated

    Raises
    ------
    ModelError                      of the readings
    SimulationError                 the folder may not be written
    """
    model = groups[0].model
    asked = dict(readings or {})
    make_readers(model, asked, seed=groups[0].seed)  # refuse what cannot be read before solving
    names = [q.name for q in model.observables] + [q.name for q in model.states if states]
    typical = by_dose(groups, [typical_table(group, names) for group in groups])
    found: list[Simulated] = []

    def fill(draft: Path) -> None:
        tables: list[list[pd.DataFrame]] = []
        statuses: list[Ints] = []
        with CsvFile(draft / "trajectories.csv") as curves:
            for group in groups:
                readers = make_readers(model, asked, seed=group.seed)
                known = {name: limit for name, limit in asked.items() if limit is not None}
                status, *of_group = _solve(
                    group, draft, curves, names, readers, {**group.limits, **known}
                )
                statuses.append(status)
                tables.append(of_group)
        bands, summary, exposure = (
            by_dose(groups, list(column)) for column in zip(*tables, strict=True)
        )
        failures = failures_of(np.concatenate(statuses))
        patients = by_dose(groups, [group.patients.table for group in groups])
        write_csv(draft / "parameters.csv", patients)
        write_csv(draft / "bands.csv", bands)
        write_csv(draft / "peaks.csv", summary)
        write_csv(draft / "exposure.csv", exposure)
        if figure:
            from cellkinetics.plot.doses import curves_by_dose  # noqa: PLC0415  (matplotlib)
            from cellkinetics.plot.simulated import curves_of  # noqa: PLC0415
            from cellkinetics.plot.style import save  # noqa: PLC0415

            title, of_what = title_of(groups), drawn_of(groups[0])
            drawing = (
                curves_by_dose(bands, title=title, of=of_what, unit=groups[0].dose_unit)
                if len(groups) > 1
                else curves_of(bands, typical, title=title, of=of_what)
            )
            for suffix in (".png", ".svg"):
                save(drawing, draft / f"curves{suffix}")
        files = sorted([entry.name for entry in draft.iterdir()])
        write_json(draft / MARK, {**content(groups), "failures": failures, "files": files})
        found.append(Simulated(tuple(groups), bands, summary, exposure, typical, failures, ()))

    files = folders.write_whole(folder, MAKER, fill, overwrite=overwrite)
    return replace(found[0], files=tuple(files))


def title_of(groups: Sequence[Simulation]) -> str:
    """What a figure of the simulation is headed with."""
    asked, count = groups[0], len(groups[0])
    if asked.subject:
        who = f"subject {asked.subject}, {counted(count, 'draw')}"
    elif asked.patients.drawn:
        who = counted(count, "virtual patient")
    else:
        who = "the typical patient"
    example = f", example {asked.example}" if asked.example else ""
    dose = ", ".join(f"{cells:.3g} cells on day {day:g}" for day, cells in asked.infusions)
    if len(groups) > 1:
        low, high = groups[0].dose, groups[-1].dose
        dose = f"{len(groups)} doses, {low:.3g} to {high:.3g} {asked.dose_unit}"
    origin = f", {asked.origin}" if asked.origin else ""
    return f"{asked.model.name}{origin}{example}: {who}{'; ' + dose if dose else ''}"


def drawn_of(asked: Simulation) -> str:
    """Of what the bands are quantiles."""
    return "draws" if asked.subject else "patients"


def warnings_of(groups: Sequence[Simulation]) -> list[str]:
    """Warnings of all groups, each once."""
    return list(dict.fromkeys(sentence for group in groups for sentence in group.warnings))


def failures_of(status: Ints) -> dict[str, int]:
    """How many patients were not solved, by the reason."""
    return {
        STATUS.get(code, f"status {code}"): int((status == code).sum())
        for code in sorted(set(status.tolist()) - {0})
    }


def content(groups: Sequence[Simulation]) -> dict[str, Any]:
    """What simulation.json says of what was asked."""
    asked = groups[0]
    model, table = asked.model, asked.patients.table
    doses = [
        {
            "dose": group.dose,
            "unit": group.dose_unit,
            "infusions": [{"day": day, "cells": cells} for day, cells in group.infusions],
        }
        for group in groups
    ]
    return {
        "kind": KIND,
        "version": version("cellkinetics"),
        "model": model.name,
        "origin": asked.origin or "the model as published",
        "title": model.title,
        "source": model.source,
        "example": asked.example,
        "subject": asked.subject,
        "subjects": len(table),
        "classes": table["class"].value_counts().to_dict(),
        "varied": list(asked.patients.varied),
        "seed": asked.seed,
        "infusions": doses[0]["infusions"] if len(groups) == 1 else None,
        "doses": doses if len(groups) > 1 else None,
        "limits": dict(asked.limits),
        "days": [float(asked.times[0]), float(asked.times[-1])],
        "rtol": asked.rtol,
        "form": asked.form,
        "method": asked.method,
        "warnings": warnings_of(groups),
        "notes": list(asked.patients.notes),
    }


def _solve(
    asked: Simulation,
    draft: Path,
    curves: CsvFile,
    names: list[str],
    readers: tuple[Reader, ...],
    limits: Mapping[str, float],
) -> tuple[Ints, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Write a group's curves and readings; its statuses, bands, peaks and exposure."""
    memory = draft / ".curves.npy"
    shape = (len(names), len(asked.times), len(asked))
    values = np.lib.format.open_memmap(memory, mode="w+", dtype=np.float64, shape=shape)
    status = _write_curves(asked, draft, curves, names, values, readers)
    model, times = asked.model, asked.times
    bands = band_table(model, names, times, values)
    summary = peaks(model, names, times, values)
    exposure = metric_table(model, names, times, values, limits)
    del values
    memory.unlink()
    return status, bands, summary, exposure


def _write_curves(
    asked: Simulation,
    draft: Path,
    curves: CsvFile,
    names: list[str],
    values: Floats,
    readers: tuple[Reader, ...],
) -> Ints:
    """Write trajectories.csv (and samples.csv) part by part; return the status of each patient."""
    units = units_of(asked.model)
    statuses, first = [], 0
    for part in parts(asked):
        of_part = stacked(part, names)
        count = of_part.shape[2]
        values[:, :, first : first + count] = of_part
        each = len(asked.times) * len(names)
        group = {} if np.isnan(asked.dose) else {"dose": np.full(count * each, asked.dose)}
        curves.append(
            {
                **group,
                "subject": repeated(part["subject"].to_numpy(), each),
                "time": np.tile(np.repeat(asked.times, len(names)), count),
                "quantity": tiled(names, count * len(asked.times)),
                "value": of_part.transpose(2, 1, 0).ravel(),
                "unit": tiled([units[n] for n in names], count * len(asked.times)),
            }
        )
        if readers:
            _append(draft / "samples.csv", with_dose(asked, read_patients(part, readers)))
        statuses.append(part["status"].to_numpy())
        first += count
    return np.concatenate(statuses)


def _append(path: Path, table: pd.DataFrame) -> None:
    new = not path.exists()
    table.to_csv(path, mode="a", header=new, index=False, float_format="%.7g")


def by_dose(groups: Sequence[Simulation], tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables of all groups, one under the other, each with its dose where there are several."""
    labelled = [with_dose(group, table) for group, table in zip(groups, tables, strict=True)]
    return pd.concat(labelled, ignore_index=True)


def with_dose(group: Simulation, table: pd.DataFrame) -> pd.DataFrame:
    """A group's table, with its dose in front where it is one of several."""
    if np.isnan(group.dose):
        return table
    return pd.concat([pd.DataFrame({"dose": group.dose}, index=table.index), table], axis="columns")
