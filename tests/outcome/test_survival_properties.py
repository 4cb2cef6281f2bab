"""What must hold for any data: Kaplan-Meier, log-rank, Aalen-Johansen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from cellkinetics.survival.competing import cumulative_incidence, incidence_at
from cellkinetics.survival.data import SurvivalError, times_and_events
from cellkinetics.survival.kaplan_meier import (
    at_risk,
    kaplan_meier,
    quantile,
    survival_at,
)
from cellkinetics.survival.log_rank import log_rank
from cellkinetics.survival.restricted_mean import restricted_mean

days = st.one_of(
    st.integers(0, 40).map(float),
    st.floats(0, 400, allow_nan=False).map(lambda x: round(x, 2)),
)
samples = st.lists(st.tuples(days, st.booleans()), min_size=1, max_size=25)


def split(rows):
    return np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=float)


def height(km, time):
    """The curve as a function, also past its end."""
    curve = km.curve
    return curve["survival"].to_numpy()[np.searchsorted(curve["time"], time, side="right") - 1]


def everywhere(*curves):
    return np.unique(np.concatenate([[0.0], *(km.curve["time"] for km in curves)]))


@given(samples)
def test_it_is_the_product_limit(rows):
    time, event = split(rows)
    km = kaplan_meier(time, event)
    for at in km.curve["time"]:
        product = 1.0
        for t in sorted({t for t, e in rows if e and t <= at}):
            product *= 1 - sum(1 for u, e in rows if u == t and e) / sum(u >= t for u in time)
        assert height(km, at) == pytest.approx(product, abs=1e-12)


@given(samples)
def test_curve_falls_and_ends_at_the_last_follow_up(rows):
    time, event = split(rows)
    km = kaplan_meier(time, event)
    assert (np.diff(km.curve["survival"]) <= 1e-15).all()
    assert km.curve["time"].iloc[[0, -1]].tolist() == [0.0, time.max()]
    assert km.curve["events"].sum() == event.sum()
    assert km.curve["censored"].sum() == (1 - event).sum()
    for name in ("lower", "upper"):
        limits = km.curve[name].dropna()
        assert limits.between(0, 1).all()
    known = km.curve.dropna()
    assert (known["lower"] <= known["survival"] + 1e-12).all()
    assert (known["survival"] <= known["upper"] + 1e-12).all()


@given(samples, st.integers(0, 24), st.floats(0.01, 50))
def test_moving_an_event_later_never_lowers_survival(rows, which, later):
    """Past no censoring time, as long as the subject stays in every risk set it was in."""
    time, event = split(rows)
    which %= len(rows)
    if not event[which]:
        return
    moved = time.copy()
    moved[which] += later
    between = (event == 0) & (time >= time[which]) & (time <= moved[which])
    if between.any():
        return
    before, after = kaplan_meier(time, event), kaplan_meier(moved, event)
    grid = everywhere(before, after)
    assert (height(after, grid) >= height(before, grid) - 1e-12).all()


@given(samples, st.floats(0, 1))
def test_censored_before_the_first_event_changes_nothing(rows, share):
    time, event = split(rows)
    if not event.any() or time[event == 1].min() == 0:
        return
    early = share * time[event == 1].min() * 0.999
    before = kaplan_meier(time, event)
    after = kaplan_meier([*time, early], [*event, 0])
    grid = everywhere(before)
    assert height(after, grid) == pytest.approx(height(before, grid), abs=1e-12)


@given(samples)
def test_censored_after_the_last_event_never_lowers_survival(rows):
    time, event = split(rows)
    before = kaplan_meier(time, event)
    after = kaplan_meier([*time, time.max() + 1], [*event, 0])
    grid = everywhere(before)
    assert (height(after, grid) >= height(before, grid) - 1e-12).all()


@given(samples, st.floats(0.1, 20))
def test_scaling_time_scales_times_alone(rows, k):
    time, event = split(rows)
    one, two = kaplan_meier(time, event), kaplan_meier(k * time, event)
    assert two.curve["survival"].to_numpy() == pytest.approx(one.curve["survival"].to_numpy())
    assert quantile(two).value == pytest.approx(k * quantile(one).value, nan_ok=True)
    if time.max() > 0:
        a, b = restricted_mean(one), restricted_mean(two)
        assert (b.mean, b.std_error) == pytest.approx((k * a.mean, k * a.std_error), nan_ok=True)


@given(samples)
def test_without_censoring_it_is_the_empirical_survival(rows):
    time, _ = split(rows)
    km = kaplan_meier(time, np.ones_like(time))
    for at in km.curve["time"]:
        assert height(km, at) == pytest.approx(np.mean(time > at), abs=1e-12)
    if time.max() > 0:
        found = restricted_mean(km)
        assert found.mean == pytest.approx(time.mean())
        # Greenwood without censoring is the binomial variance: se(mean) = sd / sqrt(n).
        if not np.isnan(found.std_error):
            assert found.std_error == pytest.approx(time.std() / np.sqrt(len(time)), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(samples)
def test_lifelines_agrees_with_the_curve_and_its_log_log_interval(rows):
    time, event = split(rows)
    if time.max() == 0:
        return
    km = kaplan_meier(time, event)
    theirs = KaplanMeierFitter().fit(time, event)
    at = km.curve["time"].to_numpy()
    assert height(km, at) == pytest.approx(theirs.survival_function_at_times(at).to_numpy())
    band = theirs.confidence_interval_.reindex(at, method="ffill")
    ours = km.curve.dropna(subset=["lower"])
    theirs_at = band.loc[ours["time"].to_numpy()]
    assert ours["lower"].to_numpy() == pytest.approx(theirs_at.iloc[:, 0].to_numpy(), abs=1e-9)
    assert ours["upper"].to_numpy() == pytest.approx(theirs_at.iloc[:, 1].to_numpy(), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.booleans(), st.sampled_from("abc")), min_size=8))
def test_lifelines_agrees_with_the_log_rank_test(rows):
    time, event = split(rows)
    group = [r[2] for r in rows]
    if len(set(group)) < 2 or not event.any():
        return
    ours = log_rank(time, event, group)
    assert ours.groups["observed"].sum() == pytest.approx(ours.groups["expected"].sum())
    if ours.df < len(set(group)) - 1:
        return  # a group without information: lifelines counts its degree of freedom, R does not
    theirs = multivariate_logrank_test(time, group, event)
    assert ours.chi_square == pytest.approx(theirs.test_statistic, rel=1e-6, abs=1e-9)
    assert ours.p == pytest.approx(theirs.p_value, rel=1e-6)


@given(samples)
def test_one_cause_is_one_minus_kaplan_meier_with_greenwoods_error(rows):
    time, event = split(rows)
    km = kaplan_meier(time, event)
    found = cumulative_incidence(time, event).curve
    assert found["incidence"].to_numpy() == pytest.approx(1 - km.curve["survival"].to_numpy())
    known = km.curve["std_error"].notna().to_numpy()
    assert found["std_error"].to_numpy()[known] == pytest.approx(
        km.curve["std_error"].to_numpy()[known], abs=1e-7
    )


@given(st.lists(st.tuples(days, st.integers(0, 2)), min_size=1, max_size=25))
def test_incidences_and_freedom_add_up_to_one(rows):
    time, cause = split(rows)
    one = cumulative_incidence(time, cause)
    two = cumulative_incidence(time, cause, of=2)
    free = kaplan_meier(time, cause > 0)
    total = one.curve["incidence"] + two.curve["incidence"] + free.curve["survival"]
    assert total.to_numpy() == pytest.approx(1)
    # Competing events treated as censoring overstate it.
    naive = 1 - kaplan_meier(time, cause == 1).curve["survival"]
    assert (naive >= one.curve["incidence"] - 1e-12).all()
    known = one.curve.dropna()
    assert (known["lower"] <= known["incidence"] + 1e-9).all()
    assert (known["incidence"] <= known["upper"] + 1e-9).all()


def test_lifelines_incidence_has_our_variance_and_its_limits_swapped():
    rng = np.random.default_rng(5)
    time = rng.permutation(np.arange(1.0, 61.0))  # no ties, which lifelines would jitter
    cause = rng.integers(0, 3, 60)
    ours = cumulative_incidence(time, cause, conf_type="log-log").curve.set_index("time")
    theirs = AalenJohansenFitter(calculate_variance=True).fit(time, cause, event_of_interest=1)
    at = theirs.cumulative_density_.index[1:]
    assert ours.loc[at, "incidence"].to_numpy() == pytest.approx(
        theirs.cumulative_density_.iloc[1:, 0].to_numpy()
    )
    variance = theirs.variance_.iloc[1:].to_numpy().ravel()
    # (lifelines has no variance where the last at risk has an event)
    some = (ours.loc[at, "incidence"].to_numpy() > 0) & np.isfinite(variance)
    assert some.sum() > 50
    assert ours.loc[at, "std_error"].to_numpy()[some] ** 2 == pytest.approx(variance[some])
    swapped = theirs.confidence_interval_.iloc[1:]
    assert ours.loc[at, "upper"].to_numpy()[some] == pytest.approx(swapped.max(axis=1)[some])
    assert ours.loc[at, "lower"].to_numpy()[some] == pytest.approx(swapped.min(axis=1)[some])


def test_incidence_by_hand():
    """Five subjects: relapse 1, death 2, censored 3, relapse 4, censored 5."""
    found = cumulative_incidence([1, 2, 3, 4, 5], [1, 2, 0, 1, 0])
    assert found.curve["incidence"].tolist() == pytest.approx([0, 0.2, 0.2, 0.2, 0.5, 0.5])
    assert incidence_at(found, 4).value == pytest.approx(0.2 + 0.6 * 0.5)
    assert np.isnan(incidence_at(found, 6).value)
    assert incidence_at(found, 6).note == "nobody was followed beyond day 5"


def test_restricted_mean_by_hand():
    """S = 1 on [0, 1), 2/3 on [1, 2), 1/3 from 2; events at 1 and 2, one censored at 3."""
    found = restricted_mean(kaplan_meier([1, 2, 3], [1, 1, 0]), 3)
    assert found.mean == pytest.approx(1 + 2 / 3 + 1 / 3)
    # A_1 = 1, A_2 = 1/3; Greenwood terms 1/(3 x 2) and 1/(2 x 1).
    assert found.std_error == pytest.approx(np.sqrt(1 / 6 + (1 / 9) / 2))
    later = restricted_mean(kaplan_meier([1, 2, 3], [1, 1, 0]), 10)
    assert (later.until, later.note) == (3, "asked to day 10; follow-up ends on day 3")
    ended = restricted_mean(kaplan_meier([1, 2], [1, 1]), 10)
    assert (ended.until, ended.mean) == (10, 1.5)
    # All events on the last day: the area cannot vary, and no error of 0 is claimed.
    for event in ([1, 0, 1], [0, 0, 0]):
        flat = restricted_mean(kaplan_meier([5, 5, 5], event))
        assert flat.mean == 5
        assert np.isnan([flat.std_error, flat.lower, flat.upper]).all()
        assert flat.note == "no event before its end to estimate an error from"


@pytest.mark.parametrize(
    ("time", "event", "survival", "median"),
    [
        ([5], [1], [1, 0], 5),
        ([5], [0], [1, 1], None),
        ([0], [1], [0], 0),
        ([0], [0], [1], None),
        ([0, 0, 0], [1, 1, 1], [0], 0),
        ([3, 3, 3], [0, 1, 1], [1, 1 / 3], 3),
        ([1, 2, 3, 4], [1, 1, 1, 1], [1, 0.75, 0.5, 0.25, 0], 2.5),
        ([1, 2, 9, 9], [1, 1, 0, 0], [1, 0.75, 0.5, 0.5], 2),
    ],
)
def test_edges(time, event, survival, median):
    km = kaplan_meier(time, event)
    assert km.curve["survival"].tolist() == pytest.approx(survival)
    got = quantile(km).value
    assert np.isnan(got) if median is None else got == median


def test_interval_kinds_by_hand():
    """S = 0.5 with Greenwood's se(log S) = sqrt(1/2) from one event in two."""
    z, se = 1.959963984540054, np.sqrt(0.5)
    wanted = {
        "plain": (0.0, 1.0),
        "log": (0.5 * np.exp(-z * se), 1.0),
        "log-log": (0.5 ** np.exp(z * se / np.log(2)), 0.5 ** np.exp(-z * se / np.log(2))),
    }
    for kind, limits in wanted.items():
        row = kaplan_meier([1, 2], [1, 0], conf_type=kind).curve.iloc[1]
        assert (row["lower"], row["upper"]) == pytest.approx(limits)
    with pytest.raises(SurvivalError, match=r"conf_type 'loglog'.*Did you mean 'log-log'"):
        kaplan_meier([1, 2], [1, 0], conf_type="loglog")
    with pytest.raises(SurvivalError, match="level 95: wanted a number between 0 and 1"):
        kaplan_meier([1, 2], [1, 0], level=95)


def test_landmarks_past_the_end():
    censored, ended = kaplan_meier([10, 20], [1, 0]), kaplan_meier([10, 20], [1, 1])
    assert survival_at(censored, 20).value == 0.5
    past = survival_at(censored, 21)
    assert np.isnan(past.value)
    assert past.note == "nobody was followed beyond day 20"
    assert survival_at(ended, 100).value == 0
    early = survival_at(censored, 5)
    assert early.value == 1
    assert np.isnan(early.lower)
    assert early.note == "no event yet: no interval on this scale"


def test_at_risk_counts_who_leaves_on_the_day():
    found = at_risk(kaplan_meier([5, 5, 9], [1, 0, 0]), [0, 5, 6, 9, 10])
    assert found["at_risk"].tolist() == [3, 3, 1, 1, 0]
    assert found["events"].tolist() == [0, 1, 1, 1, 1]
    assert found["censored"].tolist() == [0, 1, 1, 2, 2]


def test_times_that_differ_by_rounding_are_tied():
    km = kaplan_meier([0.1 + 0.2, 0.3, 1.0], [1, 1, 0])
    assert km.curve["events"].tolist() == [0, 2, 0]
    time, _ = times_and_events([1.0, 1.0 + 1e-6], [1, 1])
    assert len(set(time.tolist())) == 2


@pytest.mark.parametrize(
    ("time", "event", "words"),
    [
        ([], [], "no subject"),
        ([1, -2], [1, 1], "time -2 in row 2"),
        ([1, np.nan], [1, 1], "time nan in row 2"),
        ([np.inf], [1], "time inf in row 1"),
        ([1, 2], [1, 2], r"event 2 in row 2.*CNSR"),
        ([1, 2], [1, np.nan], "event nan in row 2"),
        ([1, 2], [1], "two lists of one length"),
    ],
)
def test_bad_data_is_refused(time, event, words):
    with pytest.raises(SurvivalError, match=words):
        kaplan_meier(time, event)


def test_log_rank_without_information():
    found = log_rank([1, 2, 3], [0, 0, 0], ["a", "b", "b"])
    assert np.isnan(found.p)
    assert found.note == "no event while two groups were at risk"
    with pytest.raises(SurvivalError, match="of one group"):
        log_rank([1, 2], [1, 1], ["a", "a"])
    with pytest.raises(SurvivalError, match="group is missing in row 2"):
        log_rank([1, 2], [1, 1], ["a", None])


def test_log_rank_in_strata_adds_over_them():
    rng = np.random.default_rng(2)
    time, event = rng.integers(1, 20, 60), rng.integers(0, 2, 60)
    group, layer = rng.integers(0, 2, 60), rng.integers(0, 3, 60)
    parts = [log_rank(time[layer == s], event[layer == s], group[layer == s]) for s in range(3)]
    whole = log_rank(time, event, group, strata=layer)
    expected = sum(part.groups["expected"].to_numpy() for part in parts)
    assert whole.groups["expected"].to_numpy() == pytest.approx(expected)
    difference = [(p.groups["observed"] - p.groups["expected"])[0] for p in parts]
    variance = [d**2 / p.chi_square for d, p in zip(difference, parts, strict=True)]
    assert whole.chi_square == pytest.approx(sum(difference) ** 2 / sum(variance))
