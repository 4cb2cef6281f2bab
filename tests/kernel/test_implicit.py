"""The implicit integrator against solutions that share nothing with it.

References: published values of stiff test problems; exact solutions; Radau IIA written by hand on
equations and Jacobian written by hand, with derivatives by complex step (``stiff_models.py``).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kernel_models import changed, names, ragged_rows, to_phi, with_text
from stiff_models import (
    AT_REST,
    EXCHANGE,
    FOLLOWS,
    LOGISTIC,
    ROBERTSON,
    VAN_DER_POL,
    exchange_by_radau,
    typical,
)
from test_integrator import density, trees

from cellkinetics.declare import Model
from cellkinetics.kernel.compiled import Kernel, Method, Solution, build_kernel
from cellkinetics.kernel.esdirk import KVAERNO5
from cellkinetics.kernel.layout import Dosing, Floats, regular_dosing, regular_rows

STEP = 1e-30
DAYS = np.array([0.01, 0.5, 1.0, 2.0, 5.0, 5.9, 6.5, 10.0, 20.0, 60.0, 180.0])


def implicit(model: Model) -> Kernel:
    return build_kernel(model, names(model), method="implicit")


def states_of(model: Model) -> list[int]:
    return list(range(len(model.observables), len(model.observables) + len(model.states)))


def run(
    kernel: Kernel,
    days: Floats,
    phi: Floats | None = None,
    dosing: Dosing | None = None,
    rtol: float = 1e-6,
    max_steps: int = 20_000,
) -> Solution:
    """All states at all days; natural values and derivatives by phi, (subject, day, state, ...)."""
    model = kernel.model
    phi = to_phi(model)[None, :] if phi is None else phi
    count, asked = len(phi), states_of(model)
    dosing = regular_dosing(model.reference_dosing, count) if dosing is None else dosing
    out = kernel(
        phi, np.empty((count, 0)), dosing, regular_rows(days, asked, count),
        rtol=rtol, max_steps=max_steps,
    )  # fmt: skip
    shape = (count, len(days), len(asked))
    pred, jac = out.pred.reshape(shape), out.jac.reshape(*shape, phi.shape[1])
    for i, state in enumerate(model.states):
        if state.positive:
            pred[..., i] = np.exp(pred[..., i])
            jac[..., i, :] *= pred[..., i, None]
    return Solution(pred, jac, out.status, out.steps, out.implicit)


def worst(found: Floats, wanted: Floats, floor: Any) -> float:
    return float(np.max(np.abs(found - wanted) / (np.abs(wanted) + floor)))


def test_the_pair_has_orders_five_and_four_and_is_l_stable() -> None:
    stages = len(KVAERNO5.c)
    a = np.zeros((stages, stages))
    for i, row in enumerate(KVAERNO5.a):
        a[i, : len(row)] = row
        a[i, i] = KVAERNO5.gamma if i else 0.0
    np.testing.assert_allclose(a.sum(axis=1), KVAERNO5.c, atol=1e-14)

    def weight(tree: Any) -> Floats:
        out = np.ones(stages)
        for branch in tree:
            out = out * (a @ weight(branch))
        return out

    def off(b: Floats, nodes: int) -> float:
        return max(abs(float(b @ weight(t)) - 1.0 / density(t)) for t in trees(nodes))

    for weights, order in ((a[-1], 5), (a[-2], 4)):
        for nodes in range(1, order + 1):
            assert off(weights, nodes) < 1e-14
        assert off(weights, order + 1) > 1e-4
    # R(z) = 1 + z b (I - z A)^-1 1: bounded by 1 on the left half plane, 0 at infinity.
    one = np.ones(stages)

    def grown(b: Floats, z: complex) -> float:
        return float(abs(1 + z * (b @ np.linalg.solve(np.eye(stages) - z * a, one))))

    for b in (a[-1], a[-2]):
        for z in [*(1j * np.logspace(-2, 4, 200)), -1e-2, -1.0, -1e3]:
            assert grown(b, z) <= 1 + 1e-9
    assert grown(a[-1], -1e9) < 1e-6


def test_robertson_over_eight_decades_of_time() -> None:
    days = np.array([1e-4, 0.4, 4.0, 40.0, 4e4])
    out = run(implicit(ROBERTSON), days, rtol=1e-7)
    assert out.status[0] == 0
    assert out.implicit.all()
    assert out.steps[0] < 500
    # Published: Hairer, Wanner II, IV.10 at 40; SUNDIALS' cvRoberts at 4e4, to its tolerance of
    # 1e-4, and cvsRoberts_FSA at 0.4 and 4, derivatives by the parameters themselves.
    np.testing.assert_allclose(out.pred[0, 3], [0.7158, 9.185e-6, 0.2842], rtol=2e-4)
    np.testing.assert_allclose(out.pred[0, 4], [3.8983e-02, 1.6218e-07, 9.6102e-01], rtol=2e-3)
    by_p = out.jac[0] / typical(ROBERTSON)
    by_slow = [[-3.5595e-01, 3.9026e-04, 3.5556e-01], [-1.8761, 1.7922e-04, 1.8759]]
    np.testing.assert_allclose(by_p[1:3, :, 0], by_slow, rtol=3e-3)
    by_fast = [9.5428e-08, -2.1309e-10, -9.5218e-08]
    np.testing.assert_allclose(by_p[1, :, 1], by_fast, rtol=3e-3)
    # What is lost by one is gained by another.
    np.testing.assert_allclose(out.pred[0].sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(out.jac[0].sum(axis=1), 0.0, atol=1e-6)


def test_van_der_pol_through_its_jumps() -> None:
    out = run(implicit(VAN_DER_POL), np.array([0.5, 1.0, 2.0]), rtol=1e-8)
    assert out.status[0] == 0
    # Published: IVP test set (Bari), problem vdpol, to 1e-14.
    wanted = [0.1706167732170483e1, -0.8928097010247975]
    np.testing.assert_allclose(out.pred[0, 2], wanted, rtol=1e-5)


def test_errors_follow_the_tolerance() -> None:
    days, found = np.array([0.4, 4.0, 40.0, 400.0]), []
    wanted = run(implicit(ROBERTSON), days, rtol=1e-11, max_steps=200_000)
    for rtol in (1e-4, 1e-6, 1e-8):
        out = run(implicit(ROBERTSON), days, rtol=rtol)
        value = worst(out.pred, wanted.pred, 1e-12)
        slope = float(np.max(np.abs(out.jac - wanted.jac) / wanted.pred[..., None]))
        assert value < 30 * rtol
        assert slope < 300 * rtol
        found.append((value, slope))
    assert found[0][0] > found[1][0] > found[2][0]
    assert found[0][1] > found[1][1] > found[2][1]


@pytest.mark.parametrize(
    "doses",
    [
        ((0.0, 10.0),),
        # Several on one day, between and on readings, and one on the switch.
        ((0.0, 1.0), (0.25, 2.0), (0.75, 3.0), (2.0, 4.0), (6.0, 5.0), (30.0, 5.0)),
    ],
)
def test_exchange_with_infusions_and_a_switch_that_is_a_parameter(
    doses: tuple[tuple[float, float], ...],
) -> None:
    """Against Radau IIA by hand, derivatives by complex step, the switch's time among them."""
    p = typical(EXCHANGE)
    y = exchange_by_radau(p, doses, DAYS, 2).real
    np.testing.assert_allclose(y, exchange_by_radau(p, doses, DAYS, 1).real, rtol=2e-5, atol=1e-9)
    columns = [
        exchange_by_radau(p * np.exp(1j * STEP * e), doses, DAYS, 1).imag / STEP
        for e in np.eye(len(p))
    ]
    by_phi = np.stack(columns, axis=-1)
    out = run(implicit(EXCHANGE), DAYS, dosing=regular_dosing(doses, 1), rtol=1e-7)
    assert out.status[0] == 0
    floor = 1e-6  # far below what any assay reads
    assert worst(out.pred[0], y, floor) < 1e-5
    elasticity = np.abs(out.jac[0] - by_phi) / (np.abs(y) + floor)[..., None]
    assert elasticity.max() < 1e-3
    assert np.median(elasticity) < 1e-6


def test_a_row_of_every_kind_of_stop_is_hit_exactly_and_read_before_it() -> None:
    kernel, t = implicit(EXCHANGE), np.array([6.0 - 1e-9, 6.0, 6.0 + 1e-9])
    doses = regular_dosing(((0.0, 10.0), (6.0, 50.0)), 1)
    out = run(kernel, t, dosing=doses)
    np.testing.assert_allclose(out.pred[0, 1], out.pred[0, 0], rtol=1e-6)
    assert out.pred[0, 2, 0] - out.pred[0, 1, 0] == pytest.approx(50.0, rel=1e-3)


@pytest.mark.parametrize(
    ("method", "pull"), [("explicit", 1.0), ("implicit", 1.0), ("implicit", 1e4), ("implicit", 1e8)]
)
def test_a_right_hand_side_that_depends_on_time(method: Method, pull: float) -> None:
    days = np.array([1e-4, 0.1, 1.0, 3.0, 9.0, 20.0])
    for rtol in (1e-4, 1e-6, 1e-8):
        phi = to_phi(FOLLOWS, pull=pull)[None, :]
        out = run(build_kernel(FOLLOWS, names(FOLLOWS), method=method), days, phi, rtol=rtol)
        exact = np.exp(-days / 3.0)
        assert out.status[0] == 0
        loose = 10 * rtol
        np.testing.assert_allclose(out.pred[0, :, 0], exact, rtol=loose, atol=loose)
        np.testing.assert_allclose(out.jac[0, :, 0, 0], 0.0, atol=loose)
        np.testing.assert_allclose(out.jac[0, :, 0, 1], exact * days / 3, rtol=loose, atol=loose)


def draws(model: Model, count: int) -> Floats:
    rng = np.random.default_rng(7)
    phi = to_phi(model) + 0.5 * rng.standard_normal((count, len(model.parameters)))
    return np.asarray(phi)


def test_a_subject_does_not_depend_on_its_neighbours() -> None:
    kernel, phi = implicit(EXCHANGE), draws(EXCHANGE, 11)
    together = run(kernel, DAYS, phi)
    for s in (0, 5, 10):
        alone = run(kernel, DAYS, phi[s : s + 1])
        np.testing.assert_array_equal(together.pred[s], alone.pred[0])
        np.testing.assert_array_equal(together.jac[s], alone.jac[0])
        assert together.steps[s] == alone.steps[0]


def test_compiled_code_is_its_text_to_the_last_bit() -> None:
    kernel, days = implicit(FOLLOWS), np.array([0.1, 1.0])
    compiled, plain = run(kernel, days), run(with_text(kernel, kernel.source), days)
    np.testing.assert_array_equal(compiled.pred, plain.pred)
    np.testing.assert_array_equal(compiled.jac, plain.jac)
    assert compiled.steps[0] == plain.steps[0]


def test_it_agrees_with_the_explicit_method() -> None:
    phi = draws(EXCHANGE, 16)
    one = run(implicit(EXCHANGE), DAYS, phi, rtol=1e-7)
    other = run(build_kernel(EXCHANGE, names(EXCHANGE), method="explicit"), DAYS, phi, rtol=1e-9,
                max_steps=200_000)  # fmt: skip
    np.testing.assert_array_equal(one.status, 0)
    np.testing.assert_array_equal(other.status, 0)
    assert not other.implicit.any()
    assert worst(one.pred, other.pred, 1e-6) < 1e-5
    scale = np.abs(other.pred)[..., None] + 1e-6
    assert np.max(np.abs(one.jac - other.jac) / scale) < 1e-3
    assert one.pred.min() >= -1e-15, "a tolerance of 1e-8 of the smallest value that matters"
    assert np.median(one.steps) < 0.2 * np.median(other.steps)


def wrong_slopes(kernel: Kernel, exact: Callable[[Floats], Floats]) -> float:
    """Worst error of the derivatives by phi, of a kernel run as plain Python."""
    days = np.array([0.5, 1.0, 3.0, 8.0, 20.0])
    with np.errstate(all="ignore"):
        out = run(kernel, days, max_steps=300)
    return float(np.max(np.abs(out.jac[0, :, 0] - exact(days))))


def at_rest_by_phi(t: Floats) -> Floats:
    """y = 2 + (made / lost - 2)(1 - exp(-lost t)), differentiated by log made and log lost."""
    grown = 2 * (1 - np.exp(-t))
    return np.stack([grown, -grown], axis=1)


def logistic_by_phi(t: Floats) -> Floats:
    """y = 1 / (1 + (1 / start - 1) exp(-rate t)), by log rate and log start."""
    rate, start = typical(LOGISTIC)
    y = 1 / (1 + (1 / start - 1) * np.exp(-rate * t))
    return np.stack([y * (1 - y) * rate * t, y * (1 - y) / (1 - start)], axis=1)


def test_error_control_by_the_states_alone_gives_wrong_gradients() -> None:
    kernel = implicit(AT_REST)
    assert wrong_slopes(with_text(kernel, kernel.source), at_rest_by_phi) < 1e-5
    states_only = changed(kernel.source, "worst = worst if worst > x else x", "worst = worst")
    assert wrong_slopes(with_text(kernel, states_only), at_rest_by_phi) > 1e-3


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        # The factors of the stage before; K of the prediction; no direct dependence; a matrix
        # that forgets gamma.
        ("        factors(t, u, k, hg, entry", "        (t, u, k, hg, entry", 4),
        ("stage[q] += left[q] if going[l] > 0.0", "stage[q] += 0.0 if going[l] > 0.0", 1),
        ("base[first + i] + direct[i]", "base[first + i]", 1),
        ("hg[l] = GAMMA * h[l]", "hg[l] = h[l]", 1),
    ],
)
def test_a_stage_solved_wrongly_gives_wrong_gradients(old: str, new: str, places: int) -> None:
    kernel = implicit(LOGISTIC)
    assert wrong_slopes(with_text(kernel, kernel.source), logistic_by_phi) < 1e-5
    wrong = with_text(kernel, changed(kernel.source, old, new, places=places))
    assert not wrong_slopes(wrong, logistic_by_phi) < 1e-3  # or no number at all


def test_a_row_at_time_zero_and_no_rows() -> None:
    kernel = implicit(EXCHANGE)
    phi, none = np.tile(to_phi(EXCHANGE), (2, 1)), np.empty((2, 0))
    rows = ragged_rows([[(0.0, 1)], []])
    out = kernel(phi, none, regular_dosing(EXCHANGE.reference_dosing, 2), rows)
    np.testing.assert_array_equal(out.status, 0)
    np.testing.assert_allclose(np.exp(out.pred), [800.0])
