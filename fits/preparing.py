"""What every ``prepare.py`` shares: find the public files, count what is left out, write a study.

Patient-level data whose licence does not allow it stays out of the repository: a fit's folder
holds the script that turns the public files into study tables, never the tables.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cellkinetics.errors import CellKineticsError, StudyError

FITS = Path(__file__).resolve().parent
SAMPLE_COLUMNS = (
    "subject", "time", "analyte", "value", "unit", "cens", "lloq", "uloq", "specimen",
)  # fmt: skip


@dataclass(frozen=True)
class Note:
    """One decision about source rows, and whom it concerns."""

    action: str
    rows: int
    why: str
    subjects: tuple[str, ...]


@dataclass(frozen=True)
class Ledger:
    """Every decision about source rows, in the order in which it was taken."""

    notes: list[Note] = field(default_factory=list)

    def add(self, action: str, rows: pd.DataFrame, why: str) -> None:
        """Write down what happens to some source rows; they need a column ``subject``."""
        if len(rows):
            subjects = tuple(dict.fromkeys(str(s) for s in rows["subject"]))
            self.notes.append(Note(action, len(rows), why, subjects))

    def drop(self, frame: pd.DataFrame, where: pd.Series, why: str) -> pd.DataFrame:
        """Leave rows out, written down; return the others."""
        self.add("left out", frame[where], why)
        return frame[~where]

    def count(self, action: str) -> int:
        """Rows of one action."""
        return sum(note.rows for note in self.notes if note.action == action)

    def __str__(self) -> str:
        """One line a decision: the action, the rows, why, and the subjects where they are few."""
        lines = []
        for note in self.notes:
            who = f" ({', '.join(note.subjects)})" if len(note.subjects) <= 6 else ""
            lines.append(f"  {note.action:<10} {note.rows:>4} rows  {note.why}{who}")
        return "\n".join(lines)


def source_folder(name: str, given: Path | None) -> Path:
    """Find the folder of a public data set.

    Parameters
    ----------
    name : str                    of the data set, such as ``liu2022_ball``
    given : Path or None          what ``--source`` said

    Returns
    -------
    Path                          ``given``, else ``$CELLKINETICS_DATA/name``, else
                                  ``../shared/data/name`` beside the checkout

    Raises
    ------
    StudyError                    if the folder does not exist
    """
    root = os.environ.get("CELLKINETICS_DATA")
    folder = given or (Path(root) if root else FITS.parent.parent / "shared" / "data") / name
    if not folder.is_dir():
        raise StudyError(
            f"{folder}: no such folder; wanted the public files of {name}. "
            "Give --source FOLDER, or set CELLKINETICS_DATA to the folder that holds them "
            "(the fit's README.md says where they come from)."
        )
    return folder


def read_source(folder: Path, file: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read one public file as text, with the line of each row (header = 1).

    Raises
    ------
    StudyError                    if the file or one of ``columns`` is missing
    """
    path = folder / file
    if not path.is_file():
        raise StudyError(f"{path}: no such file; wanted {file} of the public data set.")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise StudyError(
            f"{path}, line 1: no column {', '.join(missing)}; the file has "
            f"{', '.join(frame.columns)}. Is it another version of the data set?"
        )
    return frame[list(columns)].assign(line=range(2, len(frame) + 2))


def numbers(frame: pd.DataFrame, column: str, file: str) -> pd.Series:
    """Read a column of text as numbers; an empty cell is missing.

    Raises
    ------
    StudyError                    at the first cell that is neither a number nor empty
    """
    value = pd.to_numeric(frame[column].replace("", None), errors="coerce")
    bad = frame[value.isna() & (frame[column] != "")]
    if len(bad):
        row = bad.iloc[0]
        raise StudyError(
            f"{file}, line {row['line']}, {column}: got {row[column]!r}; wanted a number."
        )
    return value.astype(float)


def write_study(
    out: Path, settings: str, tables: dict[str, pd.DataFrame], samples: pd.DataFrame
) -> None:
    """Write a study folder.

    Parameters
    ----------
    out : Path                    created where needed; not inside ``fits``, which is tracked
    settings : str                the text of study.toml
    tables : dict of DataFrame    by name, without ``samples``
    samples : DataFrame           columns ``SAMPLE_COLUMNS`` (uloq, specimen optional), in any order

    Raises
    ------
    StudyError                    if ``out`` lies in the tracked folder ``fits``
    """
    if out.resolve().is_relative_to(FITS):
        raise StudyError(
            f"{out}: this folder is tracked by git, and the data may not be redistributed. "
            "Give --out a folder elsewhere, such as results/studies/NAME."
        )
    out.mkdir(parents=True, exist_ok=True)
    columns = [column for column in SAMPLE_COLUMNS if column in samples.columns]
    ordered = samples[columns].sort_values(["subject", "analyte", "time"], kind="stable")
    for name, table in {**tables, "samples": ordered}.items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n", float_format="%.10g")
    (out / "study.toml").write_text(settings, encoding="utf-8", newline="\n")


def parser(doc: str) -> argparse.ArgumentParser:
    """Options that every ``prepare.py`` has."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--source", type=Path, help="folder of the public files")
    options.add_argument("--out", type=Path, required=True, help="study folder to write")
    return options


def run(prepare: Callable[[], Ledger], out: Path) -> None:
    """Prepare a study and print the ledger; a user's mistake ends with a sentence and exit 2."""
    try:
        ledger = prepare()
    except CellKineticsError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    table = pd.read_csv(out / "samples.csv")
    by_analyte = ", ".join(
        f"{name} {len(rows)} ({int((rows['cens'] == 1).sum())} below the limit)"
        for name, rows in table.groupby("analyte")
    )
    print(f"{out}: {table['subject'].nunique()} subjects, {len(table)} samples: {by_analyte}")
    print(ledger)
