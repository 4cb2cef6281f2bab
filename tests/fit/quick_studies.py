"""Fits for the tests of the quick answer."""

import shutil
from pathlib import Path

import numpy as np

from cellkinetics.catalogue import find_fit, find_study, load_model
from cellkinetics.fitting.compile import compile_model
from cellkinetics.fitting.quick_levels import Levels, make_levels
from cellkinetics.joint import build_model, join
from cellkinetics.spec import parse_spec, read_spec
from cellkinetics.study import read_study

EVERYTHING = {
    "correlation": {"parameters": ["c_max", "t_max", "alpha"], "lkj": 2.0},
    "covariates": [
        {"parameter": "c_max", "covariate": "cells_per_kg", "form": "power"},
        {"parameter": "t_max", "covariate": "weight_kg", "form": "exponential", "reference": 70},
    ],
    # One typical value without between-subject variability, one that is not estimated.
    "parameters": {"f_tocilizumab": {"estimate": True}, "beta": {"estimate": False}},
    "analytes": {
        "qpcr": {
            "limit": "M2",
            "error": "combined",
            "additive": {"median": 20},
            "proportional": {"median": 0.3},
        },
        "flow": {"link": "physical", "calibration": "subject", "error": "student_t"},
    },
}


def compiled_levels(**changes: object) -> Levels:
    """The shipped fit of five simulated patients, or one that differs by ``changes``."""
    spec = read_spec(find_fit("aml5-stein2019")).model_dump(exclude_unset=True)
    joint = join(
        read_study(find_study("aml5")), load_model("stein2019"), parse_spec({**spec, **changes})
    )
    model = build_model(joint)
    return make_levels(joint, model, compile_model(model))


def bimodal_fit(folder: Path) -> Path:
    """Six subjects whose readings are of two exponentials that nothing tells apart."""
    study = folder / "study"
    study.mkdir(parents=True)
    rng = np.random.default_rng(1)
    (study / "study.toml").write_text(
        'name = "two"\nsimulated = true\n[units]\nrna = "copies/mL"\n', encoding="utf-8"
    )
    subjects, samples = ["subject,weight_kg"], ["subject,time,analyte,value,unit,cens,lloq"]
    for name in (f"S{i}" for i in range(6)):
        subjects.append(f"{name},70")
        level = np.exp(np.log(1e4) + 0.5 * rng.standard_normal())
        rates = 0.15 * np.exp([1.15, -1.15] + 0.2 * rng.standard_normal(2))
        for day in (1, 2, 4, 7, 14, 21, 28, 42):
            value = level * np.exp(-rates * day).mean() * np.exp(0.2 * rng.standard_normal())
            samples.append(f"{name},{day},rna,{value:.5g},copies/mL,0,")
    (study / "subjects.csv").write_text("\n".join(subjects) + "\n", encoding="utf-8")
    (study / "samples.csv").write_text("\n".join(samples) + "\n", encoding="utf-8")
    shutil.copy(Path(__file__).with_name("quick_bimodal.py"), folder / "exchangeable.py")
    (folder / "fit.toml").write_text(
        'study = "study"\nmodel = "exchangeable.py"\nseed = 1\n[analytes.rna]\nlimit = "M3"\n',
        encoding="utf-8",
    )
    return folder
