"""Files and folders of a result: whole or not there, and never over what is not ours."""

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.errors import CellKineticsError


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON that any reader can parse: numbers that are not finite become null."""
    write_text(path, json_text(content, indent=2) + "\n")


def json_text(content: Any, *, indent: int | None = None) -> str:
    """Content as JSON: numbers that are not finite become null."""
    return json.dumps(_plain(content), indent=indent, ensure_ascii=False)


def records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows of a table for JSON: a missing cell is None, an infinite number "inf" or "-inf"."""
    plain = table.astype(object).where(table.notna(), None)
    infinite = {float("inf"): "inf", float("-inf"): "-inf"}
    return [
        {k: infinite[v] if isinstance(v, float) and v in infinite else v for k, v in row.items()}
        for row in plain.to_dict("records")
    ]


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with seven significant digits."""
    write_text(path, table.to_csv(index=False, float_format="%.7g"))


@dataclass(frozen=True)
class Maker:
    """Who writes a folder: ``mark``, a JSON file in it, says its ``kind`` and lists its files."""

    mark: str
    kind: str
    error: type[CellKineticsError]


def check_folder(folder: str | Path, maker: Maker, *, overwrite: bool = False) -> Path:
    """Refuse a folder that must not be written, before anything is computed.

    Parameters
    ----------
    folder : path
    maker : Maker
    overwrite : bool                whether an earlier result may be replaced

    Returns
    -------
    Path                            absolute

    Raises
    ------
    CellKineticsError               of the maker's class: a file; a folder that holds what is not
                                    ours, or cannot be read; an earlier result, unless ``overwrite``
    """
    target = Path(folder).absolute()
    if not os.path.lexists(target):
        return target
    if target.is_symlink() or not target.is_dir():
        raise maker.error(
            f"{folder} is a file or a link; the result needs a folder. Choose another --out."
        )
    try:
        entries = {entry.name for entry in target.iterdir()}
    except OSError as error:
        raise _refused(folder, maker, error) from error
    if not entries:
        return target
    ours = _written_before(target, maker)
    if ours is None:
        raise maker.error(
            f"{folder} holds something that is no result of {maker.kind} (no {maker.mark}), so "
            "it is not touched. Choose another --out."
        )
    if not overwrite:
        raise maker.error(
            f"{folder} holds an earlier result. Replace it with --overwrite, or choose another "
            "--out."
        )
    strange = sorted(entries - ours)
    if strange:
        raise maker.error(
            f"{folder} also holds {strange[0]}, which cellkinetics did not write, so it is not "
            "replaced. Move that away, or choose another --out."
        )
    return target


def write_whole(
    folder: str | Path, maker: Maker, fill: Callable[[Path], None], *, overwrite: bool = False
) -> list[Path]:
    """Write a folder of results, whole or not at all.

    Parameters
    ----------
    folder : path                   made; its parents too
    maker : Maker
    fill : function                 writes the files, the mark among them, into a folder it is given
    overwrite : bool                replace an earlier result of ours

    Returns
    -------
    list of Path                    files, in the folder

    Raises
    ------
    CellKineticsError               see :func:`check_folder`; or the disk refuses
    """
    target = check_folder(folder, maker, overwrite=overwrite)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        draft.mkdir(parents=True)
        fill(draft)
        check_folder(target, maker, overwrite=overwrite)  # it may have changed meanwhile
        put_in_place(draft, target)
    except OSError as error:
        raise _refused(folder, maker, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sorted(target.iterdir())


def _refused(folder: str | Path, maker: Maker, error: OSError) -> CellKineticsError:
    return maker.error(
        f"{folder} cannot be written: {error.strerror or error}. Choose another --out."
    )


def put_in_place(new: Path, place: Path) -> None:
    """Move a whole folder to its place; the old one goes only when the new one is there."""
    old = aside(place)
    if place.exists():
        delete(old)
        place.replace(old)
    try:
        new.replace(place)
    except OSError:
        if old.exists():
            old.replace(place)
        raise
    delete(old)


def aside(place: Path) -> Path:
    """Where a folder waits until the one that replaces it is there."""
    return place.with_name(f".{place.name}.old.tmp")


def delete(folder: Path) -> None:
    """Delete a folder, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def _written_before(target: Path, maker: Maker) -> set[str] | None:
    """Names of the files that a result of ours says it wrote; None if it is none of ours."""
    try:
        said = json.loads((target / maker.mark).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or said.get("kind") != maker.kind:
        return None
    return {maker.mark, *map(str, said.get("files", []))}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
