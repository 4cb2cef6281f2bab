"""Draw the patients of a posterior, and plan their simulation."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.kernel.compiled import Form, Method
from cellkinetics.kernel.given import check_solver, times_of
from cellkinetics.kernel.layout import Floats
from cellkinetics.population import to_natural, to_phi
from cellkinetics.simulation.patients import (
    CLASS_OF_ALL,
    TYPICAL,
    Patients,
    check_values,
    input_value,
)
from cellkinetics.simulation.posterior import (
    Posterior,
    covariate_columns,
    dosing_of_subject,
    median_dosing,
)
from cellkinetics.simulation.ranges import outside
from cellkinetics.simulation.run import PATIENTS, Simulation, default_times, dosing_of

_STREAM = 7  # keeps these draws apart from those of a model's patients under the same seed


def plan_posterior(
    posterior: Posterior,
    infusions: Sequence[tuple[float, float]] | None = None,
    *,
    subject: str = "",
    values: Mapping[str, float] | None = None,
    times: Sequence[float] | Floats | None = None,
    subjects: int | None = None,
    covariates: Mapping[str, float | str] | None = None,
    weight: float | None = None,
    patient_class: str | None = None,
    seed: int = 1,
    form: Form = "auto",
    method: Method = "auto",
    rtol: float | None = None,
    threads: int = 2,
) -> Simulation:
    """Draw patients of a posterior; they are solved and written as those of a model.

    A virtual patient is one draw of the population's parameters and then, around it, of the
    patient's own: so its spread holds what the fit does not know, and how patients differ.

    Parameters
    ----------
    posterior : Posterior
    infusions : sequence of (day, cells), optional
                                    default: the subject's own; the study's median dose
    subject : str                   draws of this subject's own parameters, not of new patients
    values : mapping, optional      typical values (of a subject: its values) held at a number,
                                    and inputs
    times : array (time,), day
    subjects : int, optional        patients, or draws of the subject (default 200)
    covariates : mapping, optional  left out: the subject's own; the reference of each effect
    weight : float, optional        kg; default: the subject's own
    patient_class : str, optional   draw new patients of this class alone
    seed, form, method, rtol, threads       as for :func:`cellkinetics.simulate`; form and rtol are
                                    those of the fit unless given

    Returns
    -------
    Simulation

    Raises
    ------
    ModelError, SpecError           an unknown name, a value outside its scale, or a dose where
                                    dose does nothing
    """
    joint, model = posterior.joint, posterior.model
    rtol = joint.spec.kernel.rtol if rtol is None else rtol
    check_solver(model, rtol, joint.spec.kernel.max_steps, threads)
    count = PATIENTS if subjects is None else subjects
    if isinstance(count, bool) or not isinstance(count, int) or count < (1 if subject else 0):
        least = 1 if subject else 0
        raise ModelError(f"subjects is {count!r}, wanted a whole number from {least} on.")
    held = dict(values or {})
    check_values(model, held)
    when = np.unique(times_of(model, default_times(model.horizon) if times is None else times))
    at = posterior.place(subject) if subject else None
    kg = posterior.weight(subject) if subject and weight is None else weight
    if infusions is not None:
        dosing = dosing_of(model, infusions, None)
    else:
        dosing = median_dosing(joint) if at is None else dosing_of_subject(joint, at)
    notes = list(posterior.notes)
    if infusions is None and dosing and at is None:
        notes.append(f"the study's median dose, {dosing[0][1]:.4g} cells: give --dose for another")
    known = dict(covariates or {})
    if infusions is not None or weight is not None:
        known = {**_implied(posterior, dosing, kg), **known}
    columns, said = covariate_columns(posterior, known)
    notes += said
    if at is None:
        drawn = _population(posterior, columns, held, known, count, seed, patient_class)
        typical = _population(posterior, columns, held, known, 0, seed, patient_class)
        middle = typical.table
    else:
        if patient_class is not None:
            raise ModelError(f"--class does not go with --subject: {subject} has a class already.")
        drawn = _subject(posterior, at, columns, held, known, count)
        typical = Patients(drawn.table.iloc[:0], False, (), ())
        names = [q.name for q in model.parameters]
        middle = drawn.table[names].median().to_frame().T.assign(**{"class": CLASS_OF_ALL})
    ranges = outside(model, when, dosing, middle, kg, who="median" if subject else "typical")
    return Simulation(
        model=model,
        patients=Patients(drawn.table, drawn.drawn, drawn.varied, (*notes, *drawn.notes)),
        typical=typical,
        times=when,
        infusions=dosing,
        example="",
        seed=seed,
        form=joint.spec.kernel.form if form == "auto" else form,
        method=method,
        rtol=rtol,
        max_steps=joint.spec.kernel.max_steps,
        threads=threads,
        warnings=(*posterior.warnings, *ranges),
        origin=posterior.origin,
        subject=subject,
        limits=posterior.limits,
    )


def _population(
    posterior: Posterior,
    columns: Floats,
    held: Mapping[str, float],
    covariates: Mapping[str, float | str],
    count: int,
    seed: int,
    only: str | None,
) -> Patients:
    """New patients, or with ``count`` 0 the typical one of each class at posterior medians."""
    from cellkinetics.fitting.draws import (  # noqa: PLC0415  (loads PyMC)
        class_shifts,
        flat,
        log_class_probability,
    )

    joint, draws = posterior.joint, posterior.draws
    population = joint.population
    mu = flat(draws, "mu")
    # Typical phi of each draw and class, with the covariate effects of these patients.
    estimated = {q.name: i for i, q in enumerate(joint.estimated)}
    centre = np.empty((len(mu), len(population.typical)))
    for j, q in enumerate(population.typical):
        centre[:, j] = mu[:, estimated[q.name]] if q.name in estimated else q.loc
    if population.effects:
        effect = flat(draws, "effect") * np.nan_to_num(columns)
        for i, moved in enumerate(population.effects):
            centre[:, population.names.index(moved.parameter)] += effect[:, i]
    classes = population.classes
    names = list(classes.names) if classes is not None else [CLASS_OF_ALL]
    if only is not None and (classes is None or only not in names):
        raise ModelError(
            f"{posterior.name}: '{only}' is not a class of its patients."
            f" {did_you_mean(only, classes.names if classes is not None else ())}"
        )
    shift = class_shifts(joint, draws) if classes is not None else np.zeros((len(mu), 1, 1))
    allowed = [names.index(only)] if only is not None else list(range(len(names)))
    if count == 0:
        member = np.array(allowed)
        phi = np.median(centre[:, None] + shift, axis=0)[member]
        labels = [TYPICAL if len(member) == 1 else f"{TYPICAL}_{names[m]}" for m in member]
    else:
        which = _uniform(seed, 0, count) * len(mu)
        draw = np.minimum(which.astype(np.int64), len(mu) - 1)
        member = np.full(count, allowed[0])
        if len(allowed) > 1:
            share = np.exp(log_class_probability(joint, draws))[draw]
            uniform = _uniform(seed, 1, count)
            member = (uniform[:, None] > share.cumsum(axis=1)[:, :-1]).sum(axis=1)
        phi = centre[draw] + shift[draw, member]
        labels = [f"V{i + 1:0{len(str(count))}d}" for i in range(count)]
    with np.errstate(divide="ignore"):  # an end of a scale is infinitely far
        for j, q in enumerate(population.typical):
            if q.name in held:
                phi[:, j] = to_phi(held[q.name], q.scale, q.lower, q.upper)
    if count and population.omega:
        phi += _deviations(posterior, draw, seed)
    return _as_patients(
        posterior, phi, labels, [names[m] for m in member], held, covariates, drawn=count > 0
    )


def _deviations(posterior: Posterior, draw: np.ndarray, seed: int) -> Floats:
    """Random effects (patient, parameter), of each patient's own draw of their spread."""
    from cellkinetics.fitting.draws import flat  # noqa: PLC0415

    joint = posterior.joint
    n = len(joint.noncentred) + len(joint.centred)
    z = np.random.default_rng([seed, _STREAM, 2]).standard_normal((len(draw), n))
    k = len(joint.population.correlated)
    if k > 1:
        root = flat(posterior.draws, "correlation_root")[draw]
        z[:, :k] = np.einsum("sj,sij->si", z[:, :k], root)
    out = np.zeros((len(draw), len(joint.population.typical)))
    out[:, :n] = flat(posterior.draws, "omega")[draw] * z
    return out


def _subject(
    posterior: Posterior,
    at: int,
    columns: Floats,
    held: Mapping[str, float],
    covariates: Mapping[str, float | str],
    count: int,
) -> Patients:
    """Draws of one subject's parameters, under other covariates where they are given."""
    from cellkinetics.fitting.draws import flat, take_draws  # noqa: PLC0415

    joint, draws = posterior.joint, posterior.draws
    population = joint.population
    phi = take_draws(joint, draws).phi[:, at].copy()
    if population.effects:
        effect = flat(draws, "effect")
        for i, q in enumerate(population.effects):
            if np.isfinite(columns[i]):
                moved = effect[:, i] * (columns[i] - q.column[at])
                phi[:, population.names.index(q.parameter)] += moved
    keep = np.linspace(0, len(phi) - 1, min(count, len(phi))).astype(np.int64)
    labels = [f"D{i + 1:0{len(str(len(keep)))}d}" for i in range(len(keep))]
    members = [CLASS_OF_ALL] * len(keep)
    if population.classes is not None:
        of_draw = flat(draws, "member")[keep, at].astype(np.int64)
        members = [population.classes.names[m] for m in of_draw]
    with np.errstate(divide="ignore"):
        for j, typical in enumerate(population.typical):
            if typical.name in held:
                bounds = (typical.scale, typical.lower, typical.upper)
                phi[:, j] = to_phi(held[typical.name], *bounds)
    notes = [f"the posterior has {len(phi)} draws"] if count > len(phi) else []
    constants = dict(zip(joint.kernel.constants, joint.constants[at].tolist(), strict=True))
    own = {
        q.name: constants[q.name]
        for q in posterior.model.inputs
        if q.name in constants and q.covariate not in covariates
    }
    return _as_patients(
        posterior, phi[keep], labels, members, {**own, **held}, covariates, drawn=True, notes=notes
    )


def _as_patients(
    posterior: Posterior,
    phi: Floats,
    labels: list[str],
    classes: list[str],
    held: Mapping[str, float],
    covariates: Mapping[str, float | str],
    *,
    drawn: bool,
    notes: Sequence[str] = (),
) -> Patients:
    model, population = posterior.model, posterior.joint.population
    columns: dict[str, object] = {"subject": labels, "class": classes}
    varied = []
    for q in model.parameters:
        if q.name in population.names:
            j = population.names.index(q.name)
            with np.errstate(over="ignore"):
                theta = to_natural(phi[:, j], q.scale, q.lower, q.upper)
            if drawn and len(theta) > 1 and np.ptp(theta) > 0:
                varied.append(q.name)
        else:
            theta = np.full(len(phi), held.get(q.name, population.constants[q.name]))
        columns[q.name] = theta
    for known in model.inputs:
        value = held.get(known.name, input_value(model, known, covariates))
        columns[known.name] = np.full(len(phi), value)
    return Patients(pd.DataFrame(columns), drawn, tuple(varied), tuple(notes))


def _implied(
    posterior: Posterior, dosing: tuple[tuple[float, float], ...], weight: float | None
) -> dict[str, float | str]:
    """Covariates that dose and weight imply, where the fit or an input asks for them."""
    implied: dict[str, float | str] = {}
    if weight is not None:
        implied["weight_kg"] = weight
    if dosing:
        implied["cells"] = dosing[0][1]
        if weight is not None:
            implied["cells_per_kg"] = dosing[0][1] / weight
    joint = posterior.joint
    published = {effect.name: effect.covariate for effect in posterior.model.covariates}
    asked = {q.covariate for q in posterior.model.inputs}
    asked |= {published[name] for name in joint.spec.model_covariates}
    asked |= {item.covariate for item in joint.spec.covariates}
    return {name: value for name, value in implied.items() if name in asked}


def _uniform(seed: int, stream: int, count: int) -> Floats:
    return np.random.default_rng([seed, _STREAM, stream]).random(count)
