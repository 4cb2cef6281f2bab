"""Which integrator solves whom: declared, chosen by the caller, or taken because one gave up."""

from dataclasses import replace

import numpy as np
import pytest
from kernel_models import ORAL, PEAK, bateman, names, ragged_dosing, ragged_rows, to_phi
from stiff_models import EXCHANGE

import cellkinetics
from cellkinetics.errors import ModelError
from cellkinetics.kernel.compiled import EXPLICIT_STEPS, MAX_STEPS, build_kernel
from cellkinetics.kernel.layout import most_times, ragged_start, regular_dosing, regular_rows

DAYS = np.array([0.5, 3.0, 20.0])
TAME, STIFF = {"ka": 1.6}, {"cl": 1e10}


def test_a_subject_the_explicit_method_gives_up_is_solved_implicitly() -> None:
    """Tame and stiff subjects of one model, each with its own rows and infusions."""
    kernel = build_kernel(ORAL, names(ORAL))
    phi = np.array([to_phi(ORAL, **case) for case in (TAME, STIFF, TAME, STIFF, TAME)])
    asked = [[(0.5, 0), (3.0, 0)], [(1.0, 0)], [], [(0.25, 0), (4.0, 0)], [(2.0, 0)]]
    given = [
        [(0.0, 300.0)],
        [(0.0, 100.0), (0.5, 100.0)],
        [(0.0, 1.0)],
        [(0.0, 50.0)],
        [(0.0, 9.0)],
    ]
    out = kernel(phi, np.empty((5, 0)), ragged_dosing(given), ragged_rows(asked))
    np.testing.assert_array_equal(out.status, 0)
    np.testing.assert_array_equal(out.implicit, [False, True, False, True, False])
    wanted = []
    for theta, pairs, doses in zip(np.exp(phi), asked, given, strict=True):
        for t, _ in pairs:
            parts = [bateman(*theta, dose, np.array([t - start])) for start, dose in doses]
            wanted.append(float(np.sum(parts)))
    np.testing.assert_allclose(out.pred, wanted, rtol=1e-5, atol=1e-12)
    # The tame ones are to the last bit what they are alone.
    alone = kernel(phi[:1], np.empty((1, 0)), ragged_dosing(given[:1]), ragged_rows(asked[:1]))
    np.testing.assert_array_equal(out.pred[:2], alone.pred)
    assert out.steps[1] < 500


def test_gradients_of_a_rescued_subject_are_those_of_the_implicit_method() -> None:
    phi, none = to_phi(ORAL, **STIFF)[None, :], np.empty((1, 0))
    given, rows = regular_dosing(ORAL.reference_dosing, 1), regular_rows(DAYS, [0], 1)
    auto = build_kernel(ORAL, names(ORAL))(phi, none, given, rows)
    implicit = build_kernel(ORAL, names(ORAL), method="implicit")(phi, none, given, rows)
    np.testing.assert_array_equal(auto.pred, implicit.pred)
    np.testing.assert_array_equal(auto.jac, implicit.jac)


def test_the_choice_is_told_and_can_be_overridden() -> None:
    parameters = {"ka": [1.6, 1.6], "cl": [2.75, 1e10]}
    auto = cellkinetics.solve(ORAL, parameters, DAYS)
    assert auto.method.values.tolist() == ["explicit", "implicit"]
    assert auto.status.values.tolist() == [0, 0]
    explicit = cellkinetics.solve(ORAL, parameters, DAYS, method="explicit")
    assert explicit.method.values.tolist() == ["explicit", "explicit"]
    assert explicit.status.values.tolist() == [0, 1]
    assert np.isnan(explicit.concentration[1]).all()
    implicit = cellkinetics.solve(ORAL, parameters, DAYS, method="implicit")
    assert implicit.method.values.tolist() == ["implicit", "implicit"]
    np.testing.assert_allclose(implicit.concentration[0], auto.concentration[0], rtol=1e-5)
    assert cellkinetics.solve(PEAK, None, DAYS).method.values.tolist() == ["closed"]


def test_a_model_that_is_declared_stiff_is_implicit_from_the_start() -> None:
    assert build_kernel(EXCHANGE, names(EXCHANGE)).way == "implicit"
    assert build_kernel(replace(EXCHANGE, stiff=False), names(EXCHANGE)).way == "explicit"
    assert build_kernel(EXCHANGE, names(EXCHANGE), method="explicit").way == "explicit"
    # A closed form is better than either.
    assert build_kernel(replace(PEAK, stiff=True)).way == "closed"
    assert build_kernel(PEAK, method="implicit").way == "implicit"


def test_steps_are_bounded_whatever_is_tried() -> None:
    out = cellkinetics.solve(ORAL, {"cl": 1e10}, DAYS, max_steps=5)
    assert out.status.values.tolist() == [1]
    assert np.isnan(out.concentration).all()


def test_a_tight_tolerance_is_not_taken_for_stiffness() -> None:
    """It needs more steps, of which the implicit method, of lower order, would need far more."""
    phi, none = to_phi(ORAL)[None, :], np.empty((1, 0))
    given, rows = regular_dosing(ORAL.reference_dosing, 1), regular_rows(DAYS, [0], 1)
    assert not build_kernel(ORAL, names(ORAL))(phi, none, given, rows, rtol=1e-12).implicit[0]


def test_neither_are_many_readings() -> None:
    days = np.linspace(0, 60, 3 * EXPLICIT_STEPS)
    out = cellkinetics.solve(ORAL, None, days)
    assert out.method.values.tolist() == ["explicit"]


def test_both_methods_agree_on_what_is_moderately_stiff() -> None:
    kernel = build_kernel(ORAL, names(ORAL))
    phi, none = to_phi(ORAL, cl=5e4)[None, :], np.empty((1, 0))
    given, rows = regular_dosing(ORAL.reference_dosing, 1), regular_rows(DAYS, [0], 1)
    explicit = build_kernel(ORAL, names(ORAL), method="explicit")(phi, none, given, rows)
    assert EXPLICIT_STEPS < explicit.steps[0] < MAX_STEPS
    auto = kernel(phi, none, given, rows)
    assert auto.status[0] == 0
    assert auto.implicit[0]
    np.testing.assert_allclose(auto.pred, explicit.pred, rtol=1e-5, atol=1e-12)


def test_wrong_choices_are_refused_with_a_hint() -> None:
    with pytest.raises(ModelError, match=r"method 'implcit'.*Did you mean 'implicit'"):
        build_kernel(ORAL, method="implcit")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="Leave one of them out"):
        build_kernel(PEAK, form="closed", method="implicit")
    with pytest.raises(ModelError, match="declares no rhs"):
        build_kernel(replace(PEAK, rhs=None), method="implicit")


def test_most_times_counts_days_not_readings() -> None:
    rows = ragged_rows([[(1.0, 0), (1.0, 1), (2.0, 0)], [], [(2.0, 0)], [(0.0, 0), (5.0, 0)]])
    assert most_times(rows) == 2
    assert most_times(ragged_rows([[], []])) == 0
    np.testing.assert_array_equal(rows.start, ragged_start([0, 0, 0, 2, 3, 3], 4))
