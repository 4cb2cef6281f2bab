"""A result, and how it is read back from its folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from cellkinetics.errors import FitError


@dataclass(frozen=True)
class FitResult:
    """A finished fit.

    Attributes
    ----------
    folder : Path
    tree : DataTree                 posterior, sample_stats, log_likelihood, posterior_predictive,
                                    prior, prior_predictive, observed_data
    parameters, individuals, shrinkage : DataFrames
    summary : dict                  what summary.json holds
    """

    folder: Path
    tree: xr.DataTree
    parameters: pd.DataFrame
    individuals: pd.DataFrame
    shrinkage: pd.DataFrame
    summary: dict[str, Any]

    @property
    def approximate(self) -> bool:
        """Whether it is a quick answer, not a sampled posterior."""
        return bool(self.summary.get("approximate", False))

    @property
    def passed(self) -> bool:
        """Whether all of the fit's own checks passed."""
        return bool(self.summary["checks"]["passed"])


def load_fit(folder: str | Path) -> FitResult:
    """Read a result folder.

    Returns
    -------
    FitResult                       its ``approximate`` says whether it is a quick answer

    Raises
    ------
    FitError                        there is no result, or it is not whole
    """
    path = Path(folder)
    if not (path / "summary.json").is_file():
        unfinished = (path / "identity.json").is_file()
        raise FitError(
            f"{path} holds an unfinished fit: continue it with --resume."
            if unfinished
            else f"{path} holds no result: it has no summary.json."
        )
    try:
        summary = json.loads((path / "summary.json").read_text(encoding="utf-8"))
        if not isinstance(summary, dict):
            raise ValueError("summary.json is not what a fit writes")
        return FitResult(
            folder=path,
            tree=xr.open_datatree(path / "posterior.zarr", engine="zarr", consolidated=False),
            parameters=pd.read_csv(path / "parameters.csv"),
            # Labels are taken as they are: a subject may be called "null" or "007".
            individuals=pd.read_csv(path / "individuals.csv", converters={"subject": str}),
            shrinkage=pd.read_csv(path / "shrinkage.csv"),
            summary=summary,
        )
    except (OSError, ValueError) as error:
        raise FitError(
            f"{path} holds a result that is not whole or was changed: {error}."
            " Make it anew with --overwrite."
        ) from error
