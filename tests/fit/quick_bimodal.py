"""Two exponentials that nothing tells apart: every posterior of them has two modes."""

from cellkinetics.algebra import exp
from cellkinetics.declare import Model, Observable, Parameter, State

GUESS = "made up for a test"


def initial(p):
    return {"one": p.level / 2, "other": p.level / 2}


def rhs(t, y, p):
    return {"one": -p.d_one * y.one, "other": -p.d_other * y.other}


def solution(t, p):
    return {
        "one": p.level / 2 * exp(-p.d_one * t),
        "other": p.level / 2 * exp(-p.d_other * t),
    }


def observe(y, p):
    return {"total": y.one + y.other}


def _rate(name):
    return Parameter(
        name=name,
        unit="1/day",
        typical=0.15,
        omega=0.3,
        rse=0.8,
        symbol=name,
        meaning="rate of decline",
        assumption=GUESS,
    )


MODEL = Model(
    name="exchangeable",
    title="Two exponentials that nothing tells apart",
    purpose="a posterior with two modes",
    population="nobody",
    source="made up for a test",
    states=(
        State(name="one", unit="copies/mL", meaning="one pool"),
        State(name="other", unit="copies/mL", meaning="the other pool"),
    ),
    observables=(Observable(name="total", unit="copies/mL", meaning="both"),),
    parameters=(
        Parameter(
            name="level",
            unit="copies/mL",
            typical=1e4,
            omega=0.5,
            rse=1.0,
            symbol="L",
            meaning="level at time 0",
            assumption=GUESS,
        ),
        _rate("d_one"),
        _rate("d_other"),
    ),
    initial=initial,
    rhs=rhs,
    solution=solution,
    observe=observe,
)
