"""A small study, and fits of it that use every construct a Stan program must hold."""

import textwrap
from pathlib import Path
from typing import Any

from cellkinetics.joint import Joint, join
from cellkinetics.spec import model_of, parse_spec
from cellkinetics.study import read_study

HERE = Path(__file__).parent

SETTINGS = """
name = "wide"
simulated = true
dose_unit = "cells/kg"

[units]
qpcr = "copies/ug"
flow = "cells/uL"
second = "cells/uL"
wbc = "10^9/L"
"""
SUBJECTS = """
subject,weight_kg,sex,age
007,70,F,40
A-2,80,M,60
p3,60,F,50
"""
INFUSIONS = """
subject,time,cells,vcn
007,0,1e5,1
A-2,0,2e5,2
A-2,9,1e5,2
p3,0,1.5e5,1
"""
TREATMENTS = """
subject,time,end,drug,dose,unit
A-2,5.5,,tocilizumab,8,mg/kg
"""
DAYS = (0.5, 2, 5, 7, 9, 10, 14, 28, 60)
COURSE = (2.0, 8.0, 60.0, 300.0, 420.0, 400.0, 150.0, 12.0, 3.0)


def _samples() -> str:
    lines = ["subject,time,analyte,value,unit,cens,lloq,uloq,lower"]
    for subject, level in {"007": 1.0, "A-2": 2.0, "p3": 0.4}.items():
        for day, cells in zip(DAYS, COURSE, strict=True):
            value = 30 * level * cells
            if value < 100:  # below; of one subject known to be above 40
                lower = "40" if subject == "007" else ""
                lines.append(f"{subject},{day},qpcr,100,copies/ug,1,100,20000,{lower}")
            elif value > 20000:
                lines.append(f"{subject},{day},qpcr,20000,copies/ug,-1,100,20000,")
            else:
                lines.append(f"{subject},{day},qpcr,{value:g},copies/ug,0,100,20000,")
            for name, factor, lloq in (("flow", 1.2, 2.0), ("second", 0.7, 3.0)):
                own = factor * level * cells
                shown, cens = (lloq, 1) if own < lloq else (own, 0)
                lines.append(f"{subject},{day},{name},{shown:g},cells/uL,{cens},{lloq},,")
        lines += [f"{subject},0,wbc,1.0,10^9/L,0,,,", f"{subject},60,wbc,3.0,10^9/L,0,,,"]
    return "\n".join(lines)


def write_study(folder: Path) -> Path:
    """Write the tables; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "study.toml": SETTINGS,
        "subjects.csv": SUBJECTS,
        "infusions.csv": INFUSIONS,
        "treatments.csv": TREATMENTS,
        "samples.csv": _samples(),
    }.items():
        (folder / name).write_text(textwrap.dedent(text).strip() + "\n", encoding="utf-8")
    return folder


CLOSED: dict[str, Any] = {
    "study": "wide",
    "model": "stein2019",
    "seed": 1,
    "analytes": {
        "qpcr": {"error": "student_t", "nu": 3.0, "limit": "M3"},
        "flow": {
            "error": "combined",
            "additive": {"median": 2.0},
            "proportional": {"median": 0.3},
            "limit": "M4",
            "link": "physical",
            "calibration": "subject",
        },
        "second": {"limit": "M2", "link": "fixed", "calibration": "shared"},
    },
    "parameters": {
        "c_max": {"typical": 8000.0, "reason": "of this test"},
        "fold_expansion": {"typical": 200.0, "estimate": False, "omega": 0.5},
        "t_max": {"centred": True},
        "alpha": {"centred": False},
        "beta": {"iiv": False},
        "f_tocilizumab": {"estimate": True},
    },
    "covariates": [
        {"parameter": "c_max", "covariate": "sex", "form": "category", "level": "F"},
        {"parameter": "t_max", "covariate": "age", "form": "power"},
        {"parameter": "beta", "covariate": "weight_kg", "form": "exponential"},
    ],
    "correlation": {"parameters": ["c_max", "alpha", "f_b"]},
}
"""Closed form; every error family, censoring kind, calibration, covariate and block."""

ODE: dict[str, Any] = {
    "study": "wide",
    "model": "wide_model.py",
    "seed": 1,
    "analytes": {
        "flow": {"observes": "both", "limit": "M3", "calibration": "shared"},
        "second": {
            "observes": "spare",
            "error": "combined",
            "additive": {"median": 0.5},
            "proportional": {"median": 0.3},
            "limit": "M3",
        },
    },
    "parameters": {
        "grow": {"omega": 0.2},
        "tide": {"typical": 40.0, "reason": "of this test"},
        "t_peak": {"omega": 0.2},
        "start": {"omega": 0.3, "centred": True},
        "volume": {"estimate": False},
    },
    "kernel": {"rtol": 1e-10, "max_steps": 100_000},
}
"""Integrated through switches that move and infusions on a log and on a natural state."""

NATURAL: dict[str, Any] = {
    **ODE,
    "analytes": {"second": {"observes": "spare", "error": "student_t", "limit": "M2"}},
}
"""A log error on an observable that is predicted on its natural scale."""

MIXED: dict[str, Any] = {
    "study": "wide",
    "model": "mixed_model.py",
    "seed": 1,
    "analytes": {"flow": {"limit": "M3", "calibration": "subject"}},
    "covariates": [{"parameter": "rate", "covariate": "age", "form": "power"}],
}
"""A mixture of classes that differ in a parameter with, and in two without own spread."""


def joined(folder: Path, content: dict[str, Any]) -> Joint:
    """Join the study with one of the fits above."""
    spec = parse_spec(content)
    return join(read_study(write_study(folder)), model_of(spec, HERE), spec)
