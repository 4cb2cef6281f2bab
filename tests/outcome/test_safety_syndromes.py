"""ASTCT grades of CRS and ICANS, the courses they make, and grades as reported."""

import math
from pathlib import Path

import numpy as np
import pytest
from response_studies import small_study

from cellkinetics.outcome.safety.adverse import adverse_events
from cellkinetics.outcome.safety.answer import safety
from cellkinetics.outcome.safety.astct import crs_grade, icans_grade
from cellkinetics.outcome.safety.medication import medication
from cellkinetics.outcome.safety.syndromes import crs, icans
from cellkinetics.study import read_study

AML5 = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"
NAN = math.nan


@pytest.mark.parametrize(
    ("temperature", "hypotension", "vasopressors", "oxygen", "grade"),
    [  # Lee 2019, Table 2
        (37.9, False, 0, "none", 0),
        (38.0, False, 0, "none", 1),
        (38.5, True, 0, "none", 2),
        (38.5, False, 0, "low_flow", 2),
        (38.5, True, 1, "none", 3),
        (38.5, False, 0, "high_flow", 3),
        (38.5, True, 2, "none", 4),
        (38.5, False, 0, "positive_pressure", 4),
        (38.5, True, 1, "low_flow", 3),  # the more severe of the two
        (38.5, True, 0, "positive_pressure", 4),
        (37.0, True, 2, "positive_pressure", 0),  # no fever, no CRS
        (38.5, None, NAN, None, 1),
        (38.5, None, 1, None, 3),  # a vasopressor means hypotension
        (NAN, True, 0, "none", None),
    ],
)
def test_crs_at_one_time(temperature, hypotension, vasopressors, oxygen, grade):
    assert crs_grade(temperature, hypotension, vasopressors, oxygen) == grade


def test_fever_is_waived_after_tocilizumab():
    assert crs_grade(37.0, True, 1, "none", fever_waived=True) == 3
    assert crs_grade(NAN, True, 0, "none", fever_waived=True) == 2
    assert crs_grade(37.0, False, 0, "none", fever_waived=True) == 0
    assert crs_grade(37.0, None, NAN, None, fever_waived=True) == 0
    assert crs_grade(NAN, None, NAN, None, fever_waived=True) is None


@pytest.mark.parametrize(
    ("score", "grade"), [(10, 0), (9, 1), (7, 1), (6, 2), (3, 2), (2, 3), (0, 3), (NAN, None)]
)
def test_icans_by_the_ice_score(score, grade):
    assert icans_grade(score) == grade


VITALS = "subject,time,temperature_c,hypotension,vasopressors,oxygen,ice_score"
TOX = "subject,time,end,term,soc,kind,scale,grade,dlt"
TOCI = "subject,time,end,drug,dose,unit,kind"


def crs_of(tmp_path, vitals="", toxicities="", treatments="", **tables):
    if vitals:
        tables["vitals"] = f"{VITALS}\n{vitals}"
    if toxicities:
        tables["toxicities"] = f"{TOX}\n{toxicities}"
    if treatments:
        tables["treatments"] = f"{TOCI}\n{treatments}"
    study = small_study(tmp_path, **tables)
    events = adverse_events(study)
    used = events[events["not_used"].isna()]
    return {
        "crs": crs(study, used, medication(study)).set_index("subject"),
        "icans": icans(study, used).set_index("subject"),
        "safety": safety(study),
    }


def test_the_shipped_study_is_graded_as_its_author_graded_it():
    """Grade, onset and end of every CRS and ICANS, from vital signs alone."""
    got = safety(read_study(AML5)).more
    assert list(got["crs"]["derived_grade"]) == [2, 3, 1, 1, 2]
    assert list(got["crs"]["onset"]) == [7, 4, 7, 11, 7]
    assert list(got["crs"]["end"]) == [12, 13, 9, 13, 12]
    assert list(got["icans"]["grade"]) == [0, 2, 0, 0, 0]
    assert (got["icans"]["onset"][1], got["icans"]["end"][1]) == (7, 12)
    assert not got["crs"]["disagreement"].any()


def test_hypotension_without_fever_counts_only_after_tocilizumab(tmp_path):
    vitals = "A,5,38.5,0,0,none,\nA,6,37.2,1,1,none,\nA,7,37.0,0,0,none,\n"
    without = crs_of(tmp_path / "a", vitals)["crs"].loc["A"]
    assert (without["grade"], without["end"]) == (1, 6)
    toci = "A,6,6,tocilizumab,8,mg/kg,\n"  # kind not stated: read from the name
    given = crs_of(tmp_path / "b", vitals, treatments=toci)["crs"].loc["A"]
    assert (given["grade"], given["onset"], given["end"], given["duration"]) == (3, 5, 7, 3)
    # given too late
    late = crs_of(tmp_path / "c", vitals, treatments="A,9,9,tocilizumab,8,mg/kg,\n")["crs"].loc["A"]
    assert late["grade"] == 1


def test_hypotension_after_the_course_is_not_crs_even_after_tocilizumab(tmp_path):
    vitals = "A,5,39,0,0,none,\nA,6,37,0,0,none,\nA,20,37,1,1,low_flow,\n"
    got = crs_of(tmp_path, vitals, treatments="A,5,5,tocilizumab,8,mg/kg,\n")["crs"].loc["A"]
    assert (got["grade"], got["end"]) == (1, 6)


def test_a_late_fever_is_not_crs(tmp_path):
    got = crs_of(tmp_path, "A,31,39,1,1,none,\nB,30,39,0,0,none,\nB,31,39,1,0,none,\n")["crs"]
    assert list(got["grade"]) == [0, 2]  # B began on day 30
    assert np.isnan(got.loc["B", "end"])  # not seen to end
    assert np.isnan(got.loc["B", "duration"])


def test_signs_that_cannot_be_graded_do_not_end_a_course(tmp_path):
    got = crs_of(tmp_path, "A,5,39,0,0,none,\nA,6,,,,,\nA,7,39,1,0,none,\nA,8,37,0,0,none,\n")
    assert (got["crs"].loc["A", "grade"], got["crs"].loc["A", "onset"]) == (2, 5)


def test_two_courses_give_the_worst_grade_from_the_first_day_to_the_last(tmp_path):
    vitals = "A,5,39,1,0,none,\nA,6,37,0,0,none,\nA,9,38.2,0,0,none,\nA,11,37,0,0,none,\n"
    got = crs_of(tmp_path, vitals)["crs"].loc["A"]
    assert (got["grade"], got["onset"], got["end"], got["duration"]) == (2, 5, 11, 7)


def test_fever_before_the_infusion_is_not_crs(tmp_path):
    assert crs_of(tmp_path, "A,-1,39,1,2,none,\n")["crs"].loc["A", "grade"] == 0


def test_reported_where_no_signs_were_taken_in_the_episode(tmp_path):
    got = crs_of(
        tmp_path,
        "A,0,36.5,0,0,none,10\nB,8,38.5,0,0,none,10\nB,9,37,0,0,none,10\n",
        "A,5,9,CRS,Immune,CRS,Penn,3,\nB,8,9,CRS,Immune,CRS,ASTCT,2,\n",
    )["crs"]
    a, b = got.loc["A"], got.loc["B"]
    assert (a["grade"], a["scale"], a["source"], a["duration"]) == (3, "Penn", "reported", 5)
    assert (b["grade"], b["scale"], b["source"]) == (1, "ASTCT", "derived")
    assert b["disagreement"]
    assert "reported grade 2 (ASTCT)" in b["reason"]


def test_scales_are_never_mixed(tmp_path):
    got = crs_of(
        tmp_path,
        toxicities="A,5,9,CRS,Immune,CRS,Penn,3,\nB,5,9,CRS,Immune,CRS,ASTCT,1,\n"
        "C,5,9,CRS,Immune,CRS,Penn,3,\nC,12,14,CRS,Immune,CRS,Lee2014,1,\n",
        subjects="subject\nA\nB\nC\nD\n",
    )
    rows = got["safety"].numbers
    rows = rows[rows["method"] == "Clopper-Pearson"].set_index("quantity")
    assert (rows.loc["CRS of any grade", "events"], rows.loc["CRS of any grade", "n"]) == (3, 4)
    # Penn: A and D (who had none); B has another scale, C has two
    penn = rows.loc["CRS of grade >= 3 (Penn)"]
    assert (penn["events"], penn["n"]) == (1, 2)
    assert "2 graded on another scale" in penn["note"]
    astct = rows.loc["CRS of grade >= 3 (ASTCT)"]
    assert (astct["events"], astct["n"]) == (0, 2)
    assert got["crs"].loc["C", "scale"] == "Penn and Lee2014"
    assert np.isnan(got["crs"].loc["C", "grade"])


@pytest.mark.parametrize("kind", ["CRS", "ICANS"])
def test_an_astct_grade_stands_beside_another_scale(tmp_path, kind):
    row = f"5,9,{kind},Immune,{kind}"
    got = crs_of(
        tmp_path,
        toxicities=f"A,{row},ASTCT,1,\nB,{row},Penn,4,\nB,{row},ASTCT,3,\n",
        subjects="subject\nA\nB\n",
    )
    b = got[kind.lower()].loc["B"]
    assert (b["grade"], b["scale"], b["reported_scale"]) == (3, "ASTCT", "Penn and ASTCT")
    rows = got["safety"].numbers
    rows = rows[rows["method"] == "Clopper-Pearson"].set_index("quantity")
    worse = rows.loc[f"{kind} of grade >= 3 (ASTCT)"]
    assert (worse["events"], worse["n"]) == (1, 2)
    assert f"{kind} of grade >= 3 (Penn)" not in rows.index


def test_a_fatal_crs_stays_fatal(tmp_path):
    got = crs_of(
        tmp_path,
        "A,5,39,1,2,none,10\n",
        "A,5,6,CRS,Immune,CRS,ASTCT,5,\n",
        events="subject,time,event\nA,6,death\nB,100,last_contact\n",
    )["crs"].loc["A"]
    assert (got["grade"], got["derived_grade"], got["source"]) == (5, 4, "reported")


def test_a_reported_icans_above_ice_stands_below_it_is_a_disagreement(tmp_path):
    got = crs_of(
        tmp_path,
        "A,6,37,0,0,none,8\nB,6,37,0,0,none,2\n",
        "A,6,8,seizure,Nervous,ICANS,ASTCT,3,\nB,6,8,ICANS,Nervous,ICANS,ASTCT,1,\n",
    )["icans"]
    a, b = got.loc["A"], got.loc["B"]
    assert (a["grade"], a["source"], a["disagreement"]) == (3, "reported", False)
    assert "ICE alone gives at least 1" in a["reason"]
    assert (b["grade"], b["source"], b["disagreement"]) == (3, "derived", True)


def test_neither_signs_nor_report_counts_as_none_and_says_so(tmp_path):
    got = crs_of(tmp_path)["crs"]
    assert list(got["grade"]) == [0, 0]
    assert "none reported: counts as none" in got.loc["A", "reason"]


def test_a_grade_that_is_not_stated_is_an_event_without_a_grade(tmp_path):
    got = crs_of(tmp_path, toxicities="A,5,,CRS,Immune,CRS,,,\n")
    assert np.isnan(got["crs"].loc["A", "grade"])
    rows = got["safety"].numbers.set_index("quantity")
    assert rows.loc["CRS of any grade", "events"].iloc[0] == 1
    assert rows.loc["CRS, duration", "n"] == 0
    assert np.isnan(rows.loc["CRS, duration", "estimate"])
