"""The published patients (examples) of a model, as a caller of ``solve`` asks for them."""

from collections.abc import Mapping

import pandas as pd

from cellkinetics.declare import Example, Model
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.kernel.given import Infusions, Parameters


def find_example(model: Model, name: str) -> Example:
    """One of a model's examples.

    Raises
    ------
    ModelError                      the model has none of that name
    """
    names = [example.name for example in model.examples]
    for example in model.examples:
        if example.name == name:
            return example
    if not names:
        raise ModelError(f"{model.name}: there is no example {name!r}: the model has none.")
    raise ModelError(
        f"{model.name}: there is no example {name!r}. {did_you_mean(str(name), names)}"
    )


def with_example(
    model: Model, name: str, parameters: Parameters | None, infusions: Infusions | None
) -> tuple[Parameters | None, Infusions | None]:
    """Return what a caller gave, with an example's values and dosing where nothing was given.

    Raises
    ------
    ModelError                      the model has no example of that name
    """
    example = find_example(model, name)
    if isinstance(parameters, pd.DataFrame):
        left = {n: v for n, v in example.values.items() if n not in parameters}
        given: Parameters | None = parameters.assign(**left)
    elif parameters is None or isinstance(parameters, Mapping):
        given = {**example.values, **(parameters or {})}
    else:
        given = parameters  # refused where parameters are read
    return given, example.dosing if infusions is None else infusions
