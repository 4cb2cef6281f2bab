"""Who flows where: a diagram of a model's states, read off its right-hand side.

A term that one state loses and another gains is a flow; a gain or loss without a partner comes from
or goes to nothing; a state that a term depends on, without being its giver, acts on it.
"""

from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from cellkinetics.algebra import NotAbove, Where
from cellkinetics.declare import Model
from cellkinetics.symbolic import TIME, Symbolic, trace
from cellkinetics.units import parse_unit

type _Point = dict[sp.Symbol, float]

_VOLUMES = ("L", "mL", "uL")
_COUNT = "cells"  # 10^9/L is cells too
_POINTS = 5  # at which the direction of an effect is looked up


@dataclass(frozen=True)
class Flow:
    """Something that moves: from a state, or nothing, to a state, or nothing.

    ``own`` says that what is gained is in proportion to the gainer itself (growth); ``label``
    names the rate.
    """

    source: str | None
    target: str | None
    label: str
    own: bool = False


@dataclass(frozen=True)
class Effect:
    """A state that acts on the rate of another: +1 raises it, -1 lowers it, 0 both."""

    source: str
    target: str
    sign: int


@dataclass(frozen=True)
class Diagram:
    """States, what flows between them, what acts on what, what is infused and what is read."""

    states: tuple[str, ...]
    flows: tuple[Flow, ...]
    effects: tuple[Effect, ...]
    infused: tuple[str, ...]
    read: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class _Term:
    state: str
    expression: sp.Expr  # its size, without the sign
    gain: bool


def diagram_of(model: Model) -> Diagram | None:
    """The diagram of a model; None where it has no right-hand side.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Diagram or None
    """
    symbolic = trace(model)
    if model.rhs is None:
        return None
    names = {n: sp.Symbol(f"derived {n}", positive=True) for n in symbolic.derived}
    p: Any = SimpleNamespace(**symbolic.parameters, **symbolic.inputs, **names)
    y: Any = SimpleNamespace(**symbolic.states)
    rates = {state: sp.sympify(rate) for state, rate in model.rhs(TIME, y, p).items()}
    states = {n: sp.Symbol(f"y_{n}", positive=True) for n in symbolic.states}
    points = _points(symbolic, states, names)
    positive = {symbolic.states[n]: states[n] for n in states}
    terms = [
        term
        for state, rate in rates.items()
        for term in _terms(state, rate.xreplace(positive), points)
    ]
    counted = {q.name: _counted(q.unit) for q in model.states}
    flows, used = [], set[int]()
    for alike in (_equal, _in_proportion):  # what is the same comes before what is alike
        for i, loss in enumerate(terms):
            for j, gain in enumerate(terms):
                if loss.gain or not gain.gain or {i, j} & used or gain.state == loss.state:
                    continue
                if counted[loss.state] != counted[gain.state]:
                    continue  # cells that die do not become the cytokine that their death raises
                if alike(gain, loss, states):
                    flows.append(Flow(loss.state, gain.state, _label(loss, states, model)))
                    used |= {i, j}
    for i, term in enumerate(terms):
        if i in used:
            continue
        label = _label(term, states, model)
        if term.gain:
            own = states[term.state] in _givers(term)
            flows.append(Flow(None, term.state, label, own=own))
        else:
            flows.append(Flow(term.state, None, label))
    return Diagram(
        states=tuple(states),
        flows=tuple(_joined(flows)),
        effects=tuple(_effects(terms, states, points, counted)),
        infused=tuple(symbolic.infuse),
        read=tuple(
            (name, tuple(n for n, s in symbolic.states.items() if s in e.free_symbols))
            for name, e in symbolic.observe.items()
        ),
    )


def _terms(state: str, expression: sp.Expr, points: list[_Point]) -> list[_Term]:
    """Terms of a rate with their signs; alternatives are taken apart.

    One that is a gain here and a loss there, such as logistic growth, is taken as a gain.
    """
    found: list[_Term] = []
    for part in sp.Add.make_args(expression):
        factors = list(sp.Mul.make_args(part))
        spread = next((f for f in factors if _is_spread(f)), None)
        choice = next((f for f in factors if isinstance(f, Where)), None)
        if spread is not None:
            rest = sp.Mul(*[f for f in factors if f is not spread])
            for term in spread.args:
                found += _terms(state, sp.Mul(term, rest), points)
        elif choice is not None:
            rest = sp.Mul(*[f for f in factors if f is not choice])
            for term in choice.args[1:]:
                found += _terms(state, sp.Mul(term, rest), points)
        elif part != 0:
            values = [_value(part, point) for point in points]
            known = [v for v in values if np.isfinite(v) and v]
            minus = all(v < 0 for v in known) if known else part.could_extract_minus_sign()
            found.append(_Term(state, -part if minus else part, not minus))
    unique = {(t.expression, t.gain): t for t in found}
    return list(unique.values())


def _is_spread(factor: sp.Expr) -> bool:
    """A sum of rates, which is taken apart; (1 - f) and (1 - B/K) are one factor."""
    return isinstance(factor, sp.Add) and not any(a.is_Number for a in factor.args)


def _equal(gain: _Term, loss: _Term, states: dict[str, sp.Symbol]) -> bool:
    """Whether what one state gains is what another loses."""
    return bool(_ratio(gain, loss) == 1)


def _in_proportion(gain: _Term, loss: _Term, states: dict[str, sp.Symbol]) -> bool:
    """Whether a gain is a loss up to a factor without states: a volume, a fraction, a yield.

    Both must name the same rate: two losses of one state are no flow of each other.
    """
    shared = _factors(gain) & _factors(loss) - {*states.values()}
    return bool(shared) and not _ratio(gain, loss).free_symbols & {*states.values(), TIME}


def _ratio(gain: _Term, loss: _Term) -> sp.Expr:
    ratio = gain.expression / loss.expression
    plain = not any(t.expression.has(Where, NotAbove, sp.Function) for t in (gain, loss))
    return sp.cancel(ratio) if plain else ratio


def _factors(term: _Term) -> set[sp.Symbol]:
    return {f for f in sp.Mul.make_args(term.expression) if isinstance(f, sp.Symbol)}


def _givers(term: _Term) -> set[sp.Symbol]:
    """States that a term is in proportion to."""
    return {
        f.as_base_exp()[0]
        for f in sp.Mul.make_args(term.expression)
        if isinstance(f.as_base_exp()[0], sp.Symbol)
    }


def _label(term: _Term, states: dict[str, sp.Symbol], model: Model) -> str:
    """The names that the term is in proportion to, but for states: its rate constant."""
    units = {q.name: q.unit for q in model.parameters}
    factors = [f for f in sp.Mul.make_args(term.expression) if isinstance(f, sp.Symbol)]
    rates = [str(f).removeprefix("derived ") for f in factors if f not in states.values()]
    # What is per day names the rate best; then what is derived; then what has no time in it.
    rates.sort(key=lambda name: (2 - 2 * ("day" in units[name]) if name in units else 1, name))
    return rates[0] if rates else ""


def _joined(flows: list[Flow]) -> list[Flow]:
    """One arrow for all flows between the same two ends."""
    out: dict[tuple[str | None, str | None, bool], list[str]] = {}
    for f in flows:
        labels = out.setdefault((f.source, f.target, f.own), [])
        if f.label and f.label not in labels:
            labels.append(f.label)
    return [
        Flow(source, target, ", ".join(labels[:2]) + (", ..." if len(labels) > 2 else ""), own)
        for (source, target, own), labels in out.items()
    ]


def _points(
    symbolic: Symbolic, states: dict[str, sp.Symbol], names: dict[str, sp.Symbol]
) -> list[_Point]:
    """Typical parameters with states drawn over four decades: where signs are looked up."""
    model = symbolic.model
    values: _Point = {symbolic.parameters[q.name]: q.typical for q in model.parameters}
    for q in model.inputs:
        values[symbolic.inputs[q.name]] = q.default if np.isfinite(q.default) else 10.0
    for name, symbol in names.items():
        number = _value(symbolic.derived[name], values)
        values[symbol] = number if np.isfinite(number) else 1.0
    rng = np.random.default_rng(0)
    return [
        {**values, TIME: 5.0, **{s: float(10.0 ** rng.uniform(-1, 3)) for s in states.values()}}
        for _ in range(_POINTS)
    ]


def _counted(unit: str) -> dict[str, int]:
    """What a unit counts, in whatever volume: cells/uL and 10^9 cells are both cells."""
    powers = dict(parse_unit(unit).powers)
    return {name: n for name, n in powers.items() if name not in (*_VOLUMES, _COUNT)}


def _effects(
    terms: list[_Term],
    states: dict[str, sp.Symbol],
    points: list[_Point],
    counted: dict[str, dict[str, int]],
) -> list[Effect]:
    found: dict[tuple[str, str], set[int]] = {}
    for (target, own), gain in product(states.items(), (True, False)):
        for name, s in states.items():
            # All gains together, and all losses: saturation spreads one into terms of both signs.
            rate = sp.Add(
                *(
                    term.expression
                    for term in terms
                    if (term.state, term.gain) == (target, gain)
                    and s in term.expression.free_symbols - {own}
                    and not (gain and _flows_in(name, term, terms, states, counted))
                )
            )
            for point in points if rate != 0 else ():
                high, low = ({**point, s: point[s] * k} for k in (1.01, 0.99))
                change = _value(rate, high) - _value(rate, low)
                if np.isfinite(change) and change:
                    raises = (change > 0) == gain
                    found.setdefault((name, target), set()).add(1 if raises else -1)
    return [
        Effect(source, target, signs.pop() if len(signs) == 1 else 0)
        for (source, target), signs in found.items()
    ]


def _flows_in(
    name: str,
    gain: _Term,
    terms: list[_Term],
    states: dict[str, sp.Symbol],
    counted: dict[str, dict[str, int]],
) -> bool:
    """Whether a gain is what that state loses: it flows in, and does not act."""
    if states[name] not in _givers(gain) or counted[name] != counted[gain.state]:
        return False
    return any(
        not t.gain
        and t.state == name
        and (_equal(gain, t, states) or _in_proportion(gain, t, states))
        for t in terms
    )


def _value(expression: sp.Expr, values: _Point) -> float:
    try:
        return float(_decided(expression, values).evalf(subs=values))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return float("nan")


def _decided(expression: sp.Expr, values: _Point) -> sp.Expr:
    """An expression with its alternatives chosen; before every switch."""
    if isinstance(expression, Where):
        condition, then, otherwise = expression.args
        if not isinstance(condition, NotAbove):
            return _decided(otherwise, values)
        one, other = (_value(side, values) for side in condition.args)
        return _decided(then if one <= other else otherwise, values)
    if not expression.args:
        return expression
    return expression.func(*[_decided(a, values) for a in expression.args])
