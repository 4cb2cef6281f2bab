"""Cox's model: the textbook's data, lifelines, a brute-force likelihood, infinite estimates."""

import itertools

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, CoxTimeVaryingFitter
from scipy.optimize import minimize

from cellkinetics.survival.cox import cox
from cellkinetics.survival.data import SurvivalError
from cellkinetics.survival.log_rank import log_rank
from cellkinetics.survival.partial_likelihood import log_likelihood, risk_sets

# Therneau and Grambsch 2000, appendix E: data set 2, start-stop with ties (R's book3, book4).
START = np.array([1, 2, 5, 2, 1, 7, 3, 4, 8, 8], dtype=float)
STOP = np.array([2, 3, 6, 7, 8, 9, 9, 9, 14, 17], dtype=float)
EVENT = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], dtype=bool)
X = np.array([1, 0, 0, 1, 0, 1, 1, 1, 0, 0], dtype=float)


def textbook(ties, beta):
    """Log likelihood, score and information of data set 2, from the book's formulas."""
    r = np.exp(beta)
    if ties == "efron":
        value = 4 * beta - sum(
            np.log(d) for d in (r + 1, r + 2, 3 * r + 2, 3 * r + 2, 3 * r + 1, 3 * r + 1, 2 * r + 2)
        )
        score = 1 / (r + 1) + 1 / (3 * r + 1) + 2 * (1 / (3 * r + 2) + 1 / (2 * r + 2))
        score -= r / (r + 2) + 3 * r / (3 * r + 2) + 3 * r / (3 * r + 1)
        information = r * (
            1 / (r + 1) ** 2
            + 2 / (r + 2) ** 2
            + 6 / (3 * r + 2) ** 2
            + 6 / (3 * r + 1) ** 2
            + 6 / (3 * r + 2) ** 2
            + 4 / (2 * r + 2) ** 2
        )
        return value, score, information
    # Breslow: both deaths at 9 have the whole risk set, 3 r + 2.
    value = 4 * beta - np.log(r + 1) - np.log(r + 2) - 3 * np.log(3 * r + 2) - 2 * np.log(3 * r + 1)
    score = 4 - r / (r + 1) - r / (r + 2) - 3 * 3 * r / (3 * r + 2) - 2 * 3 * r / (3 * r + 1)
    information = r * (
        1 / (r + 1) ** 2 + 2 / (r + 2) ** 2 + 3 * 6 / (3 * r + 2) ** 2 + 2 * 3 / (3 * r + 1) ** 2
    )
    return value, score, information


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("beta", [-1.3, 0.0, 0.7])
def test_likelihood_of_the_textbook(ties, beta):
    sets = risk_sets(START, STOP, EVENT, X[:, None], ties)
    value, score, information = log_likelihood(sets, np.array([beta]))
    wanted = textbook(ties, beta)
    assert (value, score[0], information[0, 0]) == pytest.approx(wanted, rel=1e-12)


def test_estimate_of_the_textbook():
    fit = cox(STOP, EVENT, pd.DataFrame({"x": X}), entry=START)
    # predict(fit, "lp") prints +-0.0105526 around the mean, half the coefficient.
    assert f"{fit.coefficients['coef'].iloc[0] / 2:.7f}" == "-0.0105526"


def brute_force(beta, time, event, x, ties):
    """The partial likelihood written as its definition."""
    total = 0.0
    risk = np.exp(x @ beta)
    for t in np.unique(time[event]):
        died = np.flatnonzero(event & (time == t))
        denominator, tied = risk[time >= t].sum(), risk[died].sum()
        for rank, i in enumerate(died):
            part = rank / len(died) if ties == "efron" else 0.0
            total += x[i] @ beta - np.log(denominator - part * tied)
    return total


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_maximum_and_errors_against_brute_force(ties):
    rng = np.random.default_rng(4)
    time, event = rng.integers(1, 9, 40).astype(float), rng.random(40) < 0.6
    x = rng.normal(size=(40, 2)) * [1.0, 100.0] + [5.0, -300.0]
    fit = cox(time, event, pd.DataFrame(x, columns=["a", "b"]), ties=ties)
    beta = fit.coefficients["coef"].to_numpy()
    best = minimize(
        lambda b: -brute_force(b / [1, 100], time, event, x, ties), np.zeros(2), tol=1e-10
    )
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-8)
    assert beta == pytest.approx(best.x / [1, 100], rel=1e-3)
    step = np.array([1e-3, 1e-5])
    hessian = np.empty((2, 2))
    for i, j in itertools.product(range(2), repeat=2):
        signs = itertools.product((1, -1), repeat=2)
        hessian[i, j] = sum(
            s * u * brute_force(
                beta + s * step * (np.arange(2) == i) + u * step * (np.arange(2) == j),
                time, event, x, ties,
            )
            for s, u in signs
        ) / (4 * step[i] * step[j])  # fmt: skip
    assert fit.covariance == pytest.approx(np.linalg.inv(-hessian), rel=1e-4)


def test_lifelines_agrees_on_efron():
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.integers(0, 2, 80).astype(float)})
    time, event = rng.integers(1, 30, 80).astype(float), rng.random(80) < 0.7
    fit = cox(time, event, frame)
    theirs = CoxPHFitter().fit(frame.assign(time=time, event=event), "time", "event").summary
    ours = fit.coefficients.set_index("covariate")
    assert ours["coef"].to_numpy() == pytest.approx(theirs["coef"].to_numpy(), abs=1e-5)
    assert ours["std_error"].to_numpy() == pytest.approx(theirs["se(coef)"].to_numpy(), abs=1e-5)
    assert ours["upper"].to_numpy() == pytest.approx(
        theirs["exp(coef) upper 95%"].to_numpy(), rel=1e-4
    )


def test_lifelines_agrees_on_start_stop():
    frame = pd.DataFrame({"id": range(10), "start": START, "stop": STOP, "event": EVENT, "x": X})
    theirs = CoxTimeVaryingFitter().fit(
        frame, id_col="id", event_col="event", start_col="start", stop_col="stop"
    )
    fit = cox(STOP, EVENT, frame[["x"]], entry=START)
    assert fit.coefficients["coef"].iloc[0] == pytest.approx(theirs.params_["x"], abs=1e-5)


def test_score_test_without_ties_is_the_log_rank_test():
    rng = np.random.default_rng(11)
    time, event, group = np.arange(1.0, 31), rng.random(30) < 0.7, rng.integers(0, 2, 30)
    fit = cox(time, event, pd.DataFrame({"g": group.astype(float)}))
    score = fit.tests.set_index("test").loc["score", "chi_square"]
    assert score == pytest.approx(log_rank(time, event, group).chi_square)


def test_separated_groups_have_an_infinite_estimate():
    x = pd.DataFrame({"x": [5.0, 4, 3, 2, 1], "noise": [0.0, 1, 0, 1, 1]})
    fit = cox([1, 2, 3, 4, 5], [1, 1, 1, 1, 0], x[["x"]])
    row = fit.coefficients.iloc[0]
    assert row["coef"] == np.inf
    assert row["hazard_ratio"] == np.inf
    assert row[["std_error", "lower", "upper", "z", "p"]].isna().all()
    assert row["note"] == "infinite: separated groups"
    lrt = fit.tests.iloc[0]
    assert lrt["chi_square"] == pytest.approx(
        2 * np.log(120), abs=1e-6
    )  # 5 4 3 2: one order of 120
    assert np.isnan(fit.tests.iloc[1]["chi_square"])
    assert "grows without end in x" in fit.note


def test_one_infinite_coefficient_leaves_the_other():
    """No event in a group: its coefficient is -inf; the other is that of the rest alone."""
    rng = np.random.default_rng(3)
    time, event = rng.permutation(np.arange(1.0, 41)), rng.random(40) < 0.7
    frame = pd.DataFrame({"age": rng.normal(size=40), "cured": np.arange(40) >= 32}).astype(float)
    event &= frame["cured"].to_numpy() == 0
    fit = cox(time, event, frame)
    cured = fit.coefficients.iloc[1]
    assert cured["coef"] == -np.inf
    rest = frame["cured"] == 0
    alone = cox(time[rest], event[rest], frame.loc[rest, ["age"]])
    wanted = alone.coefficients.iloc[0][["coef", "std_error"]].astype(float)
    got = fit.coefficients.iloc[0][["coef", "std_error"]].astype(float)
    assert got.to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-4)


def test_large_values_and_distant_origins_do_not_matter():
    rng = np.random.default_rng(6)
    time, event = rng.integers(1, 20, 50), rng.random(50) < 0.6
    x = rng.normal(size=50)
    plain = cox(time, event, pd.DataFrame({"x": x})).coefficients.iloc[0]
    far = cox(time, event, pd.DataFrame({"x": 1e6 + 1e3 * x})).coefficients.iloc[0]
    assert far["coef"] * 1e3 == pytest.approx(plain["coef"], rel=1e-6)
    assert far["std_error"] * 1e3 == pytest.approx(plain["std_error"], rel=1e-6)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"x": [1, 1, 1, 1]}, "covariate 'x' is 1 in everyone"),
        ({"x": [1, None, 2, 3]}, "covariate 'x' is missing in row 2"),
        ({"x": ["M", "F", "M", "F"]}, r"covariate 'x' is not numeric \(M, F\)"),
        ({"x": [1, 2, 3, 4], "y": [2, 4, 6, 8]}, "one is a combination of the others"),
        ({}, "without a covariate"),
        ({"x": [1, 2]}, "2 rows of covariates for 4 times"),
    ],
)
def test_bad_covariates_are_refused(frame, words):
    with pytest.raises(SurvivalError, match=words):
        cox([1, 2, 3, 4], [1, 1, 0, 1], pd.DataFrame(frame))


def test_other_refusals():
    x = pd.DataFrame({"x": [0.0, 1, 0, 1]})
    with pytest.raises(SurvivalError, match="without an event"):
        cox([1, 2, 3, 4], [0, 0, 0, 0], x)
    with pytest.raises(SurvivalError, match="ties 'exact'"):
        cox([1, 2, 3, 4], [1, 1, 0, 1], x, ties="exact")
    with pytest.raises(SurvivalError, match="row 2 enters on day 2 and ends on day 2"):
        cox([1, 2, 3, 4], [1, 1, 0, 1], x, entry=[0, 2, 0, 0])
    with pytest.raises(SurvivalError, match="no information"):
        cox([1, 2, 3, 4], [0, 0, 0, 1], x)  # the only event has nobody else at risk
