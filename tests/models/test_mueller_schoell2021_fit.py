"""Mueller-Schoell 2021 as the model of a fit: its classes are told apart by flow cytometry."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.catalogue import load_model
from cellkinetics.fitting.membership import membership
from cellkinetics.joint import Joint, join
from cellkinetics.kernel.solve import solve
from cellkinetics.spec import parse_spec
from cellkinetics.study import read_study

MODEL = load_model("mueller_schoell2021")
ANALYTES = {"naive": "t_n", "central": "t_cm", "effector_memory": "t_em", "effector": "t_eff"}
DAYS = (3.0, 7.0, 14.0, 21.0, 28.0)
# A reference and a low-expansion patient with the same tumour.
PATIENTS = {"REF": 0.0, "LOW": 1.0}


def study_of(folder: Path) -> Path:
    """Readings without error of typical patients; covariates in the subjects table."""
    folder.mkdir()
    known = {"low_expansion": list(PATIENTS.values()), "mtv": 300.0, "asct": 0.0, "cd4cd8": 0.4}
    curves = solve(MODEL, known, DAYS)
    rows = [
        (subject, day, analyte, curves[observable].values[s, i], "cells/uL")
        for s, subject in enumerate(PATIENTS)
        for analyte, observable in ANALYTES.items()
        for i, day in enumerate(DAYS)
    ]
    table = pd.DataFrame(rows, columns=["subject", "time", "analyte", "value", "unit"])
    table.to_csv(folder / "samples.csv", index=False)
    pd.DataFrame(
        {"subject": list(PATIENTS), "mtv_ml": 300.0, "asct": 0, "cd4cd8_day7": 0.4}
    ).to_csv(folder / "subjects.csv", index=False)
    units = "\n".join(f'{name} = "cells/uL"' for name in ANALYTES)
    (folder / "study.toml").write_text(
        f'name = "phenotypes"\nsimulated = true\n[units]\n{units}\n', encoding="utf-8"
    )
    return folder


def joined(folder: Path) -> Joint:
    spec = {
        "study": "phenotypes",
        "model": "mueller_schoell2021",
        "seed": 1,
        "analytes": {name: {"observes": observable} for name, observable in ANALYTES.items()},
    }
    return join(read_study(study_of(folder)), MODEL, parse_spec(spec))


def typical(joint: Joint) -> xr.Dataset:
    """One draw: typical values, subjects as expected of the reference class."""
    names = [q.name for q in joint.population.typical]
    loc = {q.name: q.loc for q in joint.population.typical}
    one = {
        "mu": np.array([q.loc for q in joint.estimated]),
        "omega": np.array([q.median for q in joint.population.omega]),
        "eta": np.zeros((len(PATIENTS), len(joint.noncentred))),
        "phi_centred": np.tile([loc[n] for n in joint.centred], (len(PATIENTS), 1)),
        "error": np.array([q.median for q in joint.observations.errors]),
        "class_probability": np.array(joint.population.classes.probability),  # type: ignore[union-attr]
    }
    assert "low_expansion" in names
    dims = {"eta": ("subject", "e"), "phi_centred": ("subject", "c")}
    return xr.Dataset(
        {
            name: (("chain", "draw", *dims.get(name, (f"{name}_dim",))), value[None, None])
            for name, value in one.items()
        }
    )


def test_flow_cytometry_tells_the_classes_apart(tmp_path: Path) -> None:
    joint = joined(tmp_path / "phenotypes")
    classes = joint.population.classes
    assert classes is not None
    assert classes.names == ("reference", "low_expansion")
    # What tells them apart is no parameter that subjects differ in: a solve for each class.
    assert joint.alike_in_a_class == (joint.population.names.index("low_expansion"),)
    assert classes.estimated == ()
    found = membership(joint, typical(joint)).probability[0]
    assert list(joint.subjects) == list(PATIENTS)
    np.testing.assert_array_less([0.95, 0.95], [found[0, 0], found[1, 1]])


def test_residual_errors_of_the_fit_are_the_published_ones(tmp_path: Path) -> None:
    joint = joined(tmp_path / "phenotypes")
    medians = {q.analyte: q.median for q in joint.observations.errors}
    np.testing.assert_allclose(
        [medians[name] for name in ANALYTES], [0.547332, 0.743415, 0.944456, 0.635942], rtol=1e-5
    )
