"""A model as SBML: one patient, in a form that other simulators read.

States are parameters with rate rules, for they are concentrations in blood and not amounts in a
compartment; switches and later infusions are events, observables assignment rules. The text is
written here and not by libsbml, which keeps only 15 digits of a number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import sympy as sp

from cellkinetics.algebra import FLAG_PREFIX, NotAbove, Where
from cellkinetics.declare import Model
from cellkinetics.errors import ModelError
from cellkinetics.exporting.equations import Equations, derived_units, named_equations
from cellkinetics.exporting.mathml import condition_element, math_element
from cellkinetics.exporting.patient import Patient, choose_patient
from cellkinetics.exporting.sbml_notes import (
    clean,
    input_notes,
    model_notes,
    notes,
    parameter_notes,
)
from cellkinetics.exporting.sbml_units import unit_definitions, unit_id
from cellkinetics.symbolic import TIME

NAMESPACE = "http://www.sbml.org/sbml/level3/version2/core"
_SID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass
class _Document:
    """The parts of a document as they fill up, and what each symbol is called in it."""

    ids: dict[sp.Symbol, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    units: list[str] = field(default_factory=lambda: ["day"])
    parameters: Element = field(default_factory=lambda: Element("listOfParameters"))
    initial: Element = field(default_factory=lambda: Element("listOfInitialAssignments"))
    rules: Element = field(default_factory=lambda: Element("listOfRules"))
    events: Element = field(default_factory=lambda: Element("listOfEvents"))

    def free(self, wanted: str) -> str:
        """A name that nothing else in the document has."""
        while wanted in self.taken:
            wanted += "_"
        self.taken.add(wanted)
        return wanted

    def quantity(
        self,
        symbol: sp.Symbol,
        name: str,
        meaning: str,
        unit: str | None,
        *,
        value: float | None = None,
        constant: bool,
        about: Element | None = None,
    ) -> None:
        """Declare a parameter of the document."""
        if not _SID.fullmatch(name):
            raise ModelError(
                f"'{name}' cannot be exported to SBML, whose names are of plain letters, digits"
                " and underscores. Rename it in the model."
            )
        self.ids[symbol] = name
        attributes = {"id": name, "name": clean(meaning, name)}
        if value is not None:
            attributes["value"] = _double(value)
        if unit is not None:
            self.units.append(unit)
            known = unit_id(unit)
            if known is not None:
                attributes["units"] = known
        node = SubElement(
            self.parameters, "parameter", attributes | {"constant": str(constant).lower()}
        )
        if about is not None:
            node.append(about)

    def assign_first(self, symbol: sp.Symbol, value: sp.Expr, unit: str | None) -> None:
        """The value of a quantity at the start, and its unit."""
        node = SubElement(self.initial, "initialAssignment", {"symbol": self.ids[symbol]})
        known = None if unit is None else unit_id(unit)
        node.append(math_element(value, self.ids, unit=known))

    def rule(self, kind: str, symbol: sp.Symbol, value: sp.Expr) -> None:
        """A ``rateRule`` or ``assignmentRule``."""
        node = SubElement(self.rules, kind, {"variable": self.ids[symbol]})
        node.append(math_element(value, self.ids))

    def event(
        self,
        name: str,
        meaning: str,
        when: sp.Expr,
        changes: Iterable[tuple[sp.Symbol, sp.Expr]],
    ) -> None:
        """An event at the first time that is not before ``when``."""
        node = SubElement(
            self.events,
            "event",
            # Two infusions at one time add up only if the second sees what the first has done.
            {"id": self.free(name), "name": meaning, "useValuesFromTriggerTime": "false"},
        )
        # What lies at or before time 0 is in the initial values: only a rise is an event.
        trigger = SubElement(node, "trigger", {"initialValue": "true", "persistent": "true"})
        trigger.append(condition_element(TIME, "geq", when, self.ids))
        assignments = SubElement(node, "listOfEventAssignments")
        for symbol, value in changes:
            one = SubElement(assignments, "eventAssignment", {"variable": self.ids[symbol]})
            one.append(math_element(value, self.ids))


def sbml_text(model: Model, *, example: str | None = None, patient_class: str | None = None) -> str:
    """A model with the values of one patient as SBML Level 3 Version 2.

    Parameters
    ----------
    model : Model
    example : str, optional         one of the model's examples, with its dosing
    patient_class : str, optional   one of the model's classes of patients

    Returns
    -------
    str                             the document; the same model gives the same text

    Raises
    ------
    ModelError                      no such example or class; a name or an operation that SBML
                                    cannot hold
    """
    patient = choose_patient(model, example=example, patient_class=patient_class)
    equations = named_equations(model)
    # Declared names stay as they are; what is added to them gives way.
    document = _Document(taken=_declared(model))
    _constants(document, equations, patient)
    _switches(document, equations)
    _states(document, equations, patient)
    _observables(document, equations)
    # The prefix is for the units of numbers in equations.
    names = {"xmlns": NAMESPACE, "xmlns:sbml": NAMESPACE}
    root = Element("sbml", names | {"level": "3", "version": "2"})
    node = SubElement(
        root,
        "model",
        {
            "id": model.name if _SID.fullmatch(model.name) else "model",
            "name": clean(model.title, model.name),
            "timeUnits": "day",
        },
    )
    node.append(model_notes(model, patient))
    node.append(unit_definitions(document.units))
    for part in (document.parameters, document.initial, document.rules, document.events):
        if len(part):
            node.append(part)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _declared(model: Model) -> set[str]:
    groups = (model.parameters, model.inputs, model.states, model.observables)
    return {q.name for group in groups for q in group}


def _double(value: float) -> str:
    """A number as XML Schema's double."""
    if value in (inf, -inf):
        return "INF" if value > 0 else "-INF"
    return repr(float(value))


def _constants(document: _Document, equations: Equations, patient: Patient) -> None:
    s = equations.symbolic
    for q in s.model.parameters:
        document.quantity(
            s.parameters[q.name],
            q.name,
            q.meaning,
            q.unit,
            value=patient.values[q.name],
            constant=True,
            about=parameter_notes(q, patient),
        )
    for i in s.model.inputs:
        document.quantity(
            s.inputs[i.name],
            i.name,
            i.meaning,
            i.unit,
            value=patient.values[i.name],
            constant=True,
            about=input_notes(i),
        )
    units = derived_units(s.model)
    for name, symbol in equations.derived.items():
        own, meaning = document.free(name), f"derived: {name}"
        document.quantity(symbol, own, meaning, units[name], constant=True)
        document.assign_first(symbol, equations.values[name], units[name])
    for c in s.model.characteristics:
        symbol, own = sp.Symbol(f"characteristic {c.name}", real=True), document.free(c.name)
        about = notes(f"characteristic '{c.name}'", [c.meaning, c.source and f"Source: {c.source}"])
        document.quantity(symbol, own, c.meaning, c.unit, constant=True, about=about)
        document.assign_first(symbol, s.characteristics[c.name], c.unit)


def _switches(document: _Document, equations: Equations) -> None:
    """A flag for each switch: 1 once its time has passed."""
    s = equations.symbolic
    for name, flag in s.flags.items():
        when = equations.switches[name]
        own = document.free(f"{FLAG_PREFIX}{name}")
        document.quantity(flag, own, f"1 after {name}", "1", constant=False)
        # At the start; the event after it sees only what comes later.
        document.assign_first(flag, Where(NotAbove(when, TIME), sp.S.One, sp.S.Zero), "1")
        document.event(f"at_{name}", f"switch: {name}", when, [(flag, sp.S.One)])


def _states(document: _Document, equations: Equations, patient: Patient) -> None:
    s = equations.symbolic
    for q in s.model.states:
        about = notes(f"state '{q.name}'", [f"{q.meaning}, {q.unit}"])
        document.quantity(s.states[q.name], q.name, q.meaning, q.unit, constant=False, about=about)
    doses = []
    for i, (day, cells) in enumerate(patient.infusions, start=1):
        dose, at = sp.Symbol(f"dose {i}", positive=True), sp.Symbol(f"day {i}", real=True)
        own, meaning = document.free(f"infused_{i}"), f"infusion {i}: viable CAR+ cells"
        document.quantity(dose, own, meaning, "cells", value=cells, constant=True)
        if day > 0:
            own, meaning = document.free(f"infused_{i}_on"), f"infusion {i}: its day"
            document.quantity(at, own, meaning, "day", value=day, constant=True)
        doses.append((i, day, at, dose))
    for q in s.model.states:
        name, symbol = q.name, s.states[q.name]
        if equations.rhs is None:
            assert equations.solution is not None
            document.rule("assignmentRule", symbol, equations.solution[name])
            continue
        first = equations.initial[name]
        for _, day, _at, dose in doses:
            if day <= 0:
                first += equations.infused(name, dose)
        document.assign_first(symbol, first, q.unit)
        document.rule("rateRule", symbol, equations.rhs[name])
    for i, day, at, dose in doses:
        if day > 0:
            changes = [
                (s.states[name], s.states[name] + equations.infused(name, dose))
                for name in equations.infuse
            ]
            document.event(f"infusion_{i}", f"infusion {i}", at, changes)


def _observables(document: _Document, equations: Equations) -> None:
    s = equations.symbolic
    for q in s.model.observables:
        symbol = sp.Symbol(f"observable {q.name}", real=True)
        about = notes(f"observable '{q.name}'", [f"Observable: {q.meaning}, {q.unit}"])
        document.quantity(symbol, q.name, q.meaning, q.unit, constant=False, about=about)
        document.rule("assignmentRule", symbol, equations.observe[q.name])
