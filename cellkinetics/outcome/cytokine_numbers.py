"""The numbers of the cytokines: the table of visits and the rows that an answer prints."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.outcome.answer import number
from cellkinetics.outcome.cytokine_course import flags, ratio_bounds
from cellkinetics.outcome.cytokine_mixed import FEW, MixedFit
from cellkinetics.outcome.cytokine_visits import BASELINE
from cellkinetics.study.limits import INTERVAL, LEFT, RIGHT

type Floats = NDArray[np.float64]

METHOD = "mixed model of log levels, limits by likelihood; robust variance, Student t"


def changes_by_visit(chosen: pd.DataFrame) -> pd.DataFrame:
    """Every subject's fold change at every visit: bounds of the reading over the baseline's."""
    base = chosen.loc[chosen["visit"] == BASELINE, ["subject", "analyte", "lower", "upper"]]
    after = chosen[chosen["visit"] != BASELINE]
    both = after.merge(base, on=["subject", "analyte"], suffixes=("", "_base"))
    both = both[both["upper_base"] > 0]
    low, high, base_low, base_high = (
        both[name].to_numpy(np.float64) for name in ("lower", "upper", "lower_base", "upper_base")
    )
    fold_low, fold_high = ratio_bounds(low, high, base_low, base_high)
    out = both[["subject", "analyte", "visit", "time"]].assign(
        fold_lower=fold_low, fold_upper=fold_high
    )
    return out.assign(fold_flag=flags(out["fold_lower"], out["fold_upper"])).reset_index(drop=True)


def visit_table(
    analyte: str,
    own: pd.DataFrame,
    changes: pd.DataFrame,
    window: pd.DataFrame,
    fit: MixedFit,
    *,
    zeros: bool,
) -> pd.DataFrame:
    """All numbers of one analyte by visit, the baseline first.

    Parameters
    ----------
    analyte : str
    own : DataFrame               the analyte's rows of ``at_visits``
    changes : DataFrame           of ``changes_by_visit``
    window : DataFrame            of ``windows``
    fit : MixedFit                of the analyte
    zeros : bool                  zeros as read were among its readings: nothing was fitted

    Returns
    -------
    DataFrame                     visit (day), after, until (day), n, n_paired (measured at baseline
                                  too), below, above, between (beyond limits), level (geometric
                                  mean), fold, lower, upper, se_log, se_log_model, why (not
                                  estimable), median_lower and median_upper (bounds of the median
                                  fold change over subjects, which assume no distribution)
    """
    days = [BASELINE, *window["visit"]]
    visit = pd.Categorical(own["visit"], days)
    counts = pd.DataFrame(index=pd.Index(days, name="visit"))
    for name, kinds in (
        ("n", None), ("below", LEFT), ("above", RIGHT), ("between", INTERVAL),
    ):  # fmt: skip
        of = visit if kinds is None else visit[(own["kind"] == kinds).to_numpy()]
        counts[name] = of.value_counts().to_numpy()
    has_base = own["subject"].isin(set(own.loc[own["visit"] == BASELINE, "subject"]))
    counts["n_paired"] = visit[has_base.to_numpy()].value_counts().to_numpy()
    why = ["a zero as read has no logarithm; give its lloq"] * len(days) if zeros else fit.why
    bounds = changes[changes["analyte"] == analyte].groupby("visit")[["fold_lower", "fold_upper"]]
    medians = {day: _medians(part.to_numpy(np.float64)) for day, part in bounds}
    low, high = np.array([medians.get(day, [np.nan, np.nan]) for day in days], dtype=float).T
    return counts.reset_index().assign(
        analyte=analyte,
        after=[-np.inf, *window["after"]],
        until=[0.0, *window["until"]],
        level=_exp(fit.log_mean),
        fold=_exp(fit.log_fold),
        lower=_exp(fit.lower),
        upper=_exp(fit.upper),
        se_log=fit.se,
        se_log_model=fit.se_model,
        why=why,
        median_lower=low,
        median_upper=high,
    )[
        [
            "analyte", "visit", "after", "until", "n", "n_paired", "below", "above", "between",
            "level", "fold", "lower", "upper", "se_log", "se_log_model", "why",
            "median_lower", "median_upper",
        ]
    ]  # fmt: skip


def _exp(log: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(log))


def visit_numbers(table: pd.DataFrame, level: float) -> list[dict[str, Any]]:
    """Rows of an answer: the fold change at every visit of :func:`visit_table`."""
    base = table.iloc[0]
    rows = []
    for visit in table.iloc[1:].to_dict("records"):
        said = [
            f"{when}: {_censored(of)}"
            for when, of in (("visit", visit), ("baseline", base))
            if _censored(of)
        ]
        if visit["why"]:
            said.insert(0, visit["why"])
        elif np.isnan(visit["lower"]):
            said.insert(0, "no interval: one subject, or no spread between subjects")
        elif visit["n_paired"] < FEW:
            said.insert(0, "few subjects: the interval leans on normal logs")
        rows.append(
            number(
                f"geometric mean fold change, day {visit['visit']:g}",
                visit["fold"],
                n=int(visit["n_paired"]),
                method=METHOD,
                lower=visit["lower"],
                upper=visit["upper"],
                level=level,
                group=visit["analyte"],
                note="; ".join(said),
            )
        )
    return rows


def _censored(row: Any) -> str:
    """Count readings beyond a limit in words."""
    parts = [f"{row[k]} {k}" for k in ("below", "above", "between") if row[k]]
    return f"{', '.join(parts)} limits of {row['n']}" if parts else ""


def course_numbers(
    subjects: pd.DataFrame, analyte: str, unit: str, multiple: float
) -> list[dict[str, Any]]:
    """Rows of an answer about the courses: median peak and peak fold change, returns."""
    own = subjects[subjects["analyte"] == analyte]
    rows = []
    for quantity, name, of in (
        ("median peak", "peak", unit),
        ("median peak fold change", "fold", ""),
    ):
        bounds = own[[f"{name}_lower", f"{name}_upper"]].dropna()
        rows.append(_median_row(quantity, bounds.to_numpy(np.float64), analyte, of))
    up = own[own["elevated"] == "yes"]
    back = int(np.isfinite(up["return_upper"]).sum())
    unknown = int((own["elevated"] == "unknown").sum())
    notes = [] if len(up) else [f"no peak is known to have reached {multiple:g} x baseline"]
    if unknown:
        notes.append(f"{unknown} more: limits hide whether the peak did")
    rows.append(
        number(
            f"returned below {multiple:g} x baseline",
            back / len(up) if len(up) else np.nan,
            n=len(up),
            events=back,
            method=f"seen, of subjects whose peak reached {multiple:g} x baseline",
            group=analyte,
            note="; ".join(notes),
        )
    )
    return rows


def _median_row(quantity: str, bounds: Floats, analyte: str, unit: str) -> dict[str, Any]:
    """Median of readings known between bounds: the medians of the bounds bound it."""
    low, high = (float(v) for v in _medians(bounds)) if len(bounds) else (np.nan, np.nan)
    exact = low == high
    hidden = int((bounds[:, 0] < bounds[:, 1]).sum())
    note = "" if exact else "lower and upper bound the median itself: limits hide it"
    if not len(bounds):
        note = "no subject has one"
    elif hidden and exact:
        note = f"{hidden} between bounds; the median does not depend on them"
    return number(
        quantity,
        low if exact else np.nan,
        n=len(bounds),
        method="sample median; subjects beyond limits by their bounds",
        lower=np.nan if exact else low,
        upper=np.nan if exact else high,
        group=analyte,
        unit=unit,
        note=note,
    )


def _medians(bounds: Floats) -> Floats:
    """Medians of the columns; the mean of a number and inf is inf."""
    ordered = np.sort(bounds, axis=0)
    n = len(ordered)
    return np.asarray((ordered[(n - 1) // 2] + ordered[n // 2]) / 2)


def model_row(analyte: str, fit: MixedFit, subjects: int) -> dict[str, Any]:
    """Say what was fitted to one analyte: SDs on the natural log scale."""
    return {
        "analyte": analyte,
        "subjects": subjects,
        "sd_subjects": fit.tau,
        "sd_residual_lowest": float(np.nanmin(fit.sigma)) if np.isfinite(fit.tau) else np.nan,
        "sd_residual_highest": float(np.nanmax(fit.sigma)) if np.isfinite(fit.tau) else np.nan,
        "residual_sd": "by visit" if fit.own_sd else "shared",
        "log_likelihood": fit.log_likelihood,
        "fitted": bool(np.isfinite(fit.tau)),
    }
