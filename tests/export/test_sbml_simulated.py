"""Exported SBML against libsbml's rules and libroadrunner's curves: every model, every example."""

import numpy as np
import pytest
from mixed_model import MODEL as MIXED
from simulated import SWIG, simulate_both
from wide_model import MODEL as WIDE

from cellkinetics.catalogue import load_model, model_names
from cellkinetics.exporting.patient import choose_patient
from cellkinetics.exporting.sbml import sbml_text
from cellkinetics.exporting.sbml_check import check_sbml

pytestmark = SWIG


@pytest.mark.parametrize("name", model_names())
def test_curves_of_libroadrunner_are_ours(name: str) -> None:
    model = load_model(name)
    chosen = [{}, *({"example": q.name} for q in model.examples)]
    chosen += [{"patient_class": q.name} for q in model.classes]
    for asked in chosen:
        patient = choose_patient(model, **asked)
        curves = simulate_both(sbml_text(model, **asked), model, patient)
        found = dict(zip(curves.names, curves.errors(), strict=True))
        assert curves.error() < 1e-6, f"{asked}: {found}"


@pytest.mark.parametrize("name", model_names())
def test_libsbml_finds_no_error_and_no_warning(name: str) -> None:
    pytest.importorskip("libsbml", reason="python-libsbml is not installed")
    check = check_sbml(sbml_text(load_model(name)))
    assert check.version is not None
    assert check.warnings == ()


@pytest.mark.parametrize("example", [None, "early", "late", "undosed"])
def test_switches_and_repeated_infusions(example: str | None) -> None:
    text = sbml_text(WIDE, example=example)
    assert check_sbml(text).warnings == ()
    patient = choose_patient(WIDE, example=example)
    assert simulate_both(text, WIDE, patient).error() < 1e-6


@pytest.mark.parametrize("patient_class", [None, "fast", "late"])
def test_a_closed_form_and_a_class_of_patients(patient_class: str | None) -> None:
    text = sbml_text(MIXED, patient_class=patient_class)
    assert "rateRule" not in text
    assert check_sbml(text).warnings == ()
    patient = choose_patient(MIXED, patient_class=patient_class)
    assert simulate_both(text, MIXED, patient).error() < 1e-9


# Each takes a part of the document away or turns it round, as a wrong exporter would.
WRONG = {
    "the second of two infusions at one time is lost": (
        'useValuesFromTriggerTime="false"',
        'useValuesFromTriggerTime="true"',
    ),
    "switches and infusions a bit early": ("<geq />", "<neq />"),
    "the smaller for the larger": ("<leq />", "<geq />"),
    "a fraction rounded": ('value="0.3333333333333333"', 'value="0.3333"'),
    "a rate of another patient": ('name="loss" value="0.1"', 'name="loss" value="0.11"'),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_document_is_seen(what: str) -> None:
    text = sbml_text(WIDE)
    there, instead = WRONG[what]
    assert there in text
    patient = choose_patient(WIDE)
    curves = simulate_both(text.replace(there, instead), WIDE, patient)
    assert curves.error() > 1e-5


def test_what_libsbml_reads_back_has_the_same_values() -> None:
    libsbml = pytest.importorskip("libsbml", reason="python-libsbml is not installed")
    for name in [*model_names(), None]:
        model = WIDE if name is None else load_model(name)
        for example in [None, *(q.name for q in model.examples)]:
            patient = choose_patient(model, example=example)
            document = libsbml.readSBMLFromString(sbml_text(model, example=example))
            read = document.getModel()
            for quantity, value in patient.values.items():
                assert read.getParameter(quantity).getValue() == value, quantity
            # Written anew by libsbml, with its 15 digits.
            again = libsbml.readSBMLFromString(libsbml.writeSBMLToString(document)).getModel()
            for i in range(read.getNumParameters()):
                one, two = read.getParameter(i), again.getParameter(i)
                assert one.getId() == two.getId()
                if one.isSetValue():
                    np.testing.assert_allclose(two.getValue(), one.getValue(), rtol=1e-14)
            for i in range(read.getNumRules()):
                formulas = [
                    libsbml.formulaToL3String(m.getRule(i).getMath()) for m in (read, again)
                ]
                assert formulas[0] == formulas[1]
