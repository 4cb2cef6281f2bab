"""Checks of single readings: what the decision table says of them, and repeated readings."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cellkinetics.study.check_rows import first_line
from cellkinetics.study.findings import Finding, at_rows, counted, finding
from cellkinetics.study.readings import READINGS, facts, read_rows
from cellkinetics.study.study import Study
from cellkinetics.units import convert, same_dimension

# Copies per ug DNA if every nucleated diploid cell (6.6 pg DNA) carried one copy.
CELLS_PER_UG = 1 / 6.6e-6

COPIES = "copies/ug"

# No assay reads more in any unit that is in use; its square, times a time, is still a number.
_LARGEST = 1e15

# What the finding of a line of the decision table says: came, wanted, cure; and its column.
_SENTENCES: dict[str, tuple[str, str, str, str]] = {
    "cens-not-allowed": (
        "cens",
        "{cens:g}",
        "1 (below the limit), -1 (above the upper limit), 0 or empty (as read)",
        "Correct it.",
    ),
    "negative-value": (
        "value",
        "{value:g}",
        "a value of at least 0 on the natural scale",
        "Correct it; undo a logarithm before writing the table.",
    ),
    "limit-not-positive": (
        "lloq",
        "lloq {lloq:g}, uloq {uloq:g}, lod {lod:g}, lower {lower:g}",
        "limits above 0 (lower: at least 0)",
        "Leave the cell empty where there is no limit.",
    ),
    "lod-above-lloq": (
        "lod",
        "lod {lod:g} above lloq {lloq:g}",
        "a limit of detection at or below the limit of quantification",
        "They are probably swapped.",
    ),
    "lloq-above-uloq": (
        "uloq",
        "uloq {uloq:g} at or below the lower limit (lloq {lloq:g}, lod {lod:g})",
        "an upper limit above the lower one",
        "They are probably swapped.",
    ),
    "lower-without-cens": (
        "lower",
        "lower {lower:g} in a row that is not below a limit (cens is not 1)",
        "lower only where cens is 1",
        "Set cens=1 if the reading lies between lower and value; otherwise empty lower.",
    ),
    "interval-empty": (
        "lower",
        "lower {lower:g}, which is not below the upper end (value {value:g}, lloq {lloq:g})",
        "lower < value",
        "With cens=1 and lower the reading is in [lower, value); correct one of them.",
    ),
    "cens-without-limit": (
        "cens",
        "cens {cens:g} with no limit (value {value:g}, no lloq or uloq)",
        "the limit in value, or in lloq (cens 1) or uloq (cens -1)",
        "Write the limit into value.",
    ),
    "cens-contradicts-value": (
        "value",
        "value {value:g} with cens {cens:g}, lloq {lloq:g}, uloq {uloq:g}",
        "value at the limit where cens is not 0",
        "A reading between its limits has cens=0; otherwise write the limit into value.",
    ),
    "cens-value-not-limit": (
        "value",
        "{value:g} with cens 1 and lloq {lloq:g}",
        "the limit in value, because cens 1 says that the reading is below it",
        "It is read as below lloq; write value={lloq:g}.",
    ),
    "zero-without-limit": (
        "value",
        "0 with no lloq",
        "a limit, because a zero with no limit has no likelihood",
        "Give lloq in that row, or --assume-lloq {analyte:bare}=LIMIT "
        "(in Python assume_lloq={{{analyte}: LIMIT}}).",
    ),
    "below-limit-without-cens": (
        "value",
        "{value:g}, under its own limit (lloq {lloq:g}, lod {lod:g}), without cens",
        "cens=1",
        "It is read as below that limit; set cens=1, or empty the limit to use it as read.",
    ),
    "above-limit-without-cens": (
        "value",
        "{value:g}, over its own uloq {uloq:g}, without cens",
        "cens=-1",
        "It is read as above uloq; set cens=-1, or empty uloq to use it as read.",
    ),
    "no-reading": (
        "value",
        "an empty cell",
        "a reading, or a limit with cens",
        "The row is left out; delete it if nothing was measured.",
    ),
}

# Faults of a row's limits are reported even where another line decides the row.
_FAULTS = ("negative-value", "limit-not-positive", "lod-above-lloq", "lloq-above-uloq")


def check_samples(study: Study) -> Iterator[Finding]:
    """Check every reading."""
    samples = study.samples
    if samples.empty:
        yield finding("no-samples", "samples", came="no sample", cure="There is nothing to fit.")
        return
    yield from _readings(study)
    yield from _too_large(samples)
    yield from _repeated(samples)
    yield from _above_vcn(study)
    yield from _substituted(samples)
    yield from _all_below(study)


def _readings(study: Study) -> Iterator[Finding]:
    samples = study.samples
    zeros = study.settings.zeros_as_read
    decided, holds = read_rows(samples, zeros), facts(samples, zeros)
    for i, line in enumerate(READINGS):
        if line.finding:
            here = decided == i
            if line.finding in _FAULTS:
                here = np.logical_and.reduce([holds[condition] for condition in line.when])
            column, came, wanted, cure = _SENTENCES[line.finding]
            yield from at_rows(
                line.finding,
                "samples",
                samples,
                here,
                column=column,
                came=came,
                wanted=wanted,
                cure=cure,
            )


def _too_large(samples: pd.DataFrame) -> Iterator[Finding]:
    """Find numbers that no assay gives, and that areas and sums of squares would overflow with."""
    for name in ("value", "lloq", "uloq", "lower", "lod"):
        yield from at_rows(
            "value-too-large",
            "samples",
            samples,
            samples[name] > _LARGEST,
            column=name,
            came=f"{{{name}:g}} for {{analyte}}",
            wanted=f"a number up to {_LARGEST:g}",
            cure="Correct it; a missing value is an empty cell, and a larger unit makes smaller "
            "numbers.",
        )


def _repeated(samples: pd.DataFrame) -> Iterator[Finding]:
    """Find two readings of one analyte at one time that are not the same row."""
    key = ["subject", "time", "analyte", "specimen"]
    content = [name for name in samples.columns if name != "line"]
    again = samples.duplicated(key, keep="first") & ~samples.duplicated(content, keep="first")
    yield from at_rows(
        "repeated-assay",
        "samples",
        samples.assign(first=first_line(samples, key)),
        again & samples[["subject", "time", "analyte"]].notna().all(axis=1),
        column=None,
        came="a second reading of {analyte} on day {time:g} (the first is in line {first})",
        wanted="one reading at a time",
        cure="Both are used as if independent; keep one or average them if they are replicates.",
    )


def _above_vcn(study: Study) -> Iterator[Finding]:
    """Find more copies than the vectors of every cell in the sample could carry."""
    samples = study.samples
    vcn = study.infusions.dropna(subset=["subject", "vcn"]).groupby("subject")["vcn"].max()
    frame = samples.assign(vcn=samples["subject"].map(vcn).astype(float))
    for analyte in study.analytes:
        unit = study.unit(analyte) or ""
        if not unit.startswith("copies/") or not same_dimension(unit, COPIES):
            continue
        factor = convert(1.0, unit, COPIES)
        rows = frame[frame["analyte"] == analyte]
        most = (CELLS_PER_UG * rows["vcn"].fillna(1.0)).rename("most") / factor
        known = np.where(
            rows["vcn"].isna(), "1, because none is given", rows["vcn"].map("{:g}".format)
        )
        yield from at_rows(
            "above-vcn",
            "samples",
            rows.assign(most=most, known=known),
            rows["value"] > most,
            column="value",
            came=f"{{value:g}} {unit}",
            wanted="at most {most:.0f}, the copies in DNA of transduced cells alone (151515 x VCN)",
            cure="Check the value, and vcn in infusions.csv (taken as {known:bare}).",
        )


def _substituted(samples: pd.DataFrame) -> Iterator[Finding]:
    """Find readings that look like half a limit written in place of "below"."""
    value, lloq = samples["value"], samples["lloq"]
    looks = np.zeros(len(samples), dtype=bool)
    for divisor in (2.0, np.sqrt(2.0)):
        looks |= np.isclose(value, lloq / divisor, rtol=1e-3, atol=0)
    for analyte, rows in samples[looks].groupby("analyte", sort=False):
        if len(rows) > 1:
            first = rows.iloc[0]
            yield finding(
                "looks-substituted",
                "samples",
                line=int(first["line"]),
                column="value",
                subject=first["subject"],
                came=f"{len(rows)} readings of {analyte} that are exactly lloq/2 or lloq/sqrt(2), "
                f"such as {first['value']:g} with lloq {first['lloq']:g}",
                wanted="the limit in value and cens=1",
                cure="If they stand for 'below the limit', write value=lloq and cens=1.",
            )


def _all_below(study: Study) -> Iterator[Finding]:
    samples = study.samples
    decided = read_rows(samples, study.settings.zeros_as_read)
    meaning = pd.Series([READINGS[i].meaning for i in decided], index=samples.index)
    frame = samples.assign(below=meaning.isin(["left", "interval"]))[meaning != "no reading"]
    every = frame.groupby(["subject", "analyte"], sort=False)["below"].agg(["all", "size"])
    for (subject, analyte), count in every.loc[every["all"], "size"].items():
        yield finding(
            "all-below-limit",
            "samples",
            subject=str(subject),
            came=f"{counted(int(count), 'reading')} of {analyte}, all below the limit",
            cure="They say only that the subject stayed below it.",
        )
