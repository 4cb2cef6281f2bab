"""Singh 2021: balance without cells, the authors' own form, and the printed one that is not."""

from typing import Any

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve
from cellkinetics.symbolic import trace

MODEL = load_model("singh2021")
V = {q.name: q.typical for q in MODEL.parameters}
CELLS = ("effector", "memory", "effector_marrow", "memory_marrow", "complexes")


def authors(dose: float, days: Any, *, printed: bool = False) -> Any:
    """Concentrations in cells/L, started at 1e-6 in marrow, as the Monolix code has them.

    Returns transgene, tumour, M-protein and soluble BCMA. ``printed`` lets killing act on the
    effectors in marrow, as Eq. 18 of the supplement is printed.
    """
    kon, koff = V["kon"] * 86400 / 6.023e23, V["koff"] * 86400
    ratio = V["v_blood"] / V["v_marrow"]

    def change(t: float, y: Any) -> list[float]:
        e, m, et, mt, x, tu, mprotein, sbcma = y
        ct = et + mt
        per_car, per_tumour = x / ct, x / tu
        kexp = V["kexp_max"] * per_car / (V["ec50"] + per_car)
        kill = V["kkill_max"] * per_tumour / (V["kc50"] + per_tumour)
        made = 12.1e-12 * 2.5e9 * (tu / 2.5e9) ** V["gamma_m"]
        return [
            -V["k12"] * e + V["k21"] * et / ratio - V["kel_e"] * e,
            -V["k12"] * m + V["k21"] * mt / ratio - V["kel_m"] * m,
            V["k12"] * e * ratio - V["k21"] * et + kexp * et - V["rm"] * et,
            V["k12"] * m * ratio - V["k21"] * mt + V["rm"] * et,
            kon * (ct * V["ag_car"] - x) * (tu * V["ag_tumour"] - x) - koff * x,
            V["kg"] * tu - kill * (et if printed else tu),
            made - V["km"] * mprotein,
            0.175e-6 * tu - V["kb"] * sbcma,
        ]

    start = [dose / 5, 0, 1e-6, 0, 0, 2.5e9, 12.1e-12 * 2.5e9 / 0.117, 0.175e-6 * 2.5e9 / 0.7]
    out = solve_ivp(
        change, (0, days[-1]), start, method="LSODA", t_eval=days, rtol=1e-9,
        atol=[1e-3, 1e-9, 1e-9, 1e-9, 1e-3, 1e-3, 1e-12, 1e-12],
    )  # fmt: skip
    assert out.success
    return np.array([0.002 * (out.y[0] + out.y[1]), out.y[5], out.y[6], out.y[7]])


def ours(dose: float, days: Any) -> Any:
    found = solve(MODEL, None, days, [(0.0, dose)], rtol=1e-8, max_steps=1_000_000)
    return np.array(
        [found[q].values[0] for q in ("transgene", "tumour_cells", "mprotein", "sbcma")]
    )


@pytest.mark.parametrize("dose", [50e6, 800e6])
def test_the_authors_own_form_agrees(dose: float) -> None:
    """Numbers for concentrations, and no cell before the infusion, change nothing."""
    days = np.array([0.5, 2.0, 7.0, 14.0, 21.0, 28.0, 60.0, 120.0, 180.0])
    np.testing.assert_allclose(ours(dose, days), authors(dose, days), rtol=2e-5)


def test_the_equation_as_printed_is_another_model() -> None:
    days = np.array([2.0, 5.0, 8.0])
    printed = authors(450e6, days, printed=True)
    assert np.abs(np.log(printed / ours(450e6, days))).max() > 0.2


def test_markers_start_in_balance_whatever_the_values() -> None:
    s = trace(MODEL)
    assert s.rhs is not None
    start = {s.states[name]: value for name, value in s.initial.items()}
    for marker in ("mprotein_serum", "sbcma_serum"):
        assert sp.simplify(s.rhs[marker].subs(start, simultaneous=True)) == 0


def test_nothing_changes_without_cells_and_growth() -> None:
    for infusions in ([], [(0.0, 0.0)]):
        out = solve(MODEL, {"kg": 0.0}, np.arange(0.0, 366.0), infusions, max_steps=1_000_000)
        assert out.status[0] == 0
        for cells in CELLS:
            np.testing.assert_allclose(out[cells], 0.0, atol=1e-200)
        np.testing.assert_allclose(out.tumour, 2.5e9, rtol=1e-12)
        np.testing.assert_allclose(out.mprotein_change, 0.0, atol=1e-7)
        np.testing.assert_allclose(out.sbcma_change, 0.0, atol=1e-7)


def test_without_cells_markers_follow_the_growing_tumour() -> None:
    """Linear turnover of an exponential, in closed form."""
    days = np.array([0.0, 1.0, 10.0, 100.0, 365.0])
    out = solve(MODEL, None, days, [], rtol=1e-9, max_steps=1_000_000)
    for marker, loss, power in (("mprotein", 0.117, 0.215), ("sbcma", 0.7, 1.0)):
        a = 0.008 * power
        grown = (loss * np.exp(a * days) + a * np.exp(-loss * days)) / (loss + a)
        level = out[marker].values[0]
        np.testing.assert_allclose(level / level[0], grown, rtol=1e-7)


def test_cells_that_cannot_bind_neither_expand_nor_kill() -> None:
    out = solve(MODEL, {"kon": 0.0}, [30.0], rtol=1e-9, max_steps=1_000_000)
    assert out.tumour[0, 0] == pytest.approx(2.5e9 * np.exp(0.008 * 30), rel=1e-7)
    # Those that reached the marrow leave it again and are lost.
    reached = 1.71 / (113 + 1.71 - 0.176) * 450e6
    assert out.effector_marrow[0, 0] < reached


def test_a_second_infusion_is_more_cells_in_blood() -> None:
    around = np.array([100.0, 100.0 + 1e-6])
    twice = [(0.0, 450e6), (100.0, 100e6)]
    out = solve(MODEL, None, around, twice, max_steps=1_000_000)
    jump = float(out.effector[0, 1] - out.effector[0, 0])
    assert jump == pytest.approx(100e6, rel=1e-3)
