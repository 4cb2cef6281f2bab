"""From files to a study that has not been checked yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellkinetics.errors import UnitError, did_you_mean
from cellkinetics.study.cdisc.files import Folder, is_cdisc_folder
from cellkinetics.study.cdisc.options import OPTIONS_TOML
from cellkinetics.study.cdisc.read import read_cdisc
from cellkinetics.study.convert import empty_frame, to_frame
from cellkinetics.study.findings import Finding, counted, finding, listed, shown
from cellkinetics.study.nonmem import read_nonmem
from cellkinetics.study.nonmem_layout import OPTIONS, NonmemOptions
from cellkinetics.study.settings import FILE, StudySettings, read_settings
from cellkinetics.study.study import Study
from cellkinetics.study.tables import TABLES
from cellkinetics.study.text import plain, read_cells
from cellkinetics.units import canonical

_RESULTS = {"endpoints.json", "exposure.json"}


@dataclass(frozen=True)
class Loaded:
    """A study as its files say, before any check.

    ``unread`` names the tables (and ``settings``) that could not be read, so that their absence is
    not complained of again; ``origin`` maps columns to those of a NONMEM-style file; ``cdisc`` has
    the data sets that rows came from (then each ``line`` carries the number of its file).
    """

    study: Study | None
    findings: list[Finding]
    unread: frozenset[str] = frozenset()
    origin: Mapping[tuple[str, str], str] | None = None
    cdisc: Folder | None = None
    settings_file: str = FILE


def load(path: Path, assume_lloq: Mapping[str, float], options: NonmemOptions) -> Loaded:
    """Read a folder of tables, a folder of CDISC data sets or a NONMEM-style file."""
    broken = _unusable(path, options)
    if broken:
        return Loaded(None, [broken])
    settings: StudySettings | None
    cdisc, reported, settings_file = None, pd.DataFrame(), FILE
    if is_cdisc_folder(path):
        data = read_cdisc(path)
        settings, found, tables = data.settings, list(data.findings), data.tables
        unread, origin = set(data.unread), None
        cdisc, reported = data.folder, data.reported
    elif path.is_dir():
        settings, found, tables, unread = _read_folder(path)
        origin = None
    else:
        file = read_nonmem(path, options)
        settings, found, tables = file.settings, list(file.findings), file.tables
        unread, origin = set() if file.read else {"subjects", "samples"}, file.origin
        settings_file = file.settings_file
    if settings is None:
        unread.add("settings")
        settings = StudySettings(name=path.stem or "study", simulated=False)
    samples = _fill_units(tables["samples"], settings)
    samples, assumed = _assume(samples, assume_lloq)
    tables["samples"] = samples
    apart = options.get("settings")
    study = Study(
        settings=settings,
        path=path,
        subjects=tables["subjects"],
        infusions=tables["infusions"],
        samples=tables["samples"],
        assessments=tables["assessments"],
        events=tables["events"],
        toxicities=tables["toxicities"],
        vitals=tables["vitals"],
        treatments=tables["treatments"],
        reported=reported,
        settings_path=Path(apart) if isinstance(apart, str | Path) else None,
    )
    return Loaded(study, found + assumed, frozenset(unread), origin, cdisc, settings_file)


def _unusable(path: Path, options: NonmemOptions) -> Finding | None:
    """Say why there is nothing to read at all."""
    came, cure = "", "Check the path."
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
        names = [entry.name for entry in path.iterdir()] if is_folder else []
    except (OSError, ValueError) as error:
        return _not_found(path, f"a path that cannot be read ({type(error).__name__})", cure)
    expected = {FILE, *(table.file for table in TABLES)}
    if is_file and path.suffix.lower() != ".csv":
        came = "a file that is no CSV"
        if path.name == FILE:
            cure = f"Give the folder that holds {FILE}."
    elif not is_folder and not is_file:
        came = "nothing there"
    elif is_folder and not expected & set(names) and _is_result(names):
        came = "a result of this program, no study"
        cure = (
            "Give the folder that holds the study's tables; a shipped study of that name is read "
            "from any other folder."
        )
    elif is_folder and not expected & set(names) and not is_cdisc_folder(path):
        csvs = [name for name in names if name.endswith(".csv")]
        came = f"a folder with neither {FILE} nor any table ({listed(csvs) or 'no CSV at all'})"
        cure = "Give the folder that holds them, or one NONMEM-style .csv."
    elif is_folder and options:
        return finding(
            "option-not-used",
            "study",
            file=path.name,
            came=f"{listed(f'{name}=...' for name in options)} for a folder of tables",
            wanted="these options only for one NONMEM-style .csv",
            cure=f"A folder says the same in {FILE}"
            f"{f' or {OPTIONS_TOML}' if is_cdisc_folder(path) else ''}.",
        )
    unknown = next((name for name in options if name not in OPTIONS), None)
    if not came and unknown:
        return finding(
            "option-not-used",
            "study",
            file=path.name,
            came=f"an option {unknown!r}",
            wanted="a known option",
            cure=did_you_mean(unknown, OPTIONS),
        )
    return _not_found(path, came, cure) if came else None


def _is_result(names: list[str]) -> bool:
    """Whether a folder is of the program's own writing: its adtte.csv makes no CDISC study."""
    own = {OPTIONS_TOML, *(name for name in names if name.lower().startswith("adsl."))}
    return bool(_RESULTS & set(names)) and not own & set(names)


def _not_found(path: Path, came: str, cure: str) -> Finding:
    return finding(
        "study-not-found",
        "study",
        file=str(path),
        came=came,
        wanted="a study: a folder of tables or a NONMEM-style .csv",
        cure=cure,
    )


def _read_folder(
    path: Path,
) -> tuple[StudySettings | None, list[Finding], dict[str, pd.DataFrame], set[str]]:
    settings, found = read_settings(path / FILE)
    found += _strange_files(path)
    tables: dict[str, pd.DataFrame] = {}
    unread: set[str] = set()
    for table in TABLES:
        file = path / table.file
        if not file.exists():
            tables[table.name] = empty_frame(table)
            if table.required:
                unread.add(table.name)
                found.append(
                    finding(
                        "missing-table",
                        table.name,
                        came="no such file",
                        wanted=f"{table.file}: {table.meaning}",
                        cure=f"Add it, with the columns {listed(table.names)}.",
                    )
                )
            continue
        cells, problems = read_cells(file, table.name, table.names)
        found += problems
        if cells is None:
            tables[table.name] = empty_frame(table)
            unread.add(table.name)
            continue
        tables[table.name], problems = to_frame(cells, table, table.file)
        found += problems
    return settings, found, tables, unread


def _strange_files(path: Path) -> list[Finding]:
    """Find CSV files that are no table: a slip in a name would leave the table out in silence."""
    found: list[Finding] = []
    present = {entry.name for entry in path.iterdir()}
    absent = {plain(table.name): table.file for table in TABLES if table.file not in present}
    for name in sorted(present - {table.file for table in TABLES}):
        if not name.lower().endswith(".csv"):
            continue
        word = plain(name[:-4])
        meant = next(
            (f for k, f in absent.items() if word in {k, f"{k}s", k.removesuffix("s")}), None
        )
        found.append(
            finding(
                "unknown-file" if meant else "extra-file",
                "study",
                file=name,
                came="a file that is no table of a study",
                wanted=f"one of {listed(t.file for t in TABLES)}" if meant else "",
                cure=f"Did you mean {meant}? Rename it." if meant else "It is not read.",
            )
        )
    return found


def _fill_units(samples: pd.DataFrame, settings: StudySettings) -> pd.DataFrame:
    """Give rows without a unit that of study.toml, and spell every unit in one way."""
    unit = samples["unit"].where(samples["unit"].notna(), samples["analyte"].map(settings.units))
    spelt = {text: _spelt(text) for text in unit.dropna().unique()}
    return samples.assign(unit=unit.map(spelt).astype(object).where(unit.notna(), None))


def _spelt(text: str) -> str:
    try:
        return canonical(text)
    except UnitError:
        return text  # the check says so


def _assume(
    samples: pd.DataFrame, assume_lloq: Mapping[str, float]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Fill in an assumed lloq where a row of that analyte has none."""
    found: list[Finding] = []
    lloq = samples["lloq"].copy()
    known = [str(name) for name in samples["analyte"].dropna().unique()]
    for analyte, limit in assume_lloq.items():
        rows = (samples["analyte"] == analyte) & lloq.isna()
        if analyte not in known:
            found.append(
                _assumption(
                    "assume-lloq-unknown",
                    came=f"an assumed limit for analyte {shown(analyte)}, which has no sample",
                    wanted="an analyte of the study",
                    cure=did_you_mean(analyte, known),
                )
            )
        elif not (np.isfinite(limit) and limit > 0):
            found.append(
                _assumption(
                    "assume-lloq-invalid",
                    came=f"an assumed limit of {limit:g} for {analyte}",
                    wanted="a number above 0",
                    cure="Give the assay's lower limit of quantification.",
                )
            )
        else:
            lloq[rows] = float(limit)
            filled = counted(int(rows.sum()), "row")
            found.append(
                _assumption(
                    "lloq-assumed",
                    came=f"an assumed limit of {limit:g} for {filled} of {analyte} without one",
                    cure="Write it into the column lloq to state it.",
                )
            )
    return samples.assign(lloq=lloq), found


def _assumption(code: str, *, came: str, cure: str, wanted: str = "") -> Finding:
    return finding(code, "samples", column="lloq", came=came, wanted=wanted, cure=cure)
