"""A drug, a model file of one's own, a NONMEM-style file, and a published answer (FOCEi)."""

import os
import shutil
from pathlib import Path

import pytest

from cellkinetics.fitting import fit

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data"))
SOURCE = DATA / "poppk" / "theo_sd.csv"

SPEC = """
study = "theo_sd.csv"
model = "theophylline.py"
seed = 12
keep = ["at-infusion", "pre-infusion"]   # a reading of 0 at time 0 is one

[analytes.theophylline]
error = "combined"
additive = { median = 0.7, log_sd = 1.0 }

[priors]
tau_omega = 0.7

[nonmem]
by = "CMT"
analytes = { 2 = "theophylline" }
units = { theophylline = "mg/L" }
dose_unit = "cells"
time_unit = "h"
covariates = { WT = "weight_kg" }
zeros_as_read = ["theophylline"]
name = "theo_sd"
simulated = false
"""
# ka, CL, V per hour and their between-subject CV %: nlmixr2's FOCEi (PROVENANCE.md of the data).
PUBLISHED = {"ka": (1.593, 70.5), "cl": (2.752, 26.8), "v": (31.8, 13.9)}
PER_HOUR = {"ka": 24.0, "cl": 24.0, "v": 1.0}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    if not SOURCE.is_file():
        pytest.skip(f"{SOURCE} is absent: the public data are not shipped")
    folder = tmp_path_factory.mktemp("theo_sd")
    # nlmixr2 writes a bolus into compartment 1 as EVID 101; NONMEM's code for a dose is 1.
    text = SOURCE.read_text(encoding="utf-8")
    assert text.count(",101,1,") == 12
    (folder / "theo_sd.csv").write_text(text.replace(",101,1,", ",1,1,"))
    shutil.copy(HERE / "theophylline.py", folder)
    (folder / "fit.toml").write_text(SPEC)
    return fit(folder, out=folder / "result", progress=False)


@pytest.mark.shared
def test_all_132_readings_enter_and_the_checks_pass(result):
    assert result.summary["analytes"][0]["rows"] == 132
    assert result.passed, result.summary["checks"]


@pytest.mark.shared
@pytest.mark.parametrize("name", PUBLISHED)
def test_posterior_medians_are_near_the_published_estimates(result, name):
    table = result.parameters.set_index("parameter")
    value, cv = PUBLISHED[name]
    assert table.loc[name, "median"] / PER_HOUR[name] == pytest.approx(value, rel=0.10)
    spread = 100 * float(table.loc[f"omega({name})", "median"])
    assert 0.75 <= spread / cv <= 1.5
