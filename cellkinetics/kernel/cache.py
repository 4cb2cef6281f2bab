"""Where generated kernels live on disk: one file a kernel, named after its content."""

import contextlib
import hashlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType


def cache_folder() -> Path:
    """The folder of generated kernels.

    ``CELLKINETICS_CACHE_DIR`` if set, else the user's cache folder (``XDG_CACHE_HOME`` or
    ``~/.cache``), in ``cellkinetics``.
    """
    chosen = os.environ.get("CELLKINETICS_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "cellkinetics"


def load_kernel(source: str) -> ModuleType:
    """Import a kernel's source from the cache, writing it there first where it is absent.

    Parameters
    ----------
    source : str                    a whole module

    Returns
    -------
    module                          its ``__name__`` ends with the hash of the source
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:20]
    name = f"cellkinetics_kernel_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    _drop_cut_short(folder / "__pycache__", name)
    # numba's cache checks the file's time: it is written once and never touched again.
    if not path.is_file() or path.read_text(encoding="utf-8") != source:
        _write_whole(path, source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _drop_cut_short(folder: Path, name: str) -> None:
    """Remove compiled files that a full disk or a crash cut short.

    numba reads them without a check, so that one of them would stop every later run. Each ends
    with a pickle, and a pickle with a full stop.
    """
    for path in [*folder.glob(f"{name}.*.nbi"), *folder.glob(f"{name}.*.nbc")]:
        with contextlib.suppress(FileNotFoundError):  # another process may remove it as well
            if not path.read_bytes().endswith(b"."):
                path.unlink()


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that another process sees all of it or none."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
