"""Times to events as an ADTTE-like data set: a record a subject and endpoint."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from cellkinetics.cdisc.transport import CdiscError, Variable, require, texts_of, write_dataset
from cellkinetics.outcome.answer import Answer
from cellkinetics.study.findings import Finding, counted, finding

# STARTDY is ours: study days stand in for STARTDT and ADT, because no date is known here.
VARIABLES = (
    Variable("STUDYID", "Study Identifier", key=True),
    Variable("USUBJID", "Unique Subject Identifier", key=True),
    Variable("PARAMCD", "Parameter Code", key=True),
    Variable("PARAM", "Parameter"),
    Variable("STARTDY", "Time-to-Event Origin Day for Subject", "number"),
    Variable("ADY", "Analysis Relative Day", "number"),
    Variable("AVAL", "Analysis Value", "number"),
    Variable("AVALU", "Analysis Value Unit"),
    Variable("CNSR", "Censor", "number"),
    Variable("EVNTDESC", "Event or Censoring Description"),
    Variable("CNSDTDSC", "Censor Date Description"),
    Variable("SRCDOM", "Source Data"),
    Variable("SRCVAR", "Source Variable"),
)
_REQUIRED = ("subject", "time", "event")
_PLACE = re.compile(r"\s*\([^()]*, (?:line|record) [0-9]+\)$")


def adtte_table(
    answers: Iterable[Answer], *, study: str, origin: float = 0.0
) -> tuple[pd.DataFrame, list[Finding]]:
    """Arrange answers as ADTTE.

    Parameters
    ----------
    answers : iterable of Answer  ``subjects`` has subject, time (days from the endpoint's origin;
                                  missing: does not count), event (1 or true: yes), and may have
                                  what, why, start (day of origin since the infusion), file, table
    study : str                   STUDYID
    origin : float, day           day of origin where an answer has no ``start``

    Returns
    -------
    DataFrame, list of Finding    ``VARIABLES``. Days count from 1 as CDISC does: AVAL = time + 1,
                                  ADY and STARTDY = day + 1 from day 0 on. PARAMCD is the answer's
                                  name. Who does not count is not written but counted in a finding.

    Raises
    ------
    CdiscError                    a column is missing, a time is negative or has no event, or two
                                  answers have one name
    """
    parts: list[pd.DataFrame] = []
    found: list[Finding] = []
    names: set[str] = set()
    for answer in answers:
        code = answer.name.upper().replace("_", "")
        if code in names:
            raise CdiscError(f"Two answers are called {answer.name!r}; PARAMCD tells them apart.")
        names.add(code)
        parts.append(_part(answer, code, study, origin, found))
    columns = [variable.name for variable in VARIABLES]
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(
            {v.name: pd.Series(dtype=float if v.kind == "number" else object) for v in VARIABLES}
        ), found
    return pd.concat(filled, ignore_index=True)[columns], found


def write_adtte(
    answers: Iterable[Answer], path: str | Path, *, study: str, origin: float = 0.0
) -> list[Finding]:
    """Write times to events as an ADTTE-like data set.

    Parameters
    ----------
    answers, study, origin        as in :func:`adtte_table`
    path : str or Path            adtte.csv or adtte.xpt

    Returns
    -------
    list of Finding               who was not written, and texts shortened or spelt in ASCII

    Raises
    ------
    CdiscError
    """
    out, found = adtte_table(answers, study=study, origin=origin)
    return found + write_dataset(out, path, "ADTTE", "Time to Event Analysis Dataset", VARIABLES)


def _part(
    answer: Answer, code: str, study: str, origin: float, found: list[Finding]
) -> pd.DataFrame:
    table = answer.subjects
    require(table, _REQUIRED, f"The answer {answer.name!r}")
    time = pd.to_numeric(table["time"]).to_numpy(dtype=np.float64)
    counts = ~np.isnan(time)
    _check(answer, table, time, counts)
    if not counts.all():
        found.append(
            finding(
                "not-written",
                "ADTTE",
                file="adtte",
                column="AVAL",
                came=f"{counted(int((~counts).sum()), 'subject')} without a time for {code}",
                cure="They do not count in this endpoint; its table says why.",
            )
        )
    kept = table[counts]
    time = time[counts]
    event = kept["event"].astype(bool).to_numpy()
    start = np.full(len(kept), origin)
    if "start" in kept:
        start = pd.to_numeric(kept["start"]).to_numpy(dtype=np.float64)
    what, why = texts_of(kept, "what"), texts_of(kept, "why")
    sources = texts_of(kept, "file" if "file" in kept else "table")
    return pd.DataFrame(
        {
            "STUDYID": study,
            "USUBJID": texts_of(kept, "subject"),
            "PARAMCD": code,
            "PARAM": answer.title,
            "STARTDY": _study_day(start),
            "ADY": _study_day(start + time),
            "AVAL": time + 1,
            "AVALU": "DAYS",
            "CNSR": np.where(event, 0.0, 1.0),
            "EVNTDESC": [
                _sentence(w) if e else "Censored" for w, e in zip(what, event, strict=True)
            ],
            "CNSDTDSC": [
                "" if e else _sentence(_PLACE.sub("", y.removeprefix("censored: ")))
                for y, e in zip(why, event, strict=True)
            ],
            "SRCDOM": [Path(source).stem.upper() for source in sources],
            "SRCVAR": ["TIME" if source else "" for source in sources],
        }
    )


def _check(answer: Answer, table: pd.DataFrame, time: np.ndarray, counts: np.ndarray) -> None:
    subjects = texts_of(table, "subject")
    for wrong, why in (
        (counts & (time < 0), "a negative time"),
        (counts & table["event"].isna().to_numpy(dtype=bool), "a time and no event (0 or 1)"),
        (table["subject"].duplicated().to_numpy(dtype=bool), "two rows"),
    ):
        if wrong.any():
            who = subjects[int(np.argmax(wrong))]
            raise CdiscError(f"{answer.name}: subject {who} has {why}.")


def _study_day(day: np.ndarray) -> np.ndarray:
    """Count as CDISC does: day 0 is study day 1, the day before is -1."""
    return np.where(day >= 0, day + 1, day)


def _sentence(text: str) -> str:
    plain = text.replace("_", " ").strip()
    return plain[:1].upper() + plain[1:]
