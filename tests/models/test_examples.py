"""Published patients by name: ``solve(model, example=...)``."""

import numpy as np
import pandas as pd
import pytest

from cellkinetics.catalogue import load_model, model_names
from cellkinetics.errors import ModelError
from cellkinetics.kernel.example import find_example
from cellkinetics.kernel.solve import solve

MODEL = load_model("hardiansyah2019")
DAYS = [0.0, 3.0, 20.0]


@pytest.mark.parametrize("name", model_names())
def test_examples_are_whole(name: str) -> None:
    model = load_model(name)
    known = {q.name for q in model.parameters} | {q.name for q in model.inputs}
    assert len({e.name for e in model.examples}) == len(model.examples)
    for example in model.examples:
        assert example.meaning
        assert bool(example.source) != bool(example.assumption), example.name
        assert set(example.values) <= known, example.name
        assert example.dosing is None or model.infuse is not None


def test_an_example_brings_its_values_and_its_dosing() -> None:
    own = find_example(MODEL, "UPN3")
    by_hand = solve(MODEL, dict(own.values), DAYS, own.dosing)
    by_name = solve(MODEL, None, DAYS, example="UPN3")
    assert by_name.equals(by_hand)
    typical = solve(MODEL, None, DAYS)
    assert not np.allclose(typical.car_t, by_name.car_t)


def test_what_is_given_goes_before_the_example() -> None:
    changed = solve(MODEL, {"b_0": 2.0}, DAYS, [(0.0, 1e6)], example="UPN3")
    assert changed.cll_cells[0, 0] == pytest.approx(2.0)
    own = dict(find_example(MODEL, "UPN3").values)
    by_hand = solve(MODEL, own | {"b_0": 2.0}, DAYS, [(0.0, 1e6)])
    assert changed.equals(by_hand)


def test_an_example_fills_the_columns_that_a_table_leaves_out() -> None:
    table = pd.DataFrame({"subject": ["low", "high"], "b_0": [0.5, 2.0]})
    found = solve(MODEL, table, DAYS, example="UPN3")
    assert list(found.subject.values) == ["low", "high"]
    own = dict(find_example(MODEL, "UPN3").values)
    for i, burden in enumerate((0.5, 2.0)):
        alone = solve(MODEL, own | {"b_0": burden}, DAYS, example="UPN3")
        np.testing.assert_array_equal(found.il6.values[i], alone.il6.values[0])


def test_an_unknown_example_is_named_with_those_that_exist() -> None:
    with pytest.raises(ModelError, match=r"no example 'UPN2'.*UPN1"):
        solve(MODEL, None, DAYS, example="UPN2")
    with pytest.raises(ModelError, match="no example 'UPN1': the model has none"):
        solve("stein2019", None, DAYS, example="UPN1")
