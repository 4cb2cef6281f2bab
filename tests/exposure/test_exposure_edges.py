"""Awkward readings and every rule, worked out by hand."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cellkinetics.errors import SpecError
from cellkinetics.exposure import METRICS, Rules, describe_rules, glossary, metrics_of
from cellkinetics.exposure.notes import MEANING, Note

LN2 = math.log(2)


def table(times: list[float], values: list[float], **options: object) -> pd.DataFrame:
    return metrics_of(times, values, **options).set_index("metric")  # type: ignore[arg-type]


def value(times: list[float], values: list[float], metric: str, **options: object) -> float:
    return float(table(times, values, **options)["value"][metric])


def reason(times: list[float], values: list[float], metric: str, **options: object) -> str:
    return str(table(times, values, **options)["reason"][metric])


# --------------------------------------------------------------------------- one reading or none


def test_no_reading_at_all_says_so_for_every_metric() -> None:
    got = table([1.0], [math.nan])
    assert got["value"].isna().all()
    assert set(got["flag"]) == {"not estimable"}
    assert set(got["reason"][["Cmax", "AUClast"]]) == {"no reading from the infusion on"}


def test_only_readings_before_the_infusion_are_no_reading() -> None:
    assert reason([-7, -1], [100, 200], "Cmax") == "no reading from the infusion on"


def test_a_reading_before_the_infusion_changes_nothing() -> None:
    with_it = table([-7, 1, 4, 9], [900, 10, 40, 5])
    assert with_it.equals(table([1, 4, 9], [10, 40, 5]))


def test_everything_below_the_limit() -> None:
    got = table([0, 7, 14], [1, 2, 3], lloq=5)
    assert got["value"].isna().all()
    assert got["reason"]["Cmax"] == "every reading is below the limit of quantification"


def test_one_quantifiable_reading() -> None:
    got = table([7.0], [100.0], lloq=5.0)
    assert got["value"]["Cmax"] == 100
    assert got["value"]["Tmax"] == got["value"]["Tlast"] == got["value"]["persistence"] == 7
    assert got["value"]["AUClast"] == pytest.approx(350)  # a triangle from 0 at the infusion
    assert got["value"]["AUMClast"] == pytest.approx(7 * 7 * 100 / 2)
    assert "too few" in got["reason"]["lambda_z"]
    assert "no rise" in got["reason"]["doubling_time"]
    assert got["flag"]["persistence"] == "censored"


def test_one_reading_at_time_zero_has_no_area() -> None:
    got = table([0.0], [100.0])
    assert math.isnan(got["value"]["AUClast"])
    assert got["reason"]["AUClast"] == "the only quantifiable reading is at time 0: no area"


def test_two_readings_of_one_time_are_averaged() -> None:
    assert value([1, 4, 4, 9], [10, 30, 50, 5], "Cmax") == 40
    assert table([4, 1, 9, 4], [50, 10, 5, 30]).equals(table([1, 4, 9], [10, 40, 5]))


def test_a_replicate_below_its_limit_counts_half_of_it() -> None:
    # (40 + 10 / 2) / 2
    assert value([1, 1], [40, 2], "Cmax", lloq=10) == 22.5
    # (12 + 10 / 2) / 2 is under the limit: below
    assert "below" in reason([1, 1], [12, 2], "Cmax", lloq=10)


def test_the_first_of_two_equal_peaks_is_tmax() -> None:
    assert value([1, 5, 9, 14], [1, 8, 8, 2], "Tmax") == 5


def test_the_peak_at_an_end_of_the_readings_is_flagged() -> None:
    rising = table([1, 5, 9], [1, 5, 8])
    assert rising["flag"]["Tmax"] == "lower bound"
    falling = table([7, 14, 28], [80, 20, 1])
    assert falling["flag"]["Tmax"] == "at or before"
    assert table([1, 7, 28], [8, 20, 1])["flag"]["Tmax"] == ""
    assert table([7, 14, 28], [80, 20, 1], route="bolus")["flag"]["Tmax"] == ""


# --------------------------------------------------------------------------- below the limit


@pytest.mark.parametrize(
    ("rule", "area"),
    [
        # 0 at 0, below at 2 and at 6, 16 at 4 and at 8
        ({"before": "zero", "between": "drop"}, 0 + 16 + 64),
        ({"before": "drop", "between": "drop"}, 32 + 64),
        ({"before": "half", "between": "drop"}, 4 + 20 + 64),
        ({"before": "lloq", "between": "drop"}, 8 + 24 + 64),
        ({"before": "zero", "between": "zero"}, 0 + 16 + 16 + 16),
        ({"before": "zero", "between": "half"}, 0 + 16 + 20 + 20),
        ({"before": "zero", "between": "lloq"}, 0 + 16 + 24 + 24),
    ],
)
def test_what_stands_for_a_reading_below_its_limit(rule: dict[str, str], area: float) -> None:
    options = {"lloq": 8.0, "trapezoid": "linear", **rule}
    assert value([2, 4, 6, 8], [1, 16, 1, 16], "AUClast", **options) == pytest.approx(area)


def test_auc_all_ends_in_the_first_reading_below_the_limit() -> None:
    times, levels = [0.0, 4, 8, 12, 20, 30], [0.0, 16, 32, 16, 1, 1]
    for after in ("drop", "zero"):
        got = table(times, levels, lloq=8, trapezoid="linear", after=after)["value"]
        assert got["AUCall"] - got["AUClast"] == pytest.approx(0.5 * (20 - 12) * 16)


def test_after_the_last_zero_or_extrapolated() -> None:
    times = [0.0, 2, 4, 6, 8, 10, 20]
    levels = [1e-9, 64, 32, 16, 8, 4, 0.5]  # half-life 2, the last below its limit
    windows = [(0.0, 20.0), (0.0, 40.0), (10.0, 40.0)]
    options = {"lloq": 1.0, "windows": windows}
    dropped = table(times, levels, after="drop", **options)
    k = LN2 / 2
    assert dropped["value"]["lambda_z"] == pytest.approx(k)
    tail = 4 / k * (1 - math.exp(-k * 30))
    assert dropped["value"]["AUC10-40d"] == pytest.approx(tail)
    assert dropped["flag"]["AUC0-40d"] == "extrapolated"
    zero = table(times, levels, after="zero", **options)
    assert zero["value"]["AUC10-40d"] == pytest.approx(0.5 * 10 * 4)
    assert zero["flag"]["AUC0-20d"] == ""
    assert zero["flag"]["AUC0-40d"] == "zero after Tlast"


def test_an_imputed_limit_is_on_no_line_and_is_no_peak() -> None:
    got = table([0.0, 1, 3, 5, 7, 9], [1, 1, 30, 12, 1, 8], lloq=5, between="lloq")["value"]
    want = table([0.0, 3, 5, 9], [0, 30, 12, 8], lloq=5)["value"]
    assert got["Cmax"] == 30
    assert got["lambda_z_points"] == want["lambda_z_points"] or math.isnan(got["lambda_z_points"])


def test_half_a_limit_that_is_not_given_is_refused() -> None:
    with pytest.raises(SpecError, match="needs the limit of every reading"):
        metrics_of([1, 2, 3], [0, 5, 3], before="half")
    assert value([1, 2, 3], [0, 5, 3], "Cmax", before="zero") == 5


# --------------------------------------------------------------------------- above the limit


def test_a_reading_above_its_limit_is_a_lower_bound_and_on_no_line() -> None:
    times, levels = [1.0, 4, 7, 10, 14, 21], [10.0, 100, 500, 200, 80, 20]
    got = table(times, levels, above=[False, False, True, False, False, False])
    for metric in ("Cmax", "Tmax", "AUClast", "AUC0-28d", "fold_expansion"):
        assert "lower bound" in got["flag"][metric], metric
    # The rise is then known from two readings, the decline without its first.
    assert got["value"]["doubling_time"] == pytest.approx(3 * LN2 / math.log(10))
    assert table(times, levels)["value"]["doubling_time"] != got["value"]["doubling_time"]
    assert (
        got["value"]["contraction_half_life"]
        != table(times, levels)["value"]["contraction_half_life"]
    )


# --------------------------------------------------------------------------- routes


def test_c0_is_extrapolated_back_from_two_falling_readings() -> None:
    times, levels = [1.0, 2, 4, 8, 12], [8.0, 4, 2, 1, 0.5]
    got = table(times, levels, route="bolus", dose=10)
    assert got["value"]["C0"] == pytest.approx(16)
    assert got["value"]["AUClast"] - table(times, levels, route="bolus")["value"][
        "AUClast"
    ] == pytest.approx(0)
    first = (16 - 8) / math.log(2)
    assert got["value"]["AUC_back_ext_obs"] == pytest.approx(
        100 * first / got["value"]["AUCinf_obs"]
    )


@pytest.mark.parametrize(
    ("times", "levels", "c0", "said"),
    [
        ([1.0, 2, 4], [4.0, 8, 2], 4.0, "do not fall"),
        ([1.0, 2, 4], [4.0, 4, 2], 4.0, "do not fall"),
        ([0.0, 2, 4], [9.0, 4, 2], 9.0, ""),
        ([1.0], [4.0], 4.0, "do not fall"),
        # WinNonlin (and NonCompart): the first positive reading
        ([0.5, 1, 2, 3, 4], [0.0, 5, 3, 2, 1], 5.0, "one is 0"),
        ([0.5, 1, 2, 3], [0.0, 0, 3, 2], 3.0, "one is 0"),
    ],
)
def test_c0_otherwise(times: list[float], levels: list[float], c0: float, said: str) -> None:
    got = table(times, levels, route="bolus")
    assert got["value"]["C0"] == c0
    assert said in got["reason"]["C0"]
    assert (got["reason"]["C0"] == "") == (said == "")


def test_what_has_no_meaning_for_a_route_says_so() -> None:
    times, levels = [0.0, 1, 2, 4, 8], [0.0, 8, 4, 2, 1]
    assert "route" in reason(times, levels, "C0")
    assert "route" in reason(times, levels, "AUC_back_ext_obs")
    assert "route" in reason(times, levels, "Tlag", route="bolus")


def test_mrt_of_an_infusion_is_less_half_of_it() -> None:
    times, levels = [0.0, 1, 2, 4, 8, 12], [0.0, 8, 4, 2, 1, 0.5]
    plain = table(times, levels)["value"]
    infused = table(times, levels, route="infusion", duration=0.5)["value"]
    for metric in ("MRTlast", "MRTinf_obs", "MRTinf_pred"):
        assert infused[metric] == pytest.approx(plain[metric] - 0.25)
    codes = metrics_of(times, levels, route="infusion", duration=0.5).set_index("metric")["cdisc"]
    assert codes["MRTlast"] == "MRTIVLST"
    assert metrics_of(times, levels).set_index("metric")["cdisc"]["MRTlast"] == "MRTEVLST"


def test_readings_before_the_end_of_an_infusion_are_not_on_the_line() -> None:
    times, levels = [1.0, 2, 4, 6, 8, 10], [32.0, 16, 8, 4, 2, 1]
    ends = {"route": "infusion", "duration": 6.0, "tolerance": 0.5}
    assert value(times, levels, "lambda_z_lower", **ends) == 6
    # PKNCA leaves the reading at the very end of the infusion out as well: too few are left.
    assert "too few" in reason(times, levels, "lambda_z", slope="pknca", **ends)
    assert value(times, levels, "lambda_z_lower", tolerance=0.5) == 2


def test_tlag_is_the_reading_before_the_first_quantifiable_one() -> None:
    assert value([0.0, 1, 4, 7], [0, 0, 5, 9], "Tlag") == 1
    assert value([0.0, 1, 4, 7], [3, 0, 5, 9], "Tlag") == 0
    assert value([4.0, 7], [5, 9], "Tlag") == 0


def test_no_dose_no_value_per_dose() -> None:
    times, levels = [1.0, 2, 4, 8, 12], [8.0, 4, 2, 1, 0.5]
    assert reason(times, levels, "Cmax_D") == "no dose"
    assert value(times, levels, "Cmax_D", dose=4.0) == 2
    assert value(times, levels, "AUCinf_D_obs", dose=4.0) == pytest.approx(
        value(times, levels, "AUCinf_obs") / 4
    )


# --------------------------------------------------------------------------- lines


def test_an_exponential_is_found_exactly_and_all_its_readings_are_used() -> None:
    times = np.array([0.0, 7, 10, 14, 21, 28, 60, 90])
    levels = np.where(times < 7, 1.0, 1000 * np.exp(-0.05 * (times - 7)))
    got = table(list(times), list(levels))["value"]
    assert got["lambda_z"] == pytest.approx(0.05, rel=1e-10)
    assert got["lambda_z_points"] == 6  # without Tmax
    assert got["half_life"] == pytest.approx(LN2 / 0.05)
    assert got["contraction_half_life"] == pytest.approx(LN2 / 0.05)
    assert got["lambda_z_span"] == pytest.approx(80 * 0.05 / LN2)
    area = 3.5 * 1001 + 1000 / 0.05
    assert got["AUCinf_obs"] == pytest.approx(area)
    assert got["AUCinf_pred"] == pytest.approx(area)


def test_two_phases_are_told_apart() -> None:
    times = np.array([0.0, 5, 10, 11, 12, 13, 14, 100, 150, 200, 300])
    late = np.where(times < 10, 0, np.exp(-0.005 * (times - 10)))
    early = np.where(times < 10, 0, 1000 * np.exp(-0.5 * (times - 10)))
    got = table(list(times), list(np.maximum(late + early, 1e-3)))
    assert got["value"]["contraction_half_life"] == pytest.approx(LN2 / 0.5, rel=0.02)
    assert got["value"]["half_life"] == pytest.approx(LN2 / 0.005, rel=1e-6)
    assert got["flag"]["contraction_half_life"] == ""


def test_one_phase_is_said_to_be_one() -> None:
    got = table([0.0, 7, 14, 21, 28], [1.0, 16, 8, 4, 2])
    assert got["flag"]["contraction_half_life"] == "one phase"


def test_the_two_orders_of_rules_differ_where_the_best_line_rises() -> None:
    # Last three readings rise along a line; more of them fall, with scatter.
    times, levels = [0.0, 1, 2, 4, 8, 10, 12], [0.0, 100, 50, 30, 4, 4.4, 4.84]
    assert value(times, levels, "lambda_z", slope="winnonlin") > 0
    assert "PKNCA" in reason(times, levels, "lambda_z", slope="pknca")
    good = [0.0, 100, 50, 25, 6, 3, 1.6]
    assert value(times, good, "lambda_z", slope="pknca") == value(times, good, "lambda_z")


def test_within_a_ten_thousandth_more_readings_win() -> None:
    times = np.array([0.0, 1, 2, 4, 6, 8, 10])
    levels = 100 * np.exp(-0.2 * times)
    levels[0], levels[3] = 1.0, levels[3] * 1.0005  # hardly off the line
    assert value(list(times), list(levels), "lambda_z_points") == 5
    assert value(list(times), list(levels), "lambda_z_points", tolerance=0.0) == 3


def test_readings_that_do_not_fall_have_no_half_life() -> None:
    for levels in ([1.0, 9, 3, 3, 3], [1.0, 9, 3, 4, 5]):
        got = table([0.0, 1, 2, 3, 4], levels)
        assert "do not fall" in got["reason"]["lambda_z"]
        assert "do not fall" in got["reason"]["AUCinf_obs"]
        assert "window ends after Tlast" in got["reason"]["AUC0-7d"]


def test_poor_lines_are_flagged_and_kept() -> None:
    got = table([0.0, 1, 2, 3, 4, 5], [1.0, 90, 20, 30, 15, 18])
    assert got["value"]["lambda_z"] > 0
    assert got["flag"]["half_life"] == "uncertain"
    assert "low adjusted R2" in got["reason"]["half_life"]
    assert "few half-lives" in got["reason"]["half_life"]
    strict = table([0.0, 1, 2, 3, 4, 5], [1.0, 90, 40, 20, 10, 5], min_r2_adjusted=1.0 + 1e-9)
    assert "low adjusted R2" in strict["reason"]["lambda_z"]


# --------------------------------------------------------------------------- cells


def test_rise_fold_and_doubling() -> None:
    got = table([0.0, 1, 3, 5, 7, 10], [0.0, 4, 2, 8, 32, 16])
    assert got["value"]["fold_expansion"] == 16  # from the lowest, day 3
    assert got["value"]["doubling_time"] == pytest.approx(1.0)
    assert got["value"]["first_detection"] == 1
    assert got["flag"]["first_detection"] == "at or before"


def test_the_reading_at_the_infusion_is_from_before_it() -> None:
    got = table([0.0, 1, 3, 7], [1, 4, 2, 32])
    assert got["value"]["fold_expansion"] == 16
    assert got["value"]["first_detection"] == 1


def test_a_fold_from_below_the_limit_is_a_lower_bound() -> None:
    got = table([0.0, 1, 3, 7], [1, 1, 10, 80], lloq=5)
    assert got["value"]["fold_expansion"] == 16
    assert got["flag"]["fold_expansion"] == "lower bound"
    assert got["flag"]["doubling_time"] == "uncertain"  # two readings


def test_time_above_the_limit_crosses_between_readings() -> None:
    # Linear from 0 to 20: above 5 for three quarters; log from 20 to 2.5 below: as from 20 to 0.
    got = table([0.0, 4, 8, 12], [1, 20, 20, 1], lloq=5)
    assert got["value"]["time_above_lloq"] == pytest.approx(3 + 4 + 3)
    assert got["flag"]["time_above_lloq"] == ""
    assert table([0.0, 4, 8], [1, 20, 20], lloq=5)["flag"]["time_above_lloq"] == "censored"
    assert "not given" in reason([0.0, 4, 8], [0, 20, 20], "time_above_lloq")


def test_a_gap_below_the_limit_counts_as_below_even_where_the_area_drops_it() -> None:
    got = table([0.0, 4, 8, 12, 16], [20, 20, 1, 20, 20], lloq=5)["value"]
    assert got["time_above_lloq"] == pytest.approx(4 + 3 + 3 + 4)


def test_persistence_ends_with_the_last_quantifiable_reading() -> None:
    ended = table([1.0, 7, 28, 60], [9, 90, 8, 1], lloq=5)
    assert (ended["value"]["persistence"], ended["flag"]["persistence"]) == (28, "")
    still = table([1.0, 7, 28], [9, 90, 8], lloq=5)
    assert (still["value"]["persistence"], still["flag"]["persistence"]) == (28, "censored")


# --------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics_of([1, 2], [1]), "2 times and 1 values"),
        (lambda: metrics_of([1], [-1]), "not negative"),
        (lambda: metrics_of([1], [math.inf]), "infinite"),
        (lambda: metrics_of([math.nan], [1]), "no reading"),
        (lambda: metrics_of([1], ["<50"]), "not numbers"),
        (lambda: metrics_of([[1]], [[1]]), "one row"),
        (lambda: metrics_of([1], [1], below=[True], above=[True]), "below and above"),
        (lambda: metrics_of([1], [1], route="oral"), "not a rule"),
        (lambda: metrics_of([1], [1], route="infusion"), "needs its duration"),
        (lambda: metrics_of([1], [1], duration=1.0), "needs route 'infusion'"),
        (lambda: metrics_of([1], [1], dose=0.0), "positive"),
        (lambda: metrics_of([1], [1], rout="bolus"), "Did you mean 'route'"),
        (lambda: metrics_of([1], [1], metrics=["Cmaxx"]), "Did you mean 'Cmax'"),
        (lambda: metrics_of([1], [1], windows=[(5, 5)]), "later"),
        (lambda: metrics_of([1], [1], windows=[(-1, 5)]), "start from 0"),
        (lambda: metrics_of([1], [1], min_points=2), "3 or more"),
        (lambda: metrics_of([1], [1], tolerance=-1.0), "from 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(call: Callable[[], pd.DataFrame], said: str) -> None:
    if said == "no reading":  # a time that is missing is no reading
        assert said in call()["reason"][0]
        return
    with pytest.raises(SpecError, match=said):
        call()


@pytest.mark.parametrize("level", [1e-300, 1e-12, 1e12, 1e300])
@pytest.mark.parametrize("day", [1e-9, 1.0, 1e9])
def test_levels_and_times_of_any_size_give_a_number_or_a_reason(level: float, day: float) -> None:
    times = np.array([0.0, 1, 4, 7, 10, 14, 28]) * day
    levels = np.array([1e-3, 1, 40, 300, 90, 30, 8]) * level
    for route in ("extravascular", "bolus"):
        got = table(list(times), list(levels), lloq=0.1 * level, dose=1.0, route=route)
        assert not np.isinf(got["value"]).any()
        gone = got["value"].isna()
        assert (got.loc[gone, "flag"] == "not estimable").all()
    assert got["value"]["Cmax"] == 300 * level


# --------------------------------------------------------------------------- the registry


def test_names_codes_and_needs_of_the_registry() -> None:
    names = [m.name for m in METRICS]
    assert len(names) == len(set(names))
    columns = [m.winnonlin for m in METRICS if m.winnonlin]
    assert len(columns) == len(set(columns))
    for metric in METRICS:
        assert set(metric.needs) <= set(names)
        assert metric.meaning
        for route in ("extravascular", "bolus", "infusion"):
            assert len(metric.code_for(route)) <= 8  # type: ignore[arg-type]
    assert list(glossary()["metric"]) == names


@pytest.mark.parametrize("name", [m.name for m in METRICS])
def test_a_metric_alone_is_what_it_is_among_the_others(name: str) -> None:
    times, levels = [0.0, 1, 4, 7, 10, 14, 28, 60], [1.0, 1, 30, 400, 300, 90, 20, 8]
    options = {"lloq": 5.0, "dose": 2.0, "windows": []}
    alone = metrics_of(times, levels, metrics=[name], **options)
    among = metrics_of(times, levels, **options)
    pd.testing.assert_frame_equal(alone, among[among["metric"] == name].reset_index(drop=True))


def test_every_note_has_words() -> None:
    assert set(MEANING) == set(Note)


def test_the_rules_in_words_name_every_choice() -> None:
    default = describe_rules(Rules())
    for changes in (
        {"trapezoid": "linear"},
        {"slope": "pknca"},
        {"route": "bolus"},
        {"before": "half"},
        {"between": "lloq"},
        {"after": "zero"},
        {"tmax": "in"},
        {"min_points": 4},
        {"tolerance": 0.001},
        {"min_r2_adjusted": 0.7},
        {"min_span": 3.0},
        {"max_extrapolated": 30.0},
    ):
        assert describe_rules(Rules(**changes)) != default, changes  # type: ignore[arg-type]
