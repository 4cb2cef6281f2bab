"""A window that ends after Tlast: from Clast as read, or as Phoenix WinNonlin extrapolates it."""

import math

import numpy as np
import pytest

from cellkinetics.errors import SpecError
from cellkinetics.exposure import describe_rules, make_rules, metrics_of, parse_blq
from cellkinetics.exposure.areas import area

TIMES = np.array([0.0, 2, 5, 8, 12])
VALUES = np.array([0.0, 90, 60, 20, 14])  # the last lies above the line through the last three
SLOPE, INTERCEPT = np.polyfit(TIMES[2:], np.log(VALUES[2:]), 1)


def got(metric: str, values: np.ndarray = VALUES, **options: object) -> float:
    table = metrics_of(TIMES, values, **options).set_index("metric")  # type: ignore[arg-type]
    return float(table["value"][metric])


def line(day: float) -> float:
    return float(np.exp(INTERCEPT + SLOPE * day))


def log_trapezoid(one: float, two: float, width: float) -> float:
    return width * (one - two) / math.log(one / two)


def up_to_last(trapezoid: str) -> float:
    return float(area(TIMES, VALUES, trapezoid).sum())  # type: ignore[arg-type]


def test_the_line_is_the_one_expected() -> None:
    assert got("lambda_z") == pytest.approx(-SLOPE)
    assert got("Clast_pred") == pytest.approx(line(12))
    assert line(12) < 14


@pytest.mark.parametrize("trapezoid", ["linlog", "linear"])
def test_past_the_last_reading_by_hand(trapezoid: str) -> None:
    """Observed: 14 falling at lambda_z. Predicted: logarithmic from 14 to the line at day 28."""
    start = up_to_last(trapezoid)
    observed = got("AUC0-28d", trapezoid=trapezoid)
    assert observed == pytest.approx(start + 14 / -SLOPE * (1 - math.exp(SLOPE * 16)))
    predicted = got("AUC0-28d", trapezoid=trapezoid, tail="predicted")
    assert predicted == pytest.approx(start + log_trapezoid(14, line(28), 16))
    assert predicted < observed * 0.999


def test_a_window_that_begins_after_the_last_reading() -> None:
    options = {"windows": [(15.0, 28.0)]}
    exact = 1 / -SLOPE * (1 - math.exp(SLOPE * 13))
    assert got("AUC15-28d", tail="predicted", **options) == pytest.approx(line(15) * exact)
    start = 14 * math.exp(SLOPE * 3)
    assert got("AUC15-28d", **options) == pytest.approx(start * exact)


def test_where_the_last_reading_is_on_the_line_both_are_the_integral() -> None:
    values = np.where(TIMES > 0, 100 * np.exp(-0.3 * TIMES), 0.0)
    want = float(area(TIMES, values, "linlog").sum())
    want += values[-1] / 0.3 * (1 - math.exp(-0.3 * 16))
    for tail in ("observed", "predicted"):
        assert got("AUC0-28d", values, tail=tail) == pytest.approx(want)


def test_a_last_reading_below_the_line_rises_to_it_linearly() -> None:
    """Phoenix: the linear rule holds where an interval does not fall."""
    values = np.array([0.0, 90, 60, 50, 0.5])
    slope, intercept = np.polyfit(TIMES[2:], np.log(values[2:]), 1)
    end = float(np.exp(intercept + slope * 12.5))
    assert end > 0.5
    window = {"windows": [(0.0, 12.5)], "tail": "predicted"}
    last = float(area(TIMES, values, "linlog").sum())
    assert got("AUC0-12.5d", values, **window) == pytest.approx(last + 0.25 * (0.5 + end))


def test_a_level_that_underflows_leaves_the_whole_tail() -> None:
    times, values = np.array([0.0, 1, 2, 3]), np.array([1e9, 1e6, 1e3, 1.0])
    for tail in ("observed", "predicted"):
        table = metrics_of(times, values, route="bolus", tail=tail, windows=[(0.0, 365.0)])
        table = table.set_index("metric")["value"]
        assert table["AUC0-365d"] == pytest.approx(table["AUCinf_obs"], rel=1e-9)


def test_the_rule_is_printed_and_a_slip_refused() -> None:
    assert "Phoenix WinNonlin" in describe_rules(make_rules(None, {"tail": "predicted"}))
    assert "Phoenix WinNonlin" not in describe_rules(make_rules(None, {}))
    with pytest.raises(SpecError, match=r"tail = 'predictd' .* Did you mean 'predicted'"):
        make_rules(None, {"tail": "predictd"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("between", r"--blq 'between': wanted PLACE=RULE"),
        ("between=", r"--blq between= is not a rule. Known: zero, drop, half, lloq"),
        ("between=hlaf", r"--blq between=hlaf is not a rule. .* Did you mean 'half'"),
        ("after=half", r"--blq after=half is not a rule. Known: drop, zero"),
        ("", r"--blq '': wanted PLACE=RULE"),
        ("after=drop,after=zero", r"--blq names after twice: drop and zero"),
    ],
)
def test_a_place_without_a_rule_is_refused(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        parse_blq(text)
