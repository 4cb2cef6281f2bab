"""One CDISC data set: its variables as texts or numbers, and findings that name its records."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cellkinetics.study.convert import NUMBER
from cellkinetics.study.findings import Finding, counted, finding, shown
from cellkinetics.study.tables import MISSING

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

_SAS_EPOCH = dt.date(1960, 1, 1).toordinal()
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?")
_DATE9 = re.compile(r"([0-9]{1,2})-?([A-Za-z]{3})-?([0-9]{4})(?:[:T ].*)?")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

# The rows of one table may come from several files. Until the checks are done, a row's ``line``
# carries the number of its file in front: file 2, line 31 is 2_000_000_000_031.
_PER_FILE = 10**12


def mask(values: Iterable[bool]) -> Bools:
    """Make an array of truth values."""
    return np.asarray(list(values), dtype=np.bool_)


def line_code(number: int, line: int) -> int:
    """Put the number of a file in front of a line."""
    return number * _PER_FILE + line


def split_line(code: int) -> tuple[int, int]:
    """Undo :func:`line_code`: the number of the file, and the line."""
    return divmod(code, _PER_FILE)


@dataclass(frozen=True)
class Dataset:
    """A data set as it was read.

    ``name`` is the standard's (ADPC), ``file`` the user's, ``number`` counts the files of a folder.
    ``raw`` maps upper-case variable names to texts or (from a SAS transport file) to numbers;
    ``lines`` says where each record stands. ``found`` collects what there is to say.
    """

    name: str
    file: str
    number: int
    raw: Mapping[str, Sequence[str] | Floats]
    lines: tuple[int, ...]
    found: list[Finding]
    _texts: dict[str, list[str]] = field(default_factory=dict)
    _numbers: dict[str, Floats] = field(default_factory=dict)
    _days: dict[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the records."""
        return len(self.lines)

    def has(self, *names: str) -> bool:
        """Say whether the data set has any of these variables."""
        return any(name in self.raw for name in names)

    def texts(self, *names: str) -> list[str]:
        """Texts of the first of some variables that a record fills; empty where none does."""
        present = [name for name in names if name in self.raw]
        if len(present) > 1:
            rows = zip(*(self.texts(name) for name in present), strict=True)
            return [next(filter(None, row), "") for row in rows]
        name = next(iter(present), "")
        if name not in self._texts:
            values = self.raw.get(name)
            if values is None:
                self._texts[name] = [""] * len(self)
            elif isinstance(values, np.ndarray):
                self._texts[name] = [_as_text(value) for value in values.tolist()]
            else:
                self._texts[name] = ["" if text in MISSING else text for text in values]
        return self._texts[name]

    def numbers(self, *names: str) -> Floats:
        """Numbers of the first of some variables that a record fills; a text is a finding."""
        if len(names) != 1:
            out = self.numbers(names[0]).copy()
            for name in names[1:]:
                out = np.where(np.isnan(out), self.numbers(name), out)
            return out
        name = names[0]
        if name not in self._numbers:
            values = self.raw.get(name)
            if values is None:
                self._numbers[name] = np.full(len(self), np.nan)
            elif isinstance(values, np.ndarray):
                self._numbers[name] = values
            else:
                texts = self.texts(name)
                self._numbers[name] = np.asarray([self._number(i, name, t) for i, t in
                                                  enumerate(texts)], dtype=np.float64)  # fmt: skip
        return self._numbers[name]

    def _number(self, i: int, name: str, text: str) -> float:
        if not text:
            return np.nan
        if NUMBER.fullmatch(text) and np.isfinite(float(text)):
            return float(text)
        self.say(
            "not-a-number",
            i,
            name,
            came=shown(text),
            wanted="a finite number with a decimal point",
            cure="Correct it, or leave it empty.",
        )
        return np.nan

    def dates(self, name: str) -> Floats:
        """Dates as day numbers: ISO 8601, DATE9 or SAS numbers; NaN where empty or unclear."""
        if name not in self._days:
            texts = self.texts(name)
            days = np.asarray([_date(text, name) for text in texts], dtype=np.float64)
            lost = [i for i, text in enumerate(texts) if text and np.isnan(days[i])]
            if lost:
                self.say(
                    "date-unclear",
                    lost[0],
                    name,
                    came=f"{counted(len(lost), 'date')} such as {shown(texts[lost[0]])}",
                    wanted="a whole date: 2024-05-31, 31MAY2024 or a SAS date",
                    cure="It is read as missing; no part of a date is made up.",
                )
            self._days[name] = days
        return self._days[name]

    @property
    def subjects(self) -> list[str]:
        """USUBJID of every record."""
        return self.texts("USUBJID")

    def code(self, i: int) -> int:
        """Line of a record with the number of its file in front."""
        return line_code(self.number, self.lines[i])

    def say(
        self,
        code: str,
        i: int | None = None,
        column: str | None = None,
        *,
        came: str,
        wanted: str = "",
        cure: str = "",
    ) -> None:
        """Add a finding about a record, a variable or the whole data set."""
        self.found.append(
            finding(
                code,
                self.name,
                file=self.file,
                line=None if i is None else self.lines[i],
                column=column,
                subject=None if i is None else (self.subjects[i] or None),
                came=came,
                wanted=wanted,
                cure=cure,
            )
        )


def _as_text(value: float) -> str:
    if np.isnan(value):
        return ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _date(text: str, name: str) -> float:
    """Ordinal of a date; NaN if it is none, or only a part of one."""
    if not text:
        return np.nan
    if NUMBER.fullmatch(text):
        number = float(text) / (86400 if name.endswith("DTM") else 1)  # SAS date-times: seconds
        return _SAS_EPOCH + np.floor(number) if abs(number) < 1e5 else np.nan
    iso, date9 = _ISO.fullmatch(text), _DATE9.fullmatch(text)
    try:
        if iso:
            return float(dt.date(int(iso[1]), int(iso[2]), int(iso[3])).toordinal())
        if date9 and date9[2].lower() in _MONTHS:
            month = _MONTHS.index(date9[2].lower()) + 1
            return float(dt.date(int(date9[3]), month, int(date9[1])).toordinal())
    except ValueError:
        return np.nan
    return np.nan
