"""What the contract runs every model on: random subjects, times, comedication, infusions."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isinf

import numpy as np

from cellkinetics.contract.generated import Generated
from cellkinetics.declare import Model, Parameter
from cellkinetics.kernel.compiled import Form, Kernel, Solution, build_kernel
from cellkinetics.kernel.layout import Dosing, Floats, Rows, ragged_start, regular_dosing
from cellkinetics.population import to_phi

SUBJECTS = 6


def forms_of(model: Model) -> list[Form]:
    """How the model can be solved."""
    forms: list[Form] = []
    if model.solution is not None and model.infuse is None:
        forms.append("closed")
    if model.rhs is not None:
        forms.append("ode")
    return forms


@dataclass(frozen=True, eq=False)
class Case:
    """Random subjects of one model.

    Attributes
    ----------
    kernels : mapping               a kernel with sensitivities of every parameter, by form
    phi : float array (subject, parameter)
    constants : float array (subject, input)
    dosing : Dosing                 the reference dosing, and two later infusions
    switches : float array (subject, switch)    when they happen, to the last bit
    switches_phi : float array (subject, switch, parameter)
    """

    model: Model
    kernels: Mapping[Form, Kernel]
    phi: Floats
    constants: Floats
    dosing: Dosing
    switches: Floats
    switches_phi: Floats

    @property
    def outputs(self) -> int:
        """How many observables and states rows can ask for."""
        return len(self.model.observables) + len(self.model.states)


def to_theta(phi: Floats, q: Parameter) -> Floats:
    """Natural values, of real or complex numbers."""
    if q.scale == "log":
        return np.exp(phi)
    if q.scale == "logit":
        return q.lower + (q.upper - q.lower) / (1 + np.exp(-phi))
    return phi


@lru_cache(maxsize=64)
def case_of(model: Model) -> Case:
    """Subjects around the typical one; comedication early, late or never.

    Raises
    ------
    ModelError                      the model cannot be compiled
    """
    names = tuple(q.name for q in model.parameters)
    kernels = {form: build_kernel(model, names, form=form) for form in forms_of(model)}
    rng = np.random.default_rng(20)
    spread = np.array([min(q.omega or 0.2, 0.5) for q in model.parameters])
    typical = np.array(
        [float(to_phi(q.typical, q.scale, q.lower, q.upper)) for q in model.parameters]
    )
    phi = typical + spread * rng.uniform(-1, 1, (SUBJECTS, len(typical)))
    constants = np.empty((SUBJECTS, len(model.inputs)))
    for j, q in enumerate(model.inputs):
        if isinf(q.default):
            constants[:, j] = np.where(
                np.arange(SUBJECTS) % 3 == j, inf, rng.uniform(1, 15, SUBJECTS)
            )
        else:
            constants[:, j] = q.default * rng.uniform(0.8, 1.25, SUBJECTS)
    infusions = list(model.reference_dosing)
    if model.infuse is not None:
        infusions += [(5.5, infusions[0][1] / 2), (21.0, infusions[0][1])]
    tau, dtau = switch_times(next(iter(kernels.values())), phi, constants)
    return Case(model, kernels, phi, constants, regular_dosing(infusions, SUBJECTS), tau, dtau)


def switch_times(kernel: Kernel, phi: Floats, constants: Floats) -> tuple[Floats, Floats]:
    """Switch times (subject, switch) and their derivatives (subject, switch, parameter)."""
    none = np.zeros(kernel.module.N_SWITCHES)
    found = []
    for s in range(len(phi)):
        subject = Generated(kernel.module)
        subject.prepare(phi[s], constants[s], none)
        found.append(subject.switch_times())
    return np.array([tau for tau, _ in found]), np.array([dtau for _, dtau in found])


def rows_at(case: Case, times: list[Floats]) -> Rows:
    """Every observable and state at each subject's own times."""
    outputs = np.arange(case.outputs)
    ordered = [np.sort(t) for t in times]
    count = [len(t) * len(outputs) for t in ordered]
    return Rows(
        start=ragged_start(np.repeat(np.arange(len(times)), count), len(times)),
        time=np.concatenate([np.repeat(t, len(outputs)) for t in ordered]),
        observable=np.concatenate([np.tile(outputs, len(t)) for t in ordered]),
    )


def random_times(case: Case, *, on_switches: bool, away: float = 0.0) -> list[Floats]:
    """Times of each subject: early, late, at 0, and on switches if asked.

    ``away`` keeps rows from switches that move when phi moves by so much.
    """
    rng = np.random.default_rng(21)
    horizon, early = case.model.horizon, min(30.0, case.model.horizon)
    times = []
    for tau, dtau in zip(case.switches, case.switches_phi, strict=True):
        t = np.concatenate([[0.0], rng.uniform(0, early, 12), rng.uniform(early, horizon, 4)])
        finite = np.isfinite(tau) & (tau >= 0)
        if on_switches:
            t = np.concatenate([t, tau[finite]])
        if away:
            reach = away * np.abs(dtau[finite]).sum(axis=1)
            near = np.abs(t[:, None] - tau[finite]) <= reach
            t = t[~near.any(axis=1)]
        times.append(t)
    return times


def solve(case: Case, form: Form, rows: Rows, *, rtol: float = 1e-11) -> Solution:
    """Solve the case's subjects, sensitivities included."""
    return case.kernels[form](
        case.phi,
        case.constants,
        case.dosing,
        rows,
        rtol=rtol,
        max_steps=100_000,
    )


def predict(case: Case, form: Form, rows: Rows, phi: Floats) -> Floats:
    """Predictions at another phi, without sensitivities: far less work than :func:`solve`."""
    parameters = zip(phi.T, case.model.parameters, strict=True)
    theta = np.column_stack([to_theta(values, q) for values, q in parameters])
    kernel = build_kernel(case.model, (), form=form)
    none = np.empty((len(phi), 0))
    constants = np.hstack([theta, case.constants])
    return kernel(none, constants, case.dosing, rows, rtol=1e-11, max_steps=100_000).pred
