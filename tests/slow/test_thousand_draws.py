"""A thousand random draws of every model: the claim, computed anew (recorded beside this file)."""

import pytest
from random_draws import outcome
from test_random_draws import assert_held

from cellkinetics.catalogue import model_names


@pytest.mark.slow
@pytest.mark.parametrize("name", model_names())
def test_a_thousand_draws_are_solved_to_the_tolerance(name: str) -> None:
    assert_held(outcome(name, 1000))
