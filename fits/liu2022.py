"""Liu et al. 2022 (J Immunother Cancer): digitised CD19 CAR-T and leukaemia to study tables."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellkinetics.fits.preparing import (
    Ledger,
    numbers,
    parser,
    read_source,
    run,
    source_folder,
    write_study,
)

FILE = "combined_long.csv"
FLOOR = 0.2  # the compilers' below-detection level, in the unit of y
ANALYTES = {"CAR_T": "car_t", "CD19pos_BALL": "cd19_pos", "CD19neg_BALL": "cd19_neg"}
# Two profiles are so smooth, down to a slow rise after the decline, that they were more
# likely traced from a fitted curve than from points.
LOOKS_TRACED = ("NR01", "PR01")

SETTINGS = """\
name = "{name}"
description = '''
CD19 CAR-T in B-ALL, 32 patients of several published trials, digitised from figures by
Liu L, Ma C, Zhang Z, Chen W (J Immunother Cancer 2022). The source states no unit; the paper
works in cells/uL. 0.2 is the compilers' below-detection floor. External data: not to be
redistributed.'''
simulated = false

[units]
{units}
"""


def classify_floor(
    rows: pd.DataFrame, ledger: Ledger, *, analyte: str, under_floor: str
) -> pd.DataFrame:
    """Say what the values of one analyte at and under the floor mean.

    Parameters
    ----------
    rows : DataFrame              of one analyte: subject, value (cells/uL)
    ledger : Ledger               what is written down
    analyte : str                 its name, for the ledger
    under_floor : str             ``censor``: a value under the floor is below 0.2;
                                  ``keep``: it is as read, and that row has no lloq

    Returns
    -------
    DataFrame                     with ``cens`` and ``lloq`` added
    """
    at, under = rows["value"] == FLOOR, rows["value"] < FLOOR
    ledger.add("recoded", rows[at], f"{analyte} at the floor of {FLOOR}: below the limit (cens 1)")
    if under_floor == "keep":
        ledger.add("kept", rows[under], f"{analyte} under the floor, as read, without lloq")
        return rows.assign(cens=at.astype(int), lloq=pd.Series(FLOOR, rows.index).where(~under))
    ledger.add(
        "recoded", rows[under], f"{analyte} under the floor of {FLOOR}: below the limit (cens 1)"
    )
    return rows.assign(
        cens=(at | under).astype(int), lloq=FLOOR, value=rows["value"].clip(lower=FLOOR)
    )


def shared_levels(rows: pd.DataFrame) -> pd.Series:
    """Mark leukaemia levels that two or more patients share to five digits or more.

    A digitised value of so many digits is never the same in two patients: such a level was put
    in by the compilers ("relapse", "stable disease") and is no measurement.
    """
    tumour = rows[(rows["analyte"] != "car_t") & (rows["value"] > FLOOR)]
    patients = tumour.groupby("value")["subject"].transform("nunique")
    precise = tumour["value"] != tumour["value"].map("{:.4g}".format).astype(float)
    return (precise & (patients > 1)).reindex(rows.index, fill_value=False)


def carried_forward(rows: pd.DataFrame) -> pd.Series:
    """Mark values that repeat the same patient's last value to the last digit."""
    ordered = rows.sort_values(["subject", "time"])
    last = ordered.groupby("subject")["value"].shift()
    return ((ordered["value"] == last) & (ordered["value"] > FLOOR)).reindex(rows.index)


def say_detected(rows: pd.DataFrame, put_in: pd.Series) -> pd.DataFrame:
    """Take from levels that the compilers put in all that they say: leukaemia was detected.

    Returns
    -------
    DataFrame                     those rows above ``uloq``, the floor (cens -1); no lloq
    """
    return rows.assign(
        cens=rows["cens"].mask(put_in, -1),
        value=rows["value"].mask(put_in, FLOOR),
        uloq=pd.Series(FLOOR, rows.index).where(put_in),
        lloq=rows["lloq"].mask(put_in),
    )


def prepare(
    source: Path, out: Path, analytes: Sequence[str], *, name: str, under_floor: str, imputed: str
) -> Ledger:
    """Write the study tables.

    Parameters
    ----------
    source : Path                 folder with ``combined_long.csv``
    out : Path                    study folder to write
    analytes : sequence of str    of ``car_t``, ``cd19_pos``, ``cd19_neg``
    name : str                    of the study
    under_floor : str             ``censor`` or ``keep``: values between 0 and the floor
    imputed : str                 leukaemia levels that patients share: ``detected`` (above the
                                  floor, as are those carried forward), ``keep`` or ``drop``

    Returns
    -------
    Ledger                        every row left out, recoded or kept with a doubt
    """
    ledger = Ledger()
    raw = read_source(source, FILE, ["id", "group", "time", "analyte", "y"])
    raw = raw.assign(
        subject=raw["id"], time=numbers(raw, "time", FILE), value=numbers(raw, "y", FILE)
    ).replace({"analyte": ANALYTES})
    unused = sorted(set(raw["analyte"]) - set(analytes))
    for analyte in unused:
        raw = ledger.drop(raw, raw["analyte"] == analyte, f"{analyte}: not in this study")
    raw = ledger.drop(
        raw,
        (raw["analyte"] == "car_t") & (raw["time"] == 0) & (raw["value"] == 0),
        "car_t at day 0: set to 0 by the source, not a measurement",
    )
    shared = shared_levels(raw)
    if imputed == "drop":
        raw = ledger.drop(raw, shared, "leukaemia level that patients share: put in, not measured")
    elif imputed == "detected":
        why = f"leukaemia level that patients share: put in, says above {FLOOR} (cens -1)"
        ledger.add("recoded", raw[shared], why)
    else:
        ledger.add("kept", raw[shared], "leukaemia level that patients share: put in, not measured")
    parts = []
    for analyte in sorted(set(raw["analyte"])):
        rows = raw[raw["analyte"] == analyte]
        same = carried_forward(rows)
        part = classify_floor(rows, ledger, analyte=analyte, under_floor=under_floor)
        if imputed == "detected" and analyte != "car_t":
            why = f"{analyte} equal to that patient's last: says above {FLOOR} (cens -1)"
            ledger.add("recoded", rows[same & ~shared.reindex(rows.index)], why)
            part = say_detected(part, same | shared.reindex(rows.index))
        else:
            ledger.add("kept", rows[same], f"{analyte} equal to that patient's last")
        parts.append(part)
    samples = pd.concat(parts).assign(unit="cells/uL")
    ledger.add("kept", samples[samples["subject"].isin(LOOKS_TRACED)], "profile that looks traced")
    subjects = raw[["subject", "group"]].drop_duplicates().sort_values("subject")
    subjects = subjects.assign(looks_traced=subjects["subject"].isin(LOOKS_TRACED).astype(int))
    units = "\n".join(f'{analyte} = "cells/uL"' for analyte in analytes)
    write_study(out, SETTINGS.format(name=name, units=units), {"subjects": subjects}, samples)
    return ledger


def main(doc: str, name: str, analytes: Sequence[str]) -> None:
    """Run the preparation of one of the fits to this data set."""
    options = parser(doc)
    options.add_argument(
        "--under-floor",
        choices=("censor", "keep"),
        default="censor",
        help="values between 0 and the floor of 0.2: below the limit (default), or as read",
    )
    if "cd19_pos" in analytes:
        options.add_argument(
            "--imputed",
            choices=("detected", "keep", "drop"),
            default="detected",
            help="leukaemia levels that several patients share to the last digit: detected, no"
            " more (default); as read; left out",
        )
    chosen = options.parse_args()
    run(
        lambda: prepare(
            source_folder("liu2022_ball", chosen.source),
            chosen.out,
            analytes,
            name=name,
            under_floor=chosen.under_floor,
            imputed=getattr(chosen, "imputed", "keep"),
        ),
        chosen.out,
    )
