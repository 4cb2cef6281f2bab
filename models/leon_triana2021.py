"""Leon-Triana et al. 2021: CAR-T against a solid tumour and CD19, to outnumber its suppression.

CAR-T cells expand on B cells in blood and lymphoid organs, move into the tumour at rate k, expand
there on tumour cells and are inactivated by them. With no second target, and the dose placed in
the tumour (``f_tumour`` = 1), what is left is the paper's single-target model (Eqs. 1 and 2).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cellkinetics.algebra import maximum, sqrt
from cellkinetics.declare import (
    Characteristic,
    Equations,
    Example,
    Expression,
    Input,
    Model,
    Named,
    Observable,
    Parameter,
    Published,
    State,
)

DUAL = "Leon-Triana 2021, Eqs. 3-6, as in BIOMD0000001014"
SINGLE = "Leon-Triana 2021, Eqs. 1-2, as in BIOMD0000001013"


def initial(p: Named) -> Equations:
    """Tumour and B cells before the infusion."""
    return {
        "car_t_on_tumour": 0 * p.t_0,
        "tumour": p.t_0,
        "car_t_off_tumour": 0 * p.t_0,
        "b_cells": p.b_0,
    }


def infuse(cells: Expression, p: Named) -> Equations:
    """Into the blood, or straight into the tumour."""
    return {
        "car_t_on_tumour": p.f_tumour * cells,
        "car_t_off_tumour": (1 - p.f_tumour) * cells,
    }


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Equations 3 to 6."""
    on, off = y.car_t_on_tumour, y.car_t_off_tumour
    return {
        "car_t_on_tumour": p.k * off
        + p.rho_c * on * y.tumour / (p.g_t + y.tumour)
        - p.alpha_1 * on * y.tumour / (p.g_c + on)
        - on / p.tau_c,
        "tumour": (p.rho_t - p.alpha_2 * on) * y.tumour,
        "car_t_off_tumour": p.rho_cb * off * y.b_cells / (p.g_b + y.b_cells)
        - off / p.tau_c
        - p.k * off,
        "b_cells": -(p.alpha_b * off + 1 / p.tau_b) * y.b_cells,
    }


def observe(y: Named, p: Named) -> Equations:
    """Cells in the tumour and outside it."""
    return {
        "car_t_blood": y.car_t_off_tumour,
        "car_t_total": y.car_t_on_tumour + y.car_t_off_tumour,
        "tumour_cells": y.tumour,
    }


def _growth_at_start(p: Named) -> Expression:
    """Net growth rate of CAR-T in the initial tumour if nothing inactivated them."""
    return p.rho_c * p.t_0 / (p.g_t + p.t_0) - 1 / p.tau_c


def expansion_threshold(p: Named) -> Expression:
    """CAR-T cells in the initial tumour above which their number grows.

    From Eq. 1: (dC/dt)/C = rho_C T/(g_T + T) - 1/tau_C - alpha_1 T/(g_C + C) is above 0 where C
    exceeds alpha_1 T / (rho_C T/(g_T + T) - 1/tau_C) - g_C.
    """
    return maximum(p.alpha_1 * p.t_0 / _growth_at_start(p) - p.g_c, 0 * p.g_c)


def _value(
    name: str, unit: str, typical: float, symbol: str, meaning: str, *, fixed: bool = False
) -> Parameter:
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        source=DUAL,
        fixed=fixed,
    )


def _peak(quantity: str, **known: float) -> Callable[[Any, Model], float]:
    """Largest value of a curve on a grid of an eighth of a day."""

    def compute(solve: Any, model: Model) -> float:
        return float(solve(model, known, np.arange(0.0, 100.0, 0.125))[quantity].max())

    return compute


def _critical_alpha_1(solve: Any, model: Model) -> float:
    q = {x.name: x.typical for x in model.parameters}
    gap = np.sqrt(q["rho_c"]) - np.sqrt(1 / q["tau_c"])
    return float(gap**2 * (q["g_c"] + q["rho_t"] / q["alpha_2"]) / q["g_t"])


MODEL = Model(
    name="leon_triana2021",
    title="Dual-target CAR-T with on- and off-tumour activity (Leon-Triana et al. 2021)",
    purpose="how a second target outside the tumour (CD19) feeds CAR-T expansion, and how many"
    " cells overcome a tumour that inactivates them",
    population="none: a proof of concept with values from the literature of CD19 and solid tumours",
    source="Leon-Triana O, Perez-Martinez A, Ramirez-Orellana M, Perez-Garcia VM."
    " Cancers 2021;13:703, doi 10.3390/cancers13040703; BioModels BIOMD0000001013, BIOMD0000001014",
    states=(
        State(
            name="car_t_on_tumour",
            unit="cells",
            meaning="CAR-T cells in the tumour",
            positive=False,
            smallest=1.0,
        ),
        State(name="tumour", unit="cells", meaning="tumour cells"),
        State(
            name="car_t_off_tumour",
            unit="cells",
            meaning="CAR-T cells in blood and lymphoid organs",
            positive=False,
            smallest=1.0,
        ),
        State(name="b_cells", unit="cells", meaning="normal CD19+ B cells"),
    ),
    observables=(
        Observable(
            name="car_t_blood",
            unit="cells",
            meaning="CAR-T cells in blood and lymphoid organs",
            positive=False,
        ),
        Observable(name="car_t_total", unit="cells", meaning="all CAR-T cells", positive=False),
        Observable(name="tumour_cells", unit="cells", meaning="tumour cells"),
    ),
    parameters=(
        _value("rho_c", "1/day", 0.9, r"\rho_C", "largest expansion rate on tumour antigen"),
        _value("g_t", "cells", 1e10, "g_T", "tumour cells at half of the largest expansion"),
        Parameter(
            name="alpha_1",
            unit="1/day",
            typical=0.02,
            symbol=r"\alpha_1",
            meaning="inactivation of CAR-T by tumour cells",
            source=f"{DUAL}; the paper varies it from 0 to 0.2",
        ),
        _value("g_c", "cells", 2e9, "g_C", "CAR-T cells at half of the largest inactivation"),
        _value("tau_c", "day", 7.0, r"\tau_C", "lifetime of CAR-T cells"),
        _value("rho_t", "1/day", 0.02, r"\rho_T", "growth rate of the tumour"),
        _value("alpha_2", "1/cells/day", 2.5e-10, r"\alpha_2", "killing of tumour cells"),
        _value("rho_cb", "1/day", 0.9, r"\bar\rho_C", "largest expansion rate on B cells"),
        _value("g_b", "cells", 1e10, "g_B", "B cells at half of the largest expansion"),
        _value("k", "1/day", 0.2, "k", "migration of CAR-T into the tumour"),
        _value("alpha_b", "1/cells/day", 4.5e-11, r"\alpha_B", "killing of B cells"),
        _value("tau_b", "day", 60.0, r"\tau_B", "lifetime of B cells"),
        _value("t_0", "cells", 3.35e10, "T_0", "tumour cells at infusion", fixed=True),
        _value("b_0", "cells", 2.5e10, "B_0", "B cells at infusion", fixed=True),
    ),
    inputs=(
        Input(
            name="f_tumour",
            unit="1",
            meaning="part of the infused cells that is placed in the tumour: 0 with two targets,"
            " 1 in the paper's single-target model",
            default=0.0,
        ),
    ),
    published=(
        Published(
            name="alpha_1 above which CAR-T and tumour cannot coexist, 1/day",
            value=0.0677,
            rtol=0.00005 / 0.0677,
            source="equilibria of the single-target model (Leon-Triana 2021, Appendix A), by others"
            " (github willchoprojects/modeling-car-t-cell-therapy)",
            compute=_critical_alpha_1,
        ),
    ),
    examples=(
        Example(
            name="dual_target",
            meaning="2e8 cells with two targets, moderate inactivation",
            values={},
            source=f"{DUAL}, Fig. 5",
        ),
        Example(
            name="dual_target_resistant",
            meaning="two targets, inactivation as in Fig. 5b",
            values={"alpha_1": 0.183},
            source=f"{DUAL}; 0.183 is what reproduces Fig. 5b, the paper prints 0.2",
        ),
        Example(
            name="single_target",
            meaning="8e7 cells in the tumour that expand (Fig. 1)",
            values={"alpha_1": 0.03, "f_tumour": 1.0},
            dosing=((0.0, 8e7),),
            source=f"{SINGLE}, Fig. 1",
        ),
        Example(
            name="single_target_suppressed",
            meaning="8e7 cells in the tumour that are inactivated (Fig. 1)",
            values={"alpha_1": 0.035, "f_tumour": 1.0},
            dosing=((0.0, 8e7),),
            source=f"{SINGLE}, Fig. 1",
        ),
        Example(
            name="small_tumour",
            meaning="4e8 cells in a tumour of 6.7e9 cells",
            values={"alpha_1": 0.04, "f_tumour": 1.0, "t_0": 6.7e9},
            dosing=((0.0, 4e8),),
            source=SINGLE,
        ),
    ),
    characteristics=(
        Characteristic(
            name="expansion_threshold",
            unit="cells",
            meaning="CAR-T cells in the initial tumour above which they expand (0: any number)",
            compute=expansion_threshold,
            source="Leon-Triana 2021, Eq. 1: rho_C T/(g_T + T) > 1/tau_C + alpha_1 T/(g_C + C)",
        ),
        Characteristic(
            name="alpha_1_any_dose",
            unit="1/day",
            meaning="alpha_1 below which any number expands in the initial tumour",
            compute=lambda p: p.g_c * _growth_at_start(p) / p.t_0,
            source="Leon-Triana 2021, Eq. 1 at C = 0",
        ),
        Characteristic(
            name="alpha_1_critical",
            unit="1/day",
            meaning="alpha_1 above which CAR-T and tumour have no joint equilibrium",
            compute=lambda p: (
                (sqrt(p.rho_c * p.tau_c) - 1) ** 2 / p.tau_c * (p.g_c + p.rho_t / p.alpha_2) / p.g_t
            ),
            source="Leon-Triana 2021, Eqs. 1-2: double root of the equilibrium",
        ),
        Characteristic(
            name="t_for_expansion",
            unit="cells",
            meaning="tumour cells below which CAR-T in the tumour decline whatever their number",
            compute=lambda p: p.g_t / (p.rho_c * p.tau_c - 1),
            source="Leon-Triana 2021, Eq. 1 without inactivation",
        ),
        Characteristic(
            name="b_for_expansion",
            unit="cells",
            meaning="B cells above which CAR-T outside the tumour expand",
            compute=lambda p: p.g_b * (1 / p.tau_c + p.k) / (p.rho_cb - 1 / p.tau_c - p.k),
            source="Leon-Triana 2021, Eq. 5",
        ),
    ),
    reference_dosing=((0.0, 2e8),),
    doses=(5e7, 7e8),
    horizon=100.0,
    identifiability="Nothing was fitted to patients. Computed for the reference dose (SD 0.5 on the"
    " log scale): blood shows only the cells outside the tumour, which do not depend on rho_c, g_t,"
    " alpha_1, g_c, rho_t and alpha_2; of the six others tau_c and k enter by 1/tau_c + k alone,"
    " and qPCR or flow at twelve visits tells three directions and no single parameter. Hold the"
    " others and estimate the one that is asked about.",
    deviations=(
        "All cells are numbers in the body or in the tumour, not concentrations.",
        "BioModels needed alpha_1 = 0.183 to reproduce Fig. 5b, for which the paper prints 0.2.",
        "Single- and dual-target models are one: f_tumour says where the infusion goes.",
        "No between-subject variability or residual error is published, and none is declared.",
    ),
    initial=initial,
    infuse=infuse,
    rhs=rhs,
    observe=observe,
)
