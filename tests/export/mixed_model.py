"""Two classes of patients: the rate differs within them too, the share between them only."""

from cellkinetics.algebra import exp
from cellkinetics.declare import (
    Equations,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    PatientClass,
    State,
)


def _solution(t: Expression, p: Named) -> Equations:
    return {
        "quick": p.level * (1 - p.share) * exp(-p.rate * t),
        "slow": p.level * p.share * exp(-p.rate * t / 20),
    }


def _quantity(name: str, unit: str, typical: float, **more: object) -> Parameter:
    return Parameter(
        name=name, unit=unit, typical=typical, meaning=name, assumption="of this test", **more
    )


MODEL = Model(
    name="mixed",
    title="Two kinds of patients",
    purpose="tests",
    population="none",
    source="tests",
    states=(
        State(name="quick", unit="cells/uL", meaning="cells that go soon"),
        State(name="slow", unit="cells/uL", meaning="cells that stay"),
    ),
    observables=(Observable(name="both", unit="cells/uL", meaning="their sum"),),
    parameters=(
        _quantity("level", "cells/uL", 400.0, omega=0.5),
        _quantity("rate", "1/day", 0.2, omega=0.3),
        _quantity("share", "1", 0.1, scale="logit"),
        _quantity("known", "1", 1.0, fixed=True),
    ),
    classes=(
        PatientClass(
            name="fast", meaning="f", probability=0.7, typical={"rate": 0.3}, assumption="test"
        ),
        PatientClass(
            name="late",
            meaning="l",
            probability=0.3,
            typical={"rate": 0.1, "share": 0.3, "known": 1.5},
            assumption="test",
        ),
    ),
    initial=lambda p: {"quick": p.level * (1 - p.share), "slow": p.level * p.share},
    solution=_solution,
    observe=lambda y, p: {"both": p.known * (y.quick + y.slow)},
)
