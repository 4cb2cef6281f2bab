"""What people are to read in an SBML file: XHTML notes on the model and on each quantity."""

import re
from xml.etree.ElementTree import Element, SubElement

from cellkinetics.declare import Input, Model, Parameter
from cellkinetics.errors import ModelError
from cellkinetics.exporting.patient import Patient

XHTML = "http://www.w3.org/1999/xhtml"

# What XML 1.0 has no way to write.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str, where: str) -> str:
    """Return a text as it is; refused if it holds a character that XML cannot.

    Raises
    ------
    ModelError
    """
    found = _FORBIDDEN.search(text)
    if found:
        raise ModelError(
            f"{where} holds the character U+{ord(found.group()):04X}, which XML cannot hold."
            " Take it out of the model's text."
        )
    return text


def notes(where: str, paragraphs: list[str]) -> Element:
    """A ``notes`` element with one paragraph a text; empty texts are left out."""
    element = Element("notes")
    body = SubElement(element, "body", {"xmlns": XHTML})
    for text in paragraphs:
        if text:
            SubElement(body, "p").text = clean(text, where)
    return element


def left_out(model: Model) -> list[str]:
    """What of a model its SBML does not hold, beside what stands in the notes alone."""
    texts = [
        "variability between subjects and residual error, which the notes name: SBML holds one"
        " patient"
    ]
    if model.covariates:
        texts.append("effects of covariates, which the notes name: the values are the reference's")
    if model.classes:
        texts.append("the mixture of classes of patients, which the notes name: SBML holds one")
    if model.stochastic is not None:
        texts.append(
            f"the dying out of '{model.stochastic.state}' by chance below"
            f" {model.stochastic.threshold:g} cells: the equations are the deterministic ones"
        )
    if model.solution is not None and model.rhs is not None:
        texts.append("the closed form, which solves the same equations")
    return texts


def model_notes(model: Model, patient: Patient) -> Element:
    """What the model is for, whose values these are, and what the file cannot hold."""
    texts = [
        model.title,
        f"Purpose: {model.purpose}",
        f"Population: {model.population}",
        f"Source: {model.source}",
        f"Values: {patient.label}",
        f"Identifiability: {model.identifiability}" if model.identifiability else "",
        *(f"Deviation from the source: {text}" for text in model.deviations),
        "Time is in days since the first infusion.",
        *(f"Not in this file: {text}." for text in left_out(model)),
        *(
            f"Residual error of {q.observable}: SD {q.sd:g};"
            f" {q.source or 'ASSUMPTION: ' + q.assumption}"
            for q in model.residuals
        ),
        *(
            f"Covariate effect, not in the equations: {q.name}, {q.form}, {q.value:g};"
            f" {q.source or 'ASSUMPTION: ' + q.assumption}"
            for q in model.covariates
        ),
        *(
            f"Class of patients: {q.name} (probability {q.probability:g}), {q.meaning}: "
            + ", ".join(f"{name} {value:g}" for name, value in q.typical.items())
            for q in model.classes
        ),
        "Written by cellkinetics.",
    ]
    return notes(model.name, texts)


def parameter_notes(q: Parameter, patient: Patient) -> Element:
    """Meaning, unit, and who says so."""
    texts = [f"{q.meaning}, {q.unit}"]
    if q.name in patient.origins:
        texts.append(f"Source of this value: {patient.origins[q.name]}")
        texts.append(f"Typical value: {q.typical:g}")
    texts.append(q.source and f"Source: {q.source}")
    texts.append(q.assumption and f"ASSUMPTION: {q.assumption}")
    if q.omega is not None:
        origin = q.omega_source or (q.omega_assumption and f"ASSUMPTION: {q.omega_assumption}")
        texts.append(
            f"Between-subject SD on the {q.scale} scale: {q.omega:g}"
            + (f"; {origin}" if origin else "")
        )
    if q.rse is not None:
        texts.append(f"Relative standard error of the typical value: {q.rse:g}")
    return notes(f"parameter '{q.name}'", texts)


def input_notes(q: Input) -> Element:
    """Meaning and unit of a number that is known for each subject."""
    never = ["Infinite: it never happens."] if q.default == float("inf") else []
    return notes(f"input '{q.name}'", [f"{q.meaning}, {q.unit}", *never])
