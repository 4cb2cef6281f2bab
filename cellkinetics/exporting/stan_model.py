"""A model's equations as functions of a Stan program.

As in our kernel, positive states are carried as logarithms, and switches (flags) hold one value
over the whole of an integration, so that the solver never steps across a kink.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from cellkinetics.algebra import Where
from cellkinetics.declare import Model, Parameter
from cellkinetics.exporting.equations import Equations, named_equations
from cellkinetics.exporting.stan_code import comment, stan_code, stan_name
from cellkinetics.exporting.stan_text import CLOSED, SOLVE
from cellkinetics.kernel.scaled import Reading, scale
from cellkinetics.symbolic import CELLS

RK45, BDF = "ode_rk45_tol", "ode_bdf_tol"


def model_functions(
    model: Model, wrt: Sequence[str], constants: Sequence[str], *, closed: bool
) -> str:
    """All functions of a model, down to its states at a subject's times.

    Parameters
    ----------
    model : Model
    wrt : sequence of str           parameters in ``phi`` and ``theta``, in order
    constants : sequence of str     parameters and inputs in ``known``, in order
    closed : bool                   use the closed form; otherwise integrate

    Returns
    -------
    str                             text of a functions block

    Raises
    ------
    ModelError                      a name or an operation that Stan does not have
    """
    declared = {q.name: q for q in model.parameters}
    names = name_symbols(named_equations(model), wrt, constants)
    parts = [natural_function([declared[n] for n in wrt]), switch_function(names)]
    parts += [closed_function(names)] if closed else ode_functions(names)
    solver = CLOSED if closed else SOLVE
    for mark, text in (
        ("@STATES@", str(len(model.states))),
        ("@SWITCHES@", str(len(names.equations.switches))),
        ("@SOLVER@", BDF if model.stiff else RK45),
    ):
        solver = solver.replace(mark, text)
    return "\n".join([*parts, observed_function(names), solver.strip("\n")])


@dataclass(frozen=True)
class Names:
    """What the symbols of a model are called, and where their values lie.

    ``places`` says for parameters and inputs which entry of ``theta`` or ``known`` they are.
    """

    equations: Equations
    called: Mapping[sp.Symbol, str]
    places: Mapping[sp.Symbol, str]

    def code(self, expression: sp.Expr) -> str:
        """One expression."""
        return stan_code(expression, self.called)

    def locals(self, expressions: Iterable[sp.Expr]) -> list[str]:
        """Declarations of what the expressions need: parameters, inputs, derived quantities."""
        e = self.equations
        used: set[sp.Symbol] = set()
        for expression in expressions:
            used |= expression.free_symbols
        derived = [name for name, symbol in e.derived.items() if symbol in used]
        for name in derived:
            used |= e.values[name].free_symbols
        lines = [
            f"real {self.called[symbol]} = {place};"
            for symbol, place in self.places.items()
            if symbol in used
        ]
        return lines + [
            f"real {self.called[e.derived[name]]} = {self.code(e.values[name])};"
            for name in derived
        ]


def name_symbols(equations: Equations, wrt: Sequence[str], constants: Sequence[str]) -> Names:
    """Names for the symbols of a model.

    Parameters
    ----------
    equations : Equations
    wrt : sequence of str           parameters in ``theta``, in order
    constants : sequence of str     parameters and inputs in ``known``, in order

    Raises
    ------
    ModelError                      a name that Stan does not allow
    """
    s = equations.symbolic
    symbols = {**s.parameters, **s.inputs}
    called: dict[sp.Symbol, str] = {}

    def give(symbol: sp.Symbol, name: str) -> None:
        called[symbol] = stan_name(name, called.values())

    for name, symbol in symbols.items():
        give(symbol, name)
    for name, symbol in s.states.items():
        give(symbol, name)
    for name, symbol in equations.derived.items():
        give(symbol, name)
    for i, flag in enumerate(s.flags.values(), start=1):
        called[flag] = f"after[{i}]"
    called |= {_log(i): f"z[{i}]" for i in range(1, len(s.states) + 1)}
    called[CELLS] = "cells"
    places = {symbols[name]: f"theta[{i}]" for i, name in enumerate(wrt, start=1)}
    places |= {symbols[name]: f"known[{i}]" for i, name in enumerate(constants, start=1)}
    return Names(equations, called, places)


def _log(place: int) -> sp.Symbol:
    """The logarithm of the state in that place, as it is carried."""
    return sp.Symbol(f"z[{place}]", real=True)


def function(signature: str, lines: Iterable[str]) -> str:
    """One Stan function, indented for the functions block."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"  {signature} {{\n{body}\n  }}"


def natural_function(parameters: Sequence[Parameter]) -> str:
    """``natural(phi)``: individual parameters on their natural scale."""
    lines = [f"vector[{len(parameters)}] theta;"]
    for i, q in enumerate(parameters, start=1):
        if q.scale == "log":
            value = f"exp(phi[{i}])"
        elif q.scale == "logit":
            value = f"{q.lower!r} + {q.upper - q.lower!r} * inv_logit(phi[{i}])"
            value = f"inv_logit(phi[{i}])" if (q.lower, q.upper) == (0.0, 1.0) else value
        else:
            value = f"phi[{i}]"
        lines.append(f"theta[{i}] = {value};{comment(f'{q.name}, {q.unit}')}")
    return function("vector natural(vector phi)", [*lines, "return theta;"])


def switch_function(names: Names) -> str:
    """``switch_times(theta, known)``."""
    switches = names.equations.switches
    lines = [f"array[{len(switches)}] real tau;", *names.locals(switches.values())]
    lines += [
        f"tau[{i}] = {names.code(e)};{comment(name)}"
        for i, (name, e) in enumerate(switches.items(), start=1)
    ]
    return function(
        "array[] real switch_times(vector theta, vector known)", [*lines, "return tau;"]
    )


def closed_function(names: Names) -> str:
    """``states_at(t, theta, known, after)``: the closed form on the scale of the states."""
    e = names.equations
    assert e.solution is not None
    values = [
        sp.expand_log(sp.log(value), force=True) if q.positive else value
        for q, value in zip(e.model.states, e.solution.values(), strict=True)
    ]
    return function(
        "vector states_at(real t, vector theta, vector known, array[] int after)",
        [
            f"vector[{len(values)}] z;",
            *names.locals(values),
            *_assignments(names, "z", values),
            "return z;",
        ],
    )


def ode_functions(names: Names) -> list[str]:
    """``initial``, ``infusion``, ``rates`` and the steps between scales."""
    e = names.equations
    states = e.model.states
    n = len(states)
    initial = list(e.initial.values())
    added = [e.infused(q.name, CELLS) for q in states]
    logs = {e.symbolic.states[q.name]: _log(i) for i, q in enumerate(states, 1) if q.positive}
    assert e.rhs is not None
    rates = [
        _over(rate, e.symbolic.states[q.name], logs) if q.positive else rate
        for q, rate in zip(states, e.rhs.values(), strict=True)
    ]
    infused = {i: added[i - 1] for i in range(1, n + 1) if added[i - 1] != 0}
    return [
        function(
            "vector initial(vector theta, vector known)",
            [
                f"vector[{n}] y;",
                *names.locals(initial),
                *_assignments(names, "y", initial),
                "return y;",
            ],
        ),
        function(
            "vector infusion(real cells, vector theta, vector known)",
            [
                f"vector[{n}] y = rep_vector(0.0, {n});",
                *names.locals(infused.values()),
                *(f"y[{i}] = {names.code(value)};" for i, value in infused.items()),
                "return y;",
            ],
        ),
        function(
            "vector to_scale(vector y)",
            [
                f"vector[{n}] z;",
                *(
                    f"z[{i}] = {f'log(y[{i}])' if q.positive else f'y[{i}]'};{comment(q.name)}"
                    for i, q in enumerate(states, start=1)
                ),
                "return z;",
            ],
        ),
        function(
            "vector infused(vector z, real cells, vector theta, vector known)",
            [
                f"vector[{n}] out = z;",
                f"vector[{n}] y = infusion(cells, theta, known);",
                *(
                    f"out[{i}] = log(exp(z[{i}]) + y[{i}]);"
                    if states[i - 1].positive
                    else f"out[{i}] = z[{i}] + y[{i}];"
                    for i in infused
                ),
                "return out;",
            ],
        ),
        function(
            "vector rates(real t, vector z, vector theta, vector known, array[] int after)",
            [
                f"vector[{n}] dz;",
                *names.locals(rates),
                *_states(names, rates),
                *_assignments(names, "dz", rates),
                "return dz;",
            ],
        ),
    ]


def observed_function(names: Names) -> str:
    """``observed(which, z, theta, known)``: log of positive observables, others as they are."""
    e = names.equations
    readings = scale(e.symbolic, ()).readings
    lines = []
    for which, (reading, value) in enumerate(zip(readings, e.observe.values(), strict=True), 1):
        lines += [
            f"if (which == {which}) {{{comment(reading.name)}",
            *(f"  {line}" for line in _reading(names, reading, value)),
            "}",
        ]
    lines.append('reject("there is no observable ", which);')
    return function("real observed(int which, vector z, vector theta, vector known)", lines)


def _reading(names: Names, reading: Reading, value: sp.Expr) -> list[str]:
    """Lines that return one observable."""
    if not reading.homogeneous:
        code = names.code(value)
        return [
            *names.locals([value]),
            *_states(names, [value]),
            f"return {f'log({code})' if reading.positive else code};",
        ]
    if len(reading.states) == 1:
        (i,) = reading.states
        factor = sp.simplify(value / list(names.equations.symbolic.states.values())[i])
        beside = "" if factor == 1 else f" + log({names.code(factor)})"
        return [*names.locals([factor]), f"return z[{i + 1}]{beside};"]
    # Relative to the largest state, so that a sum of very small ones keeps its logarithm.
    logs = ", ".join(f"z[{i + 1}]" for i in reading.states)
    return [
        *names.locals([value]),
        f"real shift = max([{logs}]);",
        *_states(names, [value], shift=True),
        f"return shift + log({names.code(value)});",
    ]


def _assignments(names: Names, target: str, values: Sequence[sp.Expr]) -> list[str]:
    """``target[i] = value;``, cases that stand in several places taken out by name."""
    parts, reduced = sp.cse(values, symbols=sp.numbered_symbols("part"), order="none")
    inline: dict[sp.Symbol, sp.Expr] = {}
    called = dict(names.called)
    lines = []
    for symbol, part in parts:
        value = part.xreplace(inline)
        if not value.has(Where):
            inline[symbol] = value
            continue
        called[symbol] = stan_name(symbol.name, called.values())
        lines.append(f"real {called[symbol]} = {stan_code(value, called)};")
    return lines + [
        f"{target}[{i}] = {stan_code(e.xreplace(inline), called)};"
        for i, e in enumerate(reduced, start=1)
    ]


def _states(names: Names, expressions: Sequence[sp.Expr], *, shift: bool = False) -> list[str]:
    """Natural values of the states that the expressions use."""
    e = names.equations
    used = set().union(*(x.free_symbols for x in expressions))
    lines = []
    for i, q in enumerate(e.model.states, start=1):
        symbol = e.symbolic.states[q.name]
        if symbol in used:
            scaled = f"exp(z[{i}]{' - shift' if shift else ''})" if q.positive else f"z[{i}]"
            lines.append(f"real {names.called[symbol]} = {scaled};")
    return lines


def _over(rate: sp.Expr, state: sp.Symbol, logs: Mapping[sp.Symbol, sp.Symbol]) -> sp.Expr:
    """Rate / state, term by term; what is left of a quotient of states is a difference of logs."""
    if isinstance(rate, sp.Add):
        return sp.Add(*(_over(term, state, logs) for term in rate.args))
    if isinstance(rate, Where):
        condition, then, otherwise = rate.args
        return Where(condition, _over(then, state, logs), _over(otherwise, state, logs))
    powers = dict((rate / state).as_powers_dict())
    power = powers.get(state, sp.S.Zero)
    if power.is_number and power >= 0:
        return rate / state
    exponent = sp.Add(*(powers.pop(y, sp.S.Zero) * log_y for y, log_y in logs.items()))
    return sp.exp(exponent) * sp.Mul(*(base**power for base, power in powers.items()))
