"""A model's equations with its derived quantities kept by name, as a reader would write them.

:mod:`cellkinetics.symbolic` substitutes derived quantities into everything else, which suits a
compiler. What is exported is read by people, so here ``p.rho`` stays ``rho``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import sympy as sp

from cellkinetics.balance import Quantity
from cellkinetics.declare import Input, Model, Parameter
from cellkinetics.symbolic import CELLS, TIME, Symbolic, trace
from cellkinetics.units import parse_unit

type Named = dict[str, sp.Expr]


@dataclass(frozen=True)
class Equations:
    """Expressions by name, as in :class:`Symbolic`, in which derived quantities are symbols.

    Attributes
    ----------
    symbolic : Symbolic             symbols of parameters, inputs, states and flags
    derived : dict of str to Symbol what each derived quantity is called in the others
    values : dict of str to Expr    and what it is, in parameters and inputs
    """

    symbolic: Symbolic
    derived: dict[str, sp.Symbol]
    values: Named
    initial: Named
    rhs: Named | None
    solution: Named | None
    switches: Named
    observe: Named
    infuse: Named

    @property
    def model(self) -> Model:
        """The model that these are the equations of."""
        return self.symbolic.model

    def infused(self, state: str, cells: sp.Expr | float) -> sp.Expr:
        """What an infusion of so many cells adds to a state; 0 for one that it does not touch."""
        added = self.infuse.get(state, sp.S.Zero)
        return added.xreplace({CELLS: sp.sympify(cells)})


def named_equations(model: Model) -> Equations:
    """Run a model's functions once more, on symbols for derived quantities too.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Equations

    Raises
    ------
    ModelError                      the names in the equations do not agree
    """
    s = trace(model)
    # A name that no identifier can have: a derived quantity may be called as a switch or a state.
    derived = {name: sp.Symbol(f"derived {name}", real=True) for name in s.derived}
    p = SimpleNamespace(**{**s.parameters, **s.inputs, **derived})
    y = SimpleNamespace(**s.states)

    def run(function: Callable[..., Any] | None, order: Mapping[str, Any], *args: Any) -> Named:
        if function is None:
            return {}
        result = function(*args)
        return {name: sp.sympify(result[name]) for name in order}

    return Equations(
        symbolic=s,
        derived=derived,
        values=s.derived,
        initial=run(model.initial, s.initial, p),
        rhs=run(model.rhs, s.rhs, TIME, y, p) if s.rhs is not None else None,
        solution=run(model.solution, s.solution, TIME, p) if s.solution is not None else None,
        switches=run(model.switches, s.switches, p),
        observe=run(model.observe, s.observe, y, p),
        infuse=run(model.infuse, s.infuse, CELLS, p),
    )


def derived_units(model: Model) -> dict[str, str | None]:
    """Units of a model's derived quantities; None for one whose equation does not balance.

    Raises
    ------
    UnitError                       a declared unit is not one
    """
    if model.derived is None:
        return {}
    constants: tuple[Parameter | Input, ...] = (*model.parameters, *model.inputs)
    given = {q.name: parse_unit(q.unit) for q in constants}
    p: Any = SimpleNamespace(
        **{name: Quantity(name, unit, names={name: unit}) for name, unit in given.items()}
    )
    units: dict[str, str | None] = {}
    for name, value in model.derived(p).items():
        q = value if isinstance(value, Quantity) else None
        units[name] = "1" if q is None else None if q.faults else str(q.unit)
    return units
