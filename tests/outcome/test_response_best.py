"""Best overall response, its denominators and windows, and what does not count."""

from pathlib import Path

import numpy as np
import pytest
from response_studies import MARROW, small_study

from cellkinetics.errors import SpecError
from cellkinetics.outcome.answer import NUMBER_COLUMNS
from cellkinetics.outcome.best_response import response
from cellkinetics.study import read_study

AML5 = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"


def answer(tmp_path, assessments, **options):
    tables = {n: options.pop(n) for n in ("events", "treatments", "subjects") if n in options}
    study = small_study(tmp_path, assessments=f"{MARROW}\n{assessments}", **tables)
    return response(study, **options)


def estimates(got, quantity):
    rows = got.numbers[got.numbers["quantity"] == quantity]
    assert len(rows), quantity
    return int(rows["events"].iloc[0]), int(rows["n"].iloc[0])


def best(got):
    return dict(zip(got.subjects["subject"], got.subjects["best_response"], strict=True))


def test_the_shipped_study():
    got = response(read_study(AML5))
    assert list(got.numbers.columns) == list(NUMBER_COLUMNS)
    assert best(got) == {"P01": "CR", "P02": "CRh", "P03": "CR", "P04": "NR", "P05": "CR"}
    assert estimates(got, "CR (of all treated)") == (3, 5)
    assert estimates(got, "CR/CRh (of all treated)") == (4, 5)
    assert estimates(got, "ORR (of all treated)") == (4, 5)
    assert estimates(got, "CR/CRh/CRi, day_28 (of all treated)") == (3, 5)
    assert estimates(got, "CR/CRh/CRi, by_landmark (of all treated)") == (4, 5)
    first = dict(zip(got.subjects["subject"], got.subjects["first_response_day"], strict=True))
    assert (first["P01"], first["P05"]) == (28.0, 60.0)
    assert np.isnan(first["P04"])
    orr = got.numbers[got.numbers["quantity"] == "ORR (of all treated)"].set_index("method")
    assert orr.loc["Clopper-Pearson", "lower"] == pytest.approx(0.2835821, abs=1e-6)
    assert orr.loc["Clopper-Pearson", "upper"] == pytest.approx(0.9949492, abs=1e-6)
    above = got.numbers[got.numbers["quantity"] == "P(ORR (of all treated) > 0.5)"]
    assert above["estimate"].iloc[0] == pytest.approx(57 / 64)  # Beta(5, 2) above one half


def test_a_response_after_the_transplant_is_the_transplants():
    """P02 reaches CR on day 180, after conditioning from day 63."""
    study = read_study(AML5)
    counted = response(study, count_after=["transplant"])
    assert best(counted)["P02"] == "CR"
    rows = response(study).more["assessments"]
    late = rows[(rows["subject"] == "P02") & (rows["time"] >= 90)]
    assert set(late["not_used"]) == {"after transplant (from day 63)"}


def test_orr_looks_at_every_response_not_at_the_best(tmp_path):
    """MLFS stands above PR in the table, yet it is no response: a PR before it still is."""
    got = answer(tmp_path, "A,28,PR,15,0,1.5,150\nA,60,MLFS,2,0,0.1,9\nB,28,MLFS,2,0,0.1,9\n")
    assert best(got) == {"A": "MLFS", "B": "MLFS"}
    assert list(got.subjects["responder"]) == [True, False]
    assert estimates(got, "ORR (of all treated)") == (1, 2)
    assert estimates(got, "best response MLFS (of all treated)") == (2, 2)


def test_denominators(tmp_path):
    got = answer(
        tmp_path,
        "A,28,CR,2,0,1.5,150\nB,28,NE,1,0,0.1,9\nC,-5,,40,9,,\n",
        subjects="subject\nA\nB\nC\nD\n",
    )
    assert best(got) == {"A": "CR", "B": "NE", "C": "NE", "D": "NE"}
    assert list(got.subjects["evaluated"]) == [True, False, False, False]
    assert list(got.subjects["reason"]) == [
        "CR first on day 28",
        "not evaluable at any assessment",
        "no assessment after the infusion",
        "no assessment",
    ]
    assert estimates(got, "ORR (of all treated)") == (1, 4)
    assert estimates(got, "ORR (of evaluated)") == (1, 1)
    assert estimates(got, "best response NE (of all treated)") == (3, 4)


def test_no_assessments_at_all(tmp_path):
    got = response(small_study(tmp_path))
    assert set(got.subjects["best_response"]) == {"NE"}
    rows = got.numbers[got.numbers["quantity"] == "ORR (of evaluated)"]
    assert len(rows) == 1
    assert np.isnan(rows["estimate"].iloc[0])
    assert "no subject" in rows["note"].iloc[0]
    assert estimates(got, "ORR (of all treated)") == (0, 2)


def test_a_subject_who_was_not_infused_is_in_no_denominator(tmp_path):
    study = small_study(
        tmp_path, infused="A", assessments=f"{MARROW}\nA,28,NR,30,4,,\nB,28,CR,2,0,1.5,150\n"
    )
    got = response(study)
    assert list(got.subjects["subject"]) == ["A"]
    assert estimates(got, "ORR (of all treated)") == (0, 1)
    assert got.notes[0] == "Not infused, so in no denominator: B."
    assert got.more["assessments"].set_index("subject").loc["B", "not_used"] == "not infused"


@pytest.mark.parametrize(
    ("late", "reason"),
    [
        ({"events": "subject,time,event\nA,30,transplant\n"}, "after transplant (from day 30)"),
        ({"events": "subject,time,event\nA,30,other_therapy\n"}, "after other therapy"),
        (
            {"treatments": "subject,time,drug,dose,unit,kind\nA,30,azacitidine,75,mg/m^2,\n"},
            "after other therapy (from day 30)",
        ),
        ({"subjects": "subject,data_cut\nA,50\nB,50\n"}, "after the last day used (50)"),
    ],
)
def test_what_comes_later_is_listed_and_not_used(tmp_path, late, reason):
    got = answer(tmp_path, "A,30,CRi,2,0,1.5,40\nA,60,CR,2,0,1.5,150\n", **late)
    assert best(got)["A"] == "CRi"  # the day itself still counts
    rows = got.more["assessments"].set_index("time")
    assert rows.loc[60, "not_used"].startswith(reason)
    assert rows.loc[30, "not_used"] is None
    assert "Assessments listed and not used: 1." in got.notes


def test_the_cutoff_and_the_horizon(tmp_path):
    text = "A,28,PR,15,0,1.5,150\nA,200,CRi,2,0,1.5,40\nA,400,CR,2,0,1.5,150\n"
    assert best(answer(tmp_path / "a", text))["A"] == "CRi"  # day 400 is past the horizon
    assert best(answer(tmp_path / "b", text, cutoff=100))["A"] == "PR"
    with pytest.raises(SpecError, match="data cut on day -1"):
        answer(tmp_path / "c", text, cutoff=-1)


def test_an_earlier_cut_never_adds_a_responder():
    study = read_study(AML5)
    counts = [
        response(study, cutoff=float(day)).subjects["responder"].sum() for day in range(0, 366, 15)
    ]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 4)


def test_windows_hold_both_ends(tmp_path):
    got = answer(tmp_path, "A,21,CR,2,0,1.5,150\nA,35.5,NR,40,4,1,20\nB,35,CR,2,0,1.5,150\n")
    assert estimates(got, "CR, day_28 (of evaluated)") == (2, 2)
    assert list(got.subjects["best_day_28"]) == ["CR", "CR"]


def test_a_same_day_contradiction_does_not_make_a_responder(tmp_path):
    got = answer(tmp_path, "A,28,CR,2,0,1.5,150\nA,28,NR,40,4,0.1,20\n")
    assert best(got)["A"] == "NR"
    assert len(got.more["disagreements"]) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"criteria": "ELN2020"},
        {"count_after": ["transplants"]},
        {"count_after": "transplant"},
        {"prior": "flat"},
        {"prefer": "mine"},
        {"target": 20.0},
        {"level": 95.0},
    ],
)
def test_an_unknown_option_is_refused(tmp_path, options):
    with pytest.raises(SpecError):
        answer(tmp_path, "A,28,CR,2,0,1.5,150\n", **options)


def test_the_definition_says_the_rules():
    text = response(read_study(AML5), count_after=["transplant"]).definition
    for word in ("MLFS is not a response", "Auer rods", "assumption", "Clopper-Pearson"):
        assert word in text
    assert "Assessments after other therapy are listed" in text
