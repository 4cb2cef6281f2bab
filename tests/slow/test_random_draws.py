"""Random draws of every model of the library: a few each time, a thousand when asked for."""

import json
from pathlib import Path

import pytest
from random_draws import Outcome, outcome

from cellkinetics.catalogue import load_model, model_names

RECORDED = Path(__file__).parent / "random_draws.json"


def assert_held(found: Outcome) -> None:
    """What the library promises of its draws."""
    assert found.failed == 0
    assert found.beyond < 0.05 * found.draws
    assert found.value_p95 < 1e-5
    assert found.value_worst < 1e-4
    assert found.elasticity_worst < 1e-3
    # Within the absolute tolerance: 1e-8 of the smallest value that matters.
    assert found.most_negative >= -1e-8


# The reference of a stiff model, an explicit solve at 1e-12, takes minutes.
@pytest.mark.parametrize("name", [n for n in model_names() if not load_model(n).stiff])
def test_fifty_draws_are_solved_to_the_tolerance(name: str) -> None:
    assert_held(outcome(name, 48))


@pytest.mark.slow
@pytest.mark.parametrize("name", model_names())
def test_a_thousand_draws_are_solved_to_the_tolerance(name: str) -> None:
    assert_held(outcome(name, 1000))


def test_the_recorded_thousand_cover_the_library() -> None:
    recorded = [Outcome(**row) for row in json.loads(RECORDED.read_text(encoding="utf-8"))]
    assert {r.model for r in recorded} == set(model_names())
    for found in recorded:
        assert found.draws >= 1000
        assert_held(found)
