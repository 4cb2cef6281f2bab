"""MRD: one sample's verdict, and the rate over subjects with its two denominators."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from response_studies import small_study

from cellkinetics.errors import SpecError, StudyError
from cellkinetics.outcome.mrd import NEGATIVE, NOT_EVALUABLE, POSITIVE, judge, mrd_samples
from cellkinetics.outcome.mrd_rate import mrd
from cellkinetics.study import read_study

AML5 = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"
NAN = math.nan
HEAD = "subject,time,response,mrd_value,mrd_lod,mrd_status"


@pytest.mark.parametrize(
    ("value", "lod", "status", "verdict", "disagreement"),
    [
        (0.05, 0.01, None, NEGATIVE, False),
        (0.05, 0.01, "negative", NEGATIVE, False),
        (0.1, 0.01, None, POSITIVE, False),  # at the cut-off
        (0.0999, 0.01, None, NEGATIVE, False),
        (2.0, 0.01, "positive", POSITIVE, False),
        (2.0, 0.01, "negative", POSITIVE, True),  # the value decides
        (0.05, 0.01, "positive", NEGATIVE, True),
        (0.05, 0.2, None, NOT_EVALUABLE, False),  # detection limit above the cut-off
        (0.05, 0.2, "negative", NOT_EVALUABLE, True),
        (0.0, 0.1, None, NEGATIVE, False),  # limit at the cut-off
        (2.0, 0.2, None, POSITIVE, False),  # above the cut-off whatever the limit
        (NAN, 0.01, "negative", NEGATIVE, False),
        (NAN, 0.2, "negative", NOT_EVALUABLE, True),
        (NAN, 0.2, "positive", POSITIVE, False),
        (NAN, NAN, "negative", NEGATIVE, False),  # no limit stated: said
        (NAN, NAN, "positive", POSITIVE, False),
        (NAN, 0.01, None, NOT_EVALUABLE, False),
        (NAN, 0.01, "not_evaluable", NOT_EVALUABLE, False),
        (0.05, 0.01, "not_evaluable", NOT_EVALUABLE, True),
        (0.0, NAN, None, NEGATIVE, False),
    ],
)
def test_one_sample(value, lod, status, verdict, disagreement):
    got = judge(value, lod, status, 0.1)
    assert (got.verdict, got.disagreement) == (verdict, disagreement)
    assert got.reason


def test_a_missing_detection_limit_is_said():
    assert "detection limit not stated" in judge(NAN, NAN, "negative", 0.1).reason
    assert "detection limit not stated" in judge(0.0, NAN, None, 0.1).reason


percent = st.one_of(st.just(NAN), st.floats(0, 100))


@given(
    percent,
    percent,
    st.sampled_from([None, "negative", "positive", "not_evaluable"]),
    st.floats(1e-4, 100),
)
def test_a_blind_assay_never_says_negative(value, lod, status, cutoff):
    got = judge(value, lod, status, cutoff)
    if lod > cutoff or value >= cutoff or status == "not_evaluable":
        assert got.verdict != NEGATIVE
    if got.verdict == POSITIVE:
        assert value >= cutoff or status == "positive"


def estimates(got, quantity):
    rows = got.numbers[got.numbers["quantity"] == quantity]
    assert len(rows), quantity
    return int(rows["events"].iloc[0]), int(rows["n"].iloc[0])


def study_of(tmp_path, assessments, **tables):
    return small_study(tmp_path, assessments=f"{HEAD}\n{assessments}", **tables)


def test_the_shipped_study():
    got = mrd(read_study(AML5))
    assert estimates(got, "MRD-negative (of evaluated)") == (3, 4)  # P04 was never tested
    assert estimates(got, "MRD-negative (of all treated)") == (3, 5)
    assert estimates(got, "MRD-negative CR/CRh/CRi, day_28 (of evaluated)") == (2, 4)
    assert list(got.subjects["reason"])[2] == "positive in all 5 evaluable samples"
    assert list(got.subjects["reason"])[3] == "no MRD sample"
    methods = list(
        got.numbers.loc[got.numbers["quantity"] == "MRD-negative (of evaluated)", "method"]
    )
    assert methods[:2] == ["Clopper-Pearson", "Jeffreys"]
    assert "uniform Beta(1, 1)" in methods[2]


def test_a_stricter_cutoff_and_another_specimen():
    study = read_study(AML5)
    blind = mrd(study, cutoff_pct=0.005)  # below the detection limit of every sample
    assert estimates(blind, "MRD-negative (of all treated)") == (0, 5)
    assert estimates(blind, "MRD-negative (of evaluated)") == (0, 1)  # P03 is positive
    blood = mrd(study, specimen="blood")
    assert estimates(blood, "MRD-negative (of all treated)") == (0, 5)
    assert blood.more["samples"]["verdict"].isna().all()
    assert "holds marrow, not blood" in blood.subjects["reason"].iloc[0]


def test_the_cutoff_of_the_study_counts(tmp_path):
    study = study_of(tmp_path, "A,28,CR,0.05,0.001,\n", settings="\n[mrd]\ncutoff_pct = 0.01\n")
    got = mrd(study)
    assert got.title.endswith("cut-off 0.01 %")
    assert estimates(got, "MRD-negative (of evaluated)") == (0, 1)


def test_baseline_later_and_contradictory_samples(tmp_path):
    study = study_of(
        tmp_path,
        "A,-5,,0.01,0.01,negative\nA,28,CR,0.05,0.01,\nA,28,CR,0.4,0.01,\nA,90,CR,0.01,0.01,\n"
        "B,28,CR,0.5,0.01,\nB,60,CR,0.02,0.01,\nB,400,CR,0.5,0.01,\n",
        events="subject,time,event\nA,60,transplant\n",
    )
    got = mrd(study)
    assert list(got.subjects["mrd_negative"]) == [False, True]  # A: the worse of day 28
    assert estimates(got, "MRD-negative, day_28 (of evaluated)") == (0, 2)
    assert np.isnan(got.subjects["positive_again_day"]).all()  # day 400 is past the horizon
    assert estimates(mrd(study, count_after=["transplant"]), "MRD-negative (of evaluated)") == (
        2,
        2,
    )
    why = got.more["samples"].set_index("time")["not_used"]
    assert why[-5.0] == "before the infusion"
    assert why[90.0] == "after transplant (from day 60)"


def test_no_evaluable_sample_counts_as_not_negative_of_all_treated(tmp_path):
    got = mrd(study_of(tmp_path, "A,28,CR,,0.5,negative\n"))
    assert estimates(got, "MRD-negative (of all treated)") == (0, 2)
    rows = got.numbers[got.numbers["quantity"] == "MRD-negative (of evaluated)"]
    assert np.isnan(rows["estimate"].iloc[0])
    assert "detection limit 0.5 % above the cut-off" in got.subjects["reason"].iloc[0]


def test_negative_in_remission_needs_the_response_of_that_day(tmp_path):
    got = mrd(study_of(tmp_path, "A,28,MLFS,0.01,0.01,\nA,60,CR,,,\nB,28,CRi,0.01,0.01,\n"))
    assert list(got.subjects["negative_in_remission"]) == [False, True]
    assert estimates(got, "MRD-negative (of evaluated)") == (2, 2)


def test_samples_of_the_analyte_mrd(tmp_path):
    text = (
        "subject,time,analyte,value,unit,cens,lloq,lod,specimen\n"
        "A,28,MRD,0.01,%,1,0.01,,bone marrow\n"  # below a limit under the cut-off
        "A,29,MRD,0.5,%,1,0.5,,bone marrow\n"  # below a limit above it
        "A,30,MRD,0.02,%,0,0.01,,blood\n"
        "B,28,MRD,0.3,%,0,0.01,,bone marrow\n"
        "B,29,MRD,0.05,%,0,0.01,,\n"
    )
    out = mrd_samples(small_study(tmp_path, samples=text)).set_index("line")
    assert list(out["verdict"]) == [NEGATIVE, NOT_EVALUABLE, None, POSITIVE, NEGATIVE]
    assert out.loc[4, "reason"] == "specimen blood, not marrow"


def test_samples_of_mrd_that_are_no_percentage_are_refused(tmp_path):
    text = "subject,time,analyte,value,unit\nA,28,mrd,3,copies/ug\n"
    with pytest.raises(
        StudyError, match=r"samples.csv, line 2 \(subject A\), unit: got 'copies/ug'"
    ):
        mrd(small_study(tmp_path, samples=text))


@pytest.mark.parametrize("options", [{"cutoff_pct": 0.0}, {"cutoff_pct": 101}, {"specimen": "csf"}])
def test_options_that_cannot_be_are_refused(tmp_path, options):
    with pytest.raises(SpecError):
        mrd(study_of(tmp_path, "A,28,CR,0.05,0.01,\n"), **options)


def test_no_mrd_at_all(tmp_path):
    got = mrd(small_study(tmp_path))
    assert list(got.subjects["reason"]) == ["no MRD sample"] * 2
    assert estimates(got, "MRD-negative (of all treated)") == (0, 2)


def test_disagreements_and_unstated_limits_are_counted(tmp_path):
    got = mrd(study_of(tmp_path, "A,28,CR,0.5,0.01,negative\nB,28,CR,,,negative\n"))
    assert "1 samples whose laboratory verdict disagrees." in got.notes
    assert "1 negative samples without a stated detection limit (counted as negative)." in got.notes
    assert "0.1 %" in got.definition
