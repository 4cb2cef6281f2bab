"""A table as a data set: CSV, or a SAS transport file (XPT) of version 5 within its limits.

Source
------
SAS Institute, "Record Layout of a SAS Version 5 or 6 Data Set in SAS Transport (XPORT) Format"
(TS-140): names of 8 characters, labels of 40, texts of 200 bytes, IBM floating-point numbers. An
IBM double keeps at least 53 bits, so that a number within its range is written exactly.
"""

import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from cellkinetics.errors import CellKineticsError
from cellkinetics.files import write_text
from cellkinetics.study.findings import Finding, counted, finding, shown

_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,7}")
_LABEL, _TEXT = 40, 200  # bytes
# IBM doubles reach from 5.4e-79 to 7.2e75, but readstat turns those above 16^62 into infinity.
_LEAST, _MOST = 1e-78, 1e74

# Letters that decomposition leaves as they are.
_LETTERS = str.maketrans(
    {"µ": "u", "μ": "u", "β": "beta", "α": "alpha", "γ": "gamma", "≥": ">=", "≤": "<=",
     "–": "-", "—": "-", "−": "-", "×": "x", "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "ł": "l",
     "’": "'", "‘": "'", "“": '"', "”": '"', "…": "...", "\u00a0": " ", "·": "*"}
)  # fmt: skip


class CdiscError(CellKineticsError):
    """A table cannot be written as a CDISC data set."""


@dataclass(frozen=True)
class Variable:
    """One variable: its name, label and kind; ``key`` texts are never changed to make them fit."""

    name: str
    label: str
    kind: Literal["text", "number"] = "text"
    key: bool = False


def write_dataset(
    table: pd.DataFrame, path: str | Path, name: str, label: str, variables: Sequence[Variable]
) -> list[Finding]:
    """Write a table as a data set, whole or not at all.

    Parameters
    ----------
    table : DataFrame             a column for each variable, in its kind; texts without missing
    path : str or Path            ends in .csv (UTF-8) or .xpt (version 5, ASCII)
    name, label : str             of the data set, such as "ADTTE"
    variables : sequence of Variable

    Returns
    -------
    list of Finding               every text that was shortened or spelt in ASCII; none for a CSV

    Raises
    ------
    CdiscError                    another ending, or what an XPT cannot hold and must not be changed
    """
    target = Path(path)
    columns = [variable.name for variable in variables]
    ordered = table.loc[:, columns].reset_index(drop=True)
    numbers = [v.name for v in variables if v.kind == "number"]
    infinite = np.isinf(ordered[numbers].to_numpy(dtype=np.float64)).any(axis=0)
    if infinite.any():
        raise CdiscError(
            f"{target.name}: {numbers[int(np.argmax(infinite))]} holds an infinite number, which "
            "no data set can. Leave it missing, with its reason."
        )
    if target.suffix.lower() == ".csv":
        whole = [n for n in numbers if _is_whole(ordered[n])]
        ordered = ordered.astype(dict.fromkeys(whole, "Int64"))
        write_text(target, ordered.to_csv(index=False, lineterminator="\n"))
        return []
    if target.suffix.lower() != ".xpt":
        raise CdiscError(
            f"{target.name}: a data set is written as .csv or .xpt. Give the path one of the two."
        )
    _check_names(name, label, variables)
    found: list[Finding] = []
    for variable in variables:
        if variable.kind == "number":
            _check_range(ordered[variable.name], variable.name, target.name)
        else:
            ordered[variable.name] = _fitting(ordered, variable, target.name, name, found)
    _write_xpt(ordered, target, name, label, variables)
    return found


def _is_whole(values: pd.Series) -> bool:
    given = values.dropna()
    return bool(((given % 1 == 0) & (given.abs() < 2**53)).all())


def _check_names(name: str, label: str, variables: Sequence[Variable]) -> None:
    for word in (name, *(v.name for v in variables)):
        if not _NAME.fullmatch(word):
            raise CdiscError(
                f"{word!r} is no name in an XPT of version 5: at most 8 letters and digits, the "
                "first a letter."
            )
    for text in (label, *(v.label for v in variables)):
        if len(text.encode()) > _LABEL or not text.isascii():
            raise CdiscError(f"The label {text!r} is longer than {_LABEL} ASCII characters.")


def _check_range(values: pd.Series, variable: str, file: str) -> None:
    size = values.abs().to_numpy(dtype=np.float64)
    wrong = (size > _MOST) | ((size < _LEAST) & (size > 0))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise CdiscError(
            f"{file}, record {i + 1}, {variable}: {values.iloc[i]:g} is outside the range of an "
            f"XPT ({_LEAST:g} to {_MOST:g}). Write a CSV, or change the unit."
        )


def _fitting(
    table: pd.DataFrame, variable: Variable, file: str, dataset: str, found: list[Finding]
) -> list[str]:
    """Texts that an XPT can hold; a key that it cannot hold is refused."""
    texts = [str(text) for text in table[variable.name]]
    spelt = [_ascii(text) for text in texts]
    short = [text[:_TEXT].rstrip() if len(text) > _TEXT else text for text in spelt]
    changed: dict[str, list[int]] = {"text-not-ascii": [], "text-shortened": []}
    for i, text in enumerate(texts):
        if spelt[i] != text:
            changed["text-not-ascii"].append(i)
        if len(spelt[i]) > _TEXT:
            changed["text-shortened"].append(i)
    for code, at in changed.items():
        if not at:
            continue
        i = at[0]
        if variable.key:
            why = "is not ASCII" if code == "text-not-ascii" else f"is longer than {_TEXT} bytes"
            raise CdiscError(
                f"{file}, record {i + 1}, {variable.name}: {shown(texts[i])} {why}; it identifies "
                "the record and is not changed. Write a CSV, or rename it."
            )
        subjects: Sequence[str] = [str(s) for s in table.get("USUBJID", [""] * len(table))]
        found.append(
            finding(
                code,
                dataset,
                file=file,
                line=i + 1,
                column=variable.name,
                subject=subjects[i] or None,
                came=f"{counted(len(at), 'text')} such as {shown(texts[i])}",
                wanted=f"ASCII of at most {_TEXT} bytes, as an XPT of version 5 holds",
                cure=f"Written as {shown(short[i])}; a CSV keeps it whole.",
            )
        )
    return short


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = plain.encode("ascii", "replace").decode()
    return "".join(c if c.isprintable() else " " for c in plain)


def _write_xpt(
    table: pd.DataFrame, path: Path, name: str, label: str, variables: Sequence[Variable]
) -> None:
    import pyreadstat  # noqa: PLC0415  (only where an XPT is asked for)

    if not path.parent.is_dir():
        raise CdiscError(f"{path} cannot be written: there is no folder {path.parent}.")
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        pyreadstat.write_xport(
            table,
            str(temporary),
            file_format_version=5,
            table_name=name,
            file_label=label,
            column_labels={variable.name: variable.label for variable in variables},
        )
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise CdiscError(f"{path} cannot be written: {error}. Check the folder.") from error
    finally:
        temporary.unlink(missing_ok=True)


def texts_of(table: pd.DataFrame, column: str) -> list[str]:
    """Texts of a column; empty where a cell, or the column, is missing."""
    if column not in table.columns:
        return [""] * len(table)
    return ["" if pd.isna(cell) else str(cell) for cell in table[column]]


def require(table: pd.DataFrame, columns: Collection[str], what: str) -> None:
    """Make sure that a table has the columns that a data set is made from.

    Raises
    ------
    CdiscError                    naming those that are missing
    """
    lacking = [column for column in columns if column not in table.columns]
    if lacking:
        raise CdiscError(
            f"{what} has no column {', '.join(lacking)}. It has {', '.join(map(str, table))}."
        )
