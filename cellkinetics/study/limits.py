"""Below and above limits: what every row of ``samples.csv`` contributes to the likelihood.

``READINGS`` (``cellkinetics.study.readings``) says what a row means, whatever the method;
``METHODS`` says what each of Beal's methods makes of a row that is below its limit.

Source
------
Beal SL, J Pharmacokinet Pharmacodyn 2001;28:481 (M1-M7).
"""

import json
import textwrap
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.errors import SpecError, StudyError, did_you_mean
from cellkinetics.study.findings import listed
from cellkinetics.study.readings import ANY, READINGS, Bools, Reading, read_rows

type Floats = NDArray[np.float64]

OBSERVED, LEFT, RIGHT, INTERVAL, DROPPED = 0, 1, 2, 3, -1
KINDS = {"observed": OBSERVED, "left": LEFT, "right": RIGHT, "interval": INTERVAL}

ERROR_FAMILIES = ("lognormal", "student_t", "combined")
_POSITIVE = ("lognormal", "student_t")  # these give no probability to y <= 0


@dataclass(frozen=True)
class Method:
    """One of Beal's methods: what becomes of a row below its limit, and of the rows that stay."""

    name: str
    below: str
    kept: str
    families: tuple[str, ...] = ERROR_FAMILIES


METHODS: tuple[Method, ...] = (
    Method("M1", "dropped", "as they are"),
    Method("M2", "dropped", "conditional on y > lloq; every kept row needs its lloq"),
    Method("M3", "P(y < limit), or P(lower < y < upper)", "as they are"),
    Method(
        "M4",
        "P(0 < y < limit), or P(lower < y < upper), conditional on y > 0",
        "conditional on y > 0; equal to M3 where the error is log-normal or Student-t on the log "
        "scale, because then y > 0 always holds",
    ),
    Method("M5", "observed at half its lloq (half its limit where it has no lloq)", "as they are"),
    Method(
        "M6",
        "of a run after the series' peak the first, before it the last, observed at half its lloq; "
        "the others dropped; without any reading above a limit the first of all",
        "as they are",
    ),
    Method(
        "M7",
        "observed at 0; refused for log-normal and log-scale Student-t errors",
        "as they are",
        families=("combined",),
    ),
)
METHOD_NAMES = tuple(method.name for method in METHODS)


def classify(
    samples: pd.DataFrame,
    *,
    method: str = "M3",
    error_family: str,
    zeros_as_read: Collection[str] = (),
) -> pd.DataFrame:
    """Say what every row contributes to the likelihood.

    Parameters
    ----------
    samples : DataFrame           rows of the samples table, of analytes with one error model
    method : str                  M1 to M7
    error_family : str            "lognormal", "student_t" or "combined"
    zeros_as_read : collection    the study's ``settings.zeros_as_read``

    Returns
    -------
    DataFrame, index as ``samples``:
        kind                      0 observed, 1 left, 2 right, 3 interval, -1 dropped
        value                     the reading where kind is 0, else NaN
        lower, upper              the reading lies between them (both the value where kind is 0)
        floor                     the row is conditional on y > floor (-inf: unconditional)
        dropped                   why the row is left out, else None
        reading                   the line of the decision table that applied

    Raises
    ------
    SpecError                     an unknown method or family; M7 without additive error
    StudyError                    rows that have no meaning, M2 rows without lloq, zeros under an
                                  error model that gives them no density; all of them are listed
    """
    _check_spec(method, error_family)
    at = read_rows(samples, zeros_as_read)
    meaning = np.array([line.meaning for line in READINGS], dtype=object)[at]
    _refuse(samples, meaning == "refused", "no reading can be made of them; run the check")
    if error_family in _POSITIVE:
        zero = (meaning == "observed") & (samples["value"].to_numpy() == 0)
        _refuse(samples, zero, f"a zero has no density under {error_family} error; give its lloq")
    out = _as_read(samples, at, meaning, error_family)
    censored_below = np.isin(out["kind"], (LEFT, INTERVAL))
    half = _half_limit(samples, out)
    _APPLY[method](samples, out, censored_below, half, error_family)
    return out


def method_note(method: str, error_family: str) -> str:
    """Say in a sentence what a method does here, to be printed with every result.

    Raises
    ------
    SpecError                     as ``classify``
    """
    _check_spec(method, error_family)
    chosen = METHODS[METHOD_NAMES.index(method)]
    if method == "M4" and error_family in _POSITIVE:
        return f"Method M4 equals M3 under {error_family} error, where y > 0 always holds."
    return f"Method {method}: rows below a limit: {chosen.below}; the others: {chosen.kept}."


def limits_json() -> str:
    """Write the decision table and the methods for machines."""
    readings = [
        {**asdict(line), "cens": [c or "empty" for c in line.cens], "says": _says(line)}
        for line in READINGS
    ]
    return json.dumps({"readings": readings, "methods": [asdict(m) for m in METHODS]}, indent=2)


def limits_table() -> str:
    """Write the decision table as text, as ``cellkinetics check --limits`` prints it."""
    head = ("cens", "if", "the row says", "finding")
    body = [
        (
            " or ".join(c or "empty" for c in line.cens) if line.cens != ANY else "any",
            " and ".join(line.when) or ("always" if line.cens == ("other",) else "otherwise"),
            _says(line),
            line.finding,
        )
        for line in READINGS
    ]
    widths = [max(len(row[i]) for row in (head, *body)) for i in range(len(head))]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, tuple("-" * width for width in widths), *body)
    ]
    methods = [
        textwrap.fill(text, 96, initial_indent=start, subsequent_indent="    ")
        for m in METHODS
        for start, text in (
            (f"{m.name}  ", f"Below a limit: {m.below}."),
            ("    ", f"Others: {m.kept}."),
        )
    ]
    return "\n".join(
        [
            "What a row of samples.csv says. The first line that applies decides.",
            "",
            *rows,
            "",
            "What the method makes of it. Rows above a limit are P(y > limit) in every method.",
            "",
            *methods,
        ]
    )


def _says(line: Reading) -> str:
    upper = line.upper.replace("|", " or else ")
    bounds = {"left": f"y < {upper}", "right": f"y > {line.lower}"}
    bounds["interval"] = f"{line.lower} < y < {upper}"
    bounds |= {"observed": "y = value", "no reading": "nothing; the row is left out"}
    return bounds.get(line.meaning, "refused: an error")


def _check_spec(method: str, error_family: str) -> None:
    if error_family not in ERROR_FAMILIES:
        raise SpecError(
            f"error family {error_family!r} is unknown. "
            f"{did_you_mean(error_family, ERROR_FAMILIES)}"
        )
    if method not in METHOD_NAMES:
        raise SpecError(
            f"method {method!r} for readings below a limit is unknown. "
            f"{did_you_mean(method, METHOD_NAMES)}"
        )
    if error_family not in METHODS[METHOD_NAMES.index(method)].families:
        raise SpecError(
            f"method {method} puts zeros in place of readings below the limit, which have no "
            f"density under {error_family} error. Use M3, or the combined error model."
        )


def _refuse(samples: pd.DataFrame, rows: Bools, why: str) -> None:
    if rows.any():
        named = samples[rows]
        places = [
            f"line {line} (subject {subject}, {analyte})"
            for line, subject, analyte in zip(
                named["line"], named["subject"], named["analyte"], strict=True
            )
        ]
        raise StudyError(f"samples, {listed(places)}: {why}.")


def _as_read(
    samples: pd.DataFrame, at: NDArray[np.int64], meaning: NDArray[np.object_], error_family: str
) -> pd.DataFrame:
    """Fill in what the rows say, before any method."""
    value = samples["value"].to_numpy(dtype=np.float64)
    bounds = {
        "": np.full(len(samples), np.nan),
        **{c: samples[c].to_numpy(dtype=np.float64) for c in ("lloq", "uloq", "lod", "lower")},
        "value": value,
        "value|lloq": np.where(np.isnan(value), samples["lloq"].to_numpy(np.float64), value),
    }
    kind = np.full(len(samples), DROPPED, dtype=np.int64)
    lower, upper = np.full(len(samples), np.nan), np.full(len(samples), np.nan)
    for i, line in enumerate(READINGS):
        here = at == i
        if line.meaning in KINDS and here.any():
            kind[here] = KINDS[line.meaning]
            lower[here], upper[here] = bounds[line.lower][here], bounds[line.upper][here]
    if error_family in _POSITIVE:
        kind[(kind == INTERVAL) & (lower <= 0)] = LEFT
    lower[kind == LEFT] = -np.inf
    upper[kind == RIGHT] = np.inf
    observed = kind == OBSERVED
    lower[observed] = upper[observed] = value[observed]
    names = np.array([line.name for line in READINGS], dtype=object)[at]
    return pd.DataFrame(
        {
            "kind": kind,
            "value": np.where(observed, value, np.nan),
            "lower": lower,
            "upper": upper,
            "floor": np.full(len(samples), -np.inf),
            "dropped": np.array([None, "no value"], dtype=object)[
                (meaning == "no reading").astype(int)
            ],
            "reading": names,
        },
        index=samples.index,
    )


def _half_limit(samples: pd.DataFrame, out: pd.DataFrame) -> Floats:
    lloq = samples["lloq"].to_numpy(dtype=np.float64)
    return np.asarray(np.where(np.isnan(lloq), out["upper"], lloq) / 2, dtype=np.float64)


def _drop(out: pd.DataFrame, rows: Bools, why: str) -> None:
    out.loc[rows, "kind"] = DROPPED
    out.loc[rows, ["value", "lower", "upper"]] = np.nan
    out.loc[rows, "dropped"] = why


def _observe(out: pd.DataFrame, rows: Bools, value: Floats) -> None:
    out.loc[rows, "kind"] = OBSERVED
    for name in ("value", "lower", "upper"):
        out.loc[rows, name] = value[rows]


def _m1(samples: pd.DataFrame, out: pd.DataFrame, below: Bools, half: Floats, family: str) -> None:
    _drop(out, below, "below the limit (M1)")


_M2_CURE = (
    "Give the lloq of these rows (assume_lloq in fit.toml gives one to a whole analyte),"
    " or choose limit = 'M3'"
)


def _m2(samples: pd.DataFrame, out: pd.DataFrame, below: Bools, half: Floats, family: str) -> None:
    _drop(out, below, "below the limit (M2)")
    kept = (out["kind"] != DROPPED).to_numpy()
    lloq = samples["lloq"].to_numpy(dtype=np.float64)
    _refuse(
        samples,
        kept & np.isnan(lloq),
        "method M2 needs the lloq of every row that it keeps. " + _M2_CURE,
    )
    out.loc[kept, "floor"] = lloq[kept]


def _m3(samples: pd.DataFrame, out: pd.DataFrame, below: Bools, half: Floats, family: str) -> None:
    """Leave the rows as they were read."""


def _m4(samples: pd.DataFrame, out: pd.DataFrame, below: Bools, half: Floats, family: str) -> None:
    if family in _POSITIVE:
        return
    left = (out["kind"] == LEFT).to_numpy()
    out.loc[left, "kind"] = INTERVAL  # P(y < limit | y > 0) = P(0 < y < limit) / P(y > 0)
    out.loc[left, "lower"] = 0.0
    out.loc[out["kind"] != DROPPED, "floor"] = 0.0


def _m5(samples: pd.DataFrame, out: pd.DataFrame, below: Bools, half: Floats, family: str) -> None:
    _observe(out, below, half)


def _m6(samples: pd.DataFrame, out: pd.DataFrame, below: Bools, half: Floats, family: str) -> None:
    keep = np.zeros(len(samples), dtype=bool)
    order = np.argsort(samples["time"].to_numpy(dtype=np.float64), kind="stable")
    grouped = samples.groupby(["subject", "analyte", "specimen"], dropna=False, sort=False)
    series = np.asarray(grouped.ngroup())
    kind, read = out["kind"].to_numpy(), np.fmax(out["value"].to_numpy(), out["lower"].to_numpy())
    for group in np.unique(series):
        rows = order[(series == group)[order] & (kind[order] != DROPPED)]
        keep[rows[_m6_kept(below[rows], read[rows])]] = True
    _observe(out, below & keep, half)
    _drop(out, below & ~keep, "below the limit (M6)")


def _m6_kept(below: Bools, read: Floats) -> NDArray[np.int64]:
    """Pick, in one series in time order, the rows below the limit that M6 keeps."""
    above = np.flatnonzero(~below)
    peak = above[np.argmax(read[above])] if len(above) else -1
    edges = np.flatnonzero(np.diff(below.astype(np.int8), prepend=0, append=0))
    firsts, lasts = edges[0::2], edges[1::2] - 1
    return np.where(firsts > peak, firsts, lasts)


def _m7(samples: pd.DataFrame, out: pd.DataFrame, below: Bools, half: Floats, family: str) -> None:
    _observe(out, below, np.zeros(len(samples)))


_APPLY: dict[str, Callable[[pd.DataFrame, pd.DataFrame, Bools, Floats, str], None]] = {
    "M1": _m1,
    "M2": _m2,
    "M3": _m3,
    "M4": _m4,
    "M5": _m5,
    "M6": _m6,
    "M7": _m7,
}
