"""All metrics, in the order of tables; what is computed first follows from what each needs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.exposure.curves import Curves, in_parts
from cellkinetics.exposure.metric import Found, Metric, take_apart
from cellkinetics.exposure.of_area import AREA, TIME_ABOVE
from cellkinetics.exposure.of_peak import PEAK
from cellkinetics.exposure.of_terminal import CELLS, TERMINAL
from cellkinetics.exposure.profile import make_profiles
from cellkinetics.exposure.rules import Rules

METRICS: tuple[Metric, ...] = (*PEAK, TIME_ABOVE, *AREA, *TERMINAL, *CELLS)
BY_NAME = {metric.name: metric for metric in METRICS}

_CELLS_AT_A_TIME = 400_000  # readings; bounds the memory at some hundred MB


def choose_metrics(names: Sequence[str] | None) -> tuple[Metric, ...]:
    """Look metrics up by name; all of them where None.

    Raises
    ------
    SpecError                     an unknown name
    """
    if names is None:
        return METRICS
    for name in names:
        if name not in BY_NAME:
            raise SpecError(f"there is no metric '{name}'. {did_you_mean(name, BY_NAME)}")
    return tuple(BY_NAME[name] for name in dict.fromkeys(names))


def evaluate(curves: Curves, rules: Rules, metrics: Sequence[Metric]) -> dict[str, Found]:
    """Compute metrics of many profiles.

    Parameters
    ----------
    curves : Curves
    rules : Rules
    metrics : sequence of Metric  those wanted; what they need is computed with them

    Returns
    -------
    dict of name -> Found         in the order asked

    Raises
    ------
    SpecError                     a rule that the readings do not allow
    """
    order = _in_order(metrics)
    pieces: dict[str, list[Found]] = {metric.name: [] for metric in metrics}
    for _, part in in_parts(curves, _CELLS_AT_A_TIME):
        done: dict[str, Found] = {}
        # What overflows or divides by zero becomes a value that is not finite, and says so.
        with np.errstate(all="ignore"):
            parts = take_apart(make_profiles(part, rules))
            for metric in order:
                # A metric sees what it declares and nothing else: so the declaration is true.
                done[metric.name] = metric.function(parts, {n: done[n] for n in metric.needs})
        for name, held in pieces.items():
            held.append(done[name])
    return {
        name: Found(
            np.concatenate([f.value for f in held]) if held else np.empty(0),
            np.concatenate([f.notes for f in held]) if held else np.empty(0, dtype=np.int64),
        )
        for name, held in pieces.items()
    }


def _in_order(metrics: Sequence[Metric]) -> list[Metric]:
    """Put what a metric needs before it."""
    asked = {metric.name: metric for metric in metrics}
    out: dict[str, Metric] = {}

    def add(metric: Metric) -> None:
        for name in metric.needs:
            if name not in out:
                add(asked.get(name) or BY_NAME[name])
        out.setdefault(metric.name, metric)

    for metric in metrics:
        add(metric)
    return list(out.values())


def unit_of(rule: str, *, level: str, time: str, dose: str) -> str:
    """Write a metric's unit.

    Parameters
    ----------
    rule : str                    as in ``Metric.unit``
    level, time, dose : str       units of the values, of time and of the dose; "" where unknown

    Returns
    -------
    str                           "day*copies/ug", "1/day", "%", ...
    """
    by = f"({dose})" if "/" in dose or "*" in dose else dose
    return {
        "level": level,
        "time": time,
        "1/time": f"1/{time}",
        "level*time": f"{time}*{level}" if level else time,
        "level*time^2": f"{time}^2*{level}" if level else f"{time}^2",
        "level/dose": f"{level}/{by}" if level and dose else "",
        "level*time/dose": f"{time}*{level}/{by}" if level and dose else "",
        "%": "%",
        "1": "1",
        "count": "1",
    }[rule]


def glossary(rules: Rules | None = None) -> pd.DataFrame:
    """List what the metrics mean.

    Returns
    -------
    DataFrame                     metric, meaning, unit (rule), cdisc (PPTESTCD), winnonlin, needs
    """
    route = (rules or Rules()).route
    return pd.DataFrame(
        [
            {
                "metric": m.name,
                "meaning": m.meaning,
                "unit": m.unit,
                "cdisc": m.code_for(route),
                "winnonlin": m.winnonlin,
                "needs": ", ".join(m.needs),
            }
            for m in METRICS
        ]
    )
