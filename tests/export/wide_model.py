"""A model with what no shipped one has together: switches that a parameter moves, several
infusions at one time and later, a state that begins at 0, cases, time itself, and names that other
languages keep for themselves.
"""

from math import inf

from cellkinetics.algebra import after, exp, maximum, minimum, where
from cellkinetics.declare import (
    Equations,
    Example,
    Expression,
    Input,
    Model,
    Named,
    Observable,
    Parameter,
    State,
)


def _derived(p: Named) -> Equations:
    return {"both": p.loss / 8}


def _initial(p: Named) -> Equations:
    return {"short": p.start, "long": p.start * p.share, "depot": 0 * p.start}


def _infuse(cells: Expression, p: Named) -> Equations:
    return {"short": cells / p.volume, "depot": 2 * cells / p.volume}


def _rhs(t: Expression, y: Named, p: Named) -> Equations:
    slowed = where(after("treated"), p.offset, 1) * p.grow
    return {
        "short": where(after("peak"), -p.loss, slowed) * y.short + p.pass_on * y.depot,
        "long": p.pass_on * minimum(y.short, maximum(y.long, p.start)) - p.both * y.long,
        "depot": -p.pass_on * y.depot + p.tide * exp(-p.loss * t),
    }


def _quantity(name: str, unit: str, typical: float, **more: object) -> Parameter:
    return Parameter(
        name=name, unit=unit, typical=typical, meaning=name, assumption="of this test", **more
    )


MODEL = Model(
    name="everything",
    title="Switches, infusions and cases < & > in one model",
    purpose="tests",
    population="none",
    source="tests",
    states=(
        State(name="short", unit="cells/uL", meaning="a positive state"),
        State(name="long", unit="cells/uL", meaning="another"),
        State(name="depot", unit="cells/uL", meaning="begins at 0", positive=False),
    ),
    observables=(
        Observable(name="both", unit="cells/uL", meaning="their sum"),
        Observable(name="spare", unit="cells/uL", meaning="depot", positive=False),
    ),
    parameters=(
        _quantity("start", "cells/uL", 1.0),
        _quantity("share", "1", 1 / 3, scale="logit"),
        _quantity("grow", "1/day", 0.7),
        _quantity("loss", "1/day", 0.1),
        _quantity("pass_on", "1/day", 0.3),
        _quantity("tide", "cells/uL/day", 0.5, scale="identity"),
        _quantity("t_peak", "day", 6.4),
        _quantity("offset", "1", 1.5),
        _quantity("volume", "uL", 5e6),
    ),
    inputs=(Input(name="t_drug", unit="day", meaning="a drug", default=inf),),
    reference_dosing=((0.0, 1e7), (0.0, 2e7), (9.0, 1e7), (9.0, 5e6), (20.5, 1e7)),
    examples=(
        Example(
            name="early", meaning="drug before the infusion", values={"t_drug": 0.0}, source="test"
        ),
        Example(
            name="late",
            meaning="drug on day 4, peak on a day of infusion",
            values={"t_drug": 4.0, "t_peak": 9.0},
            source="test",
        ),
        Example(
            name="undosed", meaning="without cells", values={"start": 2.0}, dosing=(), source="test"
        ),
    ),
    horizon=60.0,
    derived=_derived,
    initial=_initial,
    infuse=_infuse,
    rhs=_rhs,
    switches=lambda p: {"peak": p.t_peak, "treated": p.t_drug},
    observe=lambda y, p: {"both": y.short + y.long, "spare": y.depot},
)
