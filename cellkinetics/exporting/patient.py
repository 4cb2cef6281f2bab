"""The one patient whose values go into a file: the typical one, a class's, or a named example."""

from collections.abc import Mapping
from dataclasses import dataclass

from cellkinetics.declare import Model
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.kernel.example import find_example


@dataclass(frozen=True)
class Patient:
    """Values of all parameters and inputs, and the infusions (day, cells) in order of time.

    ``origins`` says of the values that differ from the typical ones where they come from.
    """

    label: str
    values: Mapping[str, float]
    infusions: tuple[tuple[float, float], ...]
    origins: Mapping[str, str]


def choose_patient(
    model: Model, *, example: str | None = None, patient_class: str | None = None
) -> Patient:
    """The patient that is asked for.

    Parameters
    ----------
    model : Model
    example : str, optional         name of one of ``model.examples``
    patient_class : str, optional   name of one of ``model.classes``

    Returns
    -------
    Patient

    Raises
    ------
    ModelError                      no such example or class, or both asked for
    """
    values = {q.name: q.typical for q in model.parameters}
    values |= {q.name: q.default for q in model.inputs}
    dosing = model.reference_dosing if model.infuse is not None else ()
    label, origin = "typical values", ""
    changed: dict[str, float] = {}
    if example is not None and patient_class is not None:
        raise ModelError(f"{model.name}: ask for an example or for a class of patients, not both.")
    if example is not None:
        chosen = find_example(model, example)
        label, changed = f"example {chosen.name}: {chosen.meaning}", dict(chosen.values)
        origin = chosen.source or f"ASSUMPTION: {chosen.assumption}"
        if chosen.dosing is not None:
            if model.infuse is None:
                raise ModelError(
                    f"{model.name}: example '{example}' is dosed, but dose does nothing in this"
                    " model."
                )
            dosing = chosen.dosing
    if patient_class is not None:
        classes = {q.name: q for q in model.classes}
        if patient_class not in classes:
            raise ModelError(
                f"{model.name}: there is no class '{patient_class}'."
                f" {did_you_mean(patient_class, classes)}"
            )
        kind = classes[patient_class]
        label, changed = f"class {kind.name}: {kind.meaning}", dict(kind.typical)
        origin = kind.source or f"ASSUMPTION: {kind.assumption}"
    for name in changed:
        if name not in values:
            raise ModelError(
                f"{model.name}, {label}: '{name}' is not a parameter. {did_you_mean(name, values)}"
            )
    return Patient(
        label=label,
        values=values | changed,
        infusions=tuple(sorted(dosing)),
        origins=dict.fromkeys(changed, origin),
    )
