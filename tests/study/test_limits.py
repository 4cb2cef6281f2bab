"""The decision table of limits, line by line, against examples and an oracle written apart."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from cellkinetics.errors import SpecError, StudyError
from cellkinetics.study import classify, limits_table, method_note
from cellkinetics.study.findings import CODES
from cellkinetics.study.limits import ERROR_FAMILIES, KINDS, METHOD_NAMES, METHODS
from cellkinetics.study.readings import READINGS, facts, read_rows

NO = math.nan
INF = math.inf
COLUMNS = ("cens", "value", "lloq", "uloq", "lod", "lower")


def table(*rows, time=None, analyte="qpcr"):
    frame = pd.DataFrame(list(rows), columns=list(COLUMNS), dtype=float)
    frame["subject"], frame["analyte"], frame["specimen"] = "P03", analyte, None
    frame["time"] = np.arange(len(rows), dtype=float) if time is None else time
    frame["line"] = np.arange(len(rows)) + 2
    return frame


# For every line of the table: rows (cens, value, lloq, uloq, lod, lower) that it decides, and what
# the reading is then between. Nothing here looks at how the table is written.
EXAMPLES = {
    "cens unknown": [((2, 80, 50, NO, NO, NO), "refused")],
    "negative": [((0, -1, 50, NO, NO, NO), "refused"), ((1, -1, 50, NO, NO, NO), "refused")],
    "limit <= 0": [
        ((0, 80, 0, NO, NO, NO), "refused"),
        ((0, 80, 50, NO, 0, NO), "refused"),
        ((0, 80, NO, -1, NO, NO), "refused"),
        ((1, 50, NO, NO, NO, -1), "refused"),
    ],
    "lod > lloq": [((0, 80, 50, NO, 60, NO), "refused")],
    "lloq >= uloq": [((0, 80, 50, 50, NO, NO), "refused"), ((0, 80, NO, 5, 10, NO), "refused")],
    "lower, no upper": [((1, NO, NO, NO, 10, 5), "refused")],
    "lower >= upper": [((1, 50, 50, NO, NO, 50), "refused"), ((1, NO, 50, NO, NO, 60), "refused")],
    "interval": [
        ((1, 50, 50, NO, NO, 10), (10, 50)),
        ((1, 50, NO, NO, NO, 0), (0, 50)),
        ((1, NO, 50, NO, NO, 10), (10, 50)),
    ],
    "below, contradicted": [((1, 80, 50, NO, NO, NO), "refused")],
    "not detected": [
        ((1, 10, 50, NO, 10, NO), (-INF, 10)),
        ((1, 0, 50, NO, 10, NO), (-INF, 10)),
        ((1, 0, NO, NO, 10, NO), (-INF, 10)),
    ],
    "below lloq, detected": [((1, 30, 50, NO, 10, NO), (10, 50))],
    "below lloq, other value": [
        ((1, 25, 50, NO, NO, NO), (-INF, 50)),
        ((1, 0, 50, NO, NO, NO), (-INF, 50)),
    ],
    "below lloq": [
        ((1, 50, 50, NO, NO, NO), (-INF, 50)),
        ((1, 50, 50, NO, 10, NO), (-INF, 50)),
        ((1, NO, 50, NO, 10, NO), (-INF, 50)),
    ],
    "below lod, no value": [((1, NO, NO, NO, 10, NO), (-INF, 10))],
    "below value": [((1, 50, NO, NO, NO, NO), (-INF, 50)), ((1, 50, NO, NO, 10, NO), (-INF, 50))],
    "below nothing": [((1, NO, NO, NO, NO, NO), "refused"), ((1, 0, NO, NO, NO, NO), "refused")],
    "lower, not censored": [
        ((0, 80, 50, NO, NO, 10), "refused"),
        ((NO, 80, 50, NO, NO, 10), "refused"),
        ((-1, 500, NO, 500, NO, 10), "refused"),
    ],
    "above, contradicted": [((-1, 80, 50, 500, NO, NO), "refused")],
    "above uloq": [
        ((-1, 500, 50, 500, NO, NO), (500, INF)),
        ((-1, 900, 50, 500, NO, NO), (500, INF)),
        ((-1, NO, 50, 500, NO, NO), (500, INF)),
    ],
    "above value": [((-1, 500, 50, NO, NO, NO), (500, INF))],
    "above nothing": [((-1, NO, 50, NO, NO, NO), "refused"), ((-1, 0, NO, NO, NO, NO), "refused")],
    "no reading": [
        ((NO, NO, 50, NO, NO, NO), "no reading"),
        ((0, NO, NO, NO, NO, NO), "no reading"),
    ],
    "over uloq": [
        ((0, 900, 50, 500, NO, NO), (500, INF)),
        ((NO, 900, NO, 500, NO, NO), (500, INF)),
    ],
    "under lod": [
        ((0, 5, 50, NO, 10, NO), (-INF, 10)),
        ((NO, 0, 50, NO, 10, NO), (-INF, 10)),
        ((0, 5, NO, NO, 10, NO), (-INF, 10)),
    ],
    "under lloq, detected": [
        ((0, 30, 50, NO, 10, NO), (10, 50)),
        ((NO, 10, 50, NO, 10, NO), (10, 50)),
    ],
    "under lloq": [((0, 30, 50, NO, NO, NO), (-INF, 50)), ((NO, 0, 50, NO, NO, NO), (-INF, 50))],
    "zero as read": [],  # needs an analyte whose zeros are readings: below
    "zero, no limit": [((0, 0, NO, NO, NO, NO), "refused"), ((NO, 0, NO, 500, NO, NO), "refused")],
    "as read": [
        ((0, 80, 50, NO, NO, NO), (80, 80)),
        ((NO, 80, NO, NO, NO, NO), (80, 80)),
        ((0, 50, 50, 500, 10, NO), (50, 50)),
        ((0, 500, 50, 500, 10, NO), (500, 500)),
        ((0, 10, NO, NO, 10, NO), (10, 10)),
    ],
}  # fmt: skip


def test_every_line_of_the_table_has_examples():
    assert list(EXAMPLES) == [line.name for line in READINGS]


@pytest.mark.parametrize("line", READINGS, ids=lambda line: line.name)
def test_line(line):
    for row, expected in EXAMPLES[line.name]:
        samples = table(row)
        assert READINGS[read_rows(samples)[0]].name == line.name, row
        if expected == "refused":
            assert line.meaning == "refused"
            with pytest.raises(StudyError, match=r"samples, line 2 \(subject P03, qpcr\)"):
                classify(samples, error_family="combined")
            continue
        (out,) = classify(samples, error_family="combined").to_dict("records")
        assert out["reading"] == line.name
        if expected == "no reading":
            assert (out["kind"], out["dropped"]) == (-1, "no value")
            assert all(math.isnan(out[name]) for name in ("value", "lower", "upper"))
            continue
        assert out["kind"] == KINDS[line.meaning]
        assert (out["lower"], out["upper"]) == expected, row
        assert out["floor"] == -INF
        assert out["dropped"] is None
        assert math.isnan(out["value"]) == (line.meaning != "observed")


def test_only_what_the_check_can_say_is_a_finding():
    for line in READINGS:
        assert not line.finding or line.finding in CODES
        assert (line.meaning == "refused") == (CODES.get(line.finding) == "error")
        known = facts(table((0, 80, 50, NO, NO, NO)))
        assert set(line.when) <= set(known)


def oracle(row):
    """Say what a row means, from the rules in words; written apart from the table."""
    cens, value, lloq, uloq, lod, lower = row
    given = {
        n: not math.isnan(v)
        for n, v in zip(COLUMNS, (cens, value, lloq, uloq, lod, lower), strict=True)
    }
    below_limit = min([v for v in (lloq, lod) if not math.isnan(v)], default=None)
    if cens == 1:
        ceiling = value if given["value"] else lloq
        if given["lower"]:
            return (lower, ceiling) if lower < ceiling else "refused"
        if given["lloq"] and given["value"] and value > lloq:
            return "refused"
        if given["lod"] and given["value"] and value <= lod:
            return (-INF, lod)
        if given["lloq"]:
            detected = given["lod"] and given["value"] and lod < value < lloq
            return (lod if detected else -INF, lloq)
        if given["value"] and value > 0:
            return (-INF, value)
        return (-INF, lod) if given["lod"] and not given["value"] else "refused"
    if given["lower"]:
        return "refused"
    if cens == -1:
        if given["uloq"]:
            return "refused" if given["value"] and value < uloq else (uloq, INF)
        return (value, INF) if given["value"] and value > 0 else "refused"
    if not given["value"]:
        return "no reading"
    if given["uloq"] and value > uloq:
        return (uloq, INF)
    if given["lod"] and value < lod:
        return (-INF, lod)
    if given["lloq"] and value < lloq:
        return (lod if given["lod"] else -INF, lloq)
    if value == 0 and below_limit is None:
        return "refused"
    return (value, value)


def test_every_combination_against_the_oracle():
    grid = list(
        itertools.product(
            (NO, 0, 1, -1),
            (NO, 0, 5, 10, 30, 50, 80, 500, 900),
            (NO, 50),
            (NO, 500),
            (NO, 10),
            (NO, 0, 20, 60),
        )
    )
    decided = read_rows(table(*grid))
    assert (decided >= 0).all()
    for row, i in zip(grid, decided, strict=True):
        expected, meaning = oracle(row), READINGS[i].meaning
        if expected in {"refused", "no reading"}:
            assert meaning == expected, row
        else:
            (out,) = classify(table(row), error_family="combined").to_dict("records")
            assert (out["lower"], out["upper"]) == expected, row


def test_zeros_as_read():
    zero = table((0, 0, NO, NO, NO, NO), analyte="theo")
    out = classify(zero, error_family="combined", zeros_as_read=["theo"])
    assert out[["kind", "value", "reading"]].values.tolist() == [[0, 0.0, "zero as read"]]
    with pytest.raises(StudyError, match="no reading can be made of them"):
        classify(zero, error_family="combined")
    with pytest.raises(StudyError, match="a zero has no density under lognormal error"):
        classify(zero, error_family="lognormal", zeros_as_read=["theo"])
    limited = table((0, 0, 50, NO, NO, NO), analyte="theo")  # a stated limit wins
    out = classify(limited, error_family="combined", zeros_as_read=["theo"])
    assert out["upper"].tolist() == [50]


# A course with its peak on day 3: below, below, read, peak, below (detected), read, below, below.
LL = 50.0
COURSE = (
    (1, LL, LL, NO, 10, NO),
    (1, LL, LL, NO, 10, NO),
    (0, 200, LL, NO, 10, NO),
    (0, 9000, LL, NO, 10, NO),
    (0, 30, LL, NO, 10, NO),
    (0, 70, LL, NO, 10, NO),
    (1, 10, LL, NO, 10, NO),
    (1, LL, LL, NO, 10, NO),
)


def course(method, family="combined", **options):
    return classify(table(*COURSE), method=method, error_family=family, **options)


def kept(out):
    return [i for i, kind in enumerate(out["kind"]) if kind != -1]


@pytest.mark.parametrize("method", ["M1", "M2"])
def test_m1_and_m2_drop_what_is_below(method):
    out = course(method)
    assert kept(out) == [2, 3, 5]
    assert (out["kind"][kept(out)] == 0).all()
    assert set(out["dropped"].dropna()) == {f"below the limit ({method})"}
    floor = LL if method == "M2" else -INF
    assert (out["floor"][kept(out)] == floor).all()


def test_m2_needs_the_lloq_of_every_row_that_it_keeps():
    rows = table((0, 200, NO, NO, NO, NO), (1, 50, NO, NO, NO, NO), (-1, 500, LL, 500, NO, NO))
    with pytest.raises(StudyError) as error:
        classify(rows, method="M2", error_family="lognormal")
    assert str(error.value) == (
        "samples, line 2 (subject P03, qpcr): method M2 needs the lloq of every row that it keeps."
        " Give the lloq of these rows (assume_lloq in fit.toml gives one to a whole analyte), or"
        " choose limit = 'M3'."
    )
    out = classify(rows[1:], method="M2", error_family="lognormal")
    assert out["floor"].tolist() == [-INF, LL]


def test_m3_keeps_what_the_rows_say():
    out = course("M3")
    assert out["kind"].tolist() == [1, 1, 0, 0, 3, 0, 1, 1]
    assert out["upper"].tolist() == [LL, LL, 200, 9000, LL, 70, 10, LL]
    assert out["lower"].tolist() == [-INF, -INF, 200, 9000, 10, 70, -INF, -INF]
    assert (out["floor"] == -INF).all()


def test_m4_is_conditional_on_a_positive_reading():
    out = course("M4")
    assert out["kind"].tolist() == [3, 3, 0, 0, 3, 0, 3, 3]
    assert out["lower"].tolist() == [0, 0, 200, 9000, 10, 70, 0, 0]
    assert (out["floor"] == 0).all()


@pytest.mark.parametrize("family", ["lognormal", "student_t"])
def test_m4_equals_m3_on_the_log_scale_and_says_so(family):
    pd.testing.assert_frame_equal(course("M4", family), course("M3", family))
    assert method_note("M4", family) == (
        f"Method M4 equals M3 under {family} error, where y > 0 always holds."
    )


def test_m5_puts_half_the_lloq():
    out = course("M5")
    assert (out["kind"] == 0).all()
    assert out["value"].tolist() == [25, 25, 200, 9000, 25, 70, 25, 25]
    assert (out["lower"] == out["value"]).all()
    rows = table((1, 40, NO, NO, NO, NO))  # no lloq: half of the limit that there is
    assert classify(rows, method="M5", error_family="lognormal")["value"].tolist() == [20]


def test_m6_keeps_one_of_each_run():
    out = course("M6")
    assert kept(out) == [1, 2, 3, 4, 5, 6]  # last before the peak, first after it
    assert out["value"][[1, 4, 6]].tolist() == [25, 25, 25]
    assert out["dropped"][[0, 7]].tolist() == ["below the limit (M6)"] * 2


def test_m6_goes_by_time_not_by_the_order_of_rows():
    shuffled = table(*COURSE).sample(frac=1, random_state=3)
    out = classify(shuffled, method="M6", error_family="lognormal").sort_index()
    pd.testing.assert_frame_equal(out, course("M6", "lognormal"))


def test_m6_treats_every_series_by_itself():
    one, two = table(*COURSE), table(*COURSE)
    two["subject"] = "P04"
    both = pd.concat([one, two], ignore_index=True)
    marrow = table(*COURSE).assign(specimen="marrow")
    all_three = pd.concat([both, marrow], ignore_index=True)
    out = classify(all_three, method="M6", error_family="lognormal")
    assert kept(out) == [i + 8 * j for j in range(3) for i in [1, 2, 3, 4, 5, 6]]


def test_m6_without_a_peak_keeps_the_first():
    rows = table(COURSE[0], COURSE[1], COURSE[6])
    assert kept(classify(rows, method="M6", error_family="lognormal")) == [0]


def test_m6_takes_a_reading_above_uloq_for_the_peak():
    rows = table(COURSE[0], COURSE[1], (-1, 500, LL, 500, NO, NO), COURSE[0], COURSE[1])
    assert kept(classify(rows, method="M6", error_family="lognormal")) == [1, 2, 3]


def test_m6_runs_are_not_broken_by_a_row_without_a_reading():
    rows = table(COURSE[3], COURSE[0], (NO, NO, LL, NO, NO, NO), COURSE[1])
    assert kept(classify(rows, method="M6", error_family="lognormal")) == [0, 1]


def test_m7_puts_zero_and_only_where_zero_has_a_density():
    out = course("M7")
    assert out["value"].tolist() == [0, 0, 200, 9000, 0, 70, 0, 0]
    for family in ("lognormal", "student_t"):
        with pytest.raises(SpecError, match=r"method M7 puts zeros .* Use M3"):
            course("M7", family)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_rows_above_a_limit_are_right_censored_in_every_method(method):
    rows = table((-1, 500, LL, 500, NO, NO), (0, 80, LL, 500, NO, NO))
    out = classify(rows, method=method, error_family="combined")
    assert out["kind"].tolist() == [2, 0]
    assert (out["lower"][0], out["upper"][0]) == (500, INF)


@pytest.mark.parametrize("family", ["lognormal", "student_t"])
def test_an_interval_from_zero_is_left_censored_where_y_is_positive(family):
    rows = table((1, 50, NO, NO, NO, 0))
    out = classify(rows, error_family=family)
    assert (out["kind"][0], out["lower"][0], out["upper"][0]) == (1, -INF, 50)
    assert classify(rows, error_family="combined")["kind"].tolist() == [3]


def test_result_is_aligned_with_the_rows():
    rows = table(*COURSE)
    rows.index = [10, 20, 30, 40, 50, 60, 70, 80]
    for method in METHOD_NAMES:
        out = classify(rows[::2], method=method, error_family="combined")
        assert list(out.index) == [10, 30, 50, 70]
    assert classify(rows[:0], error_family="lognormal").empty


def test_no_row_vanishes_in_silence():
    for method in METHOD_NAMES:
        out = course(method)
        assert ((out["kind"] == -1) == out["dropped"].notna()).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "m3"}, "method 'm3' .* is unknown. Known: M1, M2"),
        ({"error_family": "log-normal"}, "error family 'log-normal' is unknown.*'lognormal'"),
    ],
)
def test_a_slip_is_refused(options, message):
    with pytest.raises(SpecError, match=message):
        classify(table(COURSE[0]), **{"error_family": "lognormal", **options})


def test_the_printed_table_holds_every_line():
    text = limits_table()
    for line in READINGS:
        conditions = " and ".join(line.when)
        assert any(conditions in row and line.finding in row for row in text.splitlines())
    for method in METHODS:
        assert f"\n{method.name}  Below a limit: " in text
    assert "under lloq, detected" not in text  # names are for results, the print is for people
    assert max(map(len, text.splitlines())) <= 115


@pytest.mark.parametrize("family", ERROR_FAMILIES)
def test_notes_are_sentences(family):
    for method in METHODS:
        if family in method.families:
            assert method_note(method.name, family).endswith(".")
