"""What an explicit and an implicit method put into the fixed text of an integrator.

Both walk through the same loop over lanes (``template_ode.py``): rows, switches, infusions and
step control are the same. A method gives the functions that it needs of the model, the text of
one step, and the arrays which that uses.
"""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from cellkinetics.kernel.elimination import eliminate, factor_lines, substitution_lines
from cellkinetics.kernel.emit import Body, Memory, at, function, side_by_side
from cellkinetics.kernel.esdirk import KVAERNO5, Esdirk, first_guess
from cellkinetics.kernel.scaled import Scaled
from cellkinetics.kernel.slopes import slopes
from cellkinetics.kernel.source_rhs import (
    entries,
    fused,
    scaled_derivatives,
    scaled_parts,
    scaled_rhs,
    without_sensitivities,
)
from cellkinetics.kernel.tableau import VERNER7, Tableau
from cellkinetics.kernel.template_implicit import (
    BEGIN_IMPLICIT,
    END_STEP,
    IMPLICIT_ARRAYS,
    IMPLICIT_CONSTANTS,
    IMPLICIT_FUNCTIONS,
    IMPLICIT_RHS,
    STAGE,
    STAGE_SENSITIVITIES,
)
from cellkinetics.kernel.template_lanes import LANE_ARITHMETIC
from cellkinetics.kernel.template_ode import (
    BEGIN_STEP,
    EXPLICIT_RHS,
    LANE_FUNCTIONS,
    LOOPED_RHS,
    ODE_SOLVER,
)
from cellkinetics.symbolic import TIME

Parts = tuple[list[str], list[str], list[str]]
"""What stands before the equations of a model, the equations, and what stands after them."""

# How much the error of the step before counts for the next one (Gustafsson's PI control).
SMOOTHING = 0.02
# States and sensitivities up to which J S is written out, line by line: faster to run, but what
# the compiler takes grows faster than their number.
WRITTEN_OUT = 250


def filled(text: str, **values: str) -> str:
    """``text`` with its ``@NAME@`` replaced; several lines are indented as the place is."""
    for name, value in values.items():
        lines = value.strip("\n").splitlines()
        while (place := re.search(rf"^( *)@{name}@\n", text, re.MULTILINE)) is not None:
            block = "".join(f"{place[1]}{line}\n" for line in lines)
            text = text[: place.start()] + block + text[place.end() :]
        text = text.replace(f"@{name}@", value)
    return text


@cache
def _arithmetic() -> str:
    """What lanes compute with. A module is named by its text, so that names what it imports too."""
    text = Path(__file__).with_name("vector.py").read_bytes()
    return filled(LANE_ARITHMETIC, VECTORS=f"vector.py {sha256(text).hexdigest()[:16]}")


def _control(order: int) -> dict[str, str]:
    """Powers of the squared error, of this step and the one before."""
    before = 0.5 * SMOOTHING
    return {
        "ORDER": repr(float(order)),
        "NOW": repr(-0.5 / order + 0.75 * before),
        "BEFORE": repr(before),
    }


def _views(stages: int) -> str:
    return "\n".join(f"k{i} = slopes[{i} * SIZE:{i + 1} * SIZE]" for i in range(stages))


def _combination(weights: tuple[float, ...], start: str = "", first: int = 0) -> str:
    """``start`` and the weighted slopes of all stages from the first one on."""
    weighed = [(x, j) for j, x in enumerate(weights) if x != 0 and j >= first]
    return fused([(repr(x), f"slopes[{j} * SIZE + i]") for x, j in weighed], start)


def _is_timed(scaled: Scaled) -> bool:
    """Whether time enters the right-hand side other than through switches."""
    return any(TIME in g.free_symbols for g in scaled.rhs)


def _stage_time(c: float) -> str:
    return f"for l in range(LANES):\n    at[l] = t[l] + {c!r} * h[l]"


def _column(array: str, state: int | str) -> str:
    """Sensitivity of a state by parameter j, of lane l."""
    return f"{array}[LANES * (N_STATES + {state} * N_PARAMETERS + j) + l]"


def _over_columns(lines: list[str]) -> Body:
    """A loop over parameters, all lanes at once."""
    return Body(["for j in range(N_PARAMETERS):", *("    " + x for x in side_by_side(lines))])


def _products(
    n: int, places: dict[tuple[int, int], int], s: str, into: str, direct: str
) -> list[str]:
    """J S + df/dphi of parameter j; ``direct`` is the result's own place, or (state, parameter)."""
    # All loads before all stores: else the compiler must fear that one changes another.
    first = [f"s{k} = {_column(s, k)}" for k in range(n)]
    last = []
    for i in range(n):
        start = f"{direct}[LANES * ({i} * N_PARAMETERS + j) + l]"
        own_row = [(k, q) for (row, k), q in places.items() if row == i]
        terms = [(at("entry", q, lanes=True), f"s{k}") for k, q in own_row]
        first.append(f"d{i} = {fused(terms, _column(into, i) if direct == into else start)}")
        last.append(f"{_column(into, i)} = d{i}")
    return first + last


def _looped_rhs(scaled: Scaled, memory: Memory) -> list[str]:
    """The right-hand side with a loop over parameters in place of a line for each."""
    places = {entry: q for q, entry in enumerate(entries(slopes(scaled)))}
    products = _products(len(scaled.log_state), places, "w", "dw", "dw")
    return [
        function("parts(t, w, k, h, entry, dw, lanes)", scaled_parts(scaled, memory)),
        function("along(entry, w, dw, lanes)", _over_columns(products)),
        filled(LOOPED_RHS, ENTRIES=str(len(places))),
    ]


def explicit_parts(scaled: Scaled, memory: Memory, tableau: Tableau = VERNER7) -> Parts:
    """An explicit method's part of a kernel module."""
    timed = _is_timed(scaled)
    stages = []
    for i, row in enumerate(tableau.a[1:], start=1):
        # Two stages share a pass over the slopes: what the second already knows waits
        # in ``new``.
        if i % 2 == 0:
            lines = [f"u[i] = {_combination(row, 'new[i]', i - 1)}"]
        else:
            lines = [f"u[i] = {_combination(row, 'w[i]')}"]
            if i + 1 < len(tableau.a):
                lines += [f"new[i] = {_combination(tableau.a[i + 1][:i], 'w[i]')}"]
        stages.append("for i in range(SIZE):\n    " + "\n    ".join(lines))
        if timed:
            stages.append(_stage_time(tableau.c[i]))
        stages.append(f"scaled_rhs({'at' if timed else 't'}, u, k, h, k{i}, lanes)")
    stages += [
        "finish_step(w, new, slopes, base, u, rtol)",
        "norm(u, columns, error)",
    ]
    if timed:
        stages.append("for l in range(LANES):\n    at[l] = t[l] + h[l]")
    stages.append(f"scaled_rhs({'at' if timed else 't'}, new, k, unit, k1, lanes)")
    difference = tuple(x - y for x, y in zip(tableau.b, tableau.embedded, strict=True))
    values = {
        **_control(tableau.order),
        "ALLOCATE": _views(len(tableau.a)),
        "COUNT": str(len(tableau.a)),
        "STEP": "\n".join(stages),
        "NEW": _combination(tableau.b, "w[i]"),
        "ERROR": _combination(difference),
        "LOOSER": "3.0",
        "RHS": EXPLICIT_RHS,
        "FRESH": "",
        "BEFORE_SWITCH": "",
        "SLOPE": "slope",
        "SMALLEST": "1e-14 * max(1.0, t[l])",
    }
    count = len(scaled.log_state) * (1 + len(scaled.wrt))
    if count > WRITTEN_OUT:
        equations = [*_looped_rhs(scaled, memory), BEGIN_STEP]
    else:
        begin = [
            f"{at('k0', i, lanes=True)} = h[l] * {at('slope', i, lanes=True)}" for i in range(count)
        ]
        equations = [
            function("scaled_rhs(t, w, k, h, dw, lanes)", scaled_rhs(scaled, memory)),
            function("begin_step(h, slope, k0, lanes)", Body(side_by_side(begin))),
        ]
    before = [_arithmetic(), filled(LANE_FUNCTIONS, **values)]
    return before, equations, [filled(ODE_SOLVER, **values)]


def implicit_parts(scaled: Scaled, memory: Memory, method: Esdirk = KVAERNO5) -> Parts:
    """An implicit method's part of a kernel module."""
    timed = _is_timed(scaled)
    n, m = len(scaled.log_state), len(scaled.wrt)
    stages = len(method.a)
    jacobian = eliminate(n, entries(slopes(scaled)))
    step = [BEGIN_IMPLICIT]
    for i in range(1, stages):
        stage = filled(
            STAGE,
            SENSITIVITIES=STAGE_SENSITIVITIES if m else "",
            TIME=f"for l in range(LANES):\n    at[l] = t[l] + {method.c[i]!r} * h[l]"
            if timed
            else "",
        )
        step.append(
            filled(
                stage,
                AT="at" if timed else "t",
                STAGE=str(i),
                BASE=_combination(method.a[i], "w[i]"),
                GUESS=_combination(first_guess(method, i)),
                U={stages - 1: "last_y", stages - 2: "other_y"}.get(i, "u"),
            )
        )
    step.append(filled(END_STEP, LAST=str(stages - 1)))
    values = {
        **_control(method.order),
        "ALLOCATE": "\n".join(
            [
                _views(stages),
                f"last_y = slopes[{stages} * SIZE:{stages + 1} * SIZE]",
                f"other_y = slopes[{stages + 1} * SIZE:{stages + 2} * SIZE]",
                IMPLICIT_ARRAYS.strip("\n"),
            ]
        ),
        "COUNT": str(stages + 2),
        "STEP": "\n".join(part.strip("\n") for part in step),
        "NEW": f"slopes[{stages} * SIZE + i]",
        "ERROR": f"slopes[{stages} * SIZE + i] - slopes[{stages + 1} * SIZE + i]",
        "LOOSER": "0.3",
        "RHS": IMPLICIT_RHS,
        "FRESH": "ease[l] = 1.0",
        "BEFORE_SWITCH": "rhs(t, w, k, u, lanes)",
        "SLOPE": "u",
        # A state that is pulled away from zero may need a first step of any size.
        "SMALLEST": "1e-14 * t[l] + 1e-40",
    }
    sizes = {
        "N_ENTRIES": max(1, len(jacobian.given)),
        "N_FACTORS": len(jacobian.factors),
        "GAMMA": method.gamma,
    }
    columns = list(substitution_lines(jacobian, _column("x", "{i}")))
    one = list(substitution_lines(jacobian, "x[LANES * {i} + l]"))
    equations = [
        function("rates(t, w, k, h, dw, lanes)", scaled_rhs(without_sensitivities(scaled), memory)),
        function(
            "derivatives(t, w, k, h, entry, direct, lanes)", scaled_derivatives(scaled, memory)
        ),
        function("factor(entry, lu, kept, lanes)", Body(side_by_side(factor_lines(jacobian)))),
        function("substitute(lu, x, lanes)", Body(side_by_side(one))),
        function("substitute_columns(lu, x, lanes)", _over_columns(columns)),
        function(
            "along(entry, direct, s, ds, lanes)",
            _over_columns(_products(n, jacobian.given, "s", "ds", "direct")),
        ),
        BEGIN_STEP,
        IMPLICIT_FUNCTIONS,
    ]
    constants = "\n".join(f"{name} = {value}" for name, value in sizes.items())
    before = [constants, IMPLICIT_CONSTANTS, _arithmetic(), filled(LANE_FUNCTIONS, **values)]
    return before, equations, [filled(ODE_SOLVER, **values)]
