"""Who had which event when: every rule on courses written by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival_studies import study

from cellkinetics.outcome.answer import NUMBER_COLUMNS
from cellkinetics.outcome.survival.endpoints import ENDPOINTS, Options, follow_up
from cellkinetics.study import read_study
from cellkinetics.survival.data import SurvivalError

ROOT = Path(__file__).resolve().parents[2]


def quick(name):
    """The endpoint without its parametric models, which these tests do not look at."""

    def answer(data, *rule, options=Options(), **rest):  # noqa: B008  (frozen)
        return ENDPOINTS[name](data, *rule, options=replace(options, models=()), **rest)

    return answer


event_free, overall, duration_of_response, relapse_free, relapse_incidence = map(
    quick, ("efs", "os", "dor", "rfs", "relapse")
)


def row(answer, subject="A"):
    return answer.subjects.set_index("subject").loc[subject]


def ended(answer, subject="A"):
    """(time, event, what) of a subject."""
    found = row(answer, subject)
    return float(found["time"]), int(found["event"]), found["what"]


RELAPSED = ("A", "A 200 relapse; A 300 death", "A 28 CR; A 180 CR")
REFRACTORY = ("A", "A 40 progression; A 150 death", "A 28 NR; A 56 NR")
NEVER_RESPONDED = ("A", "A 300 last_contact", "A 28 NR; A 56 MLFS; A 90 NR")
WELL = ("A", "A 340 last_contact", "A 28 CRi; A 300 CR")
DIED_EARLY = ("A", "A 20 death", "")
DIED_IN_REMISSION = ("A", "A 200 death", "A 28 CR; A 180 CR")
ON_THE_DAY = ("A", "A 300 last_contact", "A 28 NR; A 60 CR; A 280 CR")
LATE = ("A", "A 300 last_contact", "A 28 NR; A 90 CR; A 280 CR")
UNSEEN = ("A", "A 300 last_contact", "A 28 NE")


@pytest.mark.parametrize(
    ("course", "rule", "wanted"),
    [
        (RELAPSED, "registered", (200, 1, "relapse")),
        (RELAPSED, "eln2017", (200, 1, "relapse")),
        (RELAPSED, "eln2022", (200, 1, "relapse")),
        (REFRACTORY, "registered", (40, 1, "progression")),
        (REFRACTORY, "eln2017", (40, 1, "progression")),
        (REFRACTORY, "eln2022", (0, 1, "progression")),
        (REFRACTORY, "fda", (0, 1, "progression")),
        (NEVER_RESPONDED, "registered", (300, 0, "censored")),
        (NEVER_RESPONDED, "eln2017", (56, 1, "refractory")),
        (NEVER_RESPONDED, "eln2022", (0, 1, "no remission by day 60")),
        (WELL, "registered", (340, 0, "censored")),
        (WELL, "eln2017", (300, 0, "censored")),
        (WELL, "eln2022", (300, 0, "censored")),
        (DIED_EARLY, "registered", (20, 1, "death")),
        (DIED_EARLY, "eln2017", (20, 1, "death")),
        (DIED_EARLY, "eln2022", (0, 1, "death")),
        (DIED_IN_REMISSION, "registered", (200, 1, "death")),
        (DIED_IN_REMISSION, "eln2022", (200, 1, "death")),
        (ON_THE_DAY, "eln2022", (280, 0, "censored")),
        (ON_THE_DAY, "eln2017", (280, 0, "censored")),
        (LATE, "registered", (300, 0, "censored")),
        (LATE, "eln2017", (28, 1, "refractory")),
        (LATE, "fda", (0, 1, "no remission by day 60")),
        (UNSEEN, "registered", (300, 0, "censored")),
        (UNSEEN, "eln2017", (0, 0, "censored")),
        (UNSEEN, "eln2022", (0, 0, "censored")),
    ],
)
def test_event_free_survival(tmp_path, course, rule, wanted):
    assert ended(event_free(study(tmp_path, *course), rule)) == wanted


@pytest.mark.parametrize(
    ("course", "rule", "wanted"),
    [
        (RELAPSED, "registered", (172, 1, "relapse")),
        (RELAPSED, "from_infusion", (200, 1, "relapse")),
        (RELAPSED, "fda", (172, 1, "relapse")),
        (DIED_IN_REMISSION, "registered", (172, 0, "censored")),
        (DIED_IN_REMISSION, "from_infusion", (200, 0, "censored")),
        (DIED_IN_REMISSION, "fda", (172, 1, "death")),
        (WELL, "registered", (312, 0, "censored")),
        (WELL, "from_infusion", (340, 0, "censored")),
        (WELL, "fda", (272, 0, "censored")),
    ],
)
def test_duration_of_response(tmp_path, course, rule, wanted):
    assert ended(duration_of_response(study(tmp_path, *course), rule)) == wanted


def test_the_study_chooses_the_rule(tmp_path):
    data = study(tmp_path, *REFRACTORY)
    assert event_free(data).title == "Event-free survival (registered)"
    text = (tmp_path / "study.toml").read_text() + '[endpoints]\nefs = "fda"\ndor = "fda"\n'
    (tmp_path / "study.toml").write_text(text)
    data = read_study(tmp_path)
    assert ended(event_free(data)) == (0, 1, "progression")
    assert duration_of_response(data).title == "Duration of response (fda)"


def test_mlfs_is_no_response_and_pr_is_one(tmp_path):
    data = study(tmp_path, "A B", "A 90 last_contact; B 90 last_contact", "A 28 MLFS; B 28 PR")
    answer = duration_of_response(data)
    assert row(answer, "A")["reason"] == "no response (CR, CRh, CRi, PR)"
    assert np.isnan(row(answer, "A")["time"])
    assert ended(answer, "B") == (62, 0, "censored")
    assert row(relapse_free(data), "B")["reason"] == "no remission (CR, CRh, CRi)"
    assert answer.numbers["n"].unique().tolist() == [1]


def test_progression_before_response(tmp_path):
    """It ends EFS as registered, not by ELN 2022; it does not end a response that begins later."""
    data = study(
        tmp_path, "A", "A 20 progression; A 300 last_contact", "A 14 NR; A 50 CR; A 290 CR"
    )
    assert ended(event_free(data)) == (20, 1, "progression")
    strict = event_free(data, "eln2022")
    assert ended(strict) == (290, 0, "censored")
    assert (
        "progression on day 20 (events.csv, line 2): before the remission"
        in row(strict)["not_used"]
    )
    duration = duration_of_response(data)
    assert ended(duration) == (250, 0, "censored")
    assert "before the first CR of day 50" in row(duration)["not_used"]


def test_a_response_before_the_cells_is_none_to_them(tmp_path):
    data = study(tmp_path, "A", "A 300 last_contact", "A -6 CR; A 0 PR; A 28 NR")
    assert row(duration_of_response(data))["reason"] == "no response (CR, CRh, CRi, PR)"


def test_a_declared_treatment_failure_counts(tmp_path):
    data = study(tmp_path, "A", "A 35 treatment_failure; A 300 last_contact", "A 28 NR")
    assert ended(event_free(data)) == (35, 1, "treatment_failure")
    assert ended(event_free(data, "eln2017")) == (28, 1, "refractory")
    assert ended(event_free(data, "eln2022")) == (0, 1, "treatment_failure")


def test_a_remission_that_an_assessment_shows_lost_is_a_relapse(tmp_path):
    data = study(tmp_path, "A", "A 300 last_contact", "A 28 CR; A 90 NR")
    for answer in (event_free(data), relapse_free(data), duration_of_response(data)):
        assert row(answer)["day"] == 90
        assert row(answer)["what"] == "relapse"
        assert row(answer)["why"] == (
            "relapse (NR after remission) on day 90 (assessments.csv, line 3)"
        )


@pytest.mark.parametrize("cutoff", [92, 100, None])
def test_a_later_data_cut_does_not_move_a_relapse(tmp_path, cutoff):
    """The assessment of day 90 shows it, whatever events.csv says later."""
    data = study(tmp_path, "A", "A 95 relapse; A 300 last_contact", "A 28 CR; A 90 NR")
    for endpoint in (event_free, duration_of_response, relapse_free):
        answer = endpoint(data, options=Options(cutoff=cutoff))
        assert (row(answer)["day"], row(answer)["event"]) == (90, 1)
        assert row(answer)["line"] == 3


def test_disease_of_events_before_the_lost_remission_goes_first(tmp_path):
    data = study(tmp_path, "A", "A 85 relapse; A 300 last_contact", "A 28 CR; A 90 NR")
    assert ended(event_free(data)) == (85, 1, "relapse")


@pytest.mark.parametrize("event", ["relapse", "progression", "treatment_failure"])
def test_disease_on_the_day_of_the_response_ends_it_at_once(tmp_path, event):
    """No duration outlives an event that EFS counts."""
    data = study(tmp_path, "A", f"A 28 {event}; A 300 last_contact", "A 28 CR; A 90 CR")
    assert ended(event_free(data)) == (28, 1, event)
    for answer in (duration_of_response(data), relapse_free(data)):
        assert ended(answer) == (0, 1, event)
        assert row(answer)["day"] == 28
        assert row(answer)["not_used"] == ""
    assert ended(duration_of_response(data, "from_infusion")) == (28, 1, event)
    day = 0 if event == "treatment_failure" else 28  # a declared failure is one at time 0
    assert ended(event_free(data, "eln2022")) == (day, 1, event)


def test_derived_disease_of_the_response_module(tmp_path):
    data = study(tmp_path, "A", "A 300 last_contact", "A 28 NR")
    disease = pd.DataFrame(
        {
            "subject": ["A", "A"],
            "time": [10.0, 40.0],
            "event": ["progression", "progression"],
            "source": ["given", "derived"],
            "line": [9, 2],
        }
    )
    answer = event_free(data, options=Options(disease=disease))
    assert row(answer)["why"] == "progression (derived) on day 40 (assessments.csv, line 2)"
    assert ended(answer) == (40, 1, "progression")
    assert ended(event_free(data)) == (300, 0, "censored")


def test_responses_can_be_given(tmp_path):
    data = study(tmp_path, "A", "A 300 last_contact", "A 28 NR")
    responses = pd.DataFrame({"subject": ["A"], "time": [28.0], "response": ["CR"]})
    answer = duration_of_response(data, options=Options(responses=responses))
    assert ended(answer) == (272, 0, "censored")
    with pytest.raises(SurvivalError, match="responses has no column 'response'"):
        overall(data, options=Options(responses=responses.drop(columns="response")))


def test_events_after_the_horizon_are_listed_and_not_used(tmp_path):
    data = study(tmp_path, "A", "A 400 relapse; A 500 death", "A 28 CR; A 390 CR")
    for answer in (event_free(data), overall(data)):
        assert ended(answer) == (365, 0, "censored")
        assert row(answer)["why"] == "event-free on day 365, the horizon"
        assert "death on day 500 (events.csv, line 3): after the horizon" in row(answer)["not_used"]
    assert ended(event_free(data, options=Options(horizon=np.inf))) == (400, 1, "relapse")
    assert ended(duration_of_response(data)) == (337, 0, "censored")


def test_an_event_on_the_horizon_counts(tmp_path):
    data = study(tmp_path, "A", "A 365 death")
    assert ended(overall(data)) == (365, 1, "death")


def test_a_response_after_the_horizon_is_none(tmp_path):
    data = study(tmp_path, "A", "A 500 last_contact", "A 400 CR")
    assert row(duration_of_response(data))["reason"] == "CR on day 400 is after the horizon"


def test_the_data_cut(tmp_path):
    """What comes later is listed; who was seen later was alive at the cut."""
    data = study(
        tmp_path, "A B", "A 120 death; B 50 last_contact", "A 28 CR; A 110 NR", cuts="A 150"
    )
    cut = Options(cutoff=100)
    answer = overall(data, options=cut)
    assert ended(answer, "A") == (100, 0, "censored")
    assert (
        "death on day 120 (events.csv, line 2): after the data cut, day 100"
        in row(answer)["not_used"]
    )
    assert ended(answer, "B") == (50, 0, "censored")
    assert "Data cut: day 100." in answer.definition
    assert ended(event_free(data, options=cut), "A") == (100, 0, "censored")
    assert ended(overall(data), "A") == (120, 1, "death")
    assert ended(overall(data, options=Options(cutoff=120)), "A") == (120, 1, "death")


def test_a_subjects_own_data_cut(tmp_path):
    data = study(tmp_path, "A B", "A 120 death; B 120 death", cuts="A 90")
    answer = overall(data)
    assert ended(answer, "A") == (90, 0, "censored")
    assert ended(answer, "B") == (120, 1, "death")


def test_a_cut_before_the_landmark_is_no_failure(tmp_path):
    data = study(tmp_path, "A", "A 300 last_contact", "A 28 NR; A 90 NR")
    assert ended(event_free(data, "eln2022", options=Options(cutoff=40))) == (0, 0, "censored")
    assert ended(event_free(data, "eln2017", options=Options(cutoff=40))) == (28, 0, "censored")
    # Lost before the landmark without a remission is a failure: nobody will ever see one.
    lost = study(tmp_path / "lost", "A", "A 40 last_contact", "A 28 NR")
    assert ended(event_free(lost, "eln2022")) == (0, 1, "no remission by day 60")


def test_transplant_censors_if_asked(tmp_path):
    data = study(
        tmp_path,
        "A B C",
        "A 70 transplant; A 200 relapse; A 300 death; B 40 relapse; B 70 transplant; "
        "B 90 last_contact; C 20 transplant; C 300 last_contact",
        "A 28 CR; B 14 CR; C 28 CR",
    )
    censored = Options(censor_at=["transplant"])
    assert ended(event_free(data)) == (200, 1, "relapse")
    answer = event_free(data, options=censored)
    assert ended(answer) == (70, 0, "censored")
    assert (
        "relapse on day 200 (events.csv, line 3): after the transplant" in row(answer)["not_used"]
    )
    assert ended(answer, "B") == (40, 1, "relapse")
    # Transplanted before the first response: nothing of the response is seen without it.
    assert ended(duration_of_response(data, options=censored), "C") == (0, 0, "censored")
    assert "Censored at a transplant" in answer.definition
    assert "do not censor" in event_free(data).definition
    with pytest.raises(SurvivalError, match=r"censor_at 'transplnt'.*Did you mean 'transplant'"):
        event_free(data, options=Options(censor_at=["transplnt"]))
    with pytest.raises(SurvivalError, match="is one text"):
        event_free(data, options=Options(censor_at="transplant"))


def test_an_event_on_the_day_of_the_transplant_counts(tmp_path):
    data = study(tmp_path, "A", "A 70 transplant; A 70 relapse; A 90 last_contact", "A 28 CR")
    assert ended(event_free(data, options=Options(censor_at=["transplant"]))) == (70, 1, "relapse")


def test_relapse_and_death_on_one_day_is_a_relapse(tmp_path):
    data = study(tmp_path, "A", "A 70 death; A 70 relapse", "A 28 CR")
    assert ended(event_free(data))[2] == "relapse"
    assert row(relapse_incidence(data))["cause"] == 1


def test_without_follow_up(tmp_path):
    """No events row: the last sample is known; no row at all: day 0, and a note says so."""
    data = study(tmp_path, "A B", "", "A 28 NR", samples="A 14; A 35")
    answer = overall(data)
    assert ended(answer, "A") == (35, 0, "censored")
    assert (
        row(answer, "A")["why"] == "censored: last row of samples on day 35 (samples.csv, line 3)"
    )
    assert ended(answer, "B") == (0, 0, "censored")
    assert any("No follow-up after day 0" in note and "B" in note for note in answer.notes)


def test_a_sample_after_the_last_contact_shows_the_subject_alive(tmp_path):
    data = study(tmp_path, "A", "A 100 last_contact", samples="A 120")
    assert ended(overall(data)) == (120, 0, "censored")


def test_not_infused_is_not_in_the_denominator(tmp_path):
    data = study(tmp_path, "A B", "A 100 death; B 50 death")
    (tmp_path / "infusions.csv").write_text("subject,time,cells\nA,0,1.5e6\n")
    answer = overall(read_study(tmp_path))
    assert answer.subjects["subject"].tolist() == ["A"]
    assert any("B" in note for note in answer.notes)
    assert data.subjects["subject"].tolist() == ["A", "B"]


def test_incidence_of_relapse(tmp_path):
    data = study(
        tmp_path,
        "A B C D",
        "A 100 relapse; A 130 death; B 120 death; C 200 last_contact; D 90 death",
        "A 28 CR; B 28 CRi; C 28 CRh; D 28 NR",
    )
    answer = relapse_incidence(data)
    assert answer.subjects.set_index("subject")["cause"].tolist()[:3] == [1, 2, 0]
    assert pd.isna(row(answer, "D")["cause"])
    curve = answer.more["curve"].set_index("time")["incidence"]
    assert curve.loc[72] == pytest.approx(1 / 3)
    assert curve.iloc[-1] == pytest.approx(1 / 3)


def test_follow_up_is_turned_round(tmp_path):
    data = study(
        tmp_path, "A B C", "A 500 last_contact; B 50 death; C 400 last_contact", horizon=365
    )
    answer = follow_up(data)
    assert answer.subjects["event"].tolist() == [1, 0, 1]
    found = answer.numbers.iloc[0]
    assert (found["quantity"], found["estimate"]) == ("median follow-up", 450)


def test_a_rule_without_its_landmark_is_refused(tmp_path):
    data = study(tmp_path, *WELL, landmark=None)
    with pytest.raises(SurvivalError, match=r"needs the day .*landmark = 60"):
        event_free(data, "eln2022")
    assert "(not set: nobody is refractory by it)" in event_free(data, "eln2017").definition
    assert ended(event_free(data, "eln2022", landmark=30)) == (300, 0, "censored")
    with pytest.raises(SurvivalError, match=r"EFS rule 'eln2023'.*Did you mean 'eln2022'"):
        event_free(data, "eln2023")
    with pytest.raises(SurvivalError, match="remission 'MLFS'"):
        event_free(data, remission=("CR", "MLFS"))


def test_cr_alone_can_be_the_remission(tmp_path):
    data = study(tmp_path, "A", "A 300 last_contact", "A 28 CRi; A 90 CR; A 280 CR")
    assert ended(event_free(data, "fda")) == (280, 0, "censored")
    answer = event_free(data, "fda", remission=("CR",))
    assert ended(answer) == (0, 1, "no remission by day 60")
    assert "no CR by the landmark (day 60)" in answer.definition


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_answer_has_the_same_form(tmp_path, name):
    """Ugly: nobody responds, nobody is followed, one subject."""
    for i, course in enumerate(
        (("A", "", ""), ("A", "A 0 death", ""), ("A B", "A 30 death; B 30 death", "A 28 CR"))
    ):
        answer = ENDPOINTS[name](study(tmp_path / str(i), *course))
        assert list(answer.numbers.columns) == list(NUMBER_COLUMNS)
        assert answer.subjects.columns[0] == "subject"
        assert len(answer.numbers)
        missing = answer.numbers["estimate"].isna()
        assert (answer.numbers.loc[missing, "note"] != "").all()
        assert "{" not in answer.definition


def test_death_at_infusion_is_a_step_and_a_point_mass(tmp_path):
    answer = ENDPOINTS["os"](study(tmp_path, "A B", "A 0 death; B 300 last_contact"))
    curve = answer.more["curve"]
    assert curve.loc[0, "survival"] == 0.5
    weibull = answer.numbers[answer.numbers["method"].str.startswith("weibull")]
    assert weibull["method"].str.contains(r"P\(T = 0\) ~ Beta").all()
    assert np.isfinite(weibull["estimate"]).all()


@pytest.mark.parametrize("rule", ["registered", "eln2017", "eln2022", "fda"])
def test_efs_never_exceeds_os(rule):
    data = read_study(ROOT / "fits" / "studies" / "aml5")
    efs, os = event_free(data, rule).subjects, overall(data).subjects
    assert (efs["time"] <= os["time"]).all()
    assert not (efs["event"].eq(0) & os["event"].eq(1)).any()
