"""Exported Stan programs against our own posterior: log densities and gradients of whole fits.

Each program is compiled by a C++ compiler, which takes a minute: all of these are slow.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from densities import compare, stan_python
from wide_study import CLOSED, MIXED, NATURAL, ODE, joined

from cellkinetics.catalogue import find_study, load_model
from cellkinetics.exporting.stan import stan_program
from cellkinetics.fitting.run import prepare
from cellkinetics.joint import join
from cellkinetics.spec import parse_spec
from cellkinetics.study import read_study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS:UserWarning"),
]

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data"))


def test_the_shipped_fit() -> None:
    stan_python()
    found = compare(prepare("aml5-stein2019")[1])
    assert found.spread() < 1e-9
    assert found.gradient_error() < 1e-8


@pytest.mark.parametrize(
    ("content", "exact", "slope"),
    [(CLOSED, 1e-9, 1e-7), (MIXED, 1e-9, 1e-7), (ODE, 2e-6, 1e-6), (NATURAL, 2e-6, 1e-6)],
    ids=["closed", "mixed", "ode", "natural"],
)
def test_every_construct(tmp_path: Path, content: dict, exact: float, slope: float) -> None:
    stan_python()
    joint = joined(tmp_path, content)
    found = compare(joint)
    assert found.spread() < exact
    assert found.gradient_error() < slope
    if joint.population.classes is not None:
        return  # the density of a row has no meaning by itself
    rows = np.array(
        [[w[f"log_lik.{r + 1}"] for r in range(len(found.log_lik[0]))] for w in found.written]
    )
    np.testing.assert_allclose(rows, found.log_lik, rtol=1e-6, atol=1e-6)


def test_a_stiff_model() -> None:
    """Solved implicitly on both sides: Stan's by ``ode_bdf_tol``."""
    stan_python()
    spec = parse_spec(
        {
            "study": "aml5",
            "model": "hardiansyah2019",
            "seed": 1,
            "kernel": {"rtol": 1e-9},
            "analytes": {"flow": {"observes": "car_t", "link": "fixed", "calibration": "shared"}},
        }
    )
    joint = join(read_study(find_study("aml5")), load_model("hardiansyah2019"), spec)
    assert joint.kernel.way == "implicit"
    assert "ode_bdf_tol" in stan_program(joint)
    found = compare(joint)
    assert found.spread() < 5e-5
    assert found.gradient_error() < 1e-6


def test_a_wrong_program_is_seen(tmp_path: Path) -> None:
    """The same program with switches of the first nine days taken as passed from the start."""
    stan_python()
    joint = joined(tmp_path, ODE)
    right = stan_program(joint)
    there, instead = "after[f] = tau[f] <= 0;", "after[f] = tau[f] <= 9;"
    assert there in right
    assert compare(joint, program=right.replace(there, instead)).spread() > 1e-2


@pytest.mark.shared
@pytest.mark.parametrize(
    ("fit", "source"),
    [
        ("liu2022-stein2019", "liu2022_ball"),
        ("fandrei2024-stein2019", "fandrei2024_idecel"),
        ("hiv-actg315", "hiv_actg315"),
        ("liu2022-antigen", "liu2022_ball"),
    ],
)
def test_fits_of_real_data(tmp_path: Path, fit: str, source: str) -> None:
    import runpy
    import sys

    stan_python()
    if not (DATA / source).is_dir():
        pytest.skip(f"{DATA / source} is absent: the public data are not shipped")
    script = ROOT / "fits" / fit / "prepare.py"
    arguments = [str(script), "--source", str(DATA / source), "--out", str(tmp_path / "study")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        runpy.run_path(str(script), run_name="__main__")
    joint = prepare(fit, study=tmp_path / "study")[1]
    if not joint.kernel.closed:
        # Both to a tolerance at which what is left is not the solver's.
        kernel = joint.spec.kernel.model_copy(update={"rtol": 1e-9})
        spec = joint.spec.model_copy(update={"kernel": kernel})
        joint = join(joint.study, joint.model, spec)
    found = compare(joint)
    exact = 1e-9 if joint.kernel.closed else 1e-5
    assert found.spread() < exact * np.max(np.abs(found.difference))
    assert found.gradient_error() < max(1e-8, exact)
