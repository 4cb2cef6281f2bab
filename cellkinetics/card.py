"""A model's card: what it is for, its equations, its quantities and who says so."""

import re
from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from cellkinetics.algebra import FLAG_PREFIX, NotAbove, Where
from cellkinetics.declare import Model, Parameter
from cellkinetics.simulation.rates import birth_and_death
from cellkinetics.symbolic import LOCAL, Symbolic, rates_as_written, trace


class _Plain(StrPrinter):  # type: ignore[misc]
    """Equations on one line, cases in braces."""

    def _print_Where(self, expr: Where) -> str:
        condition, then, otherwise = expr.args
        text = str(condition)
        if text.startswith(FLAG_PREFIX):
            label = f"after {text.removeprefix(FLAG_PREFIX)}"
        else:
            label = self._print(condition)
        return f"{{{self._print(then)} {label}; else {self._print(otherwise)}}}"

    def _print_NotAbove(self, expr: NotAbove) -> str:
        return f"if {self._print(expr.args[0])} <= {self._print(expr.args[1])}"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        return str(super()._print_Pow(expr, rational=rational)).replace("**", "^")


def _with_derived(symbolic: Symbolic, expression: sp.Expr) -> sp.Expr:
    """Put the names of derived quantities back where their expressions stand."""
    for name, value in symbolic.derived.items():
        expression = expression.subs(value, sp.Symbol(name, positive=True))
    return expression


def _plainly(text: str) -> str:
    """Without the marks of names that are given to parts of equations."""
    return re.sub(rf"\b(derived |{LOCAL})", "", text)


def equations(model: Model) -> list[tuple[str, str, str]]:
    """Return the model's equations as (section, left-hand side, right-hand side) lines.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of (str, str, str)         sections: derived, initial, where (what the right-hand side
                                    names), change, switch, infusion, reads, dies out
    """
    symbolic = trace(model)
    names = {y: sp.Symbol(name, positive=True) for name, y in symbolic.states.items()}
    printer = _Plain({"order": "none"})

    def text(expression: sp.Expr, *, derived: bool = True) -> str:
        shown = _with_derived(symbolic, expression) if derived else expression
        return str(printer.doprint(shown.xreplace(names)))

    lines = [("derived", n, text(e, derived=False)) for n, e in symbolic.derived.items()]
    lines += [("initial", f"{n}(0)", text(e)) for n, e in symbolic.initial.items()]
    if model.rhs is not None:
        changes, parts = rates_as_written(model)
        for section, name, found in (("where", "{}", parts), ("change", "d {}/dt", changes)):
            lines += [
                (section, name.format(n), _plainly(text(e, derived=False)))
                for n, e in found.items()
            ]
    lines += [("switch", n, f"at t = {text(e)}") for n, e in symbolic.switches.items()]
    lines += [("infusion", f"{n} +=", text(e)) for n, e in symbolic.infuse.items()]
    lines += [("reads", n, text(e)) for n, e in symbolic.observe.items()]
    if model.stochastic is not None:
        rates = birth_and_death(model)
        few = f"counted one by one from {model.stochastic.threshold:g} down"
        lines += [
            ("dies out", f"cells of {rates.state}", f"{text(rates.cells)}*{rates.state}, {few}"),
            ("dies out", "births per day", text(rates.birth)),
            ("dies out", "deaths per day", text(rates.death)),
        ]
    return lines


def latex(model: Model) -> list[tuple[str, str]]:
    """Return the model's equations as LaTeX, with the declared symbols of parameters.

    Returns
    -------
    list of (str, str)              left-hand and right-hand sides
    """
    symbolic = trace(model)
    marks = {
        symbolic.parameters[q.name]: q.symbol or rf"\mathrm{{{q.name.replace('_', ' ')}}}"
        for q in model.parameters
    }
    marks |= {y: rf"\mathrm{{{name.replace('_', ' ')}}}" for name, y in symbolic.states.items()}
    printed = [
        (rf"\frac{{d\,{marks[symbolic.states[n]]}}}{{dt}}", e)
        for n, e in (symbolic.rhs or {}).items()
    ]
    printed += [(rf"{marks[symbolic.states[n]]}(0)", e) for n, e in symbolic.initial.items()]
    printed += [(rf"\mathrm{{{n.replace('_', ' ')}}}", e) for n, e in symbolic.observe.items()]
    return [(left, sp.latex(e, symbol_names=marks)) for left, e in printed]


def parameter_rows(model: Model) -> list[dict[str, Any]]:
    """Return the parameter table of a card, a dict a parameter."""
    return [
        {
            "parameter": q.name,
            "unit": q.unit,
            "typical": f"{q.typical:g}",
            "RSE %": "" if q.rse is None else f"{100 * q.rse:.3g}",
            "omega": "" if q.omega is None else f"{q.omega:g}",
            "meaning": q.meaning + (" (fixed)" if q.fixed else ""),
            "origin": _origin(q),
        }
        for q in model.parameters
    ]


def characteristic_rows(model: Model) -> list[dict[str, Any]]:
    """Return what follows from the typical parameters, a dict a characteristic.

    Returns
    -------
    list of dict                    characteristic, unit, value (at typical values of parameters and
                                    default inputs), meaning, formula, origin
    """
    symbolic = trace(model)
    values = {symbolic.parameters[q.name]: q.typical for q in model.parameters}
    values |= {symbolic.inputs[q.name]: q.default for q in model.inputs}
    printer = _Plain({"order": "none"})
    rows = []
    for q in model.characteristics:
        formula = symbolic.characteristics[q.name]
        rows.append(
            {
                "characteristic": q.name,
                "unit": q.unit,
                "value": _number(formula, values),
                "meaning": q.meaning,
                "formula": str(printer.doprint(formula)),
                "origin": q.source or "from the parameters",
            }
        )
    return rows


def _number(formula: sp.Expr, values: dict[sp.Symbol, float]) -> float:
    """A formula without states or time, at given values; alternatives are decided."""
    if isinstance(formula, Where):
        condition, then, otherwise = formula.args
        return _number(then if _number(condition, values) else otherwise, values)
    if isinstance(formula, NotAbove):
        a, b = (_number(side, values) for side in formula.args)
        return float(a <= b)
    inner = {w: _number(w, values) for w in formula.atoms(Where)}
    return float(formula.xreplace(inner).subs(values))


def _origin(q: Parameter) -> str:
    first = q.source or f"ASSUMPTION: {q.assumption}"
    if q.omega_assumption:
        return f"{first}; omega ASSUMPTION: {q.omega_assumption}"
    return f"{first}; omega: {q.omega_source}" if q.omega_source else first
