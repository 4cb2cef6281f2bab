"""Turn the ide-cel data of Fandrei et al. 2024 (qPCR and flow) into study tables."""

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

QPCR, FLOW, PATIENTS = "qpcr_transgene.csv", "flow_car_and_subsets.csv", "patients.csv"
# Copies/ug over copies per 1000 cells is 290 in all rows but a few slips of the pen.
USUAL_RATIO = 290.0
BLOCKED = ("Teclistamab", "Teclistamab?")

SETTINGS = """\
name = "fandrei2024"
description = '''
Ide-cel (BCMA CAR-T) in relapsed/refractory myeloma, Leipzig, 34 patients: Fandrei et al.,
Blood Cancer Discovery 2024. Transgene by qPCR from day 7 on, CAR+ T cells by flow. The limits
are not stated by the source: they are inferred (README.md of the fit). External data: not to be
redistributed.'''
simulated = false

[units]
qpcr = "copies/ug"
flow = "cells/uL"
"""


def qpcr_rows(source: Path, ledger: Ledger, suspect: str) -> pd.DataFrame:
    """Transgene rows: subject, time, value, cens, lloq (copies/ug).

    The limit is not stated. Nothing below the smallest positive value of the file was ever
    reported, so a zero is taken as below that value: a statement that stays true if the
    assay's own limit is lower.
    """
    columns = ["id", "nominal_day", "copies_per_ug_dna", "car_copies_per_1000_cells"]
    raw = read_source(source, QPCR, [*columns, "actual_day_of_flow_visit"])
    copies = numbers(raw, "copies_per_ug_dna", QPCR)
    ratio = copies / numbers(raw, "car_copies_per_1000_cells", QPCR)
    actual = numbers(raw, "actual_day_of_flow_visit", QPCR)
    rows = raw.assign(
        subject=raw["id"],
        time=actual.fillna(numbers(raw, "nominal_day", QPCR)),
        value=copies,
        nominal=actual.isna(),
        odd=(ratio < USUAL_RATIO / 2) | (ratio > 2 * USUAL_RATIO),
    )
    rows = ledger.drop(rows, rows["value"].isna(), "qpcr: copies/ug not given")
    why = "qpcr: copies/ug and copies per 1000 cells disagree"
    if suspect == "drop":
        rows = ledger.drop(rows, rows["odd"], why)
    else:
        ledger.add("kept", rows[rows["odd"]], f"{why} (copies/ug used)")
    ledger.add("kept", rows[rows["nominal"]], "qpcr: actual day unknown, nominal day used")
    lloq = rows["value"][rows["value"] > 0].min()
    ledger.add(
        "recoded", rows[rows["value"] == 0], f"qpcr of 0: below the inferred limit of {lloq:g}"
    )
    below = (rows["value"] == 0).astype(int)
    return rows.assign(
        analyte="qpcr", unit="copies/ug", cens=below, lloq=lloq, value=rows["value"].clip(lloq)
    )


def flow_rows(source: Path, ledger: Ledger) -> pd.DataFrame:
    """CAR+ T cells: subject, time, value, cens, lloq (cells/uL).

    The limit is not stated. CAR+ is reported in steps of 0.1 % of the CD3+ cells, so the limit
    of a row is that step of its own CD3+ count, and at least the smallest positive value of the
    file: with 3000 CD3+ cells/uL a zero says below 3, not below 0.2.
    """
    columns = ["id", "visit", "actual_day", "CD3_abs", "CD3_CAR_%", "CD3_CAR_abs"]
    raw = read_source(source, FLOW, columns).rename(columns={"id": "subject"})
    raw = ledger.drop(
        raw, raw["CD3_CAR_%"].isin(BLOCKED), "flow: no CAR reading, staining blocked by teclistamab"
    )
    raw = ledger.drop(raw, raw["CD3_CAR_%"] == "", "flow: no CAR reading")
    # "n.d." as a count beside 0 % of counted CD3+ cells is a zero like the others.
    nd = raw["CD3_CAR_abs"] == "n.d."
    ledger.add("recoded", raw[nd], "flow count 'n.d.' beside 0 % of CD3+ cells: read as 0")
    raw = raw.assign(CD3_CAR_abs=raw["CD3_CAR_abs"].where(~nd, "0"))
    value, cd3 = numbers(raw, "CD3_CAR_abs", FLOW), numbers(raw, "CD3_abs", FLOW)
    percent, day = numbers(raw, "CD3_CAR_%", FLOW), numbers(raw, "actual_day", FLOW)
    step = percent[percent > 0].min() / 100
    lloq = (step * cd3).clip(lower=value[value > 0].min()).round(6)
    zero = value == 0
    ledger.add(
        "recoded",
        raw[zero],
        f"flow of 0: below the inferred limit, {step:.1%} of the CD3+ cells and at least "
        f"{lloq.min():g}",
    )
    ledger.add("kept", raw[zero & (percent > 0)], "flow of 0 beside a positive percentage: as 0")
    return raw.assign(
        analyte="flow",
        unit="cells/uL",
        time=day,
        value=value.round(6).where(~zero, lloq),
        cens=zero.astype(int),
        lloq=lloq,
    )


def subject_tables(source: Path) -> dict[str, pd.DataFrame]:
    """Covariates, and progression, death or last contact as events."""
    columns = ["id", "sex", "age_cart", "RISS", "EMD", "therapy_before_cart", "had_bispecific"]
    outcome = ["progression", "pfs_days", "death", "os_days", "30_day_response"]
    raw = read_source(
        source, PATIENTS, [*columns, *outcome, "crs_grade", "crs_group", "ICANS"]
    ).rename(columns={"id": "subject"})
    subjects = pd.DataFrame(
        {
            "subject": raw["subject"],
            "age_years": raw["age_cart"],
            "sex": raw["sex"].map({"m": "M", "w": "F"}),
            "riss": raw["RISS"].str.removesuffix(".0"),
            "extramedullary_disease": raw["EMD"].str.removesuffix(".0"),
            "bridging": raw["therapy_before_cart"],
            "bispecific_before": raw["had_bispecific"],
            "crs_grade": raw["crs_grade"],
            "icans": raw["ICANS"],
            "tocilizumab": (raw["crs_group"] == "yes+Toci").astype(int),
            "response_day_30": raw["30_day_response"],
        }
    )
    progressed, died = raw["progression"] == "1", raw["death"] == "1"
    events = pd.concat(
        [
            pd.DataFrame(
                {
                    "subject": raw["subject"],
                    "time": numbers(raw, "pfs_days", PATIENTS),
                    "event": "progression",
                }
            )[progressed],
            pd.DataFrame(
                {
                    "subject": raw["subject"],
                    "time": numbers(raw, "os_days", PATIENTS),
                    "event": died.map({True: "death", False: "last_contact"}),
                }
            ),
        ]
    )
    return {
        "subjects": subjects,
        "events": events.sort_values(["subject", "time"], kind="stable"),
    }


def prepare(source: Path, out: Path, *, suspect: str) -> Ledger:
    """Write the study tables.

    Parameters
    ----------
    source : Path                 folder with the three public files
    out : Path                    study folder to write
    suspect : str                 ``keep`` or ``drop``: qPCR rows whose two columns disagree

    Returns
    -------
    Ledger                        every row left out, recoded or kept with a doubt
    """
    ledger = Ledger()
    samples = pd.concat([qpcr_rows(source, ledger, suspect), flow_rows(source, ledger)])
    write_study(out, SETTINGS, subject_tables(source), samples)
    return ledger


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument(
        "--suspect",
        choices=("keep", "drop"),
        default="keep",
        help="qPCR rows whose copies/ug and copies per 1000 cells disagree (default: keep)",
    )
    chosen = options.parse_args()
    run(
        lambda: prepare(
            source_folder("fandrei2024_idecel", chosen.source), chosen.out, suspect=chosen.suspect
        ),
        chosen.out,
    )
