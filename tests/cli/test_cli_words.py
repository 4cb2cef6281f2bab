"""What the terminal says of one, and of next to nothing."""

import math

import pytest

from cellkinetics.show.cells import cell, number
from cellkinetics.show.findings import print_findings
from cellkinetics.study.findings import finding


@pytest.mark.parametrize(
    ("value", "scale", "said"),
    [
        (2.36e-22, 100, "< 0.01"),
        (0.99e-4, 100, "< 0.01"),
        (1e-4, 100, "0.01"),
        (0.0, 100, "0"),
        (0.176, 100, "17.6"),
        (2.36e-20, 1, "2.36e-20"),
        (math.nan, 100, "-"),
    ],
)
def test_per_cent(value: float, scale: float, said: str) -> None:
    assert number(value, scale) == said


def test_an_interval_from_next_to_nothing() -> None:
    row = {
        "estimate": 0.176, "lower": 2.36e-22, "upper": 0.779, "level": 0.95, "note": "extrapolated",
    }  # fmt: skip
    assert cell(row, scale=100) == "17.6* [< 0.01, 77.9]"


def test_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings([finding("dose-outside-range", "infusions", came="1")], as_json=False)
    assert "0 errors, 1 warning, 0 info" in capsys.readouterr().out
