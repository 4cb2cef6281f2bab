"""Ogasawara 2021: the declared uncertainties follow from the published intervals."""

import numpy as np
import pytest

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve

MODEL = load_model("ogasawara2021")
DECLARED = {q.name: q for q in MODEL.parameters}


@pytest.mark.parametrize(
    ("name", "mean", "low", "high"),
    [
        ("t_lag", 3.27, 2.71, 3.97),
        ("t_double", 0.755, 0.667, 0.821),
        ("t_half_initial", 5.00, 4.15, 5.90),
        ("t_half_terminal", 352.0, 241.0, 647.0),
    ],
)
def test_uncertainty_is_the_width_of_the_published_interval(
    name: str, mean: float, low: float, high: float
) -> None:
    q = DECLARED[name]
    assert q.typical == mean
    assert q.rse == pytest.approx(np.log(high / low) / (2 * 1.96), abs=0.003)


def test_the_peak_is_the_lag_and_the_growth() -> None:
    assert DECLARED["t_lag"].typical + DECLARED["t_growth"].typical == pytest.approx(9.29)
    peak_error, lag_error = (9.70 - 8.81) / 3.92, 3.27 * 0.098
    growth_error = np.hypot(peak_error, lag_error)
    assert DECLARED["t_growth"].rse == pytest.approx(growth_error / 6.02, abs=0.002)


def test_nothing_changes_during_the_lag_and_the_peak_is_the_highest() -> None:
    days = np.array([0.0, 1.0, 3.26, 3.5, 9.29, 9.4, 12.0])
    level = solve(MODEL, None, days).transgene.values[0]
    np.testing.assert_allclose(level[:3], level[0], rtol=1e-12)
    assert level[3] > level[0]
    assert level.argmax() == 4
    assert level[4] == pytest.approx(24000, rel=1e-9)
