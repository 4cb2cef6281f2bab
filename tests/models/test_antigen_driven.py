"""The antigen-driven model behaves as its equations were written to."""

import numpy as np
import pytest

from cellkinetics.catalogue import load_model
from cellkinetics.kernel.solve import solve

MODEL = load_model("antigen_driven")


def test_the_reference_dose_starts_at_the_written_numbers() -> None:
    start = solve(MODEL, None, [0.0])
    for name, value in (("effector", 0.1), ("memory", 0.02), ("tumour", 800.0)):
        assert float(start[name][0, 0]) == pytest.approx(value, rel=1e-12)


def test_expansion_then_killing_then_contraction() -> None:
    days = np.arange(0.0, 60.0)
    out = solve(MODEL, None, days)
    peak = int(out.car_t.values[0].argmax())
    assert 5 < peak < 20
    assert out.tumour_cells.values[0, 40] < 1e-4 * 800
    after = np.log(out.effector.values[0, peak + 10 : peak + 20])
    # With the tumour gone, effectors die at alpha and leave for memory at k.
    np.testing.assert_allclose(np.diff(after), -(0.25 + 0.03), rtol=1e-3)


def test_without_cells_the_tumour_grows_to_its_capacity_logistically() -> None:
    # Infusions of next to nothing: a state's logarithm needs something.
    days = np.array([0.0, 10.0, 30.0, 365.0])
    out = solve(MODEL, {"m_0": 1e-30, "rho": 1e-6}, days, infusions=[(0.0, 1e-30)])
    grown = 2000 / (1 + (2000 / 800 - 1) * np.exp(-0.08 * days))
    np.testing.assert_allclose(out.tumour.values[0], grown, rtol=1e-6)


def test_a_second_infusion_adds_to_the_effectors() -> None:
    days = np.array([29.0, 30.0, 30.0 + 1e-6])
    once = solve(MODEL, None, days)
    twice = solve(MODEL, None, days, infusions=[(0.0, 1e8), (30.0, 1e9)])
    np.testing.assert_allclose(twice.effector.values[0, :2], once.effector.values[0, :2], rtol=1e-6)
    added = float(twice.effector[0, 2] - once.effector[0, 2])
    assert added == pytest.approx(0.005 * 1e9 / 5e6, rel=1e-4)
