"""The form of an outcome's answer: a row a subject, a row a number, the rule in words."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

NUMBER_COLUMNS = (
    "quantity",
    "group",
    "n",
    "events",
    "estimate",
    "lower",
    "upper",
    "level",
    "unit",
    "method",
    "note",
)
LEVEL = 0.95  # of intervals about rates and survival, as trial reports print them


@dataclass(frozen=True)
class Answer:
    """One outcome measure of a study.

    ``subjects`` has a row for every treated subject (first column ``subject``), with what was
    derived and why; who does not count says so in a ``reason`` column. ``numbers`` has
    ``NUMBER_COLUMNS``: every number with its n, its interval (``level``) and its method; a number
    that cannot be given is NaN with its reason in ``note``. ``more`` holds further tables by name
    (a Kaplan-Meier curve, adverse events by term); ``definition`` is the rule as text.
    """

    name: str
    title: str
    definition: str
    subjects: pd.DataFrame
    numbers: pd.DataFrame
    more: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def number(
    quantity: str,
    estimate: float,
    *,
    n: int,
    method: str,
    events: int | None = None,
    lower: float = float("nan"),
    upper: float = float("nan"),
    level: float = float("nan"),
    group: str = "all",
    unit: str = "",
    note: str = "",
) -> dict[str, Any]:
    """One row of ``Answer.numbers``.

    Parameters
    ----------
    quantity : str                what it is: "median", "S(180 d)", "rate"
    estimate, lower, upper, level : float   NaN where not estimable; level of the interval
    n, events : int               whom it rests on
    method : str                  how it was computed, "Kaplan-Meier, log-log"
    """
    return dict(
        zip(
            NUMBER_COLUMNS,
            (quantity, group, n, events, estimate, lower, upper, level, unit, method, note),
            strict=True,
        )
    )


def numbers(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Collect rows of :func:`number` into a table with ``NUMBER_COLUMNS``."""
    return pd.DataFrame(rows, columns=list(NUMBER_COLUMNS))
