"""All endpoints of one study, each part given what another part has found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.endpoints.checks import Check, run_checks
from cellkinetics.endpoints.cut import rows_after, samples_up_to
from cellkinetics.endpoints.inputs import input_hashes, versions
from cellkinetics.endpoints.options import Options, resolved
from cellkinetics.endpoints.reported import against_reported
from cellkinetics.endpoints.words import in_users_words
from cellkinetics.errors import CellKineticsError
from cellkinetics.exposure import NcaResult, nca
from cellkinetics.outcome.answer import Answer, number, numbers
from cellkinetics.outcome.best_response import response
from cellkinetics.outcome.counts import analyte_rows
from cellkinetics.outcome.cytokine import cytokine
from cellkinetics.outcome.exposure import exposure_from
from cellkinetics.outcome.mrd_rate import mrd
from cellkinetics.outcome.safety.answer import safety
from cellkinetics.outcome.survival.endpoints import (
    ENDPOINTS,
    courses_of,
    duration_of_response,
    event_free,
)
from cellkinetics.outcome.survival.endpoints import Options as SurvivalOptions
from cellkinetics.outcome.swimlanes import Swimlanes, swimlanes
from cellkinetics.outcome.treated import treated
from cellkinetics.study.findings import Finding
from cellkinetics.study.study import Study

# What is computed, in the order in which it is printed and written.
PARTS = (
    "response", "mrd", "efs", "os", "dor", "rfs", "relapse", "follow_up", "safety", "exposure",
    "cytokine",
)  # fmt: skip
_TITLES = {
    "response": "Response",
    "mrd": "MRD-negative rate",
    "efs": "Event-free survival",
    "os": "Overall survival",
    "dor": "Duration of response",
    "rfs": "Relapse-free survival",
    "relapse": "Cumulative incidence of relapse",
    "follow_up": "Follow-up",
    "safety": "Safety",
    "exposure": "Exposure: CAR-T cells and transgene copies",
    "cytokine": "Cytokines in peripheral blood",
}


@dataclass(frozen=True)
class Endpoints:
    """Endpoints of a study.

    Attributes
    ----------
    study : Study
    options : Options               as used, nothing left open
    subjects : tuple of str         treated subjects: the denominator
    answers : dict                  name of the part -> Answer, in the order of ``PARTS``
    checks : tuple of Check         what the parts say held against each other
    late : DataFrame                rows after the data cut, which no part used
    reported : DataFrame            times to events that the study's own ADTTE states, beside ours
    exposure : NcaResult, optional  what the answer "exposure" was made from
    lanes : Swimlanes, optional     what a swimmer plot draws
    inputs, versions : dict         hashes of the files read, versions of what computed
    """

    study: Study
    options: Options
    subjects: tuple[str, ...]
    answers: dict[str, Answer]
    checks: tuple[Check, ...]
    late: pd.DataFrame
    reported: pd.DataFrame
    exposure: NcaResult | None
    lanes: Swimlanes | None
    inputs: dict[str, str]
    versions: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What the check of the study warned of."""
        return tuple(f for f in self.study.findings if f.severity == "warning")


def compute_endpoints(study: Study, options: Options | None = None) -> Endpoints:
    """Compute every outcome measure of a trial.

    Parameters
    ----------
    study : Study
    options : Options, optional

    Returns
    -------
    Endpoints                       a part that the tables do not allow is an answer that says so

    Raises
    ------
    EndpointsError                  an option that is unknown, or that this study cannot answer
    """
    chosen = resolved(study, options or Options())
    cutoff = chosen.cutoff
    # Counts of samples.csv stand in for those of a marrow a few days before: not past the cut.
    seen = samples_up_to(study, cutoff)
    answers: dict[str, Answer] = {}

    lacking = not_given(study)

    def part(name: str, compute: Callable[[], Answer]) -> None:
        if name in lacking:
            answers[name] = _cannot(name, study, lacking[name])
            return
        try:
            answers[name] = compute()
        except CellKineticsError as error:
            answers[name] = _cannot(name, study, str(error))

    part("response", lambda: response(seen, cutoff=cutoff, target=chosen.target))
    more = answers["response"].more
    responses, relapses = more.get("assessments"), more.get("relapse_progression")
    part(
        "mrd",
        lambda: mrd(study, responses=responses, cutoff=cutoff, target=chosen.target),
    )
    survival = SurvivalOptions(
        responses=responses,
        disease=relapses,
        cutoff=cutoff,
        conf_type=chosen.conf_type,
    )
    survival = replace(survival, courses=courses_of(study, survival))
    for name, compute in _times(study, chosen, survival).items():
        part(name, compute)
    part(
        "safety",
        lambda: safety(study, relapses=relapses, cutoff=cutoff, dlt_within=chosen.dlt_within),
    )
    found: list[NcaResult] = []

    def exposure() -> Answer:
        found.append(nca(_treated_only(seen), cutoff=cutoff))
        return exposure_from(found[0])

    part("exposure", exposure)
    part("cytokine", lambda: cytokine(seen, cutoff=cutoff))
    answers = {name: in_users_words(answers[name], study.sources) for name in PARTS}
    checks = run_checks(answers)
    packages: tuple[str, ...] = ()
    if chosen.bayes:
        from cellkinetics.endpoints.sampled import with_samples  # noqa: PLC0415  (wakes PyMC)

        def again(**changes: Any) -> dict[str, Answer]:
            asked = replace(survival, **changes)
            times = _times(study, chosen, asked)
            return {name: one() for name, one in times.items() if name not in lacking}

        answers, more_checks = with_samples(answers, again, chosen.seed)
        checks += more_checks
        packages = ("nutpie",)
    return Endpoints(
        study=study,
        options=chosen,
        subjects=treated(study),
        answers=answers,
        checks=tuple(checks),
        late=rows_after(study, cutoff),
        reported=against_reported(study, answers),
        exposure=found[0] if found else None,
        lanes=_lanes(study, responses, relapses, cutoff),
        inputs=input_hashes(study.path, study.settings_path),
        versions=versions(*packages),
    )


def not_given(study: Study) -> dict[str, str]:
    """Say which parts the study has no tables for: nothing recorded is not nothing happened.

    Returns
    -------
    dict                            name of the part -> why it is not computed
    """
    out: dict[str, str] = {}
    if study.assessments.empty:
        why = "there are no assessments (assessments.csv)"
        out |= dict.fromkeys(("response", "dor", "rfs", "relapse"), why)
    if study.events.empty:
        why = (
            "there are no events (events.csv): who died, and until when anybody was followed, is "
            "not known. Whoever has no event has a row last_contact"
        )
        out |= dict.fromkeys(("efs", "os", "dor", "rfs", "relapse", "follow_up"), why)
    given = study.assessments[["mrd_value", "mrd_lod", "mrd_status"]].notna().any(axis=None)
    if not given and analyte_rows(study, "mrd").empty:
        out["mrd"] = "no MRD is given (mrd_value or mrd_status of assessments.csv)"
    return out


def _times(
    study: Study, chosen: Options, options: SurvivalOptions
) -> dict[str, Callable[[], Answer]]:
    """Each time to event, ready to be computed."""
    rules = {"efs": (event_free, chosen.efs), "dor": (duration_of_response, chosen.dor)}
    # A transplant is no end of life or of follow-up: it can censor what is said of the disease.
    censored = replace(options, censor_at=chosen.censor_at)
    out: dict[str, Callable[[], Answer]] = {
        name: partial(function, study, rule, options=censored)
        for name, (function, rule) in rules.items()
    }
    for name in ("rfs", "relapse"):
        out[name] = partial(ENDPOINTS[name], study, options=censored)
    for name in ("os", "follow_up"):
        out[name] = partial(ENDPOINTS[name], study, options=options)
    return out


def _lanes(
    study: Study,
    responses: pd.DataFrame | None,
    relapses: pd.DataFrame | None,
    cutoff: float | None,
) -> Swimlanes | None:
    """Lay out a swimmer plot; None where the responses could not be read, as their answer says."""
    try:
        return swimlanes(study, responses, relapses, cutoff)
    except CellKineticsError:
        return None


def _treated_only(study: Study) -> Study:
    """Leave out who was not infused: exposure is of those who were."""
    keep = set(treated(study))
    if keep == set(study.subjects["subject"]):
        return study

    def of_treated(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["subject"].isin(keep)]

    return replace(study, subjects=of_treated(study.subjects), samples=of_treated(study.samples))


def _cannot(name: str, study: Study, why: str) -> Answer:
    """The answer of a part that could not be computed."""
    title = _TITLES[name]
    everyone = list(treated(study))
    return Answer(
        name=name,
        title=title,
        definition=f"Not computed: {why}",
        subjects=pd.DataFrame({"subject": everyone, "reason": why}),
        numbers=numbers([number(title, np.nan, n=0, method="not computed", note=why)]),
        notes=(f"Not computed: {why}",),
    )
