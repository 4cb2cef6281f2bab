"""The result folder of a simulation: whole, or not there; in bounded memory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
from cellkinetics.simulation.readings import Reader, make_readers, read_patients
from cellkinetics.simulation.run import Simulation, parts
from cellkinetics.study.findings import counted

MARK, KIND = "simulation.json", "cellkinetics simulate"


class SimulationError(CellKineticsError):
    """A simulation cannot be written as it was asked for."""


_MAKER = folders.Maker(MARK, KIND, SimulationError)


@dataclass(frozen=True)
class Simulated:
    """What a simulation came to.

    Attributes
    ----------
    asked : Simulation
    bands : DataFrame               quantity, unit, time, n, p05, p50, p95
    peaks : DataFrame               quantity, measure, unit, n, p05, p50, p95
    typical : DataFrame             class, quantity, time, value: the typical patient of each class
    failures : mapping              reason -> number of patients whose equations were not solved
    files : tuple of Path
    """

    asked: Simulation
    bands: pd.DataFrame
    peaks: pd.DataFrame
    typical: pd.DataFrame
    failures: Mapping[str, int]
    files: tuple[Path, ...]


def default_folder(model: str) -> Path:
    """Folder of a model's simulation, in the working directory: ``results/NAME-simulation``."""
    plain = re.sub(r"[^\w.-]+", "-", model, flags=re.ASCII).strip("-.") or "model"
    return Path("results") / f"{plain[:80]}-simulation"


def check_folder(folder: str | Path, *, overwrite: bool = False) -> Path:
    """Refuse a folder that must not be written, before anything is computed."""
    return folders.check_folder(folder, _MAKER, overwrite=overwrite)


def write_simulation(
    asked: Simulation,
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
    asked : Simulation
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
    model = asked.model
    readers = make_readers(model, readings, seed=asked.seed) if readings else ()
    names = [q.name for q in model.observables] + [q.name for q in model.states if states]
    typical = typical_table(asked, names)
    found: list[Simulated] = []

    def fill(draft: Path) -> None:
        curves = draft / ".curves.npy"
        shape = (len(names), len(asked.times), len(asked))
        values = np.lib.format.open_memmap(curves, mode="w+", dtype=np.float64, shape=shape)
        status = _write_curves(asked, draft, names, values, readers)
        bands = band_table(model, names, asked.times, values)
        summary = peaks(model, names, asked.times, values)
        del values
        curves.unlink()
        write_csv(draft / "parameters.csv", asked.patients.table)
        write_csv(draft / "bands.csv", bands)
        write_csv(draft / "peaks.csv", summary)
        failures = {
            STATUS.get(code, f"status {code}"): int((status == code).sum())
            for code in sorted(set(status.tolist()) - {0})
        }
        if figure:
            from cellkinetics.plot.simulated import curves_of  # noqa: PLC0415  (matplotlib)
            from cellkinetics.plot.style import save  # noqa: PLC0415

            drawing = curves_of(bands, typical, title=title_of(asked))
            for suffix in (".png", ".svg"):
                save(drawing, draft / f"curves{suffix}")
        files = sorted([entry.name for entry in draft.iterdir()])
        write_json(draft / MARK, {**_content(asked, failures), "files": files})
        found.append(Simulated(asked, bands, summary, typical, failures, ()))

    files = folders.write_whole(folder, _MAKER, fill, overwrite=overwrite)
    done = found[0]
    return Simulated(asked, done.bands, done.peaks, done.typical, done.failures, tuple(files))


def title_of(asked: Simulation) -> str:
    """What a figure of the simulation is headed with."""
    count = len(asked)
    who = counted(count, "virtual patient") if asked.patients.drawn else "the typical patient"
    example = f", example {asked.example}" if asked.example else ""
    dose = ", ".join(f"{cells:.3g} cells on day {day:g}" for day, cells in asked.infusions)
    return f"{asked.model.name}{example}: {who}{'; ' + dose if dose else ''}"


def _write_curves(
    asked: Simulation, draft: Path, names: list[str], values: Floats, readers: tuple[Reader, ...]
) -> Ints:
    """Write trajectories.csv (and samples.csv) part by part; return the status of each patient."""
    units = units_of(asked.model)
    statuses, first = [], 0
    with CsvFile(draft / "trajectories.csv") as curves:
        for part in parts(asked):
            of_part = stacked(part, names)
            count = of_part.shape[2]
            values[:, :, first : first + count] = of_part
            each = len(asked.times) * len(names)
            curves.append(
                {
                    "subject": repeated(part["subject"].to_numpy(), each),
                    "time": np.tile(np.repeat(asked.times, len(names)), count),
                    "quantity": tiled(names, count * len(asked.times)),
                    "value": of_part.transpose(2, 1, 0).ravel(),
                    "unit": tiled([units[n] for n in names], count * len(asked.times)),
                }
            )
            if readers:
                _append(draft / "samples.csv", read_patients(part, readers))
            statuses.append(part["status"].to_numpy())
            first += count
    return np.concatenate(statuses)


def _append(path: Path, table: pd.DataFrame) -> None:
    new = not path.exists()
    table.to_csv(path, mode="a", header=new, index=False, float_format="%.7g")


def _content(asked: Simulation, failures: Mapping[str, int]) -> dict[str, Any]:
    model, table = asked.model, asked.patients.table
    return {
        "kind": KIND,
        "version": version("cellkinetics"),
        "model": model.name,
        "title": model.title,
        "source": model.source,
        "example": asked.example,
        "subjects": len(table),
        "classes": table["class"].value_counts().to_dict(),
        "varied": list(asked.patients.varied),
        "seed": asked.seed,
        "infusions": [{"day": day, "cells": cells} for day, cells in asked.infusions],
        "days": [float(asked.times[0]), float(asked.times[-1])],
        "rtol": asked.rtol,
        "form": asked.form,
        "method": asked.method,
        "warnings": list(asked.warnings),
        "notes": list(asked.patients.notes),
        "failures": dict(failures),
    }
