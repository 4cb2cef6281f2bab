"""The cytokines of a study as an answer: what counts, what is said, and the shipped example."""

import numpy as np
import pandas as pd
import pytest
from cytokine_study import study_of

from cellkinetics.catalogue import find_study
from cellkinetics.errors import SpecError, StudyError
from cellkinetics.outcome.answer import NUMBER_COLUMNS
from cellkinetics.outcome.cytokine import cytokine
from cellkinetics.outcome.cytokine_readings import (
    cytokine_analytes,
    is_cytokine,
    later_therapy,
    read_cytokines,
)
from cellkinetics.study import read_study
from cellkinetics.study.exclusions import exclusions

ROWS = [
    f"S{s},{day},il6,{value * s}"
    for s in range(1, 7)
    for day, value in ((0, 3), (7, 40 + s), (14, 9), (28, 4))
]


@pytest.fixture(scope="module")
def aml5():
    return read_study(find_study("aml5"))


@pytest.mark.parametrize(
    "name",
    [
        "il6", "IL-6", "IL-1B", "IL-12p70", "ifng", "IFN-gamma", "IFN-γ", "TNF-alpha", "TNF_a",
        "GM-CSF", "MIP-alpha", "MIP1a", "MCP-1", "CXCL9", "CCL17", "IP-10", "sIL2R", "IL2RA",
    ],
)  # fmt: skip
def test_a_cytokine_is_known_by_its_name(name):
    assert is_cytokine(name)


@pytest.mark.parametrize("name", ["qpcr", "flow", "wbc", "crp", "ferritin", "ldh", "sbcma", "il"])
def test_other_analytes_are_not(name):
    assert not is_cytokine(name)


def test_the_shipped_example(aml5):
    answer = cytokine(aml5)
    assert answer.numbers.columns.tolist() == list(NUMBER_COLUMNS)
    assert answer.subjects.columns[0] == "subject"
    assert len(answer.subjects) == 15
    table = answer.subjects.set_index(["analyte", "subject"])
    assert table.loc[("il6", "P02"), ["peak_lower", "peak_upper"]].tolist() == [5000, np.inf]
    assert table.loc[("il6", "P02"), "fold_flag"] == "above"
    assert table.loc[("ifng", "P01"), "baseline_flag"] == "below"
    for row in answer.numbers.to_dict("records"):
        assert row["n"] >= 0
        assert row["method"]
        known = np.isfinite(row["estimate"]) or np.isfinite(row["lower"])
        assert known or row["note"], row
    day_365 = answer.more["visits"].query("analyte == 'ifng' and visit == 365").iloc[0]
    assert "every reading at the visit is below its limit" in day_365["why"]
    assert (day_365["n"], day_365["below"]) == (3, 3)
    assert any("another cell product: 21 readings" in note for note in answer.notes)
    assert "day 365" in answer.definition


def test_a_visit_within_limits_is_the_paired_t_of_the_logs(aml5):
    """IL-6 on day 28: five patients, nothing beyond a limit."""
    rows = aml5.samples.query("analyte == 'il6'").pivot(
        index="subject", columns="time", values="value"
    )
    change = np.log(rows[28.0] / rows[0.0])
    got = cytokine(aml5).more["visits"].query("analyte == 'il6' and visit == 28").iloc[0]
    assert np.log(got["fold"]) == pytest.approx(change.mean(), abs=0.02)
    # Visits that patients miss later move mean and variance a little.
    assert got["se_log"] == pytest.approx(change.sem(), rel=0.1)


def test_numbers_by_hand(tmp_path):
    answer = cytokine(study_of(tmp_path / "study", ROWS), visits=[7, 14, 28])
    table = answer.more["visits"].set_index("visit")
    assert table.loc[14, "fold"] == pytest.approx(3)
    assert np.isnan(table.loc[14, "lower"])  # every subject tripled: no spread, no interval
    change = np.log([(40 + s) / 3 for s in range(1, 7)])
    assert np.log(table.loc[7, "fold"]) == pytest.approx(change.mean())
    numbers = answer.numbers.set_index("quantity")
    assert numbers.loc["returned below 2 x baseline", ["n", "events", "estimate"]].tolist() == [
        6, 6, 1.0,
    ]  # fmt: skip
    assert numbers.loc["median peak", "estimate"] == (43 * 3 + 44 * 4) / 2
    assert numbers.loc["median peak", "unit"] == "pg/mL"
    assert answer.more["changes"]["fold_flag"].eq("exact").all()


def test_no_spread_at_all_gives_no_interval_but_the_medians(tmp_path):
    rows = [f"S{s},{d},il6,{v * s}" for s in range(1, 6) for d, v in ((0, 3), (7, 30))]
    answer = cytokine(study_of(tmp_path / "study", rows), visits=[7])
    row = answer.more["visits"].iloc[1]
    assert "no residual variance" in row["why"]
    assert np.isnan(row["lower"])
    assert row["median_lower"] == row["median_upper"] == 10


def test_a_median_is_given_where_limits_do_not_touch_it(tmp_path):
    rows = [f"S{s},0,il6,1" for s in range(1, 6)]
    rows += ["S4,7,il6,2", "S5,7,il6,3", "S1,7,il6,5", "S3,7,il6,8,-1,,8", "S2,7,il6,8,-1,,8"]
    numbers = cytokine(study_of(tmp_path / "a", rows), visits=[7]).numbers.set_index("quantity")
    assert numbers.loc["median peak", "estimate"] == 5
    assert numbers.loc["median peak", "note"].startswith("2 between bounds")
    assert numbers.loc["median peak fold change", "estimate"] == 5
    rows[7] = "S1,7,il6,8,-1,,8"
    numbers = cytokine(study_of(tmp_path / "b", rows), visits=[7]).numbers.set_index("quantity")
    row = numbers.loc["median peak"]
    assert np.isnan(row["estimate"])
    assert (row["lower"], row["upper"]) == (8, np.inf)
    assert "bound the median itself" in row["note"]


def test_who_was_not_treated_and_what_is_not_blood_is_counted(tmp_path):
    rows = [*ROWS, "S9,0,il6,3", "S1,10,il6,900,,,,CSF", "S1,11,il6,901,,,,plasma", "S1,12,il6,"]
    study = study_of(tmp_path / "study", rows, infused=[f"S{s}" for s in range(1, 7)])
    readings = read_cytokines(study, until=365)
    assert readings.left_out.set_index("reason")["readings"].to_dict() == {
        "not treated": 1,
        "not blood": 1,
        "another specimen of the same analyte": 1,
        "no value": 1,
    }
    assert len(readings.table) == len(ROWS)
    assert readings.table["upper"].max() < 900
    answer = cytokine(study)
    assert any("1 reading of 1 subject left out: not blood" in note for note in answer.notes)


def test_later_samples_are_left_out_by_horizon_and_cutoff(tmp_path):
    rows = [*ROWS, "S1,300,il6,999", "S1,400,il6,5000"]
    study = study_of(tmp_path / "study", rows)
    answer = cytokine(study)
    assert answer.subjects["peak_lower"].iloc[0] == 999
    assert answer.more["left_out"]["reason"].tolist() == ["after day 395"]
    early = cytokine(study, cutoff=20)
    assert early.subjects["peak_lower"].iloc[0] == 41
    assert early.more["visits"].query("visit == 28")["n"].item() == 0


def test_a_visit_just_past_the_year_is_the_visit_but_no_peak(tmp_path):
    rows = [*ROWS, *(f"S{s},370,il6,{500 * s}" for s in range(1, 7))]
    answer = cytokine(study_of(tmp_path / "study", rows))
    assert answer.more["visits"].query("visit == 365")["n"].item() == 6
    assert answer.subjects["peak_lower"].iloc[0] == 41


def test_therapies_that_end_a_course_are_those_of_the_exclusions(aml5):
    days = later_therapy(aml5)
    reasons = exclusions(aml5)
    cut = reasons["reason"].isin(
        ["conditioning", "cytotoxic", "cell_product", "transplant", "other_therapy"]
    )
    expected = aml5.samples[cut].index
    after = aml5.samples["time"] > aml5.samples["subject"].map(days)
    assert list(aml5.samples[after].index) == list(expected)
    kept = cytokine(aml5, after_therapy="leave out")
    assert kept.more["left_out"]["readings"].sum() == 21
    assert "while on treatment" in kept.definition
    assert not any("after a transplant" in note for note in kept.notes)


def test_drugs_before_the_cells_end_nothing(tmp_path):
    drugs = [
        "S1,-5,fludarabine,",
        "S1,10,Cytarabine,",
        "S2,-5,melphalan,cytotoxic",
        "S3,9,aspirin,",
    ]
    study = study_of(tmp_path / "study", ROWS, treatments=drugs)
    assert later_therapy(study).to_dict() == {"S1": 10}


def test_zeros_as_read_have_courses_but_no_mean_of_logs(tmp_path):
    rows = ["S1,0,il6,0", *ROWS[1:]]
    study = study_of(tmp_path / "study", rows, settings='zeros_as_read = ["il6"]\n')
    answer = cytokine(study)
    first = answer.subjects.iloc[0]
    assert first["baseline_flag"] == "exact"
    assert "the baseline is a zero" in first["reason"]
    assert np.isnan([first["fold_lower"], first["fold_upper"]]).all()
    assert "a zero as read has no logarithm" in answer.numbers["note"].iloc[0]
    assert answer.numbers["estimate"].iloc[:3].isna().all()


def test_a_zero_without_a_limit_stops_the_reading(tmp_path):
    with pytest.raises(StudyError, match="zero"):
        study_of(tmp_path / "study", ["S1,0,il6,0", "S1,7,il6,4"])


def test_without_a_cytokine_the_answer_is_empty_and_says_why(tmp_path):
    answer = cytokine(study_of(tmp_path / "study", ["S1,0,ferritin,100", "S1,7,ferritin,900"]))
    assert answer.subjects.empty
    assert answer.numbers.empty
    assert answer.notes == ("no analyte has a cytokine's name; name them with analytes",)
    named = cytokine(
        study_of(tmp_path / "again", ["S1,0,ferritin,100", "S1,7,ferritin,900"]),
        analytes=["ferritin"],
    )
    assert named.subjects["fold_lower"].tolist() == [9]
    assert "fewer than two subjects" in set(named.numbers["note"])


def test_a_subject_without_readings_and_one_of_each_kind(tmp_path):
    rows = ["S1,0,il6,3", "S2,7,il6,9"]
    answer = cytokine(study_of(tmp_path / "study", rows, subjects=["S1", "S2", "S3"]))
    assert answer.subjects["reason"].tolist() == [
        "no reading after the infusion", "no reading before the infusion", "no reading",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"analytes": ["il66"]}, "no samples of analyte 'il66'.*Did you mean 'il6'"),
        ({"analytes": "il6"}, r"is one text; write a list"),
        ({"after_therapy": "drop"}, "after_therapy='drop'.*Known: keep, leave out"),
        ({"visits": [14, 7]}, "in increasing order"),
        ({"multiple": 0}, "multiple=0: wanted a number between 0 and inf"),
        ({"auc_days": -1}, "auc_days=-1"),
        ({"level": 95}, "level=95: wanted a number between 0 and 1"),
    ],
)
def test_wrong_options_are_refused(aml5, options, words):
    with pytest.raises(SpecError, match=words):
        cytokine(aml5, **options)


def test_the_order_of_rows_and_ids_like_numbers_change_nothing(tmp_path):
    rows = [row.replace("S", "00") for row in ROWS]
    one = cytokine(study_of(tmp_path / "one", rows))
    other = cytokine(study_of(tmp_path / "other", rows[::-1]))
    pd.testing.assert_frame_equal(one.subjects, other.subjects)
    pd.testing.assert_frame_equal(one.numbers, other.numbers, rtol=1e-6)
    assert one.subjects["subject"].iloc[0] == "001"


def test_analytes_are_asked_for_once(aml5):
    assert cytokine_analytes(aml5, ["il10", "il6", "il10"]) == ("il10", "il6")


def test_an_analyte_without_baselines_stands_beside_a_full_one(tmp_path):
    rows = [*ROWS, *(f"S{s},7,ifng,{5 * s}" for s in range(1, 7))]
    answer = cytokine(study_of(tmp_path / "study", rows), visits=[7, 14])
    table = answer.more["visits"].set_index(["analyte", "visit"])
    assert table.loc[("ifng", 7), "why"] == "no reading at the baseline"
    assert np.isfinite(table.loc[("il6", 7), "fold"])
    visits = answer.numbers[answer.numbers["quantity"].str.contains("geometric")]
    assert len(visits) == 4  # a visit without a number keeps its row and its reason
    assert (visits["note"] != "").all()


def test_huge_and_tiny_readings_pass(tmp_path):
    rows = [row.replace(",9", ",1e15") for row in ROWS]
    rows[0] = "S1,0,il6,1e-300"
    answer = cytokine(study_of(tmp_path / "study", rows))
    assert len(answer.subjects) == 6
    assert answer.subjects["fold_upper"].notna().all()
    first = answer.subjects.iloc[0]  # 1e15 over 1e-300 is no number
    assert (first["fold_flag"], first["fold_upper"]) == ("above", np.inf)
