"""Contract of every model: its kernel is its equations, and its gradients are theirs."""

import numpy as np
import pytest
from contract_cases import (
    SUBJECTS,
    case_of,
    forms_of,
    kernel_of,
    random_times,
    rows_at,
    solve,
    switch_times,
)

from cellkinetics.catalogue import load_model, model_names
from cellkinetics.kernel.compiled import Form
from cellkinetics.kernel.layout import Floats

EVERY_FORM = pytest.mark.parametrize(
    ("name", "form"), [(n, f) for n in model_names() for f in forms_of(load_model(n))]
)
WITH_BOTH = pytest.mark.parametrize(
    "name", [n for n in model_names() if len(forms_of(load_model(n))) == 2]
)


def assert_close(found: Floats, wanted: Floats, tolerance: float) -> None:
    """Agreement relative to the value, or absolute where that is below 1."""
    off = np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))
    assert np.isfinite(off).all()
    assert off.max() < tolerance


@WITH_BOTH
def test_the_closed_form_solves_the_equations(name: str) -> None:
    case = case_of(name)
    # Rows on switches too: there both must take the side before.
    rows = rows_at(case, random_times(case, on_switches=True))
    ode, closed = solve(case, "ode", rows), solve(case, "closed", rows)
    np.testing.assert_array_equal(closed.status, 0)
    np.testing.assert_array_equal(ode.status, 0)
    assert_close(ode.pred, closed.pred, 1e-8)
    assert_close(ode.jac, closed.jac, 1e-7)


@WITH_BOTH
def test_both_forms_switch_at_the_same_instant(name: str) -> None:
    case = case_of(name)
    for form in forms_of(case.model):
        tau, dtau = switch_times(kernel_of(name, form), case.phi, case.constants)
        np.testing.assert_array_equal(tau, case.switches)
        np.testing.assert_array_equal(dtau, case.switches_phi)


@EVERY_FORM
def test_gradients_equal_finite_differences(name: str, form: Form) -> None:
    case = case_of(name)
    step = 2e-3
    rows = rows_at(case, random_times(case, on_switches=False, away=2 * step))
    jac = solve(case, form, rows).jac

    def central(j: int, h: float) -> Floats:
        move = h * (np.arange(case.phi.shape[1]) == j)
        high, low = (solve(case, form, rows, phi=case.phi + s * move).pred for s in (1, -1))
        return (high - low) / (2 * h)

    for j in range(case.phi.shape[1]):
        # Two levels of Richardson: the error is of sixth order in the step.
        one, two, three = (central(j, step / factor) for factor in (1, 2, 4))
        fourth = (4 * two - one) / 3, (4 * three - two) / 3
        assert_close(jac[:, j], (16 * fourth[1] - fourth[0]) / 15, 1e-6)


@EVERY_FORM
def test_a_row_on_a_switch_or_infusion_belongs_to_the_time_before(name: str, form: Form) -> None:
    case = case_of(name)
    events = []
    for s, tau in enumerate(case.switches):
        infused = case.dosing.time[case.dosing.start[s] : case.dosing.start[s + 1]]
        both = np.concatenate([tau[np.isfinite(tau)], infused])
        events.append(both[both > 0])
    on = solve(case, form, rows_at(case, events))
    before = solve(case, form, rows_at(case, [t * (1 - 1e-10) for t in events]))
    assert sum(len(t) for t in events) >= SUBJECTS
    assert_close(on.pred, before.pred, 1e-6)
    assert_close(on.jac, before.jac, 1e-6)


@EVERY_FORM
def test_states_stay_in_their_range(name: str, form: Form) -> None:
    case = case_of(name)
    rows = rows_at(case, random_times(case, on_switches=True))
    out = solve(case, form, rows, rtol=1e-6)
    np.testing.assert_array_equal(out.status, 0)
    assert np.isfinite(out.pred).all()
    assert np.isfinite(out.jac).all()
    first = len(case.model.observables)
    for i, state in enumerate(case.model.states):
        if not state.positive:
            assert out.pred[rows.observable == first + i].min() >= -1e-6 * state.smallest
