"""Expressions as content MathML, the form in which SBML holds equations."""

from collections.abc import Mapping
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement

import sympy as sp

from cellkinetics.algebra import FLAG_PREFIX, NotAbove, Where
from cellkinetics.errors import ModelError
from cellkinetics.symbolic import TIME

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
DIMENSIONLESS = "dimensionless"
TIME_URL = "http://www.sbml.org/sbml/symbols/time"

_FUNCTIONS = {sp.exp: "exp", sp.log: "ln"}


def math_element(
    expression: sp.Expr, ids: Mapping[sp.Symbol, str], *, unit: str | None = None
) -> Element:
    """One expression as a ``math`` element.

    Parameters
    ----------
    expression : Expr
    ids : mapping of Symbol to str      what each symbol is called in the document
    unit : str, optional                id of the unit of the whole, for a bare 0

    Returns
    -------
    Element

    Raises
    ------
    ModelError                          an operation that SBML has no word for
    """
    root = Element("math", {"xmlns": NAMESPACE})
    root.append(_element(sp.sympify(expression), ids, unit))
    return root


def condition_element(
    left: sp.Expr, relation: str, right: sp.Expr, ids: Mapping[sp.Symbol, str]
) -> Element:
    """A relation (``geq``, ``leq``, ``eq``) of two expressions as a ``math`` element."""
    root = Element("math", {"xmlns": NAMESPACE})
    root.append(_apply(relation, _element(left, ids), _element(right, ids)))
    return root


def _apply(operator: str, *args: Element) -> Element:
    node = Element("apply")
    SubElement(node, operator)
    node.extend(args)
    return node


def _element(e: sp.Expr, ids: Mapping[sp.Symbol, str], unit: str | None = None) -> Element:
    if e.is_Symbol:
        return _symbol(e, ids)
    if e.is_Number or e.is_NumberSymbol:
        return _number(e, unit)
    if e.is_Add:
        return _apply("plus", *(_element(a, ids) for a in e.args))
    if e.is_Mul:
        return _product(e, ids)
    if e.is_Pow:
        return _power(e, ids)
    if e.func in _FUNCTIONS and len(e.args) == 1:
        return _apply(_FUNCTIONS[e.func], _element(e.args[0], ids))
    if isinstance(e, Where):
        return _cases(e, ids, unit)
    if isinstance(e, NotAbove):
        return _choice(_apply("leq", *(_element(a, ids) for a in e.args)), _one(), _zero())
    raise ModelError(
        f"'{e}' cannot be exported to SBML: {type(e).__name__} is not one of the functions of"
        " cellkinetics.algebra (exp, log, sqrt, minimum, maximum, where)."
    )


def _symbol(e: sp.Symbol, ids: Mapping[sp.Symbol, str]) -> Element:
    if e == TIME:
        node = Element("csymbol", {"encoding": "text", "definitionURL": TIME_URL})
        node.text = "time"
        return node
    node = Element("ci")
    node.text = ids[e]
    return node


def _number(e: sp.Number, unit: str | None = None) -> Element:
    if e in (sp.oo, -sp.oo):
        infinity = Element("infinity")
        return infinity if e == sp.oo else _apply("minus", infinity)
    # A whole number in a balanced equation has no unit, but 0 goes with every one, and a decimal
    # may be the factor between two.
    known = unit if e.is_zero else DIMENSIONLESS if e.is_Rational else None
    attributes = {} if known is None else {"sbml:units": known}
    if e.is_Rational and not e.is_Integer:
        node = Element("cn", {"type": "rational"} | attributes)
        node.text = str(e.p)
        SubElement(node, "sep").tail = str(e.q)
        return node
    node = Element("cn", ({"type": "integer"} if e.is_Integer else {}) | attributes)
    # Shortest decimals that give the same double back, without an exponent: readers multiply
    # mantissa by power of ten, which costs the last bit.
    node.text = str(int(e)) if e.is_Integer else f"{Decimal(repr(float(e))):f}"
    return node


def _one() -> Element:
    return _number(sp.S.One)


def _zero() -> Element:
    return _number(sp.S.Zero)


def _product(e: sp.Mul, ids: Mapping[sp.Symbol, str]) -> Element:
    """A product as a quotient of two products, a leading minus apart."""
    above: list[sp.Expr] = []
    below: list[sp.Expr] = []
    number, rest = e.as_coeff_Mul()
    sign = number.is_negative
    number = abs(number)
    if number != 1:
        (below if number.is_Rational and number.p == 1 else above).append(
            1 / number if number.is_Rational and number.p == 1 else number
        )
    for factor in sp.Mul.make_args(rest):
        if factor.is_Pow and factor.exp.is_number and factor.exp.is_negative:
            below.append(factor.base**-factor.exp)
        else:
            above.append(factor)
    node = _times(above, ids)
    if below:
        node = _apply("divide", node, _times(below, ids))
    return _apply("minus", node) if sign else node


def _times(factors: list[sp.Expr], ids: Mapping[sp.Symbol, str]) -> Element:
    if not factors:
        return _one()
    nodes = [_element(f, ids) for f in factors]
    return nodes[0] if len(nodes) == 1 else _apply("times", *nodes)


def _power(e: sp.Pow, ids: Mapping[sp.Symbol, str]) -> Element:
    base, exponent = e.args
    if exponent == sp.Rational(1, 2):
        return _apply("root", _element(base, ids))
    if exponent.is_number and exponent.is_negative:
        return _apply("divide", _one(), _element(base**-exponent, ids))
    return _apply("power", _element(base, ids), _element(exponent, ids))


def _cases(e: Where, ids: Mapping[sp.Symbol, str], unit: str | None) -> Element:
    condition, then, otherwise = e.args
    if isinstance(condition, NotAbove):
        holds = _apply("leq", *(_element(a, ids) for a in condition.args))
    elif condition.is_Symbol and condition.name.startswith(FLAG_PREFIX):
        holds = _apply("eq", _element(condition, ids), _one())
    else:
        holds = _apply("gt", _element(condition, ids), _number(sp.Rational(1, 2)))
    return _choice(holds, _element(then, ids, unit), _element(otherwise, ids, unit))


def _choice(holds: Element, then: Element, otherwise: Element) -> Element:
    node = Element("piecewise")
    SubElement(node, "piece").extend([then, holds])
    SubElement(node, "otherwise").append(otherwise)
    return node
