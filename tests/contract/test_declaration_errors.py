"""A model that is declared wrongly is refused with what came, what was wanted and a cure."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cellkinetics.algebra import after, where
from cellkinetics.catalogue import load_model
from cellkinetics.declare import CovariateEffect, Model, Observable, Parameter, State
from cellkinetics.errors import ModelError
from cellkinetics.kernel.compiled import build_kernel
from cellkinetics.symbolic import trace

STEIN: Model = load_model("stein2019")


def rhs(function: Any) -> dict[str, Any]:
    return {"rhs": function, "solution": None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            rhs(lambda t, y, p: {"short": y.short_lived, "long_lived": y.long_lived}),
            r"stein2019: rhs\(\) returns 'short'. Known: short_lived, long_lived.",
        ),
        (
            rhs(lambda t, y, p: {"short_lived": y.short_lived}),
            r"stein2019: rhs\(\) does not return 'long_lived'",
        ),
        (
            rhs(lambda t, y, p: {**STEIN.rhs(t, y, p), "long_lived": y.longlived}),  # type: ignore[misc]
            r"stein2019: 'longlived' is not a state.*Did you mean 'long_lived'\?",
        ),
        (
            {"initial": lambda p: {"short_lived": p.cmax, "long_lived": p.c_max}},
            r"'cmax' is not a parameter, input or derived quantity.*Did you mean 'c_max'\?",
        ),
        (
            rhs(
                lambda t, y, p: {
                    "short_lived": where(after("peak"), p.rho, p.alpha),
                    "long_lived": y.long_lived,
                }
            ),
            r"rhs\(\) asks after\('peak'\), which is not a switch.*Known: t_max, tocilizumab",
        ),
        (
            rhs(lambda t, y, p: [y.short_lived, y.long_lived]),
            r"rhs\(\) returns list, wanted a dict by name",
        ),
        (
            rhs(lambda t, y, p: {"short_lived": math.exp(p.alpha), "long_lived": y.long_lived}),
            r"rhs\(\) does something that symbols cannot do.*cellkinetics\.algebra.*math\.exp",
        ),
        (
            rhs(lambda t, y, p: {"short_lived": y.short_lived if t > p.t_max else 0}),
            r"rhs\(\) does something that symbols cannot do.*in place of 'if'",
        ),
        (
            {"switches": lambda p: {**STEIN.switches(p), "half": p.t_max / 2}, "rhs": None,  # type: ignore[misc]
             "solution": None},
            r"give rhs\(t, y, p\), solution\(t, p\), or both",
        ),
        (
            {"parameters": (*STEIN.parameters, replace(STEIN.parameters[0], name="spare"))},
            r"parameter 'spare' is declared but never used",
        ),
        (
            {"parameters": (*STEIN.parameters, STEIN.parameters[0])},
            r"the name 'fold_expansion' is declared twice",
        ),
        (
            {"parameters": (*STEIN.parameters, replace(STEIN.parameters[0], name="a b"))},
            r"'a b' is not a valid name",
        ),
    ],
)  # fmt: skip
def test_equations_that_do_not_fit_their_names(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        trace(replace(STEIN, **changes))


def test_a_positive_observable_of_a_natural_state_is_refused() -> None:
    wrong = replace(
        STEIN,
        states=(replace(STEIN.states[0], positive=False), STEIN.states[1]),
        solution=None,
    )
    with pytest.raises(ModelError, match=r"'transgene' is declared positive but depends on"):
        build_kernel(wrong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"typical": 0.0}, r"parameter 'k': typical value 0.0 has no logarithm.*scale='identity'"),
        ({"typical": math.nan}, "is not a finite number"),
        ({"typical": 3.0, "scale": "logit"}, r"is not between 0.0 and 1.0. Move the bounds"),
        ({"omega": 0.0}, r"omega 0.0 is not a number above 0. Leave it out"),
        ({"omega": math.inf}, r"omega inf is not a number above 0"),
        ({"rse": math.nan}, r"rse nan is not a number above 0"),
        ({"rse": 0.0}, r"rse 0.0 is not a number above 0. Leave it out"),
        ({"rse": 30}, r"rse 30 is a fraction, and this one is 3000 %. Write 0.3 for 30 %"),
        ({"rse_omega": -0.1}, r"rse_omega -0.1 is not a number above 0"),
        ({"typical": "0.8"}, r"parameter 'k': typical value '0.8' is not a finite number"),
        ({"typical": True}, r"typical value True is not a finite number"),
        ({"scale": "logti"}, r"scale 'logti'. Known: log, logit, identity.  Did you mean 'logit'"),
        ({"upper": 0.5}, r"lower and upper belong to scale='logit', not 'log'"),
        ({"assumption": ""}, "either a source .* or an assumption"),
        ({"assumption": "  "}, "either a source .* or an assumption"),
        ({"source": "Table 1"}, "and only one of them"),
    ],
)
def test_parameters(changes: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {"name": "k", "unit": "1/day", "typical": 1.0, "meaning": "k"}
    right["assumption"] = "a test"
    Parameter(**right)
    with pytest.raises(ModelError, match=message):
        Parameter(**{**right, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../mine"}, r"name= is '../mine', not one word of letters"),
        ({"name": ""}, r"name= is '', not one word"),
        ({"observables": STEIN.observables[0]}, r"observables= is no tuple of Observable .* comma"),
        ({"states": list(STEIN.states)}, r"states= is no tuple of State alone"),
        ({"parameters": (*STEIN.parameters, *STEIN.states)}, r"parameters= is no tuple of Param"),
        ({"initial": None}, r"initial= is None, not a function. Give initial=initial"),
        ({"rhs": 3}, r"rhs= is 3, not a function"),
        ({"horizon": 0.0}, r"horizon= is 0.0, not a number of days above 0"),
        ({"horizon": math.nan}, r"horizon= is nan"),
        ({"reference_dosing": (0.0, 1e8)}, r"reference_dosing= is \(0.0, 1.*comma after it"),
        ({"reference_dosing": ((0.0, math.nan),)}, r"no tuple of \(day, cells\)"),
        ({"doses": 1e9}, r"doses= is 1000000000.0, not the least and the largest total dose"),
    ],
)
def test_models_are_made_of_what_they_say(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        replace(STEIN, **changes)


def test_names_of_covariate_effects_tell_levels_apart() -> None:
    def effect(level: str | None) -> CovariateEffect:
        return CovariateEffect(
            parameter="c_max", covariate="race", form="category", value=0.1, rse=1.0, level=level
        )

    assert [effect("Asian").name, effect(None).name] == ["c_max~race=Asian", "c_max~race"]


def test_models_are_frozen() -> None:
    for thing in (STEIN, STEIN.parameters[0], State(name="a", unit="1", meaning="a"),
                  Observable(name="a", unit="1", meaning="a")):  # fmt: skip
        with pytest.raises(AttributeError):
            thing.name = "other"  # type: ignore[misc]


def test_a_wrong_model_name_and_a_wrong_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'stein2091'.*Did you mean 'stein2019'\?"):
        load_model("stein2091")
    with pytest.raises(ModelError, match=r"There is no file '.*absent\.py'"):
        load_model(tmp_path / "absent.py")
    empty, broken = tmp_path / "empty.py", tmp_path / "broken.py"
    empty.write_text("x = 1\n")
    with pytest.raises(ModelError, match=r"empty\.py declares no MODEL = Model\(\.\.\.\)"):
        load_model(empty)
    broken.write_text("import nowhere_at_all\n")
    with pytest.raises(ModelError, match=r"broken\.py cannot be imported: ModuleNotFoundError"):
        load_model(broken)
