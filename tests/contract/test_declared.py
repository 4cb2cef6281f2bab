"""Contract of every model: what it declares is whole, balanced, and says where it comes from."""

import pytest

from cellkinetics.balance import check_units
from cellkinetics.card import equations, latex, parameter_rows
from cellkinetics.catalogue import find_fit, fit_names, load_model, model_names
from cellkinetics.published import reproduce
from cellkinetics.spec import read_spec
from cellkinetics.study.tables import TREATMENT_KINDS
from cellkinetics.symbolic import trace

EVERY_MODEL = pytest.mark.parametrize("name", model_names())


def test_the_catalogue_is_not_empty() -> None:
    assert {"stein2019", "ogasawara2021", "antigen_driven"} <= set(model_names())


@EVERY_MODEL
def test_names_agree(name: str) -> None:
    model = load_model(name)
    assert model.name == name, "a model is found under the name that it declares"
    symbolic = trace(model)
    assert list(symbolic.initial) == [q.name for q in model.states]
    assert list(symbolic.observe) == [q.name for q in model.observables]
    parameters = {q.name for q in model.parameters}
    assert {effect.parameter for effect in model.covariates} <= parameters
    names = [effect.name for effect in model.covariates]
    assert len(set(names)) == len(names)
    assert {r.observable for r in model.residuals} <= {q.name for q in model.observables}
    treatments = {q.first_treatment for q in model.inputs} - {""}
    assert treatments <= set(TREATMENT_KINDS)
    assert bool(model.reference_dosing) == (model.infuse is not None)


@EVERY_MODEL
def test_units_balance(name: str) -> None:
    assert check_units(load_model(name)) == []


@pytest.mark.parametrize("fit", fit_names())
def test_units_of_the_models_of_shipped_fits_balance(fit: str) -> None:
    folder = find_fit(fit)
    named = read_spec(folder).model
    model = load_model(folder / named if named.endswith(".py") else named)
    assert check_units(model) == []


@EVERY_MODEL
def test_every_value_has_a_source_or_is_an_assumption(name: str) -> None:
    model = load_model(name)
    for text in (model.title, model.purpose, model.population, model.source):
        assert text.strip()
    for q in model.parameters:
        assert q.meaning
        assert q.symbol
        assert bool(q.source) != bool(q.assumption), q.name
        if q.omega is not None:
            assert not (q.omega_source and q.omega_assumption), q.name
    for effect in model.covariates:
        assert bool(effect.source) != bool(effect.assumption), effect.name
        assert effect.rse > 0, "an effect without uncertainty would be taken as certain"
        assert (effect.form == "category") == (effect.level is not None), effect.name
    for residual in model.residuals:
        assert bool(residual.source) != bool(residual.assumption), residual.observable
    for state in model.states:
        assert state.meaning
    for observable in model.observables:
        assert observable.meaning
    for known in model.inputs:
        assert known.meaning
    for entry in model.published:
        assert entry.source
        assert 0 < entry.rtol < 0.05, f"{entry.name}: a tolerance that lets anything pass"


@EVERY_MODEL
def test_published_numbers_are_reproduced(name: str) -> None:
    model = load_model(name)
    found = reproduce(model)
    assert [x.name for x in found] == [entry.name for entry in model.published]
    off = [f"{x.name}: {x.published} published, {x.computed}" for x in found if not x.passed]
    assert off == []


@EVERY_MODEL
def test_the_card_shows_every_quantity(name: str) -> None:
    model = load_model(name)
    assert [row["parameter"] for row in parameter_rows(model)] == [q.name for q in model.parameters]
    for row in parameter_rows(model):
        assert row["origin"]
    text = "\n".join(" ".join(line) for line in equations(model))
    used = [q.name for q in model.parameters]
    used += [q.name for q in model.states] + [q.name for q in model.observables]
    assert [quantity for quantity in used if quantity not in text] == []
    formulas = "\n".join(" = ".join(pair) for pair in latex(model))
    assert formulas.count("{") == formulas.count("}")
