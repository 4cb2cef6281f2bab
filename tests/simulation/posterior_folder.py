"""Result folders whose posterior is draws of the prior, so that nothing has to be sampled."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.files import write_json, write_text
from cellkinetics.fitting.prior import prior_draws
from cellkinetics.fitting.provenance import identity, keep_asked
from cellkinetics.fitting.result import save_tree
from cellkinetics.fitting.run import prepare
from cellkinetics.joint import Joint

STEIN = """study = "aml5"
model = "stein2019"
seed = 1
model_covariates = ["c_max~cells_per_kg"]
[analytes.qpcr]
[analytes.flow]
[correlation]
parameters = ["c_max", "alpha"]
lkj = 1.0
[[covariates]]
parameter = "alpha"
covariate = "sex"
form = "category"
level = "F"
mean = 0.4
sd = 0.1
"""

TWO_KINDS = """from dataclasses import replace

from cellkinetics.catalogue import load_model
from cellkinetics.declare import PatientClass

MODEL = replace(
    load_model("stein2019"),
    name="two_kinds",
    classes=(
        PatientClass(name="good", meaning="expands", probability=0.6, typical={},
                     assumption="for tests"),
        PatientClass(name="poor", meaning="does not", probability=0.4,
                     typical={"c_max": 1500.0}, assumption="for tests"),
    ),
)
"""


def write_result(
    fit: Path | str, folder: Path, *, draws: int, passed: bool = True, approximate: bool = False
) -> Joint:
    """Write the parts of a result that a simulation reads."""
    where, joint = prepare(fit)
    folder.mkdir(parents=True)
    drawn = prior_draws(joint, draws, np.random.default_rng(3))
    save_tree(xr.DataTree.from_dict({"posterior": drawn}), folder / "posterior.zarr")
    for name in ("parameters", "individuals", "shrinkage"):
        pd.DataFrame({"subject": ["x"]}).to_csv(folder / f"{name}.csv", index=False)
    keep_asked(folder, joint, where)
    write_json(
        folder / "summary.json",
        {
            "identity": identity(joint),
            "checks": {"passed": passed},
            "approximate": approximate,
        },
    )
    return joint


def write_stein_fit(folder: Path) -> Path:
    """A fit with a correlation, a published effect of dose, and one of the user's."""
    folder.mkdir(parents=True)
    write_text(folder / "fit.toml", STEIN)
    return folder


def write_mixed_fit(folder: Path) -> Path:
    """A fit with two classes of patients, of a model file of its own."""
    folder.mkdir(parents=True)
    write_text(folder / "two_kinds.py", TWO_KINDS)
    text = 'study = "aml5"\nmodel = "two_kinds.py"\nseed = 1\n[analytes.qpcr]\n'
    write_text(folder / "fit.toml", text)
    return folder
