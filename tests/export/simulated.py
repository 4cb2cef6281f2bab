"""An exported document simulated by libroadrunner, beside our own solution of the same patient."""

from dataclasses import dataclass
from math import isfinite

import numpy as np
import pytest

from cellkinetics.declare import Model, Observable, State
from cellkinetics.exporting.patient import Patient
from cellkinetics.kernel.solve import solve
from cellkinetics.symbolic import trace

# Their modules are made by SWIG, which Python 3.12 warns of.
SWIG = pytest.mark.filterwarnings("ignore:builtin type .*[sS]wig.*:DeprecationWarning")


@dataclass(frozen=True)
class Curves:
    """Curves (quantity, time) of both, and what is too small to matter (quantity,)."""

    names: tuple[str, ...]
    times: np.ndarray
    theirs: np.ndarray
    ours: np.ndarray
    floor: np.ndarray

    def error(self) -> float:
        """The worst relative difference, of quantities above their floor."""
        return float(np.max(self.errors()))

    def errors(self) -> np.ndarray:
        """The worst relative difference of each quantity."""
        size = np.maximum(np.abs(self.ours), self.floor[:, None])
        return np.max(np.abs(self.theirs - self.ours) / size, axis=1)


def times_of(model: Model, patient: Patient) -> np.ndarray:
    """Early, late, and close to every switch and infusion on both sides."""
    s = trace(model)
    values = {
        **{s.parameters[q.name]: patient.values[q.name] for q in model.parameters},
        **{s.inputs[q.name]: patient.values[q.name] for q in model.inputs},
    }
    events = [float(when.subs(values)) for when in s.switches.values()]
    events += [day for day, _ in patient.infusions]
    near = [day + by for day in events if isfinite(day) for by in (-0.01, 0.01)]
    usual = np.concatenate([np.linspace(0, 30, 25), np.linspace(30, model.horizon, 13)[1:]])
    return np.unique([t for t in [*usual, *near] if 0 <= t <= model.horizon])


def simulate_both(text: str, model: Model, patient: Patient) -> Curves:
    """Solve the document with libroadrunner and the model with our kernel."""
    roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
    quantities: tuple[Observable | State, ...] = (*model.observables, *model.states)
    names = tuple(q.name for q in quantities)
    times = times_of(model, patient)
    runner = roadrunner.RoadRunner(text)
    runner.integrator.relative_tolerance = 1e-11
    # Tumours that nearly vanish come back: their smallness is what decides when.
    runner.integrator.absolute_tolerance = 1e-30
    runner.integrator.maximum_num_steps = 1_000_000
    runner.timeCourseSelections = ["time", *names]
    theirs = np.array(runner.simulate(times=times.tolist()))[:, 1:].T
    ours = solve(
        model,
        dict(patient.values),
        times,
        patient.infusions if model.infuse is not None else None,
        rtol=1e-11,
        max_steps=1_000_000,
    )
    assert int(ours["status"].values[0]) == 0
    curves = np.array([ours[name].values[0] for name in names])
    natural = {q.name: 1e-4 * q.smallest for q in model.states if not q.positive}
    floor = []
    for q, top in zip(quantities, np.max(np.abs(curves), axis=1), strict=True):
        # An observable that may be negative is a difference, and may cancel.
        difference = isinstance(q, Observable) and not q.positive
        floor.append(max((1e-3 if difference else 1e-9) * top, natural.get(q.name, 0.0), 1e-300))
    return Curves(names, times, theirs, curves, np.array(floor))
