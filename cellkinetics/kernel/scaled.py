"""A model on the scale that it is solved on: log states, transformed parameters, all derivatives.

For a positive state the kernel carries z = log y, so dz/dt = f / y; for the others z = y.
Sensitivities are taken with respect to phi, the transformed parameters, so that those of
positive quantities are elasticities and one tolerance serves them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from cellkinetics.declare import Parameter
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.symbolic import Symbolic


@dataclass(frozen=True)
class Reading:
    """One observable as a function of w, where y_i = exp(shift) * w_i and shift is a common log.

    ``homogeneous`` observables scale with their states: the shift is the largest z among
    ``states``, so that a sum of very small values keeps its logarithm. Otherwise it is zero.
    """

    name: str
    positive: bool
    homogeneous: bool
    states: tuple[int, ...]
    value: sp.Expr
    by_state: tuple[sp.Expr, ...]
    by_phi: tuple[sp.Expr, ...]


@dataclass(frozen=True)
class Scaled:
    """Expressions in state and parameter symbols and time, with derivatives by z and phi.

    Shapes: states (n,), parameters (m,) in the order of ``wrt``; ``chosen`` holds the symbol of
    each of these parameters and its slope on the transformed scale. Derivatives of ``rhs`` are
    written where it is turned into code (``slopes.py``).
    """

    symbolic: Symbolic
    wrt: tuple[str, ...]
    chosen: tuple[tuple[sp.Symbol, sp.Expr], ...]
    log_state: tuple[bool, ...]
    initial: tuple[sp.Expr, ...]
    initial_phi: tuple[tuple[sp.Expr, ...], ...]
    rhs: tuple[sp.Expr, ...]
    solution: tuple[sp.Expr, ...]
    solution_phi: tuple[tuple[sp.Expr, ...], ...]
    switches: tuple[sp.Expr, ...]
    switches_phi: tuple[tuple[sp.Expr, ...], ...]
    infuse: dict[int, sp.Expr]
    infuse_phi: dict[int, tuple[sp.Expr, ...]]
    readings: tuple[Reading, ...]


def scale(symbolic: Symbolic, wrt: Sequence[str]) -> Scaled:
    """Put a model on the scale it is solved on, with derivatives for the parameters ``wrt``.

    Parameters
    ----------
    symbolic : Symbolic
    wrt : sequence of str           parameters to differentiate by; the others are constants

    Returns
    -------
    Scaled

    Raises
    ------
    ModelError                      a name in ``wrt`` is not a parameter
    """
    for name in wrt:
        if name not in symbolic.parameters:
            raise ModelError(
                f"{symbolic.model.name}: '{name}' is not a parameter."
                f" {did_you_mean(name, symbolic.parameters)}"
            )
    declared = {q.name: q for q in symbolic.model.parameters}
    chosen = tuple(
        (symbolic.parameters[name], _dtheta_dphi(symbolic.parameters[name], declared[name]))
        for name in wrt
    )

    def by_phi(expression: sp.Expr) -> tuple[sp.Expr, ...]:
        return tuple(expression.diff(s) * by_own_phi for s, by_own_phi in chosen)

    states = list(symbolic.states.values())
    logs = tuple(state.positive for state in symbolic.model.states)
    initial = tuple(symbolic.initial.values())
    # The closed form is preferred: with one, the right-hand side serves the tests only.
    solution = _log_of(tuple((symbolic.solution or {}).values()), logs)
    rhs = tuple(
        _over(f, y) if is_log else f
        for f, y, is_log in zip((symbolic.rhs or {}).values(), states, logs, strict=False)
    )
    infuse = {list(symbolic.states).index(name): e for name, e in symbolic.infuse.items()}
    switches = tuple(symbolic.switches.values())
    return Scaled(
        symbolic=symbolic,
        wrt=tuple(wrt),
        chosen=chosen,
        log_state=logs,
        initial=initial,
        initial_phi=tuple(by_phi(e) for e in initial),
        rhs=rhs,
        solution=solution,
        solution_phi=tuple(by_phi(e) for e in solution),
        switches=switches,
        switches_phi=tuple(by_phi(e) for e in switches),
        infuse=infuse,
        infuse_phi={i: by_phi(e) for i, e in infuse.items()},
        readings=tuple(
            _reading(symbolic, observable.name, observable.positive, by_phi)
            for observable in symbolic.model.observables
        ),
    )


def _dtheta_dphi(theta: sp.Symbol, parameter: Parameter) -> sp.Expr:
    """Slope of the natural scale on the transformed one, in terms of the natural value."""
    if parameter.scale == "log":
        return theta
    if parameter.scale == "logit":
        low, high = sp.Float(parameter.lower), sp.Float(parameter.upper)
        return (theta - low) * (high - theta) / (high - low)
    return sp.S.One


def _log_of(values: tuple[sp.Expr, ...], logs: tuple[bool, ...]) -> tuple[sp.Expr, ...]:
    """Logarithms of positive closed forms, products taken apart so that nothing underflows."""
    return tuple(
        sp.expand_log(sp.log(v), force=True) if is_log else v
        for v, is_log in zip(values, logs, strict=False)
    )


def _over(rate: sp.Expr, state: sp.Symbol) -> sp.Expr:
    """Rate / state, divided term by term so that the state cancels where it can."""
    if isinstance(rate, sp.Add):
        return sp.Add(*(term / state for term in rate.args))
    return rate / state


def _reading(symbolic: Symbolic, name: str, positive: bool, by_phi) -> Reading:  # type: ignore[no-untyped-def]
    value = symbolic.observe[name]
    states = list(symbolic.states.values())
    involved = tuple(i for i, y in enumerate(states) if y in value.free_symbols)
    if positive:
        natural = [states[i] for i in involved if not symbolic.model.states[i].positive]
        if natural:
            raise ModelError(
                f"{symbolic.model.name}: observable '{name}' is declared positive but depends on"
                f" '{str(natural[0])[2:]}', which is not a positive state."
                " Declare Observable(..., positive=False), or the state positive."
            )
    homogeneous = positive and _is_homogeneous(value, [states[i] for i in involved])
    return Reading(
        name=name,
        positive=positive,
        homogeneous=homogeneous,
        states=involved,
        value=value,
        by_state=tuple(value.diff(states[i]) for i in involved),
        by_phi=by_phi(value),
    )


def _is_homogeneous(value: sp.Expr, states: list[sp.Symbol]) -> bool:
    factor = sp.Symbol("_factor", positive=True)
    scaled = value.subs({y: factor * y for y in states}, simultaneous=True)
    return bool(states) and sp.simplify(scaled - factor * value) == 0
