"""Comparisons without immortal time."""

import numpy as np
import pandas as pd
import pytest
from survival_studies import study

from cellkinetics.outcome.survival.compare import (
    Covariate,
    compare,
    regress,
    regress_time_varying,
    response_by,
)
from cellkinetics.outcome.survival.endpoints import Options, overall, relapse_free
from cellkinetics.survival.cox import cox
from cellkinetics.survival.data import SurvivalError
from cellkinetics.survival.log_rank import log_rank

PLAIN = Options(models=())


def rows(time, event, start=0.0):
    count = len(time)
    return pd.DataFrame(
        {
            "subject": [f"S{i}" for i in range(count)],
            "start": start,
            "time": np.asarray(time, dtype=float),
            "event": pd.array(event, dtype="Int64"),
            "reason": pd.array([None] * count, dtype=object),
        }
    )


def by_subject(values):
    return pd.Series(values, index=[f"S{i}" for i in range(len(values))])


@pytest.fixture
def eight():
    return rows([5, 20, 40, 60, 80, 100, 120, 140], [1, 1, 1, 0, 1, 1, 0, 1])


GROUP = [0.0, 1, 0, 1, 0, 1, 0, 1]


def test_a_baseline_covariate_is_compared_from_time_zero(eight):
    found = compare(eight, Covariate("prior_hsct", by_subject(GROUP)))
    wanted = log_rank(eight["time"], eight["event"].astype(int), GROUP)
    assert found.test.chi_square == pytest.approx(wanted.chi_square)
    assert found.left_out.empty
    assert list(found.curves) == ["0.0", "1.0"]


@pytest.mark.parametrize(
    "name",
    ["best_response", "response", "c_max", "cmax", "AUC0_28", "log_auc", "max_crs", "mrd_status",
     "peak_il6", "persistence_days", "Responder", "toci", "bestResponse", "best response",
     "achieved_cr", "CR", "cr_at_day28", "CRS grade", "vcn_day_28", "d28_ferritin", "week4_il6",
     "max_car", "transplant", "hsct", "steroids", "persistent", "progression"],
)  # fmt: skip
def test_names_of_later_measurements_are_refused(eight, name):
    with pytest.raises(SurvivalError, match=rf"immortal time: '{name}' looks like something"):
        compare(eight, Covariate(name, by_subject(GROUP)))


@pytest.mark.parametrize(
    "name",
    ["age", "sex", "prior_response", "baseline_mrd", "weight_kg", "pre_crs", "pressure",
     "creatinine", "cd33_pct", "ferritin_day0", "prior hsct", "flt3_d835", "postcode", "dose"],
)  # fmt: skip
def test_names_of_baseline_covariates_are_not(eight, name):
    assert compare(eight, Covariate(name, by_subject(GROUP))).test.df == 1


def test_a_covariate_known_later_needs_a_landmark(eight):
    response = Covariate("best_response", by_subject(GROUP), known=28)
    for question in (compare, lambda s, c, **k: regress(s, [c], **k)):
        with pytest.raises(
            SurvivalError, match=r"of subject S0 was known on day 28, after time zero"
        ):
            question(eight, response)
        with pytest.raises(SurvivalError, match=r"S1|S2.*the landmark, day 14"):
            question(eight, response, landmark=14)
        assert question(eight, response, landmark=28).left_out["subject"].tolist() == ["S0", "S1"]


def test_a_landmark_starts_the_clock_anew(eight):
    found = compare(eight, Covariate("best_response", by_subject(GROUP), known=28), landmark=28)
    kept = eight[eight["time"] > 28]
    wanted = log_rank(kept["time"] - 28, kept["event"].astype(int), GROUP[2:])
    assert found.test.chi_square == pytest.approx(wanted.chi_square)
    assert found.method == "log-rank, landmark day 28; 6 subjects"
    assert (
        found.left_out["reason"] == "not event-free and followed past the landmark, day 28"
    ).all()


def test_an_event_on_the_landmark_is_before_it(eight):
    found = compare(eight, Covariate("response", by_subject(GROUP), known=20), landmark=20)
    assert found.left_out["subject"].tolist() == ["S0", "S1"]


def test_the_day_counts_from_the_endpoints_own_start():
    """Time from remission on day 28: what was known by day 28 is known at time zero."""
    late = rows([10, 20, 30, 40], [1, 1, 0, 1], start=28.0)
    values = by_subject([0.0, 1, 0, 1])
    assert compare(late, Covariate("crs", values, known=28)).test.df == 1
    with pytest.raises(SurvivalError, match="immortal time"):
        compare(late, Covariate("crs", values, known=29))


def test_known_days_by_subject(eight):
    known = by_subject([0.0, 0, 0, 0, 0, 0, 0, 50])
    peak = Covariate("c_max", by_subject(GROUP), known)
    with pytest.raises(SurvivalError, match="of subject S7 was known on day 50"):
        compare(eight, peak, landmark=28)
    with pytest.raises(SurvivalError, match="of subject S3 was known on a day that is not given"):
        compare(eight, Covariate("c_max", by_subject(GROUP), known.drop("S3")))


def test_missing_values_are_left_out_and_listed(eight):
    values = by_subject(GROUP).drop("S3")
    values["S4"] = np.nan
    found = regress(eight, [Covariate("age", values)])
    assert found.left_out["subject"].tolist() == ["S3", "S4"]
    assert set(found.left_out["reason"]) == {"no age"}
    assert found.fit.n == 6


def test_time_varying_is_the_start_stop_model(eight):
    changes = pd.DataFrame(
        {"subject": ["S2", "S5", "S7", "S4"], "time": [30, 30, 200, 80], "cr": 1}
    )
    found = regress_time_varying(eight, changes)
    entry = [-1.0, -1, -1, 30, -1, -1, -1, 30, -1, -1]
    stop = [5.0, 20, 30, 40, 60, 80, 30, 100, 120, 140]
    event = [1, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    x = pd.DataFrame({"cr": [0.0, 0, 0, 1, 0, 0, 0, 1, 0, 0]})
    wanted = cox(stop, event, x, entry=entry)
    assert found.rows["time"].tolist() == stop
    assert found.fit.coefficients["coef"].iloc[0] == wanted.coefficients["coef"].iloc[0]
    assert found.fit.n == 8


def test_time_varying_takes_events_at_time_zero():
    subjects = rows([0, 10, 20, 30], [1, 1, 1, 0])
    changes = pd.DataFrame({"subject": ["S1", "S2", "S2"], "time": [0, 5, 15], "x": [1.0, 1, 0]})
    found = regress_time_varying(subjects, changes)
    assert found.rows[["subject", "entry", "time", "x"]].values.tolist() == [
        ["S0", -1, 0, 0],
        ["S1", -1, 10, 1],
        ["S2", -1, 5, 0],
        ["S2", 5, 15, 1],
        ["S2", 15, 20, 0],
        ["S3", -1, 30, 0],
    ]
    assert found.fit.events == 3


def test_immortal_time_bias_is_what_is_refused():
    """Responses at random times, no effect on survival: naive p is tiny, the right ones are not."""
    rng = np.random.default_rng(7)
    death, response = rng.exponential(100, 400), rng.exponential(80, 400)
    subjects = rows(np.minimum(death, 365), (death <= 365).astype(int))
    responded = by_subject((response < subjects["time"]).astype(float).to_numpy())
    naive = log_rank(subjects["time"], subjects["event"].astype(int), responded.to_numpy())
    assert naive.p < 1e-6
    changes = pd.DataFrame({"subject": responded.index, "time": response, "responded": 1.0})
    varying = regress_time_varying(subjects, changes).fit.coefficients.iloc[0]
    assert varying["p"] > 0.01
    by_28 = by_subject((response <= 28).astype(float))
    assert compare(subjects, Covariate("response", by_28, 28), landmark=28).test.p > 0.01


def test_response_by_a_day_from_a_study(tmp_path):
    data = study(
        tmp_path,
        "A B C D",
        "A 200 death; B 90 death; C 300 last_contact; D 20 death",
        "A 28 NR; A 60 CR; B 28 NR; C 28 CR; D 14 NR",
    )
    covariate = response_by(data.assessments, 28)
    assert covariate.values.to_dict() == {"A": 0, "B": 0, "C": 1, "D": 0}
    found = compare(overall(data, options=PLAIN).subjects, covariate, landmark=28)
    assert found.left_out["subject"].tolist() == ["D"]
    with pytest.raises(SurvivalError, match="immortal time"):
        compare(overall(data, options=PLAIN).subjects, covariate)


def test_who_does_not_count_is_left_out(tmp_path):
    data = study(
        tmp_path, "A B C", "A 200 death; B 90 death; C 300 last_contact", "A 28 CR; C 28 CR"
    )
    found = compare(
        relapse_free(data, options=PLAIN).subjects,
        Covariate("sex", pd.Series({"A": 0, "B": 1, "C": 1})),
    )
    assert found.left_out.values.tolist() == [["B", "no remission (CR, CRh, CRi)"]]


def test_refusals(eight):
    with pytest.raises(SurvivalError, match="landmark on day -1"):
        compare(eight, Covariate("age", by_subject(GROUP)), landmark=-1)
    with pytest.raises(SurvivalError, match="nobody is left"):
        compare(eight, Covariate("age", by_subject(GROUP)), landmark=500)
    with pytest.raises(SurvivalError, match="of one group"):
        compare(eight, Covariate("age", by_subject([1.0] * 8)))
    with pytest.raises(SurvivalError, match="'X', who is no subject"):
        regress_time_varying(eight, pd.DataFrame({"subject": ["X"], "time": [1], "cr": [1]}))
    with pytest.raises(SurvivalError, match="wanted subject, time and one value"):
        regress_time_varying(eight, pd.DataFrame({"subject": ["S1"], "cr": [1]}))
