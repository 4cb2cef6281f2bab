"""Whether a model's equations balance: its functions run once on quantities with units.

A quantity carries its text, its unit and the faults found on the way to it, so that one run
finds every fault and says in which equation it stands. What is built on a fault is not judged
again: one mistake is one sentence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from types import SimpleNamespace
from typing import Any

import sympy as sp

from cellkinetics.declare import Input, Model, Observable, Parameter, State
from cellkinetics.errors import ModelError, UnitError
from cellkinetics.symbolic import trace
from cellkinetics.units import Unit, convert, parse_unit, same_dimension

NO_UNIT = Unit(1.0, ())
DAY = parse_unit("day")
CELLS = parse_unit("cells")

# How tightly the outermost operation of a text binds.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)


@dataclass(frozen=True, eq=False)
class Quantity:
    """What a model function computes with here: a text, its unit, and what does not balance in it.

    Attributes
    ----------
    text : str
    unit : Unit
    binding : int                   of the outermost operation
    names : dict of str to Unit     the named quantities in the text
    faults : tuple of str           sentences, each without its equation
    any_unit : bool                 the number 0, which goes with every unit
    """

    text: str
    unit: Unit
    binding: int = _ATOM
    names: Mapping[str, Unit] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    any_unit: bool = False

    def __add__(self, other: Any) -> "Quantity":
        return _sum(self, "+", other)

    def __radd__(self, other: Any) -> "Quantity":
        return _sum(other, "+", self)

    def __sub__(self, other: Any) -> "Quantity":
        return _sum(self, "-", other)

    def __rsub__(self, other: Any) -> "Quantity":
        return _sum(other, "-", self)

    def __mul__(self, other: Any) -> "Quantity":
        return _product(self, "*", other)

    def __rmul__(self, other: Any) -> "Quantity":
        return _product(other, "*", self)

    def __truediv__(self, other: Any) -> "Quantity":
        return _product(self, "/", other)

    def __rtruediv__(self, other: Any) -> "Quantity":
        return _product(other, "/", self)

    def __neg__(self) -> "Quantity":
        return replace(self, text=f"-{_inside(self, _PRODUCT)}", binding=_PRODUCT)

    def __pow__(self, other: Any) -> "Quantity":
        return _power(self, other)

    def __rpow__(self, other: Any) -> "Quantity":
        return _power(other, self)

    def exp(self) -> "Quantity":
        """Exponential; the argument may have no unit."""
        return _of_a_number("exp", self)

    def log(self) -> "Quantity":
        """Logarithm; the argument may have no unit."""
        return _of_a_number("log", self)

    def rescaled(self, factor: float, unit: str) -> "Quantity":
        """Return the same quantity in another unit; the factor must be the true one."""
        target = parse_unit(unit)
        text = f"{_inside(self, _PRODUCT)}*{factor:g}"
        joint = replace(self, text=text, unit=target, binding=_PRODUCT)
        ratio = _ratio(self.unit, target)
        if joint.faults or (ratio is not None and abs(ratio / factor - 1) < 1e-9):
            return joint
        makes = "nothing" if ratio is None else f"{ratio:g}"
        return _faulty(
            joint,
            f"{_short(self)} is rescaled by {factor:g} to {target}, but one {_say(self.unit)}"
            f" makes {makes} of it",
            self,
        )

    def same_unit(self, other: Any) -> "Quantity":
        """Whichever of two alternatives is taken: both must have one unit."""
        other = _lift(other)
        joint = _join(f"{{{self.text} or {other.text}}}", _ATOM, self, other)
        return _with_agreement(joint, self, other, "are alternatives")


def check_units(model: Model) -> list[str]:
    """Say what does not balance in a model's equations.

    Right-hand sides must be in the state's unit per day, initial values, solutions, infusions and
    observables in their own unit, switches in days; terms of a sum, and the alternatives of
    ``where``, ``minimum`` and ``maximum``, in one unit; arguments of ``exp`` and ``log``, and
    exponents, without one.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of str                     one sentence a fault; empty where all is well

    Raises
    ------
    ModelError                      the names in the equations do not agree, or a function does what
                                    quantities cannot do
    """
    trace(model)
    faults, known = _read_units(model)
    if faults:
        return faults
    if model.time_unit != "day":
        faults.append(
            f"{model.name}: time_unit is '{model.time_unit}', but times are days everywhere."
            " State rates per day."
        )
    states = {q.name: known[q.name].unit for q in model.states}
    y = SimpleNamespace(**{name: known[name] for name in states})
    constants: tuple[Parameter | Input, ...] = (*model.parameters, *model.inputs)
    p = SimpleNamespace(**{q.name: known[q.name] for q in constants})
    t = _named("t", DAY)

    derived, found = _run(model, "derived", model.derived, None, p)
    faults += found
    p = SimpleNamespace(**vars(p), **{name: _named(name, q.unit) for name, q in derived.items()})
    for role, function, arguments, wanted in (
        ("switches", model.switches, (p,), dict.fromkeys(_names(model.switches, p), DAY)),
        ("initial", model.initial, (p,), states),
        ("rhs", model.rhs, (t, y, p), {n: _times(u, DAY, -1) for n, u in states.items()}),
        ("solution", model.solution, (t, p), states),
        ("observe", model.observe, (y, p), {q.name: known[q.name].unit for q in model.observables}),
        ("infuse", model.infuse, (_named("cells", CELLS), p), states),
        (
            "characteristics",
            lambda p: {q.name: q.compute(p) for q in model.characteristics},
            (p,),
            {q.name: parse_unit(q.unit) for q in model.characteristics},
        ),
        *_stochastic_roles(model, t, y, p, states),
    ):
        faults += _run(model, role, function, wanted, *arguments)[1]
    return faults


def _stochastic_roles(
    model: Model, t: Quantity, y: SimpleNamespace, p: SimpleNamespace, states: dict[str, Unit]
) -> list[tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Unit]]]:
    """Cells per unit of the state that can die out; its births and deaths where they are given."""
    given = model.stochastic
    if given is None:
        return []
    own = states[given.state]
    asked: list[tuple[str, Callable[..., Any], tuple[Any, ...], Unit]]
    asked = [("cells", given.cells, (p,), _times(CELLS, own, -1))]
    asked += [
        (name, function, (t, y, p), _times(own, DAY, -1))
        for name, function in (("birth", given.birth), ("death", given.death))
        if function is not None
    ]
    return [
        ("stochastic", lambda *a, n=name, f=function: {n: f(*a)}, arguments, {name: wanted})
        for name, function, arguments, wanted in asked
    ]


def _names(function: Callable[..., Any] | None, *arguments: Any) -> list[str]:
    return list(function(*arguments)) if function is not None else []


def _read_units(model: Model) -> tuple[list[str], dict[str, Quantity]]:
    faults, known = [], {}
    declared: tuple[Parameter | Input | State | Observable, ...] = (
        *model.parameters,
        *model.inputs,
        *model.states,
        *model.observables,
    )
    for q in declared:
        try:
            known[q.name] = _named(q.name, parse_unit(q.unit))
        except UnitError as error:
            faults.append(f"{model.name}: the unit of '{q.name}' cannot be read: {error}")
    return faults, known


def _run(
    model: Model,
    role: str,
    function: Callable[..., Any] | None,
    wanted: Mapping[str, Unit] | None,
    *arguments: Any,
) -> tuple[dict[str, Quantity], list[str]]:
    """Results of one function by name, and a sentence for each fault in them."""
    if function is None:
        return {}, []
    try:
        returned = function(*arguments)
    except (TypeError, sp.SympifyError) as error:
        raise ModelError(
            f"{model.name}: {role}() cannot be run on quantities with units ({error})."
            " Use the functions of cellkinetics.algebra in place of SymPy's or NumPy's own."
        ) from error
    results = {name: _lift(value) for name, value in returned.items()}
    sentences = []
    for name, q in results.items():
        faults = list(q.faults)
        if wanted is not None and not (q.faults or q.any_unit or _same(q.unit, wanted[name])):
            faults.append(
                f"{_short(q)} is {_say(q.unit)}, wanted {wanted[name]}"
                f"{_apart(q.unit, wanted[name])}{_where(q)}"
            )
        sentences += [f"{model.name}: {role}()['{name}']: {fault}." for fault in faults]
    return results, sentences


def _named(name: str, unit: Unit) -> Quantity:
    return Quantity(name, unit, names={name: unit})


def _lift(value: Any) -> Quantity:
    """A plain number as a quantity without unit."""
    if isinstance(value, Quantity):
        return value
    if isinstance(value, sp.Expr) or (isinstance(value, Real) and not isinstance(value, bool)):
        number = sp.sympify(value)
        simple = number.is_Function or (number.is_Number and number.is_nonnegative)
        text = f"{float(number):g}" if number.is_Number else str(number)
        return Quantity(text, NO_UNIT, _ATOM if simple else _SUM, any_unit=number == 0)
    raise TypeError(f"{type(value).__name__} is not a quantity")


def _sum(one: Any, sign: str, other: Any) -> Quantity:
    a, b = _lift(one), _lift(other)
    right = _inside(b, _PRODUCT if sign == "-" else _SUM)
    joint = _join(f"{a.text} {sign} {right}", _SUM, a, b)
    return _with_agreement(joint, a, b, "are added" if sign == "+" else "are subtracted")


def _product(one: Any, sign: str, other: Any) -> Quantity:
    a, b = _lift(one), _lift(other)
    right = _inside(b, _POWER if sign == "/" else _PRODUCT)
    joint = _join(f"{_inside(a, _PRODUCT)}{sign}{right}", _PRODUCT, a, b)
    return replace(joint, unit=_times(a.unit, b.unit, 1 if sign == "*" else -1))


def _power(base: Any, exponent: Any) -> Quantity:
    a, b = _lift(base), _lift(exponent)
    joint = _join(f"{_inside(a, _ATOM)}^{_inside(b, _ATOM)}", _POWER, a, b)
    if joint.faults or (_same(a.unit, NO_UNIT) and _same(b.unit, NO_UNIT)):
        return joint
    if not _same(b.unit, NO_UNIT):
        return _faulty(
            joint, f"the exponent {_short(b)} is {b.unit}, wanted a number without unit", b
        )
    powers = None if b.names else _raised(a.unit, sp.sympify(exponent))
    if powers is None:
        return _faulty(joint, f"{_short(a)} is {a.unit} and cannot be raised to {_short(b)}", a, b)
    return replace(joint, unit=powers)


def _raised(unit: Unit, exponent: sp.Expr) -> Unit | None:
    powers = [(name, sp.nsimplify(exponent) * power) for name, power in unit.powers]
    if not all(power.is_Integer for _, power in powers):
        return None
    return Unit(unit.factor ** float(exponent), tuple((n, int(power)) for n, power in powers))


def _of_a_number(function: str, q: Quantity) -> Quantity:
    joint = replace(q, text=f"{function}({q.text})", unit=NO_UNIT, binding=_ATOM)
    if joint.faults or _same(q.unit, NO_UNIT):
        return joint
    return _faulty(joint, f"{function}() is taken of {_short(q)}, which is {q.unit}", q)


def _join(text: str, binding: int, a: Quantity, b: Quantity) -> Quantity:
    """Text, names and faults of two quantities together; no unit yet."""
    faults = a.faults + tuple(fault for fault in b.faults if fault not in a.faults)
    return Quantity(text, NO_UNIT, binding, {**a.names, **b.names}, faults)


def _with_agreement(joint: Quantity, a: Quantity, b: Quantity, what: str) -> Quantity:
    joint = replace(
        joint, unit=b.unit if a.any_unit else a.unit, any_unit=a.any_unit and b.any_unit
    )
    if joint.faults or a.any_unit or b.any_unit or _same(a.unit, b.unit):
        return joint
    fault = (
        f"{_short(a)} is {_say(a.unit)} and {_short(b)} is {_say(b.unit)}"
        f"{_apart(a.unit, b.unit)}, but they {what}"
    )
    return _faulty(joint, fault, a, b)


def _faulty(joint: Quantity, fault: str, *involved: Quantity) -> Quantity:
    return replace(joint, faults=(*joint.faults, fault + _where(*involved)))


def _where(*involved: Quantity) -> str:
    """Units of the names in what was said, but for those that stood there by themselves."""
    names = {n: u for q in involved if q.text not in q.names for n, u in q.names.items()}
    return f" ({', '.join(f'{n}: {_say(u)}' for n, u in names.items())})" if names else ""


def _inside(q: Quantity, binding: int) -> str:
    return q.text if q.binding >= binding else f"({q.text})"


def _times(one: Unit, other: Unit, power: int) -> Unit:
    powers = dict(one.powers)
    for name, exponent in other.powers:
        powers[name] = powers.get(name, 0) + power * exponent
    # Time is written last: copies/ug/day.
    kept = sorted(((n, e) for n, e in powers.items() if e), key=lambda item: item[0] == "day")
    return Unit(one.factor * other.factor**power, tuple(kept))


def _ratio(one: Unit, other: Unit) -> float | None:
    """How many of the other make one; None where they measure different things."""
    a, b = str(Unit(1.0, one.powers)), str(Unit(1.0, other.powers))
    if not same_dimension(a, b):
        return None
    return convert(1.0, a, b) * one.factor / other.factor


def _same(one: Unit, other: Unit) -> bool:
    ratio = _ratio(one, other)
    return ratio is not None and abs(ratio - 1) < 1e-9


def _apart(one: Unit, other: Unit) -> str:
    ratio = _ratio(one, other)
    return "" if ratio is None else f" (a factor of {max(ratio, 1 / ratio):g} apart)"


def _say(unit: Unit) -> str:
    return "without unit" if unit == NO_UNIT else str(unit)


def _short(q: Quantity) -> str:
    """The text, its middle left out where it is long."""
    return q.text if len(q.text) <= 64 else f"{q.text[:40]} ... {q.text[-20:]}"
