"""Where things are in a NONMEM-style file, and how its cells are looked up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict

from cellkinetics.errors import did_you_mean
from cellkinetics.study.convert import NUMBER
from cellkinetics.study.findings import Finding, finding, listed, shown
from cellkinetics.study.tables import MISSING
from cellkinetics.study.text import Cells

REQUIRED = ("TIME", "DV")  # and the column of ids
DOSING = ("RATE", "DUR", "ADDL", "II", "SS")
LIMITS = ("CENS", "LIMIT", "BLQ", "LLOQ", "ULOQ", "LOD")
RESERVED = ("ID", "TIME", "AMT", "EVID", "CMT", "DVID", "DV", "MDV", "C", *DOSING, *LIMITS)

type Row = tuple[int, tuple[str, ...]]  # line in the file, cells


class NonmemOptions(TypedDict, total=False):
    """What ``read_study`` must be told about a NONMEM-style file.

    ``analytes`` maps a value of ``by`` (DVID, else CMT) to an analyte, or to None to leave those
    rows out; a file with neither column has one analyte. ``covariates`` renames a covariate column
    (``{"WT": "weight_kg"}``), leaves it out (None), or asks for one that changes with time, which
    becomes an analyte. ``time_unit`` is converted to days. ``id`` names the column of subject ids.
    ``settings`` is the rest of what a study.toml says, or such a file.
    """

    analytes: Mapping[int, str | None]
    units: Mapping[str, str]
    dose_unit: str
    time_unit: str
    by: str
    id: str
    covariates: Mapping[str, str | None]
    name: str
    simulated: bool
    zeros_as_read: Sequence[str]
    settings: Mapping[str, Any] | str | Path


OPTIONS = tuple(NonmemOptions.__annotations__)


@dataclass(frozen=True)
class Layout:
    """Columns of one file: ``at`` by name, ``id`` holds subjects, ``key`` tells analytes apart.

    ``found`` collects what there is to say while the file is read.
    """

    file: str
    at: Mapping[str, int]
    id: str
    key: str | None
    found: list[Finding]

    def cell(self, row: Sequence[str], name: str) -> str:
        """Return a cell's text, empty where it or its column is missing."""
        text = row[self.at[name]] if name in self.at else ""
        return "" if text in MISSING else text

    def number(self, row: Row, name: str) -> float | None:
        """Return a number that steers the reading; None where the cell is empty or no number."""
        text = self.cell(row[1], name)
        if not text:
            return None
        if NUMBER.fullmatch(text):
            return float(text)
        self.say(
            "not-a-number",
            row=row,
            column=name,
            came=shown(text),
            wanted="a number",
            cure="Correct it.",
        )
        return None

    def say(
        self,
        code: str,
        *,
        came: str,
        cure: str,
        wanted: str = "",
        column: str | None = None,
        row: Row | None = None,
        line: int | None = None,
        table: str = "samples",
    ) -> None:
        """Add a finding about a row, a line or the whole file."""
        self.found.append(
            finding(
                code,
                table,
                file=self.file,
                line=row[0] if row else line,
                column=column,
                subject=(self.cell(row[1], self.id) or None) if row else None,
                came=came,
                wanted=wanted,
                cure=cure,
            )
        )


def find_layout(file: str, cells: Cells, options: NonmemOptions) -> Layout:
    """Find the columns that a NONMEM-style file must have; names ignore case and a leading #."""
    found: list[Finding] = []
    subject = options.get("id", "ID")
    at: dict[str, int] = {}
    blank = Layout(file, at, subject, None, found)
    for i, written in enumerate(cells.columns):
        name = written.lstrip("#")
        name = name.upper() if name.upper() in RESERVED else name
        if name in at:
            blank.say(
                "duplicate-column",
                line=1,
                column=name,
                came=f"{shown(written)} as well as {name}",
                wanted="one column of this name",
                cure="Rename or delete the others.",
            )
        at.setdefault(name, i)
    for name in (subject, *REQUIRED):
        if name not in at:
            blank.say(
                "missing-column",
                line=1,
                column=name,
                came=f"no such column among {listed(map(shown, cells.columns), 20)}",
                wanted="at least ID, TIME and DV",
                cure="Add it, or rename the one that holds it (id=... names a column of ids).",
            )
    if "CENS" in at and "BLQ" in at:
        blank.say(
            "duplicate-column",
            line=1,
            column="BLQ",
            came="both CENS and BLQ",
            wanted="one of them",
            cure="Rename the one that is not to be used.",
        )
    by = options.get("by")
    if by is not None and by not in at:
        blank.say(
            "option-not-used",
            line=1,
            column=by,
            came=f"by={by!r} and no such column",
            wanted="a column of the file",
            cure=did_you_mean(by, at),
        )
    key = by or next((name for name in ("DVID", "CMT") if name in at), None)
    return Layout(file, at, subject, key if key in at else None, found)


def data_rows(layout: Layout, cells: Cells) -> tuple[list[Row], int]:
    """Take comment rows out and make sure that the rows of a subject stand together.

    NONMEM reads ids as numbers: 1, 1.0 and 001 are one subject, called as its first row calls it.

    Returns
    -------
    list of Row, int              the data, and how many comment rows (``C`` in column C) there were
    """
    rows = list(zip(cells.lines, cells.rows, strict=True))
    data = [row for row in rows if layout.cell(row[1], "C").upper() != "C"]
    data = _one_spelling(layout, data)
    done: set[str] = set()
    last = ""
    for row in data:
        subject = layout.cell(row[1], layout.id)
        if subject != last and subject in done:
            layout.say(
                "id-reappears",
                row=row,
                column=layout.id,
                came=f"{shown(subject)} again, after rows of {shown(last)}",
                wanted="all rows of one subject together: NONMEM reads this as another subject",
                cure="Sort the rows by subject, or give the second subject its own id.",
            )
        done.add(subject)
        last = subject
    return data, len(rows) - len(data)


def _one_spelling(layout: Layout, rows: list[Row]) -> list[Row]:
    """Write the id of every row as the first row with the same number does."""
    at = layout.at[layout.id]
    first: dict[Decimal, str] = {}
    out: list[Row] = []
    for line, cells in rows:
        text = layout.cell(cells, layout.id)
        if NUMBER.fullmatch(text):
            text = first.setdefault(Decimal(text), text)
            out.append((line, (*cells[:at], text, *cells[at + 1 :])))
        else:
            out.append((line, cells))
    return out
