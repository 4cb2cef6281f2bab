"""The five-state benchmark problem, declared as a model of this package."""

from cellkinetics.declare import Equations, Expression, Model, Named, Observable, Parameter, State
from problem import CAPACITY, INITIAL, STATES, SUSCEPTIBILITY, TYPICAL

NAMES = ("rho", "k_a", "alpha", "k", "beta", "g", "kill", "k_e")


def initial(p: Named) -> Equations:
    """Known starting values."""
    return dict(zip(STATES, INITIAL.tolist(), strict=True))


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Effector, memory, and three clones that share antigen load and capacity."""
    antigen = y.B1 + y.B2 + y.B3
    killing = p.kill * y.E / (p.k_e + y.E)
    growth = p.g * (1 - antigen / CAPACITY)
    return {
        "E": (p.rho * antigen / (p.k_a + antigen) - p.alpha - p.k) * y.E,
        "M": p.k * y.E - p.beta * y.M,
        **{
            name: (growth - share * killing) * getattr(y, name)
            for name, share in zip(STATES[2:], SUSCEPTIBILITY.tolist(), strict=True)
        },
    }


def observe(y: Named, p: Named) -> Equations:
    """CAR-T cells in blood; the benchmark reads the states themselves."""
    return {"car_t": y.E + y.M}


MODEL = Model(
    name="five_state",
    title="Antigen-driven CAR-T against three tumour clones",
    purpose="benchmark",
    population="none",
    source="benchmark problem of this project",
    states=tuple(State(name=name, unit="cells/uL", meaning=name) for name in STATES),
    observables=(Observable(name="car_t", unit="cells/uL", meaning="CAR-T cells in blood"),),
    parameters=tuple(
        Parameter(name=name, unit=unit, typical=value, meaning=name, assumption="benchmark")
        for name, unit, value in zip(
            NAMES,
            ("1/day", "cells/uL", "1/day", "1/day", "1/day", "1/day", "1/day", "cells/uL"),
            TYPICAL.tolist(),
            strict=True,
        )
    ),
    initial=initial,
    rhs=rhs,
    observe=observe,
)
