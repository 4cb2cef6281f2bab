"""Rows: each subject at its own times, any observable or state, any scale of a parameter."""

import numpy as np
import pytest
from kernel_models import PEAK, names, ragged_rows, to_phi

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model
from cellkinetics.errors import ModelError
from cellkinetics.kernel.compiled import Form, Kernel, Solution, build_kernel
from cellkinetics.kernel.layout import Floats, Rows, ragged_start, regular_dosing, regular_rows

DOUBLED, ABOVE, EXCESS, LEVEL = range(4)
# Rows of three subjects, the second with none; several observables at one time.
ASKED = [
    [(0.0, DOUBLED), (0.0, EXCESS), (3.0, LEVEL), (3.0, ABOVE), (9.0, DOUBLED)],
    [],
    [(2.0, EXCESS), (7.0, ABOVE), (7.0, ABOVE), (30.0, LEVEL)],
]


def peak(form: Form = "ode") -> Kernel:
    return build_kernel(PEAK, names(PEAK), form=form)


def some(subjects: int, seed: int = 5) -> Floats:
    phi = np.tile(to_phi(PEAK), (subjects, 1))
    return phi + 0.1 * np.random.default_rng(seed).standard_normal(phi.shape)


def solve(phi: Floats, rows: Rows, form: Form = "ode", threads: int = 1) -> Solution:
    constants, dosing = np.empty((len(phi), 0)), regular_dosing((), len(phi))
    return peak(form)(phi, constants, dosing, rows, rtol=1e-9, threads=threads)


def level(phi: Floats, t: float) -> float:
    """The level by hand."""
    c_0, rho, t_peak = np.exp(phi[0]), np.exp(phi[1]), phi[2]
    alpha = 0.01 + 1.99 / (1.0 + np.exp(-phi[3]))
    return float(c_0 * np.exp(rho * min(t, t_peak) - alpha * max(t - t_peak, 0.0)))


@pytest.mark.parametrize("form", ["ode", "closed"])
def test_ragged_rows_of_several_observables(form: Form) -> None:
    phi = some(3)
    out = solve(phi, ragged_rows(ASKED), form)
    np.testing.assert_array_equal(out.status, 0)
    by_hand = []
    for s, pairs in enumerate(ASKED):
        c_0 = np.exp(phi[s, 0])
        for t, o in pairs:
            y = level(phi[s], t)
            by_hand.append(
                {
                    DOUBLED: np.log(2 * y),
                    ABOVE: np.log(y + 3 * c_0),
                    EXCESS: y - c_0,
                    LEVEL: np.log(y),
                }[o]
            )
    np.testing.assert_allclose(out.pred, by_hand, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("form", ["ode", "closed"])
def test_gradients_on_log_logit_and_identity_scales_equal_differences(form: Form) -> None:
    rows, phi, step = ragged_rows(ASKED), some(3), 1e-4
    out = solve(phi, rows, form)
    for j in range(4):
        move = step * (np.arange(4) == j)
        two = [solve(phi + sign * move, rows, form).pred for sign in (1, -1)]
        np.testing.assert_allclose(out.jac[:, j], (two[0] - two[1]) / (2 * step), atol=1e-4)


def test_rows_at_time_zero_read_the_initial_state() -> None:
    phi = some(2)
    rows = regular_rows(np.array([0.0]), [LEVEL, EXCESS], 2)
    for form in ("ode", "closed"):
        out = solve(phi, rows, form)
        np.testing.assert_allclose(out.pred[::2], phi[:, 0], atol=1e-14)
        np.testing.assert_allclose(out.pred[1::2], 0.0, atol=1e-14)
        np.testing.assert_allclose(out.jac[::2], [[1, 0, 0, 0]] * 2, atol=1e-14)


def test_two_threads_give_what_one_gives() -> None:
    phi = some(23)
    rng = np.random.default_rng(6)
    asked = [
        sorted(
            (float(t), int(o))
            for t, o in zip(rng.uniform(0, 40, n), rng.integers(0, 4, n), strict=True)
        )
        for n in rng.integers(0, 9, 23)
    ]
    rows = ragged_rows(asked)
    one, two = solve(phi, rows), solve(phi, rows, threads=2)
    for name in ("pred", "jac", "status", "steps"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_a_subject_does_not_depend_on_its_neighbours() -> None:
    phi, rows = some(3), ragged_rows(ASKED)
    together = solve(phi, rows)
    alone = solve(phi[2:], ragged_rows(ASKED[2:]))
    np.testing.assert_array_equal(together.pred[5:], alone.pred)
    np.testing.assert_array_equal(together.jac[5:], alone.jac)


def test_only_the_wanted_parameters_are_differentiated() -> None:
    wanted = ("t_peak", "c_0")
    some_of_them = build_kernel(PEAK, wanted, form="closed")
    assert some_of_them.constants == ("rho", "alpha")
    phi = to_phi(PEAK)
    order = [names(PEAK).index(name) for name in wanted]
    rows = ragged_rows(ASKED[:1])
    out = some_of_them(phi[order][None, :], np.array([[0.9, 0.2]]), regular_dosing((), 1), rows)
    every = solve(phi[None, :], rows, "closed")
    np.testing.assert_allclose(out.pred, every.pred, rtol=1e-12)
    np.testing.assert_allclose(out.jac, every.jac[:, order], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", ["ode", "closed"])
def test_a_sum_of_states_keeps_its_logarithm_far_below_underflow(form: Form) -> None:
    model: Model = load_model("stein2019")
    wrt = names(model)
    kernel = build_kernel(model, wrt, form=form)
    phi = to_phi(model, beta=0.05, alpha=0.5)[None, :]
    rows = regular_rows(np.array([40_000.0]), [0, 1, 2], 1)
    never = np.array([[np.inf, np.inf]])
    out = kernel(phi, never, regular_dosing((), 1), rows, rtol=1e-8)
    assert out.status[0] == 0
    slow = np.log(24000 * 0.0079) - 0.05 * (40_000 - 9.3)
    np.testing.assert_allclose(out.pred[[0, 2]], slow, rtol=1e-8)
    assert out.pred[0] < -1900
    beta = wrt.index("beta")
    assert out.jac[0, beta] == pytest.approx(-0.05 * (40_000 - 9.3), rel=1e-6)
    assert np.isfinite(out.jac).all()


def test_ragged_start_counts_subjects_without_entries() -> None:
    np.testing.assert_array_equal(ragged_start([0, 0, 2], 4), [0, 2, 2, 3, 3])
    np.testing.assert_array_equal(ragged_start([], 2), [0, 0, 0])


def test_wrong_forms_and_names_are_refused() -> None:
    oral = load_model("antigen_driven")
    with pytest.raises(ModelError, match=r"antigen_driven has no closed form.*form='ode'"):
        build_kernel(oral, (), form="closed")
    with pytest.raises(ModelError, match=r"'t_peek' is not a parameter.*Did you mean 't_peak'\?"):
        build_kernel(PEAK, ("t_peek",))
