"""The model beside fits/liu2022-antigen is `antigen_driven` in other words."""

from pathlib import Path

import numpy as np
import pytest

from cellkinetics import load_model, solve

FIT = Path(__file__).resolve().parents[2] / "fits" / "liu2022-antigen"
DAYS = [0.0, 1.0, 5.0, 12.0, 20.0, 40.0, 90.0, 200.0]
SHARED = {
    "rho": 1.4, "alpha": 0.2, "k": 0.02, "beta": 0.03, "g": 0.06, "kill": 0.7, "k_e": 9.0,
    "m_0": 0.03, "b_max": 1e5,
}  # fmt: skip


@pytest.mark.parametrize(("b_0", "s"), [(800.0, 16.0), (4.0, 2.0), (5e4, 9.0)])
def test_it_gives_the_same_curves(b_0: float, s: float) -> None:
    relative = solve(
        load_model(FIT / "antigen_relative.py"), SHARED | {"b_0": b_0, "s": s, "e_0": 0.25}, DAYS
    )
    driven = solve(
        load_model("antigen_driven"),
        SHARED | {"b_0": b_0, "k_a": b_0 / s, "f_survive": 0.01, "v_blood": 4e6},
        DAYS,
    )
    assert driven["car_t"].max() > 10 * driven["car_t"][0, 0], "no expansion to compare"
    for name in ("car_t", "tumour_cells"):
        np.testing.assert_allclose(relative[name], driven[name], rtol=2e-5)


def test_its_values_are_those_of_antigen_driven() -> None:
    own = {q.name: q.typical for q in load_model(FIT / "antigen_relative.py").parameters}
    known = {q.name: q.typical for q in load_model("antigen_driven").parameters}
    known["s"] = known["b_0"] / known["k_a"]
    known["e_0"] = known["f_survive"] * 1e8 / known["v_blood"]
    different = {name for name, value in own.items() if abs(value / known[name] - 1) > 0.01}
    assert different == {"b_max"}, "b_max is lifted above the largest reading"
