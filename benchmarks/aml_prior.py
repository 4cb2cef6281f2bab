"""What `aml_dual_antigen` believes before it has seen a patient, against the clinic.

    python benchmarks/aml_prior.py [--populations 300] [--patients 100] [--json]

Populations are drawn from the model's priors (typical values and omegas as a fit would draw them),
virtual patients from each population, every patient is solved to day 365, and rates are counted
population by population: their median is what the prior expects, their 5 to 95 % range what it
allows. What the rates are compared with: `GOALS`. Not real data: nothing here was fitted.

How a virtual patient is judged:

- Response by `outcome/eln.py` (ELN 2022) at days 14, 28, 60 and 90 from marrow blasts and
  neutrophils. Platelets are not in the model and are given as unknown: a remission is counted where
  the criteria leave no other answer whatever the platelets are ("certain"), and where some platelet
  count would allow it ("possible"). Blood is taken to be free of blasts where the marrow has less
  than 5 %.
- Any cytokine release syndrome: the acting IL-6 passes `CRS_SIGNAL` before day 60. Nobody is given
  tocilizumab or corticosteroids.
- Infections, deaths, transplants and other therapies are not in the model.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model
from cellkinetics.files import write_text
from cellkinetics.kernel.solve import solve
from cellkinetics.outcome.eln import REMISSION, Signs, criteria_named, derive
from cellkinetics.population import Population, make_population, to_natural
from cellkinetics.spec import parse_spec

type Floats = NDArray[np.float64]

MODEL = "aml_dual_antigen"
RESULT = Path(__file__).resolve().parent / "results" / "aml_prior" / "rates.json"
SEED = 20261122

# Assumption. Of the two patients of Hardiansyah and Ng 2019 the milder one's IL-6 peaked at
# 49 pg/mL; its normal level is a few pg/mL. Some ten to twenty times normal is taken as the least
# that is felt as fever.
CRS_SIGNAL = 30.0  # pg/mL

VISITS = (14.0, 28.0, 60.0, 90.0)
LATER = (120.0, 180.0, 270.0, 365.0)
DAYS = np.unique(np.concatenate([np.arange(0.0, 61.0), VISITS, LATER]))
CELLS_PER_KG = (1.0e6, 2.5e6)
WEIGHT_KG = 70.0
MRD_CUTOFF = 1e-3

# Prior medians must lie inside; models.md 5.1 (published rates).
GOALS = {
    "CR/CRi by day 90": (0.40, 0.80),
    "any CRS": (0.70, 1.00),
    "peak day (median patient)": (7.0, 14.0),
}


def prior_of(model: Model) -> Population:
    """Priors of typical values and omegas, exactly as a fit of the model takes them."""
    spec = parse_spec(
        {"study": "none", "model": model.name, "seed": SEED, "analytes": {"car_t": {}}}
    )
    return make_population(model, spec, pd.DataFrame())


def draw_patients(prior: Population, patients: int, rng: np.random.Generator) -> pd.DataFrame:
    """Natural-scale parameters of the patients of one population drawn from the prior."""
    spread = {q.name: q.median * np.exp(q.log_sd * rng.standard_normal()) for q in prior.omega}
    columns = {}
    for q in prior.typical:
        typical = q.loc + q.sd * rng.standard_normal()
        phi = typical + spread.get(q.name, 0.0) * rng.standard_normal(patients)
        columns[q.name] = to_natural(phi, q.scale, q.lower, q.upper)
    return pd.DataFrame(columns)


def remissions(marrow: Floats, anc: Floats, baseline: Floats) -> tuple[Floats, Floats]:
    """Share of patients with a certain and with a possible CR, CRh or CRi at some visit.

    Parameters
    ----------
    marrow, anc : float array (patient, visit)      %, 10^9/L
    baseline : float array (patient,), %

    Returns
    -------
    bool array (patient,), bool array (patient,)
    """
    rule = criteria_named("ELN2022")
    certain = np.zeros(len(marrow), dtype=bool)
    possible = np.zeros(len(marrow), dtype=bool)
    for i, v in np.argwhere(marrow < 5):
        found = derive(
            Signs(marrow=marrow[i, v], blood=0.0, anc=anc[i, v], baseline=baseline[i]), rule
        )
        certain[i] |= found.at_least in REMISSION
        possible[i] |= found.possible[0] in REMISSION
    return certain, possible


def judge(model: Model, patients: pd.DataFrame, rng: np.random.Generator) -> dict[str, float]:
    """Rates and medians of one population."""
    dose = WEIGHT_KG * rng.uniform(*CELLS_PER_KG, len(patients))
    infusions = pd.DataFrame({"subject": patients.index, "time": 0.0, "cells": dose})
    out = solve(model, patients, DAYS, infusions)
    solved = out.status.values == 0
    car_t = out.car_t.values[solved]
    anc = out.anc.values[solved]
    marrow = 100 * out.marrow_blasts.values[solved]
    at = np.searchsorted(DAYS, VISITS)
    early = DAYS <= 60
    certain, possible = remissions(marrow[:, at], anc[:, at], marrow[:, 0])
    signal = out.il6_signal.values[solved][:, early].max(axis=1)
    peak = car_t.max(axis=1)
    day = DAYS[car_t.argmax(axis=1)]
    negative = (out.mrd.values[solved][:, at[1:]] < MRD_CUTOFF).any(axis=1)
    back = (marrow[:, DAYS > 90] >= 5).any(axis=1) & certain
    return {
        "failed to solve": float((~solved).mean()),
        "CR/CRi by day 90": float(certain.mean()),
        "CR/CRi by day 90, any platelets": float(possible.mean()),
        "any CRS": float((signal >= CRS_SIGNAL).mean()),
        "peak day (median patient)": float(np.median(day)),
        "MRD below 0.1 % by day 90": float(negative.mean()),
        "marrow blasts back by day 365, of remissions": float(back.sum() / max(1, certain.sum())),
        "neutrophils below 0.5e9/L by day 28": float(
            (anc[:, (DAYS >= 1) & (DAYS <= 28)] < 0.5).any(axis=1).mean()
        ),
        "neutrophils at 1e9/L on day 60": float((anc[:, DAYS == 60] >= 1).mean()),
        "peak, CAR-T cells/uL (median patient)": float(np.median(peak)),
        "peak IL-6, pg/mL (median patient)": float(
            np.median(out.il6.values[solved][:, early].max(axis=1))
        ),
        "peak IFN-gamma, pg/mL (median patient)": float(
            np.median(out.ifng.values[solved][:, early].max(axis=1))
        ),
    }


def check(populations: int, patients: int, seed: int = SEED) -> dict[str, Any]:
    """Rates over populations drawn from the prior.

    Returns
    -------
    dict                ``rates``: a dict a quantity with median and 5 and 95 % over populations
    """
    model = load_model(MODEL)
    prior = prior_of(model)
    rng = np.random.default_rng(seed)
    found = pd.DataFrame(
        [judge(model, draw_patients(prior, patients, rng), rng) for _ in range(populations)]
    )
    low, middle, high = (found.quantile(q) for q in (0.05, 0.5, 0.95))
    return {
        "model": MODEL,
        "populations": populations,
        "patients": patients,
        "seed": seed,
        "crs_signal_pg_per_ml": CRS_SIGNAL,
        "rates": {
            name: {
                "median": round(float(middle[name]), 4),
                "low": round(float(low[name]), 4),
                "high": round(float(high[name]), 4),
                "goal": GOALS.get(name),
            }
            for name in map(str, found)
        },
    }


def table(result: dict[str, Any]) -> str:
    """The result as text."""
    lines = [f"{'':48}{'median':>9}{'5 %':>9}{'95 %':>9}  goal for the median"]
    for name, r in result["rates"].items():
        goal = "" if r["goal"] is None else f"{r['goal'][0]:g} to {r['goal'][1]:g}"
        lines.append(f"{name:48}{r['median']:9.3g}{r['low']:9.3g}{r['high']:9.3g}  {goal}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--populations", type=int, default=300)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.name}")
    asked = parser.parse_args()
    outcome = check(asked.populations, asked.patients)
    if asked.record:
        write_text(RESULT, json.dumps(outcome, indent=2) + "\n")
    print(json.dumps(outcome, indent=2) if asked.json else table(outcome))
