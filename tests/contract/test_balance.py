"""The unit check finds what does not balance, says where, and nothing else."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from cellkinetics.algebra import after, exp, log, maximum, minimum, sqrt, where
from cellkinetics.balance import check_units
from cellkinetics.catalogue import load_model
from cellkinetics.declare import Equations, Model, Named, Observable, Parameter, State
from cellkinetics.errors import ModelError


def growth(**changes: Any) -> Model:
    """A model that balances; tests break one function of it."""

    def parameter(name: str, unit: str) -> Parameter:
        return Parameter(name=name, unit=unit, typical=2.0, meaning=name, assumption="a test")

    whole = Model(
        name="growth",
        title="growth",
        purpose="a test",
        population="none",
        source="a test",
        states=(State(name="cells_in_blood", unit="cells/uL", meaning="cells"),),
        observables=(Observable(name="seen", unit="cells/uL", meaning="cells"),),
        parameters=(
            parameter("rho", "1/day"),
            parameter("t_max", "day"),
            parameter("fold", "1"),
            parameter("k", "cells/uL"),
        ),
        initial=lambda p: {"cells_in_blood": p.k / p.fold},
        switches=lambda p: {"peak": p.t_max},
        rhs=lambda t, y, p: {"cells_in_blood": where(after("peak"), 0, p.rho) * y.cells_in_blood},
        observe=lambda y, p: {"seen": y.cells_in_blood},
    )
    return replace(whole, **changes)


def rhs(function: Any) -> Model:
    return growth(rhs=lambda t, y, p: {"cells_in_blood": function(t, y.cells_in_blood, p)})


def test_the_model_balances_before_it_is_broken() -> None:
    assert check_units(growth()) == []


@pytest.mark.parametrize(
    "function",
    [
        lambda t, y, p: -p.rho * y,
        lambda t, y, p: 3 * y * y / p.k / (2 * p.t_max) + 0 - p.rho * y / p.fold,
        lambda t, y, p: p.rho * p.k * (y / p.k) ** p.fold,
        lambda t, y, p: p.rho * p.k * 2 ** (t / p.t_max) * log(2),
        lambda t, y, p: p.rho * sqrt(y * p.k) - p.rho * (y**4) ** sp.Rational(1, 4),
        lambda t, y, p: exp(-p.rho * minimum(t, p.t_max)) * y / maximum(t, p.t_max),
        lambda t, y, p: p.rho**2 * y * p.t_max * (1 - np.float64(0.5) * p.fold),
        lambda t, y, p: where(after("peak"), y, 0) * p.rho + 0 * t * y / t**2,
    ],
)
def test_what_balances_is_not_reported(function: Any) -> None:
    assert check_units(rhs(function)) == []


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (
            lambda t, y, p: p.rho,
            "rho is 1/day, wanted cells/uL/day.",
        ),
        (
            lambda t, y, p: (p.rho + p.k) * y,
            "rho is 1/day and k is cells/uL, but they are added.",
        ),
        (
            lambda t, y, p: p.rho * y - y,
            "rho*cells_in_blood is cells/uL/day and cells_in_blood is cells/uL, but they are"
            " subtracted (rho: 1/day, cells_in_blood: cells/uL).",
        ),
        (
            lambda t, y, p: p.rho * y * (1 - y),
            "1 is without unit and cells_in_blood is cells/uL, but they are subtracted.",
        ),
        (
            lambda t, y, p: p.rho * y * exp(-p.rho),
            "exp() is taken of -rho, which is 1/day (rho: 1/day).",
        ),
        (
            lambda t, y, p: p.rho * p.k * log(y),
            "log() is taken of cells_in_blood, which is cells/uL.",
        ),
        (
            lambda t, y, p: where(after("peak"), p.rho, p.t_max) * y,
            "rho is 1/day and t_max is day, but they are alternatives.",
        ),
        (
            lambda t, y, p: p.rho * y * minimum(p.fold, t),
            "fold is without unit and t is day, but they are alternatives.",
        ),
        (
            lambda t, y, p: p.rho * y**p.fold,
            "cells_in_blood is cells/uL and cannot be raised to fold.",
        ),
        (
            lambda t, y, p: p.rho * p.k * p.fold**t,
            "the exponent t is day, wanted a number without unit.",
        ),
        (
            lambda t, y, p: sqrt(y) * p.rho,
            "cells_in_blood is cells/uL and cannot be raised to 0.5.",
        ),
        (
            lambda t, y, p: p.rho * (y - 0.1),
            "cells_in_blood is cells/uL and 0.1 is without unit, but they are subtracted.",
        ),
    ],
)
def test_one_mistake_is_one_sentence(function: Any, sentence: str) -> None:
    assert check_units(rhs(function)) == [f"growth: rhs()['cells_in_blood']: {sentence}"]


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        (
            {"switches": lambda p: {"peak": p.t_max * p.rho}},
            [
                "growth: switches()['peak']: t_max*rho is without unit, wanted day (t_max: day,"
                " rho: 1/day)."
            ],
        ),
        (
            {"initial": lambda p: {"cells_in_blood": p.fold / p.k}},
            [
                "growth: initial()['cells_in_blood']: fold/k is uL/cells, wanted cells/uL"
                " (fold: without unit, k: cells/uL)."
            ],
        ),
        (
            {"observe": lambda y, p: {"seen": y.cells_in_blood**2 / p.rho}},
            [
                "growth: observe()['seen']: cells_in_blood^2/rho is cells^2*day/uL^2, wanted"
                " cells/uL (cells_in_blood: cells/uL, rho: 1/day)."
            ],
        ),
        (
            {"solution": lambda t, p: {"cells_in_blood": p.k * exp(p.rho)}},
            ["growth: solution()['cells_in_blood']: exp() is taken of rho, which is 1/day."],
        ),
        (
            {"infuse": lambda cells, p: {"cells_in_blood": cells / p.fold}},
            [
                "growth: infuse()['cells_in_blood']: cells/fold is cells, wanted cells/uL"
                " (cells: cells, fold: without unit)."
            ],
        ),
        (
            {"derived": lambda p: {"rate": p.rho + p.fold}},
            [
                "growth: derived()['rate']: rho is 1/day and fold is without unit, but they are"
                " added."
            ],
        ),
        (
            {"time_unit": "hour"},
            [
                "growth: time_unit is 'hour', but times are days everywhere. State rates per day.",
            ],
        ),
    ],
)
def test_every_function_is_checked(changes: dict[str, Any], sentences: list[str]) -> None:
    assert check_units(growth(**changes)) == sentences


def test_one_dimension_in_two_units_is_a_fault_that_names_the_factor() -> None:
    whole = growth(observe=lambda y, p: {"seen": y.cells_in_blood + p.k})
    assert check_units(whole) == []
    per_ml = replace(whole.parameters[3], unit="cells/mL")
    found = check_units(replace(whole, parameters=(*whole.parameters[:3], per_ml)))
    assert len(found) == 2
    assert found[1] == (
        "growth: observe()['seen']: cells_in_blood is cells/uL and k is cells/mL"
        " (a factor of 1000 apart), but they are added."
    )


def test_the_unit_of_a_derived_quantity_is_worked_out() -> None:
    stein = load_model("stein2019")
    assert check_units(stein) == []

    def undivided(p: Named) -> Equations:
        return {"rho": log(p.fold_expansion), "r_0": p.c_max / p.fold_expansion}

    found = check_units(replace(stein, derived=undivided))
    assert len(found) == 4, "both states, in rhs() and in solution()"
    assert all("rho" in sentence for sentence in found)
    assert max(len(sentence) for sentence in found) < 400


def test_a_unit_that_cannot_be_read_names_its_quantity() -> None:
    whole = growth()
    odd = replace(whole.parameters[0], unit="per fortnight")
    (found,) = check_units(replace(whole, parameters=(odd, *whole.parameters[1:])))
    assert found.startswith("growth: the unit of 'rho' cannot be read: 'per fortnight'")


def test_a_function_that_quantities_cannot_run_is_an_error_with_a_cure() -> None:
    with pytest.raises(ModelError, match=r"rhs\(\) cannot be run.*cellkinetics\.algebra"):
        check_units(rhs(lambda t, y, p: sp.Max(p.rho, 1) * y))
