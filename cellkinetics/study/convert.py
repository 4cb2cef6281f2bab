"""Cells of text to typed columns, one finding for every cell that is not what it should be."""

import difflib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cellkinetics.study.findings import Finding, finding, listed, shown
from cellkinetics.study.tables import FALSE, MISSING, TRUE, Column, Table
from cellkinetics.study.text import Cells, plain

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(
    r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?:[ T].*)?|[0-9]{1,2}-?[A-Za-z]{3}-?[0-9]{2,4}"
)
_LIMIT = re.compile(r"([<>≤≥])=?\s*(.*)")
_BELOW = {"blq", "bql", "bloq", "blloq", "lloq", "loq", "lod", "nd", "neg", "negative"} | {
    "undetectable", "undetected", "notdetected", "below", "belowlimit", "belowdetection"
}  # fmt: skip
_ABOVE = {"uloq", "alq", "aloq", "above", "overflow"}
_NOT_FINITE = {"nan", "inf", "infinity", "#n/a", "#div/0!", "#value!"}

# Two names closer than this are taken for the same word with a slip in it.
_CLOSE = 0.8


def empty_frame(table: Table) -> pd.DataFrame:
    """Make a table with all its columns and no rows."""
    columns = {c.name: _typed(c, [None] * 0) for c in table.columns}
    return pd.DataFrame({**columns, "line": np.zeros(0, dtype=np.int64)})


def to_frame(
    cells: Cells, table: Table, file: str, *, slips: bool = True
) -> tuple[pd.DataFrame, list[Finding]]:
    """Turn text into the table's columns.

    Parameters
    ----------
    cells : Cells                 text of the file
    table : Table                 what it should hold
    file : str                    its name, for the findings
    slips : bool                  whether an unknown column that is much like a known one, or has
                                  another program's name for it, is an error

    Returns
    -------
    DataFrame                     all columns of the table (absent ones filled with missing values),
                                  ``line``, and for a table with covariates the user's own columns;
                                  numbers are float, flags ``boolean``, texts object with None
    list of Finding               a cell with a finding is missing in the DataFrame
    """
    found, known, others = _match_columns(cells, table, file, slips=slips)
    subjects = _cells_of(cells, "subject") if "subject" in known else [""] * len(cells.rows)
    columns: dict[str, object] = {}
    for column in table.columns:
        if column.name not in known:
            columns[column.name] = _typed(column, [None] * len(cells.rows))
            continue
        values: list[object] = []
        # What a text means depends on its column alone: a limit or a unit is read once.
        read: dict[str, tuple[object, _Problem | None]] = {}
        for text, line, subject in zip(
            _cells_of(cells, column.name), cells.lines, subjects, strict=True
        ):
            if text not in read:
                read[text] = _read_cell(text, column, table)
            value, problem = read[text]
            values.append(value)
            if problem:
                found.append(
                    finding(
                        problem.code,
                        table.name,
                        file=file,
                        line=line,
                        column=column.name,
                        subject=subject or None,
                        came=problem.came,
                        wanted=problem.wanted,
                        cure=problem.cure,
                    )
                )
        columns[column.name] = _typed(column, values)
    for name in others:
        columns[name], mixed = _covariate(_cells_of(cells, name), name, table, file)
        found += mixed
    frame = pd.DataFrame(columns, index=range(len(cells.rows)))
    frame["line"] = np.asarray(cells.lines, dtype=np.int64)
    return frame, found


def _match_columns(
    cells: Cells, table: Table, file: str, *, slips: bool
) -> tuple[list[Finding], list[str], list[str]]:
    """Tell declared columns, the user's own, and slips of the pen apart."""
    known = [name for name in cells.columns if name in table.names]
    absent = [column for column in table.columns if column.name not in known]
    found: list[Finding] = []
    others: list[str] = []
    for name in cells.columns:
        if name in known:
            continue
        meant = _meant(name, absent) if slips else None
        if meant:
            found.append(
                finding(
                    "unknown-column",
                    table.name,
                    file=file,
                    line=1,
                    column=name,
                    came=f"a column {shown(name)}, which is not one of {table.file}",
                    wanted=listed(table.names, most=20),
                    cure=f"Did you mean {meant}? Rename it; if it is something else, give it "
                    "another name.",
                )
            )
        elif name == "line":
            found.append(
                finding(
                    "reserved-column",
                    table.name,
                    file=file,
                    line=1,
                    column=name,
                    came="a column 'line'",
                    wanted="another name: 'line' holds the line in the file",
                    cure="Rename it, for example lines_of_therapy.",
                )
            )
        elif table.covariates:
            others.append(name)
        else:
            found.append(
                finding(
                    "extra-column",
                    table.name,
                    file=file,
                    line=1,
                    column=name,
                    came=f"a column {shown(name)}, which is not one of {table.file}",
                    cure="It is not used.",
                )
            )
    for column in absent:
        if column.required:
            found.append(
                finding(
                    "missing-column",
                    table.name,
                    file=file,
                    line=1,
                    column=column.name,
                    came=f"no such column among {listed(map(shown, cells.columns), most=20)}",
                    wanted=f"{column.name}: {column.meaning}",
                    cure="Add the column, or rename the one that holds it.",
                )
            )
    return found, known, others


def _meant(name: str, absent: Sequence[Column]) -> str | None:
    """Name the absent column that this one was probably meant to be."""
    word = plain(name)
    for column in absent:
        if word == plain(column.name) or word in column.also:
            return column.name
    close = difflib.get_close_matches(word, [plain(c.name) for c in absent], n=1, cutoff=_CLOSE)
    return next((c.name for c in absent if close and plain(c.name) == close[0]), None)


def _cells_of(cells: Cells, name: str) -> list[str]:
    at = cells.columns.index(name)
    return [row[at] for row in cells.rows]


class _Problem(NamedTuple):
    """What is wrong with one cell."""

    code: str
    came: str
    wanted: str
    cure: str


def _read_cell(text: str, column: Column, table: Table) -> tuple[object, _Problem | None]:
    if text in MISSING:
        if not column.required:
            return None, None
        return None, _Problem(
            "missing-value",
            "an empty cell" if not text else shown(text),
            column.meaning,
            "Fill it in; a row that says nothing can be deleted.",
        )
    return _READERS[column.kind](text, column, table)


def _read_text(text: str, column: Column, table: Table) -> tuple[object, _Problem | None]:
    return text, None


def _read_choice(text: str, column: Column, table: Table) -> tuple[object, _Problem | None]:
    if text in column.allowed:
        return text, None
    folded = {plain(name): name for name in column.allowed}
    close = difflib.get_close_matches(plain(text), folded, n=1, cutoff=0.6)
    cure = f"Did you mean {folded[close[0]]}?" if close else "Use one of these words."
    return None, _Problem("not-allowed", shown(text), f"one of {', '.join(column.allowed)}", cure)


def _read_flag(text: str, column: Column, table: Table) -> tuple[object, _Problem | None]:
    if text.lower() in TRUE:
        return True, None
    if text.lower() in FALSE:
        return False, None
    return None, _Problem(
        "not-allowed",
        shown(text),
        "1 or 0 (yes or no, true or false)",
        "Leave it empty if unknown.",
    )


def _read_number(text: str, column: Column, table: Table) -> tuple[object, _Problem | None]:
    if not NUMBER.fullmatch(text):
        return None, _not_a_number(text, column, table)
    value = float(text)
    if not np.isfinite(value):
        return None, _Problem("not-finite", shown(text), "a finite number", "Correct it.")
    if column.whole and value != int(value):
        return None, _Problem("not-whole", shown(text), "a whole number", "Correct it.")
    if column.low is not None and column.high is not None:
        span = f"from {column.low:g} to {column.high:g}"
        unit = f" {column.unit}" if column.unit else ""
        if not column.low <= value <= column.high:
            return None, _Problem(
                "out-of-range", shown(text), f"a number {span}{unit}", _other_unit(value, column)
            )
    if column.low is not None and value < column.low:
        return None, _Problem(
            "out-of-range", shown(text), f"a number of at least {column.low:g}", "Correct it."
        )
    if column.plausible and not column.plausible[0] <= value <= column.plausible[1]:
        low, high = column.plausible
        unit = f" {column.unit}" if column.unit else ""
        return value, _Problem(
            "implausible",
            shown(text),
            f"{column.meaning}, usually {low:g} to {high:g}{unit}",
            _other_unit(value, column),
        )
    return value, None


def _other_unit(value: float, column: Column) -> str:
    """Guess aloud which other unit the number was in; never act on it."""
    if column.name == "temperature_c" and 90 <= value <= 115:
        return "It looks like degrees Fahrenheit: (F - 32) / 1.8."
    if column.name == "weight_kg" and value > 700:
        return "It looks like grams: divide by 1000."
    if column.name in {"anc", "platelets"}:
        return f"It looks like cells/uL: divide by 1000 to get {column.unit}."
    return "Check the value and its unit."


def _not_a_number(text: str, column: Column, table: Table) -> _Problem:
    wanted = "a number with a decimal point and no thousands separator"
    limit = _LIMIT.fullmatch(text)
    word = plain(text)
    if limit or word in _BELOW or word in _ABOVE:
        above = limit[1] in ">≥" if limit else word in _ABOVE
        number = limit[2] if limit and NUMBER.fullmatch(limit[2]) else None
        return _Problem(
            "limit-as-text", shown(text), wanted, _limit_cure(above, number, column, table)
        )
    if text.lower() in _NOT_FINITE:
        return _Problem(
            "not-finite", shown(text), "a finite number", "Leave the cell empty if it is unknown."
        )
    if column.name in {"time", "end", "data_cut"} and _DATE.fullmatch(text):
        return _Problem(
            "time-is-a-date",
            f"the date {shown(text)}",
            "days since the first infusion",
            "Subtract the date of that subject's first infusion.",
        )
    if NUMBER.fullmatch(text.replace(",", "")) and "," in text:
        readings = dict.fromkeys([text.replace(",", ""), text.replace(",", ".", 1)])
        either = [r for r in readings if NUMBER.fullmatch(r)]
        return _Problem("number-with-comma", shown(text), wanted, f"Write {' or '.join(either)}.")
    cure = "Correct it, or leave the cell empty if it is unknown."
    if re.match(NUMBER.pattern + r"\s*[%A-Za-zµμ]", text):
        cure = "Write the number alone; a unit has its own column or is fixed by the table."
    elif text.startswith("\u2212"):
        cure = "Write a plain hyphen as the minus sign."
    return _Problem("not-a-number", shown(text), wanted, cure)


def _limit_cure(above: bool, number: str | None, column: Column, table: Table) -> str:
    if table.name == "samples" and column.name == "value":
        cens = -1 if above else 1
        if number:
            return f"Write value={number}, cens={cens}."
        side = "above" if above else "below"
        return (
            f"If it was {side} the limit, write the limit into value and cens={cens}; if it was "
            "not determined, leave value empty."
        )
    if column.name == "mrd_value" and not above:
        return f"Write mrd_value=0 and mrd_lod={number or 'the limit'}."
    return "Write the number, or leave the cell empty."


def _covariate(
    texts: Sequence[str], name: str, table: Table, file: str
) -> tuple[object, list[Finding]]:
    """Read a user's column as numbers if every cell is one, else as text."""
    given = [text for text in texts if text not in MISSING]
    odd = [text for text in given if not NUMBER.fullmatch(text) or not np.isfinite(float(text))]
    if not odd:
        numbers = [np.nan if text in MISSING else float(text) for text in texts]
        return np.asarray(numbers, dtype=np.float64), []
    column = np.asarray([None if text in MISSING else text for text in texts], dtype=object)
    if len(odd) > len(given) / 2:
        return column, []
    return column, [
        finding(
            "covariate-mixed",
            table.name,
            file=file,
            column=name,
            came=f"{len(given) - len(odd)} numbers and the texts {listed(map(shown, odd))}",
            wanted="all numbers, or all categories",
            cure="It is read as categories; correct the texts to have numbers.",
        )
    ]


def _typed(column: Column, values: Sequence[object]) -> object:
    if column.kind == "number":
        return np.asarray([np.nan if v is None else v for v in values], dtype=np.float64)
    if column.kind == "flag":
        return pd.Series(list(values), dtype="boolean").array
    texts = np.empty(len(values), dtype=object)
    texts[:] = list(values)
    return texts


_READERS: dict[str, Callable[[str, Column, Table], tuple[object, _Problem | None]]] = {
    "text": _read_text,
    "choice": _read_choice,
    "flag": _read_flag,
    "number": _read_number,
}
