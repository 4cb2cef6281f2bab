"""What a result was made from: the input files by hash, the versions of what computed it."""

import hashlib
import importlib.metadata
import platform
from pathlib import Path

_PACKAGES = ("cellkinetics", "numpy", "scipy", "pandas", "matplotlib")
_SUFFIXES = {".csv", ".toml", ".xpt"}


def input_hashes(path: Path, settings: Path | None = None) -> dict[str, str]:
    """SHA-256 of every file that a study may have been read from.

    Parameters
    ----------
    path : Path                   a study's folder or file
    settings : Path, optional     a file of settings apart from it

    Returns
    -------
    dict                          name of the file -> hexadecimal digest, as ``sha256sum`` prints it
    """
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.suffix.lower() in _SUFFIXES and f.is_file())
    else:
        files = [path] if path.is_file() else []
    files += [settings] if settings is not None else []
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def versions(*more: str) -> dict[str, str]:
    """Versions of Python and of the packages behind the numbers."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in (*_PACKAGES, *more)},
    }
