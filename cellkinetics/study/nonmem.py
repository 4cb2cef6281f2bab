"""NONMEM-style files: one CSV with ``ID TIME AMT EVID CMT DV MDV`` and limits.

Limits come as Monolix and nlmixr2 write them (``CENS``, ``DV`` at the limit, ``LIMIT`` the other
end of the interval) or as ``BLQ`` and ``LLOQ``. What a file does not say (which DVID is which
analyte, the units) the caller says; nothing is guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cellkinetics.errors import UnitError
from cellkinetics.study.convert import empty_frame, to_frame
from cellkinetics.study.findings import Finding, finding
from cellkinetics.study.nonmem_layout import (
    REQUIRED,
    RESERVED,
    Layout,
    NonmemOptions,
    data_rows,
    find_layout,
)
from cellkinetics.study.nonmem_options import check_options
from cellkinetics.study.nonmem_rows import find_covariates, say_left_out, sort_rows
from cellkinetics.study.settings import OPTIONS_FILE, StudySettings, read_toml, settings_from
from cellkinetics.study.tables import BY_NAME, TABLES
from cellkinetics.study.text import Cells, read_cells
from cellkinetics.units import convert

# Where our columns come from, so that a finding names the column that the user sees.
_ORIGIN = {
    ("samples", "value"): "DV",
    ("samples", "cens"): "CENS",
    ("samples", "lloq"): "LLOQ",
    ("samples", "uloq"): "ULOQ",
    ("samples", "lower"): "LIMIT",
    ("samples", "lod"): "LOD",
    ("samples", "unit"): "DV",
    ("infusions", "cells"): "AMT",
}


@dataclass(frozen=True)
class NonmemFile:
    """A file taken apart: tables, settings, and which column each of ours came from.

    ``read`` is false where the file's form is broken, so that its tables are empty;
    ``settings_file`` is where the settings stand, if they do in a file.
    """

    tables: dict[str, pd.DataFrame]
    settings: StudySettings | None
    findings: list[Finding]
    origin: dict[tuple[str, str], str]
    read: bool = True
    settings_file: str = OPTIONS_FILE


def read_nonmem(path: Path, options: NonmemOptions) -> NonmemFile:
    """Read a NONMEM-style file into the tables of a study.

    Parameters
    ----------
    path : Path                   a CSV file with a header
    options : NonmemOptions

    Returns
    -------
    NonmemFile
    """
    tables = {table.name: empty_frame(table) for table in TABLES}
    if wrong := check_options(options):
        return NonmemFile(tables, None, wrong, {}, read=False)
    settings, found = _settings(path, options)
    cells, broken = read_cells(path, "samples", RESERVED)
    found += broken
    if cells is None:
        return NonmemFile(tables, settings, found, {}, read=False)
    layout = find_layout(path.name, cells, options)
    if not {layout.id, *REQUIRED} <= set(layout.at):
        return NonmemFile(tables, settings, found + layout.found, {}, read=False)
    rows, comments = data_rows(layout, cells)
    if comments:
        say_left_out(layout, comments, "C in column C")
    infusions, samples = sort_rows(layout, rows, options)
    subjects, varying = find_covariates(layout, rows, options)
    parts = {
        "subjects": subjects,
        "infusions": infusions,
        "samples": Cells(
            samples.columns, samples.rows + varying.rows, samples.lines + varying.lines
        ),
    }
    for name, part in parts.items():
        tables[name], problems = to_frame(part, BY_NAME[name], path.name, slips=False)
        layout.found.extend(problems)
    _to_days(tables, options.get("time_unit", "day"), layout)
    said = options.get("settings")
    file = Path(said).name if isinstance(said, str | Path) else OPTIONS_FILE
    return NonmemFile(tables, settings, found + layout.found, _origin(layout), settings_file=file)


def _settings(path: Path, options: NonmemOptions) -> tuple[StudySettings | None, list[Finding]]:
    said, text, file = options.get("settings", {}), "", OPTIONS_FILE
    if isinstance(said, str | Path):
        file = Path(said).name
        read, text, found = _read_settings(Path(said))
        if read is None:
            return None, found
        said = read
    raw: dict[str, Any] = {"name": path.stem, "simulated": False, **said}
    given: Mapping[str, Any] = options
    raw |= {key: given[key] for key in ("name", "simulated", "dose_unit") if key in given}
    if "units" in options:
        raw["units"] = {**raw.get("units", {}), **options["units"]}
    if "zeros_as_read" in options:
        raw["zeros_as_read"] = list(options["zeros_as_read"])
    return settings_from(raw, text, file)


def _read_settings(path: Path) -> tuple[dict[str, Any] | None, str, list[Finding]]:
    try:
        return read_toml(path)
    except FileNotFoundError:
        missing = finding(
            "study-not-found",
            "study",
            file=path.name,
            came=f"no such file ({path})",
            wanted="a file that says what a study.toml says",
            cure="Check the path of the settings.",
        )
        return None, "", [missing]


def _to_days(tables: dict[str, pd.DataFrame], unit: str, layout: Layout) -> None:
    try:
        factor = convert(1.0, unit, "day")
    except UnitError as error:
        layout.say(
            "option-missing",
            column="TIME",
            came=f"time_unit={unit!r}",
            wanted="a unit of time, such as day or hour",
            cure=str(error)[0].upper() + str(error)[1:],
        )
        return
    for name in ("infusions", "samples"):
        tables[name]["time"] *= factor


def _origin(layout: Layout) -> dict[tuple[str, str], str]:
    """Map our columns to the file's, for the findings."""
    names = {**_ORIGIN, ("samples", "analyte"): layout.key or "DV"}
    for table in ("subjects", "samples", "infusions"):
        names |= {(table, "subject"): layout.id, (table, "time"): "TIME"}
    if "BLQ" in layout.at:
        names["samples", "cens"] = "BLQ"
    if "LLOQ" not in layout.at and "LIMIT" in layout.at:
        names["samples", "lloq"] = "LIMIT"
    return names
