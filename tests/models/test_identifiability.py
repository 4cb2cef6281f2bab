"""The tool against independent oracles, and the cards against the tool."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from cellkinetics.catalogue import load_model
from cellkinetics.errors import ModelError
from cellkinetics.identifiability import DAYS, Identifiability, identifiability, in_words

STEIN = load_model("stein2019")
DRIVEN = load_model("antigen_driven")
FREE = ("fold_expansion", "t_max", "c_max", "alpha", "f_b", "beta")
TYPICAL = np.array([3900, 9.3, 24000, 0.16, 0.0079, 0.0032])


def rse(found: Identifiability) -> dict[str, float]:
    return dict(zip(found.table["parameter"], found.table["rse"], strict=True))


def closed_form(days: Any, *phi: float) -> Any:
    """Stein's curve written out, on the log scale; all parameters by their logs."""
    fold, t_max, c_max, alpha, f_b, beta = np.exp(phi)
    u = days - t_max
    down = (1 - f_b) * np.exp(-alpha * u) + f_b * np.exp(-beta * u)
    up = np.log(c_max / fold) + np.log(fold) / t_max * days
    return np.where(u < 0, up, np.log(c_max * np.where(u < 0, 1.0, down)))


def test_standard_errors_are_those_of_least_squares_on_the_closed_form() -> None:
    """SciPy's covariance of a fit to the exact curve, by its own finite differences."""
    days = np.array(DAYS)
    exact = closed_form(days, *np.log(TYPICAL))
    _, covariance = curve_fit(
        closed_form, days, exact, p0=np.log(TYPICAL), sigma=np.full(len(days), 0.5),
        absolute_sigma=True,
    )  # fmt: skip
    found = rse(identifiability(STEIN, {"transgene": 0.5}))
    for name, wanted in zip(FREE, np.sqrt(np.diag(covariance)), strict=True):
        assert found[name] == pytest.approx(wanted, rel=2e-3), name


def test_error_and_repetition_scale_as_they_must() -> None:
    one = rse(identifiability(STEIN, {"transgene": 0.5}))
    twice = rse(identifiability(STEIN, {"transgene": 1.0}))
    for name in FREE:
        assert twice[name] == pytest.approx(2 * one[name], rel=1e-6)
    # A day named twice is one day.
    assert rse(identifiability(STEIN, ["transgene"], [*DAYS, *DAYS])) == one


def test_fewer_free_parameters_are_told_better() -> None:
    whole = rse(identifiability(STEIN, ["transgene"]))
    few = rse(identifiability(STEIN, ["transgene"], estimated=["c_max", "alpha"]))
    assert set(few) == {"c_max", "alpha"}
    assert few["c_max"] < whole["c_max"]
    assert few["alpha"] < whole["alpha"]


def test_readings_below_the_limit_are_left_out() -> None:
    days = [5.0, 7.0, 9.0, 11.0, 14.0, 21.0, 28.0, 600.0, 900.0]
    found = identifiability(STEIN, ["transgene"], days, lloq={"transgene": 50.0})
    assert (found.readings, found.below) == (7, 2)
    without = identifiability(STEIN, ["transgene"], days[:7])
    assert rse(found) == pytest.approx(rse(without), rel=1e-6)
    # Weeks of decline tell nothing of the terminal slope.
    assert found.table.set_index("parameter").loc["beta", "verdict"] == "not identified"


def test_what_enters_only_as_a_ratio_is_not_identified() -> None:
    """f_survive / v_blood is all that an infusion brings."""
    names = ["rho", "f_survive", "v_blood"]
    found = identifiability(DRIVEN, ["car_t", "tumour_cells"], estimated=names)
    table = found.table.set_index("parameter")
    assert table["rse"][["f_survive", "v_blood"]].tolist() == [np.inf, np.inf]
    assert rse(found)["rho"] < 0.5
    worst = found.directions.iloc[0]
    assert worst["se"] == np.inf
    np.testing.assert_allclose(np.abs(worst[["f_survive", "v_blood"]]), np.sqrt(0.5), rtol=1e-4)
    assert worst["f_survive"] * worst["v_blood"] > 0
    assert found.told == 2
    assert in_words(found) == "identified: rho; not identified: f_survive, v_blood"


def test_what_is_not_read_is_not_identified() -> None:
    """Comedication that was never given leaves no trace."""
    found = identifiability(STEIN, ["transgene"], estimated=["alpha", "f_tocilizumab"])
    assert rse(found)["f_tocilizumab"] == np.inf
    given = identifiability(
        STEIN, ["transgene"], estimated=["alpha", "f_tocilizumab"], parameters={"t_tocilizumab": 3}
    )
    assert rse(given)["f_tocilizumab"] < 0.5


def test_a_rate_that_is_switched_off_does_not_disturb_the_others() -> None:
    off = {"beta": 0.0}
    found = identifiability(STEIN, ["transgene"], estimated=["c_max", "alpha"], parameters=off)
    near = {"beta": 1e-9}
    close = identifiability(STEIN, ["transgene"], estimated=["c_max", "alpha"], parameters=near)
    assert rse(found) == pytest.approx(rse(close), rel=1e-5)


@pytest.mark.parametrize(
    ("readings", "more", "message"),
    [
        (["transgen"], {}, "'transgen' is not read.*Did you mean 'transgene'"),
        ({"transgene": 0.0}, {}, "the error of 'transgene' is 0.0, wanted an SD above 0"),
        ([], {}, "name at least one observable"),
        (["transgene"], {"estimated": ["c_mx"]}, "'c_mx' is not a parameter.*Did you mean 'c_max'"),
        (["transgene"], {"lloq": {"transgen": 50}}, "a limit for 'transgen', which is not read"),
        (["transgene"], {"lloq": {"transgene": 1e9}}, "no reading is above its limit"),
        (["transgene"], {"example": "UPN1"}, "there is no example 'UPN1': the model has none"),
        (["transgene"], {"parameters": {"alpha": [0.1, 0.2]}}, "that of one subject, not 2"),
        (["transgene"], {"parameters": {"alpha": 0.0}}, "'alpha' is 0, which has no log"),
    ],
)
def test_mistakes_are_named(readings: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        identifiability(STEIN, readings, **more)


LIMITS = {
    "transgene": 50.0,
    "car_t_per_ul": 0.2,
    "il6": 2.0,
    "il10": 2.0,
    "ifng": 2.0,
    "cll_cells": 5e-3,
}
CYTOKINES = ("car_t_per_ul", "il6", "il10", "ifng")
# What fits/aml5dual-aml-dual-antigen estimates.
AML_FITTED = (
    "rho", "k", "alpha", "beta", "f_survive", "kill", "g", "b_0", "cd33_only", "il6_0", "ifng_0",
    "il10_0", "il6_active", "ifng_active", "il10_active",
)  # fmt: skip
CARDS: dict[str, list[tuple[Any, dict[str, Any], str]]] = {
    "stein2019": [(["transgene"], {"lloq": {"transgene": 50.0}}, "{words}")],
    "ogasawara2021": [(["transgene"], {"lloq": {"transgene": 50.0}}, "{words}")],
    "antigen_driven": [
        (["car_t"], {"lloq": {"car_t": 0.2}}, "{words}; {told} of {all} directions"),
        (["car_t", "tumour_cells"], {"lloq": {"car_t": 0.2, "tumour_cells": 1.0}}, "{words}"),
    ],
    "smooth_gate": [(["transgene"], {"lloq": {"transgene": 50.0}}, "{words}")],
    "aml_dual_antigen": [
        (readings, {"lloq": {"car_t": 0.2}, "estimated": AML_FITTED}, "{words}")
        for readings in (
            ["car_t"],
            ["car_t", "marrow_blasts"],
            ["car_t", "marrow_blasts", "il6", "ifng", "il10"],
        )
    ],
    "hardiansyah2019": [
        (CYTOKINES[:1], {}, "{words}"),
        (CYTOKINES, {}, "{told} of {all} directions"),
        ((*CYTOKINES, "cll_cells"), {}, "{words}"),
    ],
    "singh2021": [
        (["transgene"], {}, "{words}; {told} of {all} directions"),
        ({"transgene": 0.5, "mprotein": 0.1, "sbcma": 0.2}, {}, "{words}"),
    ],
    "kirouac2023": [
        (["car_t_per_ul"], {}, "{told} of {all} directions"),
        (
            ["car_t_per_ul", "tumour_cells"],
            {"estimated": ["um", "ue", "kex", "de2", "k_kill", "f_loss"]},
            "{words}",
        ),
    ],
}


@pytest.mark.parametrize("name", CARDS)
def test_the_card_says_what_is_computed(name: str) -> None:
    model = load_model(name)
    for readings, more, wanted in CARDS[name]:
        lloq = more.get("lloq") or {q: LIMITS[q] for q in readings if q in LIMITS}
        found = identifiability(model, readings, **{**more, "lloq": lloq})
        text = wanted.format(words=in_words(found), told=found.told, all=len(found.table))
        assert text in model.identifiability


def test_burden_growth_and_production_are_told_only_as_products() -> None:
    """Hardiansyah 2019 without counted B cells: one direction of no information, as on its card."""
    model = load_model("hardiansyah2019")
    found = identifiability(model, CYTOKINES, lloq={q: LIMITS[q] for q in CYTOKINES})
    worst = found.directions.iloc[0]
    assert worst["se"] == np.inf
    involved = pd.Series({"b_0": 1, "r_e": -1, "p_il6": -1, "p_il10": -1, "p_ifng": -1})
    weights = worst[involved.index].astype(float)
    np.testing.assert_allclose(weights * np.sign(weights["b_0"]), involved / np.sqrt(5), rtol=1e-2)
