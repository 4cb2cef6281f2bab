"""What a model's page shows, gathered: formulas, tables, checks, figures."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import inf, isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from cellkinetics.card import characteristic_rows
from cellkinetics.declare import Model, Parameter
from cellkinetics.page.flows import Diagram, diagram_of
from cellkinetics.page.formulas import Equation, equations_of, name_mark, tex
from cellkinetics.published import reproduce
from cellkinetics.simulation.bands import band_table, stacked, typical_table
from cellkinetics.simulation.run import Simulation, parts, plan_simulation

SECTIONS = (
    ("derived", "Derived quantities"),
    ("initial", "On day 0, before any infusion"),
    ("infusion", "An infusion of so many cells adds"),
    ("switch", "Switches, days"),
    ("part", "Parts of the change"),
    ("change", "Change"),
    ("reading", "What assays read"),
)
PATIENTS, SEED = 200, 1
_DOI = re.compile(r"\bdoi:? ?(10\.\d{4,9}/[^\s,;]+[^\s,;.])")


@dataclass(frozen=True)
class Row:
    """A row of the table of parameters."""

    name: str
    symbol: str
    unit: str
    typical: str
    scale: str
    omega: str
    rse: str
    meaning: str
    origin: str
    assumed: bool
    omega_note: str


def page_content(model: Model) -> dict[str, Any]:
    """Gather what the page shows; solves the model for its checks and its curves.

    Parameters
    ----------
    model : Model

    Returns
    -------
    dict                            by name, as the template asks; texts are not escaped yet, the
                                    MathML (``formulas``, ``symbol``) and the images are ours

    Raises
    ------
    ModelError                      the model cannot be traced or compiled
    """
    varies = bool(model.classes) or any(q.omega is not None for q in model.parameters)
    asked = plan_simulation(model, subjects=PATIENTS if varies else 0, seed=SEED)
    rows = [_row(q) for q in model.parameters]
    formulas = equations_of(model)
    return {
        "model": model,
        "version": version("cellkinetics"),
        "source_parts": linked(model.source),
        "formulas": [
            (title, [e for e in formulas if e.section == section])
            for section, title in SECTIONS
            if any(e.section == section for e in formulas)
        ],
        "closed": model.solution is not None,
        "diagram": _diagram(diagram_of(model)),
        "curves": _curves(asked),
        "patients": PATIENTS,
        "varied": varies,
        "dosing": dosing_text(asked.infusions),
        "parameters": rows,
        "assumed": sum(r.assumed for r in rows),
        "characteristics": characteristic_rows(model),
        "published": reproduce(model),
        "number": number,
        "origin": origin,
        "dosing_text": dosing_text,
    }


def _row(q: Parameter) -> Row:
    note = ""
    if q.omega is not None and q.omega_assumption:
        note = f"omega: assumption, {q.omega_assumption}"
    elif q.omega_source:
        note = f"omega: {q.omega_source}"
    return Row(
        name=q.name,
        symbol=tex(q.symbol) if q.symbol else name_mark(q.name),
        unit=q.unit,
        typical=number(q.typical),
        scale=q.scale if q.scale != "logit" else f"logit ({q.lower:g} to {q.upper:g})",
        omega="" if q.omega is None else number(q.omega),
        rse="" if q.rse is None else f"{100 * q.rse:.3g}",
        meaning=q.meaning + (" (fixed)" if q.fixed else ""),
        origin=q.source or q.assumption,
        assumed=not q.source,
        omega_note=note,
    )


def number(value: float, digits: int = 4) -> str:
    """A number for people: 24 000, 0.0079, 5.0e6 as 5 x 10^6."""
    if value == 0 or not isfinite(value):
        return {0.0: "0", inf: "never", -inf: "-inf"}.get(value, "-")
    if 1e-4 <= abs(value) < 1e6:
        text = f"{value:.{digits}g}"
        if "e" in text:
            text = f"{float(text):.0f}"
        whole, dot, rest = text.partition(".")
        if len(whole.lstrip("-")) > 4:
            whole = f"{int(whole):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
        return f"{whole}{dot}{rest}"
    digits_text, exponent = f"{value:.{digits - 1}e}".split("e")
    digits_text = digits_text.rstrip("0").rstrip(".")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits_text}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10{raised}"


def origin(item: Any) -> tuple[bool, str]:
    """Whether something is an assumption, and its source or reason."""
    return (not item.source, item.source or item.assumption)


def dosing_text(infusions: Sequence[tuple[float, float]]) -> str:
    """Infusions in words: "1 x 10^8 cells on day 0"."""
    return "; ".join(f"{number(cells)} cells on day {day:g}" for day, cells in infusions)


def linked(text: str) -> list[tuple[str, str]]:
    """A citation as (text, address) parts; the address of what is no doi is empty."""
    out, at = [], 0
    for match in _DOI.finditer(text):
        out.append((text[at : match.start()], ""))
        out.append((match.group(), f"https://doi.org/{match[1]}"))
        at = match.end()
    return [*out, (text[at:], "")]


def _diagram(diagram: Diagram | None) -> str:
    if diagram is None:
        return ""
    from cellkinetics.plot.flows import Arrow, flow_diagram  # noqa: PLC0415  (matplotlib)

    return _image(
        flow_diagram(
            diagram.states,
            [Arrow(f.source, f.target, f.label, f.own) for f in diagram.flows],
            [(e.source, e.target, e.sign) for e in diagram.effects],
            diagram.infused,
            dict(diagram.read),
        )
    )


def _curves(asked: Simulation) -> str:
    from cellkinetics.plot.simulated import curves_of  # noqa: PLC0415  (matplotlib)

    model = asked.model
    names = [q.name for q in model.observables]
    values = np.concatenate([stacked(part, names) for part in parts(asked)], axis=2)
    bands = band_table(model, names, asked.times, values)
    return _image(curves_of(bands, typical_table(asked, names), columns=2))


def _image(figure: Any) -> str:
    """A figure as the address of an SVG image within the page."""
    from cellkinetics.plot.style import save  # noqa: PLC0415  (matplotlib)

    with TemporaryDirectory() as folder:
        content = save(figure, Path(folder) / "figure.svg").read_bytes()
    return "data:image/svg+xml;base64," + base64.b64encode(content).decode()


__all__ = ["Equation", "dosing_text", "linked", "number", "origin", "page_content"]
