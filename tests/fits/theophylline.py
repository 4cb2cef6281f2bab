"""One compartment, absorbed from a depot: a user's own model file, for a drug and not for cells.

The package counts doses in cells; here one of them stands for one milligram.
"""

from cellkinetics.declare import (
    Equations,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    Residual,
    State,
)

WEAK = "test of the package: weak on purpose, so that the data decide"


def initial(p: Named) -> Equations:
    """Nothing before the dose."""
    return {"depot": 0 * p.mass, "central": 0 * p.mass}


def infuse(cells: Expression, p: Named) -> Equations:
    """A swallowed dose lies in the depot."""
    return {"depot": cells * p.mass}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """First-order absorption and elimination."""
    return {"depot": -p.ka * y.depot, "central": p.ka * y.depot - p.cl / p.v * y.central}


def observe(y: Named, p: Named) -> Equations:
    """Concentration in plasma."""
    return {"theophylline": y.central / p.v}


def _weak(name: str, unit: str, typical: float, meaning: str) -> Parameter:
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        omega=0.4,
        rse=1.5,
        symbol=name,
        meaning=meaning,
        assumption=WEAK,
    )


MODEL = Model(
    name="theophylline",
    title="One compartment with first-order absorption",
    purpose="a published answer to compare with",
    population="12 adults, one oral dose of theophylline",
    source="the usual textbook model",
    states=(
        State(name="depot", unit="mg", meaning="theophylline not yet absorbed", positive=False),
        State(name="central", unit="mg", meaning="theophylline in the body", positive=False),
    ),
    observables=(
        Observable(
            name="theophylline", unit="mg/L", meaning="concentration in plasma", positive=False
        ),
    ),
    parameters=(
        _weak("ka", "1/day", 24.0, "absorption rate"),
        _weak("cl", "L/day", 48.0, "clearance"),
        _weak("v", "L", 20.0, "volume of distribution"),
        Parameter(
            name="mass",
            unit="mg/cell",
            typical=1.0,
            fixed=True,
            symbol="m",
            meaning="what one counted dose weighs",
            assumption="the package counts cells, this test milligrams",
        ),
    ),
    residuals=(Residual(observable="theophylline", sd=0.5, assumption=WEAK),),
    reference_dosing=((0.0, 320.0),),
    initial=initial,
    infuse=infuse,
    rhs=rhs,
    observe=observe,
)
