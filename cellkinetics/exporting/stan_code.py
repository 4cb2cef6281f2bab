"""Expressions as Stan code, and the names that Stan lets them have."""

import re
from collections.abc import Iterable, Mapping

import sympy as sp
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pycode import PythonCodePrinter

from cellkinetics.algebra import NotAbove, Where
from cellkinetics.errors import ModelError
from cellkinetics.symbolic import TIME

# Words of the language, and the names that the program itself uses inside a model's functions.
_WORDS = """
    for in while repeat until if then else true false target return break continue profile print
    reject fatal_error functions data transformed parameters model generated quantities int real
    complex vector simplex unit_vector sum_to_zero_vector ordered positive_ordered row_vector
    matrix cholesky_factor_corr cholesky_factor_cov corr_matrix cov_matrix array tuple void lower
    upper offset multiplier truncate jacobian T var fvar STAN_MAJOR STAN_MINOR
    t z y phi theta known after tau cells shift which
    exp log sqrt square max dz out
    natural switch_times states_at initial infusion to_scale infused rates observed states solve
    below_normal below above log_reading reading_of_row
"""
RESERVED = frozenset(_WORDS.split())
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FUNCTIONS = (sp.exp, sp.log, Where, NotAbove)
_TIGHTEST = PRECEDENCE["Atom"]


def stan_name(name: str, taken: Iterable[str] = ()) -> str:
    """A name of the model as a variable of Stan; one that Stan keeps for itself gets a tail.

    Raises
    ------
    ModelError                      letters that Stan does not allow
    """
    if not _IDENTIFIER.fullmatch(name) or name.endswith("__"):
        raise ModelError(
            f"'{name}' cannot be exported to Stan, whose names are of plain letters, digits and"
            " underscores, begin with a letter and do not end in '__'. Rename it in the model."
        )
    avoided = RESERVED | set(taken)
    while name in avoided:
        name += "x" if name.endswith("_") else "_"
    return name


def comment(text: str) -> str:
    """A comment behind a line, whatever the text: it ends where the line does."""
    return f"  // {' '.join(text.split())}"


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """Real arithmetic only: 1/2 is 0 in Stan."""

    def _print_Pow(self, expr: sp.Pow, rational: bool = False, sqrt: str = "sqrt") -> str:
        base, exponent = expr.args
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if exponent == -1:
            return f"1.0 / {self.parenthesize(base, _TIGHTEST, strict=True)}"
        if exponent == 2:
            return f"square({self._print(base)})"
        around = self.parenthesize(base, _TIGHTEST, strict=True)
        return f"{around}^{self.parenthesize(exponent, _TIGHTEST, strict=True)}"

    def _print_exp(self, expr: sp.exp) -> str:
        return f"exp({self._print(expr.args[0])})"

    def _print_log(self, expr: sp.log) -> str:
        return f"log({self._print(expr.args[0])})"

    def _print_Where(self, expr: Where) -> str:
        condition, then, otherwise = expr.args
        if isinstance(condition, NotAbove):
            a, b = condition.args
            holds = f"{self._print(a)} <= {self._print(b)}"
        else:
            holds = self._print(condition)
            holds = holds if condition.is_Symbol else f"{holds} > 0.5"
        return f"({holds} ? {self._print(then)} : {self._print(otherwise)})"

    def _print_NotAbove(self, expr: NotAbove) -> str:
        a, b = expr.args
        return f"({self._print(a)} <= {self._print(b)} ? 1.0 : 0.0)"

    def _print_Integer(self, expr: sp.Integer) -> str:
        return f"{int(expr)}.0"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_NumberSymbol(self, expr: sp.NumberSymbol) -> str:
        return repr(float(expr))

    _print_Exp1 = _print_Pi = _print_NumberSymbol

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "positive_infinity()"

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return "negative_infinity()"


def stan_code(expression: sp.Expr, names: Mapping[sp.Symbol, str]) -> str:
    """One expression as Stan code.

    Parameters
    ----------
    expression : Expr
    names : mapping of Symbol to str    what each symbol is called there

    Returns
    -------
    str

    Raises
    ------
    ModelError                          an operation that is not one of ``cellkinetics.algebra``
    """
    e = sp.sympify(expression)
    for node in sp.preorder_traversal(e):
        if node.is_Function and node.func not in _FUNCTIONS:
            raise ModelError(
                f"'{node}' cannot be exported to Stan: {type(node).__name__} is not one of the"
                " functions of cellkinetics.algebra (exp, log, sqrt, minimum, maximum, where)."
            )
    known = {TIME: "t", **names}
    missing = sorted(str(s) for s in e.free_symbols if s not in known)
    if missing:
        raise ModelError(f"'{e}' cannot be exported to Stan: {missing[0]} has no meaning there.")
    called = e.xreplace({s: sp.Symbol(known[s], real=True) for s in e.free_symbols})
    return str(_Printer({"strict": True}).doprint(called))
