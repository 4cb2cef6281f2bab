"""A solve that fails is a value: NaN, a status, bounded steps, and nobody else is touched."""

import numpy as np
import pytest
from kernel_models import ORAL, WILD, bateman, names, ragged_rows, to_phi, with_text

from cellkinetics.kernel.compiled import MAX_STEPS, STATUS, Solution, build_kernel
from cellkinetics.kernel.layout import Floats, regular_dosing, regular_rows

SOLVED, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE = range(4)
DAYS = np.array([0.0, 0.5, 3.0])
TAME, ALSO_TAME = {"ka": 1.6}, {"ka": 0.5, "cl": 10.0}
# Elimination within a nanoday: an explicit method needs a step a nanoday, for three days.
STIFF = {"cl": 1e10}


def solve(phi: Floats, max_steps: int = MAX_STEPS) -> Solution:
    """Concentrations after one dose, by the explicit method alone."""
    subjects = len(phi)
    return build_kernel(ORAL, names(ORAL), method="explicit")(
        phi,
        np.empty((subjects, 0)),
        regular_dosing(ORAL.reference_dosing, subjects),
        regular_rows(DAYS, [0], subjects),
        max_steps=max_steps,
    )


def oral(*cases: dict[str, float]) -> Floats:
    return np.array([to_phi(ORAL, **case) for case in cases])


def wild(**theta: float) -> Solution:
    """The problem that blows up, run as plain Python."""
    kernel = build_kernel(WILD, names(WILD))
    kernel = with_text(kernel, kernel.source)
    rows = regular_rows(DAYS, [0], 1)
    with np.errstate(all="ignore"):
        return kernel(to_phi(WILD, **theta)[None, :], np.empty((1, 0)), regular_dosing((), 1), rows)


def test_a_blow_up_is_nan_with_a_status_and_bounded_steps() -> None:
    tame = wild(start=0.1, grow=0.5)
    assert tame.status[0] == SOLVED
    np.testing.assert_allclose(tame.pred, 0.1 / (1 - 0.05 * DAYS), rtol=1e-6)
    out = wild(start=1.0, grow=1.0)  # infinite at day 1
    assert out.status[0] in {TOO_MANY_STEPS, STEP_TOO_SMALL}
    assert 0 < out.steps[0] <= MAX_STEPS
    assert np.isnan(out.pred).all(), "rows before the failure are not to be trusted either"
    assert np.isnan(out.jac).all()


def test_a_stiff_problem_stops_at_the_allowed_steps() -> None:
    out = solve(oral(STIFF))
    assert out.status[0] == TOO_MANY_STEPS
    assert out.steps[0] == MAX_STEPS
    assert np.isnan(out.pred).all()
    few = solve(oral({"cl": 1e5}), max_steps=50)
    assert few.status[0] == TOO_MANY_STEPS
    assert few.steps[0] == 50
    enough = solve(oral({"cl": 1e5}))
    assert enough.status[0] == SOLVED
    assert 500 < enough.steps[0] < MAX_STEPS
    exact = bateman(1.6, 1e5, 31.8, 300.0, DAYS)
    np.testing.assert_allclose(enough.pred, exact, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["ka", "cl", "v"])
def test_parameters_that_are_no_numbers_end_as_values(name: str, value: float) -> None:
    phi = oral(TAME, TAME)
    phi[1, names(ORAL).index(name)] = value
    out = solve(phi)
    assert out.status[0] == SOLVED
    assert out.steps[1] <= MAX_STEPS
    if out.status[1] == SOLVED:
        # No uptake, no elimination or no concentration: exp(-inf) is 0, a number like others.
        assert np.isinf(value)
        assert np.isfinite(out.pred[3:]).all()
    else:
        assert np.isnan(out.pred[3:]).all()
        assert np.isnan(out.jac[3:]).all()


def test_one_failing_subject_does_not_touch_the_others() -> None:
    alone = solve(oral(TAME, ALSO_TAME))
    phi = oral(TAME, STIFF, ALSO_TAME, TAME, TAME, STIFF, TAME)
    phi[3] = np.nan
    mixed = solve(phi)
    np.testing.assert_array_equal(mixed.status == SOLVED, [1, 0, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(mixed.pred[[0, 1, 2, 6, 7, 8]], alone.pred)
    np.testing.assert_array_equal(mixed.jac[[0, 1, 2, 6, 7, 8]], alone.jac)
    np.testing.assert_array_equal(mixed.pred[12:15], alone.pred[:3])
    assert np.isnan(mixed.pred[[3, 4, 5, 9, 10, 11]]).all()


def test_every_status_has_a_sentence() -> None:
    assert set(STATUS) == {SOLVED, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE}
    assert all(STATUS.values())


def test_a_positive_state_of_which_there_is_none_stays_none() -> None:
    kernel = build_kernel(ORAL, names(ORAL))
    phi, none = to_phi(ORAL)[None, :], np.empty((1, 0))
    out = kernel(phi, none, regular_dosing((), 1), ragged_rows([[(1.0, 0)]]))
    assert out.status[0] == SOLVED
    np.testing.assert_allclose(out.pred, 0.0, atol=1e-300)
