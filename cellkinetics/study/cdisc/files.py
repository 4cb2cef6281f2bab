"""Which files of a folder are CDISC data sets, and how they are read."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellkinetics.study.cdisc.dataset import Dataset
from cellkinetics.study.cdisc.options import OPTIONS_TOML, CdiscOptions
from cellkinetics.study.findings import Finding, finding, listed, shown
from cellkinetics.study.tables import TABLES
from cellkinetics.study.text import read_cells

# Data set -> variables that it must have; of names joined by | one is enough.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "ADSL": ("USUBJID",),
    "ADPC": ("USUBJID", "PARAMCD", "AVAL|AVALC", "AFRLT|ADY|ADT|NFRLT"),
    "ADPPK": ("USUBJID", "AVAL|DV", "AFRLT|ADY|NFRLT"),
    "ADLB": ("USUBJID", "PARAMCD", "AVAL|AVALC", "ADY|ADT"),
    "ADRS": ("USUBJID", "PARAMCD", "AVALC", "ADY|ADT"),
    "ADTTE": ("USUBJID", "PARAMCD", "AVAL", "CNSR"),
    "ADAE": ("USUBJID", "AEDECOD|AETERM", "ASTDY|AESTDY|ASTDT|AESTDTC"),
    "EX": ("USUBJID", "EXDOSE", "EXSTDY|ASTDY|EXSTDTC|ASTDT"),
    "ADCM": ("USUBJID", "CMDECOD|CMTRT", "ASTDY|CMSTDY|ASTDT|CMSTDTC"),
}
_ALIASES = {"ADNCA": "ADPC", "ADEX": "EX", "CM": "ADCM"}
_SUFFIXES = (".xpt", ".csv")

# Variables whose presence shows that a comma separates the columns.
_COMMON = ("STUDYID", "USUBJID", "PARAMCD", "AVAL", "ADY", "AVALC", "EXDOSE", "AEDECOD", "SEX")
# Names of encodings to the library that reads transport files.
_ICONV = {"utf-8": "UTF-8", "latin-1": "ISO-8859-1", "cp1252": "WINDOWS-1252"}
_RECORD = 80  # bytes; a SAS transport file is a whole number of records of this length


def dataset_of(name: str) -> str | None:
    """Name the data set that a file of this name holds, if it is one that is read."""
    path = Path(name.upper())
    if path.suffix.lower() not in _SUFFIXES:
        return None
    stem = _ALIASES.get(path.stem, path.stem)
    return stem if stem in REQUIRED else None


def is_cdisc_folder(path: Path) -> bool:
    """Say whether a folder holds CDISC data sets (or says so in a cdisc.toml)."""
    try:
        names = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    except (OSError, ValueError):
        return False
    found = {dataset_of(name) for name in names} - {None}
    native = {table.file for table in TABLES} & set(names)
    return OPTIONS_TOML in names or "ADSL" in found or bool(found and not native)


@dataclass(frozen=True)
class Folder:
    """The data sets of a folder by name, in the order of reading, with all their findings.

    ``unread`` names those whose file is there but could not be read.
    """

    datasets: dict[str, list[Dataset]]
    found: list[Finding]
    unread: frozenset[str]

    def of(self, name: str) -> list[Dataset]:
        """Data sets of one kind; none, one or several files."""
        return self.datasets.get(name, [])

    def file(self, number: int) -> Dataset:
        """The data set of a file's number."""
        every = (one for some in self.datasets.values() for one in some)
        return next(one for one in every if one.number == number)


def read_folder(path: Path, options: CdiscOptions) -> Folder:
    """Read every CDISC data set of a folder.

    Parameters
    ----------
    path : Path
    options : CdiscOptions

    Returns
    -------
    Folder
    """
    found: list[Finding] = []
    names = sorted(entry.name for entry in path.iterdir())
    found += _strange(names, options)
    datasets: dict[str, list[Dataset]] = {}
    unread: set[str] = set()
    number = 0
    for dataset in REQUIRED:
        named = options.files_of(dataset)
        files = named or [name for name in names if dataset_of(name) == dataset]
        if not named and len(files) > 1:
            found.append(
                finding(
                    "dataset-twice",
                    dataset,
                    file=files[1],
                    came=f"{dataset} as {listed(files)}",
                    wanted="one file, so that nothing is counted twice",
                    cure="Move the others away, or name those that belong together in "
                    f"{OPTIONS_TOML}: files.{dataset} = [...].",
                )
            )
            files = files[:1]
        for file in files:
            number += 1
            one = _read(path / file, dataset, number, options.encoding, found)
            if one is None:
                unread.add(dataset)
            else:
                datasets.setdefault(dataset, []).append(one)
    if "ADSL" not in datasets and "ADSL" not in unread:
        found.append(
            finding(
                "missing-dataset",
                "ADSL",
                file="adsl.xpt",
                came="no ADSL",
                wanted="adsl.xpt or adsl.csv, one record a subject",
                cure=f"Add it, or name it in {OPTIONS_TOML}: files.ADSL = [...].",
            )
        )
        unread.add("ADSL")
    return Folder(datasets, found, frozenset(unread))


def _strange(names: list[str], options: CdiscOptions) -> list[Finding]:
    """Name the data files that are not read, and native tables beside CDISC data sets."""
    given = {name for files in options.files.values() for name in files}
    native = {table.file for table in TABLES}
    found: list[Finding] = []
    for name in names:
        if name in given or dataset_of(name) or Path(name).suffix.lower() not in _SUFFIXES:
            continue
        found.append(
            finding(
                "two-studies" if name in native else "extra-file",
                "study",
                file=name,
                came="a table of a study beside CDISC data sets"
                if name in native
                else "a data set that has no place in a study",
                wanted="either CDISC data sets or the tables of a study" if name in native else "",
                cure="Keep one of the two in this folder."
                if name in native
                else f"It is not read; files in {OPTIONS_TOML} can name it as one of "
                f"{listed(REQUIRED, 10)}.",
            )
        )
    return found


def _read(
    path: Path, name: str, number: int, encoding: str | None, found: list[Finding]
) -> Dataset | None:
    """Read one file and make sure that it has the variables that it must have."""
    if path.suffix.lower() == ".xpt":
        raw, lines, faults = _read_xpt(path, name, encoding)
    else:
        raw, lines, faults = _read_csv(path, name, encoding)
    found += faults
    if raw is None:
        return None
    lacking = [each for each in REQUIRED[name] if not set(each.split("|")) & set(raw)]
    found.extend(
        finding(
            "missing-variable",
            name,
            file=path.name,
            line=1 if path.suffix.lower() == ".csv" else None,
            column=each.split("|", maxsplit=1)[0],
            came=f"no {each.replace('|', ' or ')} among {listed(raw, 12)}",
            wanted=f"{name} with {listed(each.replace('|', ' or ') for each in REQUIRED[name])}",
            cure="Add the variable, or rename the one that holds it.",
        )
        for each in lacking
    )
    return None if lacking else Dataset(name, path.name, number, raw, lines, found)


def _read_csv(
    path: Path, name: str, encoding: str | None
) -> tuple[dict[str, Any] | None, tuple[int, ...], list[Finding]]:
    cells, found = read_cells(path, name, _COMMON, encoding)
    if cells is None:
        return None, (), found
    names = [column.upper() for column in cells.columns]
    found += _twice(names, name, path.name)
    columns = list(zip(*cells.rows, strict=True)) or [()] * len(names)
    raw: dict[str, Any] = {}
    for column, values in zip(names, columns, strict=True):
        raw.setdefault(column, values)
    return raw, cells.lines, found


def _twice(names: list[str], dataset: str, file: str) -> list[Finding]:
    return [
        finding(
            "duplicate-column",
            dataset,
            file=file,
            line=1,
            column=name,
            came=f"{names.count(name)} columns of this name, upper or lower case",
            wanted="one",
            cure="Rename or delete the others.",
        )
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _read_xpt(
    path: Path, name: str, encoding: str | None
) -> tuple[dict[str, Any] | None, tuple[int, ...], list[Finding]]:
    import pyreadstat  # noqa: PLC0415  (only where there is a SAS transport file)

    came, wanted, cure, code = "", "a SAS transport file (version 5 or 8)", "", "damaged-xpt"
    try:
        size = path.stat().st_size
        if size % _RECORD:
            came = f"{size} bytes, not a whole number of {_RECORD}-byte records: it is cut off"
            cure = "Copy it again (in binary mode), or write it again."
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pyreadstat's own dtype remarks
                frame, _ = pyreadstat.read_xport(
                    str(path), disable_datetime_conversion=True, encoding=_ICONV.get(encoding or "")
                )
            raw: dict[str, Any] = {}
            for i, column in enumerate(frame.columns):
                raw.setdefault(str(column).upper(), _values(frame.iloc[:, i]))
            twice = _twice([str(c).upper() for c in frame.columns], name, path.name)
            return raw, tuple(range(1, len(frame) + 1)), twice
    except OSError as error:
        code, came = "unreadable-file", f"no file to read ({error.strerror or 'unknown reason'})"
        cure = "Check the name, its permissions, and that it is a file."
    except UnicodeError as error:
        code, came = "not-utf8", f"text that is not UTF-8 ({error})"
        wanted, cure = "UTF-8 or ASCII", f'Write encoding = "latin-1" into {OPTIONS_TOML}.'
    except Exception as error:  # pyreadstat has no base class of its own errors
        came, cure = f"a file that cannot be read ({shown(str(error))})", "Write it again."
    return None, (), [finding(code, name, file=path.name, came=came, wanted=wanted, cure=cure)]


def _values(series: Any) -> Any:
    """Numbers as float, everything else as stripped text."""
    if series.dtype.kind in "fiu":
        return series.to_numpy(dtype=np.float64)
    return [str(cell).strip() for cell in series.where(series.notna(), "").tolist()]
