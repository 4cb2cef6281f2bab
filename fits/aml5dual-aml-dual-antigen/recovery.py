"""What of the truth a fit of `aml5dual` recovers, and what stays prior.

    python fits/aml5dual-aml-dual-antigen/recovery.py results/aml5dual-aml-dual-antigen

Prints a table and writes ``recovery.csv`` into the result folder: a row a typical value and a row
each patient's own value, with the truth, the posterior median and 90 % interval, the quantile of
the posterior at the truth, and the contraction, 1 - var(posterior) / var(prior) on the transformed
scale (for a patient's own value the prior is that of a new patient).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.catalogue import find_study
from cellkinetics.files import write_csv
from cellkinetics.fitting import load_fit
from cellkinetics.fitting.draws import flat, take_draws
from cellkinetics.fitting.prior import prior_draws
from cellkinetics.fitting.run import prepare
from cellkinetics.population import to_natural, to_phi

type Floats = NDArray[np.float64]

HERE = Path(__file__).resolve().parent
STUDY = "aml5dual"
PRIOR_DRAWS = 4000


def recovery(result: str | Path) -> pd.DataFrame:
    """Posterior against truth.

    Parameters
    ----------
    result : path                   result folder of the fit

    Returns
    -------
    DataFrame                       subject ('' for a typical value), parameter, unit, truth,
                                    median, q05, q95, quantile_of_truth, contraction
    """
    joint = prepare(HERE)[1]
    posterior = load_fit(result).tree["posterior"].to_dataset()
    prior = prior_draws(joint, PRIOR_DRAWS, np.random.default_rng(1))
    truth = json.loads((find_study(STUDY) / "truth.json").read_text(encoding="utf-8"))
    typical = {q.name: q for q in joint.population.typical}
    rows = []

    def add(subject: str, name: str, true: float, draws: Floats, before: Floats) -> None:
        q = typical[name]
        bounds = (q.scale, q.lower, q.upper)
        low, middle, high = to_natural(np.quantile(draws, [0.05, 0.5, 0.95]), *bounds)
        rows.append(
            {
                "subject": subject,
                "parameter": name,
                "unit": q.unit,
                "truth": true,
                "median": middle,
                "q05": low,
                "q95": high,
                "quantile_of_truth": float((draws < to_phi(true, *bounds)).mean()),
                "contraction": 1.0 - float(draws.var() / before.var()),
            }
        )

    mu, mu_before = flat(posterior, "mu"), flat(prior, "mu")
    for i, q in enumerate(joint.estimated):
        add("", q.name, truth["population"][q.name]["typical"], mu[:, i], mu_before[:, i])
    own, own_before = take_draws(joint, posterior).phi, take_draws(joint, prior).phi
    differ = {q.name for q in joint.population.omega}
    for s, subject in enumerate(joint.subjects):
        for j, name in enumerate(joint.population.names):
            if name in differ:
                true = truth["subjects"][subject]["parameters"][name]
                add(subject, name, true, own[:, s, j], own_before[:, s, j])
    return pd.DataFrame(rows)


def covered(table: pd.DataFrame) -> tuple[int, int]:
    """How many 90 % intervals hold the truth, of how many."""
    inside = table["quantile_of_truth"].between(0.05, 0.95)
    return int(inside.sum()), len(inside)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("result", type=Path, help="result folder of the fit")
    asked = parser.parse_args()
    found = recovery(asked.result)
    write_csv(asked.result / "recovery.csv", found)
    print(found.to_string(index=False, float_format="%.3g"))
    held, of = covered(found)
    print(f"{held} of {of} 90 % intervals hold the truth")
