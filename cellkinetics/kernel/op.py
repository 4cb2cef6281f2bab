"""The kernel inside PyTensor: an Op whose gradient is the Jacobian that the kernel already has.

Everything that changes from study to study enters as an input of the Op, so that new data, new
limits and new doses need no new compilation; the key of PyTensor's disk cache is the name of the
generated module, which is the hash of its content.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numba import njit
from numpy.typing import NDArray
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op

from cellkinetics.density.compiled import compiled
from cellkinetics.kernel.cache import load_kernel
from cellkinetics.kernel.compiled import Kernel
from cellkinetics.kernel.dispatch import compiles
from cellkinetics.kernel.layout import Floats

# Name, type and dimensions; fixed types, because each other one would be compiled anew.
INPUTS = (
    ("phi", "float64", 2),
    ("constants", "float64", 2),
    ("infusion_start", "int64", 1),
    ("infusion_time", "float64", 1),
    ("infusion_cells", "float64", 1),
    ("row_start", "int64", 1),
    ("row_time", "float64", 1),
    ("row_observable", "int64", 1),
    ("rtol", "float64", 0),
    ("max_steps", "int64", 0),
)


type AnyVariable = Variable[Any, Any]
type Ints = NDArray[np.int64]


class KernelOp(Op):
    """phi, constants, infusions and rows to (pred, jac, status).

    Inputs as in ``INPUTS``: phi (subject, parameter), constants (subject, constant), the three
    arrays of :class:`~cellkinetics.kernel.layout.Dosing`, the three of
    :class:`~cellkinetics.kernel.layout.Rows`, rtol, max_steps.
    """

    __props__ = ("key",)

    def __init__(self, kernel: Kernel) -> None:
        # The source, not the module: a pm.Model is copied and sent to other processes.
        self.source = kernel.source
        self.key = kernel.module.__name__

    @property
    def solve(self) -> Any:
        """The compiled function."""
        return load_kernel(self.source).solve

    def make_node(self, *inputs: Any) -> Apply[Any]:
        """Build the node; see the class for the inputs."""
        if len(inputs) != len(INPUTS):
            raise ValueError(f"KernelOp takes {len(INPUTS)} inputs, got {len(inputs)}")
        variables = [_typed(*declared, x) for declared, x in zip(INPUTS, inputs, strict=True)]
        outputs = [pt.dvector("pred"), pt.dmatrix("jac"), pt.lvector("status")]
        return Apply(self, variables, outputs)

    def perform(self, node: Apply[Any], inputs: Sequence[Any], outputs: list[list[Any]]) -> None:
        """Run the kernel from Python."""
        phi, const, *rest, rtol, max_steps = inputs
        rows = len(rest[4])
        pred, jac = np.empty(rows), np.empty((rows, phi.shape[1]))
        status = np.zeros(len(phi), dtype=np.int64)
        self.solve(
            np.ascontiguousarray(phi),
            np.ascontiguousarray(const),
            *(np.ascontiguousarray(x) for x in rest),
            float(rtol),
            int(max_steps),
            pred,
            jac,
            status,
            np.zeros_like(status),
        )
        for storage, value in zip(outputs, (pred, jac, status), strict=True):
            storage[0] = value

    def pullback(
        self,
        inputs: Sequence[AnyVariable],
        outputs: Sequence[AnyVariable],
        cotangents: Sequence[AnyVariable],
    ) -> list[AnyVariable]:
        """Contract the cotangent of pred with the Jacobian; nothing flows through jac or status."""
        disconnected = [DisconnectedType()() for _ in inputs[1:]]
        if isinstance(cotangents[0].type, DisconnectedType):
            return [DisconnectedType()(), *disconnected]
        row_start = inputs[5]
        by_phi: Any = sum_rows_by_subject(cotangents[0], outputs[1], row_start)
        return [by_phi, *disconnected]

    def connection_pattern(self, node: Apply[Any]) -> list[list[bool]]:
        """Only pred depends on phi in a differentiable way."""
        return [[i == 0, False, False] for i in range(len(INPUTS))]


def _typed(name: str, dtype: str, dimensions: int, value: Any) -> AnyVariable:
    variable = pt.as_tensor_variable(value)
    if variable.ndim != dimensions:
        raise ValueError(f"kernel: {name} has {variable.ndim} dimensions, wanted {dimensions}")
    if not np.can_cast(variable.dtype, dtype, casting="same_kind"):
        raise ValueError(f"kernel: {name} is {variable.dtype}, wanted {dtype}")
    return variable if variable.dtype == dtype else pt.cast(variable, dtype)


class SumRowsBySubject(Op):
    """sum over the rows r of each subject of weight[r] * jac[r, :]."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply[Any]:
        """Build the node from weight (row,), jac (row, parameter), start (subject + 1,)."""
        inputs = tuple(pt.as_tensor_variable(x) for x in inputs)
        return Apply(self, list(inputs), [pt.dmatrix()])

    def perform(self, node: Apply[Any], inputs: Sequence[Any], outputs: list[list[Any]]) -> None:
        """Run from Python."""
        outputs[0][0] = _sum_rows(*inputs)


sum_rows_by_subject = SumRowsBySubject()


@compiled
def _sum_rows(weight: Floats, jac: Floats, start: Ints) -> Floats:
    out = np.zeros((len(start) - 1, jac.shape[1]))
    for s in range(len(start) - 1):
        for r in range(start[s], start[s + 1]):
            for j in range(jac.shape[1]):
                out[s, j] += weight[r] * jac[r, j]
    return out


@compiles(SumRowsBySubject)
def _numba_sum_rows(op: SumRowsBySubject, **_: Any) -> tuple[Any, str]:
    return _sum_rows, "cellkinetics-sum-rows-1"


@compiles(KernelOp)
def _numba_kernel(op: KernelOp, **_: Any) -> tuple[Any, str]:
    solve = op.solve

    @njit(nogil=True, error_model="numpy")
    def kernel_op(
        phi: Floats, const: Floats, inf_start: Ints, inf_time: Floats, inf_cells: Floats,
        row_start: Ints, row_time: Floats, row_obs: Ints, rtol: Floats, max_steps: Ints,
    ) -> tuple[Floats, Floats, Ints]:  # fmt: skip
        pred = np.empty(len(row_time))
        jac = np.empty((len(row_time), phi.shape[1]))
        status = np.zeros(len(phi), dtype=np.int64)
        steps = np.zeros(len(phi), dtype=np.int64)
        solve(
            np.ascontiguousarray(phi),
            np.ascontiguousarray(const),
            inf_start,
            inf_time,
            inf_cells,
            row_start,
            row_time,
            row_obs,
            rtol.item(),
            max_steps.item(),
            pred,
            jac,
            status,
            steps,
        )
        return pred, jac, status

    return kernel_op, f"cellkinetics-kernel-1-{op.key}"
