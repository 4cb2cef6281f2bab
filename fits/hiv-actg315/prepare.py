"""Turn the viral loads of ACTG 315 into study tables."""

from pathlib import Path

import numpy as np
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

FILE = "actg315raw.csv"
LLOQ = 100.0  # copies/mL
IMPUTED = 1.699  # log10 of half the limit: how the source writes "below"
# A rebound: tenfold^0.5 over the lowest reading so far, after the first two weeks (before, the
# load of an untreated or just treated patient wavers by as much).
REBOUND_LOG10, REBOUND_AFTER = 0.5, 14.0

SETTINGS = """\
name = "hiv-actg315"
description = '''
HIV RNA in plasma after the start of antiretroviral therapy, 46 adults of ACTG 315 (Lederman
1998, Connick 2000, Wu & Ding 1999), as shipped with the R package ushr. Time is days since the
start of therapy; the limit of the assay is 100 copies/mL.'''
simulated = false

[units]
rna = "copies/mL"
cd4 = "cells/uL"
"""


def from_rebound(rows: pd.DataFrame) -> pd.Series:
    """Mark the rows from a subject's rebound on.

    Parameters
    ----------
    rows : DataFrame              subject, time (day), log10_rna (readings below count as the limit)

    Returns
    -------
    Series of bool                True from the first reading after day 14 that lies 0.5 log10 or
                                  more over the lowest earlier reading
    """
    ordered = rows.sort_values(["subject", "time"])
    level = ordered["log10_rna"].clip(lower=np.log10(LLOQ))
    lowest = level.groupby(ordered["subject"]).cummin()
    up = (level - lowest >= REBOUND_LOG10) & (ordered["time"] > REBOUND_AFTER)
    return up.groupby(ordered["subject"]).cummax().reindex(rows.index)


def prepare(source: Path, out: Path, *, rebound: str) -> Ledger:
    """Write the study tables.

    Parameters
    ----------
    source : Path                 folder with ``actg315raw.csv``
    out : Path                    study folder to write
    rebound : str                 ``drop`` or ``keep``: RNA from a subject's rebound on

    Returns
    -------
    Ledger                        every row left out, recoded or kept with a doubt
    """
    ledger = Ledger()
    raw = read_source(source, FILE, ["Patid", "Day", "log10.RNA.", "CD4"])
    raw = raw.assign(
        subject=numbers(raw, "Patid", FILE).map("{:02.0f}".format),
        time=numbers(raw, "Day", FILE),
        log10_rna=numbers(raw, "log10.RNA.", FILE),
        lloq=LLOQ,
    )
    cd4 = raw.assign(
        analyte="cd4", unit="cells/uL", value=numbers(raw, "CD4", FILE), cens=0, lloq=np.nan
    )
    below = raw["log10_rna"] == IMPUTED
    ledger.add("recoded", raw[below], f"rna imputed at 10^{IMPUTED}: below {LLOQ:g} (cens 1)")
    # Four decimals of log10 are four significant digits.
    value = (10 ** raw["log10_rna"]).map("{:.4g}".format).astype(float).where(~below, LLOQ)
    rna = raw.assign(analyte="rna", unit="copies/mL", value=value, cens=below.astype(int))
    rebounding = from_rebound(rna)
    why = "rna from a rebound on: the decay model does not hold"
    if rebound == "drop":
        rna = ledger.drop(rna, rebounding, why)
    else:
        ledger.add("kept", rna[rebounding], why)
    subjects = raw[["subject"]].drop_duplicates().sort_values("subject")
    write_study(out, SETTINGS, {"subjects": subjects}, pd.concat([rna, cd4]))
    return ledger


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument(
        "--rebound",
        choices=("drop", "keep"),
        default="drop",
        help="RNA from a subject's rebound on (default: drop)",
    )
    chosen = options.parse_args()
    run(
        lambda: prepare(
            source_folder("hiv_actg315", chosen.source), chosen.out, rebound=chosen.rebound
        ),
        chosen.out,
    )
