"""Recovery of counts with competing events, and cytopenia that lasts."""

import numpy as np
import pandas as pd
import pytest
from response_studies import small_study

from cellkinetics.outcome.counts import counts
from cellkinetics.outcome.safety.recovery import prolonged, recovery
from cellkinetics.outcome.safety.recovery_rate import recovery_numbers

HEAD = "subject,time,anc,platelets,transfused"


def table(tmp_path, assessments, *, confirmed=False, cutoff=None, **tables):
    study = small_study(tmp_path, assessments=f"{HEAD}\n{assessments}", **tables)
    out = recovery(study, confirmed=confirmed, cutoff=cutoff)
    return out.set_index(["subject", "count", "threshold"])


def of(out, subject, name, threshold):
    row = out.loc[(subject, name, threshold)]
    return row["time"], row["kind"]


def test_the_first_count_after_the_nadir(tmp_path):
    """The count of day 5 is before the nadir: it is not recovery."""
    out = table(
        tmp_path, "A,-5,0.3,60,0\nA,5,0.8,60,0\nA,10,0.1,10,0\nA,20,0.5,20,0\nA,30,1,99,0\n"
    )
    assert of(out, "A", "anc", 0.5) == (20, "recovered")
    assert of(out, "A", "anc", 1.0) == (30, "recovered")
    assert of(out, "A", "platelets", 20.0) == (20, "recovered")
    assert of(out, "A", "platelets", 50.0) == (30, "recovered")
    assert of(out, "A", "platelets", 100.0) == (30, "censored")
    assert out.loc[("A", "anc", 0.5), "nadir"] == 0.1


def test_transfused_platelets_are_not_recovery(tmp_path):
    out = table(tmp_path, "A,10,0.1,10,1\nA,20,1,55,1\nA,30,1,55,0\nB,10,,10,\nB,20,,55,\n")
    assert of(out, "A", "platelets", 50.0) == (30, "recovered")
    assert of(out, "A", "anc", 0.5) == (20, "recovered")  # the flag is about platelets
    assert of(out, "B", "platelets", 50.0) == (20, "recovered")  # not recorded: untransfused


def test_transfusions_among_the_treatments_count_for_samples(tmp_path):
    samples = "subject,time,analyte,value,unit\n" + "".join(
        f"A,{day},platelets,{value},10^9/L\n" for day, value in ((10, 9), (20, 60), (27.5, 55))
    )
    given = "subject,time,drug,dose,unit\nA,20,Platelet concentrate,1,IU\n"
    study = small_study(tmp_path, samples=samples, treatments=given)
    out = recovery(study).set_index(["subject", "count", "threshold"])
    assert of(out, "A", "platelets", 50.0) == (27.5, "recovered")
    assert list(counts(study, "platelets")["transfused"]) == [False, True, False]


def test_death_and_transplant_compete(tmp_path):
    out = table(
        tmp_path,
        "A,10,0.1,10,0\nA,35,0.2,10,0\nB,10,0.1,10,0\nB,50,2,200,0\n",
        events="subject,time,event\nA,40,death\nB,30,transplant\nB,60,last_contact\n",
    )
    assert of(out, "A", "anc", 0.5) == (40, "death")
    assert of(out, "B", "anc", 0.5) == (30, "transplant")  # what came after is the graft's


def test_a_recovery_on_the_day_of_the_transplant_comes_first(tmp_path):
    out = table(
        tmp_path,
        "A,10,0.1,10,0\nA,30,0.6,10,0\n",
        events="subject,time,event\nA,30,transplant\nA,60,last_contact\n",
    )
    assert of(out, "A", "anc", 0.5) == (30, "recovered")


def test_who_was_never_below_or_never_counted_is_not_at_risk(tmp_path):
    out = table(tmp_path, "A,10,0.7,60,0\nA,20,2,200,0\n")
    assert not out.loc[("A", "anc", 0.5), "at_risk"]
    assert out.loc[("A", "anc", 0.5), "reason"] == "never below the threshold"
    assert out.loc[("A", "anc", 1.0), "at_risk"]
    assert out.loc[("B", "anc", 0.5), "reason"] == "no counts"
    assert np.isnan(out.loc[("B", "anc", 0.5), "time"])


def test_the_last_count_before_the_cells_starts_where_none_is_early(tmp_path):
    out = table(tmp_path, "A,-9,2,200,0\nA,-3,0.2,9,0\nA,40,0.9,60,0\nB,40,0.2,9,0\n")
    assert of(out, "A", "anc", 0.5) == (40, "recovered")
    assert out.loc[("B", "anc", 0.5), "reason"] == "no count up to day 28"


def test_confirmed_recovery_needs_the_next_count(tmp_path):
    text = (
        "A,10,0.1,10,0\nA,20,0.6,60,0\nA,30,0.4,60,1\nA,40,0.6,60,0\nA,50,0.7,60,0\nA,60,1.2,60,0\n"
    )
    assert of(table(tmp_path / "a", text), "A", "anc", 0.5) == (20, "recovered")
    out = table(tmp_path / "b", text, confirmed=True)
    assert of(out, "A", "anc", 0.5) == (40, "recovered")
    assert of(out, "A", "platelets", 50.0) == (40, "recovered")  # the next one was transfused
    assert of(out, "A", "anc", 1.0) == (60, "censored")  # nothing confirms it


def test_a_count_below_a_limit_is_no_recovery_and_is_a_nadir(tmp_path):
    samples = (
        "subject,time,analyte,value,unit,cens,lloq\n"
        "A,10,anc,100,cells/uL,1,100\nA,20,anc,600,cells/uL,0,100\nA,25,anc,0.1,cells/uL,1,0.1\n"
    )
    study = small_study(tmp_path, samples=samples)
    got = counts(study, "anc")
    assert list(got["at_least"]) == pytest.approx([0, 0.6, 0])
    assert list(got["at_most"]) == pytest.approx([0.1, 0.6, 0.0001])
    out = recovery(study).set_index(["subject", "count", "threshold"])
    assert of(out, "A", "anc", 0.5) == (25, "censored")


def test_the_cut_censors(tmp_path):
    text = "A,10,0.1,10,0\nA,20,0.2,10,0\nA,30,0.9,60,0\n"
    assert of(table(tmp_path, text, cutoff=25), "A", "anc", 0.5) == (20, "censored")


def test_the_incidence_by_hand(tmp_path):
    """Four at risk: recovered day 20, death day 25, recovered day 40, censored day 70."""
    text = (
        "A,10,0.1,,\nA,20,0.6,,\nB,10,0.1,,\nC,10,0.1,,\nC,40,0.6,,\nD,10,0.1,,\nD,70,0.2,,\n"
        "E,10,3,,\n"
    )
    study = small_study(
        tmp_path,
        assessments=f"{HEAD}\n{text}",
        subjects="subject\nA\nB\nC\nD\nE\n",
        events="subject,time,event\nB,25,death\nA,50,last_contact\nC,50,last_contact\n"
        "D,70,last_contact\nE,50,last_contact\n",
    )
    rows = pd.DataFrame(recovery_numbers(recovery(study))).set_index("quantity")
    by28 = rows.loc["recovery of neutrophils to 0.5 by day 28"]
    assert (by28["n"], by28["events"]) == (4, 2)
    assert by28["estimate"] == pytest.approx(1 / 4)
    # S(25) = 1/2; at day 40 one of the two at risk. 1 - Kaplan-Meier would give 5/8.
    by60 = rows.loc["recovery of neutrophils to 0.5 by day 60", "estimate"]
    assert by60 == pytest.approx(1 / 4 + 1 / 2 * 1 / 2)
    assert rows.loc["recovery of neutrophils to 0.5 by day 90", "note"].endswith("beyond day 70")
    text = rows.loc["recovery of neutrophils to 0.5, day"]
    assert (text["estimate"], text["lower"], text["upper"]) == (30, 20, 40)
    assert "4 of 5 at risk" in by28["note"]
    assert rows.loc["recovery of platelets to 50", "n"] == 0


def test_prolonged_cytopenia(tmp_path):
    text = (
        "A,25,0.4,24,0\nA,30,0.9,60,1\nA,100,1.0,50,0\n"
        "B,28,0.5,25,0\nB,110,0.1,9,0\n"
        "C,36,0.1,9,0\n"
        "D,90,0.1,9,0\n"
    )
    study = small_study(
        tmp_path,
        assessments=f"{HEAD}\n{text}",
        subjects="subject\nA\nB\nC\nD\n",
        events="subject,time,event\nD,80,transplant\nD,200,last_contact\n",
    )
    out = prolonged(study).set_index(["subject", "count", "day"])

    def grades(subject, name, day):
        row = out.loc[(subject, name, day)]
        return row["grade_3_4"], row["grade_4"]

    assert grades("A", "anc", 28) == (True, False)  # day 30 is nearer than day 25
    assert pd.isna(out.loc[("A", "platelets", 28), "grade_3_4"])  # 60, but transfused
    assert grades("A", "anc", 90) == (False, False)
    assert grades("A", "platelets", 90) == (False, False)  # 50 is not below 50
    assert grades("B", "anc", 28) == (True, False)  # 0.5 is not below 0.5
    assert grades("B", "platelets", 28) == (True, False)
    assert pd.isna(out.loc[("B", "anc", 90), "grade_3_4"])  # day 110 is too far
    assert pd.isna(out.loc[("C", "anc", 28), "grade_3_4"])  # day 36 is too far
    assert pd.isna(out.loc[("D", "anc", 90), "grade_3_4"])  # after the transplant


def test_low_platelets_in_spite_of_a_transfusion_are_low(tmp_path):
    study = small_study(tmp_path, assessments=f"{HEAD}\nA,28,0.1,9,1\n")
    out = prolonged(study).set_index(["subject", "count", "day"])
    assert bool(out.loc[("A", "platelets", 28), "grade_4"])
