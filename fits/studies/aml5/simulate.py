"""Write the tables of the simulated study `aml5`: five invented patients with AML.

Run it as ``python fits/studies/aml5/simulate.py``; the tables and ``truth.json`` are written
beside it. The clinical courses (assessments, events, toxicities, treatments, counts) are
written by hand in ``course.toml``; what is drawn here is the CAR-T kinetics, the assays' errors
and limits, the small noise of the WBC, and the cytokines. One seed, NumPy and pandas only, and
every number is rounded before it is used or written, so two runs give the same bytes.
"""

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

HERE = Path(__file__).resolve().parent
SEED = 20261122

# An AML-like assumption, not an estimate: no population model of a CLL1/CD33 CAR-T is published.
# Against Stein 2019 (B-ALL): smaller spread of the early growth, a peak about as high, a later
# peak, and a slow phase that starts as low but is lost within months (half-life 58 days).
POPULATION = {
    "fold_expansion": {"unit": "1", "typical": 1200.0, "omega": 1.0},
    "t_max": {"unit": "day", "typical": 9.5, "omega": 0.18},
    "c_max": {"unit": "copies/ug", "typical": 22000.0, "omega": 0.9},
    "alpha": {"unit": "1/day", "typical": 0.17, "omega": 0.4},
    "f_b": {"unit": "1", "typical": 0.020, "omega": 0.6},
    "beta": {"unit": "1/day", "typical": 0.012, "omega": 0.4},
}
# Stein 2019, Table 1: growth after tocilizumab and after corticosteroids.
GROWTH_FACTOR = {"f_tocilizumab": 1.2, "f_corticosteroid": 1.0}

DAYS = (0, 1, 4, 7, 10, 14, 21, 28, 60, 90, 180, 270, 365)
CYTOKINE_DAYS = (-6, 0, 1, 2, 4, 5, 7, 8, 10, 12, 14, 17, 21, 28, 60, 90, 180, 270, 365)
WBC_DAYS = (-6, -4, -1, 0, 1, 2, 4, 7, 10, 12, 14, 17, 21, 24, 28, 45, 60, 90, 120, 180, 270, 365)

MASS_PER_CELL = 6.6e-6  # ug of DNA in a diploid human cell
ASSAYS: dict[str, dict[str, Any]] = {
    "qpcr": {"unit": "copies/ug", "sd": 0.35, "lod": 10.0, "lloq": 50.0},
    "flow": {"unit": "cells/uL", "sd": 0.45, "lloq": 0.5},
    "il6": {"unit": "pg/mL", "sd": 0.30, "lloq": 1.5, "uloq": 5000.0, "base": 5.0, "k": 3.96},
    "ifng": {"unit": "pg/mL", "sd": 0.30, "lloq": 4.0, "uloq": 2500.0, "base": 3.0, "k": 1.51},
    "il10": {"unit": "pg/mL", "sd": 0.30, "lloq": 2.0, "uloq": 1000.0, "base": 2.5, "k": 4.68},
}
WBC_SD = 0.06

SAMPLE_COLUMNS = [
    "subject", "time", "analyte", "value", "unit", "cens", "lloq", "uloq", "lower", "lod",
    "specimen",
]  # fmt: skip
ASSESSMENT_COLUMNS = [
    "subject", "time", "response", "marrow_blasts_pct", "cellularity", "blood_blasts_pct",
    "auer_rods", "extramedullary", "anc", "platelets", "transfused", "mrd_value", "mrd_lod",
    "mrd_status",
]  # fmt: skip
TOXICITY_COLUMNS = [
    "subject", "time", "end", "term", "soc", "kind", "scale", "grade", "dlt",
]  # fmt: skip
VITALS_COLUMNS = [
    "subject", "time", "temperature_c", "hypotension", "vasopressors", "oxygen", "ice_score",
]  # fmt: skip


def significant(value: float, digits: int) -> float:
    """Round to significant digits, as a laboratory reports."""
    return float(f"{value:.{digits}g}")


def first_day(course: dict[str, Any], kind: str) -> float:
    """Day of the first treatment of a kind after the infusion; infinity without one."""
    days = [row["time"] for row in course["treatments"] if row["kind"] == kind]
    return float(min((day for day in days if day >= 0), default=np.inf))


def draw_individuals(courses: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Draw five parameter sets and give them to the courses by the size of their peak.

    The draws have no names, so which patient gets which is free: the largest peak goes to the
    patient whose course tells of the largest expansion (``kinetic_rank``), and so on down.
    """
    rng = np.random.default_rng([SEED, 0])
    eta = rng.normal(size=(len(courses), len(POPULATION)))
    order = np.argsort(-eta[:, list(POPULATION).index("c_max")])
    individuals = {}
    for subject, course in courses.items():
        own = eta[order[course["kinetic_rank"] - 1]]
        individuals[subject] = {
            name: significant(p["typical"] * np.exp(p["omega"] * z), 5)
            for (name, p), z in zip(POPULATION.items(), own, strict=True)
        }
    return individuals


def transgene(
    days: Floats, theta: dict[str, float], toci: float, steroid: float, conditioning: float
) -> Floats:
    """Stein 2019, closed form with comedication (supplement, model 4); copies/ug at each day.

    From ``conditioning`` on the cells are lost at 1/day: what the kinetic model does not know
    and must not be shown.
    """
    grown = np.minimum(days, theta["t_max"])
    growth_days = grown.copy()
    first, second = sorted(
        [(toci, GROWTH_FACTOR["f_tocilizumab"]), (steroid, GROWTH_FACTOR["f_corticosteroid"])]
    )
    after_first = np.clip(grown - first[0], 0, None)
    after_second = np.clip(grown - second[0], 0, None)
    growth_days += (first[1] - 1) * after_first + first[1] * (second[1] - 1) * after_second
    rho = np.log(theta["fold_expansion"]) / theta["t_max"]
    peak = theta["c_max"] / theta["fold_expansion"] * np.exp(rho * growth_days)
    declined = np.clip(days - theta["t_max"], 0, None)
    slow = theta["f_b"] * np.exp(-theta["beta"] * declined)
    fast = (1 - theta["f_b"]) * np.exp(-theta["alpha"] * declined)
    lost = np.exp(-np.clip(days - conditioning, 0, None))
    return np.asarray(peak * (fast + slow) * lost)


def cytokine(
    analyte: str, days: Floats, level: Floats, course: dict[str, Any], base: float
) -> Floats:
    """Turnover of a cytokine that CAR-T cells make while they meet leukaemia; pg/mL.

    ``dC/dt = k (base + (peak - base) drive - C)`` with drive = CAR-T level x leukaemia left,
    scaled to 1. Tocilizumab blocks the receptor that clears IL-6, so IL-6 rises after it;
    dexamethasone halves the drive while it is given. ``k`` is that of Hardiansyah & Ng 2019.
    """
    step = np.diff(days, prepend=days[0])
    leukaemia = np.exp(-np.cumsum(course["kill"] * level / (level + 5000.0) * step))
    drive = level * leukaemia
    drive = drive / drive.max()
    for row in course["treatments"]:
        if row["kind"] == "corticosteroid":
            drive = np.where((days >= row["time"]) & (days <= row["end"] + 1), drive / 2, drive)
    toci = first_day(course, "tocilizumab")
    blocked = (analyte == "il6") & (days >= toci) & (days < toci + 14)
    clearance = np.where(blocked, 0.4, 1.0) * ASSAYS[analyte]["k"]
    made = ASSAYS[analyte]["k"] * (base + (course["cytokine_peak"][analyte] - base) * drive)
    values = np.empty_like(days)
    values[0] = base
    for i in range(1, len(days)):
        settled = made[i] / clearance[i]
        values[i] = settled + (values[i - 1] - settled) * np.exp(-clearance[i] * step[i])
    return values


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
        "specimen": "peripheral blood" if analyte in ("qpcr", "flow") else "serum",
    }
    if row["value"] < assay.get("lod", 0):
        row |= {"value": assay["lod"], "cens": 1}  # not detected
    elif row["value"] < assay["lloq"]:
        # Detected, but too little to quantify: between the two limits where there are two.
        row |= {"value": assay["lloq"], "cens": 1, "lower": assay.get("lod")}
    elif row["value"] > assay.get("uloq", np.inf):
        row |= {"value": assay["uloq"], "cens": -1}
    return row


def wbc_by_day(subject_index: int, course: dict[str, Any]) -> dict[int, float]:
    """White cells by day (cells/uL): log-linear between the course's counts, with small noise."""
    rng = np.random.default_rng([SEED, 1, subject_index])
    anchor_day, anchor = np.array(course["wbc"]).T
    days = sorted({*WBC_DAYS, *course.get("extra_wbc_days", [])})
    noise = rng.normal(scale=WBC_SD, size=len(days))
    mean = np.interp(days, anchor_day, np.log(1000 * anchor))
    return {
        day: float(10 * round(float(np.exp(mu + e)) / 10))
        for day, mu, e in zip(days, mean, noise, strict=True)
        if day <= course["last_day"]
    }


def samples_of(
    index: int, subject: str, course: dict[str, Any], theta: dict[str, float]
) -> list[dict[str, Any]]:
    """All laboratory rows of one patient, analyte by analyte."""
    toci, steroid = first_day(course, "tocilizumab"), first_day(course, "corticosteroid")
    conditioning = course.get("conditioning_day", np.inf)
    wbc = wbc_by_day(index, course)

    days = np.array([day for day in DAYS if day <= course["last_day"]], dtype=float)
    # The sample of day 0 is drawn before the cells are given.
    latent = np.where(days > 0, transgene(days, theta, toci, steroid, conditioning), 0.0)
    white = np.array([wbc[int(day)] for day in days])
    expected = {
        "qpcr": latent,
        "flow": latent * MASS_PER_CELL * white / course["infusion"]["vcn"],
    }
    rows = []
    for stream, (analyte, mean) in enumerate(expected.items(), start=2):
        error = np.random.default_rng([SEED, stream, index]).normal(size=len(DAYS))[: len(days)]
        values = mean * np.exp(ASSAYS[analyte]["sd"] * error)
        rows += [
            reading(subject, day, analyte, value)
            for day, value in zip(days, values, strict=True)
            if day not in course["missed"].get(analyte, [])
        ]

    fine = np.round(np.arange(0, 365.01, 0.02), 2)
    level = transgene(fine, theta, toci, steroid, conditioning)
    for stream, analyte in enumerate(("il6", "ifng", "il10"), start=4):
        rng = np.random.default_rng([SEED, stream, index])
        base = ASSAYS[analyte]["base"] * float(np.exp(0.3 * rng.normal()))
        curve = cytokine(analyte, fine, level, course, base)
        error = rng.normal(scale=ASSAYS[analyte]["sd"], size=len(CYTOKINE_DAYS))
        for day, e in zip(CYTOKINE_DAYS, error, strict=True):
            if day <= course["last_day"]:
                value = float(np.interp(day, fine, curve)) * float(np.exp(e))
                rows.append(reading(subject, day, analyte, value))

    for day, count in wbc.items():
        rows.append(
            {"subject": subject, "time": day, "analyte": "wbc", "value": count}
            | {"unit": "cells/uL", "cens": 0, "specimen": "peripheral blood"}
        )
    return rows


def tables(courses: dict[str, Any], protocol: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Every table of the study, as written, except samples.csv."""
    rows: dict[str, list[dict[str, Any]]] = {
        name: []
        for name in (
            "subjects", "infusions", "assessments", "events", "toxicities", "vitals", "treatments",
        )
    }  # fmt: skip
    for subject, course in courses.items():
        key = {"subject": subject}
        rows["subjects"].append(key | course["subject"])
        infusion = dict(course["infusion"])
        cells = infusion.pop("cells_per_kg") * course["subject"]["weight_kg"]
        rows["infusions"].append(key | {"time": 0, "cells": cells} | infusion)
        for row in course["assessments"]:
            defaults = {"auer_rods": 0, "extramedullary": 0}
            lod = {"mrd_lod": protocol["mrd_lod"]} if "mrd_status" in row else {}
            rows["assessments"].append(key | defaults | lod | row)
        rows["events"] += [key | row for row in course["events"]]
        rows["toxicities"] += [key | {"dlt": 0} | row for row in course["toxicities"]]
        rows["treatments"] += [
            key | row for row in protocol["lymphodepletion"] + course["treatments"]
        ]
        calm = {"hypotension": 0, "vasopressors": 0, "oxygen": "none", "ice_score": 10}
        rows["vitals"] += [key | calm | row for row in course["vitals"]]
    columns = {
        "events": ["subject", "time", "event"],
        "assessments": ASSESSMENT_COLUMNS,
        "toxicities": TOXICITY_COLUMNS,
        "vitals": VITALS_COLUMNS,
        "treatments": ["subject", "time", "end", "drug", "dose", "unit", "kind"],
    }
    return {name: pd.DataFrame(row, columns=columns.get(name)) for name, row in rows.items()}


def truth(courses: dict[str, Any], individuals: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What the tables were drawn from, for tests of recovery."""
    subjects = {}
    for subject, theta in individuals.items():
        toci = first_day(courses[subject], "tocilizumab")
        steroid = first_day(courses[subject], "corticosteroid")
        at_peak = transgene(np.array([theta["t_max"]]), theta, toci, steroid, np.inf)
        subjects[subject] = {
            "parameters": theta,
            "first_tocilizumab_day": None if np.isinf(toci) else toci,
            "first_corticosteroid_day": None if np.isinf(steroid) else steroid,
            "conditioning_day": courses[subject].get("conditioning_day"),
            "peak_with_comedication": significant(float(at_peak[0]), 5),
        }
    return {
        "simulated": True,
        "assumption": "population values are AML-like assumptions, not estimates",
        "model": "stein2019",
        "seed": SEED,
        "population": POPULATION,
        "growth_factors": GROWTH_FACTOR,
        "residual": {name: {"family": "lognormal", **a} for name, a in ASSAYS.items()},
        "calibration": {"flow": {"factor": 1.0, "mass_per_cell_ug": MASS_PER_CELL}},
        "subjects": subjects,
    }


def write(out: Path) -> None:
    """Draw the study and write its tables and truth.json into a folder."""
    courses = tomllib.loads((HERE / "course.toml").read_text(encoding="utf-8"))
    protocol = courses.pop("protocol")
    individuals = draw_individuals(courses)
    frames = tables(courses, protocol)
    samples = [
        row
        for index, (subject, course) in enumerate(courses.items())
        for row in samples_of(index, subject, course, individuals[subject])
    ]
    frames["samples"] = pd.DataFrame(samples, columns=SAMPLE_COLUMNS)
    out.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        # Whole numbers are written without a point, also where a column has empty cells.
        text = frame.map(lambda v: "" if pd.isna(v) else f"{v:.10g}" if isinstance(v, float) else v)
        text.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    text_truth = json.dumps(truth(courses, individuals), indent=2) + "\n"
    (out / "truth.json").write_text(text_truth, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write (default: here)")
    write(parser.parse_args().out)
