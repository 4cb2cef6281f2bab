"""The trial's time-to-event endpoints, each an :class:`Answer`: EFS, OS, DOR, RFS, relapse."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from cellkinetics.errors import did_you_mean
from cellkinetics.outcome.answer import Answer
from cellkinetics.outcome.survival import derive, rules
from cellkinetics.outcome.survival.course import REMISSION, RESPONSE, Course, courses
from cellkinetics.outcome.survival.describe import incidence_answer, survival_answer
from cellkinetics.outcome.treated import untreated_note
from cellkinetics.study.study import Study
from cellkinetics.survival.data import SurvivalError
from cellkinetics.survival.intervals import ConfType
from cellkinetics.survival.parametric import MODELS, ModelName
from cellkinetics.survival.sampled import Sampler


@dataclass(frozen=True)
class Options:
    """What every endpoint can be asked for.

    ``responses`` and ``disease`` are tables of the response module (default: assessments.response
    as written); ``cutoff`` is a data cut, in days; ``horizon`` (default: the study's) censors
    whoever is event-free then; ``censor_at`` names "transplant" or "other_therapy"; ``models`` are
    the parametric posteriors to add, by quadrature unless there is a ``sampler``
    (``cellkinetics.fitting.survival.sample_density`` and a seed); ``courses`` are those of the same
    study and options, if they are there already (:func:`courses_of`).
    """

    responses: pd.DataFrame | None = None
    disease: pd.DataFrame | None = None
    cutoff: float | None = None
    horizon: float | None = None
    censor_at: Collection[rules.CensorAt] = ()
    conf_type: ConfType = "log-log"
    level: float = 0.95
    models: Collection[ModelName] = field(default=MODELS)
    sampler: Sampler | None = None
    courses: Sequence[Course] | None = None


DEFAULT = Options()


def event_free(
    study: Study,
    rule: str | None = None,
    *,
    landmark: float | None = None,
    remission: Collection[str] = REMISSION,
    options: Options = DEFAULT,
) -> Answer:
    """Event-free survival.

    Parameters
    ----------
    study : Study
    rule : "registered", "eln2017", "eln2022" or "fda"      default: the study's ``endpoints.efs``
    landmark : float, day         by which a remission counts; default: ``response.landmark``
    remission : collection        responses that are a remission; ("CR",) for CR alone
    options : Options

    Returns
    -------
    Answer

    Raises
    ------
    SurvivalError                 unknown rule or response; a rule that needs a landmark has none
    """
    chosen = _chosen(rule or study.settings.endpoints.efs, rules.EFS, "EFS rule")
    for kind in remission:
        if kind not in REMISSION:
            raise SurvivalError(f"remission {kind!r}. {did_you_mean(kind, REMISSION)}")
    day = study.settings.response.landmark if landmark is None else landmark
    at_landmark = chosen in ("eln2022", "fda")
    if at_landmark and day is None:
        raise SurvivalError(
            f"EFS by {chosen} needs the day by which a remission counts and study.toml has none. "
            "Give landmark, or landmark = 60 (for day 60) under [response]."
        )
    text = rules.EFS[chosen].format(
        remission=" or ".join(remission),
        landmark="not set: nobody is refractory by it" if day is None else f"day {day:g}",
    )
    function: derive.Rule
    if chosen == "registered":
        function = derive.event_free_registered
    elif chosen == "eln2017":
        function = derive.event_free_eln2017(day, remission)
    else:
        assert day is not None
        function = derive.event_free_at_landmark(day, remission)
    return _answer(
        "efs",
        f"Event-free survival ({chosen})",
        f"{text} {_disease_text(options)}",
        study,
        function,
        options,
        point_mass=at_landmark,
    )


def overall(study: Study, *, options: Options = DEFAULT) -> Answer:
    """Overall survival.

    Returns
    -------
    Answer
    """
    return _answer("os", "Overall survival", rules.OS, study, derive.overall, options)


def duration_of_response(
    study: Study, rule: str | None = None, *, options: Options = DEFAULT
) -> Answer:
    """Duration of response, of responders (CR, CRh, CRi, PR) alone.

    Parameters
    ----------
    study : Study
    rule : "registered", "from_infusion" or "fda"     default: the study's ``endpoints.dor``
    options : Options

    Returns
    -------
    Answer                        who did not respond has a ``reason`` in ``subjects``

    Raises
    ------
    SurvivalError                 unknown rule
    """
    chosen = _chosen(rule or study.settings.endpoints.dor, rules.DOR, "DOR rule")
    function = derive.response_duration(
        from_infusion=chosen == "from_infusion", death_counts=chosen == "fda"
    )
    title = f"Duration of response ({chosen})"
    text = f"{rules.DOR[chosen]} {_disease_text(options)}"
    return _answer("dor", title, text, study, function, options)


def relapse_free(study: Study, *, options: Options = DEFAULT) -> Answer:
    """Relapse-free survival, of subjects in remission (CR, CRh, CRi) alone.

    Returns
    -------
    Answer
    """
    text = f"{rules.RFS} {_disease_text(options)}"
    return _answer("rfs", "Relapse-free survival", text, study, derive.relapse_free, options)


def relapse_incidence(study: Study, *, options: Options = DEFAULT) -> Answer:
    """Cumulative incidence of relapse, death without relapse competing.

    Returns
    -------
    Answer                        ``subjects`` has cause: 1 relapse, 2 death, 0 censored
    """
    subjects, text, notes = _subjects(study, derive.relapse_free, options)
    cause = np.where(subjects["what"] == "death", 2, 1) * subjects["event"].fillna(0)
    subjects = subjects.assign(cause=cause.astype("Int64").mask(subjects["event"].isna()))
    return incidence_answer(
        "relapse",
        "Cumulative incidence of relapse",
        f"{rules.RELAPSE} {_disease_text(options)} {text}",
        subjects,
        conf_type=options.conf_type,
        level=options.level,
        notes=notes,
    )


def follow_up(study: Study, *, options: Options = DEFAULT) -> Answer:
    """Length of follow-up by reverse Kaplan-Meier; the horizon does not cut it.

    Returns
    -------
    Answer                        without parametric models
    """
    subjects, _, notes = _subjects(study, derive.follow_up, options, np.inf)
    answer = survival_answer(
        "follow_up",
        "Follow-up",
        f"{rules.FOLLOW_UP} {_cut_text(options)}".strip(),
        subjects,
        conf_type=options.conf_type,
        level=options.level,
        models=(),
        notes=notes,
    )
    median = answer.numbers[answer.numbers["quantity"] == "median"]
    return replace(answer, numbers=median.assign(quantity="median follow-up"))


def _answer(
    name: str,
    title: str,
    text: str,
    study: Study,
    rule: derive.Rule,
    options: Options,
    *,
    point_mass: bool = False,
) -> Answer:
    subjects, more, notes = _subjects(study, rule, options)
    return survival_answer(
        name,
        title,
        f"{text} {more}",
        subjects,
        conf_type=options.conf_type,
        level=options.level,
        models=options.models,
        point_mass=point_mass,
        sampler=options.sampler,
        notes=notes,
    )


def _subjects(
    study: Study, rule: derive.Rule, options: Options, horizon: float | None = None
) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Derive every subject's row; say what horizon, cut and censoring did; list oddities."""
    until = horizon if horizon is not None else options.horizon
    until = study.settings.horizon if until is None else until
    if not until > 0:
        raise SurvivalError(f"horizon on day {until:g}: wanted a day after the infusion (0).")
    found = courses_of(study, options) if options.courses is None else options.courses
    subjects = derive.derive(found, rule, horizon=until, censor_at=options.censor_at)
    words = [
        " ".join(rules.CENSORED_AT[name] for name in options.censor_at) or rules.NOT_CENSORED,
        f"Event-free on day {until:g} is censored then; later events are listed and not used."
        if np.isfinite(until)
        else "No horizon.",
        _cut_text(options),
    ]
    return subjects, " ".join(filter(None, words)), (*untreated_note(study), *_notes(found))


def courses_of(study: Study, options: Options) -> list[Course]:
    """Collect every subject's course once, for all endpoints with these options."""
    return courses(
        study, responses=options.responses, disease=options.disease, cutoff=options.cutoff
    )


def _disease_text(options: Options) -> str:
    """Say which relapses and responses count, beside those of the tables."""
    text = rules.LOST_REMISSION if options.disease is None else rules.DERIVED_DISEASE
    marked = options.responses is not None and "not_used" in options.responses
    return f"{text} {rules.AFTER_THERAPY}" if marked else text


def _cut_text(options: Options) -> str:
    return "" if options.cutoff is None else f"Data cut: day {options.cutoff:g}."


def _notes(found: Sequence[Course]) -> tuple[str, ...]:
    """Say who was not followed, and whose responses came after other therapy."""
    notes = []
    unseen = [course.subject for course in found if course.alive.day == 0 and course.death is None]
    if unseen:
        notes.append(
            f"No follow-up after day 0, censored there where no rule says otherwise: "
            f"{', '.join(unseen)}."
        )
    for course in found:
        first = course.first(RESPONSE)
        other = next((f for f in course.interruptions if f.what == "other_therapy"), None)
        if first is not None and other is not None and first.day > other.day:
            notes.append(
                f"{course.subject}: the first response, {first.what} on day {first.day:g}, came "
                f"after other therapy on day {other.day:g}; it counts here."
            )
    return tuple(notes)


def _chosen(rule: str, known: dict[str, str], what: str) -> str:
    if rule not in known:
        raise SurvivalError(f"{what} {rule!r}. {did_you_mean(rule, known)}")
    return rule


ENDPOINTS: dict[str, Callable[..., Answer]] = {
    "efs": event_free,
    "os": overall,
    "dor": duration_of_response,
    "rfs": relapse_free,
    "relapse": relapse_incidence,
    "follow_up": follow_up,
}
