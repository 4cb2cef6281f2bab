"""What a model may ask of either integrator: several switches, infusions on them, steady starts."""

from itertools import pairwise

import numpy as np
import pytest
from kernel_models import model, names, parameter, to_phi

from cellkinetics.algebra import after, where
from cellkinetics.declare import Equations, Expression, Named, Observable, State
from cellkinetics.kernel.compiled import Method, Solution, build_kernel
from cellkinetics.kernel.layout import Floats, regular_dosing, regular_rows

BOTH = pytest.mark.parametrize("method", ["explicit", "implicit"])
DAYS = np.array([0.5, 1.0, 2.5, 4.0, 4.5, 7.0, 12.0])


def rates(t: Expression, y: Named, p: Named) -> Equations:
    """Growth that two switches change, each at a parameter; a marker that is at rest."""
    growth = where(
        after("second"),
        where(after("first"), -p.decline, -p.skipped),
        where(after("first"), p.slowed, p.growth),
    )
    return {"cells": growth * y.cells, "marker": p.made - p.lost * y.marker}


# The marker starts at its steady state, an expression of its parameters.
SWITCHED = model(
    "switched",
    states=(
        State(name="cells", unit="1", meaning="cells"),
        State(name="marker", unit="1", meaning="marker"),
    ),
    observables=(Observable(name="seen", unit="1", meaning="cells"),),
    parameters=(
        parameter("growth", "1/day", 0.9),
        parameter("slowed", "1/day", 0.3),
        parameter("decline", "1/day", 0.2),
        parameter("skipped", "1/day", 0.5),
        parameter("t_first", "day", 3.0, scale="identity"),
        parameter("t_second", "day", 6.0, scale="identity"),
        parameter("made", "1/day", 5.0),
        parameter("lost", "1/day", 2.0),
    ),
    initial=lambda p: {"cells": 1, "marker": p.made / p.lost},
    infuse=lambda cells, p: {"cells": cells},
    switches=lambda p: {"first": p.t_first, "second": p.t_second},
    rhs=rates,
    observe=lambda y, p: {"seen": y.cells},
)


def solved(method: Method, doses: tuple[tuple[float, float], ...], **theta: float) -> Solution:
    kernel = build_kernel(SWITCHED, names(SWITCHED), method=method)
    rows = regular_rows(DAYS, [1, 2], 1)
    phi, dosing = to_phi(SWITCHED, **theta)[None, :], regular_dosing(doses, 1)
    return kernel(phi, np.empty((1, 0)), dosing, rows, rtol=1e-9)


def exact(doses: tuple[tuple[float, float], ...], t_first: float, t_second: float) -> Floats:
    """Cells (day,) by hand; a dose on a switch comes after it."""
    tau = sorted([(t_first, "first"), (t_second, "second")], key=lambda pair: pair[0])

    def grown(start: float, end: float) -> float:
        total, done = 0.0, {name for t, name in tau if t <= start}
        points = [start, *(t for t, _ in tau if start < t < end), end]
        for a, b in pairwise(points):
            done |= {name for t, name in tau if t <= a}
            rate = {
                (): 0.9, ("first",): 0.3, ("second",): -0.5, ("first", "second"): -0.2
            }[tuple(sorted(done))]  # fmt: skip
            total += rate * (b - a)
        return total

    sources = [(0.0, 1.0), *doses]
    return np.array(
        [sum(c * np.exp(grown(t, day)) for t, c in sources if t < day or t == 0.0) for day in DAYS]
    )


CASES = [
    (3.0, 6.0),
    (6.0, 3.0),  # in the other order
    (4.0, 4.0),  # at one instant, on a reading
    (3.0, 30.0),  # the second never
    (-1.0, 6.0),  # the first before the start
    (0.0, 6.0),  # at the start
]


@BOTH
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("doses", [(), ((0.0, 2.0), (0.25, 1.0), (0.75, 1.0), (3.0, 5.0))])
def test_switches_in_any_order_with_infusions_on_and_between_them(
    method: Method, case: tuple[float, float], doses: tuple[tuple[float, float], ...]
) -> None:
    out = solved(method, doses, t_first=case[0], t_second=case[1])
    assert out.status[0] == 0
    np.testing.assert_allclose(np.exp(out.pred[::2]), exact(doses, *case), rtol=1e-7)
    # The marker never moves, but its level does with its parameters.
    np.testing.assert_allclose(out.pred[1::2], np.log(2.5), atol=1e-12)
    np.testing.assert_allclose(out.jac[1::2, 6], 1.0, atol=1e-9)
    np.testing.assert_allclose(out.jac[1::2, 7], -1.0, atol=1e-9)


@BOTH
@pytest.mark.parametrize("case", [(3.1, 6.0), (6.0, 3.1), (2.0, 2.2)])
def test_gradients_by_both_switch_times_with_infusions(
    method: Method, case: tuple[float, float]
) -> None:
    doses = ((0.0, 2.0), (0.25, 1.0), (3.0, 5.0))
    out = solved(method, doses, t_first=case[0], t_second=case[1])
    h = 1e-6
    for j, move in ((4, (h, 0.0)), (5, (0.0, h))):
        two = [np.log(exact(doses, case[0] + s * move[0], case[1] + s * move[1])) for s in (1, -1)]
        np.testing.assert_allclose(out.jac[::2, j], (two[0] - two[1]) / (2 * h), atol=1e-7)


@BOTH
def test_two_switches_at_one_instant_are_taken_in_the_order_of_their_declaration(
    method: Method,
) -> None:
    out = solved(method, (), t_first=4.0, t_second=4.0)
    late = DAYS > 4.0
    # Growth to slowed at the first, slowed to decline at the second.
    np.testing.assert_allclose(out.jac[::2, 4], np.where(late, 0.9 - 0.3, 0.0), atol=1e-7)
    np.testing.assert_allclose(out.jac[::2, 5], np.where(late, 0.3 + 0.2, 0.0), atol=1e-7)


@BOTH
def test_an_infusion_on_a_switch_comes_after_it(method: Method) -> None:
    """So a switch that moves does not move through what is infused."""
    out = solved(method, ((4.0, 7.0),), t_first=4.0, t_second=30.0)
    late = DAYS > 4.0
    there = np.exp(0.9 * 4.0)
    share = there / (there + 7.0)
    np.testing.assert_allclose(out.jac[::2, 4], np.where(late, 0.6 * share, 0.0), atol=1e-7)
