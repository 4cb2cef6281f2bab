"""MRD-negative rate: the answer "mrd"."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.outcome.answer import LEVEL, Answer, numbers
from cellkinetics.outcome.eln import REMISSION
from cellkinetics.outcome.mrd import NEGATIVE, NOT_EVALUABLE, POSITIVE, mrd_samples
from cellkinetics.outcome.proportion import TARGET, BetaPrior, beta_prior, rate
from cellkinetics.outcome.response import assessed
from cellkinetics.outcome.treated import (
    cut_note,
    cut_short,
    last_day,
    treated,
    unfinished,
    untreated_note,
    why_not_used,
)
from cellkinetics.study.study import Study


def mrd(
    study: Study,
    *,
    cutoff_pct: float | None = None,
    specimen: str | None = None,
    criteria: str | None = None,
    responses: pd.DataFrame | None = None,
    count_after: Collection[str] = (),
    cutoff: float | None = None,
    level: float = LEVEL,
    prior: str | BetaPrior = "uniform",
    target: float = TARGET,
) -> Answer:
    """MRD-negative rate, at any time and in each of the study's windows.

    Parameters
    ----------
    study : Study
    cutoff_pct : float, %         the study's own unless given
    specimen : str                "marrow" or "blood"; the study's own unless given
    criteria : str                of the responses; the study's own unless given
    responses : DataFrame         of :func:`cellkinetics.outcome.response.assessed`, if it is there
                                  already
    count_after : collection      "transplant", "other_therapy": samples after it count too
    cutoff : float, day           a data cut
    level, prior, target          as :func:`cellkinetics.outcome.best_response.response`

    Returns
    -------
    Answer                        ``more``: samples, each with its verdict

    Raises
    ------
    SpecError, StudyError         an unknown option; a unit that is not a percentage
    """
    samples = mrd_samples(study, cutoff_pct=cutoff_pct, specimen=specimen)
    samples["not_used"] = why_not_used(study, samples, cutoff=cutoff, count_after=count_after)
    other = samples["not_used"].isna() & samples["verdict"].isna()
    samples.loc[other, "not_used"] = samples.loc[other, "reason"]
    samples["response"] = _responses(
        samples, assessed(study, criteria) if responses is None else responses
    )
    used = samples[samples["not_used"].isna()]
    settings = study.settings
    windows = {"overall": (0.0, last_day(study, cutoff)), **dict(settings.response.windows.items())}
    subjects = _subjects(study, samples)
    rows = []
    for name, window in windows.items():
        inside = _of_a_day(used[(used["time"] >= window[0]) & (used["time"] <= window[1])])
        rows += _rates(
            subjects,
            inside,
            "" if name == "overall" else f", {name}",
            f"day {window[0]:g} to {window[1]:g}",
            cut_short(study, window[1], cutoff),
            {
                "level": level,
                "prior": prior,
                "target": target,
                "unknown": "" if name == "overall" else unfinished(study, window[1], cutoff),
            },
        )
    limit = settings.mrd.cutoff_pct if cutoff_pct is None else cutoff_pct
    notes = list(untreated_note(study))
    for count, text in (
        (samples["disagreement"].sum(), "samples whose laboratory verdict disagrees"),
        ((used["verdict"] == NOT_EVALUABLE).sum(), "samples not evaluable"),
        (
            ((used["verdict"] == NEGATIVE) & used["lod"].isna()).sum(),
            "negative samples without a stated detection limit (counted as negative)",
        ),
        (samples["not_used"].str.startswith("after", na=False).sum(), "samples listed, not used"),
    ):
        if count:
            notes.append(f"{count} {text}.")
    return Answer(
        name="mrd",
        title=f"MRD-negative rate, cut-off {limit:g} %",
        definition=_definition(
            study, limit, specimen or settings.mrd.specimen, count_after, prior, windows["overall"]
        ),
        subjects=subjects,
        numbers=numbers(rows),
        more={"samples": samples},
        notes=tuple(notes),
    )


def _responses(samples: pd.DataFrame, rows: pd.DataFrame) -> list[str | None]:
    """Response of the same day, for MRD-negative remission."""
    known = {
        (subject, time): response
        for subject, time, response in zip(
            rows["subject"], rows["time"], rows["response"], strict=True
        )
        if response is not None
    }
    return [
        known.get((subject, time))
        for subject, time in zip(samples["subject"], samples["time"], strict=True)
    ]


def _of_a_day(used: pd.DataFrame) -> pd.DataFrame:
    """One verdict a subject and day: positive before negative before not evaluable."""
    order = used["verdict"].map({POSITIVE: 0, NEGATIVE: 1, NOT_EVALUABLE: 2})
    ranked = used.assign(order=order).sort_values(["order"], kind="stable")
    return ranked.drop_duplicates(["subject", "time"], keep="first")


def _subjects(study: Study, samples: pd.DataFrame) -> pd.DataFrame:
    used: dict[str, list[tuple[float, str, str | None, str]]] = {}
    counted = _of_a_day(samples[samples["not_used"].isna()])
    columns = ["subject", "time", "verdict", "response", "reason"]
    for subject, *rest in counted[columns].itertuples(index=False, name=None):
        used.setdefault(subject, []).append(tuple(rest))
    why = samples["not_used"].groupby(samples["subject"]).agg(lambda w: list(dict.fromkeys(w)))
    listed = why.to_dict()
    out = []
    for subject in treated(study):
        own = used.get(subject, [])
        negative = [(time, response) for time, verdict, response, _ in own if verdict == NEGATIVE]
        positive = [time for time, verdict, _, _ in own if verdict == POSITIVE]
        first = min((time for time, _ in negative), default=np.nan)
        row: dict[str, Any] = {
            "subject": subject,
            "mrd_negative": len(negative) > 0,
            "first_negative_day": first,
            "negative_in_remission": any(response in REMISSION for _, response in negative),
            "evaluated": len(negative) + len(positive) > 0,
            "samples_negative": len(negative),
            "samples_positive": len(positive),
            "samples_not_evaluable": len(own) - len(negative) - len(positive),
            "positive_again_day": min((time for time in positive if time > first), default=np.nan),
        }
        if negative:
            row["reason"] = f"negative first on day {first:g}"
        elif positive:
            row["reason"] = f"positive in all {len(positive)} evaluable samples"
        elif own:
            reasons = dict.fromkeys(reason for *_, reason in own)
            row["reason"] = f"not evaluable: {'; '.join(reasons)}"
        elif subject in listed:
            row["reason"] = f"no MRD sample that counts: {'; '.join(listed[subject])}"
        else:
            row["reason"] = "no MRD sample"
        out.append(row)
    return pd.DataFrame(
        out,
        columns=[
            "subject", "mrd_negative", "first_negative_day", "negative_in_remission", "evaluated",
            "samples_negative", "samples_positive", "samples_not_evaluable", "positive_again_day",
            "reason",
        ],
    )  # fmt: skip


def _rates(
    subjects: pd.DataFrame,
    inside: pd.DataFrame,
    label: str,
    days: str,
    short: frozenset[str],
    options: dict[str, Any],
) -> list[dict[str, Any]]:
    everyone = set(subjects["subject"])
    evaluated = set(inside.loc[inside["verdict"] != NOT_EVALUABLE, "subject"])
    negative = inside[inside["verdict"] == NEGATIVE]
    counted = {
        "MRD-negative": set(negative["subject"]),
        "MRD-negative CR/CRh/CRi": set(
            negative.loc[negative["response"].isin(REMISSION), "subject"]
        ),
    }
    rows = []
    for kind, who in counted.items():
        for of, group in (("evaluated", evaluated), ("all treated", everyone)):
            rows += rate(
                f"{kind}{label} (of {of})",
                len(who & group),
                len(group),
                note=f"{days}; denominator: {of}{cut_note(short & group - who)}",
                **options,
            )
    return rows


def _definition(
    study: Study,
    limit: float,
    specimen: str,
    count_after: Collection[str],
    prior: str | BetaPrior,
    overall: tuple[float, float],
) -> str:
    excluded = [n for n in ("transplant", "other_therapy") if n not in count_after]
    after = " or ".join(n.replace("_", " ") for n in excluded)
    own = study.settings.mrd.specimen
    return "\n".join(
        [
            f"MRD by flow cytometry in {specimen}, negative below {limit:g} % (the ELN's cut-off "
            "for flow is 0.1 % of CD45+ cells). assessments.csv has no column for the specimen: "
            f"its MRD is taken as {own} (specimen under [mrd] in study.toml). Rows of samples.csv "
            "with the analyte 'mrd' count where their specimen is the same or not stated.",
            "A value decides against the laboratory's status, and the difference is listed. A "
            "sample whose detection limit is above the cut-off is not negative: it is not "
            "evaluable. Without a value the laboratory's status counts, a missing detection limit "
            "is said. Of two samples of one day the positive one counts.",
            "A subject is MRD-negative with at least one negative sample in the window; "
            "MRD-negative CR/CRh/CRi needs such a response on the same day. Denominators: "
            "evaluated (at least one positive or negative sample in the window), and all treated "
            "(no evaluable sample counts as not negative).",
            f"Window: after day {overall[0]:g} to day {overall[1]:g}, and the study's own windows "
            "(one that ends after the data cut has no rate)."
            + (f" Samples after {after} are listed and not used." if after else ""),
            f"Intervals: Clopper-Pearson; Jeffreys (0 at no event, 1 at all events); posterior "
            f"under the prior {beta_prior(prior)}.",
        ]
    )
