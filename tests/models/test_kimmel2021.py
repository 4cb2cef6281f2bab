"""Kimmel 2021 against an independent integration, the paper's statements, and its last cells."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve
from cellkinetics.simulation.hybrid import probability_of_cure, simulate_hybrid

MODEL = load_model("kimmel2021")
CELLS_PER_ML = 1e9


def biomodels(t: float, y: np.ndarray) -> list[float]:
    """BIOMD0000001041, written out anew: N, C in cells/uL, B in mL."""
    n, c, b = y
    total = n + c
    r_c = 0.0251 + 0.525 * (total - 500) ** 2 / (0.423 * total**2 + (total - 500) ** 2)
    return [
        -0.17 * n * np.log(total / 500),
        -r_c * c * np.log(total / 139),
        0.01 * b - 1.15 * b * c / (4.05 + c),
    ]


def test_the_equations_are_those_of_biomodels() -> None:
    days = np.array([0.0, 1.0, 3.0, 7.0, 9.0, 14.0, 28.0])
    peer = solve_ivp(
        biomodels, (0, 28), [6.0, 0.36, 94.86], method="DOP853", t_eval=days, rtol=1e-12, atol=1e-20
    ).y
    ours = solve(MODEL, None, days, rtol=1e-10)
    for name, wanted in zip(("normal_t_cells", "car_t_cells", "tumour"), peer, strict=True):
        np.testing.assert_allclose(ours[name].values[0], wanted, rtol=1e-7)


def test_the_formula_printed_in_the_text_is_another_model() -> None:
    """b (T-K)^2 / (a / (T^2 + (T-K)^2)) does not saturate: expansion would be far too fast."""
    total = 6.36
    printed = 0.525 * (total - 500) ** 2 / (0.423 / (total**2 + (total - 500) ** 2))
    figure = 0.525 * (total - 500) ** 2 / (0.423 * total**2 + (total - 500) ** 2)
    assert figure == pytest.approx(0.525, rel=1e-3)
    assert printed > 1e9


def test_counts_follow_the_text() -> None:
    days = np.arange(0.0, 181.0, 0.25)
    out = solve(MODEL, None, days)
    car_t = out.car_t.values[0]
    # "CAR T expansion occurs rapidly within the first two weeks"; Fig. 2b peaks at 30 to 35.
    assert 5 < days[car_t.argmax()] < 14
    assert 25 < car_t.max() < 40
    # "the median patient still retains levels comparable to their value at infusion by day 90".
    assert car_t[days == 90][0] == pytest.approx(0.36, rel=0.1)
    # Inside the quartiles of the Moffitt patients on day 28, and below their median on day 14.
    assert 0.6 < car_t[days == 28][0] < 6.1
    # Lymphocytes return to their capacity as CAR-T cells are outgrown.
    assert out.lymphocytes.values[0, -1] == pytest.approx(500, rel=0.01)


def test_the_tumour_cannot_vanish_in_the_equations() -> None:
    """ "Tumour eradication is deterministically unstable": far below one cell, it still returns."""
    days = np.array([86.0, 400.0])
    tumour = solve(MODEL, {"r_b": 0.1}, days).tumour.values[0] * CELLS_PER_ML
    assert tumour[0] < 2
    assert tumour[1] > 1.2 * 94.86 * CELLS_PER_ML


def test_it_shrinks_above_the_stated_number_of_car_t_cells() -> None:
    for r_b in (0.01, 0.1, 0.5):
        level = 4.05 * r_b / (1.15 - r_b)
        for factor, shrinks in ((0.99, False), (1.01, True)):
            cells = factor * level * 5e8
            out = solve(MODEL, {"r_b": r_b, "n_0": 1e-3}, [0.0, 1e-4], infusions=[(0.0, cells)])
            tumour = out.tumour.values[0]
            assert (tumour[1] < tumour[0]) == shrinks


def test_cure_and_progression_come_when_the_paper_says() -> None:
    """ "Most ... resulted in cure between days 20 and 80", rarely to day 140; PD on 200 to 500."""
    rates = np.repeat([0.01, 0.05, 0.08, 0.1, 0.12, 0.15, 0.18], 60)
    out = simulate_hybrid(MODEL, {"r_b": rates}, [0.0, 500.0], seed=1)
    extinct, progressed = out.extinct.values.ravel(), out.progressed.values.ravel()
    cured = extinct[out.response.values.ravel() == "CR"]
    assert np.mean((cured > 20) & (cured < 80)) > 0.75
    assert cured.min() > 20
    assert cured.max() < 160
    late = progressed[out.response.values.ravel() == "PD"]
    assert np.mean((late > 200) & (late < 500)) > 0.9


def test_cure_depends_on_growth_killing_and_the_product_s_capacity() -> None:
    """Fig. 3c: the treatment works if CAR-T cells last; slower tumours are cured more often."""

    def cured(**changed: float) -> float:
        out = simulate_hybrid(MODEL, changed, [0.0, 365.0], seed=2, replicates=150)
        return probability_of_cure(out).probability

    assert cured(r_b=0.05) > 0.95
    assert cured(r_b=0.2) == 0.0
    middle = cured(r_b=0.11)
    assert 0.1 < middle < 0.9
    assert cured(r_b=0.11, k_c=139 * 1.3) > middle + 0.1
    assert cured(r_b=0.11, gamma_b=1.15 * 0.9) < middle - 0.1
    # Lymphodepletion: more normal cells at infusion, less expansion.
    assert cured(r_b=0.11, n_0=60.0) < middle - 0.1


def test_the_threshold_hardly_matters() -> None:
    """As the paper says of its own choice of 100."""
    shares = []
    for threshold in (30.0, 100.0, 400.0):
        out = simulate_hybrid(
            MODEL, {"r_b": 0.1}, [0.0, 365.0], seed=3, replicates=1000, threshold=threshold
        )
        shares.append(probability_of_cure(out).probability)
    error = np.sqrt(0.25 / 1000)
    assert np.ptp(shares) < 4 * error


def test_the_published_quartiles_are_those_of_the_omegas() -> None:
    omega = {q.name: q.omega for q in MODEL.parameters if q.omega is not None}
    for name, low, high in (("k_c", 6.15, 9.65), ("gamma_b", 0.64, 1.35), ("k_b", 1.40, 3.125)):
        assert np.exp(2 * 0.6745 * omega[name]) == pytest.approx(high / low, rel=1e-3)
