"""A window that ends after the data cut has no rate: nobody was seen through it."""

import numpy as np
import pytest
from response_studies import small_study

from cellkinetics.outcome.best_response import response
from cellkinetics.outcome.mrd_rate import mrd

# the window day_28 of small_study is day 21 to 35
ROWS = "subject,time,response,mrd_status\nA,1,CR,negative\nB,1,NR,positive\nA,28,CR,negative\n"


def rates(study, cutoff):
    return {
        answer.name: answer.numbers.set_index("quantity")
        for answer in (response(study, cutoff=cutoff), mrd(study, cutoff=cutoff))
    }


@pytest.mark.parametrize(("cutoff", "known"), [(1, False), (34, False), (35, True), (None, True)])
def test_a_window_after_the_cut(tmp_path, cutoff, known):
    got = rates(small_study(tmp_path, assessments=ROWS), cutoff)
    for name, what in (("response", "ORR"), ("mrd", "MRD-negative")):
        row = got[name].loc[[f"{what}, day_28 (of all treated)"]].iloc[0]
        assert (row["n"], np.isnan(row["estimate"])) == ((2, False) if known else (0, True))
        ends = f"window ends after the cut (day {cutoff})"
        assert (ends in row["note"]) == (not known)
        assert got[name].loc[[f"{what} (of all treated)"]].iloc[0]["n"] == 2  # up to the cut


def test_the_subjects_own_cuts_are_cuts(tmp_path):
    for cuts, known in (("30\nB,34", False), ("30\nB,", True)):
        study = small_study(
            tmp_path / str(known),
            assessments=ROWS,
            subjects=f"subject,data_cut\nA,{cuts}\n",
        )
        row = rates(study, None)["response"].loc[["ORR, day_28 (of all treated)"]].iloc[0]
        assert np.isfinite(row["estimate"]) == known


def test_a_number_names_the_last_day_that_it_could_have_seen(tmp_path):
    study = small_study(tmp_path, assessments=ROWS)
    for name, what in (("response", "ORR"), ("mrd", "MRD-negative")):
        for cutoff, last in ((29.5, "29.5"), (None, "365"), (400, "365")):
            row = rates(study, cutoff)[name].loc[[f"{what} (of all treated)"]].iloc[0]
            assert row["note"].startswith(f"day 0 to {last};")
    text = response(study, cutoff=29.5).definition + mrd(study, cutoff=29.5).definition
    assert "overall: day 0 to 29.5" in text
    assert "after day 0 to day 29.5" in text
    assert "365" not in text


def test_who_was_cut_before_the_window_ends_is_said(tmp_path):
    """A response may yet come: B is no responder so far, A is one whenever the cut was."""
    study = small_study(
        tmp_path, assessments=ROWS, subjects="subject,data_cut\nA,30\nB,20\nC,40\nD,\n"
    )
    got = rates(study, None)
    for name, what in (("response", "ORR"), ("mrd", "MRD-negative")):
        said = "data cut before its end, counted as without: 1"
        row = got[name].loc[[f"{what}, day_28 (of all treated)"]].iloc[0]
        assert (row["n"], row["events"]) == (4, 1)
        assert row["note"].endswith(said)
        assert (
            "counted as without: 2" in got[name].loc[[f"{what} (of all treated)"]].iloc[0]["note"]
        )
        evaluated = got[name].loc[[f"{what}, day_28 (of evaluated)"]].iloc[0]
        assert "data cut" not in evaluated["note"]
