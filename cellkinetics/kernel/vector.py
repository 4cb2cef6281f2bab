"""Eight doubles side by side, as one value that compiled code computes with.

The compiler can find vector instructions in a loop over lanes by itself, but it gives up on long
loops over many arrays, and does not say so: a right-hand side of 13 states then ran one lane after
the other. What is written with this type is vector code by construction, whatever its length.

Operators and the functions below take vectors and plain numbers, mixed as they come; with plain
numbers alone they are what they are for those. Every operation is the one that a scalar would see,
rounded as that is.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

from cellkinetics.kernel.layout import LANES

_BITS = ir.VectorType(ir.IntType(64), LANES)
_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)


class Vector(types.Type):
    """Numba's name for ``LANES`` doubles."""

    def __init__(self) -> None:
        super().__init__(name=f"vector{LANES}")


vector = Vector()
_NUMBERS = (vector, types.float64)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _DOUBLES)


def _spread(builder: Any, value: Any) -> Any:
    """A plain number in every lane."""
    one = builder.insert_element(ir.Constant(_DOUBLES, ir.Undefined), value, ir.IntType(32)(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_DOUBLES, ir.Undefined), lanes)


def _alike(builder: Any, values: Any, kinds: Any) -> list[Any]:
    """All as vectors if one is; else as they are."""
    if vector not in kinds:
        return list(values)
    return [v if k == vector else _spread(builder, v) for v, k in zip(values, kinds, strict=True)]


def _operator(symbol: Any, instruction: str) -> None:
    """Teach numba a binary operator."""
    pairs = [(vector, vector), (vector, types.float64), (types.float64, vector)]

    @infer_global(symbol)
    class _Typing(ConcreteTemplate):
        cases = tuple(signature(vector, *pair) for pair in pairs)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*_alike(builder, args, sig.args))

    for pair in pairs:
        lower_builtin(symbol, *pair)(lower)


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, _instruction)


@infer_global(operator.neg)
class _Negative(ConcreteTemplate):
    cases = (signature(vector, vector),)


@lower_builtin(operator.neg, vector)
def _negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


def _result(kinds: Any) -> Any:
    """Type of a function of these: a vector if one of them is; nothing if one is no number."""
    if not all(k in _NUMBERS for k in kinds):
        return None
    return vector if vector in kinds else types.float64


def _lowered(build: Callable[..., Any]) -> Callable[..., Any]:
    """Lowering of a function that works lane by lane: ``build(builder, *values)``."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return build(builder, *_alike(builder, args, sig.args))

    return lower


def _llvm(name: str) -> Callable[..., Any]:
    """Lowering to what LLVM has by name."""

    def build(builder: Any, *values: Any) -> Any:
        kind = values[0].type
        suffix = f"v{LANES}f64" if isinstance(kind, ir.VectorType) else "f64"
        shape = ir.FunctionType(kind, [kind] * len(values))
        function = cgutils.get_or_insert_function(builder.module, shape, f"llvm.{name}.{suffix}")
        return builder.call(function, values)

    return _lowered(build)


@intrinsic
def load(context, array, first):  # type: ignore[no-untyped-def]
    """The lanes that begin at an index; nothing is checked."""

    def lower(context, builder, sig, args):  # type: ignore[no-untyped-def]
        return builder.load(_place(context, builder, sig, args), align=8)

    return vector(array, types.intp), lower


@intrinsic
def store(context, array, first, value):  # type: ignore[no-untyped-def]
    """Write lanes, or a plain number to every lane, from an index on; nothing is checked."""
    if value not in _NUMBERS:
        return None

    def lower(context, builder, sig, args):  # type: ignore[no-untyped-def]
        wide = args[2] if sig.args[2] == vector else _spread(builder, args[2])
        builder.store(wide, _place(context, builder, sig, args), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), lower


def _place(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    data = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0]).data
    return builder.bitcast(builder.gep(data, [args[1]]), _DOUBLES.as_pointer())


@intrinsic
def fma(context, a, b, c):  # type: ignore[no-untyped-def]
    """A * b + c, rounded once: the same number in every process, unlike what fastmath does.

    One instruction on what was made since 2013 or so; before, a call: slow but the same number.
    """
    result = _result((a, b, c))
    return result and (result(a, b, c), _llvm("fma"))


@intrinsic
def if_less(context, a, b, then, otherwise):  # type: ignore[no-untyped-def]
    """``then`` where a < b, else ``otherwise``; that too where one is not a number."""
    return _chosen("<", a, b, then, otherwise)


@intrinsic
def if_at_least(context, a, b, then, otherwise):  # type: ignore[no-untyped-def]
    """``then`` where a >= b, else ``otherwise``; that too where one is not a number."""
    return _chosen(">=", a, b, then, otherwise)


def _chosen(sign: str, *kinds: Any) -> Any:
    def build(builder: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
        return builder.select(builder.fcmp_ordered(sign, a, b), then, otherwise)

    result = _result(kinds)
    return result and (result(*kinds), _lowered(build))


@intrinsic
def sqrt_(context, x):  # type: ignore[no-untyped-def]
    """Square root."""
    result = _result((x,))
    return result and (result(x), _llvm("sqrt"))


@intrinsic
def abs_(context, x):  # type: ignore[no-untyped-def]
    """Absolute value."""
    result = _result((x,))
    return result and (result(x), _llvm("fabs"))


def _bits(x: Any) -> tuple[Any, Any, Callable[[int], Any]]:
    """Types of the doubles and of their bits, and constants of the latter."""
    wide = isinstance(x.type, ir.VectorType)
    kind = _BITS if wide else ir.IntType(64)
    return x.type, kind, lambda c: ir.Constant(kind, [c] * LANES if wide else c)


@intrinsic
def times_power_of_two(context, x, shifted):  # type: ignore[no-untyped-def]
    """X 2^n, n being the lowest bits of ``shifted`` (n + 1.5 2^52)."""

    def build(builder: Any, x: Any, shifted: Any) -> Any:
        doubles, bits, constant = _bits(x)
        power = builder.shl(builder.bitcast(shifted, bits), constant(52))
        return builder.bitcast(builder.add(builder.bitcast(x, bits), power), doubles)

    result = _result((x, shifted))
    return result and (result(x, shifted), _lowered(build))


_ROOT_HALF = 0x3FE6A09E667F3BCD


@intrinsic
def power_of(context, x):  # type: ignore[no-untyped-def]
    """N of x = 2^n z with z from sqrt(1/2) to sqrt(2), x normal and above 0."""

    def build(builder: Any, x: Any) -> Any:
        doubles, bits, constant = _bits(x)
        n = builder.ashr(builder.sub(builder.bitcast(x, bits), constant(_ROOT_HALF)), constant(52))
        # As a double by the same trick as in exp_.
        shifted = builder.bitcast(builder.add(n, constant(0x4338000000000000)), doubles)
        wide = isinstance(doubles, ir.VectorType)
        middle = ir.Constant(doubles, [6755399441055744.0] * LANES if wide else 6755399441055744.0)
        return builder.fsub(shifted, middle)

    result = _result((x,))
    return result and (result(x), _lowered(build))


@intrinsic
def mantissa_of(context, x):  # type: ignore[no-untyped-def]
    """Z of x = 2^n z with z from sqrt(1/2) to sqrt(2), x normal and above 0."""

    def build(builder: Any, x: Any) -> Any:
        doubles, bits, constant = _bits(x)
        low = builder.sub(builder.bitcast(x, bits), constant(_ROOT_HALF))
        low = builder.and_(low, constant(0x000FFFFFFFFFFFFF))
        return builder.bitcast(builder.add(low, constant(_ROOT_HALF)), doubles)

    result = _result((x,))
    return result and (result(x), _lowered(build))
