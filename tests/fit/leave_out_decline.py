"""An exponential decline from a level that differs between subjects: everything has a formula."""

from cellkinetics.algebra import exp
from cellkinetics.declare import Model, Observable, Parameter, State

GUESS = "made up for a test"


def initial(p):
    return {"cells": p.level}


def rhs(t, y, p):
    return {"cells": -p.d * y.cells}


def solution(t, p):
    return {"cells": p.level * exp(-p.d * t)}


def observe(y, p):
    return {"total": y.cells}


MODEL = Model(
    name="decline",
    title="Exponential decline",
    purpose="a density with a formula",
    population="nobody",
    source="made up for a test",
    states=(State(name="cells", unit="cells/uL", meaning="cells"),),
    observables=(Observable(name="total", unit="cells/uL", meaning="cells"),),
    parameters=(
        Parameter(
            name="level",
            unit="cells/uL",
            typical=100.0,
            omega=0.8,
            rse=1.0,
            symbol="L",
            meaning="level at infusion",
            assumption=GUESS,
        ),
        Parameter(
            name="d",
            unit="1/day",
            typical=0.1,
            rse=0.5,
            symbol="d",
            meaning="rate of decline",
            assumption=GUESS,
        ),
    ),
    initial=initial,
    rhs=rhs,
    solution=solution,
    observe=observe,
)
