"""The source of a right-hand side with its derivatives, for several subjects side by side.

Straight-line code over vectors, one entry a subject.
An explicit method takes J S + df/dphi, written out one parameter after the other as fused
multiply-adds; an implicit one takes the rates and the entries of J and df/dphi apart.
"""

from dataclasses import replace

import sympy as sp

from cellkinetics.kernel.emit import Body, Memory, assign, at, side_by_side
from cellkinetics.kernel.scaled import Scaled
from cellkinetics.kernel.slopes import Slopes, Terms, own_symbol, slopes
from cellkinetics.symbolic import TIME

STEP = own_symbol("step")
Targets = list[tuple[str, sp.Expr]]


def sensitivity(scaled: Scaled, state: int, parameter: int) -> int:
    """Where dz_i/dphi_j lies among the components of ``w``."""
    return len(scaled.log_state) + state * len(scaled.wrt) + parameter


def scaled_rhs(scaled: Scaled, memory: Memory) -> Body:
    """``h`` times dz/dt and J S + df/dphi of every lane, to ``dw``."""
    s = slopes(scaled)
    n, m = len(s.rate), len(scaled.wrt)
    wanted = [(at("dw", i, lanes=True), g) for i, g in enumerate(s.rate)]
    lines = _evaluated(scaled, memory, s, wanted + (_derivatives(s) if m else []), weighted=m > 0)
    for j in range(m):
        place = [at("w", sensitivity(scaled, k, j), lanes=True) for k in range(n)]
        for q in range(len(s.sums)):
            terms = [(f"a{q}_{k}", place[k]) for p, k in s.sum_by_state if p == q]
            lines.append(f"t{q}_{j} = {fused(terms)}")
        for i in range(n):
            terms = [(f"s{i}_{q}", f"t{q}_{j}") for o, q in s.by_sum if o == i]
            terms += [(f"j{i}_{k}", place[k]) for o, k in s.by_state if o == i]
            start = f"p{i}_{j}" if (i, j) in s.by_phi else ""
            slope = fused(terms, start)
            lines.append(f"{at('dw', sensitivity(scaled, i, j), lanes=True)} = {slope}")
    return Body(side_by_side(lines))


def scaled_parts(scaled: Scaled, memory: Memory) -> Body:
    """``h`` times dz/dt and df/dphi to ``dw``, and the entries of J to ``entry``, of every lane."""
    s = slopes(scaled)
    wanted = [(at("dw", i, lanes=True), g) for i, g in enumerate(s.rate)]
    lines = _evaluated(scaled, memory, s, wanted + _derivatives(s), weighted=True)
    lines += _entry_lines(s)
    lines += [f"{at('dw', sensitivity(scaled, i, j), lanes=True)} = p{i}_{j}" for i, j in s.by_phi]
    return Body(side_by_side(lines))


def without_sensitivities(scaled: Scaled) -> Scaled:
    """The same model, differentiated by no parameter."""
    return replace(scaled, wrt=(), chosen=())


def entries(s: Slopes) -> list[tuple[int, int]]:
    """Where J is not zero."""
    through_sums = {(i, k) for i, q in s.by_sum for p, k in s.sum_by_state if p == q}
    return sorted(through_sums | s.by_state.keys())


def scaled_derivatives(scaled: Scaled, memory: Memory) -> Body:
    """``h`` times the entries of J to ``entry``, and those of df/dphi to ``direct``."""
    s = slopes(scaled)
    m = len(scaled.wrt)
    lines = _evaluated(scaled, memory, s, _derivatives(s), weighted=True)
    lines += _entry_lines(s)
    lines += [f"{at('direct', i * m + j, lanes=True)} = p{i}_{j}" for i, j in s.by_phi]
    return Body(side_by_side(lines))


def _entry_lines(s: Slopes) -> list[str]:
    lines = []
    for place, (i, k) in enumerate(entries(s)):
        terms = [(f"s{i}_{q}", f"a{q}_{k}") for o, q in s.by_sum if o == i]
        terms = [(a, b) for a, b in terms if (int(b[1:].split("_")[0]), k) in s.sum_by_state]
        value = fused(terms, f"j{i}_{k}" if (i, k) in s.by_state else "")
        lines.append(f"{at('entry', place, lanes=True)} = {value}")
    return lines


def _derivatives(s: Slopes) -> Targets:
    targets = [(f"s{i}_{q}", e) for (i, q), e in s.by_sum.items()]
    targets += [(f"j{i}_{k}", e) for (i, k), e in s.by_state.items()]
    return targets + [(f"p{i}_{j}", e) for (i, j), e in s.by_phi.items()]


def _evaluated(
    scaled: Scaled, memory: Memory, s: Slopes, wanted: Targets, *, weighted: bool
) -> list[str]:
    """Lines that compute h times each target; ``weighted`` with slopes of sums."""
    symbols = scaled.symbolic.states.values()
    names = {y: sp.Symbol(f"y{i}") for i, y in enumerate(symbols)} | {TIME: sp.Symbol("t[l]")}
    sums = [(str(q), sp.Add(*(c * _nth(names, i) for i, c in terms))) for q, terms in s.sums]
    defined = sums + [(str(q), (1 / e).xreplace(names)) for q, e in s.reciprocals]
    targets = [(name, (STEP * e).xreplace(names)) for name, e in wanted]
    parts: dict[sp.Expr, sp.Symbol] = {}
    moving = {q.xreplace(names) for q in (*s.symbols, *symbols)}
    targets = [(name, _with_parts(e, moving, parts)) for name, e in targets]
    weights = [(f"a{q}_{k}", e.xreplace(names)) for (q, k), e in s.sum_by_state.items() if weighted]
    used = set().union(
        *(e.free_symbols for _, e in [*defined, *targets, *weights]),
        *(e.free_symbols for e in parts),
    )
    lines = [f"{STEP} = h[l]"]
    lines += [
        f"y{i} = {'exp_' if log else ''}({at('w', i, lanes=True)})"
        for i, log in enumerate(scaled.log_state)
        if _nth(names, i) in used
    ]
    lines += [f"{q} = exp_({_log_of_ratio(powers)})" for q, powers in s.ratios]
    # One by one: each may use those before it, and shares nothing with others.
    for name, e in [*defined, *((str(part), e) for e, part in parts.items())]:
        lines += assign(memory, [(name, e)], prefix=f"{name}_", vector=True).lines
    lines += [f"{name} = 0.0" for name, g in wanted if g == 0]
    return lines + assign(memory, [*targets, *weights], vector=True).lines


def _with_parts(e: sp.Expr, moving: set[sp.Symbol], parts: dict[sp.Expr, sp.Symbol]) -> sp.Expr:
    """Products with reciprocals become symbols, so that nothing takes them apart.

    Each is evaluated by itself in an order that stays within range; the search for common
    subexpressions would share ``over0 * over0``, which may be no number, not ``y0 * over0``.
    """
    if not e.args or not e.free_symbols & moving:
        return e
    if not e.is_Mul:
        return e.func(*(_with_parts(a, moving, parts) for a in e.args))
    inside = [a for a in e.args if not a.is_Add and a.free_symbols & moving]
    others = [_with_parts(a, moving, parts) for a in e.args if a not in inside]
    product = sp.Mul(*inside)
    if product.is_Symbol or not any(str(q).startswith("over") for q in product.free_symbols):
        return sp.Mul(*others, *(_with_parts(a, moving, parts) for a in inside))
    return sp.Mul(*others, parts.setdefault(product, own_symbol(f"part{len(parts)}")))


def _nth(names: dict[sp.Symbol, sp.Symbol], i: int) -> sp.Symbol:
    return list(names.values())[i]


def _log_of_ratio(powers: Terms) -> str:
    text = " + ".join(
        ("" if p == 1 else "-" if p == -1 else f"{float(p)!r} * ") + at("w", i, lanes=True)
        for i, p in powers
    )
    return text.replace("+ -", "- ")


def fused(terms: list[tuple[str, str]], start: str = "") -> str:
    """``start + a * b + ...`` as fused multiply-adds, the first product innermost."""
    text = start
    for a, b in terms:
        text = f"fma({a}, {b}, {text})" if text else f"{a} * {b}"
    return text or "0.0"
