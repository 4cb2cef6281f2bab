"""Expressions to straight-line code: what is common is computed once, and as seldom as can be.

What depends on parameters alone is computed once a solve, what depends on switch flags once a
segment between switches, and only the rest in every call. The first two levels go into one array
``k`` that every generated function reads.

Integrators carry eight subjects side by side, one a lane, so that one instruction serves many:
their arrays hold component i of lane l at ``8 * i + l``. Closed forms have no lanes. Equations are
written for lane l, and then turned into code for all lanes at once (``side_by_side``).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from cellkinetics.algebra import NotAbove, Where
from cellkinetics.kernel.layout import LANES


def at(array: str, index: int, *, lanes: bool) -> str:
    """``w[3]``, or with lanes ``w[24 + l]``."""
    return f"{array}[{LANES * index} + l]" if lanes else f"{array}[{index}]"


_OF_A_LANE = re.compile(r"\b(\w+)\[(?:([^][]*) \+ )?l\]")


def side_by_side(lines: Sequence[str]) -> list[str]:
    """Straight-line code of lane l as code for all lanes: what is read and written are vectors.

    A function that vectors do not have (``kernel/vector.py``) leaves a loop over lanes.
    """
    if any("math." in line for line in lines):
        return ["for l in range(lanes):", *("    " + line for line in lines)]
    out = []
    for line in lines:
        target, value = line.split(" = ", 1)
        value = _OF_A_LANE.sub(lambda m: f"load({m[1]}, {m[2] or 0})", value)
        place = _OF_A_LANE.fullmatch(target)
        known = f"store({place[1]}, {place[2] or 0}, {value})" if place else f"{target} = {value}"
        out.append(known)
    return out


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """Python scalar code that numba compiles well: no powers where a product will do."""

    def _print_Pow(self, expr: sp.Pow, rational: bool = False, sqrt: str = "math.sqrt") -> str:
        base, exponent = expr.as_base_exp()
        text = self.parenthesize(base, 100)
        if exponent == sp.Rational(1, 2):
            return f"math.sqrt({self._print(base)})"
        if exponent.is_Integer and 1 <= abs(int(exponent)) <= 4:
            # 1/x * 1/x, not 1/(x*x): the square of a large number is no number.
            factor = text if exponent > 0 else f"(1.0/{text})"
            return f"({'*'.join([factor] * abs(int(exponent)))})"
        return f"({text})**({self._print(exponent)})"

    def _print_Where(self, expr: Where) -> str:
        condition, then, otherwise = expr.args
        return (
            f"({self._print(then)} if {self._print(condition)} > 0.5 else {self._print(otherwise)})"
        )

    def _print_NotAbove(self, expr: NotAbove) -> str:
        a, b = expr.args
        return f"(1.0 if {self._print(a)} <= {self._print(b)} else 0.0)"

    def _print_Integer(self, expr: sp.Integer) -> str:
        return f"{int(expr)}.0"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))


class _LanePrinter(_Printer):
    """The same for code that serves all lanes: functions of vectors, fused sums."""

    def _print_Where(self, expr: Where) -> str:
        condition, then, otherwise = (self._print(e) for e in expr.args)
        return f"if_less(0.5, {condition}, {then}, {otherwise})"

    def _print_NotAbove(self, expr: NotAbove) -> str:
        a, b = (self._print(e) for e in expr.args)
        return f"if_at_least({b}, {a}, 1.0, 0.0)"

    def _print_Mul(self, expr: sp.Mul) -> str:
        sign, factors = self._factors(expr)
        return sign + "*".join(factors)

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        """A sum as nested fused multiply-adds around its first term that is no product."""
        terms = list(expr.args)
        start = next((e for e in terms if not e.is_Mul or len(self._factors(e)[1]) < 2), terms[0])
        terms.remove(start)
        text = str(self._print(start))
        for term in terms:
            sign, factors = self._factors(term)
            if len(factors) > 1:
                text = f"fma({sign}{'*'.join(factors[:-1])}, {factors[-1]}, {text})"
            else:
                text = f"{text} {sign or '+'} {factors[0]}"
        return text

    def _factors(self, expr: sp.Expr) -> tuple[str, list[str]]:
        """Sign, and the factors in an order in which products of large and small stay in range.

        Reciprocals of sums (``over0``) take turns with what they divide.
        """
        number, rest = expr.as_coeff_Mul()
        sign = "-" if number.is_negative else ""
        large = [] if abs(number) == 1 else [self._print(abs(number))]
        small = []
        for factor in sp.Mul.make_args(rest):
            base, exponent = factor.as_base_exp()
            whole = exponent.is_Integer and 1 <= abs(int(exponent)) <= 4
            text = self.parenthesize(base if whole else factor, 100)
            times = abs(int(exponent)) if whole else 1
            if whole and exponent < 0:
                small += [f"(1.0/{text})"] * times
            elif str(base).startswith("over"):
                small += [text] * times
            else:
                large += [text] * times
        turns = [f for pair in zip(large, small, strict=False) for f in pair]
        rest_of = large[len(small) :] + small[len(large) :]
        return sign, turns + rest_of

    def _print_exp(self, expr: sp.exp) -> str:
        return f"exp_({self._print(expr.args[0])})"

    def _print_log(self, expr: sp.log) -> str:
        return f"log_({self._print(expr.args[0])})"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False, sqrt: str = "math.sqrt") -> str:
        base, exponent = expr.as_base_exp()
        if exponent == sp.Rational(1, 2):
            return f"sqrt_({self._print(base)})"
        if exponent.is_Integer and abs(int(exponent)) <= 4:
            return "".join(("(", "*".join(self._factors(expr)[1]), ")"))
        return f"exp_(({self._print(exponent)}) * log_({self._print(base)}))"


_SETTINGS = {"fully_qualified_modules": True, "strict": True}
_PRINTER, _LANE_PRINTER = _Printer(_SETTINGS), _LanePrinter(_SETTINGS)


def code(expression: sp.Expr, *, vector: bool = False) -> str:
    """One expression as Python source; ``vector`` for code that serves all lanes."""
    return str((_LANE_PRINTER if vector else _PRINTER).doprint(expression))


@dataclass
class Body:
    """The source of one function body, line by line, without indentation."""

    lines: list[str] = field(default_factory=list)

    def text(self, indent: int = 4) -> str:
        """The lines joined, indented."""
        pad = " " * indent
        return "\n".join(pad + line for line in self.lines) or pad + "pass"


def function(signature: str, body: Body) -> str:
    """Source of a compiled function."""
    return f"@njit(**OPTIONS)\ndef {signature}:\n{body.text()}"


@dataclass
class Memory:
    """The array ``k``: which symbol or subexpression lies in which slot, and who fills it."""

    lanes: bool = False
    slots: dict[sp.Expr, int] = field(default_factory=dict)
    prepare: Body = field(default_factory=Body)
    segment: Body = field(default_factory=Body)
    _static: set[sp.Symbol] = field(default_factory=set)
    _flags: set[sp.Symbol] = field(default_factory=set)

    def declare(self, symbols: Iterable[sp.Symbol], *, flags: bool = False) -> None:
        """Give parameters (or switch flags) a slot; the caller writes their values."""
        for symbol in symbols:
            self.slots[symbol] = len(self.slots)
            (self._flags if flags else self._static).add(symbol)

    def level(self, expression: sp.Expr) -> int:
        """0: known once a solve; 1: once a segment; 2: only in the call."""
        free = expression.free_symbols
        if free <= self._static:
            return 0
        return 1 if free <= self._static | self._flags else 2

    def slot(self, expression: sp.Expr) -> str:
        """Where a static expression lies in ``k``; it is computed on first request."""
        if expression not in self.slots:
            body = self.prepare if self.level(expression) == 0 else self.segment
            self.slots[expression] = len(self.slots)
            text = code(self._with_slots(expression))
            body.lines.append(f"{self.place(self.slots[expression])} = {text}")
        return self.place(self.slots[expression])

    def place(self, slot: int) -> str:
        """``k[i]``, or with lanes ``k[8 * i + l]``."""
        return at("k", slot, lanes=self.lanes)

    def _with_slots(self, expression: sp.Expr) -> sp.Expr:
        return expression.xreplace(
            {
                s: sp.Symbol(self.place(self.slots[s]))
                for s in expression.free_symbols
                if s in self.slots
            }
        )


def assign(
    memory: Memory,
    targets: Sequence[tuple[str, sp.Expr]],
    *,
    prefix: str = "x",
    vector: bool = False,
) -> Body:
    """Straight-line assignments for ``targets``, with common subexpressions taken out.

    Parameters
    ----------
    memory : Memory                 where static subexpressions are kept
    targets : sequence of (str, expression)     left-hand sides and their values; zeros are skipped
    prefix : str                    of the names of temporaries
    vector : bool                   the lines are to serve all lanes

    Returns
    -------
    Body
    """
    wanted = [(name, e) for name, e in targets if e != 0]
    hoisted = [(name, _hoist(memory, sp.sympify(e))) for name, e in wanted]
    replaced, reduced = sp.cse(
        [e for _, e in hoisted], symbols=sp.numbered_symbols(prefix), order="none"
    )
    body = Body()
    for symbol, expression in replaced:
        body.lines.append(f"{symbol} = {code(expression, vector=vector)}")
    for (name, _), expression in zip(hoisted, reduced, strict=True):
        body.lines.append(f"{name} = {code(expression, vector=vector)}")
    return body


def _hoist(memory: Memory, expression: sp.Expr) -> sp.Expr:
    """Replace the largest static parts of an expression by slots of ``k``."""
    if expression in memory.slots:
        return sp.Symbol(memory.slot(expression))
    if not expression.free_symbols or expression.is_Atom:
        return expression
    if memory.level(expression) < 2:
        return sp.Symbol(memory.slot(expression))
    if isinstance(expression, sp.Add | sp.Mul):
        parts: dict[int, list[sp.Expr]] = {0: [], 1: [], 2: []}
        for arg in expression.args:
            parts[memory.level(arg)].append(arg)
        joined = []
        for level in (0, 1):
            if parts[level]:
                joined.append(_hoist(memory, expression.func(*parts[level])))
        return expression.func(*joined, *(_hoist(memory, a) for a in parts[2]))
    return expression.func(*(_hoist(memory, a) for a in expression.args))
