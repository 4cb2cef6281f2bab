"""The functions that model equations are written with.

They work on SymPy expressions (to derive code, Jacobian and LaTeX) and on quantities with
units (to check that an equation balances). ``math.exp`` and Python's ``if`` do neither.

``Where`` and ``NotAbove`` stand in for SymPy's Piecewise and relationals, which rewrite
themselves into nested cases that no compiler should see.
"""

from typing import Any

import sympy as sp

from cellkinetics.declare import Expression

FLAG_PREFIX = "after_"


class NotAbove(sp.Function):  # type: ignore[misc]
    """1 where the first argument is at most the second, else 0."""

    nargs = 2

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        return sp.S.Zero

    def _latex(self, printer: Any, **_: Any) -> str:
        a, b = self.args
        return rf"{printer._print(a)} \le {printer._print(b)}"


class Where(sp.Function):  # type: ignore[misc]
    """The second argument where the first (a 0/1 flag) holds, else the third."""

    nargs = 3

    @classmethod
    def eval(cls, condition: sp.Expr, then: sp.Expr, otherwise: sp.Expr) -> sp.Expr | None:
        """Fall together where both alternatives are the same."""
        return then if then == otherwise else None

    def _eval_is_real(self) -> bool | None:
        return self.args[1].is_real and self.args[2].is_real  # type: ignore[no-any-return]

    def _eval_is_positive(self) -> bool | None:
        if self.args[1].is_positive and self.args[2].is_positive:
            return True
        return None

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        condition, then, otherwise = self.args
        return Where(condition, then.diff(symbol), otherwise.diff(symbol))

    def _latex(self, printer: Any, **_: Any) -> str:
        condition, then, otherwise = self.args
        text = str(condition)
        label = (
            rf"\text{{after {text.removeprefix(FLAG_PREFIX).replace('_', ' ')}}}"
            if text.startswith(FLAG_PREFIX)
            else rf"\text{{if }} {printer._print(condition)}"
        )
        first, second = printer._print(then), printer._print(otherwise)
        return rf"\begin{{cases}} {first} & {label} \\ {second} & \text{{otherwise}} \end{{cases}}"


def _is_symbolic(*values: Any) -> bool:
    return not any(hasattr(value, "same_unit") for value in values)


def exp(x: Expression) -> Expression:
    """Exponential of a dimensionless quantity."""
    return sp.exp(x) if _is_symbolic(x) else x.exp()


def log(x: Expression) -> Expression:
    """Natural logarithm of a dimensionless quantity."""
    return sp.log(x) if _is_symbolic(x) else x.log()


def sqrt(x: Expression) -> Expression:
    """Square root."""
    return sp.sqrt(x) if _is_symbolic(x) else x**0.5


def rescale(x: Expression, factor: float, unit: str) -> Expression:
    """Write a quantity in another unit: ``rescale(cells, 1e-9, "10^9 cells")``.

    ``factor`` is what one of its unit makes in ``unit``; the unit check holds it to be true.
    """
    return factor * x if _is_symbolic(x) else x.rescaled(factor, unit)


def minimum(a: Expression, b: Expression) -> Expression:
    """The smaller of two quantities of one unit."""
    if _is_symbolic(a, b):
        return Where(NotAbove(a, b), a, b)
    return _with_unit(a, b)


def maximum(a: Expression, b: Expression) -> Expression:
    """The larger of two quantities of one unit."""
    if _is_symbolic(a, b):
        return Where(NotAbove(a, b), b, a)
    return _with_unit(a, b)


def after(switch: str) -> Expression:
    """Whether the named switch time has passed; the condition of :func:`where`."""
    return sp.Symbol(f"{FLAG_PREFIX}{switch}", real=True)


def where(condition: Expression, then: Expression, otherwise: Expression) -> Expression:
    """``then`` where the condition holds, ``otherwise`` where it does not."""
    if _is_symbolic(then, otherwise):
        return Where(condition, sp.sympify(then), sp.sympify(otherwise))
    return _with_unit(then, otherwise)


def _with_unit(a: Expression, b: Expression) -> Expression:
    """Whichever of two alternatives carries the unit, once both are seen to agree."""
    return a.same_unit(b) if hasattr(a, "same_unit") else b.same_unit(a)
