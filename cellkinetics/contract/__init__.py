"""The contract that every model holds, shipped or a user's own: ``cellkinetics check MODEL.py``."""

from collections.abc import Callable
from pathlib import Path

from cellkinetics.catalogue import load_model
from cellkinetics.contract.cases import Case, case_of
from cellkinetics.contract.code import check_code, check_zero
from cellkinetics.contract.declared import check_balance, check_declared
from cellkinetics.contract.finding import Place, place_of_model
from cellkinetics.contract.imported import import_model
from cellkinetics.contract.names import check_names
from cellkinetics.contract.solved import (
    check_closed_form,
    check_events,
    check_examples,
    check_gradients,
    check_published,
    check_range,
)
from cellkinetics.declare import Model
from cellkinetics.errors import ModelError
from cellkinetics.study.findings import Finding, errors_of, in_order

__all__ = ["SOLVED", "check_file", "check_model", "check_shipped", "import_model"]

type Check = Callable[[Place, Case], list[Finding]]

SOLVED: dict[str, Check] = {
    "no state is pushed below zero": check_zero,
    "every subject is solved and no state is negative": check_range,
    "the published numbers are reproduced": check_published,
    "the generated code is the equations": check_code,
    "the closed form solves the equations": check_closed_form,
    "the gradients are those of the solution": check_gradients,
    "a reading on an event belongs to the time before": check_events,
    "every example and class is solved": check_examples,
}
"""What is computed of a model whose declaration is sound, by what it shows; causes come first."""


def check_file(path: str | Path) -> list[Finding]:
    """Run the contract on a model file.

    Parameters
    ----------
    path : path                     a Python file that declares MODEL

    Returns
    -------
    list of Finding                 errors first, each with its line; empty: the model holds it all
    """
    place, model, findings = import_model(Path(path))
    return findings if model is None else check_model(place, model)


def check_shipped(name: str) -> list[Finding]:
    """Run the contract on a model of the catalogue; as :func:`check_file`."""
    model = load_model(name)
    return check_model(place_of_model(model), model)


def check_model(place: Place, model: Model) -> list[Finding]:
    """Run the contract on a model: names, declaration and units, then what it computes.

    Nothing is computed of a model whose names or units do not agree.
    """
    findings = check_names(place, model)
    named = not findings
    findings += check_declared(place, model)
    if named:
        findings += check_balance(place, model)
    if errors_of(findings):
        return in_order(findings)
    try:
        case = case_of(model)
    except ModelError as error:
        text = str(error).removeprefix(f"{model.name}: ")
        return in_order([*findings, place.found("not-compiled", came=text.rstrip("."))])
    for check in SOLVED.values():
        if not errors_of(findings):  # one that is not solved has no gradient either
            findings += check(place, case)
    return in_order(findings)
