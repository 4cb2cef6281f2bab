"""Adverse events by term, class and grade, infections, deaths, and the DLT rule."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from response_studies import small_study
from scipy import stats

from cellkinetics.errors import SpecError
from cellkinetics.outcome.answer import NUMBER_COLUMNS
from cellkinetics.outcome.safety.answer import safety
from cellkinetics.outcome.safety.dlt import StopRule, boundary, running_dlt
from cellkinetics.study import read_study

AML5 = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"
TOX = "subject,time,end,term,soc,kind,scale,grade,dlt"
FOUR = "subject\nA\nB\nC\nD\n"


def answer(tmp_path, toxicities="", **options):
    tables = {
        n: options.pop(n)
        for n in ("events", "treatments", "subjects", "assessments", "infused")
        if n in options
    }
    if toxicities:
        tables["toxicities"] = f"{TOX}\n{toxicities}"
    return safety(small_study(tmp_path, **tables), **options)


def count(got, quantity):
    rows = got.numbers[got.numbers["quantity"] == quantity]
    assert len(rows), quantity
    return int(rows["events"].iloc[0]), int(rows["n"].iloc[0])


def test_the_shipped_study():
    got = safety(read_study(AML5))
    assert list(got.numbers.columns) == list(NUMBER_COLUMNS)
    assert count(got, "any infection") == (4, 5)
    assert count(got, "infection of CTCAE grade >= 3") == (2, 5)
    assert count(got, "tocilizumab given") == (3, 5)
    assert count(got, "corticosteroid given") == (1, 5)
    assert count(got, "death") == (1, 5)
    assert count(got, "DLT") == (1, 5)
    assert count(got, "neutropenia, grade 4, day 28") == (2, 5)
    assert count(got, "CRS of grade >= 3 (ASTCT)") == (1, 5)
    assert set(got.more) == {
        "ae", "ae_by_term", "ae_by_class", "ae_worst", "crs", "icans", "medication", "recovery",
        "cytopenia", "infections", "deaths", "dlt",
    }  # fmt: skip
    death = got.more["deaths"].iloc[0]
    assert (death["subject"], death["time"], death["cause"]) == ("P04", 118.0, "not stated")
    assert death["after"] == "progression on day 60"


def test_a_subject_counts_once_a_term_with_the_worst_grade(tmp_path):
    got = answer(
        tmp_path,
        "A,5,9,Nausea,GI,other,CTCAE v5.0,1,\nA,20,22,nausea ,GI,other,ctcae  v5.0,3,\n"
        "A,30,,Nausea,GI,other,CTCAE v5.0,,\nB,5,9,Nausea,GI,other,CTCAE v5.0,2,\n"
        "C,5,9,Nausea,GI,other,CTCAE v4.03,4,\n",
        subjects=FOUR,
    )
    table = got.more["ae_by_term"].set_index("scale")
    v5 = table.loc["CTCAE v5.0"]
    assert (v5["n"], v5["events"], v5["subjects"], v5["percent"]) == (4, 4, 2, 50)
    assert (v5["grade_1"], v5["grade_2"], v5["grade_3"], v5["grade_3_plus"]) == (0, 1, 1, 1)
    assert table.loc["CTCAE v4.03", "grade_4"] == 1  # a version of its own
    assert count(got, "adverse event of CTCAE grade >= 3") == (2, 4)
    assert count(got, "any adverse event") == (3, 4)
    assert "No row in toxicities.csv, counted as none reported: D." in got.notes
    reasons = got.subjects.set_index("subject")["reason"]
    assert reasons["D"] == "no row in toxicities.csv: counts as none reported"


def test_worst_grades_add_up_to_the_subjects():
    for name in ("ae_by_term", "ae_by_class", "ae_worst"):
        table = safety(read_study(AML5)).more[name]
        grades = [*(f"grade_{g}" for g in range(1, 6)), "grade_unknown"]
        assert (table[grades].sum(axis=1) == table["subjects"]).all()
        assert (table["subjects"] <= table["n"]).all()


def test_a_grade_that_is_missing_is_unknown_not_zero(tmp_path):
    row = answer(tmp_path, "A,5,9,Rash,Skin,other,,,\n").more["ae_by_term"].iloc[0]
    assert (row["scale"], row["grade_unknown"], row["grade_3_plus"]) == ("scale not stated", 1, 0)


def test_events_count_from_lymphodepletion_or_from_the_infusion(tmp_path):
    text = (
        "A,-9,,Rash,Skin,other,CTCAE,1,\nA,-3,,Nausea,GI,other,CTCAE,2,\n"
        "A,3,,Fall,Inj,other,CTCAE,1,\n"
    )
    drug = "subject,time,drug,dose,unit,kind\nA,-5,fludarabine,30,mg/m^2,lymphodepletion\n"
    first = answer(tmp_path / "a", text, treatments=drug)
    assert list(first.more["ae_by_term"]["term"]) == ["Nausea", "Fall"]  # by class
    later = answer(tmp_path / "b", text, treatments=drug, since_infusion=True)
    assert list(later.more["ae_by_term"]["term"]) == ["Fall"]
    listed = later.more["ae"].set_index("term")["not_used"]
    assert listed["Nausea"] == "before day 0, from which events count"
    assert "2 rows of toxicities.csv listed and not used." in later.notes


def test_the_cut_leaves_later_events_out(tmp_path):
    text = (
        "A,5,9,Rash,Skin,other,CTCAE,4,\n"
        "A,100,120,Sepsis,Infections and infestations,other,CTCAE,4,\n"
    )
    got = answer(tmp_path, text, cutoff=50)
    assert count(got, "any infection") == (0, 2)
    assert got.more["ae"]["not_used"].notna().sum() == 1


def test_nobody_affected_has_an_interval(tmp_path):
    got = answer(
        tmp_path,
        "A,5,9,Rash,Skin,other,CTCAE,1,0\n",
        events="subject,time,event\nA,28,last_contact\nB,30,last_contact\n",
    )
    assert count(got, "DLT") == count(got, "any infection") == (0, 2)
    upper = got.numbers.set_index("quantity").loc["any infection", "upper"].iloc[0]
    assert upper == pytest.approx(0.8418861, abs=1e-6)  # Clopper-Pearson of 0 in 2


def test_what_no_table_records_is_not_known_and_not_zero(tmp_path):
    got = answer(tmp_path)
    rows = got.numbers.set_index("quantity")
    for quantity, file in (
        ("any adverse event", "toxicities.csv"), ("DLT", "toxicities.csv"),
        ("CRS of any grade", "vitals.csv"), ("ICANS of any grade", "ice_score"),
        ("tocilizumab given", "treatments.csv"), ("death", "events.csv"),
    ):  # fmt: skip
        assert np.isnan(rows.loc[quantity, "estimate"]), quantity
        assert rows.loc[quantity, "n"] == 0
        assert file in rows.loc[quantity, "note"]
    assert got.more["ae_by_term"].empty
    assert got.subjects[["adverse_events", "crs_grade", "dlt"]].isna().all(axis=None)
    assert not any("counted as none reported" in note for note in got.notes)
    # What one table tells is told.
    signs = small_study(tmp_path / "signs", vitals="subject,time,temperature_c\nA,3,39\n")
    rows = safety(signs).numbers.set_index("quantity")
    assert rows.loc["CRS of any grade", "estimate"].iloc[0] == 0.5
    assert np.isnan(rows.loc["ICANS of any grade", "estimate"])


def test_an_infection_without_its_class_is_said(tmp_path):
    rows = "A,5,9,Pneumonia,,other,CTCAE,3,\n"
    got = answer(tmp_path, rows + "B,5,9,Rash,Skin,other,CTCAE,3,\n")
    assert count(got, "any infection") == (0, 2)
    note = got.numbers.set_index("quantity").loc["any infection", "note"].iloc[0]
    assert note == "of all treated; counted as without, with an event of no stated class: 1"
    assert "1 row without a class: may be of an infection." in got.notes


def test_without_any_class_infections_are_not_known_and_not_zero(tmp_path):
    got = answer(tmp_path, "A,5,9,Pneumonia,,other,CTCAE,3,\n").numbers.set_index("quantity")
    for quantity in ("any infection", "infection of CTCAE grade >= 3"):
        assert np.isnan(got.loc[quantity, "estimate"])
        assert "no event has a class" in got.loc[quantity, "note"]


@pytest.mark.parametrize(
    "soc",
    ["Infections and infestations", "INFECTIONS & INFESTATIONS", " infections", "Infektionen"],
)
def test_the_class_of_infections_by_any_of_its_names(tmp_path, soc):
    got = answer(tmp_path, f"A,5,9,Pneumonia,{soc},other,CTCAE,3,\n")
    assert count(got, "any infection") == count(got, "infection of CTCAE grade >= 3") == (1, 2)
    assert len(got.more["infections"]) == 1


def test_causes_of_death(tmp_path):
    got = answer(
        tmp_path,
        "B,40,50,Sepsis,Infections and infestations,other,CTCAE,5,\n",
        subjects="subject,cause_of_death\nA,leukaemia\nB,\nC,\n",
        events="subject,time,event\nA,20,death\nB,50,death\nC,400,death\n",
    )
    table = got.more["deaths"].set_index("subject")
    assert list(table["cause"]) == ["leukaemia", "Sepsis", "not stated"]
    assert list(table["cause_from"])[:2] == [
        "subjects.csv, cause_of_death",
        "toxicities.csv, grade 5",
    ]
    assert list(table["used"]) == [True, True, False]  # past the horizon: listed
    assert count(got, "death") == (2, 3)
    assert count(got, "death by day 30") == (1, 3)


def test_who_was_not_infused_is_in_no_table(tmp_path):
    got = answer(
        tmp_path,
        "A,5,9,Rash,Skin,other,CTCAE,3,1\nB,5,9,Rash,Skin,other,CTCAE,4,1\n",
        infused="A",
    )
    assert list(got.subjects["subject"]) == ["A"]
    assert got.more["ae_by_term"]["n"].iloc[0] == 1
    assert list(got.more["dlt"]["subject"]) == ["A"]


# ---- dose-limiting toxicities ----------------------------------------------------------------


def test_the_running_bound_by_hand(tmp_path):
    """Order of infusions.csv: C, A, B; DLTs in C and B; uniform prior."""
    study = small_study(
        tmp_path,
        subjects="subject\nA\nB\nC\n",
        infused="C A B",
        toxicities=f"{TOX}\nC,5,9,CRS,Immune,CRS,ASTCT,4,1\nA,5,,Rash,Skin,other,CTCAE,3,0\n"
        "B,9,,Aplasia,Blood,other,CTCAE,4,1\nB,10,,Sepsis,Inf,other,CTCAE,4,1\n",
    )
    table = running_dlt(study)
    assert list(table["subject"]) == ["C", "A", "B"]
    assert list(table["events"]) == [1, 1, 2]
    expected = [stats.beta.sf(0.3, 1 + x, 1 + n - x) for x, n in ((1, 1), (1, 2), (2, 3))]
    assert list(table["p_above"]) == pytest.approx(expected)
    assert expected[0] == pytest.approx(0.91)
    assert list(table["stop"]) == [True, False, True]
    assert list(table["mean"]) == pytest.approx([2 / 3, 1 / 2, 3 / 5])
    assert table["terms"].iloc[2] == "Aplasia; Sepsis"


def test_a_dlt_window_and_another_rule(tmp_path):
    study = small_study(tmp_path, toxicities=f"{TOX}\nA,40,,Aplasia,Blood,other,CTCAE,4,1\n")
    assert list(running_dlt(study, within=28)["events"]) == [0, 0]
    strict = running_dlt(study, StopRule(limit=0.2, certainty=0.5, prior="jeffreys"))
    assert list(strict["stop"]) == [True, True]


@given(st.integers(1, 60), st.floats(0.05, 0.6), st.floats(0.5, 0.99))
def test_the_boundary_is_the_fewest_dlts_that_stop(n, limit, certainty):
    rule = StopRule(limit, certainty)
    stops = [x for x in range(n + 1) if stats.beta.sf(limit, 1 + x, 1 + n - x) > certainty]
    assert boundary(n, rule) == (min(stops) if stops else None)


@pytest.mark.parametrize(
    ("course", "counts"),
    [
        ("A,-2,,", False),  # no end: nothing says that it lasted
        ("A,-2,0,", False),
        ("A,-2,58,", True),  # the cytopenia of lymphodepletion that does not end
        ("A,0,3,", True),
    ],
)
def test_a_dlt_from_before_the_infusion_counts_only_if_it_lasts(tmp_path, course, counts):
    got = answer(tmp_path, f"{course}Aplasia,Blood,other,CTCAE,4,1\n", dlt_within="none")
    assert count(got, "DLT") == (int(counts), 2)
    said = "1 DLT from before the infusion not counted (not stated to last past it)."
    assert (said in got.notes) == (not counts)


def test_who_was_not_followed_through_the_dlt_window_is_not_evaluable(tmp_path):
    """A was followed, B was not, C had a DLT first, D died within, E on the last day of it."""
    study = small_study(
        tmp_path,
        subjects="subject\nA\nB\nC\nD\nE\n",
        toxicities=f"{TOX}\nC,5,9,CRS,Immune,CRS,ASTCT,4,1\n",
        events="subject,time,event\nA,28,last_contact\nB,27,last_contact\nC,9,last_contact\n"
        "D,20,death\nE,28,death\n",
    )
    table = running_dlt(study, within=28)
    assert list(table["evaluable"]) == [True, False, True, False, True]
    assert list(table["n"]) == [1, 1, 2, 2, 3]
    assert list(table["events"]) == [0, 0, 1, 1, 1]
    assert table["p_above"].iloc[-1] == pytest.approx(stats.beta.sf(0.3, 2, 3))
    got = safety(study, dlt_within=28).numbers.set_index("quantity").loc["DLT"].iloc[0]
    assert (got["n"], got["note"]) == (
        3, "of the evaluable, all doses; 2 of 5 treated not (yet) evaluable"
    )  # fmt: skip
    early = running_dlt(study, StopRule(certainty=0.5), within=28, cutoff=3)
    assert list(early["n"]) == [0] * 5
    assert not early["stop"].any()  # the prior alone stops nothing
    assert early["stop_at"].isna().all()
    none = safety(study, dlt_within=28, cutoff=3).numbers.set_index("quantity").loc["DLT"]
    assert (none["n"], none["note"]) == (0, "none of 5 treated is evaluable yet")


def test_the_window_and_the_limit_are_those_of_study_toml(tmp_path):
    """28 days unless the study says otherwise: a DLT of day 40 is past it, and is said to be."""
    tables = {
        "events": "subject,time,event\nA,90,last_contact\nB,90,last_contact\n",
        "toxicities": f"{TOX}\nA,40,,Aplasia,Blood,other,CTCAE,4,1\n",
    }
    got = safety(small_study(tmp_path / "usual", **tables))
    assert count(got, "DLT") == (0, 2)
    assert "1 DLT from after the window not counted." in got.notes
    assert "to day 28" in got.definition
    own = "\n[safety]\ndlt_window = 42\ndlt_limit = 0.2\ndlt_certainty = 0.9\n"
    study = small_study(tmp_path / "own", settings=own, **tables)
    got = safety(study)
    assert count(got, "DLT") == (1, 2)
    assert "stop when P(DLT rate > 0.2) > 0.9" in got.definition
    assert "to day 42" in got.definition
    assert not any("window not counted" in note for note in got.notes)
    assert count(safety(study, dlt_within=28), "DLT") == (0, 2)
    none = '\n[safety]\ndlt_window = "none"\n'
    got = safety(small_study(tmp_path / "none", settings=none, **tables))
    assert count(got, "DLT") == (1, 2)
    assert "no window given" in got.definition


def test_an_empty_dlt_column_is_no_zero(tmp_path):
    got = answer(tmp_path, "A,5,9,Rash,Skin,other,CTCAE,3,\n")
    row = got.numbers.set_index("quantity").loc["DLT"]
    assert np.isnan(row["estimate"])
    assert "dlt of toxicities.csv is empty" in row["note"]


def test_the_stopping_limit_is_stated():
    got = safety(read_study(AML5), rule=StopRule(0.25, 0.9, "jeffreys"))
    said = "stop when P(DLT rate > 0.25) > 0.9, prior Jeffreys Beta(0.5, 0.5)"
    assert said in got.definition
    row = got.numbers.set_index("quantity").loc["P(DLT > 0.25)"]
    assert row["note"] == f"to day 28; {said}: not reached"
    assert row["estimate"] == pytest.approx(stats.beta.sf(0.25, 1.5, 4.5))


@pytest.mark.parametrize("rule", [StopRule(limit=30), StopRule(certainty=1.0), StopRule(prior="x")])
def test_a_rule_that_cannot_be_is_refused(tmp_path, rule):
    with pytest.raises(SpecError):
        answer(tmp_path, "A,5,9,Rash,Skin,other,CTCAE,3,0\n", rule=rule)


def test_medication_before_the_infusion_does_not_count(tmp_path):
    given_ = (
        "subject,time,drug,dose,unit,kind\nA,-1,dexamethasone,8,mg,\nB,3,Dexamethasone,8,mg,\n"
        "B,4,methotrexate,8,mg,\n"
    )
    got = answer(tmp_path, treatments=given_)
    assert count(got, "corticosteroid given") == (1, 2)
    table = got.subjects.set_index("subject")
    assert pd.isna(table.loc["A", "corticosteroid_first_day"])
    assert table.loc["B", "corticosteroid_first_day"] == 3


@pytest.mark.parametrize(
    "scale", ["CTCAE", "CTCAE v5.0", "NCI-CTCAE v4.03", "nci ctcae", "CTC-AE 5"]
)
def test_ctcae_by_any_of_its_names(tmp_path, scale):
    got = answer(tmp_path, f"A,5,,Rash,Skin,other,{scale},3,0\n", subjects=FOUR)
    assert count(got, "adverse event of CTCAE grade >= 3") == (1, 4)


def test_grades_on_no_stated_scale_are_no_zero_by_ctcae(tmp_path):
    """They were "0 of 4 of CTCAE grade >= 3" once, with nothing said."""
    rows = "A,5,,Rash,Skin,other,,4,0\nB,5,,Sepsis,Infections and infestations,other,,3,0\n"
    got = answer(tmp_path, rows + "C,3,,CRS,Immune,CRS,ASTCT,3,0\n", subjects=FOUR)
    severe = got.numbers.set_index("quantity").loc["adverse event of CTCAE grade >= 3"]
    assert np.isnan(severe["estimate"])
    assert "no adverse event has a grade by CTCAE" in severe["note"]
    assert count(got, "adverse event of grade >= 3 (scale not stated)") == (2, 4)
    assert count(got, "infection of grade >= 3 (scale not stated)") == (1, 4)
    assert count(got, "CRS of grade >= 3 (ASTCT)") == (1, 4)


def test_who_may_have_had_a_severe_event_on_another_scale_is_said(tmp_path):
    rows = (
        "A,5,,Rash,Skin,other,CTCAE,3,0\nA,6,,Nausea,Gut,other,,4,0\n"  # severe by CTCAE anyway
        "B,5,,Rash,Skin,other,CTCAE,1,0\nB,6,,Nausea,Gut,other,WHO,4,0\n"
        "C,6,,Nausea,Gut,other,CTCAE,,0\n"
    )
    got = answer(tmp_path, rows, subjects=FOUR)
    row = got.numbers[got.numbers["quantity"] == "adverse event of CTCAE grade >= 3"].iloc[0]
    assert (row["events"], row["n"]) == (1, 4)
    assert row["note"] == "of all treated; counted as without, with one not graded by CTCAE: 2"
    assert count(got, "adverse event of grade >= 3 (WHO)") == (1, 4)
    none = answer(tmp_path / "none", "A,5,,Rash,Skin,other,CTCAE,3,0\n", subjects=FOUR)
    quantities = list(none.numbers["quantity"])
    assert not [q for q in quantities if "adverse event of grade" in q]
    assert "counted as without" not in "".join(none.numbers["note"])


@pytest.mark.parametrize(
    ("drug", "medication"),
    [
        ("Dexamethason 10 mg", "corticosteroid"),
        ("iv methylprednisolone", "corticosteroid"),
        ("Solu-Medrol", "corticosteroid"),
        ("RoActemra", "tocilizumab"),
        ("Tocilizumab (2nd dose)", "tocilizumab"),
    ],
)
def test_drugs_by_any_of_their_names(tmp_path, drug, medication):
    got = answer(tmp_path, treatments=f"subject,time,drug,dose,unit,kind\nB,3,{drug},8,mg,\n")
    assert count(got, f"{medication} given") == (1, 2)
