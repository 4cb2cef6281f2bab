"""Slopes of the solved-for states and all their derivatives, in forms that stay within range.

On log scales a state may be e^300 or e^-800, so the form of a derivative decides whether it is
right: E / (K + E)^2 squares what no double holds. Three kinds of quantity get a symbol of their
own, by which everything else is written and differentiated:

- a *ratio*, a product of powers of log states other than a plain product, is the exponential of
  a sum of logs: E / M is exp(z_E - z_M), whatever E and M are;
- a *sum* of states that several terms share (an antigen load) has a tangent of its own, computed
  once, not once for every state and term;
- a *reciprocal* of a sum, so that what multiplies it is divided before it is multiplied again.

A product is differentiated by its logarithm, g' = g (sum of relative slopes): kill E R (1 - E R)
with R = 1 / (K + E), never a difference of squares.

What is left: exp holds a state within e^-708 and e^709, so the share of one state in a sum whose
every term is below e^-708 comes out as if all were equal. It matters only where the share stands
alone; beside a constant, or times the sum, it is nothing either way.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sympy as sp

from cellkinetics.kernel.scaled import Scaled

Terms = tuple[tuple[int, sp.Expr], ...]


def own_symbol(name: str) -> sp.Symbol:
    """A symbol of generated code: not equal to what a model declares, which is real."""
    return sp.Symbol(name, complex=True)


@dataclass(frozen=True)
class Rule:
    """Slope of a symbol by one variable; ``relative`` if it is a multiple of the symbol itself."""

    slope: sp.Expr
    relative: bool


@dataclass(frozen=True)
class Slopes:
    """dz/dt and its derivatives, in state, parameter and the symbols defined here.

    Attributes
    ----------
    ratios : (symbol, ((state, power), ...))        exp(sum of power * z)
    sums : (symbol, ((state, coefficient), ...))    sum of coefficient * y
    reciprocals : (symbol, expression)              1 / expression, later ones may use earlier
    rate : (state,)
    by_state : {(i, k)}                             d rate_i / dz_k beside the sums
    by_sum : {(i, s)}                               d rate_i / d sum_s
    sum_by_state : {(s, k)}                         d sum_s / dz_k
    by_phi : {(i, j)}                               d rate_i / dphi_j
    """

    ratios: list[tuple[sp.Symbol, Terms]] = field(default_factory=list)
    sums: list[tuple[sp.Symbol, Terms]] = field(default_factory=list)
    reciprocals: list[tuple[sp.Symbol, sp.Expr]] = field(default_factory=list)
    rate: list[sp.Expr] = field(default_factory=list)
    by_state: dict[tuple[int, int], sp.Expr] = field(default_factory=dict)
    by_sum: dict[tuple[int, int], sp.Expr] = field(default_factory=dict)
    sum_by_state: dict[tuple[int, int], sp.Expr] = field(default_factory=dict)
    by_phi: dict[tuple[int, int], sp.Expr] = field(default_factory=dict)

    @property
    def symbols(self) -> list[sp.Symbol]:
        """The symbols that are defined here."""
        return [q for q, _ in (*self.ratios, *self.sums, *self.reciprocals)]


def slopes(scaled: Scaled) -> Slopes:
    """Write a model's right-hand side for an integrator.

    Parameters
    ----------
    scaled : Scaled                 with a right-hand side

    Returns
    -------
    Slopes                          zero derivatives are left out
    """
    states = list(scaled.symbolic.states.values())
    logs = {y: i for i, y in enumerate(states) if scaled.log_state[i]}
    out = Slopes()
    rates = [_with_ratios(g, logs, out.ratios) for g in scaled.rhs]
    rates = _with_sums(rates, states, out.sums)
    out.rate.extend(_with_reciprocals(g, {*states, *out.symbols}, out) for g in rates)

    for k, y in enumerate(states):
        rules = {y: Rule(sp.S.One, relative=scaled.log_state[k])}
        for ratio, powers in out.ratios:
            if k in dict(powers):
                rules[ratio] = Rule(dict(powers)[k], relative=True)
        _record(out.by_state, k, out.rate, _with_rules_of_reciprocals(rules, out))
        for s, (_, terms) in enumerate(out.sums):
            for i, coefficient in terms:
                if i == k:
                    by_z = coefficient * y if scaled.log_state[k] else coefficient
                    out.sum_by_state[s, k] = by_z
    for s, (total, _) in enumerate(out.sums):
        rules = {total: Rule(sp.S.One, relative=False)}
        _record(out.by_sum, s, out.rate, _with_rules_of_reciprocals(rules, out))
    for j, (theta, by_phi) in enumerate(scaled.chosen):
        relative = by_phi == theta
        rules = {theta: Rule(sp.S.One if relative else by_phi, relative=relative)}
        _record(out.by_phi, j, out.rate, _with_rules_of_reciprocals(rules, out))
    return out


def _record(
    into: dict[tuple[int, int], sp.Expr],
    column: int,
    rates: Iterable[sp.Expr],
    rules: Mapping[sp.Symbol, Rule],
) -> None:
    for i, g in enumerate(rates):
        derivative = slope(g, rules)
        if derivative != 0:
            into[i, column] = derivative


def _with_ratios(
    expression: sp.Expr, logs: Mapping[sp.Symbol, int], ratios: list[tuple[sp.Symbol, Terms]]
) -> sp.Expr:
    """Products of powers of log states that are not all 1, 2, 3.. become symbols."""
    if not expression.args:
        return expression
    if not expression.is_Mul and not expression.is_Pow:
        parts = (_with_ratios(a, logs, ratios) for a in expression.args)
        return expression.func(*parts)
    powers, others = {}, []
    for factor in sp.Mul.make_args(expression):
        base, exponent = factor.as_base_exp()
        if base in logs and exponent.is_Number:
            powers[base] = exponent
        else:
            others.append(factor.func(*(_with_ratios(a, logs, ratios) for a in factor.args))
                          if factor.args else factor)  # fmt: skip
    if all(power.is_Integer and power > 0 for power in powers.values()):
        return sp.Mul(*others, *(y**power for y, power in powers.items()))
    terms = tuple(sorted((logs[y], power) for y, power in powers.items()))
    known = next((q for q, t in ratios if t == terms), None)
    if known is None:
        known = own_symbol(f"ratio{len(ratios)}")
        ratios.append((known, terms))
    return sp.Mul(*others, known)


def _with_sums(
    rates: list[sp.Expr], states: list[sp.Symbol], sums: list[tuple[sp.Symbol, Terms]]
) -> list[sp.Expr]:
    """Sums of two or more states that occur in several places become symbols."""
    found: Counter[tuple[tuple[int, float], ...]] = Counter()
    for node in {a for g in rates for a in g.atoms(sp.Add)}:
        found[_states_in(node, states)[0]] += 1
    shared = [key for key, count in found.items() if len(key) > 1 and count > 1]
    symbols = {key: own_symbol(f"sum{s}") for s, key in enumerate(sorted(shared))}
    sums.extend(
        (q, tuple((i, sp.Integer(1) if c == 1 else sp.Float(c)) for i, c in key))
        for key, q in symbols.items()
    )

    def replaced(expression: sp.Expr) -> sp.Expr:
        if not expression.args:
            return expression
        if expression.is_Add:
            key, first, rest = _states_in(expression, states)
            if key in symbols:
                return sp.Add(first * symbols[key], *(replaced(a) for a in rest))
        return expression.func(*(replaced(a) for a in expression.args))

    return [replaced(g) for g in rates]


def _states_in(
    node: sp.Expr, states: list[sp.Symbol]
) -> tuple[tuple[tuple[int, float], ...], sp.Expr, list[sp.Expr]]:
    """Plain multiples of states in a sum: relative to the first, the first, and what is left."""
    linear, rest = {}, []
    for term in node.args:
        number, factor = term.as_coeff_Mul()
        if factor in states:
            linear[states.index(factor)] = number
        else:
            rest.append(term)
    if not linear:
        return (), sp.S.One, rest
    first = linear[min(linear)]
    return tuple((i, float(linear[i] / first)) for i in sorted(linear)), first, rest


def _with_reciprocals(expression: sp.Expr, moving: set[sp.Symbol], out: Slopes) -> sp.Expr:
    """Negative powers of sums that change with the states become powers of symbols."""
    if not expression.args:
        return expression
    expression = expression.func(*(_with_reciprocals(a, moving, out) for a in expression.args))
    if not expression.is_Pow:
        return expression
    base, exponent = expression.as_base_exp()
    if not (base.is_Add and exponent.is_Number and exponent < 0 and base.free_symbols & moving):
        return expression
    known = next((q for q, e in out.reciprocals if e == base), None)
    if known is None:
        known = own_symbol(f"over{len(out.reciprocals)}")
        out.reciprocals.append((known, base))
        moving.add(known)
    return known ** (-exponent)


def _with_rules_of_reciprocals(rules: dict[sp.Symbol, Rule], out: Slopes) -> dict[sp.Symbol, Rule]:
    for over, base in out.reciprocals:
        derivative = slope(base, rules)
        if derivative != 0:
            rules = rules | {over: Rule(-derivative * over, relative=True)}
    return rules


def slope(e: sp.Expr, rules: Mapping[sp.Symbol, Rule]) -> sp.Expr:
    """Derivative of an expression by the one variable that the rules are about."""
    if e.is_Symbol:
        rule = rules.get(e)
        return sp.S.Zero if rule is None else rule.slope * (e if rule.relative else 1)
    if not e.free_symbols & rules.keys():
        return sp.S.Zero
    if e.is_Add:
        return sp.Add(*(slope(a, rules) for a in e.args))
    relative = relative_slope(e, rules)
    if relative is not None:
        return e * relative
    if e.is_Mul:
        known = [(f, relative_slope(f, rules)) for f in e.args]
        terms = [slope(f, rules) * e.func(*(g for g in e.args if g is not f))
                 for f, r in known if r is None]  # fmt: skip
        return sp.Add(e * sp.Add(*(r for _, r in known if r is not None)), *terms)
    moving = sorted(e.free_symbols & rules.keys(), key=str)
    return sp.Add(*(e.diff(s) * slope(s, rules) for s in moving))


def relative_slope(e: sp.Expr, rules: Mapping[sp.Symbol, Rule]) -> sp.Expr | None:
    """Slope of log e where it takes no division to write, else None."""
    if not e.free_symbols & rules.keys():
        return sp.S.Zero
    if e.is_Symbol:
        return rules[e].slope if rules[e].relative else None
    if isinstance(e, sp.exp):
        return slope(e.args[0], rules)
    if e.is_Mul:
        parts = [relative_slope(f, rules) for f in e.args]
        return None if None in parts else sp.Add(*parts)
    if e.is_Pow and not e.exp.free_symbols & rules.keys():
        inner = relative_slope(e.base, rules)
        return None if inner is None else e.exp * inner
    return None
