"""Cox's proportional-hazards regression, by Newton's method on the exact partial likelihood.

Own code, because lifelines has Efron's handling of ties alone; held against it and against R.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri

from cellkinetics.errors import did_you_mean
from cellkinetics.study.findings import counted
from cellkinetics.survival.data import (
    Flags,
    Floats,
    SurvivalError,
    groups_checked,
    level_checked,
    times_and_events,
)
from cellkinetics.survival.partial_likelihood import (
    RiskSets,
    Ties,
    log_likelihood,
    risk_sets,
)

STEPS = 60  # Newton's method needs about 5; only an estimate at infinity needs more
CLOSE = 1e-9  # a step of the linear predictor, in its own SD, that counts as none
COEFFICIENT_COLUMNS = (
    "covariate",
    "coef",
    "std_error",
    "hazard_ratio",
    "lower",
    "upper",
    "z",
    "p",
    "note",
)


@dataclass(frozen=True)
class Cox:
    """A fitted model: ``coefficients`` has ``COEFFICIENT_COLUMNS`` (limits of the hazard ratio).

    ``tests`` has test (likelihood ratio, Wald, score), chi_square, df, p. A coefficient whose
    estimate is infinite has coef +-inf, no standard error, and a note.
    """

    coefficients: pd.DataFrame
    tests: pd.DataFrame
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    n: int
    events: int
    ties: Ties
    level: float
    note: str = ""


def cox(
    time: ArrayLike,
    event: ArrayLike,
    covariates: pd.DataFrame,
    *,
    entry: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
    n: int | None = None,
) -> Cox:
    """Fit a Cox model.

    Covariates must be known at the entry of their row: use
    :mod:`cellkinetics.outcome.survival.compare`, which asks, for anything measured later.

    Parameters
    ----------
    time : array (row,), day
    event : array (row,)          1 event, 0 censored
    covariates : DataFrame        a numeric column each; rows in the order of ``time``
    entry : array (row,), day, optional     a row counts on (entry, time]; default from time zero on
    strata : array (row,), optional         each with a baseline hazard of its own
    ties : "efron" or "breslow"
    level : float
    n : int, optional             subjects, where one has several rows

    Returns
    -------
    Cox

    Raises
    ------
    SurvivalError                 if a covariate is missing, text, constant or a combination of the
                                  others, if nobody had the event, or an option is unknown
    """
    if ties not in get_args(Ties):
        raise SurvivalError(f"ties {ties!r}. {did_you_mean(str(ties), get_args(Ties))}")
    times, events = times_and_events(time, event)
    begins = _entries(entry, times)
    if not events.any():
        raise SurvivalError("a Cox model without an event: there is nothing to compare.")
    names, x = _design(covariates, len(times))
    layer = groups_checked(np.zeros(len(times)) if strata is None else strata, len(times), "strata")
    scale = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / scale
    sets = [
        risk_sets(begins[here], times[here], events[here], scaled[here], ties)
        for here in (layer == name for name in dict.fromkeys(layer.tolist()))
    ]
    beta, infinite, (value, _, information) = _newton(sets, len(names))
    null, gradient, start = _total(sets, np.zeros(len(names)))
    finite = ~infinite
    covariance = np.full((len(names), len(names)), np.nan)
    inner = np.linalg.inv(information[np.ix_(finite, finite)])
    covariance[np.ix_(finite, finite)] = inner
    wald = float(beta[finite] @ np.linalg.solve(inner, beta[finite])) if finite.any() else np.nan
    score = float(gradient @ np.linalg.solve(start, gradient))
    notes = []
    if infinite.any():
        named = ", ".join(name for name, out in zip(names, infinite, strict=True) if out)
        notes.append(
            f"the likelihood grows without end in {named}: its groups are separated. The "
            "likelihood-ratio test holds, Wald's does not"
        )
        wald = np.nan
    if events.sum() < 10 * len(names):
        notes.append(
            f"{counted(int(events.sum()), 'event')} for {counted(len(names), 'coefficient')}"
        )
    return Cox(
        coefficients=_coefficients(names, beta, covariance, infinite, scale, level_checked(level)),
        tests=_tests((2 * (value - null), wald, score), len(names)),
        covariance=covariance / np.outer(scale, scale),
        log_likelihood=value,
        log_likelihood_null=null,
        n=len(times) if n is None else n,
        events=int(events.sum()),
        ties=ties,
        level=level,
        note="; ".join(notes),
    )


def _entries(entry: ArrayLike | None, times: Floats) -> Floats:
    """Check when each row's time at risk begins; just before time zero by default."""
    if entry is None:
        return np.full(len(times), -np.inf)
    begins = np.asarray(entry, dtype=np.float64)
    if begins.shape != times.shape or not np.isfinite(begins).all():
        raise SurvivalError("entry: wanted a day for every row.")
    if (begins >= times).any():
        at = int(np.argmax(begins >= times))
        raise SurvivalError(
            f"row {at + 1} enters on day {begins[at]:g} and ends on day {times[at]:g}: wanted an "
            "entry before the end."
        )
    return begins


def _design(covariates: pd.DataFrame, count: int) -> tuple[list[str], Floats]:
    """Check the covariates: numbers, none missing, none constant, none redundant."""
    names = [str(name) for name in covariates.columns]
    if not names:
        raise SurvivalError("a Cox model without a covariate.")
    if len(covariates) != count:
        raise SurvivalError(f"{len(covariates)} rows of covariates for {count} times.")
    columns = []
    for name, column in covariates.items():
        try:
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            seen = ", ".join(str(value) for value in list(dict.fromkeys(column))[:3])
            raise SurvivalError(
                f"covariate {name!r} is not numeric ({seen}): code its levels as 0 and 1."
            ) from None
        if not np.isfinite(values).all():
            raise SurvivalError(
                f"covariate {name!r} is missing in row {int(np.argmin(np.isfinite(values))) + 1}: "
                "leave that subject out, and say so."
            )
        if np.ptp(values) == 0:
            raise SurvivalError(f"covariate {name!r} is {values[0]:g} in everyone: drop it.")
        columns.append(values)
    x = np.column_stack(columns)
    centred = (x - x.mean(axis=0)) / x.std(axis=0)
    if np.linalg.matrix_rank(centred) < len(names):
        raise SurvivalError(f"covariates {', '.join(names)}: one is a combination of the others.")
    return names, x


def _total(sets: list[RiskSets], beta: Floats) -> tuple[float, Floats, Floats]:
    parts = [log_likelihood(one, beta) for one in sets]
    value = sum(part[0] for part in parts)
    gradient = np.sum([part[1] for part in parts], axis=0)
    information = np.sum([part[2] for part in parts], axis=0)
    return value, gradient, information


def _newton(sets: list[RiskSets], width: int) -> tuple[Floats, Flags, tuple[float, Floats, Floats]]:
    """Climb to the maximum; say which coefficients have theirs at infinity.

    Near a finite maximum Newton's steps vanish; along a direction in which the likelihood rises
    for ever they stay about 1 while its gain falls by a factor e each.
    """
    beta = np.zeros(width)
    state = _total(sets, beta)
    _informed(state[2], width)
    for _ in range(STEPS):
        value, gradient, information = state
        step = np.linalg.lstsq(information, gradient, rcond=1e-13)[0]
        if np.abs(step).max() < CLOSE:
            return beta, np.zeros(width, dtype=bool), state
        ahead = _total(sets, beta + step)
        while not ahead[0] >= value - 1e-12 * abs(value) and np.abs(step).max() > CLOSE:
            step = step / 2
            ahead = _total(sets, beta + step)
        flat = ahead[0] - value < 1e-9 and np.abs(step).max() > 0.05
        if flat:
            infinite = np.abs(step) > 1e-3
            beta = np.where(infinite, np.sign(step) * np.inf, beta)
            return beta, infinite, ahead
        beta, state = beta + step, ahead
    raise SurvivalError("the Cox model did not converge: its covariates are nearly redundant.")


def _informed(information: Floats, width: int) -> None:
    """Refuse a model that the events say nothing about."""
    if np.linalg.matrix_rank(information, tol=1e-10) < width:
        raise SurvivalError(
            "the events carry no information on the covariates: whenever one happened, all at risk "
            "had the same values, or values that cannot be told apart."
        )


def _coefficients(
    names: list[str],
    beta: Floats,
    covariance: Floats,
    infinite: Flags,
    scale: Floats,
    level: float,
) -> pd.DataFrame:
    """Back on the covariates' own scale."""
    error = np.sqrt(np.diag(covariance)) / scale
    coef = beta / scale
    z = np.where(infinite, np.nan, coef) / error
    half = float(ndtri(0.5 + level / 2)) * error
    return pd.DataFrame(
        {
            "covariate": names,
            "coef": coef,
            "std_error": error,
            "hazard_ratio": np.exp(coef),
            "lower": np.exp(np.where(infinite, np.nan, coef) - half),
            "upper": np.exp(np.where(infinite, np.nan, coef) + half),
            "z": z,
            "p": 2 * ndtr(-np.abs(z)),
            "note": ["infinite: separated groups" if out else "" for out in infinite],
        }
    )


def _tests(chi_squares: tuple[float, ...], df: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "test": ["likelihood ratio", "Wald", "score"],
            "chi_square": chi_squares,
            "df": df,
            "p": [float(chdtrc(df, max(value, 0.0))) for value in chi_squares],
        }
    )
