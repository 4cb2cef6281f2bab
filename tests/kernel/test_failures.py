"""A solve that fails is a value: NaN, a status, bounded steps, and nobody else is touched."""

import numpy as np
import pytest
from kernel_models import ORAL, WILD, names, ragged_rows, to_phi

from cellkinetics.kernel.compiled import MAX_STEPS, STATUS, Kernel, Solution, build_kernel
from cellkinetics.kernel.layout import regular_dosing, regular_rows

SOLVED, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE = range(4)
DAYS = np.array([0.0, 0.5, 3.0])


def wild() -> Kernel:
    return build_kernel(WILD, names(WILD))


def solve(
    cases: list[dict[str, float]], max_steps: int = MAX_STEPS, days: np.ndarray = DAYS
) -> Solution:
    phi = np.array([to_phi(WILD, **case) for case in cases])
    rows = regular_rows(days, [0], len(cases))
    return wild()(
        phi, np.empty((len(cases), 0)), regular_dosing((), len(cases)), rows, max_steps=max_steps
    )


def test_the_problem_itself_is_solved_where_it_is_tame() -> None:
    out = solve([{"start": 2.0, "pull": 1.5}, {"start": 0.1, "grow": 0.5}])
    np.testing.assert_array_equal(out.status, SOLVED)
    exact = [1 + np.exp(-1.5 * DAYS), 0.1 / (1 - 0.05 * DAYS)]
    np.testing.assert_allclose(out.pred, np.concatenate(exact), rtol=1e-6)


def test_a_blow_up_is_nan_with_a_status_and_bounded_steps() -> None:
    out = solve([{"start": 1.0, "grow": 1.0}])  # infinite at day 1
    assert out.status[0] in {TOO_MANY_STEPS, STEP_TOO_SMALL}
    assert 0 < out.steps[0] <= MAX_STEPS
    assert np.isnan(out.pred).all(), "rows before the failure are not to be trusted either"
    assert np.isnan(out.jac).all()


def test_a_stiff_problem_stops_at_the_allowed_steps() -> None:
    out = solve([{"start": 2.0, "pull": 1e7}])
    assert out.status[0] == TOO_MANY_STEPS
    assert out.steps[0] == MAX_STEPS
    assert np.isnan(out.pred).all()
    few = solve([{"start": 2.0, "pull": 1e4}], max_steps=50)
    assert few.status[0] == TOO_MANY_STEPS
    assert few.steps[0] == 50
    enough = solve([{"start": 2.0, "pull": 1e3}])
    assert enough.status[0] == SOLVED
    assert 500 < enough.steps[0] < 3000
    assert enough.pred[2] == pytest.approx(1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["start", "grow", "pull"])
def test_parameters_that_are_no_numbers_end_at_once(name: str, value: float) -> None:
    phi = to_phi(WILD)[None, :].copy()
    phi[0, names(WILD).index(name)] = value
    rows = regular_rows(DAYS, [0], 1)
    out = wild()(phi, np.empty((1, 0)), regular_dosing((), 1), rows)
    if name == "start" and value == -np.inf:
        # exp(-inf) is 0, which is a number.
        assert out.status[0] == SOLVED
    else:
        assert out.status[0] != SOLVED
        assert out.steps[0] <= MAX_STEPS
        assert np.isnan(out.pred).all()


def test_one_failing_subject_does_not_touch_the_others() -> None:
    tame = [{"start": 2.0, "pull": 1.5}, {"start": 0.1, "grow": 0.5}]
    alone = solve(tame)
    mixed = solve([tame[0], {"start": 1.0, "grow": 1.0}, tame[1], {"pull": -1e9, "start": 5.0}])
    np.testing.assert_array_equal(mixed.status == SOLVED, [True, False, True, False])
    np.testing.assert_array_equal(mixed.pred[[0, 1, 2, 6, 7, 8]], alone.pred)
    np.testing.assert_array_equal(mixed.jac[[0, 1, 2, 6, 7, 8]], alone.jac)
    assert np.isnan(mixed.pred[[3, 4, 5, 9, 10, 11]]).all()


def test_every_status_has_a_sentence() -> None:
    assert set(STATUS) == {SOLVED, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_FINITE}
    assert all(STATUS.values())


def test_a_positive_state_that_starts_at_nothing_has_no_logarithm() -> None:
    kernel = build_kernel(ORAL, names(ORAL))
    phi, none = to_phi(ORAL)[None, :], np.empty((1, 0))
    out = kernel(phi, none, regular_dosing((), 1), ragged_rows([[(1.0, 0)]]))
    assert out.status[0] == NOT_FINITE
    assert np.isnan(out.pred).all()
