"""The folder of a result: opened for a new one, read back."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from cellkinetics.errors import FitError
from cellkinetics.files import write_json
from cellkinetics.fitting.provenance import changes


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
    return FitResult(
        folder=path,
        tree=xr.open_datatree(path / "posterior.zarr", engine="zarr", consolidated=False),
        parameters=pd.read_csv(path / "parameters.csv"),
        individuals=pd.read_csv(path / "individuals.csv", dtype={"subject": str}),
        shrinkage=pd.read_csv(path / "shrinkage.csv"),
        summary=json.loads((path / "summary.json").read_text(encoding="utf-8")),
    )


def is_quick(identity: dict[str, Any]) -> bool:
    """Whether what identity.json describes is a quick answer."""
    return identity.get("method") == "quick"


def open_folder(target: Path, own: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Make the result folder, or refuse: nothing is overwritten or mixed in silence."""
    identity_file = target / "identity.json"
    if target.exists() and not target.is_dir():
        raise FitError(f"{target} is a file; the result needs a folder. Choose another --out.")
    if overwrite and target.exists():
        if any(target.iterdir()) and not identity_file.is_file():
            raise FitError(
                f"{target} is not a result folder of cellkinetics (no identity.json), so it is not"
                " overwritten. Choose another --out."
            )
        shutil.rmtree(target)
    if target.exists() and any(target.iterdir()):
        if not resume:
            raise FitError(
                f"{target} holds an earlier fit. Continue it with --resume, replace it with"
                " --overwrite, or choose another --out."
            )
        if not identity_file.is_file():
            raise FitError(f"{target} holds no fit that could be resumed (no identity.json).")
        found = json.loads(identity_file.read_text(encoding="utf-8"))
        if is_quick(found):
            raise FitError(
                f"{target} holds an approximate answer of --quick, which has no chains to continue."
                " Sample the posterior with --overwrite in place of --resume, or choose another"
                " --out."
            )
        different = changes(found, own)
        if different:
            raise FitError(
                f"{target} cannot be resumed: what it was made from has changed.\n  "
                + "\n  ".join(different)
                + "\nUndo the change, or start anew with --overwrite."
            )
    target.mkdir(parents=True, exist_ok=True)
    write_json(identity_file, own)
