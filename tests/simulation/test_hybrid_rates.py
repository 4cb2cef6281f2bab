"""Births and deaths are read from the equations, or refused where they cannot be."""

from dataclasses import replace
from typing import Any

import pytest
import sympy as sp
from dying_model import DYING

from cellkinetics.balance import check_units
from cellkinetics.card import equations
from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model, Stochastic
from cellkinetics.errors import ModelError
from cellkinetics.simulation.rates import birth_and_death
from cellkinetics.symbolic import trace


def with_tumour(rate: Any, **stochastic: Any) -> Model:
    """The small model with another right-hand side of its tumour."""
    own: dict[str, Any] = {"state": "tumour", "cells": lambda p: p.cells, **stochastic}

    def rhs(t: Any, y: Any, p: Any) -> dict[str, Any]:
        every = sum(getattr(p, q.name) for q in DYING.parameters)
        return {"killer": -p.loss * y.killer * every, "tumour": rate(y, p)}

    return replace(DYING, rhs=rhs, stochastic=Stochastic(**own))


def test_positive_terms_are_births_and_negative_ones_deaths() -> None:
    model = with_tumour(lambda y, p: p.birth * (1 - y.tumour / p.v) * y.tumour - p.death * y.tumour)
    s, rates = trace(model), birth_and_death(model)
    own, p = s.states["tumour"], s.parameters
    assert sp.simplify(rates.birth - p["birth"] * own) == 0
    wanted = p["birth"] * own**2 / p["v"] + p["death"] * own
    assert sp.simplify(rates.death - wanted) == 0


def test_kimmel_s_are_growth_and_killing() -> None:
    model = load_model("kimmel2021")
    s, rates = trace(model), birth_and_death(model)
    p, b, c = s.parameters, s.states["tumour"], s.states["car_t_cells"]
    assert sp.simplify(rates.birth - p["r_b"] * b) == 0
    assert sp.simplify(rates.death - p["gamma_b"] * b * c / (p["k_b"] + c)) == 0
    lines = [line for line in equations(model) if line[0] == "dies out"]
    assert [left for _, left, _ in lines] == ["cells of tumour", "births per day", "deaths per day"]


def test_births_and_deaths_that_are_given_must_be_the_right_hand_side() -> None:
    given = {
        "birth": lambda t, y, p: 2 * p.birth * y.tumour,
        "death": lambda t, y, p: p.birth * y.tumour,
    }
    rates = birth_and_death(with_tumour(lambda y, p: p.birth * y.tumour, **given))
    assert rates.birth == 2 * rates.death
    with pytest.raises(ModelError, match="birth - death is not its right-hand side"):
        birth_and_death(with_tumour(lambda y, p: p.death * y.tumour, **given))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (replace(DYING, stochastic=None), "no state of this model is declared to die out"),
        (
            with_tumour(lambda y, p: p.birth * sp.log(y.tumour / p.v)),
            "cannot be told from its sign",
        ),
        (with_tumour(lambda y, p: p.feed - p.death * y.tumour), "births do not vanish"),
        (with_tumour(lambda y, p: p.birth * y.tumour - p.loss), "deaths do not vanish"),
        (
            with_tumour(lambda y, p: p.birth * y.tumour, birth=lambda t, y, p: p.birth * y.tumour),
            "give birth and death, or neither",
        ),
        (with_tumour(lambda y, p: p.birth * y.tumour, state="killer"), "is infused"),
        (with_tumour(lambda y, p: p.birth * y.tumour, state="tumor"), "Did you mean 'tumour'"),
    ],
)
def test_what_cannot_die_out_is_refused_with_the_reason(model: Model, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        birth_and_death(model)


def test_the_size_of_a_cell_balances() -> None:
    assert check_units(DYING) == []
    wrong = replace(DYING, stochastic=replace(DYING.stochastic, cells=lambda p: p.v))  # type: ignore[type-var]
    assert any("stochastic()['cells']" in fault for fault in check_units(wrong))
