"""Files of a result: each is written whole or not at all."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


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


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with seven significant digits."""
    write_text(path, table.to_csv(index=False, float_format="%.7g"))


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
