"""Exposure as one of the trial's outcome measures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from cellkinetics.exposure import NcaResult, nca, persistence, summarise
from cellkinetics.exposure.registry import BY_NAME
from cellkinetics.exposure.summary import CENSORED, grouping
from cellkinetics.outcome.answer import LEVEL, Answer, number, numbers
from cellkinetics.study.study import Study
from cellkinetics.survival.kaplan_meier import KaplanMeier, quantile

_QUALITY = ("R2", "R2_adjusted", "corr_xy", "lambda_z_")  # say how good a line is, not how exposed


def exposure_answer(
    study: Study,
    *,
    by: str | Mapping[str, str] | None = None,
    cutoff: float | None = None,
    **options: Any,
) -> Answer:
    """Answer the outcome measure "CAR-T cells and transgene copies over time".

    Parameters
    ----------
    study : Study
    by : str or mapping, optional     group: a column of subjects.csv, or subject -> group
    cutoff : float, optional, day
    **options                         of ``cellkinetics.exposure.nca``

    Returns
    -------
    Answer                            ``subjects`` has a row a subject and analyte; ``more`` holds
                                      ``metrics`` (every metric with flag and reason), ``summary``,
                                      ``persistence`` (Kaplan-Meier) and ``left_out``
    """
    return exposure_from(nca(study, cutoff=cutoff, **options), by=by)


def exposure_from(result: NcaResult, *, by: str | Mapping[str, str] | None = None) -> Answer:
    """Make the answer of an analysis that is there already; see :func:`exposure_answer`."""
    summary = summarise(result, by=by)
    curves, rows = [], []
    groups = grouping(result, by)
    for line in summary.to_dict("records"):
        if line["metric"].startswith(_QUALITY):
            continue
        quantity = " ".join(x for x in (line["analyte"], line["specimen"], line["metric"]) if x)
        if line["metric"] == CENSORED:
            km = persistence(result, line["analyte"], line["specimen"], groups == line["group"])
            if km is not None:
                labels = {k: line[k] for k in ("analyte", "specimen", "group")}
                curves.append(km.curve.assign(**labels))
            rows.append(_persistence(km, quantity, group=line["group"], unit=line["unit"]))
        else:
            rows.append(_number_of(line, quantity))
    why = result.long[result.long["metric"] == result.metrics[0]]["reason"].to_numpy()
    return Answer(
        name="exposure",
        title="Exposure: CAR-T cells and transgene copies",
        definition=result.definition,
        subjects=result.wide.assign(reason=why),
        numbers=numbers(rows),
        more={
            "metrics": result.long,
            "summary": summary,
            "persistence": pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
            "left_out": result.left_out,
        },
        notes=result.notes,
    )


def _persistence(km: KaplanMeier | None, quantity: str, **labels: Any) -> dict[str, Any]:
    name, method = f"{quantity}, median", "Kaplan-Meier, log-log bands inverted"
    if km is None:
        nobody = "nobody was quantifiable"
        return number(name, float("nan"), n=0, method=method, note=nobody, **labels)
    median = quantile(km)
    return number(
        name,
        median.value,
        n=km.n,
        events=km.events,
        lower=median.lower,
        upper=median.upper,
        level=LEVEL,
        method=method,
        note=median.note,
        **labels,
    )


def _number_of(line: Mapping[Any, Any], quantity: str) -> dict[str, Any]:
    """Geometric mean with its t interval where logs make sense, else the median."""
    name, n = line["metric"], int(line["n"])
    common = {"n": n, "group": line["group"], "unit": line["unit"]}
    missing = f"not estimable in {line['subjects'] - n} of {line['subjects']}"
    note = missing if n < line["subjects"] else ""
    if name in BY_NAME and not BY_NAME[name].geometric:
        spread = f"range {line['min']:.4g} to {line['max']:.4g}" if n else ""
        return number(
            f"{quantity}, median",
            line["median"],
            method="median",
            note="; ".join(x for x in (spread, note) if x),
            **common,
        )
    lower = upper = float("nan")
    if n and np.isnan(line["geo_mean"]):
        zero = f"a value of 0 has no geometric mean; median {line['median']:.4g}"
        note = "; ".join(x for x in (zero, note) if x)
    if n > 1 and np.isfinite(line["geo_cv_pct"]):
        sd_log = np.sqrt(np.log1p((line["geo_cv_pct"] / 100) ** 2))
        half = student_t.ppf(0.5 + LEVEL / 2, n - 1) * sd_log / np.sqrt(n)
        lower, upper = line["geo_mean"] * np.exp(-half), line["geo_mean"] * np.exp(half)
        note = "; ".join(x for x in (f"geometric CV {line['geo_cv_pct']:.4g} %", note) if x)
    return number(
        f"{quantity}, geometric mean",
        line["geo_mean"],
        lower=lower,
        upper=upper,
        level=LEVEL if np.isfinite(lower) else float("nan"),
        method="geometric mean, t interval of the logs",
        note=note,
        **common,
    )
