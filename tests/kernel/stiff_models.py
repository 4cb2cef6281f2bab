"""Stiff problems of the literature and of the field, declared as a user would."""

from itertools import pairwise
from typing import Any

import numpy as np
from kernel_models import model, parameter

from cellkinetics.algebra import after, exp, where
from cellkinetics.declare import Equations, Expression, Model, Named, Observable, State
from cellkinetics.kernel.layout import Floats


def states(**positive: bool) -> tuple[State, ...]:
    return tuple(
        State(name=n, unit="1", meaning=n, positive=p, smallest=1e-8) for n, p in positive.items()
    )


def seen(positive: bool) -> tuple[Observable, ...]:
    return (Observable(name="seen", unit="1", meaning="seen", positive=positive),)


# Robertson's kinetics (Hairer, Wanner II, IV.1.4): rates from 0.04 to 3e7, over decades of time.
ROBERTSON = model(
    "robertson",
    states=states(a=True, b=False, c=False),
    observables=seen(True),
    parameters=(
        parameter("slow", "1/day", 0.04),
        parameter("fast", "1/day", 1e4),
        parameter("fastest", "1/day", 3e7),
    ),
    initial=lambda p: {"a": 1, "b": 0, "c": 0},
    rhs=lambda t, y, p: {
        "a": -p.slow * y.a + p.fast * y.b * y.c,
        "b": p.slow * y.a - p.fast * y.b * y.c - p.fastest * y.b**2,
        "c": p.fastest * y.b**2,
    },
    observe=lambda y, p: {"seen": y.a},
    stiff=True,
)


# Van der Pol's oscillator (Hairer, Wanner II, IV.1.5), which changes sign and jumps.
VAN_DER_POL = model(
    "van_der_pol",
    states=states(x=False, v=False),
    observables=seen(False),
    parameters=(parameter("epsilon", "1", 1e-6),),
    initial=lambda p: {"x": 2, "v": 0},
    rhs=lambda t, y, p: {"x": y.v, "v": ((1 - y.x**2) * y.v - y.x) / p.epsilon},
    observe=lambda y, p: {"seen": y.x},
    stiff=True,
)

# At rest from the start: its state gives no reason for a short step, its sensitivities do.
AT_REST = model(
    "at_rest",
    states=states(y=False),
    observables=seen(False),
    parameters=(parameter("made", "1/day", 2.0), parameter("lost", "1/day", 1.0)),
    initial=lambda p: {"y": 2},
    rhs=lambda t, y, p: {"y": p.made - p.lost * y.y},
    observe=lambda y, p: {"seen": y.y},
    stiff=True,
)

# Logistic growth: its Jacobian changes with the state, its solution is in every textbook.
LOGISTIC = model(
    "logistic",
    states=states(y=True),
    observables=seen(True),
    parameters=(parameter("rate", "1/day", 0.7), parameter("start", "1", 1e-4)),
    initial=lambda p: {"y": p.start},
    rhs=lambda t, y, p: {"y": p.rate * y.y * (1 - y.y)},
    observe=lambda y, p: {"seen": y.y},
    stiff=True,
)


def exchange_rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Cells that grow on antigen, in fast exchange with tissue; cytokine, dose, comedication."""
    killing = p.kill * y.blood * y.tumour / (p.k_e + y.blood)
    growth = where(after("steroid"), p.spared, 1) * p.rho * y.tumour / (p.k_a + y.tumour)
    return {
        "blood": growth * y.blood - (p.kin + p.loss) * y.blood + p.kout * y.tissue,
        "tissue": p.kin * y.blood - p.kout * y.tissue,
        "tumour": p.g * y.tumour - killing,
        "cytokine": p.turnover * (p.baseline - y.cytokine) + p.release * killing,
    }


EXCHANGE_VALUES = {
    "rho": 1.5, "k_a": 50.0, "loss": 0.3, "kin": 76.8, "kout": 1.84, "kill": 2.0, "k_e": 5.0,
    "g": 0.05, "turnover": 200.0, "baseline": 2.0, "release": 30.0, "spared": 0.4,
    "t_steroid": 6.0, "t_0": 800.0,
}  # fmt: skip
# Exchange at 76.8/day and a cytokine turned over at 200/day, for months (as in Hardiansyah 2019);
# the tissue starts empty, growth changes at a time that is a parameter.
EXCHANGE = model(
    "exchange",
    states=states(blood=True, tissue=False, tumour=True, cytokine=True),
    observables=(
        Observable(name="cells", unit="1", meaning="blood", positive=True),
        Observable(name="burden", unit="1", meaning="tumour", positive=True),
        Observable(name="cytokines", unit="1", meaning="cytokine", positive=True),
    ),
    parameters=tuple(parameter(name, "1", value) for name, value in EXCHANGE_VALUES.items()),
    initial=lambda p: {
        "blood": 0 * p.t_0, "tissue": 0, "tumour": p.t_0, "cytokine": p.baseline,
    },
    infuse=lambda cells, p: {"blood": cells},
    switches=lambda p: {"steroid": p.t_steroid},
    rhs=exchange_rhs,
    observe=lambda y, p: {"cells": y.blood, "burden": y.tumour, "cytokines": y.cytokine},
    reference_dosing=((0.0, 10.0),),
    stiff=True,
)  # fmt: skip


def exchange(y: Any, p: Any, *, switched: bool) -> tuple[Any, Any]:
    """Rates and their Jacobian by hand, before or after the switch; real or complex."""
    rho, k_a, loss, kin, kout, kill, k_e, g, turnover, baseline, release, spared, _, _ = p
    blood, tissue, tumour, cytokine = y
    rho = spared * rho if switched else rho
    growth = rho * tumour / (k_a + tumour)
    by_tumour = rho * k_a / (k_a + tumour) ** 2
    per_cell = kill * blood / (k_e + blood)
    by_blood = kill * k_e / (k_e + blood) ** 2 * tumour
    rates = [
        growth * blood - (kin + loss) * blood + kout * tissue,
        kin * blood - kout * tissue,
        g * tumour - per_cell * tumour,
        turnover * (baseline - cytokine) + release * per_cell * tumour,
    ]
    jacobian = [
        [growth - kin - loss, kout, by_tumour * blood, 0],
        [kin, -kout, 0, 0],
        [-by_blood, 0, g - per_cell, 0],
        [release * by_blood, 0, release * per_cell, -turnover],
    ]
    return np.array(rates), np.array(jacobian)


ROOT = np.sqrt(6)
# Radau IIA of order 5 (Hairer, Wanner II, Table IV.5.6): none of its coefficients is Kvaerno's.
RADAU = np.array(
    [
        [(88 - 7 * ROOT) / 360, (296 - 169 * ROOT) / 1800, (-2 + 3 * ROOT) / 225],
        [(296 + 169 * ROOT) / 1800, (88 + 7 * ROOT) / 360, (-2 - 3 * ROOT) / 225],
        [(16 - ROOT) / 36, (16 + ROOT) / 36, 1 / 9],
    ]
)


def radau_step(y: Any, p: Any, h: Any, *, switched: bool) -> Any:
    """One step of the exchange model by Newton's method; step and parameters may be complex."""
    stages = np.tile(y, (3, 1)).astype(complex)
    for _ in range(12):
        both = [exchange(s, p, switched=switched) for s in stages]
        rates, jacobians = np.array([f for f, _ in both]), [j for _, j in both]
        left = stages - y - h * RADAU @ rates
        matrix = np.eye(12, dtype=complex)
        for i in range(3):
            for j in range(3):
                matrix[4 * i : 4 * i + 4, 4 * j : 4 * j + 4] -= h * RADAU[i, j] * jacobians[j]
        change = np.linalg.solve(matrix, left.ravel()).reshape(3, 4)
        stages = stages - change
        if np.all(np.abs(change) <= 1e-13 * np.abs(stages)):
            break
    return stages[2]


def exchange_by_radau(
    p: Any, doses: tuple[tuple[float, float], ...], days: Floats, fineness: int
) -> Any:
    """States (day, state) on a grid that is fine after every event; p may be complex."""
    t_switch = p[12]
    y = np.array([0, 0, p[13], p[9]], dtype=complex)
    cells = dict(doses)
    times = sorted({*days.tolist(), *cells, float(np.real(t_switch))} | {0.0})
    found = {}
    since = 0.0
    y[0] += cells.get(0.0, 0.0)
    for start, end in pairwise(times):
        switched = start >= np.real(t_switch)
        # The end of a stretch may move with the switch; its start, and infusions, stay.
        last = t_switch if end == np.real(t_switch) else end
        count = fineness * int(np.ceil(4 + 12 * np.log1p((end - start) / (start - since + 1e-3))))
        ratio = (end - since + 1e-3) / (start - since + 1e-3)
        grid = (ratio ** np.linspace(0, 1, count + 1) - 1) / (ratio - 1)
        for a, b in pairwise(grid):
            y = radau_step(y, p, (last - start) * (b - a), switched=switched)
        if end == np.real(t_switch):
            y = radau_step(y, p, end - t_switch, switched=True)
        found[end] = y.copy()
        if end in cells or end == np.real(t_switch):
            since = end
        y[0] += cells.get(end, 0.0)
    return np.array([found[d] for d in days.tolist()])


# Prothero and Robinson's problem: the solution is exp(-t / period), however stiff the pull to it.
FOLLOWS = model(
    "follows",
    states=states(y=False),
    observables=seen(False),
    parameters=(parameter("pull", "1/day", 1e4), parameter("period", "day", 3.0)),
    initial=lambda p: {"y": 1},
    rhs=lambda t, y, p: {"y": -p.pull * (y.y - exp(-t / p.period)) - exp(-t / p.period) / p.period},
    observe=lambda y, p: {"seen": y.y},
    stiff=True,
)


def typical(m: Model) -> Floats:
    return np.array([q.typical for q in m.parameters])
