"""What a row of ``samples.csv`` says about the reading: the one decision table, as data.

The first line of ``READINGS`` that applies decides. The checks report its finding, the likelihood
(``cellkinetics.study.limits``) uses its meaning, ``cellkinetics check --limits`` prints it and the
tests go through it line by line. A limit is understood nowhere else.

Source
------
``cens`` and ``value`` follow Monolix: where ``cens`` is not 0, ``value`` holds the limit.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Bools = NDArray[np.bool_]
type Meaning = Literal["observed", "left", "right", "interval", "no reading", "refused"]


@dataclass(frozen=True)
class Reading:
    """One line of the first table: if ``cens`` and all of ``when`` hold, the row means this.

    ``lower`` and ``upper`` name the column that holds the bound (``value|lloq``: value, or lloq
    where value is empty). ``finding`` is the code that the check reports for such a row.
    """

    name: str
    cens: tuple[str, ...]
    when: tuple[str, ...]
    meaning: Meaning
    lower: str = ""
    upper: str = ""
    finding: str = ""


ANY = ("", "0", "1", "-1")
_AS_READ = ("", "0")

READINGS: tuple[Reading, ...] = (
    # rows that no reading can be made of
    Reading("cens unknown", ("other",), (), "refused", finding="cens-not-allowed"),
    Reading("negative", ANY, ("value < 0",), "refused", finding="negative-value"),
    Reading("limit <= 0", ANY, ("a limit <= 0",), "refused", finding="limit-not-positive"),
    Reading("lod > lloq", ANY, ("lod > lloq",), "refused", finding="lod-above-lloq"),
    Reading("lloq >= uloq", ANY, ("lloq or lod >= uloq",), "refused", finding="lloq-above-uloq"),
    # cens 1: below; a bound from below makes it an interval
    Reading(
        "lower, no upper",
        ("1",),
        ("lower given", "no value", "no lloq"),
        "refused",
        finding="cens-without-limit",
    ),
    Reading("lower >= upper", ("1",), ("lower >= upper",), "refused", finding="interval-empty"),
    Reading("interval", ("1",), ("lower given",), "interval", lower="lower", upper="value|lloq"),
    Reading(
        "below, contradicted",
        ("1",),
        ("value > lloq",),
        "refused",
        finding="cens-contradicts-value",
    ),
    Reading("not detected", ("1",), ("value <= lod",), "left", upper="lod"),
    Reading(
        "below lloq, detected",
        ("1",),
        ("lod < value < lloq",),
        "interval",
        lower="lod",
        upper="lloq",
    ),
    Reading(
        "below lloq, other value",
        ("1",),
        ("value < lloq",),
        "left",
        upper="lloq",
        finding="cens-value-not-limit",
    ),
    Reading("below lloq", ("1",), ("lloq given",), "left", upper="lloq"),
    Reading("below lod, no value", ("1",), ("no value", "lod given"), "left", upper="lod"),
    Reading("below value", ("1",), ("value > 0",), "left", upper="value"),
    Reading("below nothing", ("1",), (), "refused", finding="cens-without-limit"),
    # `lower` says nothing without cens 1
    Reading(
        "lower, not censored",
        (*_AS_READ, "-1"),
        ("lower given",),
        "refused",
        finding="lower-without-cens",
    ),
    # cens -1: above
    Reading(
        "above, contradicted",
        ("-1",),
        ("value < uloq",),
        "refused",
        finding="cens-contradicts-value",
    ),
    Reading("above uloq", ("-1",), ("uloq given",), "right", lower="uloq"),
    Reading("above value", ("-1",), ("value > 0",), "right", lower="value"),
    Reading("above nothing", ("-1",), (), "refused", finding="cens-without-limit"),
    # cens 0 or empty: as read, unless a limit says otherwise
    Reading("no reading", _AS_READ, ("no value",), "no reading", finding="no-reading"),
    Reading(
        "over uloq",
        _AS_READ,
        ("value > uloq",),
        "right",
        lower="uloq",
        finding="above-limit-without-cens",
    ),
    Reading(
        "under lod",
        _AS_READ,
        ("value < lod",),
        "left",
        upper="lod",
        finding="below-limit-without-cens",
    ),
    Reading(
        "under lloq, detected",
        _AS_READ,
        ("lod <= value < lloq",),
        "interval",
        lower="lod",
        upper="lloq",
        finding="below-limit-without-cens",
    ),
    Reading(
        "under lloq",
        _AS_READ,
        ("value < lloq",),
        "left",
        upper="lloq",
        finding="below-limit-without-cens",
    ),
    Reading("zero as read", _AS_READ, ("value = 0", "zeros as read"), "observed"),
    Reading("zero, no limit", _AS_READ, ("value = 0",), "refused", finding="zero-without-limit"),
    Reading("as read", _AS_READ, (), "observed"),
)


def facts(samples: pd.DataFrame, zeros_as_read: Collection[str] = ()) -> dict[str, Bools]:
    """Evaluate every condition that ``READINGS`` uses, for every row.

    Parameters
    ----------
    samples : DataFrame           columns analyte, value, lloq, uloq, lower, lod
    zeros_as_read : collection    analytes whose zeros are readings

    Returns
    -------
    dict of condition -> array (row,) of bool; a comparison with an empty cell is false
    """
    value, lloq, uloq, lower, lod = (
        samples[name].to_numpy(dtype=np.float64)
        for name in ("value", "lloq", "uloq", "lower", "lod")
    )
    upper = np.where(np.isnan(value), lloq, value)
    return {
        "no value": np.isnan(value),
        "value < 0": value < 0,
        "value = 0": value == 0,
        "value > 0": value > 0,
        "value < lod": value < lod,
        "value <= lod": value <= lod,
        "value < lloq": value < lloq,
        "value > lloq": value > lloq,
        "value < uloq": value < uloq,
        "value > uloq": value > uloq,
        "lod < value < lloq": (lod < value) & (value < lloq),
        "lod <= value < lloq": (lod <= value) & (value < lloq),
        "lloq given": ~np.isnan(lloq),
        "no lloq": np.isnan(lloq),
        "uloq given": ~np.isnan(uloq),
        "lod given": ~np.isnan(lod),
        "lower given": ~np.isnan(lower),
        "lower >= upper": lower >= upper,
        "lod > lloq": lod > lloq,
        "lloq or lod >= uloq": (lloq >= uloq) | (lod >= uloq),
        "a limit <= 0": (lloq <= 0) | (uloq <= 0) | (lod <= 0) | (lower < 0),
        "zeros as read": samples["analyte"].isin(list(zeros_as_read)).to_numpy(dtype=bool),
    }


def read_rows(samples: pd.DataFrame, zeros_as_read: Collection[str] = ()) -> NDArray[np.int64]:
    """Say which line of ``READINGS`` decides each row.

    Parameters
    ----------
    samples : DataFrame           rows of the samples table
    zeros_as_read : collection    analytes whose zeros are readings

    Returns
    -------
    array (row,) of int           position in ``READINGS``
    """
    holds = facts(samples, zeros_as_read)
    cens = samples["cens"].to_numpy(dtype=np.float64)
    states = {"": np.isnan(cens), "0": cens == 0, "1": cens == 1, "-1": cens == -1}
    states["other"] = ~np.logical_or.reduce(list(states.values()))
    decided = np.full(len(samples), -1, dtype=np.int64)
    for i, line in enumerate(READINGS):
        here = (decided == -1) & np.logical_or.reduce([states[c] for c in line.cens])
        for condition in line.when:
            here &= holds[condition]
        decided[here] = i
    return decided
