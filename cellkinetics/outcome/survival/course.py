"""A subject's course as the tables tell it: every dated fact with its table and line."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cellkinetics.outcome.treated import treated
from cellkinetics.study.findings import line_word
from cellkinetics.study.study import Study
from cellkinetics.survival.data import SurvivalError

REMISSION = ("CR", "CRh", "CRi")
RESPONSE = (*REMISSION, "PR")  # MLFS is no response
DISEASE = ("treatment_failure", "progression", "relapse")
INTERRUPTIONS = ("transplant", "other_therapy")
_AFTER = tuple(f"after {name.replace('_', ' ')}" for name in INTERRUPTIONS)
# In tables that show a subject alive; a death in events does not.
ALIVE = ("infusions", "samples", "assessments", "events", "toxicities", "vitals", "treatments")


@dataclass(frozen=True)
class Fact:
    """One dated fact: ``what`` happened on ``day``, from which line of which table (if any).

    ``file`` is where that line stands; by default the table's own.
    """

    day: float
    what: str
    table: str
    line: int | None = None
    file: str = ""

    def __str__(self) -> str:
        """Say it with its source: "relapse on day 180 (events.csv, line 5)"."""
        text = f"{self.what.replace('_', ' ')} on day {self.day:g}"
        if not self.table:
            return text
        file = self.file or f"{self.table}.csv"
        return f"{text} ({file}{'' if self.line is None else f', {line_word(file)} {self.line}'})"


@dataclass(frozen=True)
class Course:
    """One treated subject, up to the data cut.

    ``responses`` are the evaluable assessments after day 0, the earliest first; ``disease`` the
    treatment failures, progressions and relapses; ``alive`` the last day known alive. ``unused``
    holds what is not used anywhere, with the reason.
    """

    subject: str
    cut: float
    alive: Fact
    death: Fact | None
    disease: tuple[Fact, ...]
    interruptions: tuple[Fact, ...]
    responses: tuple[Fact, ...]
    unused: tuple[str, ...]

    @property
    def assessed(self) -> Fact | None:
        """The last evaluable response assessment."""
        return self.responses[-1] if self.responses else None

    def first(self, kinds: tuple[str, ...], until: float = np.inf) -> Fact | None:
        """First response of one of these kinds, up to and including a day."""
        return next((r for r in self.responses if r.what in kinds and r.day <= until), None)


def courses(
    study: Study,
    *,
    responses: pd.DataFrame | None = None,
    disease: pd.DataFrame | None = None,
    cutoff: float | None = None,
) -> list[Course]:
    """Collect every treated subject's course, in the order of ``study.subjects``.

    Parameters
    ----------
    study : Study
    responses : DataFrame, optional       subject, time, response (line, file); default: the
                                          response column of the study's assessments. With
                                          ``not_used`` (of :func:`cellkinetics.outcome.
                                          best_response.response`), one after a transplant or other
                                          therapy is no response
    disease : DataFrame, optional         of :func:`cellkinetics.outcome.relapse.
                                          relapse_and_progression`: its derived rows count beside
                                          those of events.csv. Where an assessment shows a
                                          remission lost before either does, it counts
    cutoff : float, day, optional         a data cut for everyone; a subject's own ``data_cut``
                                          holds too, the earlier counts

    Returns
    -------
    list of Course                        subjects with an infusion; all, if the study has none

    Raises
    ------
    SurvivalError                         if a table lacks a column, or the cut is before 0
    """
    if cutoff is not None and not cutoff >= 0:
        raise SurvivalError(f"data cut on day {cutoff:g}: wanted a day from the infusion (0) on.")
    given = _responses(study, responses)
    derived = _derived(disease)
    own = study.subjects.drop_duplicates("subject").set_index("subject")["data_cut"]
    latest = np.inf if cutoff is None else float(cutoff)
    cuts = own.fillna(np.inf).clip(upper=latest).astype(np.float64)
    alive = _last_alive(study, cuts)
    events = _facts("events", study.events.assign(file=study.files("events")), "event")
    answers = _facts("assessments", given, "response")
    return [
        _course(
            subject,
            float(cuts[subject]),
            alive.get(subject, Fact(0.0, "nothing known later", "")),
            events.get(subject, []),
            answers.get(subject, []),
            derived.get(subject, []),
        )
        for subject in treated(study)
    ]


def _responses(study: Study, responses: pd.DataFrame | None) -> pd.DataFrame:
    frame = study.assessments if responses is None else responses
    _has(frame, "responses", ("subject", "time", "response"))
    if "line" not in frame.columns:
        known = study.assessments.assign(file=study.files("assessments"))
        known = known.drop_duplicates(["subject", "time"])[["subject", "time", "line", "file"]]
        frame = frame.drop(columns="file", errors="ignore")
        frame = frame.merge(known, on=["subject", "time"], how="left")
    elif "file" not in frame.columns:
        own = responses is None
        frame = frame.assign(file=study.files("assessments") if own else "assessments.csv")
    evaluable = frame["response"].notna() & (frame["response"] != "NE") & (frame["time"] > 0)
    kept = frame.loc[evaluable, ["subject", "time", "response", "line", "file"]]
    if "not_used" not in frame.columns:
        return kept
    # A response after other therapy is still an assessment, but no longer a response to the cells.
    after = frame.loc[evaluable, "not_used"].str.startswith(_AFTER, na=False)
    words = kept["response"].astype(str) + " (" + frame.loc[evaluable, "not_used"].astype(str) + ")"
    return kept.assign(response=kept["response"].where(~after, words))


def _derived(disease: pd.DataFrame | None) -> dict[str, list[Fact]]:
    """Derived relapses and progressions by subject."""
    if disease is None:
        return {}
    _has(disease, "disease", ("subject", "time", "event", "source", "line"))
    disease = disease if "file" in disease else disease.assign(file="assessments.csv")
    rows = disease[disease["source"] == "derived"]
    out: dict[str, list[Fact]] = {}
    for subject, *row in zip(
        *(rows[name] for name in ("subject", "time", "event", "line", "file")), strict=True
    ):
        day, event, line, file = row
        fact = Fact(float(day), f"{event} (derived)", "assessments", int(line), str(file))
        out.setdefault(str(subject), []).append(fact)
    return out


def _has(frame: pd.DataFrame, what: str, names: tuple[str, ...]) -> None:
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise SurvivalError(f"{what} has no column {absent[0]!r}: wanted {', '.join(names)}.")


def _course(
    subject: str,
    cut: float,
    alive: Fact,
    events: list[Fact],
    answers: list[Fact],
    derived: list[Fact],
) -> Course:
    unused: list[str] = []

    def before_cut(facts: list[Fact]) -> list[Fact]:
        unused.extend(
            f"{fact}: after the data cut, day {cut:g}" for fact in facts if fact.day > cut
        )
        return sorted((fact for fact in facts if fact.day <= cut), key=lambda fact: fact.day)

    events, answers = before_cut(events), before_cut(answers)
    deaths = [fact for fact in events if fact.what == "death"]
    disease = [fact for fact in events if fact.what in DISEASE]
    disease += before_cut(derived)
    disease = sorted((*disease, *_lost_remission(answers, disease)), key=lambda fact: fact.day)
    return Course(
        subject=subject,
        cut=cut,
        alive=alive,
        death=deaths[0] if deaths else None,
        disease=tuple(disease),
        interruptions=tuple(fact for fact in events if fact.what in INTERRUPTIONS),
        responses=tuple(answers),
        unused=tuple(unused),
    )


def _facts(table: str, frame: pd.DataFrame, column: str) -> dict[str, list[Fact]]:
    """Rows of a table as facts, by subject."""
    out: dict[str, list[Fact]] = {}
    names = ("subject", "time", column, "line", "file")
    for subject, day, what, line, file in zip(*(frame[name] for name in names), strict=True):
        known = not pd.isna(line)
        fact = Fact(
            float(day),
            str(what),
            table,
            int(line) if known else None,
            str(file) if known else "",
        )
        out.setdefault(str(subject), []).append(fact)
    return out


def _lost_remission(answers: list[Fact], disease: list[Fact]) -> list[Fact]:
    """A remission that an assessment shows lost before anything else does: a relapse on that day.

    Disease that is reported later does not undo it, or a later data cut would move the relapse.
    """
    start = next((fact.day for fact in answers if fact.what in REMISSION), np.inf)
    for fact in answers:
        seen = fact.what.split(" (")[0]
        if fact.day > start and seen in ("NR", "PR"):
            if any(start <= other.day <= fact.day for other in disease):
                return []
            return [replace(fact, what=f"relapse ({seen} after remission)")]
    return []


def _last_alive(study: Study, cuts: pd.Series) -> dict[str, Fact]:
    """The last day each subject is known alive; the cut itself for whom anything later is known."""
    out: dict[str, Fact] = {}
    for name in ALIVE:
        frame = study.table(name).assign(file=study.files(name))
        cut = frame["subject"].map(cuts)
        seen_later = frame.loc[frame["time"] > cut, "subject"].unique()
        known = frame[(frame["time"] >= 0) & (frame["time"] <= cut)]
        if name == "events":
            known = known[known["event"] != "death"]
        last = known.sort_values("time", ascending=False, kind="stable").drop_duplicates("subject")
        what = "infusion" if name == "infusions" else f"last row of {name}"
        words = last["event"] if name == "events" else [what] * len(last)
        rows = zip(last["subject"], last["time"], words, last["line"], last["file"], strict=True)
        for subject, day, word, line, file in rows:
            before = out.get(subject)
            # A contact that was recorded as such goes before a sample of the same day.
            if before is None or day > before.day or (day == before.day and name == "events"):
                out[subject] = Fact(float(day), str(word), name, int(line), str(file))
        for subject in seen_later:
            out[subject] = Fact(float(cuts[subject]), "alive at the data cut", "")
    return out
