"""From derived times to an answer: the curve and the numbers that a trial report prints."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.outcome.answer import Answer, number, numbers
from cellkinetics.survival.competing import cumulative_incidence, incidence_at
from cellkinetics.survival.data import Floats
from cellkinetics.survival.intervals import ConfType
from cellkinetics.survival.kaplan_meier import (
    Estimate,
    KaplanMeier,
    at_risk,
    kaplan_meier,
    quantile,
    survival_at,
)
from cellkinetics.survival.parametric import ModelName, Posterior, posterior
from cellkinetics.survival.restricted_mean import restricted_mean
from cellkinetics.survival.sampled import Sampler, density

YEAR = 365.0  # 12 months is day 365; a month is a twelfth of it
MONTHS = (3, 6, 12)
AT_RISK_STEPS = (1.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0, 730.0)


def counted(subjects: pd.DataFrame) -> pd.DataFrame:
    """Rows of subjects who count."""
    return subjects[subjects["reason"].isna()]


def survival_answer(
    name: str,
    title: str,
    definition: str,
    subjects: pd.DataFrame,
    *,
    conf_type: ConfType,
    level: float,
    models: Collection[ModelName],
    point_mass: bool = False,
    sampler: Sampler | None = None,
    notes: Sequence[str] = (),
) -> Answer:
    """Answer of an endpoint with one kind of event.

    Parameters
    ----------
    subjects : DataFrame          of :func:`derive`
    conf_type, level              of the Kaplan-Meier intervals; ``level`` of all
    models : collection           parametric posteriors to add: "weibull", "log-normal",
                                  "piecewise-exponential"
    point_mass : bool             whether the rule puts events at time 0 by definition
    sampler : function, optional  in place of quadrature

    Returns
    -------
    Answer                        ``more``: curve, at_risk
    """
    rows = counted(subjects)
    if rows.empty:
        nobody = [number("median", np.nan, n=0, events=0, method="Kaplan-Meier", note=_none(notes))]
        return Answer(name, title, definition, subjects, numbers(nobody), notes=tuple(notes))
    time, event = rows["time"].to_numpy(), rows["event"].to_numpy(dtype=np.float64)
    km = kaplan_meier(time, event, conf_type=conf_type, level=level)
    found = curve_numbers(km)
    for model in models:
        if sampler is None:
            fitted = posterior(model, time, event, point_mass=point_mass)
        else:
            plain = density(model, time, event, point_mass=point_mass)
            fitted = plain.posterior(*sampler(plain.evaluate, plain.start))
        found += _posterior_numbers(fitted, time, event, level)
    return Answer(
        name,
        title,
        definition,
        subjects,
        numbers(found),
        {"curve": km.curve, "at_risk": at_risk(km, _days(km.last))},
        tuple(notes),
    )


def curve_numbers(km: KaplanMeier) -> list[dict[str, Any]]:
    """Median, survival at 3, 6 and 12 months and restricted mean of a curve, as rows of numbers."""
    shared: dict[str, Any] = {"n": km.n, "events": km.events, "level": km.level}
    inverted = km.method.replace("interval", "bands inverted")
    found = [_estimate("median", quantile(km), unit="day", method=inverted, **shared)]
    for months in MONTHS:
        there = survival_at(km, landmark_day(months))
        found.append(_estimate(_landmark(months), there, method=km.method, **shared))
    if km.last > 0:
        mean = restricted_mean(km)
        found.append(
            _estimate(
                f"restricted mean to day {mean.until:g}",
                Estimate(mean.mean, mean.lower, mean.upper, mean.note),
                unit="day",
                method=f"area under Kaplan-Meier, SE {mean.std_error:.4g}, plain interval",
                **shared,
            )
        )
    return found


def _estimate(quantity: str, estimate: Estimate, **shared: Any) -> dict[str, Any]:
    """A row of numbers from an estimate with its interval."""
    return number(
        quantity,
        estimate.value,
        lower=estimate.lower,
        upper=estimate.upper,
        **{"note": estimate.note, **shared},
    )


def incidence_answer(
    name: str,
    title: str,
    definition: str,
    subjects: pd.DataFrame,
    *,
    conf_type: ConfType,
    level: float,
    notes: Sequence[str] = (),
) -> Answer:
    """Answer of an endpoint with competing events: ``subjects`` has a column ``cause``.

    Returns
    -------
    Answer                        ``more``: curve, at_risk
    """
    rows = counted(subjects)
    method = "Aalen-Johansen"
    if rows.empty:
        nobody = [number("incidence", np.nan, n=0, events=0, method=method, note=_none(notes))]
        return Answer(name, title, definition, subjects, numbers(nobody), notes=tuple(notes))
    estimate = cumulative_incidence(
        rows["time"], rows["cause"].to_numpy(dtype=float), conf_type=conf_type, level=level
    )
    found = []
    for months in MONTHS:
        found.append(
            _estimate(
                f"incidence({months} months, day {landmark_day(months):g})",
                incidence_at(estimate, landmark_day(months)),
                n=estimate.n,
                events=estimate.events,
                level=level,
                method=estimate.method,
            )
        )
    everyone = kaplan_meier(rows["time"], rows["cause"].to_numpy(dtype=float) > 0)
    return Answer(
        name,
        title,
        definition,
        subjects,
        numbers(found),
        {"curve": estimate.curve, "at_risk": at_risk(everyone, _days(estimate.last))},
        tuple(notes),
    )


def landmark_day(months: float) -> float:
    """Day that is so many months from time zero."""
    return YEAR * months / 12


def _landmark(months: int) -> str:
    return f"S({months} months, day {landmark_day(months):g})"


def _days(last: float) -> list[float]:
    """Days of the at-risk table: every so many that about six columns reach the end."""
    step = next(
        (step for step in AT_RISK_STEPS if last <= 6 * step), YEAR * (1 + last // (6 * YEAR))
    )
    return [step * i for i in range(1 + int(last // step))]


def _none(notes: Sequence[str]) -> str:
    return "; ".join(("nobody counts", *notes))


def _posterior_numbers(
    fitted: Posterior, time: Floats, event: Floats, level: float
) -> list[dict[str, Any]]:
    shared: dict[str, Any] = {
        "n": len(time), "events": int(event.sum()), "level": level, "method": fitted.method,
    }  # fmt: skip
    last = float(time.max())
    middle = fitted.median(level)
    beyond = f"extrapolated past the last follow-up, day {last:g}"
    note = beyond if not middle.upper <= last else ""
    found = [_estimate("median", middle, unit="day", note=note, **shared)]
    for months in MONTHS:
        day = landmark_day(months)
        there = fitted.survival(day, level)
        note = beyond if day > last else ""
        found.append(_estimate(_landmark(months), there, note=note, **shared))
    return found
