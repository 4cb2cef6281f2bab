"""What `aml_dual_antigen` believes beforehand agrees with the clinic; its result is committed."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cellkinetics.catalogue import load_model

HERE = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPT = runpy.run_path(str(HERE / "aml_prior.py"))
GOALS = SCRIPT["GOALS"]


@pytest.fixture(scope="module")
def few() -> dict[str, dict[str, float]]:
    return SCRIPT["check"](40, 40)["rates"]


def test_the_goals_are_those_of_the_clinic() -> None:
    assert GOALS == {
        "CR/CRi by day 90": (0.40, 0.80),
        "any CRS": (0.70, 1.00),
        "peak day (median patient)": (7.0, 14.0),
    }


@pytest.mark.parametrize("name", GOALS)
def test_prior_medians_lie_within_the_goals(few, name: str) -> None:  # type: ignore[no-untyped-def]
    low, high = GOALS[name]
    assert low <= few[name]["median"] <= high


def test_the_bands_say_something(few) -> None:  # type: ignore[no-untyped-def]
    """Neither every rate nor a single one: published rates of small trials spread as widely."""
    for name, widest in (("CR/CRi by day 90", 0.75), ("any CRS", 0.5)):
        assert 0.1 < few[name]["high"] - few[name]["low"] < widest, name
    day = few["peak day (median patient)"]
    assert 1 < day["high"] - day["low"] < 8
    assert few["failed to solve"]["high"] == 0


def test_the_committed_result_is_of_this_model(few) -> None:  # type: ignore[no-untyped-def]
    committed = json.loads((HERE / "results" / "aml_prior" / "rates.json").read_text("utf-8"))
    assert committed["populations"] >= 200
    assert set(committed["rates"]) == set(few)
    for name, (low, high) in GOALS.items():
        assert low <= committed["rates"][name]["median"] <= high, name
    for name, spread in (("CR/CRi by day 90", 0.12), ("any CRS", 0.08)):
        assert few[name]["median"] == pytest.approx(committed["rates"][name]["median"], abs=spread)


def test_cells_that_hardly_kill_fail_the_check() -> None:
    """Wrong by construction: a tenth of the killing leaves no remissions."""
    model = load_model("aml_dual_antigen")
    weak = replace(
        model,
        parameters=tuple(
            replace(q, typical=0.1 * q.typical) if q.name == "kill" else q for q in model.parameters
        ),
    )
    prior = SCRIPT["prior_of"](weak)
    rng = np.random.default_rng(3)
    rates = SCRIPT["judge"](weak, SCRIPT["draw_patients"](prior, 100, rng), rng)
    assert rates["CR/CRi by day 90"] < 0.1
    assert rates["any CRS"] > 0.7  # cells that find antigen and do not clear it


def test_remission_needs_blasts_and_neutrophils_whatever_the_platelets() -> None:
    marrow = np.array([[20.0, 3.0], [20.0, 3.0], [20.0, 3.0], [6.0, 5.0]])
    anc = np.array([[2.0, 1.0], [2.0, 0.7], [2.0, 0.2], [2.0, 2.0]])
    certain, possible = SCRIPT["remissions"](marrow, anc, np.full(4, 60.0))
    assert certain.tolist() == [True, False, False, False]
    # With enough platelets CRh and CRi are possible below 1e9/L.
    assert possible.tolist() == [True, True, True, False]
