"""Replicates on disk: one JSON line each, appended whole by several processes, safe to kill."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from cellkinetics.errors import FitError
from cellkinetics.files import write_json


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Finished replicates, in the order of their numbers; none where there is no file.

    A line that was cut short by a kill does not count. The first of two with one number counts.
    """
    if not path.exists():
        return []
    found: dict[int, dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").split("\n"):
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        found.setdefault(line["replicate"], line)
    return [found[number] for number in sorted(found)]


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Append a replicate; what a killed process left of an earlier line is closed off first."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        whole = not size or os.pread(handle, 1, size - 1) == b"\n"
        os.write(handle, (("" if whole else "\n") + json.dumps(line) + "\n").encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def same_run(path: Path, run: dict[str, Any]) -> None:
    """Write down what is calibrated, or make sure that a continued run calibrates the same.

    Raises
    ------
    FitError                    the file says that something else was calibrated before
    """
    if not path.exists():
        write_json(path, run)
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [key for key in run if before.get(key) != json.loads(json.dumps(run[key]))]
    if changed:
        raise FitError(
            f"{path.parent} holds replicates of another calibration: {', '.join(changed)} differ."
            " Choose another --folder, or remove this one."
        )
