"""Response at every assessment of a study, given and derived; relapse and progression likewise."""

from pathlib import Path

import pytest
from response_studies import MARROW, small_study

from cellkinetics.errors import SpecError, StudyError
from cellkinetics.outcome.relapse import relapse_and_progression
from cellkinetics.outcome.response import assessed
from cellkinetics.study import read_study

AML5 = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"


def rows(study, **options):
    return assessed(study, **options).set_index("line")


def test_the_contract_of_columns(tmp_path):
    out = assessed(small_study(tmp_path, assessments=f"{MARROW}\nA,28,,2,0,1.5,150\n"))
    assert list(out.columns) == [
        "subject", "time", "response", "source", "derived", "disagreement", "reason", "file",
        "line",
    ]  # fmt: skip
    assert out["disagreement"].dtype == bool


def test_no_assessments_at_all(tmp_path):
    out = assessed(small_study(tmp_path))
    assert out.empty
    assert "response" in out.columns


def test_every_response_of_the_shipped_study_is_derived_as_it_was_written():
    out = assessed(read_study(AML5))
    after = out[out["time"] > 0]
    assert len(after) == 30
    assert (after["derived"] == after["response"]).all()
    assert not after["disagreement"].any()


def test_under_eln2017_a_crh_is_a_disagreement():
    out = assessed(read_study(AML5), "ELN2017")
    assert set(out.loc[out["disagreement"], "response"]) == {"CRh"}
    assert list(out.loc[out["disagreement"], "derived"]) == ["MLFS", "CRi", "CRi", "CRi"]


def test_given_first_or_derived_first(tmp_path):
    study = small_study(
        tmp_path,
        assessments=f"{MARROW}\nA,28,CR,2,0,1.5,60\nA,60,,2,0,1.5,150\nB,28,CR,2,0,1.5,\n",
    )
    given, derived = rows(study), rows(study, prefer="derived")
    assert list(given["response"]) == ["CR", "CR", "CR"]
    assert list(given["source"]) == ["given", "derived", "given"]
    assert list(given["disagreement"]) == [True, False, False]
    assert given.loc[2, "reason"].startswith("CR given, CRh derived")
    # B's platelets are missing: CR is possible, so no disagreement, and the given one stands
    assert list(derived["response"]) == ["CRh", "CR", "CR"]
    assert list(derived["source"]) == ["derived", "derived", "given"]
    with pytest.raises(SpecError, match="Did you mean 'derived'"):
        assessed(study, prefer="derive")


def test_missing_counts_leave_the_least_that_is_certain(tmp_path):
    study = small_study(tmp_path, assessments=f"{MARROW}\nA,28,,2,0,1.5,\nB,28,,2,0,,\n")
    out = rows(study)
    assert list(out["response"]) == ["CRi", "MLFS"]
    assert out["derived"].isna().all()
    assert "at least CRi" in out.loc[2, "reason"]
    assert "platelets missing: CR or CRh or CRi" in out.loc[2, "reason"]
    assert "anc and platelets missing" in out.loc[3, "reason"]


def test_a_count_from_the_samples_stands_in_within_a_week(tmp_path):
    samples = (
        "subject,time,analyte,value,unit,cens,lloq\n"
        "A,21,platelets,150,10^9/L,0,5\nA,36,platelets,20,10^9/L,0,5\n"
        "B,40,platelets,150,10^9/L,0,5\nA,28,ANC,1500,cells/uL,0,50\n"
    )
    study = small_study(
        tmp_path, samples=samples, assessments=f"{MARROW}\nA,28,,2,0,,\nB,28,,2,0,1.5,\n"
    )
    out = rows(study)
    assert out.loc[2, "response"] == "CR"  # day 21 is within a week, day 36 is not
    assert "platelets from within 7 days" in out.loc[2, "reason"]
    assert out.loc[3, "derived"] is None


def test_a_count_in_a_unit_that_is_none_is_refused(tmp_path):
    samples = "subject,time,analyte,value,unit\nA,28,platelets,150,mg/L\n"
    study = small_study(tmp_path, samples=samples, assessments=f"{MARROW}\nA,28,,2,0,1.5,\n")
    with pytest.raises(StudyError, match=r"samples.csv, line 2, unit: got 'mg/L'.*10\^9/L"):
        assessed(study)


def test_nothing_counts_on_or_before_the_day_of_the_infusion(tmp_path):
    study = small_study(
        tmp_path,
        assessments=f"{MARROW}\nA,-5,CR,2,0,1.5,150\nA,0,CR,2,0,1.5,150\nA,1,,2,0,1.5,150\n",
    )
    out = rows(study)
    assert list(out["response"]) == [None, None, "CR"]
    assert not out["disagreement"].any()
    assert "not a response to the cells" in out.loc[2, "reason"]


def test_rows_of_one_day_are_read_together(tmp_path):
    """One row has the marrow, the other the counts."""
    study = small_study(
        tmp_path,
        assessments="subject,time,marrow_blasts_pct,blood_blasts_pct,anc,platelets\n"
        "A,28,2,0,,\nA,28,,,1.5,150\n",
    )
    out = rows(study)
    assert list(out["response"]) == ["CR", "CR"]
    assert "lines 2, 3 of one day together" in out.loc[2, "reason"]


def test_contradictory_rows_of_one_day_count_as_the_worse(tmp_path):
    study = small_study(
        tmp_path,
        assessments=f"{MARROW}\nA,28,CR,2,0,1.5,150\nA,28,NR,30,4,0.4,20\n"
        "B,28,CR,2,0,1.5,150\nB,28,NE,,,,\n",
    )
    out = rows(study)
    assert list(out["response"]) == ["NR", "NR", "CR", "CR"]  # NE says nothing
    assert list(out["disagreement"]) == [True, True, True, True]
    assert "CR and NR given on one day" in out.loc[2, "reason"]


def test_rows_without_a_marrow_are_no_assessment(tmp_path):
    study = small_study(
        tmp_path, assessments=f"{MARROW}\nA,10,,,,0.1,9\nA,12,,,,,\nB,28,,,3,0.1,9\n"
    )
    out = rows(study)
    assert list(out["response"]) == [None, None, "NR"]


def test_baseline_is_the_last_marrow_before_the_cells(tmp_path):
    study = small_study(
        tmp_path,
        assessments=f"{MARROW}\nA,-30,,80,10,,\nA,-3,,30,10,,\nA,28,,20,0,1.5,150\n"
        "B,-3,,40,10,,\nB,28,,20,0,1.5,150\n",
    )
    out = rows(study)
    assert (out.loc[4, "derived"], out.loc[6, "derived"]) == ("NR", "PR")


# ---- relapse and progression ----------------------------------------------------------------


def disease(tmp_path, assessments, events="", **tables):
    texts = {"events": f"subject,time,event\n{events}"} if events else {}
    return relapse_and_progression(
        small_study(tmp_path, assessments=f"{MARROW}\n{assessments}", **texts, **tables)
    )


def test_relapse_and_progression_of_the_shipped_study():
    out = relapse_and_progression(read_study(AML5))
    assert list(zip(out["subject"], out["event"], out["derived_time"], strict=True)) == [
        ("P03", "relapse", 180.0),
        ("P04", "progression", 60.0),
    ]
    assert not out["disagreement"].any()


def test_a_relapse_needs_a_remission(tmp_path):
    out = disease(tmp_path, "A,28,MLFS,2,0,0.1,9\nA,60,,30,2,0.1,9\n")
    assert "relapse" not in set(out["event"])


def test_a_derived_relapse_that_is_not_in_the_events_is_listed(tmp_path):
    out = disease(tmp_path, "A,28,CR,2,0,1.5,150\nA,60,,2,1,1.5,150\nA,90,,50,9,1,20\n")
    (row,) = out.to_dict("records")
    assert (row["event"], row["time"], row["source"]) == ("relapse", 60.0, "derived")
    assert row["disagreement"]
    assert "not in events.csv; blood blasts 1 %" in row["reason"]


def test_an_event_that_the_assessments_do_not_show_stands_and_is_listed(tmp_path):
    out = disease(tmp_path, "A,28,CR,2,0,1.5,150\n", "A,80,relapse\nB,50,progression\n")
    assert list(out["time"]) == [80.0, 50.0]
    assert list(out["disagreement"]) == [True, True]
    assert list(out["reason"]) == ["given; the assessments do not show it", "given; no assessments"]


@pytest.mark.parametrize("lost", ["A,60,,40,1,1.5,150", "A,60,NR,,,,"])
def test_a_relapse_that_the_responses_show_earlier_is_a_disagreement_and_counts(tmp_path, lost):
    """By findings and by a response alone: else a later data cut would move the relapse."""
    out = disease(tmp_path, f"A,28,CR,2,0,1.5,150\n{lost}\n", "A,65,relapse\n")
    (row,) = out.to_dict("records")
    assert (row["time"], row["given_time"], row["derived_time"]) == (60.0, 65.0, 60.0)
    assert (row["source"], row["disagreement"], row["line"]) == ("derived", True, 3)
    assert row["reason"] == (
        "NR after the remission of day 28; events.csv has it on day 65: the earlier day counts"
    )


def test_on_different_days_the_given_one_counts_if_it_is_the_earlier(tmp_path):
    out = disease(tmp_path, "A,28,CR,2,0,1.5,150\nA,60,,40,1,1.5,150\n", "A,55,relapse\n")
    (row,) = out.to_dict("records")
    assert (row["time"], row["source"], row["disagreement"]) == (55.0, "given", True)


@pytest.mark.parametrize(
    ("assessments", "progressed"),
    [
        ("A,-5,,40,5,0.3,20\nA,28,,60.1,5,0.3,20\n", True),  # more than half as much again
        ("A,-5,,40,5,0.3,20\nA,28,,60,5,0.3,20\n", False),
        ("A,-5,,10,5,0.3,20\nA,28,,24.9,5,0.3,20\n", False),  # 15 points under 30 %
        ("A,-5,,10,5,0.3,20\nA,28,,25,5,0.3,20\n", True),
        ("A,-5,,40,5,0.3,20\nA,28,,70,5,0.7,20\n", False),  # neutrophils doubled to above 0.5
        ("A,-5,,40,5,0.3,20\nA,28,,70,5,0.5,20\n", True),  # not above it
        ("A,-5,,40,5,0.3,20\nA,28,,70,5,0.3,60\n", False),  # platelets doubled to above 50
        ("A,-5,,75,5,0.3,20\nA,28,,80,5,0.3,20\nA,118,,72,5,0.3,20\n", True),  # over 90 days
        ("A,-5,,75,5,0.3,20\nA,28,,80,5,0.3,20\nA,117,,72,5,0.3,20\n", False),
        (
            "A,-5,,75,5,0.3,20\nA,28,,80,5,0.3,20\nA,60,,65,5,0.3,20\nA,150,,72,5,0.3,20\n",
            False,  # interrupted
        ),
        ("A,28,,70,5,0.3,20\n", False),  # no baseline
    ],
)
def test_progression(tmp_path, assessments, progressed):
    assert ("progression" in set(disease(tmp_path, assessments)["event"])) is progressed


@pytest.mark.parametrize(("now", "progressed"), [(51, True), (49, False)])
def test_progression_by_blood_blasts_needs_the_white_cells(tmp_path, now, progressed):
    wbc = (
        "subject,time,analyte,value,unit\n"
        f"A,-5,wbc,10000,cells/uL\nA,28,wbc,{now * 1000},cells/uL\n"
    )
    out = disease(tmp_path, "A,-5,,40,50,0.3,20\nA,28,,40,50,0.3,20\n", samples=wbc)
    assert ("progression" in set(out["event"])) is progressed


def test_new_extramedullary_disease_is_progression_old_is_not(tmp_path):
    head = "subject,time,marrow_blasts_pct,blood_blasts_pct,extramedullary\n"
    text = f"{head}A,-5,40,5,0\nA,28,40,5,1\nB,-5,40,5,1\nB,28,40,5,1\n"
    out = relapse_and_progression(small_study(tmp_path, assessments=text))
    assert list(out["subject"]) == ["A"]


def test_a_progression_before_a_remission_and_a_relapse_after_it(tmp_path):
    out = disease(
        tmp_path, "A,-5,,40,5,0.3,20\nA,14,,80,5,0.3,20\nA,60,CR,2,0,1.5,150\nA,90,,30,3,0.5,30\n"
    )
    assert list(zip(out["event"], out["time"], strict=True)) == [
        ("relapse", 90.0),
        ("progression", 14.0),
    ]
