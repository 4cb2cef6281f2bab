"""A subject's course with bounds: by hand, and against the truth behind the limits."""

import numpy as np
import pandas as pd
import pytest
from cytokine_study import study_of
from hypothesis import given, settings
from hypothesis import strategies as st

from cellkinetics.outcome.cytokine_course import courses
from cellkinetics.outcome.cytokine_readings import Readings, read_cytokines
from cellkinetics.study.limits import INTERVAL, LEFT, OBSERVED, RIGHT


def course(tmp_path, rows, **options):
    readings = read_cytokines(study_of(tmp_path / "study", rows), until=365)
    return courses(readings, **options).iloc[0]


def bounds(row, name):
    return row[f"{name}_lower"], row[f"{name}_upper"], row[f"{name}_flag"]


PLAIN = ["S1,-5,il6,9", "S1,0,il6,4", "S1,3,il6,10", "S1,7,il6,100", "S1,14,il6,10", "S1,28,il6,6"]


def test_a_plain_course_by_hand(tmp_path):
    row = course(tmp_path, PLAIN)
    assert (row["baseline_day"], *bounds(row, "baseline")) == (0, 4, 4, "exact")
    assert (row["peak_day"], *bounds(row, "peak")) == (7, 100, 100, "exact")
    assert bounds(row, "fold") == (25, 25, "exact")
    area = 3 * 7 + 4 * 55 + 7 * 55 + 14 * 8
    assert (row["auc_until"], *bounds(row, "auc")) == (28, area, area, "exact")
    assert (row["return_lower"], row["return_upper"]) == (14, 28)
    assert row["elevated"] == "yes"
    assert row["reason"] is None


def test_peak_above_its_limit(tmp_path):
    rows = [*PLAIN[:3], "S1,7,il6,50,-1,,50", "S1,9,il6,50,-1,,50", *PLAIN[4:]]
    row = course(tmp_path, rows)
    assert bounds(row, "peak") == (50, np.inf, "above")
    assert bounds(row, "fold") == (12.5, np.inf, "above")
    assert (row["peak_day"], row["peak_day_lower"], row["peak_day_upper"]) == (7, 7, 9)
    assert bounds(row, "auc")[1:] == (np.inf, "above")


def test_a_diluted_run_over_the_cap_is_the_peak(tmp_path):
    """A cap of 50 on day 7 hides what may be more than the 80 read on day 9."""
    row = course(tmp_path, [*PLAIN[:3], "S1,7,il6,50,-1,,50", "S1,9,il6,80", *PLAIN[4:]])
    assert bounds(row, "peak") == (80, np.inf, "above")
    assert (row["peak_day"], row["peak_day_lower"], row["peak_day_upper"]) == (9, 7, 9)


def test_baseline_below_its_limit(tmp_path):
    rows = ["S1,0,il6,2,1,2", *PLAIN[2:5], "S1,28,il6,2,1,2"]
    row = course(tmp_path, rows)
    assert bounds(row, "baseline") == (0, 2, "below")
    assert bounds(row, "fold") == (50, np.inf, "above")
    # Below 4 for sure on day 28, but the baseline may be lower still: a return is not known.
    assert (row["return_lower"], row["return_upper"], row["return_possible"]) == (14, np.inf, 28)


def test_nothing_above_the_limit_has_no_peak_day(tmp_path):
    row = course(tmp_path, ["S1,0,il6,2,1,2", "S1,7,il6,2,1,2", "S1,28,il6,3,1,3"])
    assert bounds(row, "peak") == (0, 3, "below")
    assert bounds(row, "fold") == (0, np.inf, "unknown")
    assert np.isnan(row["peak_day"])
    assert (row["peak_day_lower"], row["peak_day_upper"]) == (7, 28)
    assert row["elevated"] == "unknown"
    assert "no reading after the infusion above its limit" in row["reason"]


def test_a_peak_that_never_doubled_has_no_return(tmp_path):
    row = course(tmp_path, ["S1,0,il6,10", "S1,7,il6,19", "S1,14,il6,5"])
    assert row["elevated"] == "no"
    assert np.isnan(row["return_upper"])


def test_a_return_that_was_not_seen_is_open(tmp_path):
    row = course(tmp_path, PLAIN[:5])
    assert (row["return_lower"], row["return_upper"]) == (14, np.inf)
    assert np.isnan(row["return_possible"])
    assert (row["auc_until"], row["reason"]) == (14, "the area ends before day 28")


def test_the_area_is_cut_at_its_end_and_may_be_asked_for_elsewhere(tmp_path):
    row = course(tmp_path, PLAIN, auc_days=10)
    at_10 = 100 + (10 - 100) * 3 / 7
    assert row["auc_lower"] == pytest.approx(3 * 7 + 4 * 55 + 3 * (100 + at_10) / 2)
    assert row["auc_until"] == 10


def test_a_cap_past_the_end_of_the_area_does_not_open_it(tmp_path):
    row = course(tmp_path, [*PLAIN, "S1,60,il6,50,-1,,50"])
    assert bounds(row, "auc")[2] == "exact"


def test_a_baseline_before_the_infusion_stands_at_day_0(tmp_path):
    row = course(tmp_path, [PLAIN[0], *PLAIN[2:]])
    assert row["baseline_day"] == -5
    assert row["auc_lower"] == pytest.approx(3 * 9.5 + 4 * 55 + 7 * 55 + 14 * 8)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (PLAIN[2:], "no reading before the infusion"),
        (PLAIN[:2], "no reading after the infusion"),
    ],
)
def test_half_a_course_says_so(tmp_path, rows, reason):
    row = course(tmp_path, rows)
    assert row["reason"] == reason
    assert np.isnan([row["fold_lower"], row["fold_upper"], row["auc_lower"]]).all()
    assert row["elevated"] is None


def test_every_treated_subject_and_analyte_has_a_row(tmp_path):
    study = study_of(
        tmp_path / "study",
        [*PLAIN, "S2,0,ifng,3", "S9,0,il6,3"],
        subjects=["S1", "S2", "S3", "S9"],
        infused=["S1", "S2", "S3"],
    )
    table = courses(read_cytokines(study, until=365))
    assert table["subject"].tolist() == ["S1", "S2", "S3"] * 2
    assert table.set_index(["analyte", "subject"])["reason"].loc[("il6", "S3")] == "no reading"


# ------------------------------------------------------------- bounds hold what they must hold

LEVEL = st.floats(0.5, 500).map(lambda x: float(f"{x:.3g}"))


@st.composite
def hidden(draw):
    """Courses, and the same courses seen through floors and caps that differ by reading."""
    truth, seen = [], []
    for subject in ("A", "B", "C"):
        for day in sorted(draw(st.sets(st.integers(-3, 40), min_size=2, max_size=12))):
            value = draw(LEVEL)
            floor, cap = draw(st.sampled_from([(0.1, 1e4), (5, 1e4), (0.1, 60), (20, 90)]))
            kind, low, high = OBSERVED, value, value
            if value < floor:
                kind, low, high = LEFT, 0.0, floor
                if value > 2 and draw(st.booleans()):
                    kind, low = INTERVAL, 2.0
            elif value > cap:
                kind, low, high = RIGHT, cap, np.inf
            truth.append((subject, "il6", float(day), value, value, OBSERVED, 0.0))
            seen.append((subject, "il6", float(day), low, high, kind, 0.0))
    columns = ["subject", "analyte", "time", "lower", "upper", "kind", "first"]
    return [
        Readings(pd.DataFrame(rows, columns=columns), pd.DataFrame(), ("A", "B", "C"), ("il6",), {})
        for rows in (truth, seen)
    ]


@settings(max_examples=60, deadline=None)
@given(hidden())
def test_bounds_hold_the_truth_behind_the_limits(pair):
    true, seen = (courses(readings) for readings in pair)
    for name in ("baseline", "peak", "fold", "auc"):
        exact = true[f"{name}_lower"]
        known = exact.notna()
        assert (seen[f"{name}_lower"].notna() == known).all()
        assert (seen[f"{name}_lower"] <= exact * (1 + 1e-12))[known].all(), name
        assert (seen[f"{name}_upper"] >= exact * (1 - 1e-12))[known].all(), name
    known = true["peak_day"].notna()
    assert (seen["peak_day_lower"] <= true["peak_day"])[known].all()
    assert (seen["peak_day_upper"] >= true["peak_day"])[known].all()
    for verdict in ("yes", "no"):
        said = seen["elevated"] == verdict
        assert (true["elevated"][said] == verdict).all()
    rose = seen["elevated"] == "yes"
    back = true["return_upper"][rose]
    assert (seen["return_lower"][rose] < back).all()
    assert (seen["return_upper"][rose] >= back).all()


@settings(max_examples=60, deadline=None)
@given(hidden(), st.floats(0.01, 100))
def test_scaling_the_readings_scales_peak_and_area_alone(pair, factor):
    readings = pair[1]
    table = readings.table
    scaled = Readings(
        table.assign(lower=table["lower"] * factor, upper=table["upper"] * factor),
        readings.left_out,
        readings.subjects,
        readings.analytes,
        {},
    )
    one, other = courses(readings), courses(scaled)
    for name in ("peak", "auc"):
        np.testing.assert_allclose(other[f"{name}_lower"], factor * one[f"{name}_lower"])
    for name in ("peak_day", "fold_lower"):
        np.testing.assert_allclose(other[name], one[name])
