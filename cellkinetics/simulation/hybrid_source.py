"""The source of a model's hybrid solver: its equations, then the fixed text of the method."""

import sympy as sp

from cellkinetics.declare import Model
from cellkinetics.kernel.emit import Body, Memory, assign
from cellkinetics.kernel.scaled import Scaled, scale
from cellkinetics.kernel.template import HEADER
from cellkinetics.simulation.hybrid_template import HYBRID_SOLVER
from cellkinetics.simulation.rates import birth_and_death, per_cell
from cellkinetics.symbolic import CELLS, TIME, trace


def hybrid_source(model: Model) -> str:
    """Write the module that simulates a model with a state that can die out.

    Parameters
    ----------
    model : Model                   that declares ``stochastic``

    Returns
    -------
    str                             Python source; the same model gives the same text

    Raises
    ------
    ModelError                      as :func:`~cellkinetics.simulation.rates.birth_and_death`
    """
    s = trace(model)
    rates = birth_and_death(model)
    scaled = scale(s, ())
    memory = Memory()
    memory.declare(s.parameters.values())
    memory.declare(s.inputs.values())
    first_flag = len(memory.slots)
    memory.declare(s.flags.values(), flags=True)
    given = [memory.place(memory.slots[q]) for q in (*s.parameters.values(), *s.inputs.values())]
    places = [f"y[{i}]" for i in range(len(s.states))]
    functions = [
        _function("slopes(t, y, k, dw)", _of_states(scaled, memory, "dw", scaled.rhs)),
        _function(
            "per_cell(t, y, k, rates)", _of_states(scaled, memory, "rates", per_cell(s, rates))
        ),
        _function("observe(y, k, o)", _of_states(scaled, memory, "o", tuple(s.observe.values()))),
        _function("initial(k, y)", assign(memory, list(zip(places, scaled.initial, strict=True)))),
        _function("infuse(cells, k, y)", _infuse(scaled, memory)),
        _function("switch_times(k, tau)", _listed(memory, "tau", scaled.switches)),
        _function("cells_of(k, one)", _listed(memory, "one", (rates.cells,))),
    ]
    sizes = {
        "N": len(s.states),
        "OWN": list(s.states).index(rates.state),
        "N_OBSERVED": len(s.observe),
        "N_SWITCHES": len(s.switches),
        "N_MEMORY": max(1, len(memory.slots)),
        "FIRST_FLAG": first_flag,
        "LOG": f"({', '.join(str(log) for log in scaled.log_state)},)",
        "ATOL": f"({', '.join(repr(1e-8 * q.smallest) for q in model.states)},)",
    }
    prepare = Body([f"{place} = c[{j}]" for j, place in enumerate(given)] + memory.prepare.lines)
    parts = [
        HEADER,
        "\n".join(f"{name} = {value}" for name, value in sizes.items()),
        _function("prepare(c, k)", prepare),
        _function("segment(k)", memory.segment),
        *functions,
        HYBRID_SOLVER,
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _function(signature: str, body: Body) -> str:
    return f"@njit(**OPTIONS)\ndef {signature}:\n{body.text()}"


def _listed(memory: Memory, array: str, values: tuple[sp.Expr, ...]) -> Body:
    """``array[i] = value i``, zeros included."""
    body = Body([f"{array}[{i}] = 0.0" for i, e in enumerate(values) if e == 0])
    body.lines += assign(memory, [(f"{array}[{i}]", e) for i, e in enumerate(values)]).lines
    return body


def _of_states(scaled: Scaled, memory: Memory, array: str, values: tuple[sp.Expr, ...]) -> Body:
    """The same for functions of states (natural values in ``y``) and time."""
    names = {y: sp.Symbol(f"y[{i}]") for i, y in enumerate(scaled.symbolic.states.values())}
    names[TIME] = sp.Symbol("t")
    return _listed(memory, array, tuple(e.xreplace(names) for e in values))


def _infuse(scaled: Scaled, memory: Memory) -> Body:
    cells = sp.Symbol("cells")
    body = assign(memory, [(f"added{i}", e.subs(CELLS, cells)) for i, e in scaled.infuse.items()])
    body.lines += [f"y[{i}] += added{i}" for i, e in scaled.infuse.items() if e != 0]
    return body
