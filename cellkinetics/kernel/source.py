"""The source of a model's kernel module: generated equations, then the fixed solver text."""

from typing import Literal

import sympy as sp

from cellkinetics.kernel.emit import Body, Memory, assign, at, function
from cellkinetics.kernel.layout import LANES
from cellkinetics.kernel.scaled import Reading, Scaled
from cellkinetics.kernel.source_rhs import sensitivity
from cellkinetics.kernel.steps import explicit_parts, implicit_parts
from cellkinetics.kernel.template import CLOSED_SOLVER, FAIL, HEADER
from cellkinetics.symbolic import CELLS, TIME

Way = Literal["closed", "explicit", "implicit"]


def kernel_source(scaled: Scaled, way: Way) -> str:
    """Write the module that solves a model for many subjects.

    Parameters
    ----------
    scaled : Scaled
    way : 'closed', 'explicit', 'implicit'       the closed form, or how to integrate

    Returns
    -------
    str                             Python source; the same input gives the same text
    """
    s = scaled.symbolic
    n, m = len(s.states), len(scaled.wrt)
    closed = way == "closed"
    memory = Memory(lanes=not closed)
    memory.declare(s.parameters.values())
    memory.declare(s.inputs.values())
    memory.declare(s.flags.values(), flags=True)
    first_flag = len(s.parameters) + len(s.inputs)
    theta = _theta_lines(scaled, memory)
    lane = "" if closed else ", l"
    # Every equation first: they decide what prepare and segment have to compute.
    functions = [function(f"switch_times(k, tau, dtau{lane})", _switches(scaled, memory))]
    if closed:
        functions.append(function("states_at(t, k, w)", _solution(scaled, memory)))
        arithmetic: list[str] = []
        solver = [CLOSED_SOLVER]
    else:
        functions.append(function(f"initial(k, w{lane})", _initial(scaled, memory)))
        functions.append(function(f"infuse(cells, k, w{lane})", _infuse(scaled, memory)))
        parts_of = explicit_parts if way == "explicit" else implicit_parts
        arithmetic, equations, solver = parts_of(scaled, memory)
        functions += equations
    functions.append(function(f"observe(o, w, k{lane}, j0, jac)", _observe(scaled, memory)))
    sizes = {
        "LANES": LANES,
        "N_STATES": n,
        "N_PARAMETERS": m,
        "N_ALL": n * (1 + m),
        "SIZE": LANES * n * (1 + m),
        "N_SWITCHES": len(scaled.switches),
        "N_MEMORY": max(1, len(memory.slots)),
        "FIRST_FLAG": first_flag,
    }
    parts = [
        HEADER,
        "\n".join(f"{name} = {value}" for name, value in sizes.items()),
        f"ATOL = ({', '.join(repr(a) for a in _absolute(scaled))},)",
        f"INFUSED = ({', '.join(str(i in scaled.infuse) for i in range(n))},)",
        function(f"prepare(phi, c, k{lane})", Body(theta + memory.prepare.lines)),
        function(f"segment(k{lane})", memory.segment),
        FAIL,
        *arithmetic,
        *functions,
        *solver,
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _absolute(scaled: Scaled) -> list[float]:
    """Absolute tolerance of each state; -1 for those on the log scale, which need none."""
    return [
        -1.0 if log else 1e-8 * q.smallest
        for log, q in zip(scaled.log_state, scaled.symbolic.model.states, strict=True)
    ]


def _theta_lines(scaled: Scaled, memory: Memory) -> list[str]:
    """Natural values of parameters and inputs, to their places in ``k``."""
    s = scaled.symbolic
    declared = {q.name: q for q in s.model.parameters}
    lines = []
    for j, name in enumerate(scaled.wrt):
        place, q = memory.place(memory.slots[s.parameters[name]]), declared[name]
        if q.scale == "log":
            lines.append(f"{place} = math.exp(phi[{j}])")
        elif q.scale == "logit":
            width = q.upper - q.lower
            lines.append(f"{place} = {q.lower!r} + {width!r} / (1.0 + math.exp(-phi[{j}]))")
        else:
            lines.append(f"{place} = phi[{j}]")
    constants = [q for q in s.parameters if q not in scaled.wrt] + list(s.inputs)
    symbols = s.parameters | s.inputs
    lines += [
        f"{memory.place(memory.slots[symbols[name]])} = c[{j}]" for j, name in enumerate(constants)
    ]
    return lines


def _initial(scaled: Scaled, memory: Memory) -> Body:
    """States on the natural scale with their sensitivities; the solver takes logs after dosing."""
    targets = [(at("w", i, lanes=memory.lanes), e) for i, e in enumerate(scaled.initial)]
    targets += [
        (at("w", sensitivity(scaled, i, j), lanes=memory.lanes), e)
        for i, row in enumerate(scaled.initial_phi)
        for j, e in enumerate(row)
    ]
    return assign(memory, targets)


def _infuse(scaled: Scaled, memory: Memory) -> Body:
    """What an infusion adds, on the natural scale; ``cells`` is in the unit of the dose."""
    cells = sp.Symbol("cells")
    targets = [
        (at("w", i, lanes=memory.lanes), e.subs(CELLS, cells)) for i, e in scaled.infuse.items()
    ]
    targets += [
        (at("w", sensitivity(scaled, i, j), lanes=memory.lanes), e.subs(CELLS, cells))
        for i, row in scaled.infuse_phi.items()
        for j, e in enumerate(row)
    ]
    body = assign(memory, targets)
    body.lines = [line.replace(" = ", " += ", 1) if line[0] == "w" else line for line in body.lines]
    return body


def _switches(scaled: Scaled, memory: Memory) -> Body:
    lane = "l, " if memory.lanes else ""
    targets = [(f"tau[{lane}{i}]", e) for i, e in enumerate(scaled.switches)]
    targets += [
        (f"dtau[{lane}{i}, {j}]", e)
        for i, row in enumerate(scaled.switches_phi)
        for j, e in enumerate(row)
    ]
    return assign(memory, targets)


def _solution(scaled: Scaled, memory: Memory) -> Body:
    names = {TIME: sp.Symbol("t")}
    targets = [(at("w", i, lanes=False), e) for i, e in enumerate(scaled.solution)]
    slopes = [
        (at("w", sensitivity(scaled, i, j), lanes=False), e)
        for i, row in enumerate(scaled.solution_phi)
        for j, e in enumerate(row)
    ]
    body = assign(memory, [(name, e.xreplace(names)) for name, e in [*targets, *slopes]])
    body.lines += [f"{name} = 0.0" for name, e in slopes if e == 0]
    return body


def _observe(scaled: Scaled, memory: Memory) -> Body:
    """Prediction, and ``jac[j0, :]`` its gradient, for observable o or state o - count."""
    m = len(scaled.wrt)
    body = Body()
    for o, reading in enumerate(scaled.readings):
        body.lines.append(f"if o == {o}:")
        body.lines += ["    " + line for line in _one_reading(scaled, memory, reading)]
    stride, lane = (LANES, " + l") if memory.lanes else (1, "")
    first = len(scaled.log_state)
    body.lines += [
        f"i = o - {len(scaled.readings)}",
        f"for j in range({m}):",
        f"    jac[j0, j] = w[{stride} * ({first} + i * {m} + j){lane}]",
        f"return w[{stride} * i{lane}]",
    ]
    return body


def _one_reading(scaled: Scaled, memory: Memory, reading: Reading) -> list[str]:
    m, lanes = len(scaled.wrt), memory.lanes
    states = list(scaled.symbolic.states.values())
    names = {states[i]: sp.Symbol(f"v{i}") for i in reading.states}
    place = {i: at("w", i, lanes=lanes) for i in reading.states}
    lines = []
    if reading.homogeneous:
        first, *rest = reading.states
        lines.append(f"shift = {place[first]}")
        lines += [f"shift = max(shift, {place[i]})" for i in rest]
        lines += [f"v{i} = math.exp({place[i]} - shift)" for i in reading.states]
    else:
        lines += [
            f"v{i} = math.exp({place[i]})" if scaled.log_state[i] else f"v{i} = {place[i]}"
            for i in reading.states
        ]
    by_state = [(i, e) for i, e in zip(reading.states, reading.by_state, strict=True) if e != 0]
    targets = [("value", reading.value)]
    if m:
        targets += [(f"s{i}", e) for i, e in by_state]
        targets += [(f"q{j}", e) for j, e in enumerate(reading.by_phi)]
    lines += assign(memory, [(name, e.xreplace(names)) for name, e in targets]).lines
    if reading.value == 0:
        lines.append("value = 0.0")
    over = " / value" if reading.positive else ""
    if m:
        for i, _ in by_state:
            chain = f" * v{i}" if scaled.log_state[i] else ""
            lines.append(f"s{i} = s{i}{chain}{over}")
        for j, e in enumerate(reading.by_phi):
            terms = [
                f"s{i} * {at('w', sensitivity(scaled, i, j), lanes=lanes)}" for i, _ in by_state
            ]
            if e != 0:
                terms.append(f"q{j}{over}")
            lines.append(f"jac[j0, {j}] = {' + '.join(terms) or '0.0'}")
    shift = "shift + " if reading.homogeneous else ""
    lines.append(f"return {shift}math.log(value)" if reading.positive else "return value")
    return lines
