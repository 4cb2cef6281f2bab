"""Each check of the result fails on an answer that is wrong by construction."""

from dataclasses import replace

import numpy as np
import pytest
from trials import trial

from cellkinetics.catalogue import find_study
from cellkinetics.endpoints import Options, compute_endpoints
from cellkinetics.endpoints.checks import run_checks
from cellkinetics.study import read_study


@pytest.fixture(scope="module")
def answers():
    return compute_endpoints(read_study(find_study("aml5"))).answers


def wrong(answers, name, table, change):
    """The answers with one table of one of them changed."""
    frame = getattr(answers[name], table).copy()
    change(frame)
    return {**answers, name: replace(answers[name], **{table: frame})}


def put(column, row, value):
    def change(frame):
        frame[column] = frame[column].astype(object)
        frame.loc[frame.index[row], column] = value
        frame[column] = frame[column].infer_objects()

    return change


def failed(answers):
    return {check.name: check.detail for check in run_checks(answers) if not check.passed}


def test_right_answers_pass(answers):
    assert failed(answers) == {}


@pytest.mark.parametrize(
    ("name", "table", "change", "check", "detail"),
    [
        ("mrd", "numbers", put("n", 0, np.nan), "every number has its n", "mrd: MRD-negative"),
        ("os", "numbers", put("method", 1, ""), "every number has its n", "os: S(3 months"),
        ("efs", "numbers", put("note", 0, ""), "every number has its n", "efs: median"),
        ("response", "numbers", put("n", 0, 0), "every number has its n", "response: CR"),
        ("response", "numbers", put("lower", 0, 0.99), "within its interval", "response: CR"),
        ("response", "numbers", put("upper", 0, 1.5), "rate lies between", "response: CR"),
        ("efs", "subjects", put("time", 3, 200.0), "EFS is never longer", "P04: EFS 200, OS 118"),
        ("dor", "subjects", put("time", 3, 10.0), "DOR is of the responders", "P04 has a DOR"),
        ("dor", "subjects", put("time", 0, np.nan), "DOR is of the responders", "P01 has none"),
        ("os", "subjects", put("event", 3, 0), "events of OS", "P04"),
        ("dor", "subjects", put("day", 2, 300.0), "DOR does not outlive", "P03: relapse on day"),
        ("rfs", "subjects", put("day", 2, 300.0), "RFS does not outlive", "P03: relapse on day"),
        (
            "exposure",
            "subjects",
            put("AUC0-28d", 0, 1.0),
            "areas grow",
            "P01, qpcr: AUC0-28d below",
        ),
    ],
)
def test_a_wrong_answer_fails(answers, name, table, change, check, detail):
    found = failed(wrong(answers, name, table, change))
    assert any(check in said and detail in why for said, why in found.items()), found


@pytest.mark.parametrize("efs", ["registered", "eln2017", "eln2022", "fda"])
@pytest.mark.parametrize("dor", ["registered", "from_infusion", "fda"])
def test_a_progression_before_the_response_ends_no_response(tmp_path, efs, dor):
    study = trial(
        tmp_path,
        "A B",
        events="A 20 progression; A 200 last_contact; B 100 death",
        responses="A 60 CR; B 28 PR; B 60 PR",
    )
    found = compute_endpoints(study, Options(efs=efs, dor=dor))
    assert found.passed, [check for check in found.checks if not check.passed]


def test_a_duration_from_the_infusion_that_outlives_its_relapse(tmp_path):
    study = trial(tmp_path, "A", events="A 90 relapse; A 200 last_contact", responses="A 60 CR")
    found = compute_endpoints(study, Options(dor="from_infusion")).answers
    assert failed(found) == {}
    assert "DOR does not outlive an event that EFS counts" in failed(
        wrong(found, "dor", "subjects", put("day", 0, 120.0))
    )


def test_a_death_that_efs_misses(answers):
    def miss(frame):
        frame.loc[frame.index[3], ["time", "day", "event"]] = [118.0, 118.0, 0]

    assert "a death is an event of EFS or follows one" in failed(
        wrong(answers, "efs", "subjects", miss)
    )
