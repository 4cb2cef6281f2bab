"""The result folder of a hybrid simulation: who was cured, by when, and the curves of all runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics import files as folders
from cellkinetics.errors import ModelError
from cellkinetics.files import write_csv, write_json
from cellkinetics.kernel.layout import Floats
from cellkinetics.simulation.bands import band_table
from cellkinetics.simulation.cure import check_hybrid, cure_by_day
from cellkinetics.simulation.folder import (
    MAKER,
    MARK,
    by_dose,
    content,
    failures_of,
    title_of,
)
from cellkinetics.simulation.hybrid import CURED, NEITHER, PROGRESSED, RTOL, simulate_hybrid
from cellkinetics.simulation.metrics import metric_table
from cellkinetics.simulation.run import Simulation

DAYS = (28.0, 90.0, 180.0, 365.0)
"""Days by which the probability of cure is always stated, where they are simulated."""
MOST_VALUES = 200_000_000
"""Values of curves held at a time, 1.6 GB."""


@dataclass(frozen=True)
class HybridSimulated:
    """What a hybrid simulation came to; with dose levels every table begins with ``dose``.

    Attributes
    ----------
    groups : tuple of Simulation    one, or one a dose level
    runs : int                      of each patient
    cure : DataFrame                day, n, patients, cured, probability, lower, upper
    responses : DataFrame           response, runs: by what came first
    bands : DataFrame               quantity, unit, time, n, p05, p50, p95, over all runs
    failures : mapping              reason -> number of runs that were not solved
    files : tuple of Path
    """

    groups: tuple[Simulation, ...]
    runs: int
    cure: pd.DataFrame
    responses: pd.DataFrame
    bands: pd.DataFrame
    failures: Mapping[str, int]
    files: tuple[Path, ...]


def write_hybrid(
    groups: Sequence[Simulation],
    folder: str | Path,
    *,
    runs: int = 1,
    rtol: float = RTOL,
    states: bool = False,
    overwrite: bool = False,
    figure: bool = False,
) -> HybridSimulated:
    """Simulate patients whose tumour can die out, and write the result, whole or not at all.

    Parameters
    ----------
    groups : sequence of Simulation one, or one a dose level; of a model with ``stochastic``
    folder : path
    runs : int                      of each patient, who is the same in each but for chance
    rtol : float                    of the integrator
    states : bool                   curves of the states too
    overwrite : bool                replace an earlier result of ours
    figure : bool

    Returns
    -------
    HybridSimulated

    Raises
    ------
    ModelError                      nothing in the model can die out, more runs than the memory
                                    holds, or none that was solved
    SimulationError                 the folder may not be written
    """
    model, times = groups[0].model, groups[0].times
    check_hybrid(model)
    quantities = len(model.observables) + len(model.states)
    if len(groups[0]) * runs * len(times) * quantities > MOST_VALUES:
        raise ModelError(
            f"{len(groups[0])} patients x {runs} runs x {len(times)} times are more than is held"
            f" at once ({MOST_VALUES:.0e} values). Give fewer --times, --runs or --subjects."
        )
    names = [q.name for q in model.observables] + [q.name for q in model.states if states]
    days = np.union1d(times, [day for day in DAYS if day <= times[-1]])
    tables: list[list[pd.DataFrame]] = []
    statuses = []
    for group in groups:
        found = simulate_hybrid(
            model,
            group.patients.table.drop(columns="class"),
            times,
            list(group.infusions) if group.infusions else None,
            seed=group.seed,
            replicates=runs,
            rtol=rtol,
            threads=group.threads,
        )
        values = _curves(found, names)
        tables.append(
            [
                cure_by_day(found, days),
                _responses(found),
                _runs(group, found),
                band_table(model, names, times, values),
                metric_table(model, names, times, values, group.limits),
            ]
        )
        statuses.append(found["status"].to_numpy().ravel())
    cure, responses, of_runs, bands, exposure = (
        by_dose(groups, list(column)) for column in zip(*tables, strict=True)
    )
    failures = failures_of(np.concatenate(statuses))

    def fill(draft: Path) -> None:
        write_csv(draft / "parameters.csv", by_dose(groups, [g.patients.table for g in groups]))
        write_csv(draft / "cure.csv", cure)
        write_csv(draft / "runs.csv", of_runs)
        write_csv(draft / "bands.csv", bands)
        write_csv(draft / "exposure.csv", exposure)
        if figure:
            _draw(draft, groups, cure, bands)
        own = {"hybrid": {"runs": runs, "rtol": rtol}, "failures": failures}
        files = sorted([entry.name for entry in draft.iterdir()])
        write_json(draft / MARK, {**content(groups), **own, "files": files})

    files = folders.write_whole(folder, MAKER, fill, overwrite=overwrite)
    return HybridSimulated(tuple(groups), runs, cure, responses, bands, failures, tuple(files))


def _curves(found: xr.Dataset, names: Sequence[str]) -> Floats:
    """Curves of all runs of all patients, (quantity, time, run); NaN where one was not solved."""
    solved = (found["status"].to_numpy() == 0).ravel()
    out = [found[name].to_numpy().reshape(-1, found.sizes["time"]).T for name in names]
    return np.where(solved, np.stack(out), np.nan)


def _responses(found: xr.Dataset) -> pd.DataFrame:
    response = found["response"].to_numpy().ravel()
    kinds = (CURED, PROGRESSED, NEITHER)
    return pd.DataFrame({"response": kinds, "runs": [int((response == k).sum()) for k in kinds]})


def _runs(group: Simulation, found: xr.Dataset) -> pd.DataFrame:
    """A row a run: its response, and the days of what happened."""
    runs = found.sizes["replicate"]
    return pd.DataFrame(
        {
            "subject": np.repeat(group.patients.table["subject"].to_numpy(), runs),
            "run": np.tile(np.arange(1, runs + 1), len(group)),
            "response": found["response"].to_numpy().ravel(),
            **{name: found[name].to_numpy().ravel() for name in ("few", "extinct", "progressed")},
        }
    )


def _draw(
    draft: Path, groups: Sequence[Simulation], cure: pd.DataFrame, bands: pd.DataFrame
) -> None:
    from cellkinetics.plot.cure import cure_curves  # noqa: PLC0415  (matplotlib)
    from cellkinetics.plot.doses import curves_by_dose  # noqa: PLC0415
    from cellkinetics.plot.simulated import curves_of  # noqa: PLC0415
    from cellkinetics.plot.style import save  # noqa: PLC0415

    title, unit = title_of(groups), groups[0].dose_unit
    nobody = pd.DataFrame(columns=["class", "quantity", "time", "value"])
    figures = {
        "curves": curves_by_dose(bands, title=title, of="runs", unit=unit)
        if len(groups) > 1
        else curves_of(bands, nobody, title=title, of="runs"),
        "cure": cure_curves(cure, title=title, unit=unit),
    }
    for name, drawing in figures.items():
        for suffix in (".png", ".svg"):
            save(drawing, draft / f"{name}{suffix}")
