"""What must hold of the endpoints of any trial, whatever happened to whom in which order."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from trials import courses, trial

from cellkinetics.catalogue import find_study
from cellkinetics.endpoints import Options, compute_endpoints
from cellkinetics.endpoints.cut import rows_after, samples_up_to
from cellkinetics.errors import StudyError
from cellkinetics.outcome.eln import RESPONDERS
from cellkinetics.study import read_study
from cellkinetics.study.study import Study

FEW = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # shrinking takes minutes, at a second an example
)
RULES = [("registered", "registered"), ("eln2017", "from_infusion"), ("eln2022", "fda")]


def drawn(course: dict[str, str]) -> Study:
    with TemporaryDirectory() as name:
        try:
            return trial(Path(name), **course)
        except StudyError:  # what contradicts itself is refused, and is no trial
            assume(False)
            raise


def ends(answer) -> pd.DataFrame:
    return answer.subjects.set_index("subject")[["start", "time", "event"]].astype(float)


@FEW
@given(course=courses(), rule=st.sampled_from(RULES))
def test_endpoints_agree_with_each_other(course, rule):
    study = drawn(course)
    found = compute_endpoints(study, Options(efs=rule[0], dor=rule[1]))
    assert found.passed, [check for check in found.checks if not check.passed]
    efs, os, dor = (ends(found.answers[name]) for name in ("efs", "os", "dor"))
    assert (efs["time"] <= os["time"]).all()
    assert ((os["time"] >= 0) & (os["time"] <= study.settings.horizon)).all()
    # DOR is of responders alone, and of all of them.
    best = found.answers["response"].subjects.set_index("subject")
    assert set(dor.index[dor["time"].notna()]) == set(best.index[best["responder"]])
    had = study.assessments[study.assessments["response"].isin(RESPONDERS)]
    assert set(dor.index[dor["time"].notna()]) <= set(had["subject"])
    # A response does not outlive its subject; whoever died is no more alive in any endpoint.
    counted = dor["time"].notna()
    assert (dor["start"] + dor["time"])[counted].le(os["time"][counted]).all()
    died = os["event"] == 1
    assert efs.loc[died, "event"].eq(1).all() or rule[0] != "registered"


@FEW
@given(course=courses(), cut=st.integers(0, 400))
def test_nothing_after_the_data_cut_matters(course, cut):
    study = drawn(course)
    told = compute_endpoints(study, Options(cutoff=cut))
    untold = compute_endpoints(otherwise(study, cut), Options(cutoff=cut))
    same(told, untold)
    assert len(told.late) == sum(
        (study.table(n)["time"] > study.table(n)["subject"].map(cuts_of(study, cut))).sum()
        for n in ("samples", "assessments", "events")
    )


@pytest.mark.parametrize("cut", [0, 20, 28, 65, 100, 200])
def test_nothing_after_the_data_cut_matters_in_the_shipped_study(cut):
    study = read_study(find_study("aml5"))
    told = compute_endpoints(study, Options(cutoff=cut))
    same(told, compute_endpoints(otherwise(study, cut), Options(cutoff=cut)))
    assert told.passed
    assert (told.late["time"] > cut).all()


@FEW
@given(course=courses(), cut=st.integers(0, 400))
def test_a_later_cut_never_shortens_a_time(course, cut):
    study = drawn(course)
    early = compute_endpoints(study, Options(cutoff=cut))
    late = compute_endpoints(study, Options(cutoff=cut + 30))
    for name in ("efs", "os"):
        a, b = ends(early.answers[name]), ends(late.answers[name])
        assert (a["time"] <= b["time"]).all()
        settled = a["event"] == 1  # what has happened stays so
        assert b.loc[settled, "event"].eq(1).all()
        assert np.array_equal(a.loc[settled, "time"], b.loc[settled, "time"])


def cuts_of(study: Study, cut: float) -> pd.Series:
    own = study.subjects.set_index("subject")["data_cut"]
    return own.fillna(np.inf).clip(upper=cut)


def otherwise(study: Study, cut: float) -> Study:
    """The same trial up to the cut; after it everything went another way, all still seen then."""
    cuts = cuts_of(study, cut)

    def late(table: pd.DataFrame) -> pd.Series:
        return table["time"] > table["subject"].map(cuts)

    events, answers, samples = study.events.copy(), study.assessments.copy(), study.samples.copy()
    events.loc[late(events), "event"] = "last_contact"
    worse = {"CR": "NR", "CRh": "NR", "CRi": "NR", "PR": "NR", "NR": "CR", "MLFS": "CR", "NE": "CR"}
    after = late(answers)
    answers.loc[after, "response"] = answers.loc[after, "response"].map(worse)
    numeric = ["marrow_blasts_pct", "blood_blasts_pct", "mrd_value"]
    answers.loc[after, numeric] = 100 - answers.loc[after, numeric]
    answers.loc[after, "mrd_status"] = None
    answers.loc[after, ["anc", "platelets"]] *= 3
    samples.loc[late(samples), "value"] *= 7
    toxicities, treatments = study.toxicities.copy(), study.treatments.copy()
    toxicities.loc[late(toxicities), "grade"] = 1.0
    treatments.loc[late(treatments), "kind"] = "supportive"
    vitals = study.vitals.copy()
    vitals.loc[late(vitals), "temperature_c"] = 40.0
    return replace(
        study, events=events, assessments=answers, samples=samples, toxicities=toxicities,
        treatments=treatments, vitals=vitals,
    )  # fmt: skip


def same(told, untold) -> None:
    for name, answer in told.answers.items():
        other = untold.answers[name]
        pd.testing.assert_frame_equal(answer.numbers, other.numbers, obj=name)
        if "time" in answer.subjects:
            pd.testing.assert_frame_equal(ends(answer), ends(other), obj=name)


def test_the_cut_takes_samples_and_lists_every_row(tmp_path):
    study = trial(
        tmp_path, "A B", events="A 300 last_contact; B 80 death", responses="A 28 CR",
        samples="A 7 900; A 90 200; B 7 60", cuts="A 50",
    )  # fmt: skip
    assert list(samples_up_to(study, None).samples["time"]) == [7, 7]
    late = rows_after(study, 60)
    assert late[["table", "subject", "time", "cut", "what"]].to_numpy().tolist() == [
        ["samples", "A", 90.0, 50.0, "qpcr"],
        ["events", "A", 300.0, 50.0, "last_contact"],
        ["events", "B", 80.0, 60.0, "death"],
    ]
    assert rows_after(study, None)["subject"].tolist() == ["A", "A"]
