"""`antigen_driven` with the tumour relative to its level at infusion.

The same equations with k_a = b_0 / s. Then b_0 only scales what the leukaemia assay reads, and the
half-saturation follows the patient: blood is a poor measure of the leukaemia that CAR-T cells meet,
and a patient with 4 cells/uL expands like one with 50 000.

No doses are given, so e_0 itself has the prior. It is bounded by twice the highest reading, and k
by what still lets cells expand: without bounds patients without early readings wander to 1e13
cells/uL, where the equations cannot be solved.
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

SAME = "as in antigen_driven"


def initial(p: Named) -> Equations:
    """Effectors that have survived distribution, memory, and the tumour as it is."""
    return {"effector": p.e_0, "memory": p.m_0, "burden": 1}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Antigen-driven growth, differentiation to memory, logistic tumour under killing."""
    expansion = p.rho * p.s * y.burden / (1 + p.s * y.burden)
    killing = p.kill * y.effector / (p.k_e + y.effector)
    return {
        "effector": (expansion - p.alpha - p.k) * y.effector,
        "memory": p.k * y.effector - p.beta * y.memory,
        "burden": (p.g * (1 - p.b_0 * y.burden / p.b_max) - killing) * y.burden,
    }


def observe(y: Named, p: Named) -> Equations:
    """CAR-T cells and tumour cells in blood."""
    return {"car_t": y.effector + y.memory, "tumour_cells": p.b_0 * y.burden}


def _assumed(
    name: str,
    unit: str,
    typical: float,
    symbol: str,
    meaning: str,
    *,
    reason: str = SAME,
    omega: float | None = 0.5,
    fixed: bool = False,
    upper: float | None = None,
) -> Parameter:
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        assumption=reason,
        omega=None if fixed else omega,
        rse=0.5,
        fixed=fixed,
        scale="log" if upper is None else "logit",
        upper=1.0 if upper is None else upper,
    )


MODEL = Model(
    name="antigen_relative",
    title="Antigen-driven CAR-T expansion, tumour relative to infusion",
    purpose="antigen_driven for readings whose leukaemia level says little of the antigen met",
    population="none: values are assumptions, those of antigen_driven",
    source="this project",
    states=(
        State(name="effector", unit="cells/uL", meaning="effector CAR-T cells in blood"),
        State(name="memory", unit="cells/uL", meaning="memory CAR-T cells in blood"),
        State(name="burden", unit="1", meaning="tumour, relative to infusion"),
    ),
    observables=(
        Observable(name="car_t", unit="cells/uL", meaning="CAR-T cells in blood"),
        Observable(name="tumour_cells", unit="cells/uL", meaning="tumour cells"),
    ),
    parameters=(
        _assumed("rho", "1/day", 1.2, r"\rho", "largest expansion rate"),
        _assumed(
            "s",
            "1",
            16.0,
            "s",
            "tumour at infusion over that at half of the largest expansion",
            reason="b_0 / k_a at the values of antigen_driven",
        ),
        _assumed("alpha", "1/day", 0.25, r"\alpha", "death of effectors"),
        _assumed(
            "k",
            "1/day",
            0.03,
            "k",
            "effectors that become memory",
            reason=f"{SAME}; the bound is above rho, from where on nothing expands",
            upper=5.0,
        ),
        _assumed("beta", "1/day", 0.005, r"\beta", "loss of memory"),
        _assumed("g", "1/day", 0.08, "g", "growth rate of the tumour"),
        _assumed("kill", "1/day", 1.2, r"k_\mathrm{kill}", "largest killing rate"),
        _assumed("k_e", "cells/uL", 5.0, "K_E", "effectors at half of the largest killing"),
        _assumed(
            "e_0",
            "cells/uL",
            0.1,
            "E_0",
            "effectors after distribution",
            reason="what antigen_driven gives at its reference dose; the bound is twice the"
            " highest reading",
            omega=1.0,
            upper=2e4,
        ),
        _assumed("m_0", "cells/uL", 0.02, "M_0", "memory CAR-T cells at infusion", fixed=True),
        _assumed("b_0", "cells/uL", 800.0, "B_0", "tumour at infusion", omega=1.0),
        _assumed(
            "b_max",
            "cells/uL",
            1e5,
            r"B_\mathrm{max}",
            "carrying capacity of the tumour",
            reason="fixed: above every reading, the largest of which is 5e4",
            fixed=True,
        ),
    ),
    initial=initial,
    rhs=rhs,
    observe=observe,
)
