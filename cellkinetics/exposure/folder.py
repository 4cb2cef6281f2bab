"""A folder of results: written whole or not at all, and never over what is not ours."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cellkinetics.errors import CellKineticsError


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
        _put(draft, target)
    except OSError as error:
        raise _refused(folder, maker, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sorted(target.iterdir())


def _refused(folder: str | Path, maker: Maker, error: OSError) -> CellKineticsError:
    return maker.error(
        f"{folder} cannot be written: {error.strerror or error}. Choose another --out."
    )


def _put(draft: Path, target: Path) -> None:
    """Put the finished folder in its place; an earlier one stays until it is there."""
    if not target.exists():
        draft.rename(target)
        return
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _written_before(target: Path, maker: Maker) -> set[str] | None:
    """Names of the files that a result of ours says it wrote; None if it is none of ours."""
    try:
        said = json.loads((target / maker.mark).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or said.get("kind") != maker.kind:
        return None
    return {maker.mark, *map(str, said.get("files", []))}
