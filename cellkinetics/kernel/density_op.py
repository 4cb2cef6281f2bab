"""The log density of readings as a PyTensor Op, compiled by numba in PyTensor's numba mode.

All that a row says enters as an input, never as a constant of the compiled code, so that new
data needs no new compilation.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit
from pytensor.tensor.variable import TensorVariable

from cellkinetics.density import codes, compiled, log_densities, rows
from cellkinetics.kernel.dispatch import compiles
from cellkinetics.kernel.layout import Floats

# PyTensor looks its compiled code up by this key alone: it must change with the code.
_SOURCES = (codes.__file__, compiled.__file__, rows.__file__, __file__)
CACHE_KEY = sha256(b"".join(Path(file).read_bytes() for file in _SOURCES)).hexdigest()

type Node = Apply[Any]
type Ints = NDArray[np.int64]
type Bools = NDArray[np.bool_]
type AnyVariable = Variable[Any, Any]
type Vector = TensorVariable[Any, Any]

INPUTS = {
    "pred": "float64",
    "a": "float64",
    "b": "float64",
    "family": "int64",
    "kind": "int64",
    "value": "float64",
    "lower": "float64",
    "upper": "float64",
    "floor": "float64",
    "nu": "float64",
    "pred_is_log": "bool",
}
DIFFERENTIABLE = 3  # the first three


class DensityOp(Op):
    """(log density, its derivatives by pred, a and b) of every row; inputs as in ``INPUTS``."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Node:
        """Type the inputs; each is (row,)."""
        typed = [
            _as_row_vector(name, dtype, value)
            for (name, dtype), value in zip(INPUTS.items(), inputs, strict=True)
        ]
        lengths = {v.type.shape[0] for v in typed} - {None}
        if len(lengths) > 1:
            given = ", ".join(f"{n} {v.type.shape[0]}" for n, v in zip(INPUTS, typed, strict=True))
            raise ValueError(f"density: every input must have one entry per row, got {given}")
        shape = (lengths.pop() if lengths else None,)
        outputs = [pt.tensor(dtype="float64", shape=shape) for _ in range(1 + DIFFERENTIABLE)]
        return Apply(self, typed, outputs)

    def perform(self, node: Node, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        """Evaluate outside the numba mode."""
        pred, a, b, family, kind, value, lower, upper, floor, nu, pred_is_log = map(
            np.ascontiguousarray, inputs
        )
        outputs = [np.empty(pred.size) for _ in output_storage]
        log_densities(
            family, kind, value, lower, upper, floor, pred, pred_is_log, a, b, nu, *outputs
        )
        for storage, output in zip(output_storage, outputs, strict=True):
            storage[0] = output

    def infer_shape(self, node: Node, input_shapes: list[Any]) -> list[Any]:
        """Every output is as long as the rows."""
        return [input_shapes[0]] * len(node.outputs)

    def connection_pattern(self, node: Node) -> list[list[bool]]:
        """All outputs depend on pred, a and b; the rest is data."""
        return [[i < DIFFERENTIABLE] * len(node.outputs) for i in range(len(node.inputs))]

    def pullback(
        self,
        inputs: Sequence[AnyVariable],
        outputs: Sequence[AnyVariable],
        cotangents: Sequence[AnyVariable],
    ) -> list[AnyVariable]:
        """Multiply by the derivatives that were computed with the value.

        Second derivatives are not there: asking for them is an error, not a zero.
        """
        data = [disconnected_type() for _ in inputs[DIFFERENTIABLE:]]
        by_log_p, *by_derivatives = cotangents
        if any(not isinstance(c.type, DisconnectedType) for c in by_derivatives):
            reason = "the density has first derivatives only"
            wanted = enumerate(inputs[:DIFFERENTIABLE])
            refused = [grad_not_implemented(self, i, v, reason) for i, v in wanted]  # type: ignore[no-untyped-call]
            return refused + data
        if isinstance(by_log_p.type, DisconnectedType):
            return [disconnected_type() for _ in inputs]
        return [pt.mul(by_log_p, derivative) for derivative in outputs[1:]] + data


def _as_row_vector(name: str, dtype: str, value: Any) -> Vector:
    variable = pt.as_tensor_variable(value)
    if variable.ndim != 1:
        raise ValueError(f"density: {name} must be (row,), got {variable.ndim} dimensions")
    if not np.can_cast(variable.dtype, dtype, casting="same_kind"):
        raise ValueError(f"density: {name} must be {dtype}, got {variable.dtype}")
    return variable if variable.dtype == dtype else pt.cast(variable, dtype)


@compiles(DensityOp)
def _numba_density(op: DensityOp, node: Node, **kwargs: Any) -> tuple[Any, str]:
    @numba_njit
    def density(
        pred: Floats, a: Floats, b: Floats, family: Ints, kind: Ints, value: Floats,
        lower: Floats, upper: Floats, floor: Floats, nu: Floats, pred_is_log: Bools,
    ) -> tuple[Floats, Floats, Floats, Floats]:  # fmt: skip
        n = pred.size
        log_p, by_pred, by_a, by_b = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
        log_densities(
            family, kind, value, lower, upper, floor, pred, pred_is_log, a, b, nu,
            log_p, by_pred, by_a, by_b,
        )  # fmt: skip
        return log_p, by_pred, by_a, by_b

    return density, CACHE_KEY


def log_density_rows(
    pred: Any,
    a: Any,
    b: Any,
    *,
    family: Any,
    kind: Any,
    value: Any,
    lower: Any,
    upper: Any,
    floor: Any,
    nu: Any,
    pred_is_log: Any,
) -> Vector:
    """Log density of every row, differentiable by ``pred``, ``a`` and ``b``.

    Parameters
    ----------
    pred, a, b : tensor (row,)                          as in ``cellkinetics.density.log_density``
    family, kind : int tensor (row,)                    data as ``pm.Data``, so that other data
    value, lower, upper, floor, nu : tensor (row,)      needs no new compilation; it refuses NaN:
    pred_is_log : bool tensor (row,)                    give 0 where a row does not use a value

    Returns
    -------
    tensor (row,)                                       pointwise log-likelihood; its sum goes
                                                        into a ``pm.Potential``

    Raises
    ------
    ValueError                                          if an input is not (row,) or not of its
                                                        type, or lengths that are known differ
    """
    inputs = (pred, a, b, family, kind, value, lower, upper, floor, nu, pred_is_log)
    return cast(Vector, DensityOp().make_node(*inputs).outputs[0])
