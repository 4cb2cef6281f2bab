"""What a check has to say: one finding is one sentence that a user can act on."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Severity = Literal["error", "warning", "info"]

_LONGEST = 160  # characters of a user's text that a sentence repeats

# Every code that a finding can carry. The names are stable: scripts may match on them.
CODES: dict[str, Severity] = {
    # files and their form
    "study-not-found": "error",
    "missing-table": "error",
    "unknown-file": "error",
    "extra-file": "info",
    "unreadable-file": "error",
    "empty-file": "error",
    "not-utf8": "error",
    "wrong-delimiter": "error",
    "bad-quotes": "error",
    "row-length": "error",
    "header-spaces": "warning",
    "unnamed-column": "error",
    "duplicate-column": "error",
    "reserved-column": "error",
    "missing-column": "error",
    "unknown-column": "error",
    "extra-column": "info",
    # study.toml
    "settings-syntax": "error",
    "unknown-setting": "error",
    "missing-setting": "error",
    "bad-setting": "error",
    # cells
    "missing-value": "error",
    "not-a-number": "error",
    "number-with-comma": "error",
    "limit-as-text": "error",
    "not-finite": "error",
    "time-is-a-date": "error",
    "not-allowed": "error",
    "not-whole": "error",
    "out-of-range": "error",
    "implausible": "warning",
    "covariate-mixed": "warning",
    # subjects, rows and times
    "empty-study": "error",
    "duplicate-subject": "error",
    "similar-subjects": "warning",
    "data-cut-before-infusion": "error",
    "unknown-subject": "error",
    "subject-without-samples": "info",
    "subject-without-infusion": "warning",
    "duplicate-row": "error",
    "repeated-row": "warning",
    "unsorted-rows": "warning",
    "time-implausible": "error",
    "time-like-a-year": "warning",
    "end-before-start": "error",
    "after-death": "error",
    "after-last-contact": "warning",
    "after-data-cut": "warning",
    "after-horizon": "info",
    # samples
    "no-samples": "info",
    "unit-missing": "error",
    "unit-unknown": "error",
    "unit-mixed": "error",
    "unit-for-unknown-analyte": "warning",
    "similar-analytes": "warning",
    "repeated-assay": "warning",
    "value-too-large": "error",
    "above-vcn": "warning",
    "lloq-varies": "info",
    "looks-substituted": "warning",
    "all-below-limit": "info",
    "no-wbc": "info",
    "no-vcn": "info",
    "lloq-assumed": "info",
    "assume-lloq-unknown": "error",
    "assume-lloq-invalid": "error",
    # the decision table of limits (study/limits.py)
    "cens-not-allowed": "error",
    "negative-value": "error",
    "limit-not-positive": "error",
    "lod-above-lloq": "error",
    "lloq-above-uloq": "error",
    "lower-without-cens": "error",
    "interval-empty": "error",
    "cens-without-limit": "error",
    "cens-contradicts-value": "error",
    "cens-value-not-limit": "warning",
    "zero-without-limit": "error",
    "below-limit-without-cens": "warning",
    "above-limit-without-cens": "warning",
    "no-reading": "warning",
    # doses
    "dose-without-unit": "error",
    "dose-unit-unknown": "error",
    "dose-not-positive": "error",
    "dose-outside-range": "warning",
    "dose-without-weight": "info",
    "several-infusions": "info",
    "first-infusion-not-day-0": "error",
    # response, events, toxicity, treatment
    "event-before-infusion": "error",
    "repeated-event": "error",
    "no-end-of-follow-up": "warning",
    "relapse-without-response": "warning",
    "disease-on-day-of-response": "warning",
    "response-before-infusion": "warning",
    "response-contradicts-blasts": "warning",
    "response-contradicts-counts": "warning",
    "response-not-in-criteria": "warning",
    "mrd-contradiction": "warning",
    "transplant-without-conditioning": "warning",
    "treatment-kind-read-from-drug": "info",
    "treatment-dose-without-unit": "warning",
    "grade-5-without-death": "warning",
    # NONMEM-style files
    "option-not-used": "error",
    "option-missing": "error",
    "dvid-unknown": "error",
    "limit-above-not-supported": "error",
    "rows-left-out": "info",
    "evid-not-supported": "error",
    "evid-101": "info",
    "dosing-not-supported": "error",
    "id-reappears": "error",
}

# CDISC data sets, read (study/cdisc) and written (cellkinetics.cdisc).
CDISC_CODES: dict[str, Severity] = {
    "two-studies": "error",
    "dataset-twice": "error",
    "missing-dataset": "error",
    "missing-variable": "error",
    "damaged-xpt": "error",
    "several-studies": "warning",
    # days and times
    "date-unclear": "warning",
    "day-zero": "error",
    "day-contradicts-date": "warning",
    "day-missing": "warning",
    "days-shifted": "info",
    "infusion-day-unknown": "warning",
    "time-unit-missing": "error",
    "time-unit-inferred": "info",
    "time-unit-contradicted": "warning",
    "nominal-time-used": "warning",
    # rows that are derived, copied or imputed
    "derived-rows": "info",
    "copied-rows": "info",
    "derived-without-original": "warning",
    "imputed-read-as-below": "warning",
    "missing-read-as-below": "warning",
    # readings and doses
    "unit-converted": "info",
    "unit-refused": "error",
    "lab-not-read": "warning",
    "in-two-datasets": "info",
    "doses-differ": "warning",
    "no-cells-in-ex": "warning",
    "weight-not-in-kg": "error",
    # response, events, toxicity
    "response-unknown": "error",
    "response-read-as": "info",
    "response-parameter-missing": "error",
    "several-evaluators": "info",
    "parameters-left-out": "info",
    "dates-left-out": "info",
    "event-unclear": "warning",
    "event-days-differ": "warning",
    "event-not-placed": "warning",
    "time-before-start": "error",
    # what a written data set cannot hold
    "text-shortened": "warning",
    "text-not-ascii": "warning",
    "not-written": "info",
}

# What a fit makes of a study (cellkinetics.verify).
FIT_CODES: dict[str, Severity] = {
    "analyte-not-fitted": "info",
    "fit-cannot-be-built": "error",
    "infusions-ignored": "warning",
    "specimens-mixed": "warning",
}


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    ``line`` counts from the top of the file, the header being line 1 (in a SAS transport file it is
    the record, the first being 1); it is None where the finding is about a whole file or subject.
    """

    severity: Severity
    code: str
    table: str
    file: str
    line: int | None
    column: str | None
    subject: str | None
    came: str
    wanted: str
    cure: str

    def __str__(self) -> str:
        """Say it in a sentence: where, what came, what was wanted, the usual cure."""
        place = self.file
        if self.line is not None:
            place += f", {line_word(self.file)} {self.line}"
        if self.subject is not None:
            place += f" (subject {_short(self.subject)})"
        if self.column is not None:
            place += f", {self.column}"
        wanted = f"; wanted {self.wanted}" if self.wanted else ""
        cure = f" {self.cure}" if self.cure else ""
        return _printable(f"{place}: got {self.came}{wanted}.{cure}")


def finding(
    code: str,
    table: str,
    *,
    came: str,
    wanted: str = "",
    cure: str = "",
    file: str | None = None,
    line: int | None = None,
    column: str | None = None,
    subject: str | None = None,
) -> Finding:
    """Make a finding; the severity belongs to the code, the file name to the table."""
    severity = {**CODES, **CDISC_CODES, **FIT_CODES}[code]
    where = file or f"{table}.csv"
    return Finding(severity, code, table, where, line, column, subject, came, wanted, cure)


def at_rows(
    code: str,
    table: str,
    frame: pd.DataFrame,
    mask: NDArray[np.bool_] | pd.Series,
    *,
    column: str | None,
    came: str,
    wanted: str = "",
    cure: str = "",
) -> Iterator[Finding]:
    """Make one finding a row of ``frame`` where ``mask`` holds.

    ``came``, ``wanted`` and ``cure`` are templates whose fields are the row's columns:
    ``"{value:g} at day {time:g}"``. An empty cell is shown as "none", text quoted and shortened, or
    with ``{analyte:bare}`` without quotes.
    """
    chosen = np.asarray(mask, dtype=bool)
    if not chosen.any():
        return
    for row in frame[chosen].to_dict("records"):
        fields = {str(name): _Field(cell) for name, cell in row.items()}
        yield finding(
            code,
            table,
            line=int(row["line"]),
            column=column,
            subject=row.get("subject"),
            came=came.format_map(fields),
            wanted=wanted.format_map(fields),
            cure=cure.format_map(fields),
        )


class _Field:
    """A cell that formats itself into a sentence."""

    def __init__(self, cell: object) -> None:
        self.cell = cell

    def __format__(self, spec: str) -> str:
        if isinstance(self.cell, str):
            return _short(self.cell) if spec == "bare" else shown(self.cell)
        if self.cell is None or self.cell is pd.NA or self.cell != self.cell:
            return "none"
        return format(self.cell, spec)


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Keep the findings that stop every command but ``check``."""
    return [f for f in findings if f.severity == "error"]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings: errors first, then by file and line."""
    rank = {"error": 0, "warning": 1, "info": 2}
    return sorted(findings, key=lambda f: (rank[f.severity], f.file, f.line or 0))


def findings_to_json(findings: Sequence[Finding]) -> str:
    """Write findings for machines.

    Parameters
    ----------
    findings : sequence of Finding

    Returns
    -------
    str                           JSON: the number of each severity, then the findings in order,
                                  each with its sentence as ``text``
    """
    counts = {s: sum(f.severity == s for f in findings) for s in ("error", "warning", "info")}
    listed = [{**asdict(f), "text": str(f)} for f in findings]
    return json.dumps({"counts": counts, "findings": listed}, indent=2)


def line_word(file: str) -> str:
    """Name what a row's number counts: lines of a text, records of a SAS transport file."""
    return "record" if file.lower().endswith(".xpt") else "line"


def shown(text: str) -> str:
    """Quote a stranger's text so that it is safe and short in a sentence."""
    return repr(_short(text))


def listed(items: Iterable[object], most: int = 8) -> str:
    """Write "a, b, c and 4 more"."""
    texts = [str(item) for item in items]
    if len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[:most])} and {len(texts) - most} more"


def counted(number: int, noun: str) -> str:
    """Write "1 row" or "2 rows"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _short(text: str) -> str:
    safe = _printable(text)
    return safe if len(safe) <= _LONGEST else f"{safe[: _LONGEST - 3]}..."


def _printable(text: str) -> str:
    """Spell out control characters: a terminal must not obey a stranger's file."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
