"""Exposure in Fandrei et al. 2024 (ide-cel, 34 patients): from qPCR, from flow, by response.

``python tests/exposure/fandrei_exposure.py`` writes the table anew beside this file. It holds
numbers over groups of patients only; the data themselves are not shipped.
"""

import os
import runpy
import sys
import tempfile
from pathlib import Path

import pandas as pd

from cellkinetics.exposure import agreement, nca, summarise
from cellkinetics.study import read_study

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data"))
SOURCE = DATA / "fandrei2024_idecel"
TABLE = HERE / "fandrei2024_exposure.csv"

FEWEST = 5  # patients behind a number: fewer would tell of single ones
METRICS = ("Cmax", "Tmax", "AUClast", "AUC0-28d", "AUC0-100d", "half_life", "persistence")
RESPONSE = {
    "CR": "CR or nCR", "nCR": "CR or nCR", "VGPR": "VGPR", "PR": "PR or less", "SD": "PR or less",
    "PD": "PR or less",
}  # fmt: skip


def exposure_table() -> pd.DataFrame:
    """Geometric mean (median of times), all and by response on day 30, and agreement of assays."""
    prepare = runpy.run_path(str(ROOT / "fits" / "fandrei2024-stein2019" / "prepare.py"))
    with tempfile.TemporaryDirectory() as name:
        prepare["prepare"](SOURCE, Path(name), suspect="keep")
        study = read_study(name)
    result = nca(study, windows=[(0, 28), (0, 100)])
    response = study.subjects.set_index("subject")["response_day_30"].map(RESPONSE).to_dict()
    both = pd.concat([summarise(result), summarise(result, by=response)])
    both = both[both["metric"].isin(METRICS)]
    table = both.assign(
        estimate=both["geo_mean"].fillna(both["median"]), spread=both["geo_cv_pct"]
    )[["analyte", "group", "metric", "unit", "subjects", "n", "estimate", "spread"]]
    table.loc[table["n"] < FEWEST, ["estimate", "spread"]] = float("nan")
    rows = [
        {
            "analyte": "qpcr / flow",
            "group": "all",
            "metric": f"{line['metric']} {what}",
            "unit": "",
            "subjects": len(study.subjects),
            "n": line["n"],
            "estimate": line[column],
        }
        for line in agreement(result, "qpcr", "flow", ("Cmax", "AUClast", "AUC0-28d")).to_dict(
            "records"
        )
        for what, column in (
            ("ratio", "ratio"),
            ("ratio, lower limit of agreement", "lower"),
            ("ratio, upper limit of agreement", "upper"),
            ("Spearman", "spearman"),
        )
    ]
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True)


def written(table: pd.DataFrame) -> str:
    """Give the table's text, six significant digits."""
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n")


if __name__ == "__main__":
    sys.exit(TABLE.write_text(written(exposure_table())) * 0)
