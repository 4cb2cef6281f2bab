"""Everything on safety: the answer "safety"."""

from typing import Any, Literal

import numpy as np
import pandas as pd

from cellkinetics.outcome.answer import LEVEL, Answer, number, numbers
from cellkinetics.outcome.proportion import BetaPrior, beta_prior, rate
from cellkinetics.outcome.relapse import relapse_and_progression
from cellkinetics.outcome.safety.adverse import (
    NO_CLASS,
    adverse_events,
    is_ctcae,
    is_infection,
    worst_by,
)
from cellkinetics.outcome.safety.adverse_rate import event_rates
from cellkinetics.outcome.safety.deaths import CAUSE_COLUMNS, EARLY_DAYS, deaths
from cellkinetics.outcome.safety.dlt import StopRule, not_of_cells, past_window, running_dlt
from cellkinetics.outcome.safety.medication import STEROID, TOCILIZUMAB, medication
from cellkinetics.outcome.safety.recovery import RULES as RECOVERY_RULES
from cellkinetics.outcome.safety.recovery import prolonged, recovery
from cellkinetics.outcome.safety.recovery_rate import recovery_numbers
from cellkinetics.outcome.safety.syndromes import RULES as SYNDROME_RULES
from cellkinetics.outcome.safety.syndromes import crs, icans
from cellkinetics.outcome.treated import treated, untreated_note
from cellkinetics.study.findings import counted
from cellkinetics.study.study import Study

NAN = float("nan")
# Columns of the subjects' table that say nothing where a source is not there.
_COLUMNS_OF = {
    "toxicities": ("adverse_events", "worst_ctcae", "infection", "dlt"),
    "crs": ("crs_",),
    "icans": ("icans_",),
    "treatments": (TOCILIZUMAB, STEROID),
}


def safety(
    study: Study,
    *,
    relapses: pd.DataFrame | None = None,
    cutoff: float | None = None,
    since_infusion: bool = False,
    confirmed: bool = False,
    rule: StopRule | None = None,
    dlt_within: float | Literal["none"] | None = None,
    level: float = LEVEL,
    prior: str | BetaPrior = "uniform",
) -> Answer:
    """Adverse events, CRS, ICANS, recovery of counts, infections, deaths and DLT.

    Parameters
    ----------
    study : Study
    relapses : DataFrame          of :func:`cellkinetics.outcome.relapse.relapse_and_progression`,
                                  if it is there already; said beside a death
    cutoff : float, day           a data cut
    since_infusion : bool         adverse events count from day 0, not from lymphodepletion
    confirmed : bool              recovery needs two counts
    rule : StopRule               of the DLT; default: that of study.toml (P(rate > 0.30) > 0.80),
                                  under a uniform prior
    dlt_within : float, day, or "none"    last day on which a toxicity counts as a DLT; default:
                                  ``safety.dlt_window`` of study.toml (28)
    level : float                 of intervals
    prior : str or BetaPrior      of every rate but the DLT's

    Returns
    -------
    Answer                        ``more``: ae, ae_by_term, ae_by_class, ae_worst, crs, icans,
                                  medication, recovery, cytopenia, infections, deaths, dlt

    Raises
    ------
    SpecError, StudyError         an unknown option; a count in a unit that is none
    """
    chosen = study.settings.safety
    rule = rule or StopRule(chosen.dlt_limit, chosen.dlt_certainty)
    asked = chosen.dlt_window if dlt_within is None else dlt_within
    window = None if asked == "none" else asked
    relapses = relapse_and_progression(study) if relapses is None else relapses
    everyone = treated(study)
    events = adverse_events(study, cutoff=cutoff, since_infusion=since_infusion)
    used = events[events["not_used"].isna()]
    given = medication(study, cutoff)
    given = given[given["subject"].isin(everyone)].reset_index(drop=True)
    more = {
        "ae": events,
        "ae_by_term": worst_by(used, ["soc", "term"], len(everyone)),
        "ae_by_class": worst_by(used, ["soc"], len(everyone)),
        "ae_worst": worst_by(used, [], len(everyone)),
        "crs": crs(study, used, given, cutoff),
        "icans": icans(study, used, cutoff),
        "medication": given,
        "recovery": recovery(study, confirmed=confirmed, cutoff=cutoff),
        "cytopenia": prolonged(study, cutoff=cutoff),
        "infections": used[is_infection(used)].drop(columns="not_used").reset_index(drop=True),
        "deaths": deaths(study, relapses, cutoff),
        "dlt": running_dlt(study, rule, within=window, cutoff=cutoff, level=level),
    }
    options = {"level": level, "prior": prior}
    lacking = not_recorded(study)

    def known(source: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return _unknown(rows, lacking[source]) if source in lacking else rows

    return Answer(
        name="safety",
        title="Safety",
        definition=_definition(since_infusion, confirmed, rule, window, prior),
        subjects=_subjects(study, used, more),
        numbers=numbers(
            [
                *known("toxicities", event_rates(used, len(everyone), options)),
                *known("crs", _syndrome_rates("CRS", more["crs"], options)),
                *known("icans", _syndrome_rates("ICANS", more["icans"], options)),
                *known("treatments", _use_rates(given, len(everyone), options)),
                *known("events", _death_rates(more["deaths"], len(everyone), options)),
                *known("toxicities", _dlt_numbers(study, more["dlt"], rule, window, level)),
                *recovery_numbers(more["recovery"], level),
                *_cytopenia_rates(more["cytopenia"], options),
            ]
        ),
        more=more,
        notes=_notes(study, events, more, past_window(study, window, cutoff)),
    )


def not_recorded(study: Study) -> dict[str, str]:
    """Say what no table of the study records: nobody reported is then not nobody affected.

    Returns
    -------
    dict                          "toxicities", "crs", "icans", "treatments", "events" -> why
    """
    toxicities, signs = len(study.toxicities) > 0, study.vitals
    there = {
        "toxicities": (toxicities, "toxicities.csv"),
        "crs": (toxicities or len(signs) > 0, "toxicities.csv and vitals.csv"),
        "icans": (
            toxicities or bool(signs["ice_score"].notna().any()),
            "toxicities.csv and ice_score of vitals.csv",
        ),
        "treatments": (len(study.treatments) > 0, "treatments.csv"),
        "events": (len(study.events) > 0, "events.csv"),
    }
    return {
        name: f"not known: there is nothing in {where}"
        for name, (some, where) in there.items()
        if not some
    }


def _unknown(rows: list[dict[str, Any]], why: str) -> list[dict[str, Any]]:
    """A row for every quantity, without a number."""
    names = dict.fromkeys(r["quantity"] for r in rows if not r["quantity"].startswith("P("))
    return [number(name, NAN, n=0, method="not computed", note=why) for name in names]


def _syndrome_rates(
    name: str, table: pd.DataFrame, options: dict[str, Any]
) -> list[dict[str, Any]]:
    """Any grade on any scale; grade 3 and more scale by scale, without the subjects of others."""
    had = table[~(table["grade"] == 0)]  # a grade that is not stated is still an event
    rows = rate(f"{name} of any grade", len(had), len(table), note="of all treated", **options)
    scales = sorted(had["scale"].dropna().unique()) or ["ASTCT"]
    for scale in scales:
        here = table[table["scale"].isna() | (table["scale"] == scale)]
        here = here[here["grade"].notna()]
        others = len(table) - len(here)
        note = "of all treated"
        if others:
            note += f" but {others} graded on another scale or not at all"
        count = int((here["grade"] >= 3).sum())
        rows += rate(f"{name} of grade >= 3 ({scale})", count, len(here), note=note, **options)
    for column, label in (("onset", "day of onset"), ("duration", "duration")):
        days = had[column].dropna()
        missing = f"; {len(had) - len(days)} not known" if len(days) < len(had) else ""
        rows.append(
            number(
                f"{name}, {label}",
                float(days.median()) if len(days) else NAN,
                n=len(days),
                lower=float(days.min()) if len(days) else NAN,
                upper=float(days.max()) if len(days) else NAN,
                unit="day",
                method="median and range",
                note=f"of {len(had)} with {name}{missing}",
            )
        )
    return rows


def _use_rates(given: pd.DataFrame, n: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        row
        for name in (TOCILIZUMAB, STEROID)
        for row in rate(
            f"{name} given",
            given.loc[given["medication"] == name, "subject"].nunique(),
            n,
            note="of all treated, from day 0 on",
            **options,
        )
    ]


def _death_rates(table: pd.DataFrame, n: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    used = table[table["used"]]
    early = int((used["time"] <= EARLY_DAYS).sum())
    return [
        *rate("death", len(used), n, note="of all treated; a crude rate", **options),
        *rate(f"death by day {EARLY_DAYS:g}", early, n, note="of all treated", **options),
    ]


def _dlt_numbers(
    study: Study, table: pd.DataFrame, rule: StopRule, window: float | None, level: float
) -> list[dict[str, Any]]:
    method = f"Beta posterior, prior {beta_prior(rule.prior)}"
    days = "all days" if window is None else f"to day {window:g}"
    if len(study.toxicities) and study.toxicities["dlt"].isna().all():
        why = "the column dlt of toxicities.csv is empty: who had a DLT is not known"
        return [number("DLT", NAN, n=len(table), method=method, note=why)]
    if table.empty:
        return [number("DLT", NAN, n=0, method=method, note="no subject")]
    end = table.iloc[-1]
    n, events = int(end["n"]), int(end["events"])
    if n == 0:
        why = f"none of {len(table)} treated is evaluable yet"
        return [number("DLT", NAN, n=0, method=method, note=why)]
    stopped = table.loc[table["stop"], "patient"]
    when = f"reached after patient {stopped.iloc[0]}" if len(stopped) else "not reached"
    spare = len(table) - n
    note = "of all treated, all doses"
    if spare:
        note = f"of the evaluable, all doses; {spare} of {len(table)} treated not (yet) evaluable"
    return [
        *rate("DLT", events, n, level=level, prior=rule.prior, note=note),
        number(
            f"P(DLT > {rule.limit:g})",
            float(end["p_above"]),
            n=n,
            events=events,
            method=method,
            note=f"{days}; {rule}: {when}",
        ),
    ]


def _cytopenia_rates(table: pd.DataFrame, options: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for (name, day), group in table.groupby(["count", "day"], sort=False):
        for grade, label in (("grade_3_4", "grade 3 or 4"), ("grade_4", "grade 4")):
            known = group[grade].dropna()
            note = f"of those with a count; {len(group) - len(known)} without one that tells"
            what = f"{'neutropenia' if name == 'anc' else 'thrombocytopenia'}, {label}, day {day}"
            rows += rate(what, int(known.sum()), len(known), note=note, **options)
    return rows


def _subjects(study: Study, used: pd.DataFrame, more: dict[str, pd.DataFrame]) -> pd.DataFrame:
    everyone = list(treated(study))
    out = pd.DataFrame({"subject": everyone})
    counted = used.groupby("subject").size()
    out["adverse_events"] = out["subject"].map(counted).fillna(0).astype(int)
    graded = used[is_ctcae(used["scale"])]
    out["worst_ctcae_grade"] = out["subject"].map(graded.groupby("subject")["grade"].max())
    for name in ("crs", "icans"):
        table = more[name].set_index("subject")
        for column in ("grade", "scale", "source", "onset", "duration"):
            out[f"{name}_{column}"] = out["subject"].map(table[column])
    for name in (TOCILIZUMAB, STEROID):
        rows = more["medication"][more["medication"]["medication"] == name].groupby("subject")
        out[f"{name}_rows"] = out["subject"].map(rows.size()).fillna(0).astype(int)
        out[f"{name}_first_day"] = out["subject"].map(rows["time"].min())
    infections = more["infections"].groupby("subject")
    out["infections"] = out["subject"].map(infections.size()).fillna(0).astype(int)
    out["infection_first_day"] = out["subject"].map(infections["time"].min())
    out["dlt"] = out["subject"].map(more["dlt"].set_index("subject")["dlt"]).astype(bool)
    died = more["deaths"][more["deaths"]["used"]].set_index("subject")["time"]
    out["death_day"] = out["subject"].map(died)
    listed = set(study.toxicities["subject"])
    lacking = not_recorded(study)
    for source, prefixes in _COLUMNS_OF.items():
        if source in lacking:
            names = [c for c in out.columns if c.startswith(prefixes)]
            out[names] = np.nan
    if "toxicities" in lacking:
        return out.assign(reason=lacking["toxicities"])
    out["reason"] = [
        "" if s in listed else "no row in toxicities.csv: counts as none reported" for s in everyone
    ]
    return out


def _notes(
    study: Study, events: pd.DataFrame, more: dict[str, pd.DataFrame], late_dlt: int
) -> tuple[str, ...]:
    notes = list(untreated_note(study))
    listed = set(study.toxicities["subject"])
    notes += [f"{name}: {why}." for name, why in not_recorded(study).items()]
    silent = [s for s in treated(study) if s not in listed and len(listed)]
    if silent:
        notes.append(f"No row in toxicities.csv, counted as none reported: {', '.join(silent)}.")
    for count, noun, text in (
        (events["not_used"].notna().sum(), "row", "of toxicities.csv listed and not used"),
        ((events["soc"] == NO_CLASS).sum(), "row", "without a class: may be of an infection"),
        (
            not_of_cells(study),
            "DLT",
            "from before the infusion not counted (not stated to last past it)",
        ),
        (late_dlt, "DLT", "from after the window not counted"),
        (more["crs"]["disagreement"].sum(), "CRS grade", "reported that the signs do not give"),
        (more["icans"]["disagreement"].sum(), "ICANS grade", "reported that ICE does not give"),
    ):
        if count:
            notes.append(f"{counted(int(count), noun)} {text}.")
    return tuple(notes)


def _definition(
    since_infusion: bool,
    confirmed: bool,
    rule: StopRule,
    dlt_window: float | None,
    prior: str | BetaPrior,
) -> str:
    start = "day 0" if since_infusion else "the first day of lymphodepletion (day 0 if not given)"
    window = (
        " from day 0 on, or lasting past it (no window given: all treated count)"
        if dlt_window is None
        else f" from day 0, or lasting past it, to day {dlt_window:g} (without one and not "
        "followed alive to that day: not evaluable, not counted)"
    )
    return "\n".join(
        [
            f"Adverse events that began from {start} to the last day used. A subject counts once "
            "in a term or class, with the worst grade on one scale; scales are never mixed. A "
            "subject without a row counts in every denominator as none reported.",
            SYNDROME_RULES,
            "Tocilizumab and corticosteroids from day 0 on, by kind, else by the drug's name.",
            "Infections: system organ class 'Infections and infestations' (febrile neutropenia is "
            "not in it).",
            RECOVERY_RULES + (" Confirmed recovery is used." if confirmed else ""),
            "Deaths: events.csv; the cause is a column of subjects.csv "
            f"({', '.join(CAUSE_COLUMNS)}), else a toxicity of grade 5, else not stated.",
            f"DLT: toxicities with dlt = 1{window}; one a subject, all doses together, in the "
            "order of infusions.csv. Window and limit (assumptions unless the protocol says them; "
            f"study.toml, [safety]): {rule}.",
            f"Intervals of rates: Clopper-Pearson; Jeffreys; posterior, prior {beta_prior(prior)}.",
        ]
    )
