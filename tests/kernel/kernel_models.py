"""Small models with known answers, and ways to run a kernel's text that no user has."""

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import vectorize

from cellkinetics.algebra import after, exp, where
from cellkinetics.declare import (
    Equations,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    State,
)
from cellkinetics.kernel import vector
from cellkinetics.kernel.compiled import Kernel
from cellkinetics.kernel.layout import LANES, Dosing, Floats, Rows, ragged_start


def parameter(name: str, unit: str, typical: float, **more: Any) -> Parameter:
    return Parameter(
        name=name, unit=unit, typical=typical, meaning=name, assumption="of a test", **more
    )


def model(name: str, **fields: Any) -> Model:
    return Model(
        name=name, title=name, purpose="a test", population="none", source="a test", **fields
    )


# Growth until a peak, then decline: a switch at a parameter on the identity scale, a rate on the
# logit scale, three observables (homogeneous, positive, natural), a closed form.
def peak_rhs(t: Expression, y: Named, p: Named) -> Equations:
    return {"level": where(after("peak"), -p.alpha, p.rho) * y.level}


def peak_solution(t: Expression, p: Named) -> Equations:
    grown = where(after("peak"), p.t_peak, t)
    declined = where(after("peak"), t - p.t_peak, 0 * t)
    return {"level": p.c_0 * exp(p.rho * grown) * exp(-p.alpha * declined)}


PEAK = model(
    "peak",
    states=(State(name="level", unit="cells/uL", meaning="level"),),
    observables=(
        Observable(name="doubled", unit="cells/uL", meaning="twice the level"),
        Observable(name="above", unit="cells/uL", meaning="level and background"),
        Observable(name="excess", unit="cells/uL", meaning="level less start", positive=False),
    ),
    parameters=(
        parameter("c_0", "cells/uL", 2.0),
        parameter("rho", "1/day", 0.9),
        parameter("t_peak", "day", 6.0, scale="identity"),
        parameter("alpha", "1/day", 0.2, scale="logit", lower=0.01, upper=2.0),
    ),
    initial=lambda p: {"level": p.c_0},
    switches=lambda p: {"peak": p.t_peak},
    rhs=peak_rhs,
    solution=peak_solution,
    observe=lambda y, p: {
        "doubled": 2 * y.level,
        "above": y.level + 3 * p.c_0,
        "excess": y.level - p.c_0,
    },
)


# One compartment, oral: the amount in the gut is positive from the first dose on, the
# concentration starts at zero and stays on its natural scale.
ORAL = model(
    "oral",
    states=(
        State(name="gut", unit="mg", meaning="amount in the gut"),
        State(name="central", unit="mg", meaning="amount in plasma", positive=False),
    ),
    observables=(
        Observable(name="concentration", unit="mg/L", meaning="in plasma", positive=False),
    ),
    parameters=(
        parameter("ka", "1/day", 1.6),
        parameter("cl", "L/day", 2.75),
        parameter("v", "L", 31.8),
    ),
    initial=lambda p: {"gut": 0, "central": 0},
    infuse=lambda cells, p: {"gut": cells},
    rhs=lambda t, y, p: {
        "gut": -p.ka * y.gut,
        "central": p.ka * y.gut - p.cl / p.v * y.central,
    },
    observe=lambda y, p: {"concentration": y.central / p.v},
    reference_dosing=((0.0, 300.0),),
)


def bateman(ka: Any, cl: Any, v: Any, dose: float, t: Floats) -> Any:
    """Concentration after one oral dose: the textbook's one-compartment formula."""
    ke = cl / v
    return dose / v * ka / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t)) * (t > 0)


# Blows up where grow > 0 (at 1 / (grow * start)), is stiff where pull is large.
WILD = model(
    "wild",
    states=(State(name="y", unit="1", meaning="y", positive=False),),
    observables=(Observable(name="seen", unit="1", meaning="y", positive=False),),
    parameters=(
        parameter("start", "1", 1.0),
        parameter("grow", "1/day", 0.0, scale="identity"),
        parameter("pull", "1/day", 0.0, scale="identity"),
    ),
    initial=lambda p: {"y": p.start},
    rhs=lambda t, y, p: {"y": p.grow * y.y**2 - p.pull * (y.y - 1)},
    observe=lambda y, p: {"seen": y.y},
)


# Two pools that decline by themselves; an infusion adds to the first only.
POOLS = model(
    "pools",
    states=(
        State(name="first", unit="cells/uL", meaning="infused"),
        State(name="second", unit="cells/uL", meaning="not infused"),
    ),
    observables=(Observable(name="both", unit="cells/uL", meaning="sum"),),
    parameters=(parameter("slow", "1/day", 0.1), parameter("fast", "1/day", 20.0)),
    initial=lambda p: {"first": 1, "second": 1},
    infuse=lambda cells, p: {"first": cells},
    rhs=lambda t, y, p: {"first": -p.slow * y.first, "second": -p.fast * y.second},
    observe=lambda y, p: {"both": y.first + y.second},
)


def five_rhs(t: Expression, y: Named, p: Named) -> Equations:
    antigen = y.b1 + y.b2 + y.b3
    killing = p.kill * y.effector / (p.k_e + y.effector)
    growth = p.g * (1 - antigen / 2000)
    return {
        "effector": (p.rho * antigen / (p.k_a + antigen) - p.alpha - p.k) * y.effector,
        "memory": p.k * y.effector - p.beta * y.memory,
        "b1": (growth - killing) * y.b1,
        "b2": (growth - 0.6 * killing) * y.b2,
        "b3": (growth - 0.1 * killing) * y.b3,
    }


# The five-state benchmark problem: expansion driven by antigen, three clones of a tumour.
FIVE = model(
    "five",
    states=tuple(
        State(name=name, unit="cells/uL", meaning=name)
        for name in ("effector", "memory", "b1", "b2", "b3")
    ),
    observables=(
        Observable(name="car_t", unit="cells/uL", meaning="CAR-T cells"),
        Observable(name="tumour", unit="cells/uL", meaning="all clones"),
    ),
    parameters=(
        parameter("rho", "1/day", 1.2),
        parameter("k_a", "cells/uL", 50.0),
        parameter("alpha", "1/day", 0.25),
        parameter("k", "1/day", 0.03),
        parameter("beta", "1/day", 0.005),
        parameter("g", "1/day", 0.08),
        parameter("kill", "1/day", 1.2),
        parameter("k_e", "cells/uL", 5.0),
    ),
    initial=lambda p: {"effector": 0.1, "memory": 0.02, "b1": 800, "b2": 150, "b3": 5},
    rhs=five_rhs,
    observe=lambda y, p: {"car_t": y.effector + y.memory, "tumour": y.b1 + y.b2 + y.b3},
)
# Late on, one of a hundred subjects has e^363 cells, whose square no double holds.
FIVE_DAYS = np.array(
    [1, 2, 4, 6, 8, 10, 12, 14, 17, 21, 28, 42, 60, 90, 120, 180, 240, 300, 330, 360], dtype=float
)


def names(model: Model) -> tuple[str, ...]:
    return tuple(q.name for q in model.parameters)


def to_phi(model: Model, **theta: float) -> Floats:
    """Transformed values (parameter,) of all parameters, typical where none is given."""
    phi = []
    for q in model.parameters:
        value = theta.get(q.name, q.typical)
        if q.scale == "log":
            value = np.log(value)
        elif q.scale == "logit":
            value = np.log((value - q.lower) / (q.upper - value))
        phi.append(value)
    return np.array(phi)


def ragged_rows(asked: list[list[tuple[float, int]]]) -> Rows:
    """Rows from, for each subject, (time, observable) pairs in order of time."""
    subject = [s for s, pairs in enumerate(asked) for _ in pairs]
    flat = [pair for pairs in asked for pair in pairs]
    return Rows(
        start=ragged_start(subject, len(asked)),
        time=np.array([t for t, _ in flat], dtype=np.float64),
        observable=np.array([o for _, o in flat], dtype=np.int64),
    )


def ragged_dosing(given: list[list[tuple[float, float]]]) -> Dosing:
    """Infusions from, for each subject, (time, cells) pairs in order of time."""
    subject = [s for s, pairs in enumerate(given) for _ in pairs]
    flat = [pair for pairs in given for pair in pairs]
    return Dosing(
        start=ragged_start(subject, len(given)),
        time=np.array([t for t, _ in flat], dtype=np.float64),
        cells=np.array([c for _, c in flat], dtype=np.float64),
    )


@vectorize(["float64(float64, float64, float64)"])
def fma(a: float, b: float, c: float) -> float:
    """a * b + c, rounded once; of numbers or arrays."""
    return vector.fma(a, b, c)


def _bits(x: Any) -> Any:
    return np.asarray(x, dtype=np.float64).view(np.int64)


def _doubles(bits: Any) -> Any:
    return np.asarray(bits, dtype=np.int64).view(np.float64)


def _store(array: Any, first: int, value: Any) -> None:
    array[first : first + LANES] = value


_ROOT_HALF = 0x3FE6A09E667F3BCD
VECTORS: dict[str, Any] = {
    "load": lambda array, first: array[first : first + LANES].copy(),
    "store": _store,
    "fma": fma,
    "if_less": lambda a, b, x, y: np.where(np.less(a, b), x, y),
    "if_at_least": lambda a, b, x, y: np.where(np.greater_equal(a, b), x, y),
    "sqrt_": np.sqrt,
    "abs_": np.abs,
    "times_power_of_two": lambda x, m: _doubles(_bits(x) + (_bits(m) << 52)),
    "power_of": lambda x: ((_bits(x) - _ROOT_HALF) >> 52).astype(np.float64),
    "mantissa_of": lambda x: _doubles(((_bits(x) - _ROOT_HALF) & 0x000FFFFFFFFFFFFF) + _ROOT_HALF),
    "as_int": lambda x: int(_bits(x)),
    "as_double": lambda i: float(_doubles((int(i) + 2**63) % 2**64 - 2**63)),
}
"""What LLVM does in compiled code, said again in NumPy."""


def uncompiled(source: str) -> SimpleNamespace:
    """A kernel's module run as plain Python: what its text says, operation by operation."""
    space: dict[str, Any] = {}
    exec(compile(re.sub(r"@njit\(.*\)\n", "", source), "<kernel>", "exec"), space)
    space.update(VECTORS)
    return SimpleNamespace(**space)


def changed(source: str, old: str, new: str, *, places: int = 1) -> str:
    """Edit a kernel's text; the places must exist."""
    assert source.count(old) == places, f"{source.count(old)} places read {old!r}"
    return source.replace(old, new)


def with_text(kernel: Kernel, source: str) -> Kernel:
    """The kernel run as plain Python from another text."""
    module: Any = uncompiled(source)
    # Compiled code has no warnings: what is no number is carried on.
    module.solve = np.errstate(all="ignore")(module.solve)
    return replace(kernel, source=source, module=module, rescues=False)
