"""A model's page: whole, safe, self-contained; its formulas are the equations that are solved."""

import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy as sp

from cellkinetics.algebra import FLAG_PREFIX
from cellkinetics.card import equations
from cellkinetics.catalogue import load_model, model_names
from cellkinetics.declare import Example, Model, Named, Parameter, PatientClass
from cellkinetics.errors import ModelError
from cellkinetics.page.content import linked, number
from cellkinetics.page.flows import diagram_of
from cellkinetics.page.formulas import _mathml, equations_of, tex
from cellkinetics.page.write import page_of, write_page
from cellkinetics.symbolic import CELLS, TIME, rates_as_written, trace

VOID = {"meta", "br", "img", "link", "mspace"}


class Reader(HTMLParser):
    """Checks that tags close as they open, and keeps text, attributes and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("name", model_names())
def test_a_page_is_whole_and_needs_nothing_else(name: str) -> None:
    model = load_model(name)
    page = page_of(model)
    found = read(page)
    assert "script" not in found.tags
    assert not {"link", "iframe", "object"} & set(found.tags)
    for tag, attribute, value in found.attributes:
        assert not attribute.startswith("on")
        if attribute == "src":
            assert value.startswith("data:image/svg+xml;base64,")
        if attribute == "href":
            assert value.startswith("https://doi.org/10."), (tag, value)
    assert "@import" not in page
    assert "url(" not in page
    text = " ".join(" ".join(found.text).split())
    for q in (*model.parameters, *model.states, *model.observables):
        assert q.name in text, q.name  # type: ignore[attr-defined]
    for q in model.parameters:
        assert " ".join((q.source or q.assumption).split()) in text
    for more in (model.title, model.purpose, model.population, *model.deviations):
        assert " ".join(more.split()) in text
    assert text.count("✓ passed") == len(model.published)
    assert "FAILED" not in text


def test_every_text_of_a_model_is_escaped() -> None:
    model = load_model("antigen_driven")
    evil = "<script>alert('x')</script>&\"'"
    first = replace(model.parameters[0], meaning=evil, unit="1/day", assumption=evil, symbol=evil)
    bad = replace(
        model,
        title=evil, purpose=evil, population=evil, source=f"{evil} doi 10.1000/{evil}",
        identifiability=evil, deviations=(evil,), parameters=(first, *model.parameters[1:]),
        states=(replace(model.states[0], meaning=evil), *model.states[1:]),
        examples=(Example(name=evil, meaning=evil, values={"rho": 1.0}, assumption=evil),),
        classes=(PatientClass(name=evil, meaning=evil, probability=1, typical={},
                              assumption=evil),),
    )  # fmt: skip
    page = page_of(bad)
    found = read(page)
    assert "script" not in found.tags
    assert "<script" not in page
    assert evil in "".join(found.text)


def test_what_fails_and_what_is_assumed_is_marked() -> None:
    model = load_model("stein2019")
    wrong = replace(model, published=(replace(model.published[0], value=1.0), model.published[1]))
    page = page_of(wrong)
    assert page.count("✗ FAILED") == 1
    assert "1 of 2 published numbers reproduced" in page
    assert "8 of 8 parameters have a source" in page
    assert '<tr class="assumed">' not in page
    assumed = page_of(load_model("antigen_driven"))
    assert assumed.count('<tr class="assumed">') == len(load_model("antigen_driven").parameters)


def test_a_page_is_the_same_each_time_and_replaces_only_a_page(tmp_path: Path) -> None:
    model = load_model("stein2019")
    path = write_page(model, tmp_path / "card.html")
    first = path.read_bytes()
    assert write_page(model, path).read_bytes() == first
    mine = tmp_path / "mine.html"
    mine.write_text("<p>years of work</p>", encoding="utf-8")
    for wrong, said in ((mine, "is no page of cellkinetics"), (tmp_path / "a.pdf", "in .html"),
                        (tmp_path / "no" / "a.html", "there is no folder")):  # fmt: skip
        with pytest.raises(ModelError, match=said):
            write_page(model, wrong)
    assert mine.read_text(encoding="utf-8") == "<p>years of work</p>"


# The formulas are read back and computed: a sign or bracket that is lost changes their value.


def computed(mathml: str, values: dict[str, float]) -> float:
    """The value of a formula as a reader would compute it."""
    row = ElementTree.fromstring(f"<mrow>{mathml.replace('&#160;', ' ')}</mrow>")
    return float(eval(_python(row), {"e": math.e, "ln": math.log, **values}))  # our own text


def _python(node: Any) -> str:
    parts = [_python(child) for child in node]
    if node.tag == "mfrac":
        return f"(({parts[0]})/({parts[1]}))"
    if node.tag == "msup":
        return f"(({parts[0]})**({parts[1]}))"
    if node.tag == "msqrt":
        return f"(({parts[0]})**0.5)"
    if node.tag == "mtable":
        (then, when), (otherwise, _) = ([_python(cell) for cell in row] for row in node)
        return f"(({then}) if {when} else ({otherwise}))"
    if node.tag == "mspace":
        return ""
    if node.tag in {"mrow", "mtd"} and not node.text:
        return "".join(p for p in parts if p != "{")
    text = (node.text or "").replace("\u2212", "-")
    signs = {"\u2062": "*", "\u00b7": "*", "\u2264": "<="}
    if node.tag == "mtext":
        text = text.replace("otherwise", "True").replace("after ", FLAG_PREFIX).replace("if ", "")
        text = text.replace("if", "").strip()
    return signs.get(text, text)


@pytest.mark.parametrize("name", model_names())
def test_the_formulas_are_the_equations(name: str) -> None:
    model = load_model(name)
    symbolic = trace(model)
    rng = np.random.default_rng(5)
    symbols = [*symbolic.parameters.values(), *symbolic.inputs.values(),
               *symbolic.states.values(), *symbolic.flags.values(), TIME, CELLS]  # fmt: skip
    values = {str(s): float(rng.uniform(0.2, 0.9)) for s in symbols}
    marks = {n: f"<mi>{n}</mi>" for n in values}
    flags = [str(s) for s in symbolic.flags.values()]
    functions = [symbolic.rhs, symbolic.initial, symbolic.observe, symbolic.infuse,
                 symbolic.derived, symbolic.switches]  # fmt: skip
    for after in (0.0, 1.0):
        values |= dict.fromkeys(flags, after)
        for expressions in functions:
            for expression in (expressions or {}).values():
                modules = [{"Where": lambda c, a, b: a if c else b,
                            "NotAbove": lambda a, b: a <= b}, "numpy"]  # fmt: skip
                wanted = sp.lambdify(symbols, expression, modules)(
                    *[values[str(s)] for s in symbols]
                )
                shown = computed(_mathml(expression, marks), values)
                assert shown == pytest.approx(float(wanted), rel=1e-8), expression


@pytest.mark.parametrize("name", model_names())
def test_parts_put_back_give_what_is_solved(name: str) -> None:
    model = load_model(name)
    symbolic = trace(model)
    assert symbolic.rhs is not None
    rates, parts = rates_as_written(model)
    given = {sp.Symbol(f"derived {n}", positive=True): e for n, e in symbolic.derived.items()}
    for part, expression in parts.items():
        given[sp.Symbol(f"local {part}", real=True)] = expression.xreplace(given)
    for state, expression in rates.items():
        whole = expression.xreplace(given)
        difference = sp.lambdify(
            sorted(whole.free_symbols | symbolic.rhs[state].free_symbols, key=str),
            [whole, symbolic.rhs[state]],
            [{"Where": lambda c, a, b: a if c else b, "NotAbove": lambda a, b: a <= b}, "numpy"],
        )
        count = difference.__code__.co_argcount
        one, other = difference(*np.random.default_rng(3).uniform(0.2, 0.9, count))
        assert one == pytest.approx(other, rel=1e-9), state


def test_names_of_the_author_make_equations_short() -> None:
    """What the right-hand side names is named in the card; a part that nobody uses is not."""
    model = load_model("aml_dual_antigen")
    rates, parts = rates_as_written(model)
    assert list(parts)[:4] == ["load", "stimulus", "comedication", "expansion"]
    assert str(rates["effector"]) == (
        "y_effector*(-alpha - k - local exhaustion + local expansion)"
    )
    shown = {(line[0], line[1]): line[2] for line in equations(model)}
    assert shown["where", "stimulus"] == "load/(load + k_a)"
    assert shown["change", "d memory/dt"] == "effector*k - beta*memory"

    def rhs(t: Any, y: Named, p: Named) -> dict[str, Any]:
        loss = p.alpha * y.effector
        unused = p.rho * y.memory
        alpha = p.k * y.effector * p.beta  # a name that is taken stays what it is
        return {"effector": -loss, "memory": alpha, "tumour": 0 * unused}

    rates, parts = rates_as_written(all_used(replace(load_model("antigen_driven"), rhs=rhs)))
    assert list(parts) == ["loss"]
    assert str(rates["memory"]) == "beta*k*y_effector"


def test_a_long_equation_goes_on_in_further_lines() -> None:
    model = load_model("hardiansyah2019")
    symbolic = trace(model)
    assert model.rhs is not None
    y: Any = SimpleNamespace(**symbolic.states)
    p: Any = SimpleNamespace(**symbolic.parameters)
    written = model.rhs(TIME, y, p)  # without the names that its author gave to parts
    shown = equations_of(replace(model, rhs=lambda t, y, p: written))
    lines = [e.right for e in shown if len(e.right) > 1]
    assert lines
    for rows in lines:
        for part in rows:
            ElementTree.fromstring(f"<mrow>{part}</mrow>")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (r"\rho", "<mrow><mi>ρ</mi></mrow>"),
        ("K_A", "<mrow><msub><mi>K</mi><mi>A</mi></msub></mrow>"),
        (r"k_\mathrm{kill}", "<mrow><msub><mi>k</mi><mtext>kill</mtext></msub></mrow>"),
        (r"T_{1/2,\alpha}", "<mrow><msub><mi>T</mi><mrow><mn>1</mn><mo>/</mo><mn>2</mn><mo>,</mo>"
         "<mi>α</mi></mrow></msub></mrow>"),
        (r"x_a^2", "<mrow><msubsup><mi>x</mi><mi>a</mi><mn>2</mn></msubsup></mrow>"),
        ("a}b", "<mrow><mi>a</mi><mi>b</mi></mrow>"),
        (r"\mathrm{a", "<mrow><mtext>a</mtext></mrow>"),
        ("_", "<mrow><msub><mrow></mrow><mrow></mrow></msub></mrow>"),
        ("<b>", "<mrow><mo>&lt;</mo><mi>b</mi><mo>&gt;</mo></mrow>"),
    ],
)  # fmt: skip
def test_declared_symbols(source: str, shown: str) -> None:
    assert tex(source) == shown
    ElementTree.fromstring(shown)


def test_numbers_for_people() -> None:
    assert [number(v) for v in (0.0, 24000.0, 0.0079, 2000.0, 5e6, 3.25e-7, 1.0, math.inf)] == [
        "0", "24\u202f000", "0.0079", "2000", "5\u00a0×\u00a010⁶", "3.25\u00a0×\u00a010⁻⁷", "1",
        "never",
    ]  # fmt: skip
    assert linked("A 2019, doi 10.1002/psp4.12388, and more")[1] == (
        "doi 10.1002/psp4.12388", "https://doi.org/10.1002/psp4.12388",
    )  # fmt: skip


# The diagram.


def flows(model: Model) -> set[tuple[str | None, str | None, str]]:
    found = diagram_of(model)
    assert found is not None
    return {(f.source, f.target, f.label) for f in found.flows}


def all_used(model: Model) -> Model:
    """Only the diagram is asked: what the equations leave out is used in a reading."""
    names = [q.name for q in model.parameters]

    def observe(y: Named, p: Named) -> dict[str, Any]:
        whole = sp.Mul(*[getattr(p, name) for name in names])
        return {"car_t": y.effector * whole, "tumour_cells": y.tumour}

    return replace(model, observe=observe)


def test_flows_are_read_off_the_equations() -> None:
    model = load_model("antigen_driven")
    assert flows(model) == {
        ("effector", "memory", "k"), ("effector", None, "alpha"), (None, "effector", "rho"),
        ("memory", None, "beta"), (None, "tumour", "g"), ("tumour", None, "kill"),
    }  # fmt: skip
    found = diagram_of(model)
    assert found is not None
    assert {(e.source, e.target, e.sign) for e in found.effects} == {
        ("tumour", "effector", 1), ("effector", "tumour", -1),
    }  # fmt: skip
    assert found.infused == ("effector",)
    assert dict(found.read)["car_t"] == ("effector", "memory")
    assert [f.target for f in found.flows if f.own] == ["effector", "tumour"]


def test_two_losses_are_no_flow_and_a_volume_is_no_hindrance() -> None:
    model = load_model("antigen_driven")

    def rhs(t: Any, y: Named, p: Named) -> dict[str, Any]:
        return {
            "effector": -p.alpha * y.effector - p.k * y.effector,
            "memory": p.k * y.effector * p.k_a / p.k_e - p.beta * y.memory,
            "tumour": p.rho * y.memory - p.g * y.tumour,  # rho is no loss of memory
        }

    assert flows(all_used(replace(model, rhs=rhs))) == {
        ("effector", None, "alpha"), ("effector", "memory", "k"), ("memory", None, "beta"),
        (None, "tumour", "rho"), ("tumour", None, "g"),
    }  # fmt: skip


def test_what_dies_does_not_become_the_cytokine_that_it_raises() -> None:
    """The gain of IL-6 is in proportion to the blasts' loss, but no blast turns into IL-6."""
    found = diagram_of(load_model("aml_dual_antigen"))
    assert found is not None
    assert {(f.source, f.label) for f in found.flows if f.target == "interleukin_6"} == {
        (None, "k_il6, il6_killed")
    }
    assert ("double_positive", None) in {(f.source, f.target) for f in found.flows}
    acting = {(e.source, e.target): e.sign for e in found.effects}
    # Through a load that saturates; all of what an antigen does to cells and cytokines is more.
    for target in ("exhausted", "interleukin_6", "interferon_gamma"):
        assert acting["double_positive", target] == 1, target
    assert acting["double_positive", "effector"] == 0  # it expands and exhausts them
    assert acting["effector", "interleukin_6"] == 1
    assert acting["effector", "double_positive"] == -1


def test_names_that_look_like_derived_ones_are_kept() -> None:
    model = load_model("antigen_driven")

    def parameter(name: str) -> Parameter:
        return replace(model.parameters[0], name=name)

    def rhs(t: Any, y: Named, p: Named) -> dict[str, Any]:
        return {"effector": -p.d_x * y.effector, "memory": -p.x * y.memory, "tumour": 0 * y.tumour}

    other = replace(
        model, parameters=(*model.parameters, parameter("d_x")), rhs=rhs,
        derived=lambda p: {"x": 2 * p.d_x},
    )  # fmt: skip
    assert flows(all_used(other)) >= {("effector", None, "d_x"), ("memory", None, "x")}


@pytest.mark.parametrize("name", model_names())
def test_every_state_is_in_the_diagram(name: str) -> None:
    model = load_model(name)
    found = diagram_of(model)
    assert found is not None
    names = {q.name for q in model.states}
    assert set(found.states) == names
    assert {s for f in found.flows for s in (f.source, f.target)} - {None} <= names
    assert all(e.source != e.target for e in found.effects)
