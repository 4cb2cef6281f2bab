"""Fit a folder again with a few words of its fit.toml changed, to see what hangs on them."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellkinetics.fitting.run import FitResult


def fit_changed(
    folder: Path, changes: Mapping[str, str], *, study: Path, work: Path, name: str
) -> "FitResult":
    """Fit a copy of a fit's folder whose fit.toml reads differently.

    Parameters
    ----------
    folder : Path                   the fit; Python files beside fit.toml (its model) come along
    changes : mapping               text that occurs once in fit.toml -> what stands there instead;
                                    the key "" appends
    study : Path                    the study's tables
    work : Path                     where the copy and its result go
    name : str                      of the copy and its result

    Returns
    -------
    FitResult
    """
    from cellkinetics.fitting.run import fit  # noqa: PLC0415  # the preparing scripts do not need PyMC

    text = (folder / "fit.toml").read_text(encoding="utf-8")
    for old, new in changes.items():
        if not old:
            text += new
            continue
        if text.count(old) != 1:
            raise ValueError(
                f"{folder.name}/fit.toml has {old!r} {text.count(old)} times, not once"
            )
        text = text.replace(old, new)
    copy = work / f"{name}-fit"
    copy.mkdir(parents=True)
    (copy / "fit.toml").write_text(text, encoding="utf-8")
    for file in folder.glob("*.py"):
        shutil.copy(file, copy)
    return fit(copy, study=study, out=work / name, progress=False)
