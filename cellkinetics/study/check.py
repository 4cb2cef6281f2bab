"""Everything that is wrong with a study, at once."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from cellkinetics.study.cdisc.dataset import split_line
from cellkinetics.study.cdisc.rename import in_users_words
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
from cellkinetics.study.tables import TABLES

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
    return _with_plain_lines(loaded), in_order(found)


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
    file = OPTIONS_FILE if found.file in {FILE, OPTIONS_FILE} else path.name
    return replace(found, file=file, column=column, came=came, wanted=wanted, cure=cure)


def _with_plain_lines(loaded: Loaded) -> Study | None:
    """Take the number of the file out of each row's line, now that all findings are told."""
    study = loaded.study
    if study is None or loaded.cdisc is None:
        return study
    plain: dict[str, Any] = {
        table.name: study.table(table.name).assign(
            line=[split_line(int(line))[1] for line in study.table(table.name)["line"]]
        )
        for table in TABLES
    }
    return replace(study, **plain)
