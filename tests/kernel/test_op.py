"""The kernel inside PyTensor: exact gradients, data as inputs, copies that work."""

import copy
import pickle
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest
from kernel_models import ORAL, PEAK, names, ragged_dosing, ragged_rows, to_phi
from pytensor.compile.maker import function
from pytensor.gradient import DisconnectedInputError, grad

from cellkinetics.declare import Model
from cellkinetics.kernel.compiled import MAX_STEPS, Kernel, build_kernel
from cellkinetics.kernel.layout import Dosing, Floats, Rows
from cellkinetics.kernel.op import INPUTS, KernelOp

RTOL = 1e-10
KERNELS: dict[str, tuple[Model, Kernel]] = {
    "peak": (PEAK, build_kernel(PEAK, names(PEAK), form="ode")),
    "oral": (ORAL, build_kernel(ORAL, names(ORAL))),
}


def data(name: str, subjects: int, seed: int) -> tuple[Floats, Floats, Dosing, Rows, Floats]:
    """phi, constants, infusions, rows and a weight a row, for some subjects."""
    rng = np.random.default_rng(seed)
    model, kernel = KERNELS[name]
    phi = to_phi(model) + 0.1 * rng.standard_normal((subjects, len(kernel.wrt)))
    observables = len(model.observables)
    rows = ragged_rows(
        [
            sorted((float(t), int(rng.integers(observables))) for t in rng.uniform(0.1, 20, n))
            for n in rng.integers(1, 6, subjects)
        ]
    )
    doses = [(0.0, 300.0), (2.0, 100.0)] if name == "oral" else []
    dosing = ragged_dosing([doses] * subjects)
    return phi, np.empty((subjects, 0)), dosing, rows, rng.standard_normal(len(rows.time))


def flat(phi: Floats, constants: Floats, dosing: Dosing, rows: Rows) -> list[Any]:
    """The inputs of the Op, but for the tolerance and the bound on steps."""
    infusions = [dosing.start, dosing.time, dosing.cells]
    return [phi, constants, *infusions, rows.start, rows.time, rows.observable]


def symbols() -> list[Any]:
    floats, ints = pt.dvector, pt.lvector
    return [pt.dmatrix(), pt.dmatrix(), ints(), floats(), floats(), ints(), floats(), ints()]


def outputs(kernel: Kernel, variables: list[Any], max_steps: int = MAX_STEPS) -> Any:
    """pred, jac and status of the Op."""
    return KernelOp(kernel)(*variables, RTOL, max_steps)


def loss_by_hand(name: str, *given: Any) -> float:
    phi, constants, dosing, rows, weight = given
    out = KERNELS[name][1](phi, constants, dosing, rows, rtol=RTOL)
    return float((weight * out.pred**2).sum())


def compile_both(mode: str) -> Any:
    """The losses of two models in one graph, and their gradients by phi."""
    inputs, losses, phis, statuses = [], [], [], []
    for _, kernel in KERNELS.values():
        variables, weight = symbols(), pt.dvector()
        pred, _, status = outputs(kernel, variables)
        losses.append((weight * pred**2).sum())
        inputs += [*variables, weight]
        phis.append(variables[0])
        statuses.append(status)
    gradients: Any = grad(losses[0] + losses[1], phis)
    return function(inputs, [*losses, *gradients, *statuses], mode=mode)


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_values_and_gradients_of_two_models_in_one_graph(mode: str) -> None:
    both = compile_both(mode)
    # Other data, of another size, is an input: nothing is compiled for it.
    for subjects, seed in ((3, 1), (1, 2), (7, 3)):
        given = {name: data(name, subjects, seed + i) for i, name in enumerate(KERNELS)}
        inputs = [x for g in given.values() for x in (*flat(*g[:4]), g[4])]
        *found, _, _ = both(*inputs)
        for i, (name, g) in enumerate(given.items()):
            assert found[i] == pytest.approx(loss_by_hand(name, *g), rel=1e-9)
            np.testing.assert_allclose(found[2 + i], differences(name, g), rtol=1e-5, atol=1e-4)
    # One compiled version each: the graph, and calls from Python, use the same.
    assert [len(kernel.module.solve.signatures) for _, kernel in KERNELS.values()] == [1, 1]


def differences(name: str, given: tuple[Any, ...]) -> Floats:
    """Central differences of the loss, (subject, parameter)."""
    phi, *rest = given
    out, step = np.empty(phi.shape), 1e-4
    for index in np.ndindex(*phi.shape):
        moved = [phi.copy(), phi.copy()]
        moved[0][index] += step
        moved[1][index] -= step
        high, low = (loss_by_hand(name, p, *rest) for p in moved)
        out[index] = (high - low) / (2 * step)
    return out


def test_a_failed_subject_is_nan_with_its_status() -> None:
    variables = symbols()
    pred, _, status = outputs(KERNELS["oral"][1], variables, max_steps=5)
    run = function(variables, [pred, status], mode="FAST_COMPILE")
    found, code = run(*flat(*data("oral", 2, 1)[:4]))
    assert np.isnan(found).all()
    np.testing.assert_array_equal(code, 1)


def test_nothing_flows_through_the_jacobian_or_the_status() -> None:
    variables = symbols()
    _, jac, _ = outputs(KERNELS["peak"][1], variables)
    with pytest.raises(DisconnectedInputError):
        grad(jac.sum(), variables[0])


def test_pickles_and_copies_work_and_are_equal() -> None:
    op = KernelOp(KERNELS["peak"][1])
    inputs = flat(*data("peak", 2, 4)[:4])
    wanted = KERNELS["peak"][1](inputs[0], inputs[1], *data("peak", 2, 4)[2:4], rtol=RTOL)
    node: Any = None  # not looked at
    for twin in (pickle.loads(pickle.dumps(op)), copy.deepcopy(op), copy.copy(op)):
        assert twin == op
        assert hash(twin) == hash(op)
        storage: list[list[Any]] = [[None], [None], [None]]
        twin.perform(node, [*inputs, np.float64(RTOL), np.int64(MAX_STEPS)], storage)
        np.testing.assert_array_equal(storage[0][0], wanted.pred)
        np.testing.assert_array_equal(storage[1][0], wanted.jac)
    other = KernelOp(KERNELS["oral"][1])
    assert other != op


def test_wrong_inputs_are_refused_when_the_graph_is_built() -> None:
    op, right = KernelOp(KERNELS["peak"][1]), [*symbols(), RTOL, MAX_STEPS]
    with pytest.raises(ValueError, match=f"takes {len(INPUTS)} inputs, got 2"):
        op(*right[:2])
    with pytest.raises(ValueError, match="phi has 1 dimensions, wanted 2"):
        op(pt.dvector(), *right[1:])
    with pytest.raises(ValueError, match="row_observable is float64, wanted int64"):
        op(*right[:7], pt.dvector(), *right[8:])
