"""What the parts say, held against each other: a contradiction is a mistake of ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from cellkinetics.outcome.answer import Answer
from cellkinetics.outcome.survival.course import DISEASE

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Check:
    """One check: its sentence, whether it holds, and who or what breaks it."""

    name: str
    passed: bool
    detail: str = ""


def run_checks(answers: Mapping[str, Answer]) -> list[Check]:
    """Hold the answers against each other.

    Parameters
    ----------
    answers : mapping of Answer     by name of the part; a part that was not computed is passed over

    Returns
    -------
    list of Check
    """
    out = [
        _of("every number has its n and its method", _nameless(answers)),
        _of("every estimate lies within its interval", _outside(answers)),
        _of("every rate lies between 0 and 1", _no_rates(answers)),
    ]
    have = {name for name, answer in answers.items() if "event" in answer.subjects}
    if {"efs", "os"} <= have:
        efs, os = answers["efs"].subjects, answers["os"].subjects
        out.append(_of("EFS is never longer than OS", _longer(efs, os)))
        out.append(_of("a death is an event of EFS or follows one", _death_missed(efs, os)))
    if "dor" in have and "responder" in answers["response"].subjects:
        out.append(
            _of(
                "DOR is of the responders and of nobody else",
                _not_the_same(answers["dor"].subjects, answers["response"].subjects),
            )
        )
    if "efs" in have and "first_response_day" in answers["response"].subjects:
        out += [
            _of(
                f"{name.upper()} does not outlive an event that EFS counts",
                _outlived(
                    answers["efs"].subjects, answers[name].subjects, answers["response"].subjects
                ),
            )
            for name in ("dor", "rfs")
            if name in have
        ]
    if "os" in have and "deaths" in answers["safety"].more:
        out.append(
            _of(
                "deaths under safety are the events of OS",
                _other_deaths(answers["os"].subjects, answers["safety"].more["deaths"]),
            )
        )
    out.append(_of("areas grow with their window", _shrinking(answers["exposure"].subjects)))
    return out


def _of(name: str, wrong: Iterable[str]) -> Check:
    listed = list(wrong)
    shown = "; ".join(listed[:5]) + (f"; and {len(listed) - 5} more" if len(listed) > 5 else "")
    return Check(name, not listed, shown)


def _rows(answers: Mapping[str, Answer]) -> Iterable[tuple[str, pd.DataFrame]]:
    for name, answer in answers.items():
        yield name, answer.numbers


def _said(name: str, rows: pd.DataFrame) -> list[str]:
    return [f"{name}: {quantity}" for quantity in rows["quantity"]]


def _nameless(answers: Mapping[str, Answer]) -> list[str]:
    out = []
    for name, rows in _rows(answers):
        wrong = rows["n"].isna() | (rows["method"].fillna("") == "")
        wrong |= rows["estimate"].isna() & (rows["note"].fillna("") == "")
        wrong |= rows["estimate"].notna() & (rows["n"] == 0)
        out += _said(name, rows[wrong])
    return out


def _outside(answers: Mapping[str, Answer]) -> list[str]:
    out = []
    for name, rows in _rows(answers):
        size = rows["estimate"].abs().clip(lower=1.0) * _ROUNDING
        wrong = rows["estimate"] < rows["lower"] - size
        wrong |= rows["estimate"] > rows["upper"] + size
        out += _said(name, rows[wrong])
    return out


def _no_rates(answers: Mapping[str, Answer]) -> list[str]:
    out = []
    for name in ("response", "mrd", "efs", "os", "dor", "rfs", "relapse"):
        rows = answers[name].numbers
        rates = rows[(rows["unit"] == "") & rows["estimate"].notna()]
        values = rates[["estimate", "lower", "upper"]]
        wrong = ((values < -_ROUNDING) | (values > 1 + _ROUNDING)).any(axis=1)
        out += _said(name, rates[wrong])
    return out


def _longer(efs: pd.DataFrame, os: pd.DataFrame) -> list[str]:
    both = efs.merge(os, on="subject", suffixes=("", "_os"))
    wrong = both[both["time"] > both["time_os"] + _ROUNDING]
    return [
        f"{row['subject']}: EFS {row['time']:g}, OS {row['time_os']:g} days"
        for row in wrong.to_dict("records")
    ]


def _death_missed(efs: pd.DataFrame, os: pd.DataFrame) -> list[str]:
    """Find who died by OS and is censored in EFS on that day or later."""
    both = efs.merge(os, on="subject", suffixes=("", "_os"))
    missed = (both["event_os"] == 1) & (both["event"] == 0) & (both["day"] >= both["day_os"])
    return [str(s) for s in both.loc[missed.fillna(False).astype(bool), "subject"]]


def _outlived(efs: pd.DataFrame, since: pd.DataFrame, best: pd.DataFrame) -> list[str]:
    """Find who has an event in EFS on or after the day of a response that ends later.

    A duration from the infusion began before its response. A disease that stayed refractory
    (``what`` is then none of these) ends no response, and neither does what a rule dates back to
    day 0, before any response.
    """
    both = since.merge(efs[efs["event"] == 1], on="subject", suffixes=("", "_efs"))
    first = both["subject"].map(best.set_index("subject")["first_response_day"])
    begun = both["start"].where(both["start"] > 0, first)
    ended = both["what_efs"].isin((*DISEASE, "death")) & (both["day_efs"] >= begun)
    wrong = both[ended & (both["day"] > both["day_efs"] + _ROUNDING)]
    return [
        f"{row['subject']}: {row['what_efs'].replace('_', ' ')} on day {row['day_efs']:g}, "
        f"response to day {row['day']:g}"
        for row in wrong.to_dict("records")
    ]


def _not_the_same(dor: pd.DataFrame, best: pd.DataFrame) -> list[str]:
    counted = set(dor.loc[dor["time"].notna(), "subject"])
    responders = set(best.loc[best["responder"].astype(bool), "subject"])
    # A response after the horizon is none for the rates; its duration has no time either.
    return [
        f"{s} {'has a DOR' if s in counted else 'has none'}" for s in sorted(counted ^ responders)
    ]


def _other_deaths(os: pd.DataFrame, deaths: pd.DataFrame) -> list[str]:
    events = os[os["event"].fillna(0).astype(float) == 1]
    ours = dict(zip(events["subject"], events["day"], strict=True))
    used = deaths[deaths["used"]]
    theirs = dict(zip(used["subject"], used["time"], strict=True))
    return [str(s) for s in sorted(ours.keys() | theirs.keys()) if ours.get(s) != theirs.get(s)]


def _shrinking(exposure: pd.DataFrame) -> list[str]:
    windows = [c for c in exposure.columns if c.startswith("AUC0-")]
    ordered = sorted(windows, key=lambda c: float(c.removeprefix("AUC0-").removesuffix("d")))
    out = []
    for shorter, longer in pairwise(ordered):
        less = exposure[longer] < exposure[shorter] - _ROUNDING * np.abs(exposure[shorter])
        out += [
            f"{row['subject']}, {row['analyte']}: {longer} below {shorter}"
            for row in exposure[less].to_dict("records")
        ]
    return out
