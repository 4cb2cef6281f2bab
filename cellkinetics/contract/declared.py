"""Whether what a model declares is whole, balanced, and says where it comes from."""

import re
from collections.abc import Iterator, Mapping
from math import inf, isfinite, isnan
from typing import get_args

from cellkinetics.balance import check_units
from cellkinetics.contract.finding import Place
from cellkinetics.declare import (
    CovariateEffect,
    CovariateForm,
    Example,
    Model,
    PatientClass,
    is_said,
)
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.study.findings import Finding
from cellkinetics.study.tables import TREATMENT_KINDS

COVARIATE_FORMS: tuple[str, ...] = get_args(CovariateForm)
_LOOSEST = 0.05  # a published number with a wider tolerance lets anything pass
_IN_FUNCTION = re.compile(r"(\w+)\(\)\['(\w+)'\]: ")
_OF_UNIT = re.compile(r"the unit of '(\w+)'")
_ORIGIN = "either a source (with table or equation number) or an assumption (with its reason)"


def check_declared(place: Place, model: Model) -> list[Finding]:
    """Find what a model leaves unsaid, or says twice, or says of things that do not exist.

    Parameters
    ----------
    place : Place
    model : Model                   whose names agree

    Returns
    -------
    list of Finding
    """
    return [
        *_texts(place, model),
        *_effects(place, model),
        *_doses(place, model),
        *_examples(place, model),
        *_classes(place, model),
        *_published(place, model),
    ]


def check_balance(place: Place, model: Model) -> list[Finding]:
    """Find equations whose units do not balance."""
    try:
        sentences = check_units(model)
    except ModelError as error:
        sentences = [str(error)]
    except (Exception, SystemExit) as error:  # whatever a user's function raises is a finding
        sentences = [f"cannot be run on quantities with units ({type(error).__name__}: {error})."]
    found = []
    for text in sentences:
        sentence = text.removeprefix(f"{model.name}: ")
        stands, unit = _IN_FUNCTION.match(sentence), _OF_UNIT.search(sentence)
        line = None
        if stands:
            line = place.line_of_key(getattr(model, stands[1], None), stands[2])
        elif unit:
            line = place.line_of_name(unit[1])
        elif "time_unit" in sentence:
            line = place.line_of_keyword("time_unit")
        found.append(place.found("unit-wrong", came=sentence.rstrip("."), line=line))
    return found


def _texts(place: Place, model: Model) -> Iterator[Finding]:
    for name in ("title", "purpose", "population", "source"):
        if not getattr(model, name).strip():
            yield place.found(
                "text-missing", came=f"no {name}", wanted=f"{name}= in words of a reader",
                line=place.line_of_keyword(name),
            )  # fmt: skip
    if not is_said(model.identifiability):
        yield place.found(
            "identifiability-missing", came="no identifiability",
            wanted="what samples can tell of its parameters, and what leans on assumed values",
            line=place.line_of_keyword("identifiability") or place.line_of_keyword("name"),
        )  # fmt: skip
    meanings = [(q.name, q.meaning) for q in model.parameters]
    meanings += [(q.name, q.meaning) for q in model.inputs]
    meanings += [(q.name, q.meaning) for q in model.states]
    meanings += [(q.name, q.meaning) for q in model.observables]
    for name, meaning in meanings:
        if not meaning.strip():
            yield place.found(
                "text-missing",
                came=f"no meaning of '{name}'",
                wanted="meaning= in words",
                line=place.line_of_name(name),
            )
    for q in model.parameters:
        line = place.line_of_name(q.name)
        if not q.symbol:
            yield place.found(
                "symbol-missing", came=f"no symbol of '{q.name}'",
                wanted=r'symbol= as in a formula, such as r"\alpha"', line=line,
            )  # fmt: skip
        if q.omega is not None and q.omega_source and q.omega_assumption:
            yield place.found(
                "source-missing", came=f"two origins of the omega of '{q.name}'",
                wanted="omega_source or omega_assumption", line=line,
            )  # fmt: skip


def _effects(place: Place, model: Model) -> Iterator[Finding]:
    parameters = [q.name for q in model.parameters]
    seen = set[str]()
    for effect in model.covariates:
        wrong, cure = "", ""
        if effect.parameter not in parameters:
            wrong = f"'{effect.parameter}', which is not a parameter"
            cure = did_you_mean(effect.parameter, parameters)
        elif effect.name in seen:
            wrong = "a second effect of this name"
        elif not effect.rse > 0:
            wrong = f"rse {effect.rse:g}, which would be taken as certain"
        elif (effect.form == "category") != (effect.level is not None):
            wrong = "a level without form='category', or the other way round"
        elif not isfinite(effect.value):
            wrong = f"value {effect.value:g}, which is no finite number"
        elif effect.form not in COVARIATE_FORMS:
            wrong, cure = f"form '{effect.form}'", did_you_mean(effect.form, COVARIATE_FORMS)
        elif effect.form != "category" and not _has_reference(effect):
            wrong = f"reference {effect.reference}, wanted the covariate of the typical patient"
            wrong += ", above 0" if effect.form == "power" else ""
        elif is_said(effect.source) == is_said(effect.assumption):
            wrong, cure = "not exactly one origin", f"Give {_ORIGIN}."
        seen.add(effect.name)
        if wrong:
            yield place.found(
                "effect-wrong", came=f"covariate effect {effect.name}: {wrong}", cure=cure,
                line=place.line_of_keyword("covariates"),
            )  # fmt: skip
    observables = [q.name for q in model.observables]
    for r in model.residuals:
        wrong, cure = "", ""
        if r.observable not in observables:
            wrong, cure = "no such observable", did_you_mean(r.observable, observables)
        elif not 0 < r.sd < inf:
            wrong = f"sd {r.sd:g}, wanted a number above 0"
        elif [q.observable for q in model.residuals].count(r.observable) > 1:
            wrong = "a second one"
        elif is_said(r.source) == is_said(r.assumption):
            wrong = f"no single origin; wanted {_ORIGIN}"
        if wrong:
            yield place.found(
                "residual-wrong", came=f"residual error of '{r.observable}': {wrong}", cure=cure,
                line=place.line_of_keyword("residuals"),
            )  # fmt: skip
    for known in model.inputs:
        if isnan(known.default):
            yield place.found(
                "input-wrong", came=f"input '{known.name}': default {known.default:g}",
                wanted="a number; NEVER is the time of what does not happen",
                line=place.line_of_name(known.name),
            )  # fmt: skip
        if known.first_treatment and known.first_treatment not in TREATMENT_KINDS:
            yield place.found(
                "treatment-unknown",
                came=f"input '{known.name}': first_treatment '{known.first_treatment}'",
                wanted="a kind of treatment",
                cure=did_you_mean(known.first_treatment, TREATMENT_KINDS),
                line=place.line_of_name(known.name),
            )


def _has_reference(effect: CovariateEffect) -> bool:
    """Whether a covariate's effect says where it is none; a power, where that has a logarithm."""
    lowest = 0.0 if effect.form == "power" else -inf
    return effect.reference is not None and lowest < effect.reference < inf


def _doses(place: Place, model: Model) -> Iterator[Finding]:
    line = place.line_of_keyword("reference_dosing")
    if model.infuse is not None and not model.reference_dosing:
        yield place.found(
            "dosing-missing", came="infuse() and no reference_dosing",
            wanted="the dosing of the population, such as ((0.0, 1e8),)",
            line=place.line_of_function(model.infuse),
        )  # fmt: skip
    if model.infuse is None and model.reference_dosing:
        yield place.found(
            "dosing-unused", came="reference_dosing in a model in which dose does nothing",
            cure="Declare infuse(cells, p), or leave it out.", line=line,
        )  # fmt: skip
    if any(day < 0 or cells < 0 for day, cells in model.reference_dosing):
        yield place.found(
            "dosing-missing", came=f"reference_dosing {model.reference_dosing}",
            wanted="days and cells from 0 on", line=line,
        )  # fmt: skip
    if model.doses is None:
        return
    low, high = model.doses
    line = place.line_of_keyword("doses")
    total = sum(cells for _, cells in model.reference_dosing)
    if not 0 <= low < high:
        yield place.found(
            "dose-range-wrong", came=f"doses = {model.doses}",
            wanted="the least and the largest total dose, in cells", line=line,
        )  # fmt: skip
    elif model.infuse is None:
        yield place.found(
            "dose-range-wrong", came="a range of doses in a model in which dose does nothing",
            cure="Leave doses= out.", line=line,
        )  # fmt: skip
    elif not low <= total <= high:
        yield place.found(
            "dose-range-wrong", came=f"a range of doses ({low:g} to {high:g} cells) without the"
            f" reference dosing ({total:g} cells)", line=line,
        )  # fmt: skip


def _examples(place: Place, model: Model) -> Iterator[Finding]:
    names = [e.name for e in model.examples]
    for example in model.examples:
        wrong, cure = _of_values(model, example, example.values)
        if not wrong and names.count(example.name) > 1:
            wrong = "a name that stands twice"
        if not wrong and example.dosing is not None and model.infuse is None:
            wrong = "a dosing in a model in which dose does nothing"
        if wrong:
            yield place.found(
                "example-wrong", came=f"example '{example.name}': {wrong}", cure=cure,
                line=place.line_of_name(example.name),
            )  # fmt: skip


def _classes(place: Place, model: Model) -> Iterator[Finding]:
    names = [c.name for c in model.classes]
    for kind in model.classes:
        wrong, cure = _of_values(model, kind, kind.typical)
        if not wrong and names.count(kind.name) > 1:
            wrong = "a name that stands twice"
        if not wrong and not 0 < kind.probability <= 1:
            wrong = f"probability {kind.probability:g}, wanted above 0 and at most 1"
        if wrong:
            yield place.found(
                "class-wrong", came=f"class '{kind.name}': {wrong}", cure=cure,
                line=place.line_of_name(kind.name),
            )  # fmt: skip
    total = sum(c.probability for c in model.classes)
    if model.classes and abs(total - 1) > 1e-6:
        yield place.found(
            "class-wrong", came=f"probabilities of classes that sum to {total:g}", wanted="1",
            line=place.line_of_keyword("classes"),
        )  # fmt: skip


def _of_values(
    model: Model, owner: Example | PatientClass, values: Mapping[str, float]
) -> tuple[str, str]:
    """What is wrong with the values of an example or a class, and a cure."""
    parameters = {q.name: q for q in model.parameters}
    known = [*parameters, *(q.name for q in model.inputs)]
    for name, value in values.items():
        if name not in known:
            return f"'{name}' is not a parameter", did_you_mean(name, known)
        q = parameters.get(name)
        if q is None:
            continue
        allowed = {
            "log": value >= 0,
            "logit": q.lower <= value <= q.upper,
            "identity": isfinite(value),
        }[q.scale]
        if not allowed:
            return f"{name} = {value:g}, which its {q.scale} scale does not allow", ""
    if is_said(owner.source) == is_said(owner.assumption):
        return "no single origin", f"Give {_ORIGIN}."
    return "", ""


def _published(place: Place, model: Model) -> Iterator[Finding]:
    for entry in model.published:
        wrong = ""
        if not entry.source.strip():
            wrong = "no source"
        elif not isfinite(entry.value) or entry.value == 0:
            wrong = f"value {entry.value:g}, of which nothing can be within rtol"
        elif [x.name for x in model.published].count(entry.name) > 1:
            wrong = "a name that stands twice"
        elif not 0 < entry.rtol < _LOOSEST:
            wrong = f"rtol {entry.rtol:g}, wanted above 0 and below {_LOOSEST:g}"
        if wrong:
            yield place.found(
                "published-wrong", came=f"published '{entry.name}': {wrong}",
                line=place.line_of_name(entry.name) or place.line_of_keyword("published"),
            )  # fmt: skip
