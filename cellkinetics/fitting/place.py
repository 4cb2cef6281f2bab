"""The place of a result: made, held against other processes, emptied, or refused."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cellkinetics.errors import FitError
from cellkinetics.files import aside, delete, write_json
from cellkinetics.fitting.provenance import changes
from cellkinetics.fitting.store import locked

OURS = frozenset(
    {
        *(
            "identity.json",
            "summary.json",
            "fit.toml",
            "model.py",
            "posterior.zarr",
            "checkpoint",
            "figures",
        ),
        *("parameters.csv", "individuals.csv", "shrinkage.csv", "left_out.csv"),
    }
)
"""What a fit writes into its folder."""


def make_folder(folder: str | Path) -> Path:
    """Make a folder for results, and say where it is.

    Returns
    -------
    Path                            absolute

    Raises
    ------
    FitError                        it cannot be made there
    """
    target = Path(folder).resolve()
    if target.exists() and not target.is_dir():
        raise FitError(f"{target} is a file; the result needs a folder. Choose another --out.")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FitError(
            f"The folder {target} cannot be made ({error.strerror}). Choose another --out."
        ) from error
    return target


@contextmanager
def held(folder: str | Path) -> Iterator[Path]:
    """Hold the place of a result, whether or not there is one, against other processes.

    The lock is beside the folder, so that it outlives what --overwrite deletes.

    Returns
    -------
    Path                            absolute

    Raises
    ------
    FitError                        another process is at it, or nothing can be written there
    """
    target = Path(folder).resolve()
    if target.exists() and not target.is_dir():
        raise FitError(f"{target} is a file; the result needs a folder. Choose another --out.")
    if not target.name:
        raise FitError(f"{target} is no place for a result. Choose another --out.")
    make_folder(target.parent)
    with locked(target.with_name(f".{target.name}.lock"), target):
        yield target


def open_folder(target: Path, own: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Make the folder of a sampled fit, or refuse: nothing is overwritten or mixed in silence."""
    file = target / "identity.json"
    if overwrite and is_taken(target):
        refuse_foreign(target)
        remove(target)
    if is_taken(target):
        if not resume:
            raise FitError(
                f"{target} holds an earlier fit. Continue it with --resume, replace it with"
                " --overwrite, or choose another --out."
                if file.is_file()
                else f"{target} holds files that are no result of a fit (no identity.json)."
                " Choose another --out."
            )
        if not file.is_file():
            raise FitError(f"{target} holds no fit that could be resumed (no identity.json).")
        found = read_identity(target)
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
    make_folder(target)
    # Its presence says that all the rest is there, which from here on it may not be.
    (target / "summary.json").unlink(missing_ok=True)
    write_json(file, own)


def is_taken(target: Path) -> bool:
    """Whether there is anything in a folder."""
    return target.is_dir() and any(target.iterdir())


def is_quick(identity: dict[str, Any]) -> bool:
    """Whether what identity.json describes is a quick answer."""
    return identity.get("method") == "quick"


def read_identity(target: Path) -> dict[str, Any]:
    """Say what a result was made from.

    Raises
    ------
    FitError                        identity.json cannot be read
    """
    file = target / "identity.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FitError(
            f"{file} cannot be read ({error}): what the result was made from is not known, so it"
            " cannot be continued. Start anew with --overwrite, or choose another --out."
        ) from error
    if not isinstance(found, dict) or not all(
        isinstance(found.get(key, {}), dict) for key in ("spec", "data")
    ):
        raise FitError(
            f"{file} is not what cellkinetics writes. Start anew with --overwrite, or choose"
            " another --out."
        )
    return found


def refuse_foreign(target: Path) -> None:
    """Refuse to delete a folder that holds what a fit does not write.

    Raises
    ------
    FitError                        naming what is there
    """
    if not (target / "identity.json").is_file():
        raise FitError(
            f"{target} is not a result folder of cellkinetics (no identity.json), so it is not"
            " overwritten. Choose another --out."
        )
    names = sorted(p.name for p in target.iterdir())
    foreign = [
        name
        for name in names
        if name not in OURS and not (name.startswith(".") and name.endswith(".tmp"))
    ]
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise FitError(
            f"{target} also holds {', '.join(foreign[:3])}{more}, which no fit wrote there, so it"
            " is not overwritten. Move that away, or choose another --out."
        )


def remove(folder: Path) -> None:
    """Delete a folder; what is killed halfway leaves none that looks like a result."""
    old = aside(folder)
    delete(old)
    folder.replace(old)
    delete(old)
