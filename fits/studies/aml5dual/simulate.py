"""Write the tables of the simulated study `aml5dual`: five patients drawn from `aml_dual_antigen`.

Run it as ``python fits/studies/aml5dual/simulate.py``; the tables and ``truth.json`` are written
beside it. Everything is drawn: one population from the model's priors (so that the truth is not
what a fit expects), five patients from it, their comedication by a rule on their own IL-6, and the
readings of six assays with errors and limits. One seed; every number is rounded as a laboratory
reports it, and the model is solved far closer than that, so two runs give the same bytes.
"""

import argparse
import json
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve
from cellkinetics.population import make_population, to_natural
from cellkinetics.spec import parse_spec

type Floats = NDArray[np.float64]

HERE = Path(__file__).resolve().parent
SEED = 6
MODEL = load_model("aml_dual_antigen")

# What differs from the model's typical values; everything else is as declared. The first group
# differs between patients too.
INDIVIDUAL = (
    "rho", "f_survive", "k", "b_0", "g", "cd33_only", "il6_active", "ifng_active", "il10_active",
)  # fmt: skip
SHARED = ("kill", "alpha", "beta", "il6_0", "ifng_0", "il10_0")

WEIGHT = {"D01": 74.0, "D02": 61.0, "D03": 82.0, "D04": 57.0, "D05": 69.0}
CELLS_PER_KG = {"D01": 1.0e6, "D02": 1.5e6, "D03": 1.5e6, "D04": 2.0e6, "D05": 2.5e6}
VCN = {"D01": 1.6, "D02": 2.2, "D03": 1.3, "D04": 2.0, "D05": 1.8}

# The day after the acting IL-6 passes so much, and no sooner than day 1.
TOCILIZUMAB_AT, CORTICOSTEROID_AT = 100.0, 300.0  # pg/mL

KINETIC_DAYS = (1, 4, 7, 10, 14, 21, 28, 60, 90, 180, 270, 365)
CYTOKINE_DAYS = (0, 2, 4, 6, 8, 10, 12, 14, 17, 21, 28, 60, 90, 180)
MARROW_DAYS = (0, 14, 28, 60, 90, 180, 270, 365)
WBC_DAYS = (0, 1, 2, 4, 7, 10, 12, 14, 17, 21, 24, 28, 45, 60, 90, 120, 180, 270, 365)
BLOOD, SERUM, MARROW = "peripheral blood", "serum", "bone marrow"

CELL_DNA_UG = 6.6e-6
ASSAYS: dict[str, dict[str, Any]] = {
    "qpcr": {"unit": "copies/ug", "sd": 0.35, "lod": 10.0, "lloq": 50.0, "of": "car_t"},
    "flow": {"unit": "cells/uL", "sd": 0.45, "lloq": 0.5, "of": "car_t"},
    "il6": {"unit": "pg/mL", "sd": 0.35, "lloq": 1.5, "uloq": 5000.0, "of": "il6"},
    "ifng": {"unit": "pg/mL", "sd": 0.35, "lloq": 4.0, "uloq": 2500.0, "of": "ifng"},
    "il10": {"unit": "pg/mL", "sd": 0.35, "lloq": 2.0, "uloq": 1000.0, "of": "il10"},
    "marrow_blasts": {"unit": "%", "sd": 0.30, "lloq": 1.0, "of": "marrow_blasts"},
}
WBC_SD = 0.06

SAMPLE_COLUMNS = [
    "subject", "time", "analyte", "value", "unit", "cens", "lloq", "uloq", "lower", "lod",
    "specimen",
]  # fmt: skip


def significant(value: float, digits: int) -> float:
    """Round to significant digits, as a laboratory reports."""
    return float(f"{value:.{digits}g}")


def draw_truth() -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """One population from the prior that a fit takes, and five patients from it."""
    spec = parse_spec(
        {"study": "aml5dual", "model": MODEL.name, "seed": SEED, "analytes": {"qpcr": {}}}
    )
    prior = make_population(MODEL, spec, pd.DataFrame())
    rng = np.random.default_rng([SEED, 0])
    omegas = {q.name: q.median for q in prior.omega}
    population: dict[str, Any] = {}
    patients: dict[str, dict[str, float]] = {subject: {} for subject in WEIGHT}
    for q in prior.typical:
        if q.name not in (*INDIVIDUAL, *SHARED):
            continue
        phi = q.loc + q.sd * rng.standard_normal()
        differs = q.name in INDIVIDUAL
        omega = omegas[q.name] if differs else 0.0
        typical = significant(float(to_natural(phi, q.scale, q.lower, q.upper)), 4)
        population[q.name] = {
            "unit": q.unit,
            "typical": typical,
            "prior_median": significant(q.median, 4),
        }
        if differs:
            population[q.name]["omega"] = omega
        for own in patients.values():
            eta = float(rng.standard_normal()) if differs else 0.0
            value = to_natural(phi + omega * eta, q.scale, q.lower, q.upper)
            own[q.name] = significant(float(value), 4)
    return population, patients


def course(own: dict[str, float], cells: float, known: dict[str, float], days: Any) -> Any:
    """The model's course of one patient at the given days."""
    return solve(MODEL, own | known, days, [(0.0, cells)], rtol=1e-10).isel(subject=0)


def comedication(own: dict[str, float], cells: float) -> dict[str, float]:
    """First tocilizumab and corticosteroid: the day after the acting IL-6 passes a level."""
    days = np.arange(0.0, 61.0)
    known = {"t_tocilizumab": inf, "t_corticosteroid": inf}
    for name, level in (
        ("t_tocilizumab", TOCILIZUMAB_AT),
        ("t_corticosteroid", CORTICOSTEROID_AT),
    ):
        passed = days[course(own, cells, known, days)["il6_signal"].to_numpy() >= level]
        known[name] = float(passed[0]) + 1.0 if len(passed) else inf
    return known


def last_day(own: dict[str, float], cells: float, known: dict[str, float]) -> float:
    """The marrow that shows no remission by day 60 or a relapse: other therapy follows."""
    days = np.array(MARROW_DAYS, dtype=float)
    blasts = 100 * course(own, cells, known, days)["marrow_blasts"].to_numpy()
    ill = (days >= 60) & (blasts >= 20)
    return float(days[ill][0]) if ill.any() else float(days[-1])


def reading(subject: str, day: float, analyte: str, value: float) -> dict[str, Any]:
    """One row of samples.csv: as read, or the limit that it passed."""
    assay = ASSAYS[analyte]
    row: dict[str, Any] = {
        "subject": subject,
        "time": day,
        "analyte": analyte,
        "value": significant(value, 3),
        "unit": assay["unit"],
        "cens": 0,
        "lloq": assay.get("lloq"),
        "uloq": assay.get("uloq"),
        "lod": assay.get("lod"),
        "specimen": {"qpcr": BLOOD, "flow": BLOOD, "marrow_blasts": MARROW}.get(analyte, SERUM),
    }
    if row["value"] < assay.get("lod", 0):
        row |= {"value": assay["lod"], "cens": 1}
    elif row["value"] < assay["lloq"]:
        row |= {"value": assay["lloq"], "cens": 1, "lower": assay.get("lod")}
    elif row["value"] > assay.get("uloq", inf):
        row |= {"value": assay["uloq"], "cens": -1}
    return row


def white_cells(index: int, own: dict[str, float], cells: float, known: dict[str, float],
                until: float) -> dict[float, float]:  # fmt: skip
    """White cells by day (cells/uL): neutrophils, some lymphocytes and the CAR-T cells."""
    days = np.array([d for d in WBC_DAYS if d <= until], dtype=float)
    seen = course(own, cells, known, days)
    lymphocytes = 100.0 + 900.0 * (1 - np.exp(-days / 30.0))
    total = 1000 * seen["anc"].to_numpy() + lymphocytes + seen["car_t"].to_numpy()
    noise = np.random.default_rng([SEED, 1, index]).normal(scale=WBC_SD, size=len(WBC_DAYS))
    noisy = total * np.exp(noise[: len(days)])
    return {float(d): float(10 * round(float(w) / 10)) for d, w in zip(days, noisy, strict=True)}


def samples_of(
    index: int, subject: str, own: dict[str, float], known: dict[str, float], until: float
) -> list[dict[str, Any]]:
    """All laboratory rows of one patient, analyte by analyte."""
    cells = CELLS_PER_KG[subject] * WEIGHT[subject]
    white = white_cells(index, own, cells, known, until)
    rows = []
    for stream, (analyte, assay) in enumerate(ASSAYS.items(), start=2):
        plan = {"qpcr": KINETIC_DAYS, "flow": KINETIC_DAYS, "marrow_blasts": MARROW_DAYS}
        every = plan.get(analyte, CYTOKINE_DAYS)
        days = np.array([d for d in every if d <= until], dtype=float)
        mean = course(own, cells, known, days)[assay["of"]].to_numpy()
        if analyte == "qpcr":
            count = np.exp(np.interp(days, list(white), np.log(list(white.values()))))
            mean = mean * VCN[subject] / (CELL_DNA_UG * count)
        if analyte == "marrow_blasts":
            mean = 100 * mean
        error = np.random.default_rng([SEED, stream, index]).normal(size=len(every))[: len(days)]
        values = mean * np.exp(assay["sd"] * error)
        rows += [reading(subject, d, analyte, v) for d, v in zip(days, values, strict=True)]
    for day, count in white.items():
        rows.append(
            {"subject": subject, "time": day, "analyte": "wbc", "value": count}
            | {"unit": "cells/uL", "cens": 0, "specimen": BLOOD}
        )
    return rows


def treatments_of(subject: str, known: dict[str, float]) -> list[dict[str, Any]]:
    """Lymphodepletion, and what IL-6 called for."""
    key = {"subject": subject}
    rows = [
        key | {"time": -5, "end": -3, "drug": drug, "dose": dose, "unit": "mg/m2/day",
               "kind": "lymphodepletion"}
        for drug, dose in (("fludarabine", 30), ("cyclophosphamide", 500))
    ]  # fmt: skip
    if isfinite(known["t_tocilizumab"]):
        day = known["t_tocilizumab"]
        rows.append(
            key | {"time": day, "end": day, "drug": "tocilizumab", "unit": "mg",
                   "dose": 8 * WEIGHT[subject], "kind": "tocilizumab"}
        )  # fmt: skip
    if isfinite(known["t_corticosteroid"]):
        day = known["t_corticosteroid"]
        rows.append(
            key | {"time": day, "end": day + 6, "drug": "dexamethasone", "dose": 20,
                   "unit": "mg/day", "kind": "corticosteroid"}
        )  # fmt: skip
    return rows


def write(out: Path) -> None:
    """Draw the study and write its tables and truth.json into a folder."""
    population, patients = draw_truth()
    samples: list[dict[str, Any]] = []
    treatments: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    subjects: dict[str, Any] = {}
    for index, (subject, own) in enumerate(patients.items()):
        cells = CELLS_PER_KG[subject] * WEIGHT[subject]
        known = comedication(own, cells)
        until = last_day(own, cells, known)
        samples += samples_of(index, subject, own, known, until)
        treatments += treatments_of(subject, known)
        events.append({"subject": subject, "time": until, "event": "last_contact"})
        subjects[subject] = {
            "parameters": own,
            "comedication": {k: v if isfinite(v) else None for k, v in known.items()},
            "last_day": until,
        }
    frames = {
        "subjects": pd.DataFrame({"subject": list(WEIGHT), "weight_kg": list(WEIGHT.values())}),
        "infusions": pd.DataFrame(
            {
                "subject": list(WEIGHT),
                "time": 0,
                "cells": [CELLS_PER_KG[s] * WEIGHT[s] for s in WEIGHT],
                "vcn": list(VCN.values()),
            }
        ),
        "samples": pd.DataFrame(samples, columns=SAMPLE_COLUMNS),
        "treatments": pd.DataFrame(treatments),
        "events": pd.DataFrame(events),
    }
    truth = {
        "simulated": True,
        "assumption": "one draw of the priors of aml_dual_antigen; no patient stands behind it",
        "model": MODEL.name,
        "seed": SEED,
        "population": population,
        "residual": {name: {"family": "lognormal", **a} for name, a in ASSAYS.items()},
        "subjects": subjects,
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        text = frame.map(lambda v: "" if pd.isna(v) else f"{v:.10g}" if isinstance(v, float) else v)
        text.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    (out / "truth.json").write_text(
        json.dumps(truth, indent=2) + "\n", encoding="utf-8", newline="\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write (default: here)")
    write(parser.parse_args().out)
