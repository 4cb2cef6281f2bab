"""A model's equations as MathML, from the functions that are solved."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from types import SimpleNamespace
from typing import Any

import sympy as sp
from sympy.printing.precedence import precedence

from cellkinetics.algebra import FLAG_PREFIX, NotAbove, Where
from cellkinetics.declare import Model
from cellkinetics.symbolic import CELLS, LOCAL, TIME, rates_as_written, trace

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "Sigma": "Σ",
}  # fmt: skip
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}_^]|[0-9]+(?:\.[0-9]+)?|.", re.DOTALL)
_UPRIGHT = {"\\mathrm", "\\text", "\\mathit", "\\mathbf", "\\operatorname"}
_SPACE = {"\\,", "\\ ", "\\;", "\\!", " ", "~"}

_PRODUCT, _POWER = 50, 60  # precedence of SymPy's Mul and Pow
_LONGEST = 90  # characters of a line
_TIMES = "<mo>&#8290;</mo><mspace width='0.17em'/>"  # invisible, with a thin space


@dataclass(frozen=True)
class Equation:
    """One equation: its section, and both sides as MathML, the right in one or more lines."""

    section: str
    left: str
    right: tuple[str, ...]


def symbol_marks(model: Model) -> dict[str, str]:
    """MathML of every name: declared symbols of parameters, all else as it is written."""
    names = [q.name for q in model.inputs] + [q.name for q in model.states]
    names += [q.name for q in model.observables]
    marks = {name: word(name) for name in names}
    return marks | {
        q.name: tex(q.symbol) if q.symbol else name_mark(q.name) for q in model.parameters
    }


def equations_of(model: Model) -> list[Equation]:
    """A model's equations, with the names of derived quantities where its functions use them.

    Parameters
    ----------
    model : Model                   one that can be traced

    Returns
    -------
    list of Equation                sections: derived, initial, infusion, switch, part (what the
                                    right-hand side names), change, reading
    """
    symbolic = trace(model)
    constants = {**symbolic.parameters, **symbolic.inputs}
    marks = symbol_marks(model)
    names = {n: sp.Symbol(f"derived {n}", positive=True) for n in symbolic.derived}
    by_symbol = {str(s): marks[n] for n, s in {**constants, **symbolic.states}.items()}
    by_symbol |= {f"derived {n}": name_mark(n) for n in names}
    by_symbol |= {str(TIME): "<mi>t</mi>", str(CELLS): "<mi>cells</mi>"}
    rates, parts = rates_as_written(model) if model.rhs is not None else ({}, {})
    by_symbol |= {f"{LOCAL}{n}": name_mark(n) for n in parts}
    p = SimpleNamespace(**constants, **names)
    y = SimpleNamespace(**symbolic.states)

    def lines(
        section: str, function: Callable[..., Any] | None, arguments: tuple[Any, ...], left: str
    ) -> list[Equation]:
        if function is None:
            return []
        results = function(*arguments).items()
        own = {} if section == "switch" else marks  # a switch may be called as its parameter is
        return [
            Equation(
                section,
                left.format(own.get(n) or (word(n) if section == "switch" else name_mark(n))),
                tuple(_lines(sp.sympify(e), by_symbol)),
            )
            for n, e in results
        ]

    rate = "<mfrac><mrow><mi>d</mi><mspace width='0.1em'/>{}</mrow>"
    rate += "<mrow><mi>d</mi><mi>t</mi></mrow></mfrac>"
    start = "<mrow>{}<mo>(</mo><mn>0</mn><mo>)</mo></mrow>"
    only = SimpleNamespace(**constants)
    found = lines("derived", model.derived, (only,), "{}")
    found += lines("initial", model.initial, (p,), start)
    found += lines("infusion", model.infuse, (CELLS, p), "{}")
    found += lines("switch", model.switches, (p,), "{}")
    found += lines("part", lambda: parts, (), "{}")
    found += lines("change", lambda: rates, (), rate)
    if model.rhs is None:
        found += lines("change", model.solution, (TIME, p), "{}")
    found += lines("reading", model.observe, (y, p), "{}")
    return found


def word(name: str) -> str:
    """A name of the code as it is written there."""
    return f"<mtext>{escape(name)}</mtext>"


def name_mark(name: str) -> str:
    """A name of the code in MathML: its first part, the rest as a subscript."""
    first, _, rest = name.partition("_")
    if not first:
        return f"<mi>{escape(name)}</mi>"
    base = f"<mi>{escape(_GREEK.get(first, first))}</mi>"
    if not rest:
        return base
    small = _GREEK.get(rest, rest.replace("_", "\N{NO-BREAK SPACE}"))
    return f"<msub>{base}<mtext>{escape(small)}</mtext></msub>"


def tex(source: str) -> str:
    r"""Declared symbols, such as ``k_\mathrm{kill}`` or ``T_{1/2,\alpha}``, in MathML.

    Letters, numbers, Greek, sub- and superscripts, ``\mathrm`` and its like; any other command is
    shown as it is written.
    """
    tokens = _TOKEN.findall(source)
    out, rest = _row(tokens)
    while rest:  # a bracket too many
        more, rest = _row(rest[1:])
        out += more
    return f"<mrow>{''.join(out)}</mrow>"


def _row(tokens: list[str]) -> tuple[list[str], list[str]]:
    out: list[str] = []
    while tokens and tokens[0] != "}":
        if tokens[0] in "_^":
            sign, (script, tokens) = tokens[0], _atom(tokens[1:])
            base = out.pop() if out else "<mrow></mrow>"
            kind = "msub" if sign == "_" else "msup"
            if kind == "msup" and base.startswith("<msub>"):
                out.append(f"<msubsup>{base[6:-7]}{script}</msubsup>")
            else:
                out.append(f"<{kind}>{base}{script}</{kind}>")
        else:
            atom, tokens = _atom(tokens)
            out.append(atom)
    return out, tokens


def _atom(tokens: list[str]) -> tuple[str, list[str]]:
    if not tokens:
        return "<mrow></mrow>", []
    head, rest = tokens[0], tokens[1:]
    if head == "{":
        inner, rest = _row(rest)
        return f"<mrow>{''.join(inner)}</mrow>", rest[1:]
    if head in _UPRIGHT and rest[:1] == ["{"]:
        end = rest.index("}") if "}" in rest else len(rest)
        text = "".join("\N{NO-BREAK SPACE}" if t in _SPACE else t for t in rest[1:end])
        return f"<mtext>{escape(text)}</mtext>", rest[end + 1 :]
    if head in _SPACE:
        return "<mspace width='0.17em'/>", rest
    if head.startswith("\\"):
        name = head[1:]
        return f"<mi>{escape(_GREEK.get(name, name))}</mi>", rest
    if head[0].isdigit():
        return f"<mn>{head}</mn>", rest
    kind = "mi" if head.isalpha() else "mo"
    return f"<{kind}>{escape(head)}</{kind}>", rest


def _lines(expression: sp.Expr, marks: Mapping[str, str]) -> list[str]:
    """An expression in MathML; a long sum goes on in further lines."""
    whole = _mathml(expression, marks)
    if not isinstance(expression, sp.Add) or _width(whole) <= _LONGEST:
        return [whole]
    lines: list[str] = []
    for term in _terms(expression):
        minus = term.could_extract_minus_sign()
        shown = _mathml(-term if minus else term, marks)
        if minus and isinstance(term, sp.Add):
            shown = f"<mrow><mo>(</mo>{shown}<mo>)</mo></mrow>"
        text = ("<mo>&#8722;</mo>" if minus else "<mo>+</mo>" if lines else "") + shown
        if lines and _width(lines[-1] + text) <= _LONGEST:
            lines[-1] += text
        else:
            lines.append(text)
    return lines


def _width(mathml: str) -> int:
    """About how many characters wide: the wider part of a fraction counts."""
    text = re.sub(r"<mspace[^>]*>|&#8290;", "", mathml)
    while True:
        inner = re.search(r"<mfrac>((?:(?!</?mfrac>).)*)</mfrac>", text, re.DOTALL)
        if inner is None:
            return len(re.sub(r"&[^;]*;", "x", re.sub(r"<[^>]*>", "", text)))
        above, _, below = inner[1].partition("</mrow><mrow>")
        parts = [re.sub(r"<[^>]*>", "", part) for part in (above, below)]
        text = text[: inner.start()] + max(parts, key=len) + text[inner.end() :]


def _terms(expression: sp.Add) -> list[sp.Expr]:
    """Terms of a sum, what is added first: "growth - loss", not "-loss + growth"."""
    terms = expression.as_ordered_terms()
    return sorted(terms, key=lambda term: bool(term.could_extract_minus_sign()))


def _mathml(expression: sp.Expr, marks: Mapping[str, str]) -> str:
    """An expression in MathML Core, which browsers draw without help."""

    def inside(part: sp.Expr, strength: int) -> str:
        text = show(part)
        return f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>" if precedence(part) < strength else text

    def show(e: sp.Expr) -> str:
        if isinstance(e, sp.Symbol):
            return marks.get(str(e), name_mark(str(e)))
        if isinstance(e, sp.Number):
            return _number(e)
        if isinstance(e, sp.Add):
            return _sum(e)
        if isinstance(e, sp.Mul):
            return _product(e)
        if isinstance(e, sp.exp):
            return f"<msup><mi>e</mi><mrow>{show(e.args[0])}</mrow></msup>"
        if isinstance(e, sp.Pow):
            return _power(e)
        if isinstance(e, Where):
            return _cases(e)
        if isinstance(e, NotAbove):
            return f"<mrow>{show(e.args[0])}<mo>&#8804;</mo>{show(e.args[1])}</mrow>"
        name = "ln" if isinstance(e, sp.log) else str(e.func.__name__)
        given = "<mo>,</mo>".join(show(a) for a in e.args)
        return f"<mrow><mi>{escape(name)}</mi><mo>(</mo>{given}<mo>)</mo></mrow>"

    def _sum(e: sp.Add) -> str:
        out = []
        for i, term in enumerate(_terms(e)):
            minus = term.could_extract_minus_sign()
            sign = "<mo>&#8722;</mo>" if minus else ("<mo>+</mo>" if i else "")
            out.append(sign + inside(-term if minus else term, _PRODUCT if minus else 0))
        return f"<mrow>{''.join(out)}</mrow>"

    def _product(e: sp.Mul) -> str:
        if e.could_extract_minus_sign():
            return f"<mrow><mo>&#8722;</mo>{inside(-e, _PRODUCT)}</mrow>"
        above, below = sp.fraction(e, exact=True)
        if below != 1:
            return f"<mfrac><mrow>{show(above)}</mrow><mrow>{show(below)}</mrow></mfrac>"
        # "(growth - loss) effector": "effector (growth - loss)" would look like a function.
        factors = sorted(e.as_ordered_factors(), key=_rank)
        shown = [inside(f, _PRODUCT) for f in factors]
        out = shown[0]
        for before, factor, text in zip(factors, factors[1:], shown[1:], strict=False):
            dot = factor.is_Number or (before.is_Number and factor.as_base_exp()[0].is_Number)
            out += ("<mo>&#183;</mo>" if dot else _TIMES) + text
        return f"<mrow>{out}</mrow>"

    def _power(e: sp.Pow) -> str:
        base, exponent = e.args
        if exponent == sp.Rational(1, 2):
            return f"<msqrt>{show(base)}</msqrt>"
        if exponent.could_extract_minus_sign():
            return f"<mfrac><mn>1</mn><mrow>{show(base**-exponent)}</mrow></mfrac>"
        return f"<msup>{inside(base, _POWER + 1)}<mrow>{show(exponent)}</mrow></msup>"

    def _cases(e: Where) -> str:
        condition, then, otherwise = e.args
        text = str(condition)
        if text.startswith(FLAG_PREFIX):
            label = f"<mtext>after {escape(text.removeprefix(FLAG_PREFIX))}</mtext>"
        else:
            label = f"<mrow><mtext>if&#160;</mtext>{show(condition)}</mrow>"
        rows = "".join(
            f"<mtr><mtd>{show(value)}</mtd><mtd>{note}</mtd></mtr>"
            for value, note in ((then, label), (otherwise, "<mtext>otherwise</mtext>"))
        )
        return f"<mrow><mo>{{</mo><mtable class='cases'>{rows}</mtable></mrow>"

    return show(expression)


def _rank(factor: sp.Expr) -> int:
    """Place of a factor in a product: numbers, constants, sums, then states."""
    base = factor.as_base_exp()[0]
    if base.is_Number:
        return 0
    if isinstance(base, sp.Symbol):
        return 3 if str(base).startswith("y_") or base == CELLS else 1
    return 2


def _number(e: sp.Number) -> str:
    if isinstance(e, sp.Rational) and not e.is_Integer:
        return f"<mfrac><mn>{e.p}</mn><mn>{e.q}</mn></mfrac>"
    value = float(e)
    text = f"{value:.10g}"
    if "e" not in text and abs(value) < 1e5:
        return f"<mn>{text}</mn>"
    digits, exponent = f"{value:.9e}".split("e")
    digits = digits.rstrip("0").rstrip(".")
    power = f"<msup><mn>10</mn><mn>{str(int(exponent)).replace('-', '&#8722;')}</mn></msup>"
    return power if digits == "1" else f"<mrow><mn>{digits}</mn><mo>&#183;</mo>{power}</mrow>"
