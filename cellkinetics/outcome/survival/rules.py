"""The rules of every endpoint, in words; :mod:`derive` is the same in code."""

from typing import Literal

EfsRule = Literal["registered", "eln2017", "eln2022", "fda"]
DorRule = Literal["registered", "from_infusion", "fda"]
CensorAt = Literal["transplant", "other_therapy"]

_AT_LANDMARK = (
    "From infusion (day 0) to treatment failure, relapse or death of any cause, whichever is "
    "first. Treatment failure is an event at time 0: no {remission} by the landmark ({landmark}), "
    "in a subject who was assessed, who progressed or was declared a failure, or who died before "
    "it. "
    "Alive and without an evaluable assessment by the landmark, or followed to a data cut before "
    "it without remission: censored at time 0. A progression before a remission reached by the "
    "landmark is no event, one on its very day is. In remission without relapse or "
    "death: censored at the last evaluable response assessment."
)
EFS: dict[str, str] = {
    "registered": (
        "From infusion (day 0) to treatment failure, relapse or death of any cause, whichever is "
        "first; without {remission}, to progression or death. In practice: the first treatment "
        "failure, progression or relapse of events.csv, or death. No event: censored at the last "
        "day known alive."
    ),
    "eln2017": (
        "ELN 2017, Table 7: from infusion (day 0) to primary refractory disease, relapse or death "
        "of any cause, whichever is first. Refractory disease is dated at its assessment: the last "
        "evaluable one up to the landmark ({landmark}) that shows no {remission}, in a subject "
        "followed to that day; a treatment failure or progression of events.csv at its own day. No "
        "event: censored at the last evaluable response assessment (time 0 if there is none)."
    ),
    "eln2022": "ELN 2022, Table 9. " + _AT_LANDMARK,
    "fda": "FDA guidance on AML, October 2022. " + _AT_LANDMARK,
}
DOR: dict[str, str] = {
    "registered": (
        "Responders (CR, CRh, CRi, PR) only: from the first response to progression, relapse or "
        "treatment failure (on the very day of the response: an event at time 0). Death without "
        "progression: censored at death. No event: censored at "
        "the last day known alive."
    ),
    "from_infusion": (
        "Responders (CR, CRh, CRi, PR) only: from infusion (day 0) to progression, relapse or "
        "treatment failure on the day of the response or after it. Death without "
        "progression: censored at death. No event: censored at the last day known "
        "alive. Time before the response cannot hold an event: this reading of "
        "the registry is longer than a duration of response."
    ),
    "fda": (
        "Responders (CR, CRh, CRi, PR) only: from the first response to progression, relapse, "
        "treatment failure (on the very day of the response: an event at time 0) or death of any "
        "cause. No event: censored at the last evaluable response assessment."
    ),
}
OS = (
    "From infusion (day 0) to death of any cause. No death: censored at the last day known alive "
    "(last contact, withdrawal, or the last row of any table if that is later or the only one)."
)
RFS = (
    "Subjects in remission (CR, CRh, CRi) only: from the first remission to relapse (on its very "
    "day: an event at time 0) or death of any cause. No event: censored at the last day known "
    "alive (ELN 2022, Table 9)."
)
RELAPSE = (
    "Subjects in remission (CR, CRh, CRi) only: from the first remission to relapse; death without "
    "relapse competes. No event: censored at the last day known alive (ELN 2022, Table 9)."
)
FOLLOW_UP = (
    "Reverse Kaplan-Meier (Schemper and Smith 1996): from infusion (day 0) to the last day known "
    "alive, which is the event; a death censors. The horizon does not cut it."
)
LOST_REMISSION = (
    "A relapse is a row of events.csv; an assessment NR or PR after a remission is one too, on its "
    "day, where no row of events.csv shows disease from the remission to that day: the earliest "
    "evidence counts, whatever the data cut."
)
DERIVED_DISEASE = (
    "A relapse or progression is a row of events.csv, or where that has none it is derived from "
    "the assessments (see Response). An assessment NR or PR after a remission is a relapse too, on "
    "its day, where neither shows disease from the remission to that day: the earliest evidence "
    "counts, whatever the data cut."
)
AFTER_THERAPY = (
    "A response first reached after a transplant (from its conditioning on) or other therapy is "
    "none to the cells."
)
CENSORED_AT: dict[str, str] = {
    "transplant": "Censored at a transplant without an event before it or on its day.",
    "other_therapy": "Censored at other therapy without an event before it or on its day.",
}
NOT_CENSORED = "Transplant and other therapy do not censor."
