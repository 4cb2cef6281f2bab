"""PFS and OS of Fandrei et al. 2024 (ide-cel, 34 patients), and exposure by who progressed.

``python tests/endpoints/fandrei_times.py`` writes the table anew beside this file. It holds numbers
over groups of patients only; the data themselves are not shipped. Their PFS is EFS as registered:
the tables hold progressions and deaths alone.
"""

import os
import runpy
import sys
import tempfile
from pathlib import Path

import pandas as pd

from cellkinetics.endpoints import Endpoints, compute_endpoints
from cellkinetics.exposure import summarise
from cellkinetics.study import read_study

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data"))
SOURCE = DATA / "fandrei2024_idecel"
TABLE = HERE / "fandrei2024_times.csv"
FEWEST = 5  # patients behind a number: fewer would tell of single ones
COLUMNS = ["endpoint", "quantity", "group", "n", "events", "estimate", "lower", "upper", "method"]


def found() -> Endpoints:
    """Endpoints of the prepared tables."""
    prepare = runpy.run_path(str(ROOT / "fits" / "fandrei2024-stein2019" / "prepare.py"))
    with tempfile.TemporaryDirectory() as name:
        prepare["prepare"](SOURCE, Path(name), suspect="keep")
        return compute_endpoints(read_study(name))


def times_table(endpoints: Endpoints) -> pd.DataFrame:
    """PFS and OS, and the geometric mean of exposure by progression within 180 days."""
    parts = [
        endpoints.answers[name].numbers.assign(endpoint=label)
        for name, label in (("efs", "PFS"), ("os", "OS"))
    ]
    rows = endpoints.answers["efs"].subjects
    known = rows[(rows["event"] == 1) | (rows["time"] >= 180)]
    early = (known["event"] == 1) & (known["time"] < 180)
    groups = dict(
        zip(
            known["subject"],
            early.map({True: "event before day 180", False: "event-free on day 180"}),
            strict=True,
        )
    )
    assert endpoints.exposure is not None
    summary = summarise(endpoints.exposure, by=groups)
    summary = summary[summary["metric"].isin(["Cmax", "AUC0-28d"]) & (summary["n"] >= FEWEST)]
    parts.append(
        summary.assign(
            endpoint="exposure",
            quantity=summary["analyte"] + " " + summary["metric"],
            estimate=summary["geo_mean"],
            method="geometric mean",
        )
    )
    return pd.concat([part.reindex(columns=COLUMNS) for part in parts], ignore_index=True)


def written(table: pd.DataFrame) -> str:
    """Give the table's text, five significant digits."""
    return table.to_csv(index=False, float_format="%.5g", lineterminator="\n")


if __name__ == "__main__":
    sys.exit(TABLE.write_text(written(times_table(found()))) * 0)
