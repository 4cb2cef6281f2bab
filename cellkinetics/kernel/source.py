"""The source of a model's kernel module: generated equations, then the fixed solver text."""

from cellkinetics.kernel.emit import Body, Memory, assign
from cellkinetics.kernel.scaled import Reading, Scaled
from cellkinetics.kernel.tableau import TSIT5, Tableau
from cellkinetics.kernel.template import CLOSED_SOLVER, COMMON_SOLVER, HEADER, ODE_SOLVER
from cellkinetics.symbolic import CELLS, TIME

import sympy as sp  # isort: skip


def kernel_source(scaled: Scaled, *, closed: bool, tableau: Tableau = TSIT5) -> str:
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
    constants = [q for q in s.parameters if q not in scaled.wrt] + list(s.inputs)
    memory = Memory()
    memory.declare(s.parameters.values())
    memory.declare(s.inputs.values())
    memory.declare(s.flags.values(), flags=True)
    first_flag = len(s.parameters) + len(s.inputs)

    theta = [*_theta_lines(scaled, memory)]
    theta += [
        f"k[{memory.slots[(s.parameters | s.inputs)[name]]}] = c[{j}]"
        for j, name in enumerate(constants)
    ]
    functions = [
        _function("initial(k, w)", _initial(scaled, memory)),
        _function("switch_times(k, tau, dtau)", _switches(scaled, memory)),
        _function("infuse(cells, k, w)", _infuse(scaled, memory)),
        _function("observe(o, w, k, j0, g, jac)", _observe(scaled, memory), returns="0.0"),
    ]
    if closed:
        functions.append(_function("states_at(t, k, w)", _solution(scaled, memory)))
    else:
        functions.append(_function("rhs(t, w, k, dw)", _rhs(scaled, memory)))
    prepare = Body(theta + memory.prepare.lines)
    sizes = {
        "N_STATES": n,
        "N_PARAMETERS": m,
        "N_ALL": n * (1 + m),
        "N_SWITCHES": len(scaled.switches),
        "N_MEMORY": max(1, len(memory.slots)),
        "FIRST_FLAG": first_flag,
    }
    tolerances = ", ".join(
        "-1.0" if log else repr(1e-8 * q.smallest)
        for log, q in zip(scaled.log_state, s.model.states, strict=True)
    )
    parts = [
        HEADER,
        "\n".join(f"{name} = {value}" for name, value in sizes.items()),
        f"ATOL = ({tolerances},)",
        f"INFUSED = ({', '.join(str(i in scaled.infuse) for i in range(n))},)",
        _function("prepare(phi, c, k)", prepare),
        _function("segment(k)", memory.segment),
        *functions,
        COMMON_SOLVER,
        CLOSED_SOLVER if closed else _explicit(tableau),
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _function(signature: str, body: Body, *, returns: str = "") -> str:
    tail = f"\n    return {returns}" if returns else ""
    return f"@njit(**OPTIONS)\ndef {signature}:\n{body.text()}{tail}"


def _theta_lines(scaled: Scaled, memory: Memory) -> list[str]:
    declared = {q.name: q for q in scaled.symbolic.model.parameters}
    lines = []
    for j, name in enumerate(scaled.wrt):
        slot, q = memory.slots[scaled.symbolic.parameters[name]], declared[name]
        if q.scale == "log":
            lines.append(f"k[{slot}] = math.exp(phi[{j}])")
        elif q.scale == "logit":
            width = q.upper - q.lower
            lines.append(f"k[{slot}] = {q.lower!r} + {width!r} / (1.0 + math.exp(-phi[{j}]))")
        else:
            lines.append(f"k[{slot}] = phi[{j}]")
    return lines


def _initial(scaled: Scaled, memory: Memory) -> Body:
    """States on the natural scale with their sensitivities; the solver takes logs after dosing."""
    n, m = len(scaled.initial), len(scaled.wrt)
    targets = [(f"w[{i}]", e) for i, e in enumerate(scaled.initial)]
    targets += [
        (f"w[{n + i * m + j}]", e)
        for i, row in enumerate(scaled.initial_phi)
        for j, e in enumerate(row)
    ]
    return assign(memory, targets)


def _infuse(scaled: Scaled, memory: Memory) -> Body:
    """What an infusion adds, on the natural scale; ``cells`` is in the unit of the dose."""
    n, m = len(scaled.initial), len(scaled.wrt)
    cells = sp.Symbol("cells")
    targets = [(f"w[{i}]", e.subs(CELLS, cells)) for i, e in scaled.infuse.items()]
    targets += [
        (f"w[{n + i * m + j}]", e.subs(CELLS, cells))
        for i, row in scaled.infuse_phi.items()
        for j, e in enumerate(row)
    ]
    body = assign(memory, targets)
    body.lines = [line.replace(" = ", " += ", 1) if line[0] == "w" else line for line in body.lines]
    return body


def _switches(scaled: Scaled, memory: Memory) -> Body:
    targets = [(f"tau[{i}]", e) for i, e in enumerate(scaled.switches)]
    targets += [
        (f"dtau[{i}, {j}]", e)
        for i, row in enumerate(scaled.switches_phi)
        for j, e in enumerate(row)
    ]
    return assign(memory, targets)


def _load_states(scaled: Scaled, names: dict[sp.Symbol, sp.Symbol], used: set[sp.Symbol]) -> list[str]:
    lines = []
    for i, (symbol, log) in enumerate(
        zip(scaled.symbolic.states.values(), scaled.log_state, strict=True)
    ):
        if symbol in used:
            lines.append(f"{names[symbol]} = {f'math.exp(w[{i}])' if log else f'w[{i}]'}")
    return lines


def _rhs(scaled: Scaled, memory: Memory) -> Body:
    n, m = len(scaled.rhs), len(scaled.wrt)
    names = {y: sp.Symbol(f"y{i}") for i, y in enumerate(scaled.symbolic.states.values())}
    names[TIME] = sp.Symbol("t")
    rename = lambda e: e.xreplace(names)  # noqa: E731
    targets = [(f"dw[{i}]", g) for i, g in enumerate(scaled.rhs)]
    if m:
        targets += [(f"j{i}_{k}", e) for i, r in enumerate(scaled.jacobian) for k, e in enumerate(r)]
        targets += [(f"p{i}_{j}", e) for i, r in enumerate(scaled.rhs_phi) for j, e in enumerate(r)]
    used = set().union(*(e.free_symbols for _, e in targets)) if targets else set()
    body = Body(_load_states(scaled, names, used))
    body.lines += assign(memory, [(name, rename(e)) for name, e in targets]).lines
    for i, g in enumerate(scaled.rhs):
        if g == 0:
            body.lines.append(f"dw[{i}] = 0.0")
    for i in range(n if m else 0):
        terms = [f"j{i}_{k} * w[{n + k * m} + j]" for k in range(n) if scaled.jacobian[i][k] != 0]
        body.lines.append(f"for j in range({m}):")
        body.lines.append(f"    dw[{n + i * m} + j] = {' + '.join(terms) or '0.0'}")
        for j in range(m):
            if scaled.rhs_phi[i][j] != 0:
                body.lines.append(f"dw[{n + i * m + j}] += p{i}_{j}")
    return body


def _solution(scaled: Scaled, memory: Memory) -> Body:
    n, m = len(scaled.solution), len(scaled.wrt)
    names = {TIME: sp.Symbol("t")}
    targets = [(f"w[{i}]", e) for i, e in enumerate(scaled.solution)]
    zero = [
        f"w[{n + i * m + j}] = 0.0"
        for i, row in enumerate(scaled.solution_phi)
        for j, e in enumerate(row)
        if e == 0
    ]
    targets += [
        (f"w[{n + i * m + j}]", e)
        for i, row in enumerate(scaled.solution_phi)
        for j, e in enumerate(row)
    ]
    body = assign(memory, [(name, e.xreplace(names)) for name, e in targets])
    body.lines += zero
    return body


def _observe(scaled: Scaled, memory: Memory) -> Body:
    """``g[0]`` = prediction and ``jac[j0, :]`` = its gradient, for observable o or state o - count."""
    n, m = len(scaled.log_state), len(scaled.wrt)
    body = Body()
    for o, reading in enumerate(scaled.readings):
        body.lines.append(f"if o == {o}:")
        lines = _one_reading(scaled, memory, reading, n, m)
        body.lines += ["    " + line for line in [*lines, "return 0.0"]]
    body.lines += [
        f"i = o - {len(scaled.readings)}",
        "g[0] = w[i]",
        f"for j in range({m}):",
        f"    jac[j0, j] = w[{n} + i * {m} + j]",
    ]
    return body


def _one_reading(scaled: Scaled, memory: Memory, reading: Reading, n: int, m: int) -> list[str]:
    states = list(scaled.symbolic.states.values())
    names = {states[i]: sp.Symbol(f"v{i}") for i in reading.states}
    lines = []
    if reading.homogeneous:
        first, *rest = reading.states
        lines.append(f"shift = w[{first}]")
        lines += [f"shift = max(shift, w[{i}])" for i in rest]
        lines += [f"v{i} = math.exp(w[{i}] - shift)" for i in reading.states]
    else:
        lines += [
            f"v{i} = math.exp(w[{i}])" if scaled.log_state[i] else f"v{i} = w[{i}]"
            for i in reading.states
        ]
    targets = [("value", reading.value)]
    if m:
        targets += [(f"s{i}", e) for i, e in zip(reading.states, reading.by_state, strict=True)]
        targets += [(f"q{j}", e) for j, e in enumerate(reading.by_phi)]
    lines += assign(memory, [(name, e.xreplace(names)) for name, e in targets]).lines
    if reading.value == 0:
        lines.append("value = 0.0")
    shift = "shift + " if reading.homogeneous else ""
    lines.append(f"g[0] = {shift}math.log(value)" if reading.positive else "g[0] = value")
    if m:
        over = " / value" if reading.positive else ""
        for i, e in zip(reading.states, reading.by_state, strict=True):
            if e != 0:
                chain = f" * v{i}" if scaled.log_state[i] else ""
                lines.append(f"s{i} = s{i}{chain}{over}")
        terms = [
            f"s{i} * w[{n + i * m} + j]"
            for i, e in zip(reading.states, reading.by_state, strict=True)
            if e != 0
        ]
        lines.append(f"for j in range({m}):")
        lines.append(f"    jac[j0, j] = {' + '.join(terms) or '0.0'}")
        lines += [f"jac[j0, {j}] += q{j}{over}" for j, e in enumerate(reading.by_phi) if e != 0]
    return lines


def _explicit(tableau: Tableau) -> str:
    """The integrator's text with the stages of a method written out."""
    stages = []
    for i, row in enumerate(tableau.a[1:], start=1):
        terms = " + ".join(f"{a!r} * k{j}[i]" for j, a in enumerate(row) if a != 0)
        out = "u" if i < len(tableau.a) - 1 else "new"
        stages.append(f"for i in range(N_ALL):\n    {out}[i] = w[i] + h * ({terms})")
        stages.append(f"rhs(t + {tableau.c[i]!r} * h, {out}, k, k{i})")
    error = " + ".join(f"{e!r} * k{j}[i]" for j, e in enumerate(tableau.error) if e != 0)
    count = len(tableau.a)
    pad = "\n" + " " * 12
    return (
        ODE_SOLVER.replace("@ALLOCATE@", f"{pad[:5]}".join(f"k{i} = np.empty(N_ALL)" for i in range(count)))
        .replace("@STAGES@", pad.join("\n".join(stages).splitlines()))
        .replace("@ERROR@", error)
        .replace("@LAST@", f"k{count - 1}")
        .replace("@ORDER@", repr(float(tableau.order)))
    )
