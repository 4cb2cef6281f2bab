"""Stein 2019 against independent oracles: the paper's own form, areas, and Monte Carlo."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve
from cellkinetics.published import reproduce

Floats = NDArray[np.float64]
MODEL = load_model("stein2019")
TYPICAL = {q.name: q.typical for q in MODEL.parameters}
OMEGA = {q.name: q.omega for q in MODEL.parameters if q.omega is not None}


def area(until: float, theta: dict[str, Floats]) -> Floats:
    """AUC from 0 by the closed formula, for peaks before or after ``until``."""
    c_max, t_max, fold = theta["c_max"], theta["t_max"], theta["fold_expansion"]
    rho, start = np.log(fold) / t_max, c_max / fold
    up = start / rho * np.expm1(rho * np.minimum(t_max, until))
    u = np.maximum(until - t_max, 0.0)
    fast = (1 - theta["f_b"]) * c_max / theta["alpha"] * -np.expm1(-theta["alpha"] * u)
    slow = theta["f_b"] * c_max / theta["beta"] * -np.expm1(-theta["beta"] * u)
    return np.asarray(up + fast + slow)


def patients(count: int, seed: int, spread: dict[str, float]) -> dict[str, Floats]:
    """Parameters of virtual patients, with the given SDs on the log scale."""
    rng = np.random.default_rng(seed)
    return {
        name: TYPICAL[name] * np.exp(sd * rng.standard_normal(count)) for name, sd in spread.items()
    }


def geometric_cv(values: Floats) -> float:
    return float(100 * np.sqrt(np.expm1(np.log(values).var())))


def agrees_with_the_monte_carlo(spread: dict[str, float]) -> bool:
    """Whether AUC0-28d and Cmax of virtual patients have the published spread."""
    theta = patients(200_000, 11, spread)
    auc = area(28.0, theta)
    low, high = np.quantile(auc, [0.05, 0.95])
    return (
        abs(np.exp(np.log(auc).mean()) / 1.65e5 - 1) < 0.02
        and abs(geometric_cv(auc) - 100) < 4
        and abs(low / 4.1e4 - 1) < 0.03
        and abs(high / 6.3e5 - 1) < 0.03
        and abs(geometric_cv(theta["c_max"]) - 72.5) < 0.5
    )


def test_two_pools_are_the_effector_and_memory_of_the_paper() -> None:
    """Fig. 2: effectors E that become memory M at k = FB (alpha - beta) after the peak."""
    c_max, t_max, f_b = TYPICAL["c_max"], TYPICAL["t_max"], TYPICAL["f_b"]
    alpha, beta = TYPICAL["alpha"], TYPICAL["beta"]
    k = f_b * (alpha - beta)
    assert k == pytest.approx(0.00123872, abs=5e-9)
    days = np.array([9.3, 11.0, 14.0, 28.0, 90.0, 365.0])
    paper = solve_ivp(
        lambda t, y: [-alpha * y[0], k * y[0] - beta * y[1]],
        (t_max, 365.0),
        [c_max, 0.0],
        method="DOP853",
        t_eval=days,
        rtol=1e-12,
        atol=1e-12,
    )
    ours = solve(MODEL, None, days).transgene.values[0]
    np.testing.assert_allclose(paper.y.sum(axis=0), ours, rtol=1e-9)
    # Their memory starts at nothing and goes negative where beta > alpha; ours cannot.
    slow = solve(MODEL, {"alpha": 0.01, "beta": 0.05}, days)
    assert (slow.long_lived > 0).all()


def test_the_curve_is_continuous_at_the_peak() -> None:
    around = np.array([9.3 - 1e-9, 9.3, 9.3 + 1e-9])
    np.testing.assert_allclose(solve(MODEL, None, around).transgene.values[0], 24000, rtol=1e-8)


def test_areas_by_quadrature_are_those_of_the_formula() -> None:
    typical = {name: np.array(value) for name, value in TYPICAL.items()}
    areas = {x.name: x.computed for x in reproduce(MODEL) if x.name.startswith("AUC")}
    assert len(areas) == 8
    for name, computed in areas.items():
        until = np.inf if name == "AUC0-inf" else float(name.removeprefix("AUC0-")[:-1])
        assert computed == pytest.approx(float(area(until, typical)), rel=1e-8)
    # The paper's own formula leaves out the -R0/rho of the growth phase.
    rho, start = np.log(3900) / 9.3, 24000 / 3900
    assert areas["AUC0-inf"] + start / rho == pytest.approx(235058.26, abs=0.006)


@pytest.mark.parametrize(
    ("given", "peak"),
    [
        ({"t_tocilizumab": 5.7}, 45522.8),
        ({"t_tocilizumab": 20.0}, 24000.0),
        ({"t_corticosteroid": 5.0}, 24000.0),
        ({"t_tocilizumab": 5.0, "t_corticosteroid": 7.0}, 51557.1),
        ({"t_tocilizumab": 7.0, "t_corticosteroid": 5.0, "f_corticosteroid": 0.5}, None),
        ({"t_tocilizumab": 5.0, "t_corticosteroid": 7.0, "f_corticosteroid": 0.5}, None),
        ({"t_tocilizumab": 6.0, "t_corticosteroid": 6.0, "f_corticosteroid": 0.8}, None),
    ],
)
def test_comedication_follows_the_supplement(given: dict[str, float], peak: float | None) -> None:
    """R1, R2 and CmaxAdj of the supplement, the two treatments in order of time."""
    t_max, rho = 9.3, np.log(3900) / 9.3
    factors = [
        (given.get("t_tocilizumab", np.inf), 1.2),
        (given.get("t_corticosteroid", np.inf), given.get("f_corticosteroid", 1.0)),
    ]
    (t1, f1), (t2, f2) = sorted(factors)
    t1, t2 = min(t1, t_max), min(t2, t_max)
    r1 = 24000 / 3900 * np.exp(rho * t1)
    r2 = r1 * np.exp(f1 * rho * (t2 - t1))
    adjusted = r2 * np.exp(f1 * f2 * rho * (t_max - t2))
    found = float(solve(MODEL, given, [t_max]).transgene[0, 0])
    assert found == pytest.approx(adjusted, rel=1e-10)
    if peak is not None:
        assert found == pytest.approx(peak, abs=0.05)


def test_omegas_are_standard_deviations() -> None:
    assert agrees_with_the_monte_carlo(OMEGA)


def test_omegas_read_as_variances_are_the_wrong_branch() -> None:
    """One transcription does that; its spread of AUC0-28d is 145 %, of Cmax 96 %."""
    wrong = {name: float(np.sqrt(value)) for name, value in OMEGA.items()}
    assert not agrees_with_the_monte_carlo(wrong)
    theta = patients(200_000, 11, wrong)
    assert geometric_cv(area(28.0, theta)) == pytest.approx(145, abs=6)
    assert geometric_cv(theta["c_max"]) == pytest.approx(96, abs=1)


def test_the_standard_errors_of_the_table_only_allow_standard_deviations() -> None:
    """With 90 patients, no RSE of a typical value can be below omega / sqrt(90)."""
    for q in MODEL.parameters:
        if q.omega is not None and q.rse is not None:
            assert q.rse >= 0.95 * q.omega / np.sqrt(90), q.name
    t_max = next(q for q in MODEL.parameters if q.name == "t_max")
    assert t_max.omega is not None
    assert t_max.rse is not None
    assert t_max.rse < np.sqrt(t_max.omega) / np.sqrt(90)


def test_covariate_effects_are_those_of_the_full_model() -> None:
    found = {effect.name: effect.value for effect in MODEL.covariates}
    assert found == {
        "c_max~sex=F": 0.25,
        "c_max~race=Asian": 0.13,
        "c_max~race=other": 0.33,
        "c_max~down_syndrome=1": 0.25,
        "c_max~prior_hsct=1": 0.29,
        "c_max~fludarabine=0": -0.63,
        "c_max~study=B2205J": -0.11,
        "c_max~tocilizumab=1": 0.44,
        "c_max~corticosteroid=1": -0.36,
        "c_max~transduction_pct": 0.22,
        "c_max~cells_per_kg": 0.093,
    }
    assert {e.reference for e in MODEL.covariates if e.form == "power"} == {19.0, 3.1e6}
    assert {effect.rse for effect in MODEL.covariates} == {1.5}
