"""How much the rise leans on its priors: the fit again with all priors twice and half as wide.

    python fits/fandrei2024-stein2019/rise.py --study results/studies/fandrei2024-stein2019

Writes ``rise.json`` and prints it as a table. A quantity that the data determine keeps its median
and its width; one that is its prior moves and widens with it.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.errors import CellKineticsError
from cellkinetics.fits.variants import fit_changed

HERE = Path(__file__).resolve().parent
SCALES = (0.5, 1.0, 2.0)
SHOWN = ("fold_expansion", "t_max", "c_max", "alpha", "f_b", "beta")


def width(row: pd.Series) -> float:
    """SD of the logarithm that a 90 % interval of a log-normal quantity stands for."""
    return float(np.log(row["q95"] / row["q05"]) / 3.29)


def compare(study: Path, work: Path) -> list[dict[str, Any]]:
    """A row a prior scale and typical value: median, width, and the share that is not prior."""
    rows = []
    for scale in SCALES:
        result = fit_changed(
            HERE,
            {"": f"\n[priors]\nprior_scale = {scale}\n"},
            study=study,
            work=work,
            name=f"scale-{scale:g}",
        )
        table = result.parameters.set_index("parameter")
        rows += [
            {
                "prior_scale": scale,
                "parameter": name,
                "median": float(table.loc[name, "median"]),
                "log_sd": width(table.loc[name]),
                "contraction": float(table.loc[name, "contraction"]),
                "passed": bool(result.passed),
            }
            for name in SHOWN
        ]
    return rows


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("results/studies/fandrei2024-stein2019"))
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as work:
            rows = compare(options.study, Path(work))
    except CellKineticsError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    (HERE / "rise.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    wide = pd.DataFrame(rows).pivot(index="parameter", columns="prior_scale")
    print(wide[["median", "log_sd"]].loc[list(SHOWN)].to_string(float_format="%.4g"))


if __name__ == "__main__":
    main()
