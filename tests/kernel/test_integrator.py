"""The integrator: its order, its tolerance, and sensitivities in the error norm."""

from itertools import pairwise

import numpy as np
import pytest
from kernel_models import FIVE, FIVE_DAYS, changed, names, to_phi, uncompiled, with_text

from cellkinetics.kernel.compiled import Kernel, Solution, build_kernel
from cellkinetics.kernel.layout import Floats, Rows, regular_dosing, regular_rows
from cellkinetics.kernel.tableau import TSIT5

STATES = range(2, 7)  # outputs after the two observables
# Below one cell per mL no assay reads, and the logarithm of an extinct clone means nothing.
FLOOR = 1e-3
# A tumour at its capacity and visits years apart: the states hardly move, so that their errors
# allow steps at which the sensitivities of an explicit method grow without bound.
PLATEAU, VISITS = 45, np.array([28.0, 365.0, 1460.0])


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
    phi = subjects(PLATEAU + 1, rho=0.2, g=1.0)[PLATEAU:]
    rows = regular_rows(VISITS, STATES, 1)
    wanted = run(five(), phi, rows, rtol=1e-11)
    with np.errstate(all="ignore"):
        value, elasticity = errors(run(kernel, phi, rows, rtol=1e-6), wanted)
    assert value < 1e-4
    return elasticity < 1e-3


def test_the_tableau_has_order_five_and_an_embedded_order_four() -> None:
    a = np.zeros((7, 7))
    for i, row in enumerate(TSIT5.a):
        a[i, : len(row)] = row
    b, c = a[-1], np.array(TSIT5.c)
    np.testing.assert_allclose(a.sum(axis=1), c, atol=1e-13)
    ac, ac2, aac = a @ c, a @ c**2, a @ (a @ c)
    # One condition a rooted tree (Hairer, Norsett, Wanner I, Table II.2.1).
    to_four = {
        "t1": (np.ones(7), 1),
        "t2": (c, 2),
        "t3": (c**2, 3),
        "t4": (ac, 6),
        "t5": (c**3, 4),
        "t6": (c * ac, 8),
        "t7": (ac2, 12),
        "t8": (aac, 24),
    }
    of_five = {
        "t9": (c**4, 5),
        "t10": (c**2 * ac, 10),
        "t11": (c * ac2, 15),
        "t12": (c * aac, 30),
        "t13": (ac**2, 20),
        "t14": (a @ c**3, 20),
        "t15": (a @ (c * ac), 40),
        "t16": (a @ ac2, 60),
        "t17": (a @ aac, 120),
    }
    for tree, (weight, gamma) in (to_four | of_five).items():
        assert b @ weight == pytest.approx(1 / gamma, abs=1e-13), tree
    embedded = b - np.array(TSIT5.error)
    for tree, (weight, gamma) in to_four.items():
        assert embedded @ weight == pytest.approx(1 / gamma, abs=1e-9), tree
    off = max(abs(embedded @ weight - 1 / gamma) for weight, gamma in of_five.values())
    assert off > 1e-5, "an error estimate that is zero controls nothing"


def test_generated_code_converges_with_order_five() -> None:
    # With no tolerance to speak of, each step goes from one row to the next.
    phi, end = subjects(4), 12.0
    last = regular_rows(np.array([end]), STATES, 4)
    wanted = run(five(), phi, last, rtol=1e-13)
    found = []
    for count in (24, 48, 96):
        rows = regular_rows(np.linspace(0, end, count + 1), STATES, 4)
        out = run(five(), phi, rows, rtol=1e12)
        np.testing.assert_array_equal(out.steps, count)
        keep = rows.time == end
        found.append(errors(Solution(out.pred[keep], out.jac[keep], out.status, out.steps), wanted))
    for coarse, fine in pairwise(found):
        for a, b in zip(coarse, fine, strict=True):
            assert 4.5 < np.log2(a / b) < 6.5


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
    size, lanes, columns = module.SIZE, module.LANES, module.N_PARAMETERS
    slopes, out = np.zeros(7 * size), np.zeros(lanes)
    # The sensitivity of the first state by the first parameter, in the second lane.
    slopes[lanes * module.N_STATES + 1] = np.nan
    ones, work = np.ones(size), np.zeros(size)
    base = np.full(size, 1e-6)
    module.norm(ones, ones, ones, slopes, base, work, np.zeros(lanes * columns), out, 1e-6)
    np.testing.assert_array_equal(np.isnan(out), np.arange(lanes) == 1)


def test_gradients_hold_where_the_sensitivities_are_in_the_error_norm() -> None:
    kernel = five()
    assert gradients_agree(kernel)
    assert gradients_agree(with_text(kernel, kernel.source))


def test_control_by_the_states_alone_gives_wrong_gradients() -> None:
    """The variant that most solvers ship: its states are right, its gradients are off by 1e7."""
    kernel = five()
    states_only = changed(kernel.source, "worst = worst if worst > x else x", "worst = worst")
    states_only = changed(states_only, "nothing += 0.0 * x", "nothing = 0.0")
    assert not gradients_agree(with_text(kernel, states_only))
