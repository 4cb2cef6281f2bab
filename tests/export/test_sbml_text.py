"""What an exported document says, read as plain XML: no library of SBML is needed."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
import sympy as sp
from wide_model import MODEL as WIDE

from cellkinetics.algebra import NotAbove, Where
from cellkinetics.catalogue import load_model, model_names
from cellkinetics.declare import CovariateEffect, Example, Model, PatientClass, Stochastic
from cellkinetics.errors import ModelError
from cellkinetics.exporting.mathml import NAMESPACE as MATH
from cellkinetics.exporting.mathml import math_element
from cellkinetics.exporting.sbml import NAMESPACE, sbml_text
from cellkinetics.exporting.sbml_units import unit_definitions, unit_id
from cellkinetics.symbolic import TIME

SBML = {"s": NAMESPACE, "m": MATH}


def parsed(model: Model, **asked: Any) -> ET.Element:
    return ET.fromstring(sbml_text(model, **asked))


def texts(root: ET.Element) -> str:
    return " ".join(" ".join(root.itertext()).split())


@pytest.mark.parametrize("name", model_names())
def test_every_quantity_is_there_with_its_value_and_source(name: str) -> None:
    model = load_model(name)
    root = parsed(model)
    found = {p.get("id"): p for p in root.iterfind(".//s:parameter", SBML)}
    for q in model.parameters:
        assert float(found[q.name].get("value")) == q.typical
        said = texts(found[q.name])
        assert " ".join((q.source or q.assumption).split()) in said
        assert ("ASSUMPTION" in said) == bool(q.assumption or (q.omega and q.omega_assumption))
    for i in model.inputs:
        assert float(found[i.name].get("value")) == i.default
    for group in (model.states, model.observables):
        for quantity in group:
            assert quantity.meaning == found[quantity.name].get("name")
            assert "value" not in found[quantity.name].attrib
    rules = {rule.get("variable"): rule.tag for rule in root.iterfind(".//s:listOfRules/*", SBML)}
    assert set(rules) == {q.name for q in (*model.states, *model.observables)}
    assert " ".join(model.source.split()) in texts(root)


@pytest.mark.parametrize("name", model_names())
def test_every_unit_of_the_library_can_be_said(name: str) -> None:
    model = load_model(name)
    root = parsed(model)
    defined = {u.get("id") for u in root.iterfind(".//s:unitDefinition", SBML)} | {"dimensionless"}
    for parameter in root.iterfind(".//s:parameter", SBML):
        assert parameter.get("units") in defined, parameter.get("id")


def test_the_same_model_gives_the_same_text() -> None:
    assert sbml_text(WIDE) == sbml_text(WIDE)
    assert sbml_text(WIDE, example="late") != sbml_text(WIDE)


def test_numbers_are_written_to_the_last_digit() -> None:
    assert 'value="0.3333333333333333"' in sbml_text(WIDE)
    for value in (1 / 3, 1.234567890123456e-12, 6.02214076e23, 5e-324):
        assert float(math_of(sp.Float(value), {}).find("m:cn", SBML).text) == value


def math_of(e: Any, ids: dict[Any, str]) -> ET.Element:
    """The math element as a reader of the whole document finds it."""
    root = ET.Element("sbml", {"xmlns:sbml": NAMESPACE})
    root.append(math_element(e, ids))
    return ET.fromstring(ET.tostring(root))[0]


def test_infusions_at_the_start_are_initial_values_and_later_ones_events() -> None:
    root = parsed(WIDE)
    events = {e.get("id"): e for e in root.iterfind(".//s:event", SBML)}
    assert set(events) == {"at_peak", "at_treated", "infusion_3", "infusion_4", "infusion_5"}
    changed = [
        a.get("variable") for a in events["infusion_3"].iterfind(".//s:eventAssignment", SBML)
    ]
    assert changed == ["short", "depot"]
    first = root.find(".//s:initialAssignment[@symbol='short']", SBML)
    assert {"infused_1", "infused_2"} <= set(texts(first).split())
    assert parsed(WIDE, example="undosed").find(".//s:event[@id='infusion_1']", SBML) is None


def test_what_is_not_in_the_file_is_said_in_it() -> None:
    model = replace(
        WIDE,
        covariates=(
            CovariateEffect(
                parameter="grow", covariate="age", form="power", value=0.1, rse=0.5, source="test"
            ),
        ),
        classes=(
            PatientClass(name="fast", meaning="f", probability=0.4, typical={"grow": 0.9}),
            PatientClass(name="slow", meaning="s", probability=0.6, typical={"grow": 0.5}),
        ),
        stochastic=Stochastic(state="short", cells=lambda p: p.volume, assumption="test"),
    )
    said = texts(parsed(model))
    for what in (
        "variability between subjects",
        "effects of covariates",
        "the mixture of classes",
        "the dying out of 'short' by chance below 100 cells",
    ):
        assert f"Not in this file: {what}" in said
    assert "Not in this file: the mixture" not in texts(parsed(WIDE))
    assert "fast (probability 0.4)" in said
    assert "grow~age" in said
    fast = parsed(model, patient_class="fast")
    assert fast.find(".//s:parameter[@id='grow']", SBML).get("value") == "0.9"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"example": "lat"}, "Did you mean 'late'"),
        ({"patient_class": "fast"}, "no class 'fast'"),
        ({"example": "late", "patient_class": "fast"}, "not both"),
    ],
)
def test_a_patient_that_is_not_there(asked: dict[str, str], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        sbml_text(WIDE, **asked)


def test_an_example_of_something_else_is_refused() -> None:
    odd = Example(name="odd", meaning="o", values={"grwo": 1.0}, source="test")
    with pytest.raises(ModelError, match=r"'grwo' is not a parameter.*Did you mean 'grow'"):
        sbml_text(replace(WIDE, examples=(odd,)), example="odd")
    dosed = Example(name="dosed", meaning="d", values={}, dosing=((0.0, 1e8),), source="test")
    with pytest.raises(ModelError, match="dose does nothing"):
        sbml_text(replace(load_model("stein2019"), examples=(dosed,)), example="dosed")


def test_names_and_characters_that_xml_cannot_hold() -> None:
    greek = replace(WIDE.states[0], name="\u03b1")
    model = replace(
        WIDE,
        states=(greek, *WIDE.states[1:]),
        initial=_renamed(WIDE.initial),
        rhs=lambda t, y, p: {"\u03b1": 0 * t, "long": 0 * t, "depot": 0 * t},
        infuse=_renamed(WIDE.infuse),
        observe=lambda y, p: {"both": y.long, "spare": y.depot + p.start * p.loss * p.pass_on
                              * p.tide * p.t_peak * p.grow * p.offset * p.volume},
        derived=None,
    )  # fmt: skip
    with pytest.raises(ModelError, match="'\u03b1' cannot be exported to SBML"):
        sbml_text(model)
    with pytest.raises(ModelError, match=r"U\+0007"):
        sbml_text(replace(WIDE, population="a bell \a"))


def _renamed(function: Any) -> Any:
    return lambda *a: {("\u03b1" if k == "short" else k): v for k, v in function(*a).items()}


def test_markup_in_a_text_stays_text() -> None:
    root = parsed(replace(WIDE, title="</p><script>&amp; \u00b5", purpose="<b>"))
    assert root.find("s:model", SBML).get("name") == "</p><script>&amp; \u00b5"
    assert "Purpose: <b>" in texts(root)


def test_an_operation_without_a_word_is_refused() -> None:
    x = sp.Symbol("x")
    with pytest.raises(ModelError, match="sin is not one of the functions"):
        math_element(sp.sin(x), {x: "x"})


def test_mathml_of_every_operation() -> None:
    x, y, flag = sp.Symbol("x"), sp.Symbol("y"), sp.Symbol("after_peak", real=True)
    ids = {x: "x", y: "y", flag: "after_peak"}
    values = {"x": 0.7, "y": 2.5, "after_peak": 1.0, "time": 3.0}
    for e in (
        x / y,
        -x / (3 * y),
        x**-2 * y**x,
        sp.sqrt(x) - sp.Rational(2, 7),
        sp.exp(-x * TIME) * sp.log(y),
        1 / sp.sqrt(y),
        2.5e-9 * x,
        Where(flag, x, y) * Where(NotAbove(x, y), -x, 3 * y),
        Where(x * y, x, y) + NotAbove(y, x),
        sp.oo * x**0,
        sp.pi * x,
    ):
        got = evaluate(math_of(e, ids)[0], values)
        wanted = e.replace(Where, lambda c, a, b: a if number(c, values) > 0.5 else b)
        assert got == pytest.approx(number(wanted, values), rel=1e-14), e


def number(e: Any, values: dict[str, float]) -> float:
    def decided(a: Any, b: Any) -> Any:
        return sp.Integer(number(a, values) <= number(b, values))

    e = sp.sympify(e).replace(NotAbove, decided)
    named = {s: values["time" if s == TIME else s.name] for s in e.free_symbols}
    return float(e.subs(named))


def evaluate(node: ET.Element, values: dict[str, float]) -> float:
    """A reader of content MathML, written for this test."""
    tag = node.tag.partition("}")[2]
    if tag == "cn":
        if node.get("type") == "rational":
            return float(node.text) / float(node[0].tail)
        return float(node.text)
    if tag in {"ci", "csymbol"}:
        return values[node.text]
    if tag == "infinity":
        return math.inf
    if tag == "piecewise":
        (then, holds), (otherwise,) = node[0], node[1]
        return evaluate(then if evaluate(holds, values) else otherwise, values)
    operator = node[0].tag.partition("}")[2]
    a = [evaluate(child, values) for child in node[1:]]
    return {
        "plus": lambda: sum(a),
        "times": lambda: math.prod(a),
        "minus": lambda: -a[0],
        "divide": lambda: a[0] / a[1],
        "power": lambda: a[0] ** a[1],
        "root": lambda: math.sqrt(a[0]),
        "exp": lambda: math.exp(a[0]),
        "ln": lambda: math.log(a[0]),
        "leq": lambda: a[0] <= a[1],
        "eq": lambda: a[0] == a[1],
        "gt": lambda: a[0] > a[1],
    }[operator]()


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("copies/ug", "copies_per_ug"),
        ("1/day", "unit_1_per_day"),
        ("10^9/L", "unit_1e9_per_L"),
        ("%", "percent"),
        ("1/M/s", "unit_1_per_M_per_s"),
        ("1", "dimensionless"),
        ("IU/L", None),
    ],
)
def test_names_of_units(unit: str, name: str | None) -> None:
    assert unit_id(unit) == name
    defined = [u.get("id") for u in unit_definitions([unit, unit])]
    assert defined == ([] if name in {None, "dimensionless"} else [name])


def test_units_with_powers_and_factors() -> None:
    (definition,) = unit_definitions(["10^9 cells/L"])
    parts = [dict(u.attrib) for u in definition[0]]
    assert [(p["kind"], p["exponent"], float(p["multiplier"])) for p in parts] == [
        ("dimensionless", "1", 1e9),
        ("item", "1", 1.0),
        ("litre", "-1", 1.0),
    ]
