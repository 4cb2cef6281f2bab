"""Best overall response, remission and response rates: the answer "response"."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.outcome.answer import LEVEL, Answer, numbers
from cellkinetics.outcome.eln import (
    RANK,
    READINGS,
    REMISSION,
    RESPONDERS,
    criteria_named,
)
from cellkinetics.outcome.proportion import TARGET, BetaPrior, beta_prior, rate
from cellkinetics.outcome.relapse import DEFINITION as RELAPSE_DEFINITION
from cellkinetics.outcome.relapse import relapse_and_progression
from cellkinetics.outcome.response import COUNT_DAYS, Prefer, assessed
from cellkinetics.outcome.treated import (
    cut_note,
    cut_short,
    last_day,
    treated,
    unfinished,
    untreated_note,
    why_not_used,
)
from cellkinetics.study.findings import counted
from cellkinetics.study.study import Study

# A rate counts subjects who had any such response in the window. ORR leaves MLFS out, so a subject
# whose best response is MLFS but who also had a PR is a responder.
RATES = {
    "CR": ("CR",),
    "CR/CRh": ("CR", "CRh"),
    "CR/CRh/CRi": REMISSION,
    "ORR": RESPONDERS,
}
_ALONE = ("CRh", "CRi", "MLFS", "PR", "NR", "NE")  # as best response; CR is among RATES


def response(
    study: Study,
    *,
    criteria: str | None = None,
    prefer: Prefer = "given",
    count_after: Collection[str] = (),
    cutoff: float | None = None,
    level: float = LEVEL,
    prior: str | BetaPrior = "uniform",
    target: float = TARGET,
) -> Answer:
    """Best overall response and response rates.

    Parameters
    ----------
    study : Study
    criteria : str, optional      "ELN2017" or "ELN2022"; the study's own unless given
    prefer : str                  "given" or "derived" responses first
    count_after : collection      "transplant", "other_therapy": responses after it count too
    cutoff : float, day           a data cut
    level : float                 of intervals
    prior : str or BetaPrior      of every rate
    target : float                rate that each is compared with

    Returns
    -------
    Answer                        ``more``: assessments, disagreements, relapse_progression

    Raises
    ------
    SpecError                     an unknown option
    """
    rule = criteria_named(criteria or study.settings.response.criteria)
    rows = assessed(study, rule.name, prefer=prefer)
    rows["not_used"] = why_not_used(study, rows, cutoff=cutoff, count_after=count_after)
    rows.loc[rows["not_used"].isna() & rows["response"].isna(), "not_used"] = "no response"
    windows = _windows(study, cutoff)
    late = {
        name: unfinished(study, end, cutoff)
        for name, (_, end) in windows.items()
        if name != "overall"
    }
    short = {name: cut_short(study, end, cutoff) for name, (_, end) in windows.items()}
    subjects = _subjects(study, rows, windows)
    relapses = relapse_and_progression(study, rule.name, rows)
    used = rows[rows["not_used"].isna()]
    notes = [*untreated_note(study)]
    wrong = rows[rows["disagreement"] & rows["subject"].isin(treated(study))]
    if len(wrong):
        notes.append(
            f"Disagreements between responses given and derived: {counted(len(wrong), 'row')}."
        )
    spare = rows["not_used"].str.startswith("after", na=False)
    if spare.any():
        notes.append(f"Assessments listed and not used: {int(spare.sum())}.")
    return Answer(
        name="response",
        title=f"Response, {rule.title}",
        definition=_definition(study, rule.title, prefer, count_after, prior, windows),
        subjects=subjects,
        numbers=numbers(_numbers(subjects, used, windows, late, short, level, prior, target)),
        more={
            "assessments": rows,
            "disagreements": wrong.reset_index(drop=True),
            "relapse_progression": relapses,
        },
        notes=tuple(notes),
    )


def _windows(study: Study, cutoff: float | None) -> dict[str, tuple[float, float]]:
    """Windows of time: the whole follow-up first, then the landmark and the study's own."""
    settings = study.settings.response
    whole = {"overall": (0.0, last_day(study, cutoff))}
    if settings.landmark is not None:
        whole["by_landmark"] = (0.0, settings.landmark)
    return {**whole, **dict(settings.windows.items())}


def _inside(rows: pd.DataFrame, window: tuple[float, float]) -> pd.DataFrame:
    return rows[(rows["time"] >= window[0]) & (rows["time"] <= window[1])]


type _Seen = tuple[float, str]  # day, response


def _best(seen: list[_Seen]) -> tuple[str | None, float]:
    """The best of some responses, and the first day on which it was seen."""
    if not seen:
        return None, float("nan")
    best = min((response for _, response in seen), key=RANK.__getitem__)
    return best, min(day for day, response in seen if response == best)


def _subjects(
    study: Study, rows: pd.DataFrame, windows: dict[str, tuple[float, float]]
) -> pd.DataFrame:
    # plain lists: slicing a table once a subject takes a minute in ten thousand subjects
    own: dict[str, list[tuple[float, str, str | None]]] = {}
    for subject, time, response_, why in zip(
        rows["subject"], rows["time"], rows["response"], rows["not_used"], strict=True
    ):
        own.setdefault(subject, []).append((float(time), response_, why))
    out = []
    for subject in treated(study):
        listed = own.get(subject, [])
        used = [(day, response_) for day, response_, why in listed if why is None]
        best, day = _best(used)
        first = min(((d, r) for d, r in used if r in RESPONDERS), default=None)
        evaluated = any(response_ != "NE" for _, response_ in used)
        row: dict[str, Any] = {
            "subject": subject,
            "best_response": best or "NE",
            "best_response_day": day,
            "responder": first is not None,
            "first_response": None if first is None else first[1],
            "first_response_day": np.nan if first is None else first[0],
            "evaluated": evaluated,
            "assessments_used": len(used),
            "assessments_not_used": sum(d > 0 for d, _, _ in listed) - len(used),
        }
        for name, (start, end) in windows.items():
            if name != "overall":
                row[f"best_{name}"] = _best([x for x in used if start <= x[0] <= end])[0]
        row["reason"] = _why(best, day, evaluated, listed)
        out.append(row)
    extra = [f"best_{name}" for name in windows if name != "overall"]
    columns = [
        "subject", "best_response", "best_response_day", "responder", "first_response",
        "first_response_day", "evaluated", "assessments_used", "assessments_not_used",
    ]  # fmt: skip
    return pd.DataFrame(out, columns=[*columns, *extra, "reason"])


def _why(
    best: str | None, day: float, evaluated: bool, listed: list[tuple[float, str, str | None]]
) -> str:
    if evaluated:
        return f"{best} first on day {day:g}"
    if best == "NE":
        return "not evaluable at any assessment"
    if not listed:
        return "no assessment"
    if all(time <= 0 for time, _, _ in listed):
        return "no assessment after the infusion"
    reasons = dict.fromkeys(why for time, _, why in listed if time > 0 and why is not None)
    return f"no assessment that counts: {'; '.join(reasons)}"


def _numbers(
    subjects: pd.DataFrame,
    used: pd.DataFrame,
    windows: dict[str, tuple[float, float]],
    late: dict[str, str],
    short: dict[str, frozenset[str]],
    level: float,
    prior: str | BetaPrior,
    target: float,
) -> list[dict[str, Any]]:
    rows = []
    everyone = set(subjects["subject"])
    for name, window in windows.items():
        inside = _inside(used, window)
        evaluated = set(inside.loc[inside["response"] != "NE", "subject"])
        label = "" if name == "overall" else f", {name}"
        days = f"day {window[0]:g} to {window[1]:g}"
        for kind, wanted in RATES.items():
            who = set(inside.loc[inside["response"].isin(wanted), "subject"])
            for of, group in (("all treated", everyone), ("evaluated", evaluated)):
                rows += rate(
                    f"{kind}{label} (of {of})",
                    len(who & group),
                    len(group),
                    level=level,
                    prior=prior,
                    target=target,
                    note=f"{days}; denominator: {of}{cut_note(short[name] & group - who)}",
                    unknown=late.get(name, ""),
                )
    for kind in _ALONE:
        count = int((subjects["best_response"] == kind).sum())
        rows += rate(
            f"best response {kind} (of all treated)",
            count,
            len(subjects),
            level=level,
            prior=prior,
            note="denominator: all treated",
        )[:1]
    return rows


def _definition(
    study: Study,
    title: str,
    prefer: Prefer,
    count_after: Collection[str],
    prior: str | BetaPrior,
    windows: dict[str, tuple[float, float]],
) -> str:
    first = (
        "as given in assessments.csv; derived from the findings where none is given"
        if prefer == "given"
        else "derived from the findings; as given where they do not settle it"
    )
    excluded = [n for n in ("transplant", "other_therapy") if n not in count_after]
    until = (
        f"Assessments after {' or '.join(n.replace('_', ' ') for n in excluded)} are listed and "
        "not used (a transplant begins with its conditioning)."
        if excluded
        else "Assessments after transplant and other therapy count."
    )
    spans = "; ".join(f"{name}: day {a:g} to {b:g}" for name, (a, b) in windows.items())
    return "\n".join(
        [
            f"Response by {title}: {first}. A response given that the findings do not allow is "
            "listed as a disagreement.",
            f"Order of best response: {' > '.join(RANK)}. Responders are "
            f"{', '.join(RESPONDERS)}; MLFS is not a response.",
            "A rate counts subjects with any such response in the window: "
            + "; ".join(f"{k} = {' or '.join(v)}" for k, v in RATES.items())
            + ". Denominators: all treated, and evaluated (with a response other than NE in the "
            "window).",
            f"Windows (both ends count, day 0 does not): {spans}. A window that ends after the "
            f"data cut has no rate; overall is up to the cut. {until}",
            "Where a missing finding leaves several responses possible, the least of them counts "
            f"and the reason names what is missing. Counts may be {COUNT_DAYS:g} days from the "
            "marrow (assumption). Of several responses given on one day the least counts.",
            *READINGS,
            RELAPSE_DEFINITION,
            f"Intervals: Clopper-Pearson; Jeffreys (0 at no event, 1 at all events); posterior "
            f"under the prior {beta_prior(prior)}.",
        ]
    )
