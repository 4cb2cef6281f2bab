"""A small tumour that cells kill, for tests of its extinction; counted from 100 cells down."""

from cellkinetics.algebra import after, where
from cellkinetics.declare import (
    Equations,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    State,
    Stochastic,
)


def initial(p: Named) -> Equations:
    return {"killer": p.c_0, "tumour": p.n_0 / p.cells}


def infuse(cells: Expression, p: Named) -> Equations:
    return {"killer": cells / p.v}


def switches(p: Named) -> Equations:
    return {"fatigue": p.t_fatigue}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    killing = p.kill * y.killer * y.tumour
    return {
        "killer": p.feed * y.tumour - where(after("fatigue"), 2 * p.loss, p.loss) * y.killer,
        "tumour": p.birth * y.tumour - p.death * y.tumour - killing,
    }


def observe(y: Named, p: Named) -> Equations:
    return {"burden": y.tumour}


UNITS = {
    "c_0": ("cells/uL", 1.0),
    "n_0": ("cells", 20.0),
    "cells": ("cells/mL", 1000.0),
    "v": ("uL", 100.0),
    "birth": ("1/day", 0.3),
    "death": ("1/day", 0.2),
    "kill": ("1/day/(cells/uL)", 0.5),
    "loss": ("1/day", 0.1),
    "feed": ("cells/uL/mL/day", 1e-9),
    "t_fatigue": ("day", 1e6),
}

DYING = Model(
    name="dying",
    title="for tests",
    purpose="tests",
    population="none",
    source="none",
    states=(
        State(name="killer", unit="cells/uL", meaning="killers"),
        State(name="tumour", unit="mL", meaning="tumour"),
    ),
    observables=(Observable(name="burden", unit="mL", meaning="tumour"),),
    parameters=tuple(
        Parameter(name=n, unit=u, typical=x, meaning=n, symbol=n, assumption="for tests")
        for n, (u, x) in UNITS.items()
    ),
    stochastic=Stochastic(state="tumour", cells=lambda p: p.cells, assumption="for tests"),
    reference_dosing=((0.0, 0.0),),
    initial=initial,
    infuse=infuse,
    switches=switches,
    rhs=rhs,
    observe=observe,
)
