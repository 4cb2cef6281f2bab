"""Which reading a visit takes."""

import numpy as np
import pytest
from cytokine_study import study_of

from cellkinetics.errors import SpecError
from cellkinetics.outcome.cytokine_readings import read_cytokines
from cellkinetics.outcome.cytokine_visits import SCHEDULE, at_visits, log_bounds, windows


def test_windows_reach_half_way_and_end_a_month_after_the_last():
    table = windows(SCHEDULE)
    assert table["after"].tolist()[:4] == [0, 2.5, 5.5, 8.5]
    assert table["until"].tolist()[:3] == [2.5, 5.5, 8.5]
    assert table["until"].iloc[-1] == 395
    assert windows([7, 10])["until"].tolist() == [8.5, 11.5]


@pytest.mark.parametrize("days", [[], [0, 7], [7, 7], [14, 7], [7, np.nan]])
def test_days_out_of_order_are_refused(days):
    with pytest.raises(SpecError, match="in increasing order"):
        windows(days)


def test_the_nearest_is_taken_and_the_earlier_of_two(tmp_path):
    rows = [
        "S1,-6,il6,1", "S1,-1,il6,2", "S1,6,il6,3", "S1,8,il6,4", "S1,10,il6,5",
        "S1,11,il6,6", "S1,17,il6,7", "S1,18,il6,8",
    ]  # fmt: skip
    readings = read_cytokines(study_of(tmp_path / "study", rows), until=365)
    chosen = at_visits(readings, [7, 14])
    assert chosen[["visit", "time", "lower"]].values.tolist() == [
        [0, -1, 2], [7, 6, 3], [14, 11, 6],
    ]  # fmt: skip


def test_a_reading_half_way_belongs_to_the_earlier_visit(tmp_path):
    readings = read_cytokines(
        study_of(tmp_path / "study", ["S1,0,il6,1", "S1,12,il6,2", "S1,16,il6,3"]), until=365
    )
    assert at_visits(readings, [10, 14])["visit"].tolist() == [0, 10, 14]


def test_a_reading_past_the_last_window_is_at_no_visit(tmp_path):
    readings = read_cytokines(
        study_of(tmp_path / "study", ["S1,0,il6,1", "S1,7,il6,2", "S1,12,il6,9"]), until=365
    )
    assert at_visits(readings, [7, 9])["time"].tolist() == [0, 7]


def test_log_bounds_are_a_table_of_subjects_by_visits(tmp_path):
    rows = ["S2,0,il6,2,1,2", "S2,7,il6,8,-1,,8", "S1,7,il6,1", "S3,0,ifng,1"]
    readings = read_cytokines(study_of(tmp_path / "study", rows), until=365)
    chosen = at_visits(readings, [7])
    subjects, lower, upper = log_bounds(chosen, "il6", (0.0, 7.0))
    assert subjects == ("S1", "S2")
    np.testing.assert_allclose(lower, [[np.nan, 0], [-np.inf, np.log(8)]])
    np.testing.assert_allclose(upper, [[np.nan, 0], [np.log(2), np.inf]])
