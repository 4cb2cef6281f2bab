"""Switches and infusions are met exactly, and rows on them belong to the time before."""

import numpy as np
import pytest
from kernel_models import (
    ORAL,
    PEAK,
    POOLS,
    bateman,
    changed,
    names,
    ragged_dosing,
    ragged_rows,
    to_phi,
    with_text,
)

from cellkinetics.kernel.compiled import Form, Kernel, Solution, build_kernel
from cellkinetics.kernel.layout import Floats, regular_dosing, regular_rows

DAYS = np.array([0.0, 1.0, 5.0, 5.9, 6.1, 8.0, 20.0])


def peak(form: Form = "ode") -> Kernel:
    return build_kernel(PEAK, names(PEAK), form=form)


def oral() -> Kernel:
    return build_kernel(ORAL, names(ORAL))


def solve_peak(kernel: Kernel, days: Floats = DAYS, t_peak: float = 6.0) -> Solution:
    phi = to_phi(PEAK, t_peak=t_peak)[None, :]
    rows = regular_rows(days, range(3), 1)
    return kernel(phi, np.empty((1, 0)), regular_dosing((), 1), rows, rtol=1e-9)


def exact_peak(days: Floats, t_peak: float = 6.0) -> tuple[Floats, Floats]:
    """Log of twice the level, and its derivatives, by hand; before the peak at the peak."""
    c_0, rho, alpha = 2.0, 0.9, 0.2
    after = days > t_peak
    grown, declined = np.where(after, t_peak, days), np.where(after, days - t_peak, 0.0)
    slope = (alpha - 0.01) * (2.0 - alpha) / 1.99  # of the logit between 0.01 and 2
    jac = np.stack(
        [
            np.ones_like(days),
            rho * grown,
            np.where(after, rho + alpha, 0.0),
            -slope * declined,
        ],
        axis=1,
    )
    return np.log(2 * c_0) + rho * grown - alpha * declined, jac


def follows_the_switch(kernel: Kernel) -> bool:
    """Whether values and gradients are those of the hand-written formula."""
    out = solve_peak(kernel)
    pred, jac = exact_peak(DAYS)
    assert out.status[0] == 0
    np.testing.assert_allclose(out.pred[::3], pred, atol=1e-7)
    return bool(np.allclose(out.jac[::3], jac, atol=1e-6))


@pytest.mark.parametrize("form", ["ode", "closed"])
def test_values_and_gradients_through_a_switch(form: Form) -> None:
    assert follows_the_switch(peak(form))


def test_without_the_jump_of_sensitivities_the_gradient_is_wrong() -> None:
    kernel = peak()
    assert follows_the_switch(with_text(kernel, kernel.source))
    no_jump = changed(kernel.source, "+= jump * dtau[l, f, j]", "+= 0.0 * dtau[l, f, j]")
    assert not follows_the_switch(with_text(kernel, no_jump))


def test_with_the_sign_of_a_gradient_flipped_it_is_wrong() -> None:
    kernel = peak()
    # By the growth rate, in all three observables.
    flipped = changed(kernel.source, "jac[j0, 1] = s0 *", "jac[j0, 1] = -s0 *", places=3)
    assert not follows_the_switch(with_text(kernel, flipped))


@pytest.mark.parametrize("form", ["ode", "closed"])
def test_a_row_on_a_switch_belongs_to_the_time_before(form: Form) -> None:
    # The peak is a parameter on the identity scale, so that its time is known to the last bit.
    out = solve_peak(peak(form), np.array([6.0 - 1e-9, 6.0, 6.0 + 1e-9]))
    by_t_peak = out.jac[::3, 2]
    assert by_t_peak[1] == pytest.approx(by_t_peak[0], abs=1e-6)
    assert by_t_peak[2] > 1.0
    np.testing.assert_allclose(out.pred[::3], out.pred[3], atol=1e-7)


def test_a_switch_before_the_first_row_and_one_after_the_last() -> None:
    for t_peak in (2.5, 14.0):
        days = np.array([3.0, 5.0, 7.0])
        out = solve_peak(peak(), days, t_peak)
        pred, jac = exact_peak(days, t_peak)
        np.testing.assert_allclose(out.pred[::3], pred, atol=1e-7)
        np.testing.assert_allclose(out.jac[::3], jac, atol=1e-6)


# Doses as they are given, at other times than the rows and on a row.
DOSES = ((0.0, 300.0), (1.5, 150.0), (4.0, 60.0))
HOURS = np.array([0.0, 0.25, 1.0, 1.5, 1.5001, 2.0, 4.0, 6.0, 12.0])


def oral_curve(doses: tuple[tuple[float, float], ...], **theta: float) -> Solution:
    phi = to_phi(ORAL, **theta)[None, :]
    rows = regular_rows(HOURS, [0], 1)
    return oral()(phi, np.empty((1, 0)), regular_dosing(doses, 1), rows, rtol=1e-10)


def exact_oral(phi: Floats) -> Floats:
    ka, cl, v = np.exp(phi)
    return sum((bateman(ka, cl, v, d, HOURS - t) for t, d in DOSES), np.zeros(len(HOURS)))


def test_a_state_that_starts_at_zero_and_later_infusions() -> None:
    out = oral_curve(DOSES)
    np.testing.assert_allclose(out.pred, exact_oral(to_phi(ORAL)), rtol=1e-7, atol=1e-12)


def test_gradients_through_infusions_equal_complex_step() -> None:
    out = oral_curve(DOSES)
    for j in range(3):
        phi = to_phi(ORAL).astype(complex)
        phi[j] += 1e-30j
        by_phi = exact_oral(phi).imag / 1e-30
        np.testing.assert_allclose(out.jac[:, j], by_phi, rtol=1e-6, atol=1e-9)


def test_infusions_superpose_in_a_linear_model() -> None:
    alone = [oral_curve((dose,)).pred for dose in DOSES[:1]]
    for time, cells in DOSES[1:]:
        # A vanishing first dose: the gut must hold something for its logarithm.
        alone.append(oral_curve(((0.0, 1e-30), (time, cells))).pred)
    np.testing.assert_allclose(oral_curve(DOSES).pred, sum(alone), rtol=1e-8, atol=1e-12)


def test_a_row_on_an_infusion_belongs_to_the_time_before() -> None:
    once, twice = oral_curve(DOSES[:1]), oral_curve(DOSES[:2])
    at = int(np.flatnonzero(HOURS == 1.5)[0])
    assert twice.pred[at] == pytest.approx(once.pred[at], rel=1e-9)
    gut = regular_rows(np.array([1.5, 1.5001]), [1], 1)
    phi, none = to_phi(ORAL)[None, :], np.empty((1, 0))
    before, after = oral()(phi, none, regular_dosing(DOSES[:2], 1), gut).pred
    assert np.exp(after) - np.exp(before) == pytest.approx(150.0, rel=1e-3)


def test_each_subject_has_its_own_infusions() -> None:
    given = [[(0.0, 300.0)], [(0.0, 100.0), (2.0, 100.0)], [(0.0, 300.0), (0.0, 100.0)]]
    asked = [[(1.0, 0)], [(1.0, 0), (3.0, 0)], [(1.0, 0)]]
    phi = np.tile(to_phi(ORAL), (3, 1))
    out = oral()(phi, np.empty((3, 0)), ragged_dosing(given), ragged_rows(asked), rtol=1e-10)
    ka, cl, v = np.exp(to_phi(ORAL))
    t = np.array([1.0, 3.0])
    one = bateman(ka, cl, v, 100.0, t)
    both = one[1] + bateman(ka, cl, v, 100.0, t - 2.0)[1]
    np.testing.assert_allclose(out.pred, [3 * one[0], one[0], both, 4 * one[0]], rtol=1e-7)


def test_an_infusion_leaves_a_state_far_below_underflow_alone() -> None:
    # The second pool is exp(-2000) when the first is infused; its logarithm must survive that.
    kernel = build_kernel(POOLS, names(POOLS))
    kernel = with_text(kernel, kernel.source)
    rows = regular_rows(np.array([150.0]), [1, 2], 1)
    out = kernel(to_phi(POOLS)[None, :], np.empty((1, 0)), regular_dosing(((100.0, 5.0),), 1), rows)
    assert out.status[0] == 0
    first = np.log(np.exp(-0.1 * 150) + 5 * np.exp(-0.1 * 50))
    np.testing.assert_allclose(out.pred, [first, -20.0 * 150], rtol=1e-5)
    assert out.jac[1, 1] == pytest.approx(-20.0 * 150, rel=1e-5)
