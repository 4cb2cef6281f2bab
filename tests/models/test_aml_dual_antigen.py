"""The AML model behaves as its equations were written to, and reduces to what it generalises."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve
from cellkinetics.symbolic import trace

MODEL = load_model("aml_dual_antigen")
TYPICAL = {q.name: q.typical for q in MODEL.parameters}
CLONES = ["double_positive", "cll1_positive", "cd33_positive", "double_negative"]
NOTHING = 1e-14  # a logarithm needs something


def both(p_1: float, p_2: float) -> float:
    """How surely one of two independent receptors sees its antigen."""
    return 1 - (1 - p_1) * (1 - p_2)


def test_one_clone_and_no_normal_cells_is_antigen_driven() -> None:
    simple = load_model("antigen_driven")
    s = {q.name: q.typical for q in simple.parameters}
    full = s["b_max"]  # blasts here are shares of a full marrow, there cells/uL
    seen = both(0.6, 0.8)
    mapped = {
        "rho": s["rho"],
        "k_a": seen * s["k_a"] / full,
        "f_lasting": 1 - NOTHING,
        "k_fade": 0.1,
        "alpha": s["alpha"],
        "k": s["k"],
        "beta": s["beta"],
        "k_x": NOTHING,
        "f_survive": s["f_survive"],
        "v_blood": s["v_blood"],
        "s_memory": s["m_0"] / (s["f_survive"] * 1e8 / s["v_blood"]),
        "s_exhausted": NOTHING,
        "kill": s["kill"] / seen,
        "k_e": s["k_e"],
        "p_cll1": 0.6,
        "p_cd33": 0.8,
        "g": s["g"],
        "b_0": s["b_0"] / full,
        "cll1_only": NOTHING,
        "cd33_only": NOTHING,
        "mu_cll1": NOTHING,
        "mu_cd33": NOTHING,
        "n_ref": NOTHING,
    }
    days = np.array([0.0, 2.0, 5.0, 8.0, 11.0, 14.0, 21.0, 28.0])
    found = solve(MODEL, mapped, days, [(0.0, 1e8)], rtol=1e-11)
    wanted = solve(simple, None, days, [(0.0, 1e8)], rtol=1e-11)
    for here, there, unit in (
        ("effector", "effector", 1.0),
        ("memory", "memory", 1.0),
        ("double_positive", "tumour", full),
    ):
        np.testing.assert_allclose(
            np.log(unit * found[here].values), np.log(wanted[there].values), atol=1e-8
        )
    # The mapping is no accident: another efficiency is another course.
    other = solve(MODEL, mapped | {"p_cll1": 0.3}, days, [(0.0, 1e8)])
    assert np.abs(np.log(other.effector / found.effector)).max() > 0.01


def right_hand_side(day: float, y: dict[str, float], p: dict[str, float]) -> dict[str, float]:
    """The equations once more, by hand; comedication tocilizumab on day 6, steroid on day 8."""
    toci = 6 < day <= 6 + p["tocilizumab_days"]
    steroid = 8 < day <= 8 + p["corticosteroid_days"]
    seen = [both(p["p_cll1"], p["p_cd33"]), p["p_cll1"], p["p_cd33"], 0.0]
    clones = [y[name] for name in CLONES]
    normal_seen = p["f_normal"] * seen[0]
    load = sum(q * b for q, b in zip(seen, clones, strict=True)) + normal_seen * y["normal"]
    stimulus = load / (p["k_a"] + load)
    fading = np.exp(-p["k_fade"] * day)
    rho = p["rho"] * (p["f_lasting"] + (1 - p["f_lasting"]) * fading)
    rho *= (p["f_tocilizumab"] if toci else 1) * (p["f_corticosteroid"] if steroid else 1)
    e = y["effector"]
    hit = p["kill"] * e / (p["k_e"] + e)
    blasts = sum(clones)
    growth = p["g"] * (1 - blasts)
    net = [growth - q * hit for q in seen]
    lost = p["mu_cll1"], p["mu_cd33"]
    active = e * stimulus * (p["f_steroid_cytokine"] if steroid else 1)
    made = p["n_ref"] * p["k_n"] * p["k_crowd"] / (p["k_crowd"] + blasts)
    cleared = p["f_clearance"] if toci else 1
    acts = 1 - p["f_block"] if toci else 1
    il6 = y["interleukin_6"]
    return {
        "effector": (rho * stimulus - p["alpha"] - p["k"] - p["k_x"] * stimulus) * e,
        "memory": p["k"] * e - p["beta"] * y["memory"],
        "exhausted": p["k_x"] * stimulus * e - p["delta_x"] * y["exhausted"],
        "double_positive": (net[0] - sum(lost)) * clones[0],
        "cll1_positive": (net[1] - lost[0]) * clones[1] + lost[1] * clones[0],
        "cd33_positive": (net[2] - lost[1]) * clones[2] + lost[0] * clones[0],
        "double_negative": net[3] * clones[3] + lost[0] * clones[1] + lost[1] * clones[2],
        "normal": made - p["k_n"] * y["normal"] - normal_seen * hit * y["normal"],
        "interleukin_6": p["k_il6"]
        * (p["il6_0"] + p["il6_active"] * active + p["il6_killed"] * hit * load - cleared * il6),
        "interferon_gamma": p["k_ifng"]
        * (p["ifng_0"] + p["ifng_active"] * active - y["interferon_gamma"]),
        "interleukin_10": p["k_il10"]
        * (p["il10_0"] + p["il10_active"] * active - y["interleukin_10"]),
        "il6_signal": p["k_signal"] * (acts * il6 - y["il6_signal"]),
    }


def test_the_kernel_solves_the_equations_as_written() -> None:
    p = TYPICAL | {"mu_cll1": 1e-3, "mu_cd33": 3e-3, "dependence": 4.0, "f_corticosteroid": 0.7}
    p |= {"p_cll1": 0.6, "cll1_only": 0.02}  # nothing alike that could be swapped unseen
    days = np.array([0.0, 3.0, 6.0, 7.0, 8.0, 9.0, 12.0, 18.0, 25.0, 60.0, 150.0])
    comedication = {"t_tocilizumab": 6.0, "t_corticosteroid": 8.0}
    found = solve(MODEL, p | comedication, days, [(0.0, 1e8)], rtol=1e-10)
    shares = np.array([1.0, p["cll1_only"], p["cd33_only"], 4 * p["cll1_only"] * p["cd33_only"]])
    clones = p["b_0"] * shares / shares.sum()
    effector = p["f_survive"] * 1e8 / p["v_blood"]
    start = {
        "effector": effector,
        "memory": p["s_memory"] * effector,
        "exhausted": p["s_exhausted"] * effector,
        **dict(zip(CLONES, clones, strict=True)),
        "normal": p["n_0"] * p["n_ref"],
        "interleukin_6": p["il6_0"],
        "interferon_gamma": p["ifng_0"],
        "interleukin_10": p["il10_0"],
        "il6_signal": p["il6_0"],
    }
    names = list(start)

    def slope(t: float, z: np.ndarray) -> list[float]:
        y = dict(zip(names, np.exp(z), strict=True))
        return [v / y[name] for name, v in right_hand_side(t, y, p).items()]

    z = np.log(list(start.values()))
    edges = [0.0, 6.0, 8.0, 15.0, 20.0, 150.0]  # where a drug comes or goes
    assert (p["tocilizumab_days"], p["corticosteroid_days"]) == (14.0, 7.0)
    wanted = {0.0: z}
    for a, b in pairwise(edges):
        inside = sorted({*days[(days > a) & (days <= b)], b})
        # The side of an edge is told by the time: start a hair after it.
        part = solve_ivp(slope, (a * (1 + 1e-12) + 1e-12, b), z, "LSODA", inside, rtol=1e-10,
                         atol=1e-10)  # fmt: skip
        assert part.success
        wanted |= dict(zip(inside, part.y.T, strict=True))
        z = part.y[:, -1]
    for i, name in enumerate(names):
        off = np.log(found[name].values[0]) - [wanted[d][i] for d in days]
        assert np.abs(off).max() < 1e-6, name


def test_without_cells_nothing_happens_but_growth() -> None:
    days = np.array([0.0, 30.0, 200.0])
    out = solve(MODEL, {"mu_cll1": 1e-12, "mu_cd33": 1e-12}, days, [(0.0, 1e-20)])
    blasts = sum(out[name].values[0] for name in CLONES)
    b_0, g = TYPICAL["b_0"], TYPICAL["g"]
    np.testing.assert_allclose(blasts, 1 / (1 + (1 / b_0 - 1) * np.exp(-g * days)), rtol=1e-5)
    for cytokine, base in (("il6", "il6_0"), ("ifng", "ifng_0"), ("il10", "il10_0")):
        np.testing.assert_allclose(out[cytokine].values[0], TYPICAL[base], rtol=1e-5)
    assert (np.diff(out.anc.values[0, 1:]) < 0).all()  # crowded out


def test_an_antigen_that_is_missed_by_both_receptors_lets_its_clone_grow() -> None:
    days = np.array([0.0, 28.0])
    out = solve(MODEL, None, days)
    grown = {name: float(np.log(out[name][0, 1] / out[name][0, 0])) for name in CLONES}
    assert grown["double_negative"] > 0.5
    # One receptor kills less surely than two, but it kills.
    assert grown["double_positive"] < grown["cll1_positive"] < -1
    blind = solve(MODEL, {"p_cll1": 1e-9}, days)
    lost = {name: float(np.log(blind[name][0, 1] / blind[name][0, 0])) for name in CLONES}
    assert lost["cll1_positive"] > 0.5
    assert lost["cd33_positive"] < -1


def test_antigen_lost_under_treatment_feeds_the_other_clones() -> None:
    days = np.array([0.0, 40.0])
    none = {"cll1_only": 1e-9, "cd33_only": 1e-9, "mu_cll1": 1e-9, "mu_cd33": 1e-9}
    quiet = solve(MODEL, none, days)
    losing = solve(MODEL, none | {"mu_cll1": 1e-4}, days)
    assert float(losing.cd33_positive[0, 1]) > 100 * float(quiet.cd33_positive[0, 1])
    np.testing.assert_allclose(losing.cll1_positive[0, 1], quiet.cll1_positive[0, 1], rtol=0.05)


def test_tocilizumab_raises_il6_and_lowers_its_signal() -> None:
    days = np.array([5.0, 9.0, 12.0, 40.0])
    alone = solve(MODEL, None, days)
    treated = solve(MODEL, {"t_tocilizumab": 8.0, "f_tocilizumab": 1.0}, days)
    np.testing.assert_allclose(treated.il6.values[0, 0], alone.il6.values[0, 0], rtol=1e-5)
    assert treated.il6.values[0, 2] > 2 * alone.il6.values[0, 2]
    assert treated.il6_signal.values[0, 2] < 0.5 * alone.il6_signal.values[0, 2]
    np.testing.assert_allclose(treated.il6.values[0, 3], alone.il6.values[0, 3], rtol=1e-3)
    np.testing.assert_allclose(treated.car_t.values, alone.car_t.values, rtol=1e-4)


def test_corticosteroids_lower_cytokines_and_leave_the_cells() -> None:
    days = np.array([8.0, 12.0])
    alone = solve(MODEL, None, days)
    treated = solve(MODEL, {"t_corticosteroid": 8.0}, days)
    for name in ("ifng", "il10"):
        assert treated[name].values[0, 1] < 0.6 * alone[name].values[0, 1]
    np.testing.assert_allclose(treated.car_t.values, alone.car_t.values, rtol=1e-5)


def test_normal_myeloid_cells_are_lost_and_come_back() -> None:
    days = np.arange(0.0, 121.0)
    out = solve(MODEL, None, days)
    spared = solve(MODEL, {"f_normal": 1e-6}, days)
    anc = out.anc.values[0]
    assert anc[5:20].min() < 0.5
    assert anc[60] > 1.0
    assert (spared.anc.values[0, 8:31] > 1.3 * anc[8:31]).all()
    # They feed the expansion.
    assert float(out.car_t.max()) > 1.2 * float(spared.car_t.max())


def test_microscope_and_flow_agree_on_blasts_but_for_the_normal_ones() -> None:
    out = solve(MODEL, None, np.array([0.0, 40.0]))
    start, later = out.marrow_blasts.values[0], out.mrd.values[0]
    assert start[0] == pytest.approx(later[0], rel=0.02)
    assert 0.005 < start[1] < 0.05
    assert later[1] < 1e-3


def test_dose_acts_and_a_second_infusion_adds() -> None:
    days = np.array([0.0, 3.0, 30.0, 30.0 + 1e-6])
    doses = pd.DataFrame({"subject": [0, 1], "time": 0.0, "cells": [7e7, 1.75e8]})
    out = solve(MODEL, {"rho": [1.75, 1.75]}, days, doses)
    assert out.car_t.values[1, 0] == pytest.approx(2.5 * out.car_t.values[0, 0], rel=1e-9)
    twice = solve(MODEL, None, days, [(0.0, 1e8), (30.0, 1e8)])
    made = 0.005 * 1e8 / 5e6 * (1 + TYPICAL["s_memory"] + TYPICAL["s_exhausted"])
    added = float(twice.car_t[0, 3] - twice.car_t[0, 2])
    assert added == pytest.approx(made, rel=1e-4)


def test_a_recalled_number_is_no_source() -> None:
    """Published values stand only where the published model has them."""
    sourced = {q.name for q in MODEL.parameters if q.source}
    assert sourced == {"k_il6", "k_ifng", "k_il10", "f_tocilizumab", "f_corticosteroid"}


def test_shares_of_the_clones_add_up_whatever_their_ratios() -> None:
    symbolic = trace(MODEL)
    total = sum(symbolic.initial[name] for name in CLONES)
    assert (total - symbolic.parameters["b_0"]).simplify() == 0


def test_a_thousand_wild_patients_are_all_solved() -> None:
    rng = np.random.default_rng(4)
    drawn = {}
    for q in MODEL.parameters:
        z = 0.5 * rng.standard_normal(1000)
        if q.scale == "logit":
            odds = q.typical / (1 - q.typical) * np.exp(z)
            drawn[q.name] = odds / (1 + odds)
        else:
            drawn[q.name] = q.typical * np.exp(z)
    out = solve(MODEL, drawn, np.array([0.0, 7.0, 14.0, 28.0, 90.0, 365.0]))
    assert (out.status == 0).all()
    for name in (q.name for q in MODEL.observables):
        assert (out[name].values > 0).all(), name
    for name in ("marrow_blasts", "mrd"):
        assert (out[name].values < 1).all(), name
