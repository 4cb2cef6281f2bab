"""Edge cases of a trial, each with the numbers that a careful reader would expect."""

import numpy as np
import pandas as pd
import pytest
from trials import trial

from cellkinetics.endpoints import EndpointsError, Options, compute_endpoints
from cellkinetics.endpoints.run import PARTS
from cellkinetics.study import read_study


def times(found, name: str) -> dict[str, tuple[float, int] | None]:
    rows = found.answers[name].subjects
    return {
        s: None if pd.isna(t) else (float(t), int(e))
        for s, t, e in zip(rows["subject"], rows["time"], rows["event"], strict=True)
    }


def value(found, part: str, quantity: str, method: str = "") -> pd.Series:
    rows = found.answers[part].numbers
    return rows[(rows["quantity"] == quantity) & rows["method"].str.contains(method)].iloc[0]


def test_one_subject_with_nothing_but_an_infusion(tmp_path):
    found = compute_endpoints(trial(tmp_path, "A"))
    assert found.passed
    assert set(found.answers) == set(PARTS)
    for part, why in (
        ("response", "there are no assessments"),
        ("mrd", "no MRD is given"),
        ("efs", "there are no events"),
        ("os", "there are no events"),
        ("dor", "there are no events"),
        ("follow_up", "there are no events"),
        ("exposure", "the study has no samples"),
    ):
        answer = found.answers[part]
        assert answer.numbers[["n", "method"]].to_numpy().tolist() == [[0, "not computed"]]
        assert np.isnan(answer.numbers["estimate"].iloc[0])
        assert why in answer.numbers["note"].iloc[0]
        assert why in answer.subjects["reason"].iloc[0]
    # Nothing recorded is not nothing happened: no rate of 0 %.
    assert found.answers["safety"].numbers["estimate"].isna().all()


def test_one_subject(tmp_path):
    found = compute_endpoints(
        trial(tmp_path, "A", events="A 200 relapse; A 300 death", responses="A 28 CR")
    )
    assert times(found, "efs") == {"A": (200, 1)}
    assert times(found, "os") == {"A": (300, 1)}
    assert times(found, "dor") == {"A": (172, 1)}
    orr = value(found, "response", "ORR (of all treated)", "Clopper")
    assert (orr["n"], orr["estimate"], orr["lower"]) == (1, 1, pytest.approx(0.025))
    assert value(found, "os", "median", "Kaplan-Meier")["estimate"] == 300


def test_a_subject_without_follow_up(tmp_path):
    found = compute_endpoints(trial(tmp_path, "A B", events="A 300 death", responses="A 28 CR"))
    assert times(found, "efs")["B"] == times(found, "os")["B"] == (0, 0)
    assert times(found, "dor")["B"] is None
    assert "No follow-up after day 0" in " ".join(found.answers["os"].notes)
    assert value(found, "os", "S(6 months, day 182.5)", "Kaplan-Meier")["estimate"] == 1
    assert value(found, "response", "ORR (of all treated)", "Clopper")["n"] == 2
    assert value(found, "response", "ORR (of evaluated)", "Clopper")["n"] == 1


def test_no_events(tmp_path):
    found = compute_endpoints(
        trial(tmp_path, "A B", events="A 365 last_contact; B 200 withdrawal", responses="A 28 CR")
    )
    assert times(found, "efs") == {"A": (365, 0), "B": (200, 0)}
    median = value(found, "efs", "median", "Kaplan-Meier")
    assert np.isnan(median["estimate"])
    assert median["note"].startswith("not reached")
    assert value(found, "os", "S(6 months, day 182.5)", "Kaplan-Meier")["estimate"] == 1
    assert value(found, "os", "S(6 months, day 182.5)", "weibull")["estimate"] < 1


def test_all_events_at_time_0(tmp_path):
    study = trial(
        tmp_path, "A B C", events="A 20 death; B 50 progression; B 90 death; C 70 last_contact",
        responses="B 28 NR; C 28 NR",
    )  # fmt: skip
    found = compute_endpoints(study, Options(efs="eln2022"))
    assert times(found, "efs") == {"A": (0, 1), "B": (0, 1), "C": (0, 1)}
    assert value(found, "efs", "median", "Kaplan-Meier")["estimate"] == 0
    assert value(found, "efs", "S(3 months, day 91.25)", "Kaplan-Meier")["estimate"] == 0
    weibull = value(found, "efs", "S(3 months, day 91.25)", "weibull")
    assert 0 < weibull["estimate"] < 0.3
    assert "P(T = 0)" in weibull["method"]
    assert found.passed


def test_everyone_dies_on_day_0(tmp_path):
    found = compute_endpoints(trial(tmp_path, "A B", events="A 0 death; B 0 death"))
    assert times(found, "os") == {"A": (0, 1), "B": (0, 1)}
    assert value(found, "os", "median", "Kaplan-Meier")["estimate"] == 0
    assert found.passed


def test_ties_on_one_day(tmp_path):
    found = compute_endpoints(
        trial(
            tmp_path, "A B C D",
            events="A 60 relapse; A 60 death; B 60 death; C 60 last_contact; D 90 last_contact",
            responses="A 28 CR",
        )
    )  # fmt: skip
    assert times(found, "efs") == {"A": (60, 1), "B": (60, 1), "C": (60, 0), "D": (90, 0)}
    efs = found.answers["efs"].subjects.set_index("subject")
    assert efs.loc["A", "what"] == "relapse"
    # Events come before censorings of the same day: two of four.
    assert value(found, "efs", "median", "Kaplan-Meier")["estimate"] == 60
    assert times(found, "dor")["A"] == (32, 1)


def test_a_responder_who_never_progresses_and_a_death_without_progression(tmp_path):
    study = trial(
        tmp_path, "A B", events="A 365 last_contact; B 150 death", responses="A 28 CR; B 28 PR"
    )
    registered = compute_endpoints(study)
    assert times(registered, "dor") == {"A": (337, 0), "B": (122, 0)}
    assert times(compute_endpoints(study, Options(dor="fda")), "dor") == {
        "A": (0, 0),
        "B": (122, 1),
    }
    assert times(compute_endpoints(study, Options(dor="from_infusion")), "dor") == {
        "A": (365, 0), "B": (150, 0),
    }  # fmt: skip
    assert times(registered, "efs")["B"] == (150, 1)


def test_progression_before_the_response(tmp_path):
    found = compute_endpoints(
        trial(
            tmp_path, "A", events="A 14 progression; A 300 last_contact",
            responses="A 12 NR; A 28 CR; A 60 CR",
        )
    )  # fmt: skip
    assert times(found, "efs") == {"A": (14, 1)}
    assert times(found, "dor") == {"A": (272, 0)}
    assert "before the first CR" in found.answers["dor"].subjects["not_used"].iloc[0]


def test_a_response_to_other_therapy_is_none_to_the_cells(tmp_path):
    study = trial(
        tmp_path, "A B", events="A 40 other_therapy; A 300 last_contact; B 300 last_contact",
        responses="A 28 NR; A 90 CR; B 28 CR",
    )  # fmt: skip
    found = compute_endpoints(study)
    assert value(found, "response", "ORR (of all treated)", "Clopper")["events"] == 1
    assert times(found, "dor") == {"A": None, "B": (272, 0)}
    assert times(found, "rfs")["A"] is None
    assert "none to the cells" in found.answers["dor"].definition
    # It is no remission by the landmark either.
    late = compute_endpoints(trial(
        tmp_path / "late", "A", events="A 40 other_therapy; A 300 last_contact",
        responses="A 28 NR; A 55 CR",
    ), Options(efs="fda"))  # fmt: skip
    assert times(late, "efs") == {"A": (0, 1)}


def test_a_remission_lost_in_the_assessments_alone_is_a_relapse(tmp_path):
    found = compute_endpoints(
        trial(tmp_path, "A", events="A 300 last_contact", responses="A 28 CR; A 90 NR")
    )
    assert times(found, "efs") == {"A": (90, 1)}
    assert times(found, "dor") == {"A": (62, 1)}
    assert times(found, "relapse") == {"A": (62, 1)}


def test_events_after_the_cut_and_after_the_horizon(tmp_path):
    study = trial(
        tmp_path, "A B C", events="A 60 relapse; A 90 death; B 380 death; C 200 last_contact",
        responses="A 28 CR; B 28 CR; C 28 NR", cuts="C 100",
    )  # fmt: skip
    cut = compute_endpoints(study, Options(cutoff=80))
    assert times(cut, "efs") == {"A": (60, 1), "B": (80, 0), "C": (80, 0)}
    assert times(cut, "os") == {"A": (80, 0), "B": (80, 0), "C": (80, 0)}
    assert cut.late[["subject", "time"]].to_numpy().tolist() == [["A", 90], ["B", 380], ["C", 200]]
    whole = compute_endpoints(study)
    assert times(whole, "os") == {"A": (90, 1), "B": (365, 0), "C": (100, 0)}
    assert "death on day 380" in whole.answers["os"].subjects["not_used"].iloc[1]
    assert value(whole, "safety", "death", "Clopper")["events"] == 1


def test_counts_of_the_next_days_do_not_cross_the_cut(tmp_path):
    """A marrow on day 28 takes its counts from day 32: after a cut on day 30 they are not known."""
    trial(tmp_path, "A", events="A 300 last_contact")
    samples = "".join(
        f"A,{t},{a},{v},10^9/L,0,0.01\n" for t, a, v in ((32, "anc", 2), (32, "platelets", 200))
    )
    (tmp_path / "samples.csv").write_text(f"subject,time,analyte,value,unit,cens,lloq\n{samples}")
    (tmp_path / "assessments.csv").write_text(
        "subject,time,marrow_blasts_pct,blood_blasts_pct\nA,-3,50,10\nA,28,1,0\n"
    )
    study = read_study(tmp_path)
    best = {
        cut: compute_endpoints(study, Options(cutoff=cut)).answers["response"].subjects
        for cut in (30, 40)
    }
    assert best[40]["best_response"].iloc[0] == "CR"
    assert best[30]["best_response"].iloc[0] != "CR"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"efs": "eln2021"}, "--efs 'eln2021' is not known. Known: registered, eln2017"),
        ({"dor": "registerd"}, "Did you mean 'registered'"),
        ({"conf_type": "loglog"}, "Did you mean 'log-log'"),
        ({"target": 50}, "--target 50: wanted a rate between 0 and 1"),
        ({"cutoff": -1}, "--cutoff -1: wanted a day from the infusion"),
        ({"cutoff": float("nan")}, "--cutoff nan"),
    ],
)
def test_options_that_cannot_be_met_are_refused(tmp_path, options, words):
    with pytest.raises(EndpointsError, match=words.replace("(", r"\(")):
        compute_endpoints(trial(tmp_path, "A"), Options(**options))


def test_a_rule_that_needs_a_landmark_says_how_to_give_it(tmp_path):
    study = trial(tmp_path, "A", landmark=None)
    with pytest.raises(EndpointsError, match=r"landmark = 60 .* under \[response\]"):
        compute_endpoints(study, Options(efs="fda"))


def test_options_change_what_they_say(tmp_path):
    study = trial(
        tmp_path, "A B C", events="A 60 relapse; B 100 death; C 300 last_contact",
        responses="A 28 CR; B 28 CR; C 28 NR",
    )  # fmt: skip
    plain, log = (compute_endpoints(study, Options(conf_type=c)) for c in ("plain", "log"))
    quantity = "S(3 months, day 91.25)"
    one, other = (value(f, "os", quantity, "Kaplan") for f in (plain, log))
    assert one["estimate"] == other["estimate"] == 1
    one, other = (value(f, "efs", quantity, "Kaplan") for f in (plain, log))
    assert one["lower"] != other["lower"]
    assert "plain interval" in one["method"]
    found = compute_endpoints(study, Options(target=0.2))
    assert value(found, "response", "P(ORR (of all treated) > 0.2)")["estimate"] > 0.9
