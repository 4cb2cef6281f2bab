"""Contract of every model: the generated code computes what SymPy's own lambdify does.

Derivatives are taken here by complex step through the model's equations on their natural scale,
so that no derivative, no log scale and no common subexpression of the generator is trusted.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from contract_cases import case_of, forms_of, kernel_of, to_theta
from generated import Generated

from cellkinetics.catalogue import load_model, model_names
from cellkinetics.kernel.layout import Floats
from cellkinetics.symbolic import CELLS, TIME, Symbolic, trace

EVERY_MODEL = pytest.mark.parametrize("name", model_names())
WITH_EQUATIONS, WITH_CLOSED_FORM = (
    pytest.mark.parametrize("name", [n for n in model_names() if form in forms_of(load_model(n))])
    for form in ("ode", "closed")
)
STEP = 1e-30
CELLS_GIVEN = 3e7
MODULES = [
    {
        "Where": lambda c, a, b: a if np.real(c) > 0.5 else b,
        "NotAbove": lambda a, b: 1.0 if np.real(a) <= np.real(b) else 0.0,
    },
    "numpy",
]


class Bench:
    """One subject of a model, at which generated functions and SymPy's are called."""

    def __init__(self, name: str, closed: bool, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.case = case_of(name)
        self.symbolic: Symbolic = trace(self.case.model)
        self.code = Generated(kernel_of(name, "closed" if closed else "ode").module, lane=seed)
        s = seed % len(self.case.phi)
        self.phi, self.constants = self.case.phi[s], self.case.constants[s]
        self.n, self.m = len(self.case.model.states), len(self.phi)
        self.positive = [state.positive for state in self.case.model.states]
        self.t = float(rng.uniform(0.1, 40))
        self.flags = rng.integers(0, 2, len(self.symbolic.flags)).astype(float)
        # Values and sensitivities of the states on their own scale, at random.
        self.z = np.where(self.positive, rng.normal(1, 2, self.n), rng.uniform(0, 50, self.n))
        self.s = rng.standard_normal((self.n, self.m))
        self.code.prepare(self.phi, self.constants, self.flags)

    def vector(self) -> Floats:
        """States and sensitivities as the kernel carries them."""
        return np.concatenate([self.z, self.s.ravel()])

    def lambdified(self, expression: sp.Expr) -> Callable[..., Any]:
        """A function of (states, phi) on the natural scale, of complex numbers."""
        s = self.symbolic
        order = [*s.states.values(), *s.parameters.values(), *s.inputs.values()]
        function = sp.lambdify([*order, TIME, CELLS, *s.flags.values()], expression, MODULES)

        def evaluate(z: Any, phi: Any) -> Any:
            y = [np.exp(v) if log else v for v, log in zip(z, self.positive, strict=True)]
            parameters = zip(phi, self.case.model.parameters, strict=True)
            theta = [to_theta(v, q) for v, q in parameters]
            return function(*y, *theta, *self.constants, self.t, CELLS_GIVEN, *self.flags)

        return evaluate

    def both(
        self, expression: sp.Expr, after: Callable[[Any], Any] = lambda v: v
    ) -> tuple[float, Floats]:
        """A value and its total derivative by phi, sensitivities of the states included."""
        function = self.lambdified(expression)
        value = after(function(self.z.astype(complex), self.phi.astype(complex)))
        gradient = np.empty(self.m)
        for j in range(self.m):
            moved = function(
                self.z + STEP * 1j * self.s[:, j], self.phi + STEP * 1j * (np.arange(self.m) == j)
            )
            gradient[j] = np.imag(after(moved)) / STEP
        return float(np.real(value)), gradient


def assert_same(found: Floats | float, wanted: Floats | float) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)


@WITH_EQUATIONS
@pytest.mark.parametrize("seed", range(4))
def test_right_hand_side(name: str, seed: int) -> None:
    bench = Bench(name, closed=False, seed=seed)
    assert bench.symbolic.rhs is not None
    found = bench.code.rates(bench.t, bench.vector())
    gradients = found[bench.n :].reshape(bench.n, bench.m)
    for i, (state, expression) in enumerate(bench.symbolic.rhs.items()):
        rate = expression / bench.symbolic.states[state] if bench.positive[i] else expression
        value, gradient = bench.both(rate)
        assert_same(found[i], value)
        assert_same(gradients[i], gradient)


@WITH_EQUATIONS
@pytest.mark.parametrize("seed", range(2))
def test_initial_states_and_infusions(name: str, seed: int) -> None:
    bench = Bench(name, closed=False, seed=seed)
    names = list(bench.symbolic.states)
    for found, expressions in (
        (bench.code.initial(), bench.symbolic.initial),
        (bench.code.infused(CELLS_GIVEN), bench.symbolic.infuse),
    ):
        gradients = found[bench.n :].reshape(bench.n, bench.m)
        for i, state in enumerate(names):
            # Functions of parameters alone: the states' sensitivities do not enter.
            value, gradient = bench.both(expressions.get(state, sp.S.Zero))
            assert_same(found[i], value)
            assert_same(gradients[i], gradient)


@EVERY_MODEL
@pytest.mark.parametrize("seed", range(2))
def test_switch_times(name: str, seed: int) -> None:
    bench = Bench(name, closed="closed" in forms_of(load_model(name)), seed=seed)
    tau, dtau = bench.code.switch_times()
    for i, expression in enumerate(bench.symbolic.switches.values()):
        value, gradient = bench.both(expression)
        assert_same(tau[i], value)
        assert_same(dtau[i], gradient)


@EVERY_MODEL
@pytest.mark.parametrize("seed", range(4))
def test_observables(name: str, seed: int) -> None:
    for form in forms_of(load_model(name)):
        bench = Bench(name, closed=form == "closed", seed=seed)
        for o, q in enumerate(bench.case.model.observables):
            read, jac = bench.code.observed(o, bench.vector())
            after = np.log if q.positive else lambda v: v
            value, gradient = bench.both(bench.symbolic.observe[q.name], after)
            assert_same(read, value)
            assert_same(jac, gradient)


@WITH_CLOSED_FORM
@pytest.mark.parametrize("seed", range(4))
def test_closed_form(name: str, seed: int) -> None:
    bench = Bench(name, closed=True, seed=seed)
    assert bench.symbolic.solution is not None
    found = bench.code.states_at(bench.t)
    for i, expression in enumerate(bench.symbolic.solution.values()):
        value, gradient = bench.both(expression, np.log if bench.positive[i] else lambda v: v)
        assert_same(found[i], value)
        assert_same(found[bench.n :].reshape(bench.n, bench.m)[i], gradient)


@WITH_EQUATIONS
def test_no_state_is_pushed_below_zero(name: str) -> None:
    """Where a state is at zero its rate is not negative, whatever the others are."""
    for seed in range(20):
        bench = Bench(name, closed=False, seed=seed)
        assert bench.symbolic.rhs is not None
        for state, expression in bench.symbolic.rhs.items():
            at_zero = expression.subs(bench.symbolic.states[state], 0)
            value, _ = bench.both(at_zero)
            assert value >= 0, f"d {state}/dt is {value} where {state} is 0"
