"""Checks of what happened to the patients: events, responses, toxicities, treatments."""

from collections.abc import Iterator

import pandas as pd

from cellkinetics.study.exclusions import CONDITIONING_DAYS, treatment_kinds
from cellkinetics.study.findings import Finding, at_rows
from cellkinetics.study.study import Study

_ONCE = ("death", "last_contact", "withdrawal")
_REMISSION = ("CR", "CRh", "CRi")
_RESPONSES = (*_REMISSION, "PR")
_DISEASE = ("treatment_failure", "progression", "relapse")
_FEW_BLASTS = (*_REMISSION, "MLFS")

# ELN 2022, Table 8: response -> least neutrophils and platelets (10^9/L).
_LEAST_COUNTS = {"CR": (1.0, 100.0), "CRh": (0.5, 50.0), "PR": (1.0, 100.0)}


def check_clinical(study: Study) -> Iterator[Finding]:
    """Check events, assessments, toxicities and treatments against each other."""
    if len(study.events):
        yield from _events(study)
        yield from _transplants(study)
        yield from _deaths(study)
    if len(study.assessments):
        yield from _responses(study)
        yield from _mrd(study)
    if len(study.treatments):
        yield from _treatments(study)


def _events(study: Study) -> Iterator[Finding]:
    events = study.events
    yield from at_rows(
        "event-before-infusion",
        "events",
        events,
        events["time"] < 0,
        column="time",
        came="{event} on day {time:g}",
        wanted="an event on or after the infusion (day 0)",
        cure="Correct the day; what happened before belongs to the history, as a covariate.",
    )
    again = events["event"].isin(_ONCE) & events.duplicated(["subject", "event"], keep="first")
    same = events.duplicated(["subject", "event", "time"], keep="first")
    yield from at_rows(
        "repeated-event",
        "events",
        events,
        again & ~same & events["subject"].notna(),
        column="event",
        came="a second {event}, on day {time:g}",
        wanted="at most one {event} a subject",
        cure="Keep the right one.",
    )
    ended = events.loc[events["event"].isin(_ONCE), "subject"]
    yield from at_rows(
        "no-end-of-follow-up",
        "subjects",
        study.subjects,
        study.subjects["subject"].notna() & ~study.subjects["subject"].isin(ended),
        column=None,
        came="no death, last_contact or withdrawal in events.csv",
        wanted="one of them, because survival is censored there",
        cure="Add the last contact to events.csv.",
    )
    if len(study.assessments):
        remitted = study.assessments[study.assessments["response"].isin(_REMISSION)]
        first = events["subject"].map(remitted.groupby("subject")["time"].min())
        yield from at_rows(
            "relapse-without-response",
            "events",
            events,
            (events["event"] == "relapse") & ~(first <= events["time"]),
            column="event",
            came="relapse on day {time:g} with no CR, CRh or CRi before it",
            wanted="a remission to relapse from",
            cure="It is a progression if there was none; else add the assessment.",
        )
        yield from _on_day_of_response(study)


def _on_day_of_response(study: Study) -> Iterator[Finding]:
    """Find disease on the very day of the first response, or of the first remission."""
    events, rows = study.events, study.assessments[study.assessments["time"] > 0]
    tied = pd.Series(False, index=events.index)
    for kinds in (_RESPONSES, _REMISSION):
        first = rows[rows["response"].isin(kinds)].groupby("subject")["time"].min()
        tied |= events["subject"].map(first).astype(float) == events["time"]
    yield from at_rows(
        "disease-on-day-of-response",
        "events",
        events,
        tied & events["event"].isin(_DISEASE),
        column="time",
        came="{event} on day {time:g}, the very day of the first response or remission",
        wanted="disease before a response or after it",
        cure="Correct one of the two days; as they stand it ends the response on that day.",
    )


def _responses(study: Study) -> Iterator[Finding]:
    frame = study.assessments
    response = frame["response"]
    yield from at_rows(
        "response-before-infusion",
        "assessments",
        frame,
        response.notna() & (response != "NE") & (frame["time"] <= 0),
        column="response",
        came="{response} on day {time:g}",
        wanted="a response to the cells, after day 0",
        cure="Leave response empty in baseline rows.",
    )
    if study.settings.response.criteria == "ELN2017":
        yield from at_rows(
            "response-not-in-criteria",
            "assessments",
            frame,
            response == "CRh",
            column="response",
            came="CRh",
            wanted="a response of ELN2017, which has no CRh",
            cure='Write CRi, or criteria = "ELN2022" under [response] in study.toml.',
        )
    disease = (
        (frame["marrow_blasts_pct"] >= 5)
        | (frame["blood_blasts_pct"] > 0)
        | frame["extramedullary"].fillna(False).astype(bool)
    )
    yield from at_rows(
        "response-contradicts-blasts",
        "assessments",
        frame,
        response.isin(_FEW_BLASTS) & disease,
        column="response",
        came="{response} with marrow blasts {marrow_blasts_pct:g} %, blood blasts "
        "{blood_blasts_pct:g} %, extramedullary {extramedullary}",
        wanted="marrow blasts < 5 %, none in blood, no extramedullary disease",
        cure="Check the row; the response is used as written.",
    )
    least = response.map(_LEAST_COUNTS)
    low = pd.Series(False, index=frame.index)
    for i, count in enumerate(("anc", "platelets")):
        low |= frame[count] < least.map(lambda pair, i=i: pair[i], na_action="ignore").astype(float)
    yield from at_rows(
        "response-contradicts-counts",
        "assessments",
        frame,
        low,
        column="response",
        came="{response} with neutrophils {anc:g} and platelets {platelets:g} (10^9/L)",
        wanted="the counts of that response: CR and PR 1.0 and 100, CRh 0.5 and 50",
        cure="It may be a CRh, CRi or MLFS; the response is used as written.",
    )


def _mrd(study: Study) -> Iterator[Finding]:
    frame = study.assessments.assign(cutoff=study.settings.mrd.cutoff_pct)
    value, cutoff = frame["mrd_value"], frame["cutoff"]
    negative, positive = frame["mrd_status"] == "negative", frame["mrd_status"] == "positive"
    yield from at_rows(
        "mrd-contradiction",
        "assessments",
        frame,
        (negative & (value >= cutoff)) | (positive & (value < cutoff)),
        column="mrd_status",
        came="{mrd_status} with mrd_value {mrd_value:g} %",
        wanted="a status on the same side of the cut-off, {cutoff:g} %",
        cure="Check both; the cut-off is cutoff_pct under [mrd] in study.toml.",
    )
    yield from at_rows(
        "mrd-contradiction",
        "assessments",
        frame,
        (frame["mrd_lod"] > cutoff) & ~positive & (value.isna() | (value < cutoff)),
        column="mrd_lod",
        came="a detection limit of {mrd_lod:g} %",
        wanted="one at or below the cut-off, {cutoff:g} %, to call a sample negative",
        cure="Set mrd_status to not_evaluable, or correct the limit.",
    )


def _treatments(study: Study) -> Iterator[Finding]:
    treatments = study.treatments.assign(read=treatment_kinds(study))
    yield from at_rows(
        "treatment-kind-read-from-drug",
        "treatments",
        treatments,
        treatments["kind"].isna() & treatments["read"].notna(),
        column="kind",
        came="{drug} after the infusion and no kind",
        cure="It is read as {read}: that subject's samples after day {time:g} are kept out of "
        "the kinetics. Write kind to say otherwise.",
    )
    yield from at_rows(
        "treatment-dose-without-unit",
        "treatments",
        treatments,
        treatments["dose"].notna() & treatments["unit"].isna(),
        column="unit",
        came="a dose of {dose:g} without a unit",
        wanted="a unit, such as mg/kg",
        cure="Add it.",
    )


def _transplants(study: Study) -> Iterator[Finding]:
    treatments = study.treatments.assign(read=treatment_kinds(study))
    conditioning = treatments[treatments["read"] == "conditioning"]
    transplants = study.events[study.events["event"] == "transplant"]
    prepared = [
        bool(
            (
                (conditioning["subject"] == subject)
                & conditioning["time"].between(day - CONDITIONING_DAYS, day)
            ).any()
        )
        for subject, day in zip(transplants["subject"], transplants["time"], strict=True)
    ]
    yield from at_rows(
        "transplant-without-conditioning",
        "events",
        transplants,
        ~pd.Series(prepared, index=transplants.index, dtype=bool),
        column="event",
        came="a transplant on day {time:g} and no conditioning in treatments.csv before it",
        wanted="the day on which conditioning began, which ends the kinetics",
        cure="Add it to treatments.csv with kind=conditioning; until then samples count up to the "
        "transplant.",
    )


def _deaths(study: Study) -> Iterator[Finding]:
    toxicities = study.toxicities
    died = study.events.loc[study.events["event"] == "death", "subject"]
    yield from at_rows(
        "grade-5-without-death",
        "toxicities",
        toxicities,
        (toxicities["grade"] == 5) & ~toxicities["subject"].isin(died),
        column="grade",
        came="grade 5 and no death in events.csv",
        wanted="a death, which is what grade 5 means",
        cure="Add the death, or correct the grade.",
    )
