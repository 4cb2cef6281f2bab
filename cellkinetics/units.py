"""Units as the field writes them; pint does the arithmetic and is loaded only when it is needed.

A unit is first reduced to one spelling (``copies/µg DNA`` and ``copies / ug`` are the same), which
answers most questions at once. The text may come from a stranger's file, so the grammar is our own
and small: products, quotients, brackets and integer powers of names, with a factor in front.
"""

import functools
import math
import re
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellkinetics.errors import UnitError

_LONGEST = 80  # characters; longer than any unit, short enough to bound the recursion

# Names that are accepted without asking pint, each with the one spelling that we print.
_SPELLINGS = {
    "copies": "copies copy Copies Copy",
    "cells": "cells cell Cells Cell",
    "day": "day days d Day Days",
    "hour": "hour hours h hr hrs",
    "minute": "minute minutes min",
    "week": "week weeks",
    "month": "month months",
    "year": "year years",
    "L": "L l",
    "dL": "dL dl",
    "mL": "mL ml ML cc",
    "uL": "uL ul",
    "nL": "nL nl",
    "kg": "kg Kg KG",
    "g": "g",
    "mg": "mg",
    "ug": "ug mcg",
    "ng": "ng",
    "pg": "pg",
    "fg": "fg",
    "m": "m",
    "mm": "mm",
    "%": "% percent pct",
    "IU": "IU",
}
_NAMES = {spelt: name for name, all_of_it in _SPELLINGS.items() for spelt in all_of_it.split()}
# The same in another case is something else (PG a petagram, D a debye), or nothing.
_IN_ANY_CASE = {spelt.lower(): name for spelt, name in _NAMES.items()}
_MOLAR = ("M", "mM")

# What our names are called in pint's registry.
_IN_PINT = {"copies": "copy", "cells": "cell", "%": "percent"}

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_%]+)"
    r"|(?P<sign>[*/^()-]))"
)
_BESIDE = "~"  # stands between two factors that are written side by side
_EXAMPLES = "copies/ug, cells/uL, 10^9/L, pg/mL, cells/kg, 1/day or %"


@dataclass(frozen=True)
class Unit:
    """A factor times a product of powers of names, in the order in which they were written."""

    factor: float
    powers: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        """Write the unit in its one spelling."""
        above = [_raised(name, power) for name, power in self.powers if power > 0]
        below = [_raised(name, -power) for name, power in self.powers if power < 0]
        front = _factor(self.factor)
        if above and front:
            head = f"{front} {'*'.join(above)}"
        else:
            head = "*".join(above) or front or "1"
        return "/".join([head, *below])


def parse_unit(text: str) -> Unit:
    """Read a unit as the field writes it.

    Parameters
    ----------
    text : str                    "copies/µg", "x10⁹/L", "1/(cells/uL)/day", "%"

    Returns
    -------
    Unit                          its string is the canonical spelling

    Raises
    ------
    UnitError                     if the text is not a unit, or can be read in two ways
    """
    return _parse(text)


def canonical(text: str) -> str:
    """Spell a unit in the one way that we print: ``canonical(" Copies / µg DNA") == "copies/ug"``.

    Raises
    ------
    UnitError                     if the text is not a unit
    """
    return str(parse_unit(text))


def same_dimension(one: str, other: str) -> bool:
    """Say whether values in one unit can be converted to the other.

    Cells are a count (10^9/L is 1000 cells/uL); copies are a dimension of their own, because the
    step from copies to cells needs the vector copy number.

    Raises
    ------
    UnitError                     if either text is not a unit
    """
    if dict(parse_unit(one).powers) == dict(parse_unit(other).powers):
        return True  # no need to wake pint
    return bool(_quantity(parse_unit(one)).check(_quantity(parse_unit(other)).dimensionality))


@overload
def convert(value: float, source: str, target: str) -> float: ...
@overload
def convert(value: ArrayLike, source: str, target: str) -> NDArray[np.float64] | float: ...
def convert(value: ArrayLike, source: str, target: str) -> NDArray[np.float64] | float:
    """Convert values from one unit to another.

    Parameters
    ----------
    value : float or array (...)  in ``source``
    source, target : str          units, such as "10^9/L" and "cells/uL"

    Returns
    -------
    float or array (...)          in ``target``; a number for a number

    Raises
    ------
    UnitError                     if either is not a unit, or they measure different things
    """
    start, end = parse_unit(source), parse_unit(target)
    factor = 1.0
    if start != end:
        if not same_dimension(source, target):
            raise UnitError(
                f"cannot convert {source!r} to {target!r}: they measure different things "
                f"({_quantity(start).dimensionality} and {_quantity(end).dimensionality})."
            )
        factor = float((_quantity(start) / _quantity(end)).to_base_units().magnitude)
    scaled = np.asarray(value, dtype=np.float64) * factor
    return float(scaled) if scaled.ndim == 0 else scaled


@functools.lru_cache(maxsize=512)
def _parse(text: str) -> Unit:
    if len(text) > _LONGEST:
        raise UnitError(f"a unit of {len(text)} characters; write one such as {_EXAMPLES}.")
    cleaned = _clean(text)
    if not cleaned:
        raise UnitError(f"an empty unit; write one such as {_EXAMPLES}.")
    factor, powers, rest = _product(_tokens(cleaned, text), text)
    if rest:
        raise _not_a_unit(text)
    if not (math.isfinite(factor) and factor > 0):
        raise _not_a_unit(text)
    unit = Unit(factor, tuple((name, power) for name, power in powers.items() if power))
    for name in powers:
        meant = _IN_ANY_CASE.get(name.lower())
        if meant and name not in _SPELLINGS and name not in _MOLAR:
            raise UnitError(
                f"{text!r} is not a known unit: upper and lower case differ, and {name!r} is not "
                f"{meant!r}. Write {meant}."
            )
        if name not in _SPELLINGS and not _known_to_pint(name):
            part = "" if name == text else f": {name!r} is not"
            raise UnitError(f"{text!r} is not a known unit{part}. Examples: {_EXAMPLES}.")
    return unit


def _clean(text: str) -> str:
    """Undo typography and the field's short forms."""
    text = text.strip().replace("\u00b5", "u").replace("\u03bc", "u")
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: "^" + m.group().translate(_SUPERSCRIPTS), text)
    for sign, plain in (("·", "*"), ("⋅", "*"), ("×", "x"), ("\u2212", "-"), ("**", "^")):
        text = text.replace(sign, plain)
    if re.search(r"(?:\b|(?<=x))10[eE][0-9]", text):
        raise UnitError(
            f"{text!r} can be read in two ways (10e9 is ten times 10^9): write 10^9 or 1e9."
        )
    text = re.sub(r"\b(ug|mcg)\s*(?:of\s+)?(?:g|genomic\s+)?DNA$", r"\1", text)
    text = re.sub(r"\s+per\s+", "/", text)
    text = re.sub(r"\bmm\^?3(?![0-9])", "uL", text)
    text = re.sub(r"^x\s*(?=10)", "", text)
    text = re.sub(r"^10\*(?=[0-9])", "10^", text)  # UCUM writes 10*9/L
    text = re.sub(r"^G/(?=[lL]$)", "10^9/", text)  # giga per litre, a European haematology unit
    text = re.sub(r"^K/(?=u[lL]$)", "10^3/", text)  # thousands per microlitre, its US twin
    return text if not text.startswith("/") else f"1{text}"


def _tokens(cleaned: str, text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(cleaned):
        match = _TOKEN.match(cleaned, at)
        if match is None:
            raise _not_a_unit(text)
        token = match.group().strip()
        follows = match["number"] is not None and match.start() == match.start("number")
        if follows and found and found[-1][-1].isalpha() and "." not in token:
            found.append("^")  # mm3 is mm^3
        elif (match["name"] or match["number"]) and found and found[-1] not in "*/^(-":
            found.append(_BESIDE)
        found.append(token)
        at = match.end()
    return found


def _product(tokens: list[str], text: str) -> tuple[float, dict[str, int], list[str]]:
    """Read factors joined by *, / and side by side; return what is left from ``)`` on.

    Side by side binds tighter than /: copies/1000 cells is copies/(1000*cells).
    """
    factor, powers = 1.0, dict[str, int]()
    side, rest = 1, tokens
    while True:
        magnitude, names, rest = _power(rest, text)
        factor = factor * magnitude if side > 0 else factor / magnitude
        for name, power in names.items():
            powers[name] = powers.get(name, 0) + side * power
        if not rest or rest[0] == ")":
            return factor, powers, rest
        if rest[0] != _BESIDE:
            if rest[0] not in "*/":
                raise _not_a_unit(text)
            side = 1 if rest[0] == "*" else -1
        rest = rest[1:]


def _power(tokens: list[str], text: str) -> tuple[float, dict[str, int], list[str]]:
    """Read one number, name or bracket and the integer power behind it."""
    if not tokens or tokens[0] in "*/^)-" + _BESIDE:
        raise _not_a_unit(text)
    head, rest = tokens[0], tokens[1:]
    magnitude, names = 1.0, dict[str, int]()
    if head == "(":
        magnitude, names, rest = _product(rest, text)
        if not rest:
            raise _not_a_unit(text)
        rest = rest[1:]
    elif head[0].isdigit():
        magnitude = float(head)
        if magnitude == 0:
            raise _not_a_unit(text)
    else:
        names = {_NAMES.get(head, head): 1}
    if not rest or rest[0] != "^":
        return magnitude, names, rest
    sign, rest = (-1, rest[2:]) if rest[1:2] == ["-"] else (1, rest[1:])
    if not rest or not re.fullmatch(r"[0-9]{1,2}", rest[0]):
        raise _not_a_unit(text)
    power = sign * int(rest[0])
    try:
        raised = magnitude**power
    except OverflowError:
        raise _not_a_unit(text) from None
    if raised == 0:
        raise _not_a_unit(text)
    return raised, {name: was * power for name, was in names.items()}, rest[1:]


def _not_a_unit(text: str) -> UnitError:
    return UnitError(f"{text[:_LONGEST]!r} is not a unit; write one such as {_EXAMPLES}.")


def _raised(name: str, power: int) -> str:
    return name if power == 1 else f"{name}^{power}"


def _factor(factor: float) -> str:
    if factor == 1:
        return ""
    exponent = math.log10(factor)
    whole = round(exponent)
    return f"10^{whole}" if math.isclose(exponent, whole, abs_tol=1e-12) else f"{factor:g}"


@functools.cache
def _registry() -> Any:
    import pint  # noqa: PLC0415  (half a second: only when a conversion is asked for)

    registry = pint.UnitRegistry()
    registry.define("cell = 1 * count = cell = cells")
    registry.define("copy = [copy] = copy = copies")
    registry.define("IU = [international_unit]")
    return registry


def _known_to_pint(name: str) -> bool:
    """Say whether pint knows the name as a unit with a true zero (degrees Celsius have none)."""
    import pint  # noqa: PLC0415

    registry = _registry()
    try:
        return bool(registry.Quantity(0.0, registry.Unit(name)).to_base_units().magnitude == 0)
    except (pint.PintError, ArithmeticError, ValueError):  # ValueError: "nan"
        return False


def _quantity(unit: Unit) -> Any:
    """Hand the unit to pint, name by name, so that pint never parses a stranger's text."""
    registry = _registry()
    quantity = registry.Quantity(unit.factor)
    for name, power in unit.powers:
        quantity = quantity * registry.Unit(_IN_PINT.get(name, name)) ** power
    return quantity
