"""Run a model's functions once on SymPy symbols; everything else is derived from the result."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import sympy as sp

from cellkinetics.algebra import FLAG_PREFIX
from cellkinetics.declare import Model
from cellkinetics.errors import ModelError, did_you_mean

TIME = sp.Symbol("t", nonnegative=True)
CELLS = sp.Symbol("cells", positive=True)


class _Names(SimpleNamespace):
    """Named symbols that answer a wrong name with the names that exist."""

    def __init__(self, owner: str, what: str, items: Mapping[str, sp.Expr]) -> None:
        super().__init__(**items)
        object.__setattr__(self, "_owner", owner)
        object.__setattr__(self, "_what", what)

    def __getattr__(self, name: str) -> Any:
        items = [key for key in vars(self) if not key.startswith("_")]
        raise ModelError(
            f"{vars(self)['_owner']}: '{name}' is not a {vars(self)['_what']}."
            f" {did_you_mean(name, items)}"
        )


@dataclass(frozen=True)
class Symbolic:
    """A model's equations as SymPy expressions.

    ``derived`` is already substituted into all others. ``flags`` maps a switch to the symbol
    that is 1 after it and 0 before. ``stochastic`` holds what the model gives of ``cells``,
    ``birth`` and ``death`` of the state that can die out.
    """

    model: Model
    parameters: dict[str, sp.Symbol]
    inputs: dict[str, sp.Symbol]
    states: dict[str, sp.Symbol]
    derived: dict[str, sp.Expr]
    initial: dict[str, sp.Expr]
    rhs: dict[str, sp.Expr] | None
    solution: dict[str, sp.Expr] | None
    switches: dict[str, sp.Expr]
    flags: dict[str, sp.Symbol]
    observe: dict[str, sp.Expr]
    infuse: dict[str, sp.Expr]
    characteristics: dict[str, sp.Expr]
    stochastic: dict[str, sp.Expr]


@lru_cache(maxsize=64)
def trace(model: Model) -> Symbolic:
    """Run the functions of a model on symbols and check that the names agree.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Symbolic

    Raises
    ------
    ModelError            naming the function, what it returned and what was wanted
    """
    _check_unique(model)
    parameters = {
        q.name: sp.Symbol(q.name, real=True, positive=(q.scale != "identity") or None)
        for q in model.parameters
    }
    inputs = {q.name: sp.Symbol(q.name, real=True) for q in model.inputs}
    states = {
        q.name: sp.Symbol(f"y_{q.name}", real=True, positive=q.positive or None)
        for q in model.states
    }
    known: dict[str, sp.Expr] = {**parameters, **inputs}
    p = _Names(model.name, "parameter, input or derived quantity", known)
    derived = _run(model, "derived", model.derived, p) if model.derived else {}
    p = _Names(model.name, "parameter, input or derived quantity", {**known, **derived})
    y = _Names(model.name, "state", states)

    switches = _run(model, "switches", model.switches, p) if model.switches else {}
    if model.rhs is None and model.solution is None:
        raise ModelError(f"{model.name}: give rhs(t, y, p), solution(t, p), or both.")
    names = list(states)
    result = Symbolic(
        model=model,
        parameters=parameters,
        inputs=inputs,
        states=states,
        derived=derived,
        initial=_run(model, "initial", model.initial, p, wanted=names),
        rhs=_run(model, "rhs", model.rhs, TIME, y, p, wanted=names) if model.rhs else None,
        solution=(
            _run(model, "solution", model.solution, TIME, p, wanted=names)
            if model.solution
            else None
        ),
        switches=switches,
        flags={name: sp.Symbol(f"{FLAG_PREFIX}{name}", real=True) for name in switches},
        observe=_run(
            model, "observe", model.observe, y, p, wanted=[q.name for q in model.observables]
        ),
        infuse=_run(model, "infuse", model.infuse, CELLS, p, among=names) if model.infuse else {},
        characteristics=_run(model, "characteristics", _characteristics(model), p),
        stochastic=_run(model, "stochastic", _stochastic(model, names), TIME, y, p),
    )
    _check_symbols(result)
    return result


def _characteristics(model: Model) -> Callable[..., Any]:
    """All characteristics of a model as one function."""
    return lambda p: {q.name: q.compute(p) for q in model.characteristics}


def _stochastic(model: Model, states: list[str]) -> Callable[..., Any]:
    """What a model gives of the state that can die out as one function."""
    given = model.stochastic
    if given is None:
        return lambda t, y, p: {}
    if given.state not in states:
        raise ModelError(
            f"{model.name}: stochastic names '{given.state}', which is not a state."
            f" {did_you_mean(given.state, states)}"
        )
    rates = {name: f for name in ("birth", "death") if (f := getattr(given, name)) is not None}
    return lambda t, y, p: {"cells": given.cells(p)} | {n: f(t, y, p) for n, f in rates.items()}


def _run(
    model: Model,
    role: str,
    function: Callable[..., Any] | None,
    *args: Any,
    wanted: list[str] | None = None,
    among: list[str] | None = None,
) -> dict[str, sp.Expr]:
    assert function is not None
    try:
        result = function(*args)
    except TypeError as error:
        if (
            "relational" in str(error)
            or "float" in str(error)
            or "truth value" in str(error)
            or "Cannot convert" in str(error)
        ):
            raise ModelError(
                f"{model.name}: {role}() does something that symbols cannot do ({error})."
                " Use where(), after(), exp(), log() of cellkinetics.algebra in place of"
                " 'if', math.exp or numpy functions."
            ) from error
        raise
    if not isinstance(result, Mapping):
        raise ModelError(
            f"{model.name}: {role}() returns {type(result).__name__}, wanted a dict by name."
        )
    for name in result:
        allowed = wanted if wanted is not None else among
        if allowed is not None and name not in allowed:
            raise ModelError(
                f"{model.name}: {role}() returns '{name}'. {did_you_mean(name, allowed)}"
            )
    for name in wanted or []:
        if name not in result:
            raise ModelError(f"{model.name}: {role}() does not return '{name}'.")
    order = wanted if wanted is not None else list(result)
    return {name: sp.sympify(result[name]) for name in order}


def _check_unique(model: Model) -> None:
    seen: set[str] = set()
    for group in (model.parameters, model.inputs, model.states, model.observables):
        for item in group:
            if not item.name.isidentifier():
                raise ModelError(f"{model.name}: '{item.name}' is not a valid name.")
            if item.name in seen:
                raise ModelError(f"{model.name}: the name '{item.name}' is declared twice.")
            seen.add(item.name)


def _check_symbols(s: Symbolic) -> None:
    model = s.model
    constants = set(s.parameters.values()) | set(s.inputs.values())
    states, flags = set(s.states.values()), set(s.flags.values())
    allowed = {
        "initial": (s.initial, constants),
        "switches": (s.switches, constants),
        "rhs": (s.rhs or {}, constants | states | flags | {TIME}),
        "solution": (s.solution or {}, constants | flags | {TIME}),
        "observe": (s.observe, constants | states),
        "infuse": (s.infuse, constants | {CELLS}),
        "characteristics": (s.characteristics, constants),
        "stochastic": (s.stochastic, constants | states | flags | {TIME}),
    }
    used: set[sp.Symbol] = set()
    for role, (expressions, symbols) in allowed.items():
        for name, expression in expressions.items():
            free = expression.free_symbols
            # What merely follows from a parameter is no use of it.
            used |= free if role != "characteristics" else set()
            for extra in sorted(free - symbols, key=str):
                text = str(extra)
                if text.startswith(FLAG_PREFIX):
                    raise ModelError(
                        f"{model.name}: {role}() asks after('{text[6:]}'), which is not a switch."
                        f" {did_you_mean(text[6:], s.switches)}"
                    )
                raise ModelError(f"{model.name}: {role}()['{name}'] may not depend on '{text}'.")
    for name, symbol in s.parameters.items():
        if symbol not in used:
            raise ModelError(f"{model.name}: parameter '{name}' is declared but never used.")


LOCAL = "local "
"""What the symbols of a function's own names start with."""


def rates_as_written(model: Model) -> tuple[dict[str, sp.Expr], dict[str, sp.Expr]]:
    """The right-hand side with the names that its author gave to parts of it, for readers.

    Derived quantities are symbols ``derived NAME``, what the function itself names ``local NAME``.
    A part is folded only where putting it back gives the very expression that is solved.

    Parameters
    ----------
    model : Model                   with a right-hand side, which can be traced

    Returns
    -------
    (dict, dict)                    rates by state; parts by name, each in terms of those before it
    """
    symbolic, function = trace(model), model.rhs
    assert function is not None
    derived = {n: sp.Symbol(f"derived {n}", positive=True) for n in symbolic.derived}
    known = {**symbolic.parameters, **symbolic.inputs, **derived}
    results, own = _run_and_watch(
        function, TIME, SimpleNamespace(**symbolic.states), SimpleNamespace(**known)
    )
    taken = {*known, *symbolic.states, str(TIME), str(CELLS)}
    parts: dict[str, sp.Expr] = {
        name: value
        for name, value in own.items()
        if isinstance(value, sp.Expr) and not value.is_Atom and name not in taken
    }
    symbols = {name: sp.Symbol(LOCAL + name, real=True) for name in parts}

    def fold(expression: sp.Expr, among: list[str]) -> sp.Expr:
        for name in reversed(among):
            shorter = expression.subs(parts[name], symbols[name])
            if shorter.xreplace({symbols[name]: parts[name]}) == expression:
                expression = shorter
        return expression

    names = list(parts)
    rates = {n: fold(sp.sympify(e), names) for n, e in results.items()}
    folded = {name: fold(parts[name], names[:i]) for i, name in enumerate(names)}
    used: set[sp.Symbol] = set().union(*(e.free_symbols for e in rates.values()))
    for name in reversed(names):  # a part that only an unused part uses is none
        if symbols[name] in used:
            used |= folded[name].free_symbols
    return rates, {name: e for name, e in folded.items() if symbols[name] in used}


def _run_and_watch(
    function: Callable[..., Any], *arguments: Any
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """What a function returns, and its local variables when it does."""
    code, own = getattr(function, "__code__", None), dict[str, Any]()

    def watch(frame: Any, event: str, _: object) -> None:
        if event == "return" and frame.f_code is code:
            own.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        return function(*arguments), own
    finally:
        sys.setprofile(before)
