"""CAR-T expansion driven by the tumour's antigen, and killing of the tumour by CAR-T.

A structural model of this project; no publication stands behind its values, each of which is an
assumption. Growth follows the antigen load and stops when the tumour is gone, so the peak needs
no switch in time.
"""

from cellkinetics.declare import (
    Equations,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    State,
)

OWN = "structural model of this project, no published fit"


def initial(p: Named) -> Equations:
    """Memory and tumour before the infusion; effectors come with it."""
    return {"effector": 0 * p.m_0, "memory": p.m_0, "tumour": p.b_0}


def infuse(cells: Expression, p: Named) -> Equations:
    """The fraction that survives distribution, in blood."""
    return {"effector": p.f_survive * cells / p.v_blood}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Antigen-driven growth, differentiation to memory, logistic tumour under killing."""
    expansion = p.rho * y.tumour / (p.k_a + y.tumour)
    killing = p.kill * y.effector / (p.k_e + y.effector)
    return {
        "effector": (expansion - p.alpha - p.k) * y.effector,
        "memory": p.k * y.effector - p.beta * y.memory,
        "tumour": (p.g * (1 - y.tumour / p.b_max) - killing) * y.tumour,
    }


def observe(y: Named, p: Named) -> Equations:
    """CAR-T cells and tumour cells in blood."""
    return {"car_t": y.effector + y.memory, "tumour_cells": y.tumour}


def _assumed(
    name: str,
    unit: str,
    typical: float,
    symbol: str,
    meaning: str,
    *,
    reason: str,
    omega: float | None = 0.5,
    fixed: bool = False,
) -> Parameter:
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        assumption=f"{OWN}; {reason}",
        omega=None if fixed else omega,
        rse=0.5,
        fixed=fixed,
    )


MODEL = Model(
    name="antigen_driven",
    title="Antigen-driven CAR-T expansion with tumour killing",
    purpose="CAR-T and tumour burden together; relapse when killing no longer keeps up",
    population="none: values are assumptions, of the order seen in B-ALL",
    source="this project",
    states=(
        State(name="effector", unit="cells/uL", meaning="effector CAR-T cells in blood"),
        State(name="memory", unit="cells/uL", meaning="memory CAR-T cells in blood"),
        State(name="tumour", unit="cells/uL", meaning="antigen-positive tumour cells"),
    ),
    observables=(
        Observable(name="car_t", unit="cells/uL", meaning="CAR-T cells in blood"),
        Observable(name="tumour_cells", unit="cells/uL", meaning="tumour cells"),
    ),
    parameters=(
        _assumed(
            "rho",
            "1/day",
            1.2,
            r"\rho",
            "largest expansion rate",
            reason="a doubling in 0.75 day net of loss, as tisagenlecleucel and liso-cel show",
        ),
        _assumed(
            "k_a",
            "cells/uL",
            50.0,
            "K_A",
            "tumour burden at half of the largest expansion",
            reason="well below the burden at infusion, so that expansion starts saturated",
        ),
        _assumed(
            "alpha",
            "1/day",
            0.25,
            r"\alpha",
            "death of effectors",
            reason="a contraction half-life of 2.5 days, between published 2 and 5",
        ),
        _assumed(
            "k",
            "1/day",
            0.03,
            "k",
            "effectors that become memory",
            reason="a few per cent of the peak persists, as in published biphasic fits",
        ),
        _assumed(
            "beta",
            "1/day",
            0.005,
            r"\beta",
            "loss of memory",
            reason="a terminal half-life of 140 days, below the published 220 and 352",
        ),
        _assumed(
            "g",
            "1/day",
            0.08,
            "g",
            "growth rate of the tumour",
            reason="a doubling in 9 days, within the range recalled for acute leukaemia",
        ),
        _assumed(
            "kill",
            "1/day",
            1.2,
            r"k_\mathrm{kill}",
            "largest killing rate",
            reason="close to Kimmel 2021 (1.15/day)",
        ),
        _assumed(
            "k_e",
            "cells/uL",
            5.0,
            "K_E",
            "effectors at half of the largest killing",
            reason="close to Kimmel 2021 (4.05 cells/uL)",
        ),
        _assumed(
            "f_survive",
            "1",
            0.005,
            "f",
            "fraction of the infused cells found in blood after distribution",
            reason="1e8 cells give 0.1 cells/uL: most infused cells leave the blood within hours",
            omega=1.0,
        ),
        _assumed(
            "m_0",
            "cells/uL",
            0.02,
            "M_0",
            "memory CAR-T cells at infusion",
            reason="a fifth of the effectors of a reference dose",
            fixed=True,
        ),
        _assumed(
            "b_0",
            "cells/uL",
            800.0,
            "B_0",
            "tumour at infusion",
            reason="measured burdens of B-ALL are of this order",
            omega=1.0,
        ),
        _assumed(
            "b_max",
            "cells/uL",
            2000.0,
            r"B_\mathrm{max}",
            "carrying capacity of the tumour",
            reason="fixed: relapse is seen long before it is reached",
            fixed=True,
        ),
        _assumed(
            "v_blood",
            "uL",
            5e6,
            "V",
            "blood volume",
            reason="an adult of 70 kg",
            fixed=True,
        ),
    ),
    identifiability="f_survive and v_blood enter only as their ratio, so v_blood is fixed. Fisher"
    " information at typical values (one patient, 16 visits over a year, SD 0.5 on the log scale,"
    " LLOQ 0.2 CAR-T cells/uL and 1 tumour cell/uL), CAR-T cells alone: poorly: k, f_survive; not"
    " identified: rho, k_a, alpha, beta, g, kill, k_e, b_0; 6 of 10 directions are told. With the"
    " tumour: identified: rho, alpha, k, g, kill, b_0; poorly: beta, f_survive; not identified:"
    " k_a, k_e.",
    deviations=(
        "No publication, so nothing to deviate from and no typos: every value is an assumption.",
        "Expansion and killing saturate (k_a, k_e); tumour and CAR-T cells share one compartment.",
    ),
    reference_dosing=((0.0, 1e8),),
    initial=initial,
    infuse=infuse,
    rhs=rhs,
    observe=observe,
)
