"""Turn the public cytokines, CAR-T cells and markers of the NCI CD22 trial into study tables."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cellkinetics.errors import StudyError, did_you_mean
from cellkinetics.fits.preparing import (
    Ledger,
    numbers,
    parser,
    read_source,
    run,
    source_folder,
    write_study,
)

CYTOKINES, FLOW, MARKERS, PATIENTS = (
    "cytokines_daily.csv",
    "car_expansion_flow.csv",
    "crp_ferritin_ldh.csv",
    "patients.csv",
)
NAMES = {
    "GM-CSF": "gmcsf",
    "IFN-gamma": "ifng",
    "IL-10": "il10",
    "IL-12p70": "il12p70",
    "IL-13": "il13",
    "IL-15": "il15",
    "IL-18": "il18",
    "IL-1B": "il1b",
    "IL-2": "il2",
    "IL-4": "il4",
    "IL-6": "il6",
    "IL-8": "il8",
    "MIP-alpha": "mip1a",
    "TNF-alpha": "tnfa",
}
MARKER_UNITS = {
    "CRP_mg_per_L": ("crp", "mg/L"),
    "LDH_U_per_L": ("ldh", "U/L"),
    "ferritin_ug_per_L": ("ferritin", "ug/L"),
}
COVARIATES = {
    "HLH": "hlh",
    "CRS_max_grade_Lee": "crs_grade_lee",
    "CRS_max_grade_ASTCT": "crs_grade_astct",
    "CRS_onset_day": "crs_onset_day",
    "CR": "cr",
    "dose_level": "dose_level",
    "prior_HCT": "prior_hct",
    "tocilizumab": "tocilizumab",
    "steroids": "steroids",
    "anakinra": "anakinra",
}
# A value is taken for a limit if it stands at least so often in the analyte's column, and in so
# many pairs of consecutive samples of one patient: two readings with three digits seldom agree. Few
# readings are high enough to be capped: there one pair must do.
TIMES, PAIRS, PAIRS_HIGH, HIGH = 3, 2, 1, 0.95

SETTINGS = """\
name = "nci-cd22"
description = '''
59 children and young adults with B-cell leukaemia after CD22 CAR-T cells (NCT02315612): 14 serum
cytokines from day 0 to 31, CAR-T cells by flow, CRP, ferritin and LDH (Lichtenstein 2021). The
limits of the assays are not stated: {limits}.'''
simulated = false
horizon = 31

[units]
flow = "cells/uL"
crp = "mg/L"
ferritin = "ug/L"
ldh = "U/L"
{units}
"""


def inferred_limits(rows: pd.DataFrame) -> pd.DataFrame:
    """Find the floors and caps of one analyte by the values that repeat.

    Every plate of such an assay writes its own floor or cap in place of a reading beyond it, and a
    patient's samples lie on few plates: the same number stands in samples one after the other.

    Parameters
    ----------
    rows : DataFrame              subject, time, value, of one analyte

    Returns
    -------
    DataFrame                     level, side ("cap": among the highest 5 %, and the samples beside
                                  it mostly lower; else "floor"), rows, pairs
    """
    ordered = rows.sort_values(["subject", "time"], kind="stable")
    value, subject = ordered["value"], ordered["subject"]
    before = value.shift().where(subject.eq(subject.shift()))
    after = value.shift(-1).where(subject.eq(subject.shift(-1)))
    high = value.quantile(HIGH)
    found = []
    for level, times in value.value_counts().sort_index().items():
        here = value == level
        pairs = int((before[here] == level).sum())
        if times < TIMES or pairs < (PAIRS_HIGH if level >= high else PAIRS):
            continue
        beside = pd.concat([before[here], after[here]]).dropna()
        falls = (beside < level).sum() > (beside > level).sum()
        side = "cap" if level >= high and falls else "floor"
        found.append((level, side, int(times), pairs))
    return pd.DataFrame(found, columns=["level", "side", "rows", "pairs"])


def censored(
    rows: pd.DataFrame, given: tuple[float, float] | None, ledger: Ledger, *, infer: bool
) -> pd.DataFrame:
    """Mark the rows of one analyte that stand at or beyond a limit.

    Parameters
    ----------
    rows : DataFrame              subject, time, analyte, value
    given : (float, float)        floor and cap that the user knows (NaN: none); None: infer
    ledger : Ledger               takes every level and its rows
    infer : bool                  False: without given limits nothing is censored

    Returns
    -------
    DataFrame                     rows with cens and lloq; value holds the limit where cens is not 0
    """
    name = rows["analyte"].iloc[0]
    out = rows.assign(cens=0, lloq=np.nan)
    if given is not None:
        low, high = given
        below, above = out["value"] <= low, out["value"] >= high
        out.loc[below, ["cens", "lloq", "value"]] = [1, low, low]
        out.loc[above, ["cens", "value"]] = [-1, high]
        ledger.add("given", out[below], f"{name}: at or below the floor {low:g}, cens 1")
        ledger.add("given", out[above], f"{name}: at or above the cap {high:g}, cens -1")
    elif infer:
        levels = inferred_limits(rows)
        for side, cens in (("floor", 1), ("cap", -1)):
            own = levels.loc[levels["side"] == side, "level"]
            at = out["value"].isin(own)
            out.loc[at, "cens"] = cens
            if cens == 1:
                out["lloq"] = out["lloq"].mask(at, out["value"])
            spelled = ", ".join(f"{level:g}" for level in own)
            ledger.add("inferred", out[at], f"{name}: {side}s {spelled}, cens {cens}")
    return out


def cytokine_rows(
    source: Path, given: Mapping[str, tuple[float, float]], ledger: Ledger, *, infer: bool
) -> pd.DataFrame:
    """Read the daily cytokines and mark their limits."""
    raw = read_source(source, CYTOKINES, ["id", "day", "analyte", "value_num"])
    unknown = raw[~raw["analyte"].isin(NAMES)]
    if len(unknown):
        row = unknown.iloc[0]
        raise StudyError(
            f"{CYTOKINES}, line {row['line']}, analyte: got {row['analyte']!r}. "
            f"{did_you_mean(row['analyte'], NAMES)}"
        )
    raw = raw.assign(
        subject=raw["id"],
        time=numbers(raw, "day", CYTOKINES),
        value=numbers(raw, "value_num", CYTOKINES),
        analyte=raw["analyte"].map(NAMES),
        unit="pg/mL",
        specimen="serum",
    )
    raw = ledger.drop(raw, raw["value"].isna(), "cytokine without a value")
    return pd.concat(
        censored(rows, given.get(str(name)), ledger, infer=infer)
        for name, rows in raw.groupby("analyte")
    )


def flow_rows(source: Path, ledger: Ledger) -> pd.DataFrame:
    """Read the CAR-T cells; zeros are below the smallest positive value."""
    column = "car_abs_cells_per_uL"
    raw = read_source(source, FLOW, ["id", "actual_day", column])
    raw = raw.assign(
        subject=raw["id"],
        time=numbers(raw, "actual_day", FLOW),
        value=numbers(raw, column, FLOW),
        analyte="flow",
        unit="cells/uL",
        specimen="blood",
    )
    raw = ledger.drop(raw, raw["value"].isna(), "flow without absolute CAR-T cells")
    floor = float(raw.loc[raw["value"] > 0, "value"].min())
    zero = raw["value"] == 0
    ledger.add("inferred", raw[zero], f"flow: zeros, below the smallest positive {floor:.4g}")
    return raw.assign(cens=zero.astype(int), lloq=floor, value=raw["value"].mask(zero, floor))


def marker_rows(source: Path, ledger: Ledger) -> pd.DataFrame:
    """Read CRP, ferritin and LDH."""
    raw = read_source(source, MARKERS, ["id", "actual_day", "marker", "value"])
    raw = ledger.drop(
        raw.assign(subject=raw["id"]), raw["value"].str.lower() == "hemolyzed", "haemolysed sample"
    )
    return raw.assign(
        time=numbers(raw, "actual_day", MARKERS),
        value=numbers(raw, "value", MARKERS),
        analyte=raw["marker"].map(lambda name: MARKER_UNITS[name][0]),
        unit=raw["marker"].map(lambda name: MARKER_UNITS[name][1]),
        specimen="serum",
        cens=0,
        lloq=np.nan,
    )


def prepare(
    source: Path, out: Path, *, given: Mapping[str, tuple[float, float]], infer: bool = True
) -> Ledger:
    """Write the study tables.

    Parameters
    ----------
    source : Path                 folder with the four public files
    out : Path                    study folder to write
    given : mapping               analyte -> (floor, cap), NaN where there is none; these are not
                                  inferred
    infer : bool                  find the other limits by the values that repeat

    Returns
    -------
    Ledger                        every row left out, every limit inferred or given

    Raises
    ------
    StudyError                    an unknown analyte in ``given``
    """
    for name in given:
        if name not in NAMES.values():
            raise StudyError(f"--limit {name}: {did_you_mean(name, NAMES.values())}")
    ledger = Ledger()
    samples = pd.concat(
        [
            cytokine_rows(source, given, ledger, infer=infer),
            flow_rows(source, ledger),
            marker_rows(source, ledger),
        ]
    )
    patients = read_source(source, PATIENTS, ["id", *COVARIATES])
    subjects = patients.rename(columns={"id": "subject"} | COVARIATES).drop(columns="line")
    units = "\n".join(f'{name} = "pg/mL"' for name in sorted(NAMES.values()))
    said = "inferred from repeated values" if infer else "not inferred"
    said += f", given for {', '.join(given)}" if given else ""
    settings = SETTINGS.format(units=units, limits=said)
    write_study(out, settings, {"subjects": subjects}, samples)
    return ledger


def limit(text: str) -> tuple[str, tuple[float, float]]:
    """Read ``ANALYTE=LO:HI``; either limit may be empty."""
    name, equals, bounds = text.partition("=")
    low, colon, high = bounds.partition(":")
    try:
        pair = (float(low) if low else np.nan, float(high) if high else np.nan)
    except ValueError:
        pair = (-1.0, -1.0)
    if not (equals and colon) or pair[0] <= 0 or pair[1] <= 0 or pair[0] >= pair[1]:
        raise argparse.ArgumentTypeError(
            f"got {text!r}; wanted ANALYTE=LO:HI with 0 < LO < HI, such as il6=0.4:1472 or "
            "ifng=:2800"
        )
    return name, pair


def main() -> None:
    """Run the command."""
    options = parser(__doc__ or "")
    options.add_argument(
        "--limit",
        type=limit,
        action="append",
        default=[],
        metavar="ANALYTE=LO:HI",
        help="floor and cap of one cytokine, in place of inferred ones; may be repeated",
    )
    options.add_argument(
        "--limits",
        choices=("infer", "none"),
        default="infer",
        help="limits that are not given: by repeated values (default), or none",
    )
    chosen = options.parse_args()
    work: Callable[[], Ledger] = lambda: prepare(  # noqa: E731
        source_folder("nci_cd22", chosen.source),
        chosen.out,
        given=dict(chosen.limit),
        infer=chosen.limits == "infer",
    )
    run(work, chosen.out)


if __name__ == "__main__":
    sys.exit(main())
