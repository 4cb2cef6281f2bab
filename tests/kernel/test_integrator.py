"""The integrator: its order, its tolerance, and sensitivities in the error norm."""

import math
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from kernel_models import FIVE, FIVE_DAYS, changed, names, to_phi, uncompiled, with_text
from scipy.integrate import solve_ivp

from cellkinetics.kernel.compiled import Kernel, Solution, build_kernel
from cellkinetics.kernel.layout import Floats, Rows, regular_dosing, regular_rows
from cellkinetics.kernel.tableau import VERNER7

STATES = range(2, 7)  # outputs after the two observables
# Below one cell per mL no assay reads, and the logarithm of an extinct clone means nothing.
FLOOR = 1e-3
# A tumour at its capacity and a visit after years: the states hardly move, so that their errors
# allow steps at which the sensitivities of an explicit method grow.
PLATEAU, VISITS = 145, np.array([1460.0])


def five() -> Kernel:
    return build_kernel(FIVE, names(FIVE))


def subjects(count: int, **typical: float) -> Floats:
    """The benchmark's subjects, around its typical values or others."""
    return to_phi(FIVE, **typical) + 0.3 * np.random.default_rng(1).standard_normal((count, 8))


def run(kernel: Kernel, phi: Floats, rows: Rows, rtol: float) -> Solution:
    return kernel(phi, np.empty((len(phi), 0)), regular_dosing((), len(phi)), rows, rtol=rtol)


def errors(found: Solution, wanted: Solution) -> tuple[float, float]:
    """Worst absolute error of log(y + floor) and of its elasticities."""
    y = np.exp(wanted.pred)
    value = np.abs(np.log(np.exp(found.pred) + FLOOR) - np.log(y + FLOOR))
    elasticity = np.abs(found.jac - wanted.jac) * (y / (y + FLOOR))[:, None]
    return float(value.max()), float(elasticity.max())


def gradients_agree(kernel: Kernel) -> bool:
    """Whether values and gradients on the plateau are those of a tight solve."""
    phi = subjects(PLATEAU + 1, rho=0.3, g=0.5)[PLATEAU:]
    rows = regular_rows(VISITS, STATES, 1)
    wanted = run(five(), phi, rows, rtol=1e-11)
    with np.errstate(all="ignore"):
        value, elasticity = errors(run(kernel, phi, rows, rtol=1e-3 / 3), wanted)
    assert value < 1e-4
    return elasticity < 1e-3


# A rooted tree is the sorted tuple of the trees on its root.
type Tree = tuple[Tree, ...]


@cache
def trees(nodes: int) -> tuple[Tree, ...]:
    """All rooted trees with this many nodes."""

    def forests(total: int, largest: int) -> Iterator[Tree]:
        if total == 0:
            yield ()
        for size in range(min(total, largest), 0, -1):
            for tree in trees(size):
                for rest in forests(total - size, size):
                    yield (tree, *rest)

    return tuple({tuple(sorted(forest)) for forest in forests(nodes - 1, nodes - 1)})


def nodes_of(tree: Tree) -> int:
    return 1 + sum(nodes_of(branch) for branch in tree)


def density(tree: Tree) -> int:
    """gamma: the number of nodes times the densities of the branches."""
    return nodes_of(tree) * math.prod(density(branch) for branch in tree)


def test_the_tableau_has_order_seven_and_an_embedded_order_six() -> None:
    """One condition a rooted tree (Hairer, Norsett, Wanner I, Theorem II.2.13)."""
    stages = len(VERNER7.c)
    a = np.zeros((stages, stages))
    for i, row in enumerate(VERNER7.a):
        a[i, : len(row)] = row
    b, embedded = np.array(VERNER7.b), np.array(VERNER7.embedded)
    np.testing.assert_allclose(a.sum(axis=1), VERNER7.c, atol=1e-13)

    def weight(tree: Tree) -> Floats:
        out = np.ones(stages)
        for branch in tree:
            out = out * (a @ weight(branch))
        return out

    def worst(weights: Floats, nodes: int) -> float:
        return max(abs(float(weights @ weight(t)) - 1 / density(t)) for t in trees(nodes))

    assert [len(trees(n)) for n in range(1, 9)] == [1, 1, 2, 4, 9, 20, 48, 115]
    for nodes in range(1, 8):
        assert worst(b, nodes) < 1e-12, nodes
    for nodes in range(1, 7):
        assert worst(embedded, nodes) < 1e-12, nodes
    assert worst(b, 8) > 1e-7
    assert worst(embedded, 7) > 1e-7, "an error estimate that is zero controls nothing"


def test_generated_code_converges_with_order_seven() -> None:
    # With no tolerance to speak of, each step goes from one row to the next.
    phi, end = subjects(4), 12.0
    last = regular_rows(np.array([end]), STATES, 4)
    wanted = run(five(), phi, last, rtol=1e-13)
    found = []
    for count in (12, 24, 48):
        rows = regular_rows(np.linspace(0, end, count + 1), STATES, 4)
        out = run(five(), phi, rows, rtol=1e12)
        np.testing.assert_array_equal(out.steps, count)
        keep = rows.time == end
        found.append(errors(Solution(out.pred[keep], out.jac[keep], out.status, out.steps), wanted))
    for coarse, fine in pairwise(found):
        for x, y in zip(coarse, fine, strict=True):
            assert 6.0 < np.log2(x / y) < 9.0


def test_errors_follow_the_tolerance() -> None:
    phi, rows = subjects(100), regular_rows(FIVE_DAYS, STATES, 100)
    wanted = run(five(), phi, rows, rtol=1e-12)
    found = {rtol: errors(run(five(), phi, rows, rtol), wanted) for rtol in (1e-4, 1e-6, 1e-8)}
    for rtol, (value, elasticity) in found.items():
        assert value < 30 * rtol
        # Elasticities of this problem reach several hundred.
        assert elasticity < 3000 * rtol
    for tight, loose in pairwise(sorted(found)):
        assert found[tight][0] < found[loose][0]
        assert found[tight][1] < found[loose][1]


def test_gradients_hold_where_a_state_is_larger_than_the_root_of_the_largest_number() -> None:
    """Subject 62 of the benchmark reaches e^363 cells: a square in a quotient is infinite there."""
    phi, rows = subjects(63)[62:], regular_rows(FIVE_DAYS, STATES, 1)
    out = run(five(), phi, rows, rtol=1e-5)
    wanted = variational(phi[0], FIVE_DAYS)
    assert out.status[0] == 0
    assert wanted[0].max() > 360
    found = Solution(out.pred, out.jac, out.status, out.steps)
    exact = Solution(wanted[0].ravel(), wanted[1].reshape(-1, 8), out.status, out.steps)
    value, elasticity = errors(found, exact)
    assert value < 1e-5
    assert elasticity < 1e-4


def variational(phi: Floats, days: Floats) -> tuple[Floats, Floats]:
    """Logs of the five states and their elasticities by complex step through SciPy's DOP853."""

    def rates(_t: float, z: Any, p: Any) -> Any:
        rho, k_a, alpha, k, beta, g, kill, k_e = p
        y = np.exp(z[2:])
        # Every quotient of large numbers in a form that cannot overflow.
        killing = kill / (1 + k_e * np.exp(-z[0]))
        growth = g * (1 - y.sum() / 2000)
        first = rho / (1 + k_a / y.sum()) - alpha - k
        second = k * np.exp(z[0] - z[1]) - beta
        return np.array([first, second, *(growth - np.array([1, 0.6, 0.1]) * killing)])

    start = np.log(np.array([0.1, 0.02, 800, 150, 5], dtype=complex))
    columns = []
    for direction in np.eye(8):
        p = np.exp(phi + 1e-30j * direction)
        out = solve_ivp(
            rates, (0, days[-1]), start, "DOP853", days, args=(p,), rtol=1e-12, atol=1e-12
        )
        columns.append(out.y.T)
    return columns[0].real, np.stack([c.imag / 1e-30 for c in columns], axis=-1)


def test_compiled_code_is_its_text_to_the_last_bit() -> None:
    """Else a process that compiles would not get the numbers of the next, which loads."""
    kernel, phi = five(), subjects(6)
    rows = regular_rows(FIVE_DAYS, range(7), 6)
    compiled = run(kernel, phi, rows, rtol=1e-6)
    plain = run(with_text(kernel, kernel.source), phi, rows, rtol=1e-6)
    np.testing.assert_array_equal(compiled.steps, plain.steps)
    np.testing.assert_array_equal(compiled.pred, plain.pred)
    np.testing.assert_array_equal(compiled.jac, plain.jac)


def test_an_error_that_is_no_number_is_not_lost_among_the_others() -> None:
    module = uncompiled(five().source)
    lanes, out = module.LANES, np.zeros(module.LANES)
    squares, columns = np.ones(module.SIZE), np.zeros(lanes * module.N_PARAMETERS)
    # The sensitivity of the first state by the first parameter, in the second lane.
    squares[lanes * module.N_STATES + 1] = np.nan
    module.norm(squares, columns, out)
    np.testing.assert_array_equal(np.isnan(out), np.arange(lanes) == 1)


@pytest.mark.parametrize("log", [True, False])
def test_what_an_error_is_measured_against(log: bool) -> None:
    """b for states, sqrt(b (b + rtol |S|)) for sensitivities, b = rtol on the log scale."""
    module = uncompiled(five().source)
    rtol, error, atol, level, s = 1e-6, 3e-7, 1e-4, 50.0, 300.0
    module.ATOL = (-1.0 if log else atol,) * module.N_STATES
    module.__dict__["finish_step"].__globals__["ATOL"] = module.ATOL
    w = np.full(module.SIZE, level)
    w[module.LANES * module.N_STATES :] = -s
    slopes = np.zeros(len(VERNER7.c) * module.SIZE)
    # The last stage enters the estimate alone.
    slopes[-module.SIZE :] = error / VERNER7.embedded[-1]
    new, squares, base = np.zeros_like(w), np.zeros_like(w), np.full_like(w, rtol)
    module.finish_step(w, new, slopes, base, squares, rtol)
    np.testing.assert_array_equal(new, w)
    b = rtol if log else atol + rtol * level
    states, rest = np.split(np.sqrt(squares), [module.LANES * module.N_STATES])
    # about_inverse is good to 0.2 %.
    np.testing.assert_allclose(states, error / b, rtol=5e-3)
    np.testing.assert_allclose(rest, error / np.sqrt(b * (b + rtol * s)), rtol=5e-3)


def test_gradients_hold_where_the_sensitivities_are_in_the_error_norm() -> None:
    kernel = five()
    assert gradients_agree(kernel)
    assert gradients_agree(with_text(kernel, kernel.source))


def test_control_by_the_states_alone_gives_wrong_gradients() -> None:
    """The variant that most solvers ship: right states (1e-5), gradients off by more than 1."""
    kernel = five()
    states_only = changed(kernel.source, "worst = worst if worst > x else x", "worst = worst")
    states_only = changed(states_only, "nothing += 0.0 * x", "nothing = 0.0")
    assert not gradients_agree(with_text(kernel, states_only))
