"""Whether the functions of a model and what it declares speak of the same names.

Every function is run on symbols that note a wrong name and go on, so that one run finds them all.
"""

import keyword
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from cellkinetics.algebra import FLAG_PREFIX
from cellkinetics.catalogue import line_in
from cellkinetics.contract.finding import Place
from cellkinetics.declare import Input, Model, Parameter
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.study.findings import Finding
from cellkinetics.symbolic import CELLS, TIME, trace

_ALGEBRA = (
    "Use where(), after(), exp(), log(), sqrt(), minimum(), maximum() of cellkinetics.algebra in"
    " place of 'if', math, NumPy and Python's min and max."
)
_NOT_SYMBOLIC = (
    "relational", "Relational", "float", "truth value", "Cannot convert", "loop of ufunc",
    "must be real number", "Than'", "Cannot round",
)  # fmt: skip
_CURES = {
    "operand type(s) for ^": "A power is written **, as in y.effector**2.",
    "not subscriptable": "Quantities are asked for by name: y.effector, p.alpha.",
    "object is not iterable": "Quantities are asked for by name: y.effector, p.alpha.",
    "cannot be set": "Give the result a name of its own: nothing of the model is changed.",
}
# Names of what is not a quantity in the code that is generated from the equations.
_TAKEN = {str(TIME), str(CELLS)}
_TAKEN_STARTS = ("y_", FLAG_PREFIX)


class _Noting:
    """Symbols by name; a name that is not there is noted, and answered with a symbol."""

    def __init__(
        self, place: Place, what: str, items: Mapping[str, Any], notes: list[Finding]
    ) -> None:
        self._place, self._what, self._items, self._notes = place, what, dict(items), notes

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._items:
            self._notes.append(
                self._place.found(
                    "name-unknown",
                    came=f"'{name}', which is not a {self._what}",
                    cure=did_you_mean(name, self._items),
                    line=self._place.line_here(sys._getframe(1)),
                )
            )
            self._items[name] = sp.Symbol(name, positive=True)
        return self._items[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise TypeError(f"'{name}' cannot be set")
        super().__setattr__(name, value)


def check_names(place: Place, model: Model) -> list[Finding]:
    """Find names that do not agree, and operations that symbols cannot do.

    Parameters
    ----------
    place : Place
    model : Model

    Returns
    -------
    list of Finding
    """
    findings = _declared_names(place, model)
    if findings:
        return findings
    constants = {
        q.name: sp.Symbol(q.name, real=True, positive=(q.scale != "identity") or None)
        for q in model.parameters
    }
    inputs = {q.name: sp.Symbol(q.name, real=True) for q in model.inputs}
    states = {
        q.name: sp.Symbol(f"y_{q.name}", real=True, positive=q.positive or None)
        for q in model.states
    }
    own = "parameter, input or derived quantity"
    p = _Noting(place, own, {**constants, **inputs}, findings)
    derived = _run(place, "derived", model.derived, (p,), findings)
    p = _Noting(place, own, {**constants, **inputs, **derived}, findings)
    y = _Noting(place, "state", states, findings)
    before = len(findings)
    switches = _run(place, "switches", model.switches, (p,), findings)
    switched = len(findings) == before
    names, read = list(states), [q.name for q in model.observables]
    if model.rhs is None and model.solution is None:
        findings.append(
            place.found(
                "equations-missing",
                came="neither rhs nor solution",
                wanted="rhs(t, y, p), solution(t, p), or both",
                line=place.line_of_keyword("name"),
            )
        )
    used = set[sp.Symbol]().union(*(e.free_symbols for e in switches.values()))
    for role, function, arguments, wanted, all_of_them in (
        ("initial", model.initial, (p,), names, True),
        ("rhs", model.rhs, (TIME, y, p), names, True),
        ("solution", model.solution, (TIME, p), names, True),
        ("observe", model.observe, (y, p), read, True),
        ("infuse", model.infuse, (CELLS, p), names, False),
    ):
        results = _run(place, role, function, arguments, findings, wanted, all_of_them)
        for name, expression in results.items():
            used |= expression.free_symbols
            if switched:
                findings += _wrong_flags(place, role, function, name, expression, switches)
    for role, function in _of_stochastic(model):
        arguments = (p,) if role == "cells" else (TIME, y, p)
        results = _run(place, role, _named(role, function), arguments, findings)
        used |= set[sp.Symbol]().union(*(e.free_symbols for e in results.values()))
    if not findings:  # what a broken function would have used is not known
        findings += _unused(place, model, {str(symbol) for symbol in used})
    return findings or _traced(place, model)


def _of_stochastic(model: Model) -> list[tuple[str, Callable[..., Any]]]:
    """Functions of the state that can die out."""
    if model.stochastic is None:
        return []
    given = [(name, getattr(model.stochastic, name)) for name in ("cells", "birth", "death")]
    return [(name, function) for name, function in given if function is not None]


def _named(role: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one expression, as one that returns a dict."""
    return lambda *arguments: {role: function(*arguments)}


def _traced(place: Place, model: Model) -> list[Finding]:
    """What is left for the model's own trace to find."""
    try:
        trace(model)
    except ModelError as error:
        text = str(error).removeprefix(f"{model.name}: ")
        return [place.found("depends-on", came=text.rstrip("."))]
    return []


def _declared_names(place: Place, model: Model) -> list[Finding]:
    findings, seen = [], set[str]()
    for group in (model.parameters, model.inputs, model.states, model.observables):
        for item in group:
            line = place.line_of_name(item.name)
            if why := _why_no_name(item.name, constant=isinstance(item, Parameter | Input)):
                findings.append(
                    place.found(
                        "name-invalid", came=f"the name '{item.name}'", wanted=why, line=line
                    )
                )
            elif item.name in seen:
                findings.append(
                    place.found(
                        "name-twice",
                        came=f"the name '{item.name}' a second time",
                        wanted="one name for one thing: parameters, inputs, states and observables"
                        " share their names",
                        cure="An observable of a state may be called after its assay.",
                        line=line,
                    )
                )
            seen.add(item.name)
    return findings


def _why_no_name(name: str, *, constant: bool) -> str:
    """What a name should be, where it cannot stand in equations and in the code made from them."""
    if not (name.isidentifier() and name.isascii()):
        return "letters from a to z, digits and underscores, not a digit first"
    if keyword.iskeyword(name):
        return f"a name that is no word of Python: p.{name} cannot be written"
    if name.startswith("_") or (constant and (name in _TAKEN or name.startswith(_TAKEN_STARTS))):
        return "another name: t, cells, and names that start with _, y_ or after_ are taken"
    return ""


def _run(
    place: Place,
    role: str,
    function: Callable[..., Any] | None,
    arguments: Sequence[Any],
    findings: list[Finding],
    known: Sequence[str] | None = None,
    all_of_them: bool = False,
) -> dict[str, sp.Expr]:
    """Results of one function by name; findings are added."""
    if function is None:
        return {}
    first = place.line_of_function(function)
    try:
        returned = function(*arguments)
    except (Exception, SystemExit) as error:  # whatever a user's function raises is a finding
        line = first if place.path is None else line_in(error, place.path) or first
        findings.append(_raised(place, role, error, line))
        return {}
    if not isinstance(returned, Mapping):
        findings.append(
            place.found(
                "function-returns",
                came=f"{role}() that returns {type(returned).__name__}",
                wanted="a dict by name, such as {'effector': ...}",
                line=place.line_of_return(function),
            )
        )
        return {}
    results: dict[str, sp.Expr] = {}
    before = len(findings)
    for name, value in returned.items():
        line = place.line_of_key(function, str(name))
        if known is not None and name not in known:
            findings.append(
                place.found(
                    "key-unknown",
                    came=f"{role}() that returns '{name}'",
                    wanted="an observable" if role == "observe" else "a state",
                    cure=did_you_mean(str(name), known),
                    line=line,
                )
            )
        elif isinstance(value, sp.Expr | int | float | np.number) and not isinstance(value, bool):
            results[str(name)] = expression = sp.sympify(value)
            came = ""
            if expression.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
                came = "that is no finite number (a division by 0?)"
            elif expression.has(sp.I):
                came = "that is no real number (a root or logarithm of what is below 0?)"
            if came:
                findings.append(
                    place.found("function-returns", came=f"{role}()['{name}'] {came}", line=line)
                )
        else:
            findings.append(
                place.found(
                    "function-returns",
                    came=f"{role}()['{name}'] that is {type(value).__name__}",
                    wanted="an expression of the model's quantities, or a number",
                    cure=_ALGEBRA,
                    line=line,
                )
            )
    whole = len(findings) == before  # else a name that is missing is likely one that is misspelt
    for name in (known or []) if all_of_them and whole else []:
        if name not in returned:
            findings.append(
                place.found(
                    "key-missing",
                    came=f"{role}() that does not return '{name}'",
                    wanted=f"all of {', '.join(known or [])}",
                    line=place.line_of_return(function),
                )
            )
    return results


def _raised(place: Place, role: str, error: BaseException, line: int | None) -> Finding:
    text = f"{type(error).__name__}: {error}"
    symbolic = isinstance(error, TypeError | AttributeError | ValueError)
    if symbolic and any(part in str(error) for part in _NOT_SYMBOLIC):
        return place.found(
            "not-symbolic",
            came=f"something in {role}() that symbols cannot do ({text})",
            wanted="equations that can be run on symbols",
            cure=_ALGEBRA,
            line=line,
        )
    cure = next((cure for part, cure in _CURES.items() if part in text), "")
    text = text.replace("'_Noting' object", "an object of names")
    return place.found("function-fails", came=f"{role}() that raises {text}", cure=cure, line=line)


def _wrong_flags(
    place: Place,
    role: str,
    function: Callable[..., Any] | None,
    name: str,
    expression: sp.Expr,
    switches: Iterable[str],
) -> list[Finding]:
    known = list(switches)
    asked = sorted(
        str(s).removeprefix(FLAG_PREFIX)
        for s in expression.free_symbols
        if str(s).startswith(FLAG_PREFIX)
    )
    return [
        place.found(
            "switch-unknown",
            came=f"{role}()['{name}'] that asks after('{switch}')",
            wanted="a switch",
            cure=did_you_mean(switch, known),
            line=place.line_of_text(switch, of="after") or place.line_of_key(function, name),
        )
        for switch in asked
        if switch not in known
    ]


def _unused(place: Place, model: Model, used: set[str]) -> list[Finding]:
    findings = []
    for what, code, items in (
        ("parameter", "parameter-unused", model.parameters),
        ("input", "input-unused", model.inputs),
    ):
        for q in items:
            if q.name not in used:
                findings.append(
                    place.found(
                        code,
                        came=f"the {what} '{q.name}', which no equation uses",
                        cure="Use it, or leave it out: a fit would sample nothing but its prior.",
                        line=place.line_of_name(q.name),
                    )
                )
    return findings
