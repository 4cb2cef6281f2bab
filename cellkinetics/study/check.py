"""Everything that is wrong with a study, at once."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from cellkinetics.study.cdisc.dataset import split_line
from cellkinetics.study.cdisc.rename import in_users_words, sources
from cellkinetics.study.check_analytes import check_analytes
from cellkinetics.study.check_clinical import check_clinical
from cellkinetics.study.check_doses import check_doses
from cellkinetics.study.check_rows import check_rows
from cellkinetics.study.check_samples import check_samples
from cellkinetics.study.check_subjects import check_subjects
from cellkinetics.study.findings import Finding, in_order
from cellkinetics.study.load import Loaded, load
from cellkinetics.study.nonmem_layout import NonmemOptions
from cellkinetics.study.settings import FILE, OPTIONS_FILE
from cellkinetics.study.study import Study
from cellkinetics.study.tables import BY_NAME, TABLES

CHECKS = (
    check_subjects,
    check_rows,
    check_analytes,
    check_samples,
    check_doses,
    check_clinical,
)

# What follows from a file that could not be read, and would only hide that finding.
_CONSEQUENCES = {
    "settings": {
        "unit-missing",
        "unit-for-unknown-analyte",
        "dose-without-unit",
        "zero-without-limit",
    },
    "subjects": {"empty-study", "unknown-subject"},
    "samples": {"no-samples", "unit-for-unknown-analyte", "assume-lloq-unknown"},
    "events": {"grade-5-without-death"},
}

# Tables that a NONMEM-style file holds.
_IN_ONE_FILE = ("subjects", "infusions", "samples")

# What follows from a value that could not be read.
_CELL = {"not-a-number", "number-with-comma", "limit-as-text", "not-finite"}
_NO_VALUE = {"no-reading", "cens-without-limit"}


def check_study(
    path: str | Path,
    *,
    assume_lloq: Mapping[str, float] | None = None,
    **options: Unpack[NonmemOptions],
) -> list[Finding]:
    """Check a study and say everything that was found.

    Parameters
    ----------
    path : str or Path            a folder of tables or of CDISC data sets, or a NONMEM-style .csv
    assume_lloq : mapping         analyte -> limit for its rows that state none
    **options : NonmemOptions     for a NONMEM-style .csv

    Returns
    -------
    list of Finding               errors first, then by file and line; empty if all is well
    """
    return examine(path, assume_lloq or {}, options)[1]


def examine(
    path: str | Path, assume_lloq: Mapping[str, float], options: NonmemOptions
) -> tuple[Study | None, list[Finding]]:
    """Read and check a study: the study as far as it can be read, and the findings in order."""
    loaded = load(Path(path), assume_lloq, options)
    if loaded.study is None:
        return None, loaded.findings
    found = list(loaded.findings)
    for check in CHECKS:
        found.extend(check(loaded.study))
    for part in loaded.unread:
        found = [f for f in found if f.code not in _CONSEQUENCES.get(part, set())]
    unreadable = {(f.table, f.line) for f in found if f.column == "value" and f.code in _CELL}
    found = [f for f in found if f.code not in _NO_VALUE or (f.table, f.line) not in unreadable]
    found = [_renamed(f, loaded, Path(path)) for f in found]
    return _with_sources(loaded, Path(path)), in_order(found)


def _renamed(found: Finding, loaded: Loaded, path: Path) -> Finding:
    """Name the file and the column that the user of a NONMEM-style file or CDISC data sees."""
    if loaded.cdisc is not None:
        return in_users_words(found, loaded.cdisc)
    if loaded.origin is None:
        return found
    column = loaded.origin.get((found.table, found.column or ""), found.column)
    came, wanted, cure = found.came, found.wanted, found.cure
    for table in TABLES:
        came, wanted, cure = (text.replace(table.file, path.name) for text in (came, wanted, cure))
    settings = {FILE, OPTIONS_FILE, loaded.settings_file}
    file = loaded.settings_file if found.file in settings else path.name
    return replace(found, file=file, column=column, came=came, wanted=wanted, cure=cure)


def _with_sources(loaded: Loaded, path: Path) -> Study | None:
    """Say where rows come from; the number of the file goes out of each row's line for its name."""
    study = loaded.study
    if study is None:
        return None
    if loaded.cdisc is None:
        named = () if loaded.origin is None else _IN_ONE_FILE
        return replace(study, sources={BY_NAME[name].file: path.name for name in named})
    tables: dict[str, Any] = {}
    names = {one.number: one.file for some in loaded.cdisc.datasets.values() for one in some}
    for table in TABLES:
        frame = study.table(table.name)
        places = [split_line(int(line)) for line in frame["line"]]
        tables[table.name] = frame.assign(line=[line for _, line in places])
        if table.name != "subjects":
            files = [names.get(number, table.file) for number, _ in places]
            tables[table.name]["file"] = pd.Series(files, index=frame.index, dtype=object)
    return replace(study, **tables, sources=sources(loaded.cdisc))
