"""Whether a model's solutions and their gradients are those of its equations."""

from collections.abc import Iterator

import numpy as np

from cellkinetics.contract.cases import Case, predict, random_times, rows_at, solve, switch_times
from cellkinetics.contract.finding import Place
from cellkinetics.errors import ModelError
from cellkinetics.kernel.compiled import STATUS, Form
from cellkinetics.kernel.layout import Floats, Ints
from cellkinetics.kernel.solve import solve as solve_model
from cellkinetics.published import reproduce
from cellkinetics.study.findings import Finding, counted

STEP = 2e-3  # of finite differences, on the transformed scale
_JUMPS = (
    "An equation that jumps where a state passes a value (where(), minimum(), maximum() of states)"
    " has no gradient there: use a switch in time, or a smooth function."
)


def apart(found: Floats, wanted: Floats, floor: float | Floats = 1.0) -> float:
    """Largest difference, relative to the value, or absolute where that is below the floor."""
    if not len(found):
        return 0.0
    off = np.abs(found - wanted) / np.maximum(floor, np.abs(wanted))
    return float(off.max()) if np.isfinite(off).all() else np.inf


def check_closed_form(place: Place, case: Case) -> list[Finding]:
    """Find a closed form that does not solve the right-hand side, or switches elsewhere."""
    if set(case.kernels) < {"closed", "ode"}:
        return []
    # Rows on switches too: there both must take the side before.
    rows = rows_at(case, random_times(case, on_switches=True))
    ode, closed = solve(case, "ode", rows), solve(case, "closed", rows)
    off = max(1e-8 / 1e-7 * apart(ode.jac, closed.jac), apart(ode.pred, closed.pred))
    times = [switch_times(case.kernels[f], case.phi, case.constants) for f in ("ode", "closed")]
    same = all(np.array_equal(one, other) for one, other in zip(*times, strict=True))
    if off < 1e-8 and same:
        return []
    came = f"a solution() that is {off:.3g} away from that of rhs()" if off >= 1e-8 else ""
    return [
        place.found(
            "closed-form-differs",
            came=came or "switches at different times in solution() and rhs()",
            wanted="the same states, to 1e-8 on the log scale",
            line=place.line_of_function(case.model.solution),
        )
    ]


def check_gradients(place: Place, case: Case) -> list[Finding]:
    """Find gradients that are not those of the solution, by finite differences."""
    found = []
    for form in case.kernels:
        rows = rows_at(case, random_times(case, on_switches=False, away=2 * STEP))
        out = solve(case, form, rows)
        # On the natural scale differences carry noise in proportion to the prediction.
        log = np.array(case.kernels[form].positive)[rows.observable]
        floor = np.where(log, 1.0, np.maximum(1.0, 1e-3 * np.abs(out.pred)))

        def central(j: int, h: float, form: Form = form, rows=rows) -> Floats:  # type: ignore[no-untyped-def]
            move = h * (np.arange(case.phi.shape[1]) == j)
            high, low = (predict(case, form, rows, case.phi + s * move) for s in (1, -1))
            return (high - low) / (2 * h)

        for j, q in enumerate(case.model.parameters):
            # Two levels of Richardson: the error is of sixth order in the step.
            one, two, three = (central(j, STEP / factor) for factor in (1, 2, 4))
            fourth = (4 * two - one) / 3, (4 * three - two) / 3
            off = apart(out.jac[:, j], (16 * fourth[1] - fourth[0]) / 15, floor)
            if not off < 1e-6:
                found.append(
                    place.found(
                        "gradient-differs",
                        came=f"a gradient by '{q.name}' ({form}) that is {off:.3g} away from"
                        " finite differences",
                        wanted="agreement to 1e-6",
                        cure=_JUMPS,
                        line=place.line_of_name(q.name),
                    )
                )
    return found


def check_events(place: Place, case: Case) -> list[Finding]:
    """Find rows on a switch or infusion that do not belong to the time before it."""
    events = []
    for s, tau in enumerate(case.switches):
        infused = case.dosing.time[case.dosing.start[s] : case.dosing.start[s + 1]]
        both = np.concatenate([tau[np.isfinite(tau)], infused])
        events.append(both[both > 0])
    if not any(len(t) for t in events):
        return []
    found = []
    for form in case.kernels:
        on = solve(case, form, rows_at(case, events))
        before = solve(case, form, rows_at(case, [t * (1 - 1e-10) for t in events]))
        off = max(apart(on.pred, before.pred), apart(on.jac, before.jac))
        if not off < 1e-6:
            found.append(
                place.found(
                    "row-on-event",
                    came=f"predictions on a switch or infusion ({form}) that are {off:.3g} away"
                    " from those just before it",
                    wanted="a reading on an event to belong to the time before",
                    line=place.line_of_function(case.model.switches),
                )
            )
    return found


def check_range(place: Place, case: Case) -> list[Finding]:
    """Find subjects that cannot be solved, and states that fall below zero."""
    found = []
    for form in case.kernels:
        rows = rows_at(case, random_times(case, on_switches=True))
        out = solve(case, form, rows, rtol=1e-6)
        found += _failures(place, out.status, f"random subjects ({form})", len(case.phi))
        if not out.status.any() and not (
            np.isfinite(out.pred).all() and np.isfinite(out.jac).all()
        ):
            found.append(
                place.found("not-solved", came=f"predictions that are no numbers ({form})")
            )
        first = len(case.model.observables)
        for i, state in enumerate(case.model.states):
            lowest = out.pred[rows.observable == first + i].min()
            if not state.positive and lowest < -1e-6 * state.smallest:
                found.append(
                    place.found(
                        "state-below-zero",
                        came=f"'{state.name}' that falls to {lowest:.3g} ({form})",
                        wanted="0 or more",
                        line=place.line_of_name(state.name),
                    )
                )
    return found


def check_examples(place: Place, case: Case) -> list[Finding]:
    """Find published patients, or typical ones of a class, that cannot be solved."""
    model = case.model
    found = []
    for example in model.examples:
        solved = solve_model(model, times=np.linspace(0, model.horizon, 50), example=example.name)
        found += _failures(
            place, solved["status"].to_numpy(), f"example '{example.name}'", 1,
            line=place.line_of_name(example.name),
        )  # fmt: skip
    for kind in model.classes:
        solved = solve_model(model, dict(kind.typical), np.linspace(0, model.horizon, 50))
        found += _failures(
            place, solved["status"].to_numpy(), f"class '{kind.name}'", 1,
            line=place.line_of_name(kind.name),
        )  # fmt: skip
    return found


def check_published(place: Place, case: Case) -> list[Finding]:
    """Find published numbers that the model does not reproduce."""
    return list(_not_reproduced(place, case))


def _not_reproduced(place: Place, case: Case) -> Iterator[Finding]:
    try:
        numbers = reproduce(case.model)
    except (Exception, SystemExit) as error:  # whatever a user's function raises is a finding
        text = str(error) if isinstance(error, ModelError) else f"{type(error).__name__}: {error}"
        yield place.found(
            "published-not-reproduced", came=f"a published number that cannot be computed: {text}",
            line=place.line_of_keyword("published"),
        )  # fmt: skip
        return
    for x in numbers:
        if not x.passed:
            yield place.found(
                "published-not-reproduced",
                came=f"'{x.name}' = {x.computed:.10g}",
                wanted=f"{x.published:.10g} within {x.rtol:.3g} ({x.source})",
                line=place.line_of_name(x.name) or place.line_of_keyword("published"),
            )


def _failures(
    place: Place, status: Ints, who: str, count: int, *, line: int | None = None
) -> list[Finding]:
    failed = [STATUS.get(int(code), f"status {code}") for code in status if code != 0]
    if not failed:
        return []
    of = f" for {len(failed)} of {counted(count, 'subject')}" if count > 1 else ""
    return [
        place.found(
            "not-solved",
            came=f"equations that cannot be solved, {who}{of}: {'; '.join(sorted(set(failed)))}",
            cure="Look at the values: a rate far from the others, a division by a state at 0.",
            line=line,
        )
    ]
