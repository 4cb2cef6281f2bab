"""What an assay would read of virtual patients: residual error, and a limit below."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.declare import Model
from cellkinetics.density import LOGNORMAL, draw_readings
from cellkinetics.errors import ModelError, did_you_mean

COLUMNS = ("subject", "time", "analyte", "value", "unit", "cens", "lloq")


@dataclass(frozen=True)
class Reader:
    """Reads one observable: residual SD on the log scale, limit (None: no limit)."""

    observable: str
    unit: str
    sd: float
    lloq: float | None
    rng: np.random.Generator


def make_readers(
    model: Model, asked: Mapping[str, float | None], *, seed: int
) -> tuple[Reader, ...]:
    """Say how observables are read.

    Parameters
    ----------
    model : Model
    asked : mapping                 lower limit of quantification by observable; None: no limit
    seed : int                      a reader's draws do not depend on the other readers

    Returns
    -------
    tuple of Reader

    Raises
    ------
    ModelError                      no such observable, one without a residual error, or a limit
                                    that is not above 0
    """
    names = [q.name for q in model.observables]
    readers = []
    for name, lloq in asked.items():
        if name not in names:
            raise ModelError(
                f"{model.name}: '{name}' is not one of its observables. {did_you_mean(name, names)}"
            )
        residual = next((r for r in model.residuals if r.observable == name), None)
        if residual is None:
            stated = [r.observable for r in model.residuals]
            raise ModelError(
                f"{model.name}: no residual error is stated for '{name}', so it cannot be read"
                f" with error. {did_you_mean(name, stated)}"
            )
        at = names.index(name)
        if not model.observables[at].positive:
            raise ModelError(
                f"{model.name}: '{name}' can be 0, and a residual error on the log scale does not"
                " read that."
            )
        if lloq is not None and not 0 < lloq < np.inf:
            raise ModelError(f"{model.name}: the limit of '{name}' is {lloq:g}, wanted above 0.")
        rng = np.random.default_rng([seed, 2, at])
        readers.append(Reader(name, model.observables[at].unit, residual.sd, lloq, rng))
    return tuple(readers)


def read_patients(part: xr.Dataset, readers: tuple[Reader, ...]) -> pd.DataFrame:
    """Read patients with error; the table has the form of a study's samples.

    Parameters
    ----------
    part : Dataset                  as from :func:`cellkinetics.simulation.run.parts`, part after
                                    part in their order: a reader's draws go on
    readers : tuple of Reader

    Returns
    -------
    DataFrame                       subject, time, analyte, value, unit, cens (1: below the limit,
                                    which stands as the value), lloq; patients whose solve failed
                                    have no rows
    """
    tables = []
    solved = part["status"].to_numpy() == 0
    for reader in readers:
        level = part[reader.observable].to_numpy()
        with np.errstate(divide="ignore"):  # an underflown level: a reading of 0, below any limit
            log_level = np.log(level)
        read = draw_readings(
            reader.rng, LOGNORMAL, log_level, True, reader.sd, 0.0, np.ones(())
        )[solved]  # fmt: skip
        limit = np.nan if reader.lloq is None else reader.lloq
        below = read < limit
        tables.append(
            pd.DataFrame(
                {
                    "subject": np.repeat(part["subject"].to_numpy()[solved], part.sizes["time"]),
                    "time": np.tile(part["time"].to_numpy(), int(solved.sum())),
                    "analyte": reader.observable,
                    "value": np.where(below, limit, read).ravel(),
                    "unit": reader.unit,
                    "cens": below.ravel().astype(np.int64),
                    "lloq": limit,
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    order = pd.Series(part["subject"].to_numpy()).reset_index().set_index(0)["index"]
    table["_at"] = table["subject"].map(order)
    table = table.sort_values(["_at", "time"], kind="stable").drop(columns="_at")
    return table[list(COLUMNS)].reset_index(drop=True)
