"""Every model of the catalogue holds the contract; a new file is tested with no new test."""

import pytest

from cellkinetics.card import equations, latex, parameter_rows
from cellkinetics.catalogue import find_fit, fit_names, load_model, model_names
from cellkinetics.contract import SOLVED
from cellkinetics.contract.cases import case_of
from cellkinetics.contract.declared import check_balance, check_declared
from cellkinetics.contract.finding import place_of_model
from cellkinetics.contract.names import check_names
from cellkinetics.spec import model_of, read_spec

EVERY_MODEL = pytest.mark.parametrize("name", model_names())


def test_the_catalogue_is_not_empty() -> None:
    assert {"stein2019", "ogasawara2021", "antigen_driven"} <= set(model_names())


@EVERY_MODEL
def test_a_model_is_found_under_the_name_that_it_declares(name: str) -> None:
    assert load_model(name).name == name


@EVERY_MODEL
@pytest.mark.parametrize("check", [check_names, check_declared, check_balance])
def test_the_declaration_is_whole(name: str, check) -> None:  # type: ignore[no-untyped-def]
    model = load_model(name)
    assert [str(f) for f in check(place_of_model(model), model)] == []


@EVERY_MODEL
@pytest.mark.parametrize("shown", SOLVED)
def test_what_it_computes(name: str, shown: str) -> None:
    model = load_model(name)
    assert [str(f) for f in SOLVED[shown](place_of_model(model), case_of(model))] == []


@pytest.mark.parametrize("fit", fit_names())
def test_units_of_the_models_of_shipped_fits_balance(fit: str) -> None:
    folder = find_fit(fit)
    model = model_of(read_spec(folder), folder)
    assert check_balance(place_of_model(model), model) == []


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
