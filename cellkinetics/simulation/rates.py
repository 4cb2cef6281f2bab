"""Births and deaths of the state that can die out, from the model's own equations."""

from dataclasses import dataclass

import sympy as sp

from cellkinetics.declare import Model
from cellkinetics.errors import ModelError
from cellkinetics.symbolic import Symbolic, trace


@dataclass(frozen=True)
class Rates:
    """What happens to single cells of a state.

    Attributes
    ----------
    state : str
    birth, death : expression       of the whole state, in its unit per day; never negative
    cells : expression              cells in one unit of the state
    """

    state: str
    birth: sp.Expr
    death: sp.Expr
    cells: sp.Expr


def birth_and_death(model: Model) -> Rates:
    """Take a right-hand side apart into births and deaths.

    Births are its positive terms, deaths its negative ones, once products of sums are multiplied
    out; a model may give both itself.

    Parameters
    ----------
    model : Model                   that declares ``stochastic``

    Returns
    -------
    Rates

    Raises
    ------
    ModelError                      no state can die out, the sign of a term cannot be told, births
                                    and deaths that are given are not the right-hand side, or cells
                                    come from elsewhere
    """
    declared = model.stochastic
    if declared is None:
        raise ModelError(
            f"{model.name}: no state of this model is declared to die out, so it has no stochastic"
            " form. Declare stochastic=Stochastic(state=..., cells=...)."
        )
    s = trace(model)
    where = f"{model.name}: stochastic state '{declared.state}'"
    if s.rhs is None:
        raise ModelError(f"{where}: births and deaths need a right-hand side. Declare rhs().")
    if not next(q for q in model.states if q.name == declared.state).positive:
        raise ModelError(f"{where} must be a positive state: it starts above 0.")
    if declared.state in s.infuse:
        raise ModelError(f"{where} is infused; a state that can die out cannot be.")
    rate, own = s.rhs[declared.state], s.states[declared.state]
    if ("birth" in s.stochastic) != ("death" in s.stochastic):
        raise ModelError(f"{where}: give birth and death, or neither.")
    if "birth" in s.stochastic:
        birth, death = s.stochastic["birth"], s.stochastic["death"]
        if sp.simplify(birth - death - rate) != 0:
            raise ModelError(
                f"{where}: birth - death is not its right-hand side; they differ by"
                f" {sp.simplify(birth - death - rate)}."
            )
    else:
        birth, death = _by_sign(rate, where)
    for name, expression in (("births", birth), ("deaths", death)):
        if sp.simplify(expression.subs(own, 0)) != 0:
            raise ModelError(
                f"{where}: {name} do not vanish with the state, so it does not stay extinct."
                " A state that is fed from elsewhere cannot be declared to die out."
            )
    return Rates(declared.state, birth, death, s.stochastic["cells"])


def _by_sign(rate: sp.Expr, where: str) -> tuple[sp.Expr, sp.Expr]:
    """Positive terms, and negative ones with their sign turned."""
    births, deaths = [], []
    for term in sp.Add.make_args(sp.expand(rate)):
        if term.is_nonnegative:
            births.append(term)
        elif term.is_nonpositive:
            deaths.append(-term)
        else:
            raise ModelError(
                f"{where}: whether {_plain(term)} is a birth or a death cannot be told from its"
                " sign. Give Stochastic(birth=..., death=...)."
            )
    return sp.Add(*births), sp.Add(*deaths)


def _plain(term: sp.Expr) -> str:
    """A term with states under the names that the model gives them."""
    names = {q: sp.Symbol(str(q).removeprefix("y_")) for q in term.free_symbols}
    return str(term.xreplace(names))


def per_cell(symbolic: Symbolic, rates: Rates) -> tuple[sp.Expr, sp.Expr]:
    """Birth and death rates of one cell, 1/day."""
    own = symbolic.states[rates.state]
    birth, death = (
        sp.Add(*(sp.simplify(term / own) for term in sp.Add.make_args(sp.expand(rate))))
        for rate in (rates.birth, rates.death)
    )
    return birth, death
