"""Virtual patients: parameters drawn around typical values, by class and covariates."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf, log

import numpy as np
import pandas as pd

from cellkinetics.declare import CovariateEffect, Input, Model, Parameter
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.population import to_natural, to_phi
from cellkinetics.spec import CovariateSpec

CLASS_OF_ALL = "all"
TYPICAL = "typical"
_TOLERANCE = 1e-6  # within which probabilities of classes sum to 1


@dataclass(frozen=True)
class Patients:
    """Who is simulated.

    Attributes
    ----------
    table : DataFrame (subject,)    subject, class, and natural-scale values of every parameter and
                                    input
    drawn : bool                    from the population; else the typical ones
    varied : tuple of str           parameters that differ between patients of one class
    notes : tuple of str            what a reader of the result should know
    """

    table: pd.DataFrame
    drawn: bool
    varied: tuple[str, ...]
    notes: tuple[str, ...]


def draw_patients(
    model: Model,
    count: int,
    *,
    seed: int,
    values: Mapping[str, float],
    covariates: Mapping[str, float | str],
    patient_class: str | None = None,
) -> Patients:
    """Draw patients of a model's population.

    Parameters
    ----------
    model : Model
    count : int                     0: the typical patient (of each class), nobody drawn
    seed : int                      the first patients of a seed are the same for any ``count``, and
                                    a changed typical value leaves the other parameters as they were
    values : mapping                typical values of parameters, and inputs, that replace the
                                    model's; they hold in every class
    covariates : mapping            of every patient; one that is left out is at its reference
    patient_class : str, optional   draw from this class alone

    Returns
    -------
    Patients

    Raises
    ------
    ModelError                      an unknown parameter, class or covariate, or a value outside the
                                    parameter's scale
    """
    check_values(model, values)
    shifts, notes = covariate_shifts(model, covariates)
    classes = _classes(model, patient_class)
    names = list(classes)
    if count == 0:
        member = np.arange(len(names))
        labels = [TYPICAL if len(names) == 1 else f"{TYPICAL}_{name}" for name in names]
    else:
        share = np.array([probability for probability, _ in classes.values()])
        uniform = np.random.default_rng([seed, 1]).random(count)
        member = np.searchsorted(np.cumsum(share / share.sum())[:-1], uniform, side="right")
        width = len(str(count))
        labels = [f"V{i + 1:0{width}d}" for i in range(count)]
    z = np.random.default_rng([seed, 0]).standard_normal((count, len(model.parameters)))
    columns: dict[str, object] = {"subject": labels, "class": [names[m] for m in member]}
    varied = []
    for j, q in enumerate(model.parameters):
        centres = np.array(
            [values.get(q.name, t.get(q.name, q.typical)) for _, t in classes.values()]
        )
        at_end = np.array([_at_an_end(q, centre) for centre in centres])
        shift = shifts.get(q.name, 0.0)
        moves = q.omega is not None and count > 0
        if (moves or shift) and at_end.any():
            notes.append(
                f"'{q.name}' is {centres[at_end][0]:g}, an end of its {q.scale} scale: it is the"
                " same in all patients"
            )
        theta = centres[member].astype(np.float64)
        free = ~at_end[member]
        if (moves or shift) and free.any():
            phi = to_phi(theta[free], q.scale, q.lower, q.upper) + shift
            if moves:
                phi = phi + (q.omega or 0.0) * z[free, j]
                varied.append(q.name)
            theta[free] = to_natural(phi, q.scale, q.lower, q.upper)
        columns[q.name] = theta
    for known in model.inputs:
        own = input_value(model, known, covariates)
        centres = np.array(
            [values.get(known.name, of.get(known.name, own)) for _, of in classes.values()]
        )
        columns[known.name] = centres[member]
    if count > 1 and not varied and len(names) == 1:
        notes.append(
            f"{model.name} states no between-subject variability: all patients are the same"
        )
    return Patients(pd.DataFrame(columns), count > 0, tuple(varied), tuple(notes))


def covariate_shifts(
    model: Model, covariates: Mapping[str, float | str]
) -> tuple[dict[str, float], list[str]]:
    """What covariates add to each parameter on its transformed scale, and notes on how.

    Raises
    ------
    ModelError                      a covariate that the model does not know, no number where one is
                                    needed, or an unknown level
    """
    effects = [e for e in model.covariates if e.covariate in covariates]
    inputs = {q.covariate for q in model.inputs} - {""}
    known = sorted({e.covariate for e in model.covariates} | inputs)
    for name in covariates:
        if name not in known:
            raise ModelError(
                f"{model.name}: '{name}' is not a covariate of this model."
                f" {did_you_mean(name, known)}"
            )
    shifts: dict[str, float] = {}
    for effect in effects:
        given = covariates[effect.covariate]
        shifts[effect.parameter] = shifts.get(effect.parameter, 0.0) + _shift(model, effect, given)
    notes = []
    for name, given in covariates.items():
        levels = [e.level for e in effects if e.covariate == name and e.form == "category"]
        if levels and str(given) not in levels:
            notes.append(
                f"covariate {name}={given}: no effect is stated for this level (only for"
                f" {', '.join(map(str, levels))}), so it is taken as the reference"
            )
    return shifts, notes


def _shift(model: Model, effect: CovariateEffect, given: float | str) -> float:
    return effect.value * covariate_column(model.name, effect, effect.reference, given)


def covariate_column(
    model: str,
    effect: CovariateEffect | CovariateSpec,
    reference: float | None,
    given: float | str,
) -> float:
    """What multiplies an effect's coefficient in a patient with this covariate.

    Raises
    ------
    ModelError                      no number where one is needed, or no reference is known
    """
    where = f"{model}: covariate '{effect.covariate}' is {given!r}"
    if effect.form == "category":
        # A level that no effect names is the reference: its name is not in the model.
        return 1.0 if str(given) == effect.level else 0.0
    try:
        value = float(given)
    except ValueError:
        raise ModelError(f"{where}, wanted a number.") from None
    if reference is None:
        raise ModelError(
            f"{where}, but the model states no reference value for it, so its effect cannot be"
            " computed. Leave it out."
        )
    if effect.form == "power":
        if not 0 < value < np.inf:
            raise ModelError(f"{where}, wanted a number above 0: its effect is a power.")
        return log(value / reference)
    return value - reference


def _classes(model: Model, only: str | None) -> dict[str, tuple[float, Mapping[str, float]]]:
    """Probability and typical values of the classes to draw from, by name."""
    declared: dict[str, tuple[float, Mapping[str, float]]] = {
        c.name: (c.probability, c.typical) for c in model.classes
    }
    if only is not None:
        if only not in declared:
            raise ModelError(
                f"{model.name}: '{only}' is not a class of its patients."
                f" {did_you_mean(only, declared)}"
            )
        return {only: declared[only]}
    total = sum(probability for probability, _ in declared.values())
    if declared and abs(total - 1) > _TOLERANCE:
        raise ModelError(f"{model.name}: the probabilities of its classes sum to {total:g}, not 1.")
    return declared or {CLASS_OF_ALL: (1.0, {})}


def _at_an_end(q: Parameter, value: float) -> bool:
    """Whether a value has no finite place on the transformed scale."""
    return (q.scale == "log" and value == 0) or (q.scale == "logit" and value in {q.lower, q.upper})


def check_values(model: Model, values: Mapping[str, float]) -> None:
    """Refuse unknown names, and values outside their parameter's scale."""
    parameters = {q.name: q for q in model.parameters}
    inputs = {q.name for q in model.inputs}
    for name, value in values.items():
        if name in inputs:
            if np.isnan(value):
                raise ModelError(f"{model.name}: input '{name}' is not a number.")
            continue
        if name not in parameters:
            raise ModelError(
                f"{model.name}: '{name}' is not a parameter."
                f" {did_you_mean(name, [*parameters, *inputs])}"
            )
        q = parameters[name]
        low, high = {
            "log": (0.0, np.inf), "logit": (q.lower, q.upper), "identity": (-np.inf, np.inf),
        }[q.scale]  # fmt: skip
        if not low <= value <= high or isinf(value):
            wanted = {
                "log": "a number from 0 on", "logit": f"{low:g} to {high:g}",
                "identity": "a finite number",
            }[q.scale]  # fmt: skip
            raise ModelError(
                f"{model.name}: '{name}' is {value:g} {q.unit}, wanted {wanted} (natural scale;"
                f" typical {q.typical:g})."
            )


def input_value(model: Model, known: Input, covariates: Mapping[str, float | str]) -> float:
    """What an input is where neither the caller nor a class says: its covariate, or its default."""
    if not (known.covariate and known.covariate in covariates):
        return known.default
    given = covariates[known.covariate]
    try:
        return float(given)
    except ValueError:
        raise ModelError(
            f"{model.name}: covariate '{known.covariate}' is {given!r}, wanted a number."
        ) from None
