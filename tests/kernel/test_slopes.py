"""Right-hand sides and their derivatives against 60 digits, far outside the range of doubles."""

from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from kernel_models import FIVE, ORAL, WILD, model, names, parameter, to_phi, uncompiled

from cellkinetics.algebra import exp
from cellkinetics.declare import Equations, Expression, Model, Named, Observable, State
from cellkinetics.kernel import steps
from cellkinetics.kernel.compiled import build_kernel
from cellkinetics.kernel.emit import code
from cellkinetics.kernel.layout import Floats
from cellkinetics.kernel.scaled import scale
from cellkinetics.kernel.slopes import Rule, slope, slopes
from cellkinetics.kernel.source import kernel_source
from cellkinetics.symbolic import TIME, trace


def awkward_rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Powers, quotients of states, nested quotients, time, and a state that is no logarithm."""
    total = y.a + y.b
    return {
        "a": p.q * y.a ** p.h / (p.c ** p.h + y.a ** p.h) * y.b - y.a**1.5 / y.b**0.5,
        "b": p.q * y.a * y.b / (total + p.c * y.b / (p.c + total)) - p.f * y.b * exp(-p.q * t),
        "x": p.q * y.a - p.f * y.x * y.x / (p.c + y.x**2),
    }  # fmt: skip


AWKWARD = model(
    "awkward",
    states=(
        State(name="a", unit="1", meaning="a"),
        State(name="b", unit="1", meaning="b"),
        State(name="x", unit="1", meaning="x", positive=False),
    ),
    observables=(Observable(name="seen", unit="1", meaning="a", positive=False),),
    parameters=(
        parameter("q", "1", 0.7),
        parameter("c", "1", 3.0),
        parameter("h", "1", 2.5),
        parameter("f", "1", 0.3, scale="logit", lower=0.0, upper=2.0),
    ),
    initial=lambda p: {"a": p.q, "b": p.c, "x": 0},
    rhs=awkward_rhs,
    observe=lambda y, p: {"seen": y.x},
)


# Parameters and states named like what the generator writes.
NAMESAKES = model(
    "namesakes",
    states=(
        State(name="over0", unit="1", meaning="a"),
        State(name="y0", unit="1", meaning="b"),
    ),
    observables=(Observable(name="seen", unit="1", meaning="a", positive=False),),
    parameters=(
        parameter("step", "1", 0.7),
        parameter("over1", "1", 3.0),
        parameter("sum0", "1", 2.5),
        parameter("x0", "1", 2.0),
        parameter("part0", "1", 0.3),
    ),
    initial=lambda p: {"over0": p.step, "y0": 1},
    rhs=lambda t, y, p: {
        "over0": p.step * y.y0 / (p.over1 + y.over0 + y.y0) - p.part0 * y.over0 * y.y0,
        "y0": p.sum0 * y.y0 / (p.x0 + y.over0 + y.y0) - p.x0 * y.y0 / y.over0,
    },
    observe=lambda y, p: {"seen": y.over0},
)


def found(case: Model, z: Floats, s: Floats, t: float = 0.0) -> Floats:
    """Slopes of states and sensitivities (1 + parameter, state) of the kernel's text."""
    module: Any = uncompiled(build_kernel(case, names(case), form="ode").source)
    lanes, n, m = module.LANES, module.N_STATES, module.N_PARAMETERS
    k, dw = np.zeros(lanes * module.N_MEMORY), np.zeros(module.SIZE)
    for lane in range(lanes):
        module.prepare(to_phi(case), np.empty(0), k, lane)
        module.segment(k, lane)
    w = np.repeat(np.concatenate([z, s.ravel()]), lanes)
    with np.errstate(over="ignore", under="ignore"):
        module.rhs(np.full(lanes, t), w, k, dw, lanes)
    one = dw.reshape(-1, lanes)
    np.testing.assert_array_equal(one, one[:, :1] * np.ones(lanes))
    return np.vstack([one[:n, 0], one[n:, 0].reshape(n, m).T])


def wanted(case: Model, z: Floats, s: Floats, t: float = 0.0) -> Floats:
    """The same by SymPy's own derivatives at 60 digits."""
    symbolic = trace(case)
    assert symbolic.rhs is not None
    y, theta = list(symbolic.states.values()), list(symbolic.parameters.values())
    scaled = scale(symbolic, names(case))
    values: dict[sp.Symbol, Any] = {TIME: mp.mpf(t)}
    with mp.workdps(60):
        for i, state in enumerate(y):
            values[state] = mp.exp(mp.mpf(z[i])) if scaled.log_state[i] else mp.mpf(z[i])
        for q, phi in zip(case.parameters, to_phi(case), strict=True):
            transformed = mp.mpf(float(phi))
            natural = {
                "log": mp.exp,
                "logit": lambda v, q=q: q.lower + (q.upper - q.lower) / (1 + mp.exp(-v)),
                "identity": lambda v: v,
            }[q.scale](transformed)
            values[symbolic.parameters[q.name]] = natural

        def number(e: sp.Expr) -> Any:
            return sp.lambdify(list(values), e, "mpmath")(*values.values())

        rows = []
        for i, f in enumerate(symbolic.rhs.values()):
            g = f / y[i] if scaled.log_state[i] else f
            jacobian = [
                number(sp.diff(g, v) * (v if scaled.log_state[k] else 1)) for k, v in enumerate(y)
            ]
            direct = [
                number(sp.diff(g, p) * by_phi)
                for p, (_, by_phi) in zip(theta, scaled.chosen, strict=True)
            ]
            tangents = [
                mp.fsum(a * mp.mpf(b) for a, b in zip(jacobian, s[:, j], strict=True)) + d
                for j, d in enumerate(direct)
            ]
            rows.append([float(number(g)), *map(float, tangents)])
    return np.array(rows).T


def sensitivities(case: Model) -> Floats:
    shape = (len(case.states), len(case.parameters))
    return 100 * np.random.default_rng(3).standard_normal(shape)


# Logs of effector, memory and three clones: where squares overflow, where values do, and below
# what a double holds.
EXTREMES = {
    "ordinary": [1.0, -2.0, 6.0, 5.0, 1.0],
    "square overflows": [363.0, 360.0, 3.0, -40.0, 1.0],
    "largest": [705.0, 700.0, 3.0, 2.0, 1.0],
    "beyond the largest": [720.0, 718.0, 3.0, 2.0, 1.0],
    "large tumour": [1.0, -2.0, 360.0, 363.0, 340.0],
    "small effectors": [-800.0, -790.0, 6.0, 5.0, 1.0],
    "no tumour": [2.0, 1.0, -900.0, -760.0, -710.0],
    "nothing at all": [-750.0, -745.0, -900.0, -760.0, -710.0],
}


@pytest.mark.parametrize("z", EXTREMES.values(), ids=EXTREMES.keys())
def test_five_states_wherever_they_are(z: list[float]) -> None:
    level, s = np.array(z), sensitivities(FIVE)
    np.testing.assert_allclose(found(FIVE, level, s), wanted(FIVE, level, s), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("case", "z"),
    [
        (AWKWARD, [0.5, -0.3, 1.7]),
        (AWKWARD, [150.0, 148.0, -2.0]),
        (AWKWARD, [-300.0, -290.0, 0.0]),
        (NAMESAKES, [0.4, -0.2]),
        (ORAL, [-730.0, 4.0]),
        (ORAL, [3.0, 0.0]),
        (WILD, [1.5]),
    ],
    ids=lambda v: v.name if isinstance(v, Model) else None,
)
def test_other_forms_of_equations(case: Model, z: list[float]) -> None:
    level, s = np.array(z), sensitivities(case)
    right = wanted(case, level, s, t=1.3)
    np.testing.assert_allclose(found(case, level, s, t=1.3), right, rtol=1e-9, atol=1e-9)


def test_a_quotient_of_states_is_one_exponential_and_a_shared_sum_one_symbol() -> None:
    written = slopes(scale(trace(FIVE), names(FIVE)))
    assert [terms for _, terms in written.ratios] == [((0, sp.Integer(1)), (1, sp.Integer(-1)))]
    assert [[i for i, _ in terms] for _, terms in written.sums] == [[2, 3, 4]]
    assert len(written.reciprocals) == 2
    # Through the sum alone: no clone enters a rate by itself.
    assert {k for _, k in written.by_state} == {0, 1}


def test_a_product_is_differentiated_by_its_logarithm() -> None:
    x, k, over = sp.symbols("x k over0", positive=True)
    rules = {x: Rule(sp.S.One, relative=True), over: Rule(-x * over, relative=True)}
    assert slope(k * x * over, rules) == k * x * over * (1 - x * over)


def test_reciprocals_take_turns_with_what_they_divide() -> None:
    x, over = sp.symbols("x over0", positive=True)
    text = code(x**2 * over**2, vector=True)
    assert eval(text, {"x": 1e200, "over0": 1e-200}) == 1.0
    assert eval(code((1 + x) ** -2), {"x": 1e200}) == 0.0
    assert "fma(" in code(x * over + 3, vector=True)
    assert "fma(" not in code(x * over + 3)


def test_exp_and_fma_are_right_to_the_last_bits() -> None:
    kernel = build_kernel(FIVE, names(FIVE))
    module: Any = kernel.module
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-708, 709, 4000), rng.uniform(-1, 1, 4000), [0.0, 1.0, -1.0]])
    with mp.workdps(40):
        exact = np.array([float(mp.exp(mp.mpf(float(v)))) for v in x])
    got = np.array([module.exp_(v) for v in x])
    assert np.abs((got - exact) / np.spacing(exact)).max() <= 1.0
    assert module.exp_(0.0) == 1.0
    assert module.exp_(-1e4) == module.exp_(-708.0) > 0
    assert module.exp_(1e4) == module.exp_(709.0) < np.inf
    # (1 + e)(1 - e) - 1 = -e^2, which two roundings lose.
    plain: Any = uncompiled(kernel.source)
    e = 2.0**-30
    assert plain.fma(1 + e, 1 - e, -1.0) == -(e**2)


def test_a_loop_over_parameters_computes_what_is_written_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wide models are compiled as loops: the same right-hand side to the last digits."""
    scaled = scale(trace(FIVE), names(FIVE))
    found = []
    for bound in (10**6, 0):
        monkeypatch.setattr(steps, "WRITTEN_OUT", bound)
        module = uncompiled(kernel_source(scaled, "explicit"))
        rng = np.random.default_rng(3)
        memory, dw = np.zeros(module.LANES * module.N_MEMORY), np.zeros(module.SIZE)
        for lane in range(module.LANES):
            module.prepare(to_phi(FIVE) + 0.1 * rng.standard_normal(8), (), memory, lane)
            module.segment(memory, lane)
        w = rng.standard_normal(module.SIZE)
        module.rhs(np.zeros(module.LANES), w, memory, dw, module.LANES)
        found.append(dw)
    assert np.count_nonzero(found[0]) > 0.7 * len(found[0])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-14)
