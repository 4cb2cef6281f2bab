"""Whether the generated code computes what SymPy's own lambdify does.

Derivatives are taken here by complex step through the model's equations on their natural scale,
so that no derivative, no log scale and no common subexpression of the generator is trusted.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy as sp

from cellkinetics.contract.cases import Case, to_theta
from cellkinetics.contract.finding import Place
from cellkinetics.contract.generated import Generated
from cellkinetics.kernel.compiled import Form
from cellkinetics.kernel.layout import Floats
from cellkinetics.study.findings import Finding
from cellkinetics.symbolic import CELLS, TIME, Symbolic, trace

RTOL, ATOL = 1e-9, 1e-11
SEEDS = 4
SEEDS_AT_ZERO = 20
STEP = 1e-30
CELLS_GIVEN = 3e7
_OURS = "This is a fault of cellkinetics, not of the model: please report it with the file."
_MODULES = [
    {
        "Where": lambda c, a, b: a if np.real(c) > 0.5 else b,
        "NotAbove": lambda a, b: 1.0 if np.real(a) <= np.real(b) else 0.0,
    },
    "numpy",
]


class Bench:
    """One subject of a model, at which generated functions and SymPy's are called."""

    def __init__(self, case: Case, form: Form, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.case = case
        self.symbolic: Symbolic = trace(case.model)
        self.code = Generated(case.kernels[form].module, lane=seed)
        s = seed % len(case.phi)
        self.phi, self.constants = case.phi[s], case.constants[s]
        self.n, self.m = len(case.model.states), len(self.phi)
        self.positive = [state.positive for state in case.model.states]
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
        function = sp.lambdify([*order, TIME, CELLS, *s.flags.values()], expression, _MODULES)

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


def check_code(place: Place, case: Case) -> list[Finding]:
    """Find generated code that is not what the model's functions say."""
    found: dict[str, Finding] = {}
    for form in case.kernels:
        for seed in range(SEEDS):
            bench = Bench(case, form, seed)
            for role, name, got, wanted in _compared(bench, form):
                if not np.allclose(got, wanted, rtol=RTOL, atol=ATOL):
                    off = np.max(np.abs(np.asarray(got) - np.asarray(wanted)))
                    found.setdefault(
                        f"{form} {role} {name}",
                        place.found(
                            "code-differs",
                            came=f"generated code ({form}) of {role}()['{name}'] that is"
                            f" {off:.3g} away from the equation",
                            cure=_OURS,
                            line=place.line_of_key(getattr(case.model, role), name),
                        ),
                    )
    return list(found.values())


type _Compared = Iterator[tuple[str, str, Floats, Floats]]


def _compared(bench: Bench, form: Form) -> _Compared:
    """Values and gradients, generated and by SymPy, of every function of the model."""
    symbolic, model = bench.symbolic, bench.case.model
    logs = [np.log if positive else _same for positive in bench.positive]
    if form == "closed":
        assert symbolic.solution is not None
        states = bench.code.states_at(bench.t)
        yield from _states(bench, "solution", states, symbolic.solution, logs)
    else:
        assert symbolic.rhs is not None
        relative = {
            name: expression / symbolic.states[name] if positive else expression
            for (name, expression), positive in zip(
                symbolic.rhs.items(), bench.positive, strict=True
            )
        }
        rates = bench.code.rates(bench.t, bench.vector())
        yield from _states(bench, "rhs", rates, relative)
        # Functions of parameters alone: the states' sensitivities do not enter.
        yield from _states(bench, "initial", bench.code.initial(), symbolic.initial)
        added = {name: symbolic.infuse.get(name, sp.S.Zero) for name in symbolic.states}
        yield from _states(bench, "infuse", bench.code.infused(CELLS_GIVEN), added)
    tau, dtau = bench.code.switch_times()
    for i, (name, expression) in enumerate(symbolic.switches.items()):
        yield "switches", name, np.append(dtau[i], tau[i]), _flat(*bench.both(expression))
    for o, q in enumerate(model.observables):
        read, jac = bench.code.observed(o, bench.vector())
        wanted = bench.both(symbolic.observe[q.name], np.log if q.positive else _same)
        yield "observe", q.name, np.append(jac, read), _flat(*wanted)


def _states(
    bench: Bench,
    role: str,
    found: Floats,
    expressions: dict[str, sp.Expr],
    after: Sequence[Callable[[Any], Any]] | None = None,
) -> _Compared:
    gradients = found[bench.n :].reshape(bench.n, bench.m)
    for i, (name, expression) in enumerate(expressions.items()):
        wanted = bench.both(expression, _same if after is None else after[i])
        yield role, name, np.append(gradients[i], found[i]), _flat(*wanted)


def _same(value: Any) -> Any:
    return value


def _flat(value: float, gradient: Floats) -> Floats:
    return np.append(gradient, value)


def check_zero(place: Place, case: Case) -> list[Finding]:
    """Find states that are pushed below zero: at 0 a rate may not be negative."""
    symbolic = trace(case.model)
    if symbolic.rhs is None:
        return []
    found = {}
    for seed in range(SEEDS_AT_ZERO):
        bench = Bench(case, "ode", seed)
        for state, expression in symbolic.rhs.items():
            value, _ = bench.both(expression.subs(symbolic.states[state], 0))
            if not value >= 0:
                found[state] = place.found(
                    "state-below-zero",
                    came=f"d {state}/dt = {value:.3g} where {state} is 0",
                    wanted="a rate that is not negative there: an amount of cells stays above 0",
                    cure="A loss is in proportion to what there is to lose.",
                    line=place.line_of_key(case.model.rhs, state),
                )
    return list(found.values())
