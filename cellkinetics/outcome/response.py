"""Response at every assessment: as given, derived from the findings, and where the two disagree."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.outcome.counts import as_read, counts, nearest
from cellkinetics.outcome.eln import RANK, Derived, Signs, criteria_named, derive
from cellkinetics.study.findings import line_word
from cellkinetics.study.study import Study

COUNT_DAYS = 7.0  # a count from samples.csv so near to a marrow stands for one of the same day
COLUMNS = (
    "subject",
    "time",
    "response",
    "source",
    "derived",
    "disagreement",
    "reason",
    "file",
    "line",
)
type Place = tuple[str, int]  # a file and a line of it
type Prefer = Literal["given", "derived"]


@dataclass(frozen=True)
class Day:
    """All assessments of one subject on one day: what they found together, and where they stand.

    ``rows`` are their positions in the table of assessments.
    """

    subject: str
    time: float
    signs: Signs
    given: tuple[str, ...]
    rows: tuple[int, ...]
    places: tuple[Place, ...]
    notes: tuple[str, ...]


def assessed(
    study: Study, criteria: str | None = None, *, prefer: Prefer = "given"
) -> pd.DataFrame:
    """Response at every assessment.

    Parameters
    ----------
    study : Study
    criteria : str, optional      "ELN2017" or "ELN2022"; the study's own unless given
    prefer : str                  "given": assessments.response where it is filled, else derived;
                                  "derived": the other way round

    Returns
    -------
    DataFrame, a row for every row of assessments.csv, in its order:
        subject, time
        response                  CR CRh CRi MLFS PR NR NE; None on and before day 0, and where
                                  there is neither a response nor a marrow. Rows of one day
                                  share theirs: the least favourable. Where a missing finding
                                  leaves several possible, the least of them: what is certain
        source                    "given" or "derived"; None where there is no response
        derived                   None where the findings do not settle it
        disagreement              the response given is not one that the findings allow, or rows of
                                  one day give different ones
        reason                    what the derivation saw, what was missing
        file, line                where the row stands

    Raises
    ------
    SpecError                     unknown criteria or preference
    """
    rule = criteria_named(criteria or study.settings.response.criteria)
    if prefer not in {"given", "derived"}:
        raise SpecError(f"prefer={prefer!r}. {did_you_mean(prefer, ('given', 'derived'))}")
    frame = study.assessments
    rows: dict[int, tuple[Any, ...]] = {}
    for day in days(study):
        found = derive(day.signs, rule)
        response, source, reason = _settle(day, found, prefer)
        before = day.time <= 0
        given = _least(day.given)
        wrong = given is not None and bool(found.possible) and given not in found.possible
        if before:
            response, source = None, None
            reason = f"before the infusion: not a response to the cells; {reason}"
        for row, place in zip(day.rows, day.places, strict=True):
            rows[row] = (
                day.subject,
                day.time,
                response,
                source,
                None if before else found.response,
                not before and (wrong or len(set(day.given)) > 1),
                reason,
                *place,
            )
    out = pd.DataFrame([rows[row] for row in range(len(frame))], columns=list(COLUMNS))
    for name in ("subject", "response", "source", "derived", "reason", "file"):
        out[name] = out[name].astype(object).where(out[name].notna(), None)
    return out.astype({"time": np.float64, "disagreement": bool, "line": np.int64})


def days(study: Study) -> list[Day]:
    """Join the rows of one subject and day: the worse of two values, the union of the flags.

    Counts that the day lacks are taken from samples.csv, the nearest within ``COUNT_DAYS``.

    Returns
    -------
    list of Day                   by subject in the order of the file, then by time
    """
    frame = study.assessments.assign(
        file=study.files("assessments"), row=np.arange(len(study.assessments))
    )
    base = baselines(study)
    near = {name: as_read(counts(study, name)) for name in ("anc", "platelets")}
    grouped: dict[tuple[str, float], list[dict[Hashable, Any]]] = {}
    for row in frame.sort_values("time", kind="stable").to_dict("records"):
        grouped.setdefault((row["subject"], float(row["time"])), []).append(row)
    order = {s: i for i, s in enumerate(dict.fromkeys(frame["subject"]))}
    out = []
    for (subject, time), rows in sorted(grouped.items(), key=lambda g: (order[g[0][0]], g[0][1])):
        notes = []
        if len(rows) > 1:
            where = together((r["file"], int(r["line"])) for r in rows)
            notes.append(f"{where} of one day together")
        values = {name: _number(rows, name, low) for name, low in _WORSE.items()}
        transfused = _flag(rows, "transfused")
        marrow_known = not np.isnan(values["marrow_blasts_pct"])
        for name in ("anc", "platelets"):
            if np.isnan(values[name]) and marrow_known:
                values[name] = nearest(near[name], subject, time, COUNT_DAYS)
                if not np.isnan(values[name]):
                    notes.append(f"{name} from within {COUNT_DAYS:g} days")
        signs = Signs(
            marrow=values["marrow_blasts_pct"],
            blood=values["blood_blasts_pct"],
            cellularity=values["cellularity"],
            auer_rods=_flag(rows, "auer_rods"),
            extramedullary=_flag(rows, "extramedullary"),
            anc=values["anc"],
            platelets=values["platelets"],
            transfused=transfused,
            baseline=base.get(subject, np.nan),
        )
        given = tuple(r["response"] for r in rows if r["response"] is not None)
        at = tuple(int(r["row"]) for r in rows)
        places = tuple((str(r["file"]), int(r["line"])) for r in rows)
        out.append(Day(subject, time, signs, given, at, places, tuple(notes)))
    return out


def together(places: Iterable[Place]) -> str:
    """Write "lines 2, 3", and of which files if it is more than one."""
    by_file: dict[str, list[str]] = {}
    for file, line in places:
        by_file.setdefault(file, []).append(str(line))
    several = len(by_file) > 1
    return " and ".join(
        f"{line_word(file)}{'s' if len(lines) > 1 else ''} {', '.join(lines)}"
        + (f" of {file}" if several else "")
        for file, lines in by_file.items()
    )


def baselines(study: Study) -> dict[str, float]:
    """Marrow blasts before the cells: the last marrow on or before day 0, by subject."""
    rows = study.assessments
    rows = rows[(rows["time"] <= 0) & rows["marrow_blasts_pct"].notna()]
    last = rows.sort_values(["time", "marrow_blasts_pct"], kind="stable").groupby("subject").last()
    return {str(s): float(v) for s, v in last["marrow_blasts_pct"].items()}


# The worse of two values of one day: the larger of blasts, the smaller of counts.
_WORSE = {
    "marrow_blasts_pct": max,
    "blood_blasts_pct": max,
    "cellularity": min,
    "anc": min,
    "platelets": min,
}


def _number(rows: list[dict[Hashable, Any]], name: str, worse: Any) -> float:
    known = [float(r[name]) for r in rows if not np.isnan(r[name])]
    return float(worse(known)) if known else float("nan")


def _flag(rows: list[dict[Hashable, Any]], name: str) -> bool | None:
    known = [bool(r[name]) for r in rows if r[name] is not pd.NA]
    return any(known) if known else None


def _least(given: tuple[str, ...]) -> str | None:
    """The least favourable of the responses given on one day; NE only if there is no other."""
    evaluable = [r for r in given if r != "NE"]
    return max(evaluable or given, key=RANK.__getitem__, default=None)


def _settle(day: Day, found: Derived, prefer: Prefer) -> tuple[str | None, str | None, str]:
    """Choose the response to use and say why."""
    reason = "; ".join((*day.notes, found.reason))
    given = _least(day.given)
    if len(set(day.given)) > 1:
        reason = f"{' and '.join(day.given)} given on one day: the least counts; {reason}"
    if given is not None and found.possible and given not in found.possible:
        reason = f"{given} given, {' or '.join(found.possible)} derived; {reason}"
    if given is not None and (prefer == "given" or found.response is None):
        return given, "given", reason
    if found.at_least is None:
        return None, None, reason
    if found.response is None:
        reason = f"at least {found.at_least}; {reason}"
    return found.at_least, "derived", reason
