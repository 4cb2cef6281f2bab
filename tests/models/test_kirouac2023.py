"""Kirouac 2023: the 36 virtual patients, and an independent solution of the equations."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.example import find_example
from cellkinetics.kernel.solve import solve

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CELLKINETICS_DATA", CHECKOUT.parent / "shared" / "data"))
TABLE = DATA / "kirouac2023" / "virtual_patients.csv"
MODEL = load_model("kirouac2023")
T_CELLS = ("memory", "effector_1", "effector_2", "exhausted")
STEPS = 1_000_000
CLASSES = ("CR", "PR", "NR")

shared = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not TABLE.is_file(), reason="the virtual patients are not here ($CELLKINETICS_DATA)"
    ),
]


def virtual_patients() -> pd.DataFrame:
    """All 36, a row each, under our names."""
    return pd.read_csv(TABLE, index_col="parameter").T.rename(columns=str.lower)


def independent(v: Any, days: Any, dose: float = 1e8) -> Any:
    """States on those days by LSODA, with Hill terms as the paper has them."""

    def hill(x: float, n: float, k: float) -> float:
        return 1 / (1 + (k / x) ** n) if x > 0 else 0.0

    def change(t: float, y: Any) -> list[float]:
        tm, te1, te2, tx, b, ba, d, x = y
        s = v["f_max"] * (1 - hill(ba, v["km"], v["b50"]))
        returning = v["rm"] * (1 - hill(ba, v["kr"], v["b50"])) * te2
        multiplying = v["ue"] * hill(ba, v["ke"], v["b50"]) * te1
        exhausting = v["kex"] * hill(ba, v["kx"], v["b50"]) * te2
        return [
            v["um"] * s * tm - v["um"] * (1 - s) * tm - v["dm"] * tm + v["f_tm"] * x + returning,
            2 * v["um"] * (1 - s) * tm - multiplying - v["de1"] * te1 + v["f_te1"] * x,
            multiplying * 2 ** v["n"] - exhausting - v["de2"] * te2 + v["f_te2"] * x - returning,
            exhausting - v["dx"] * tx + v["f_tx"] * x,
            v["ub"] * b * (1 - b / v["bmax"]) - v["k_kill"] * b * hill(te2, v["kt"], v["tk50"]),
            v["kb1"] * b - v["kb2"] * ba,
            -(v["f_loss"] + 1) * d,
            d - (v["f_tm"] + v["f_te1"] + v["f_te2"] + v["f_tx"]) * x,
        ]

    start = [0, 0, 0, 0, 1e10, 1e10, dose, 0]
    out = solve_ivp(
        change, (0, days[-1]), start, method="LSODA", t_eval=days, rtol=1e-10, atol=1e-8
    )
    assert out.success
    return out.y


@pytest.mark.parametrize("example", ["CR2", "PR6", "NR6"])
def test_an_independent_solution_agrees(example: str) -> None:
    days = np.array([0.5, 1.0, 7.0, 14.0, 21.0, 28.0, 60.0, 120.0, 365.0])
    wanted = independent(find_example(MODEL, example).values, days)
    ours = solve(MODEL, None, days, example=example, rtol=1e-8, max_steps=STEPS)
    np.testing.assert_allclose(ours.car_t.values[0], wanted[:4].sum(axis=0), rtol=1e-5)
    for i, state in enumerate((*T_CELLS, "tumour", "antigen")):
        np.testing.assert_allclose(
            ours[state].values[0], wanted[i], rtol=1e-4, atol=1e-2, err_msg=state
        )


def test_without_an_infusion_the_tumour_grows_to_its_capacity() -> None:
    days = np.array([0.0, 10.0, 100.0, 365.0])
    for infusions in ([], [(0.0, 0.0)]):
        out = solve(MODEL, None, days, infusions, rtol=1e-9, max_steps=STEPS)
        assert out.status[0] == 0
        for cells in T_CELLS:
            np.testing.assert_allclose(out[cells], 0.0, atol=1e-100)
        v = {q.name: q.typical for q in MODEL.parameters}
        grown = v["bmax"] / (1 + (v["bmax"] / 1e10 - 1) * np.exp(-v["ub"] * days))
        np.testing.assert_allclose(out.tumour.values[0], grown, rtol=1e-7)


def test_the_dose_is_spread_by_its_weights() -> None:
    still = dict.fromkeys(("um", "dm", "ue", "kex", "rm", "de1", "de2", "dx"), 0.0)
    out = solve(MODEL, still, [1.0], [(0.0, 1e8)], rtol=1e-9, max_steps=STEPS)
    v = {q.name: q.typical for q in MODEL.parameters}
    weights = np.array([v["f_tm"], v["f_te1"], v["f_te2"], v["f_tx"]])
    spread = np.array([float(out[cells][0, 0]) for cells in T_CELLS])
    wanted = weights / weights.sum() * 1e8 / (1 + v["f_loss"])
    np.testing.assert_allclose(spread, wanted, rtol=1e-6)


def test_killing_has_a_slope_for_exponents_below_1() -> None:
    """x^0.2 is steep at 0, where every run starts."""
    out = solve(MODEL, {"kt": 0.2}, [0.0, 1.0, 28.0], rtol=1e-9, max_steps=STEPS)
    v = {q.name: q.typical for q in MODEL.parameters} | {"kt": 0.2}
    wanted = independent(v, [1.0, 28.0])
    np.testing.assert_allclose(out.tumour.values[0, 1:], wanted[4], rtol=1e-6)


class TestAllThirtySix:
    pytestmark = shared

    def test_examples_are_columns_of_the_table(self) -> None:
        table = virtual_patients()
        assert table.shape == (36, 27)
        for example in MODEL.examples:
            wanted = table.loc[example.name].to_dict()
            assert dict(example.values) == pytest.approx(wanted, rel=1e-12)

    def test_every_one_is_solved_and_classes_are_in_order(self) -> None:
        table = virtual_patients()
        days = np.unique([*np.arange(0.0, 28.1, 0.5), 60.0, 90.0, 180.0, 365.0])
        out = solve(MODEL, table, days, max_steps=STEPS)
        np.testing.assert_array_equal(out.status, 0)
        assert float(min(out[cells].min() for cells in T_CELLS)) >= -1e-6
        early = days <= 28
        peak, tumour = {}, {}
        for kind in CLASSES:
            who = [i for i, name in enumerate(table.index) if name.startswith(kind)]
            assert len(who) == 12
            peak[kind] = out.car_t.values[who][:, early].max(axis=1)
            tumour[kind] = out.tumour.values[who][:, days == 28].ravel() / 1e10
        # Expansion: every responder above every non-responder, complete above partial as a class.
        assert peak["PR"].min() > 10 * peak["NR"].max()
        assert peak["CR"].min() > 10 * peak["NR"].max()
        assert np.median(peak["CR"]) > 2 * np.median(peak["PR"])
        # Tumour on day 28: the classes do not touch.
        assert tumour["CR"].max() < 1e-3
        assert 1e-2 < tumour["PR"].min() <= tumour["PR"].max() < 0.1
        assert tumour["NR"].min() > 1.2

    @pytest.mark.parametrize("who", ["CR12", "PR3", "NR5"])
    def test_the_hardest_agree_with_an_independent_solution(self, who: str) -> None:
        """Those whose second effectors fall lowest: 1.8, 5e-13 and 1e-5 cells."""
        table = virtual_patients()
        days = np.array([1.0, 14.0, 28.0, 90.0, 365.0])
        wanted = independent(table.loc[who], days)
        ours = solve(MODEL, table.loc[[who]], days, rtol=1e-8, max_steps=STEPS)
        np.testing.assert_allclose(ours.car_t.values[0], wanted[:4].sum(axis=0), rtol=1e-5)
        np.testing.assert_allclose(ours.tumour.values[0], wanted[4], rtol=1e-5)
