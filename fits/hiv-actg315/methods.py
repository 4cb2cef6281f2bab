"""M1, M3 and M5 side by side: on the real readings, and on data simulated from the M3 fit.

    python fits/hiv-actg315/methods.py --study results/studies/hiv-actg315

Writes ``methods.json`` and prints it as a table. Rows below the limit are late rows, so a method
that mistreats them bends the slow slope: M1 forgets the patients who fell below, M5 pretends that
all of them stand at half the limit. On simulated data the truth is known.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics import load_model, read_study, solve
from cellkinetics.errors import CellKineticsError
from cellkinetics.fits.variants import fit_changed

HERE = Path(__file__).resolve().parent
METHODS = ("M1", "M3", "M5")
LLOQ = 100.0
SEED = 20315


def slow_slope(method: str, study: Path, work: Path) -> dict[str, Any]:
    """Fit once; the typical slow slope, its between-subject SD, and whether the checks passed."""
    changes = {'limit = "M3"': f'limit = "{method}"'}
    result = fit_changed(HERE, changes, study=study, work=work, name=f"{study.name}-{method}")
    table = result.parameters.set_index("parameter")
    return {
        "method": method,
        "median": float(table.loc["d_slow", "median"]),
        "q05": float(table.loc["d_slow", "q05"]),
        "q95": float(table.loc["d_slow", "q95"]),
        "log_sd": float(np.log(table.loc["d_slow", "q95"] / table.loc["d_slow", "q05"]) / 3.29),
        "omega": float(table.loc["omega(d_slow)", "median"]),
        "passed": bool(result.passed),
        "parameters": {str(k): float(v) for k, v in table["median"].items()},
    }


def simulate(truth: dict[str, float], study: Path, target: Path, seed: int) -> None:
    """Write a study like the real one whose readings come from the model at ``truth``."""
    rng = np.random.default_rng(seed)
    target.mkdir(parents=True)
    for file in ("study.toml", "subjects.csv"):
        shutil.copy(study / file, target)
    settings = (target / "study.toml").read_text(encoding="utf-8")
    (target / "study.toml").write_text(settings.replace("simulated = false", "simulated = true"))
    rows = pd.read_csv(study / "samples.csv", dtype={"subject": str})
    rows = rows[rows["analyte"] == "rna"].copy()
    subjects = rows["subject"].unique()
    model = load_model(str(HERE / "biexponential.py"))
    values = {}
    for q in model.parameters:
        eta = truth[f"omega({q.name})"] * rng.standard_normal(len(subjects))
        typical = truth[q.name]
        if q.scale == "logit":
            values[q.name] = 1 / (1 + np.exp(-(np.log(typical / (1 - typical)) + eta)))
        else:
            values[q.name] = typical * np.exp(eta)
    times = np.unique(rows["time"])
    curves = solve(model, pd.DataFrame(values, index=pd.Index(subjects, name="subject")), times)
    exact = curves["viral_load"].sel(
        subject=rows["subject"].to_xarray(), time=rows["time"].to_xarray()
    )
    noise = truth["rna.sd"] * rng.standard_normal(len(rows))
    reading = exact.to_numpy() * np.exp(noise)
    below = reading < LLOQ
    rows["value"] = np.where(below, LLOQ, reading)
    rows["cens"] = below.astype(int)
    rows["lloq"] = LLOQ
    rows.to_csv(target / "samples.csv", index=False)


def side_by_side(study: Path, replicates: int, work: Path) -> dict[str, Any]:
    """Fit the real data and every simulated set by each method.

    Returns
    -------
    dict                            ``real``: a row a method, with the shift against M3 in percent
                                    and in posterior SDs of log d_slow; ``simulated``: a row a
                                    replicate and method, with the error against the truth;
                                    ``summary``: mean error and root mean square error by method
    """
    read_study(study)
    real = [slow_slope(method, study, work) for method in METHODS]
    m3 = next(row for row in real if row["method"] == "M3")
    for row in real:
        shift = np.log(row["median"] / m3["median"])
        row["shift_percent"] = float(100 * np.expm1(shift))
        row["shift_in_sd"] = float(shift / m3["log_sd"])
    simulated = []
    for replicate in range(replicates):
        folder = work / f"simulated-{replicate}"
        simulate(m3["parameters"], study, folder, SEED + replicate)
        for method in METHODS:
            row = slow_slope(method, folder, work)
            error = np.log(row["median"] / m3["parameters"]["d_slow"])
            simulated.append({"replicate": replicate, "log_error": float(error), **row})
    for row in (*real, *simulated):
        row.pop("parameters")
    errors = pd.DataFrame(simulated).groupby("method")["log_error"]
    summary = [
        {
            "method": method,
            "mean_log_error": float(group.mean()),
            "rms_log_error": float(np.sqrt((group**2).mean())),
        }
        for method, group in errors
    ]
    return {"real": real, "simulated": simulated, "summary": summary, "seed": SEED}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("results/studies/hiv-actg315"))
    parser.add_argument("--replicates", type=int, default=5)
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as work:
            answer = side_by_side(options.study, options.replicates, Path(work))
    except CellKineticsError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    text = json.dumps(answer, indent=1)
    (HERE / "methods.json").write_text(text + "\n", encoding="utf-8")
    columns = ["method", "median", "q05", "q95", "shift_percent", "shift_in_sd", "passed"]
    print(pd.DataFrame(answer["real"])[columns].to_string(index=False))
    print(pd.DataFrame(answer["summary"]).to_string(index=False))


if __name__ == "__main__":
    main()
