"""``--censor-at``: a transplant or other therapy ends what is said of the disease, never OS."""

import pandas as pd
import pytest
from trials import trial

from cellkinetics.endpoints import EndpointsError, Options, compute_endpoints
from cellkinetics.endpoints.text import definitions

EVENTS = (
    "A 100 relapse; A 200 death; B 70 transplant; B 120 relapse; B 150 death; C 300 last_contact"
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return trial(
        tmp_path_factory.mktemp("censored"), "A B C", events=EVENTS, responses="A 28 CR; B 28 CR"
    )


def outcome(found, name: str, subject: str) -> tuple[float, int]:
    row = found.answers[name].subjects.set_index("subject").loc[subject]
    return float(row["time"]), int(row["event"])


def test_a_transplant_censors_what_is_of_the_disease_alone(study):
    plain = compute_endpoints(study)
    found = compute_endpoints(study, Options(censor_at=("transplant",)))
    assert outcome(plain, "efs", "B") == (120, 1)
    assert outcome(found, "efs", "B") == (70, 0)
    for name in ("dor", "rfs", "relapse"):
        assert outcome(plain, name, "B") == (92, 1)
        assert outcome(found, name, "B") == (42, 0)
    for name in ("os", "follow_up"):
        pd.testing.assert_frame_equal(
            found.answers[name].subjects, plain.answers[name].subjects, check_dtype=False
        )
        assert found.answers[name].definition == plain.answers[name].definition
    assert outcome(found, "efs", "A") == (100, 1)
    assert found.passed


def test_the_definitions_say_so(study):
    found = compute_endpoints(study, Options(censor_at=("transplant", "transplant")))
    assert found.options.censor_at == ("transplant",)
    text = " ".join(definitions(found).split())
    assert "transplant censors EFS, DOR, RFS and relapse" in text
    assert "Censored at a transplant" in found.answers["efs"].definition
    assert "censors EFS" not in " ".join(definitions(compute_endpoints(study)).split())


@pytest.mark.parametrize("asked", [("transplants",), "transplant"])
def test_an_unknown_cause_is_refused(study, asked):
    with pytest.raises(EndpointsError, match=r"Did you mean 'transplant'|wanted a tuple"):
        compute_endpoints(study, Options(censor_at=asked))
