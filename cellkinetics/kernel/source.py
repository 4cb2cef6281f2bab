"""The source of a model's kernel module: generated equations, then the fixed solver text."""

import sympy as sp

from cellkinetics.kernel.emit import LANES, Body, Memory, assign, at
from cellkinetics.kernel.scaled import Reading, Scaled
from cellkinetics.kernel.source_rhs import fused, over_lanes, scaled_rhs, sensitivity
from cellkinetics.kernel.tableau import VERNER7, Tableau
from cellkinetics.kernel.template import CLOSED_SOLVER, FAIL, HEADER
from cellkinetics.kernel.template_lanes import LANE_ARITHMETIC
from cellkinetics.kernel.template_ode import LANE_FUNCTIONS, ODE_SOLVER
from cellkinetics.symbolic import CELLS, TIME

# How much the error of the step before counts for the next one (Gustafsson's PI control).
SMOOTHING = 0.02


def kernel_source(scaled: Scaled, *, closed: bool, tableau: Tableau = VERNER7) -> str:
    """Write the module that solves a model for many subjects.

    Parameters
    ----------
    scaled : Scaled
    closed : bool                   use the closed form; otherwise integrate
    tableau : Tableau               the explicit method

    Returns
    -------
    str                             Python source; the same input gives the same text
    """
    s = scaled.symbolic
    n, m = len(s.states), len(scaled.wrt)
    memory = Memory(lanes=not closed)
    memory.declare(s.parameters.values())
    memory.declare(s.inputs.values())
    memory.declare(s.flags.values(), flags=True)
    first_flag = len(s.parameters) + len(s.inputs)
    theta = _theta_lines(scaled, memory)
    lane = "" if closed else ", l"
    # Every equation first: they decide what prepare and segment have to compute.
    functions = [_function(f"switch_times(k, tau, dtau{lane})", _switches(scaled, memory))]
    if closed:
        functions.append(_function("states_at(t, k, w)", _solution(scaled, memory)))
    else:
        functions.append(_function(f"initial(k, w{lane})", _initial(scaled, memory)))
        functions.append(_function(f"infuse(cells, k, w{lane})", _infuse(scaled, memory)))
        functions.append(_function("scaled_rhs(t, w, k, h, dw, lanes)", scaled_rhs(scaled, memory)))
        functions.append(_function("begin_step(h, slope, k0, lanes)", _begin_step(scaled)))
    functions.append(_function(f"observe(o, w, k{lane}, j0, jac)", _observe(scaled, memory)))
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
    timed = any(TIME in g.free_symbols for g in scaled.rhs)
    parts = [
        HEADER,
        "\n".join(f"{name} = {value}" for name, value in sizes.items()),
        f"ATOL = ({', '.join(repr(a) for a in _absolute(scaled))},)",
        f"INFUSED = ({', '.join(str(i in scaled.infuse) for i in range(n))},)",
        _function(f"prepare(phi, c, k{lane})", Body(theta + memory.prepare.lines)),
        _function(f"segment(k{lane})", memory.segment),
        FAIL,
        *([] if closed else [LANE_ARITHMETIC, _with_method(LANE_FUNCTIONS, tableau, timed=timed)]),
        *functions,
        CLOSED_SOLVER if closed else _with_method(ODE_SOLVER, tableau, timed=timed),
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _absolute(scaled: Scaled) -> list[float]:
    """Absolute tolerance of each state; -1 for those on the log scale, which need none."""
    return [
        -1.0 if log else 1e-8 * q.smallest
        for log, q in zip(scaled.log_state, scaled.symbolic.model.states, strict=True)
    ]


def _function(signature: str, body: Body) -> str:
    return f"@njit(**OPTIONS)\ndef {signature}:\n{body.text()}"


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


def _begin_step(scaled: Scaled) -> Body:
    """The step times the slopes at its start, lane by lane."""
    count = len(scaled.log_state) * (1 + len(scaled.wrt))
    lines = [
        f"{at('k0', i, lanes=True)} = h[l] * {at('slope', i, lanes=True)}" for i in range(count)
    ]
    return Body(over_lanes(lines))


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


def _with_method(text: str, tableau: Tableau, *, timed: bool) -> str:
    """The integrator's text with the stages of a method written out.

    ``timed`` if time enters the right-hand side other than through switches.
    """

    def combination(weights: tuple[float, ...], start: str = "", first: int = 0) -> str:
        """``start`` and the weighted slopes of all stages from the first one on."""
        weighed = [(x, j) for j, x in enumerate(weights) if x != 0 and j >= first]
        return fused([(repr(x), f"slopes[{j} * SIZE + i]") for x, j in weighed], start)

    stages = []
    for i, row in enumerate(tableau.a[1:], start=1):
        # Two stages share a pass over the slopes: what the second already knows waits
        # in ``new``.
        if i % 2 == 0:
            lines = [f"u[i] = {combination(row, 'new[i]', i - 1)}"]
        else:
            lines = [f"u[i] = {combination(row, 'w[i]')}"]
            if i + 1 < len(tableau.a):
                lines += [f"new[i] = {combination(tableau.a[i + 1][:i], 'w[i]')}"]
        stages.append("for i in range(SIZE):\n    " + "\n    ".join(lines))
        if timed:
            stages.append(f"for l in range(LANES):\n    at[l] = t[l] + {tableau.c[i]!r} * h[l]")
        stages.append(f"scaled_rhs({'at' if timed else 't'}, u, k, h, k{i}, lanes)")
    difference = tuple(x - y for x, y in zip(tableau.b, tableau.embedded, strict=True))
    views = [f"k{i} = slopes[{i} * SIZE:{i + 1} * SIZE]" for i in range(len(tableau.a))]
    # Powers of the squared error, of this step and the one before.
    before = 0.5 * SMOOTHING
    now = -0.5 / tableau.order + 0.75 * before
    return (
        text.replace("@ALLOCATE@", "\n    ".join(views))
        .replace("@COUNT@", str(len(tableau.a)))
        .replace("@STAGES@", "\n        ".join("\n".join(stages).splitlines()))
        .replace("@NEW@", combination(tableau.b, "w[i]"))
        .replace("@ERROR@", combination(difference))
        .replace("@ORDER@", repr(float(tableau.order)))
        .replace("@NOW@", repr(now))
        .replace("@BEFORE@", repr(before))
    )
