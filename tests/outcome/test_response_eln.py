"""One set of findings to one response: every cell of the tables, and what a missing value does."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellkinetics.errors import SpecError
from cellkinetics.outcome.eln import CRITERIA, RANK, Signs, criteria_named, derive, respond
from cellkinetics.study.tables import RESPONSES

ELN2017, ELN2022 = CRITERIA["ELN2017"], CRITERIA["ELN2022"]
REMITTED = Signs(marrow=2, blood=0, anc=1.5, platelets=150, baseline=40)


def signs(**changes) -> Signs:
    return replace(REMITTED, **changes)


@pytest.mark.parametrize(
    ("found", "eln2017", "eln2022"),
    [
        (signs(), "CR", "CR"),
        (signs(anc=1.0, platelets=100), "CR", "CR"),  # at the thresholds
        (signs(marrow=4.99), "CR", "CR"),
        (signs(marrow=5.0), "PR", "PR"),  # 5 % is not below 5 %
        (signs(platelets=99), "CRi", "CRh"),
        (signs(anc=0.99), "CRi", "CRh"),
        (signs(anc=0.5, platelets=50), "MLFS", "CRh"),
        (signs(anc=0.5, platelets=49), "MLFS", "MLFS"),
        (signs(anc=0.49, platelets=60), "MLFS", "MLFS"),
        (signs(anc=0.4), "CRi", "CRi"),
        (signs(platelets=40), "CRi", "CRi"),
        (signs(platelets=150, transfused=True), "CRi", "CRi"),
        (signs(anc=0.1, platelets=150, transfused=True), "MLFS", "MLFS"),
        (signs(anc=0.1, platelets=9, cellularity=9.9), "NE", "NE"),
        (signs(anc=0.1, platelets=9, cellularity=10), "MLFS", "MLFS"),
        (signs(cellularity=5), "CR", "CR"),  # recovered counts: not aplastic
        (signs(auer_rods=True), "NR", "CR"),
        (signs(blood=0.5), "NR", "NR"),
        (signs(extramedullary=True), "NR", "NR"),
        (signs(marrow=20), "PR", "PR"),  # halved exactly
        (signs(marrow=20.1), "NR", "NR"),
        (signs(marrow=25, baseline=80), "PR", "PR"),
        (signs(marrow=25.1, baseline=80), "NR", "NR"),
        (signs(marrow=10, platelets=99), "NR", "NR"),
        (signs(marrow=10, blood=1), "NR", "NR"),
        (signs(marrow=10, extramedullary=True), "NR", "NR"),
        (signs(marrow=60), "NR", "NR"),
    ],
)
def test_the_tables(found, eln2017, eln2022):
    assert respond(found, ELN2017) == eln2017
    assert respond(found, ELN2022) == eln2022
    assert derive(found, ELN2022).response == eln2022


@pytest.mark.parametrize(
    ("found", "possible", "missing"),
    [
        (signs(platelets=math.nan), ("CR", "CRh", "CRi"), ("platelets",)),
        (signs(anc=math.nan), ("CR", "CRh", "CRi"), ("anc",)),
        (
            signs(anc=math.nan, platelets=math.nan),
            ("CR", "CRh", "CRi", "MLFS"),
            ("anc", "platelets"),
        ),
        (signs(anc=0.2, platelets=math.nan), ("CRi", "MLFS"), ("platelets",)),
        (signs(blood=math.nan), ("CR", "NR"), ("blood_blasts_pct",)),
        (signs(marrow=10, baseline=math.nan), ("PR", "NR"), ("baseline marrow_blasts_pct",)),
        (signs(marrow=10, anc=math.nan), ("PR", "NR"), ("anc",)),
        (signs(anc=math.nan, platelets=math.nan, blood=1), ("NR",), ()),
        (signs(marrow=60, anc=math.nan, platelets=math.nan, blood=math.nan), ("NR",), ()),
        (signs(baseline=math.nan), ("CR",), ()),
        (signs(anc=1.2, platelets=math.nan, transfused=True), ("CRi",), ()),
        # the counts cannot matter where the baseline rules PR out
        (signs(marrow=24, baseline=30, anc=math.nan), ("NR",), ()),
    ],
)
def test_what_is_missing_is_said_only_where_it_matters(found, possible, missing):
    got = derive(found, ELN2022)
    assert (got.possible, got.missing) == (possible, missing)
    assert got.response == (possible[0] if len(possible) == 1 else None)
    assert got.at_least == possible[-1]
    for name in missing:
        assert name in got.reason


def test_without_a_marrow_only_disease_can_be_told():
    assert derive(Signs(blood=3), ELN2022).response == "NR"
    assert derive(Signs(extramedullary=True), ELN2022).response == "NR"
    nothing = derive(Signs(blood=0, anc=2, platelets=200), ELN2022)
    assert nothing.possible == ()
    assert nothing.at_least is None
    assert "no marrow" in nothing.reason


numbers = st.one_of(st.just(math.nan), st.floats(0, 300))
flags = st.sampled_from([None, True, False])
any_signs = st.builds(
    Signs,
    marrow=st.one_of(st.just(math.nan), st.floats(0, 100)),
    blood=numbers,
    cellularity=numbers,
    auer_rods=flags,
    extramedullary=flags,
    anc=numbers,
    platelets=numbers,
    transfused=flags,
    baseline=numbers,
)


@given(any_signs, st.sampled_from([ELN2017, ELN2022]), st.data())
def test_a_value_that_turns_up_gives_a_response_that_was_possible(found, rule, data):
    """Whatever fills a gap, the response was among those listed."""
    before = derive(found, rule)
    assert set(before.possible) <= set(RESPONSES)
    filled = found
    for name in ("blood", "anc", "platelets", "baseline"):
        if math.isnan(getattr(found, name)):
            filled = replace(filled, **{name: data.draw(st.floats(0, 300))})
    after = derive(filled, rule)
    if before.possible:
        assert after.response in before.possible
    assert "CRh" not in after.possible or rule.crh


@given(any_signs, st.sampled_from([ELN2017, ELN2022]))
def test_better_counts_never_make_a_worse_response(found, rule):
    known = replace(
        found,
        **{
            n: 1.0 for n in ("marrow", "blood", "anc", "platelets") if math.isnan(getattr(found, n))
        },
    )
    better = replace(known, anc=known.anc + 0.5, platelets=known.platelets + 50)
    assert RANK[respond(better, rule)] <= RANK[respond(known, rule)]


def test_unknown_criteria_are_answered_with_what_exists():
    with pytest.raises(SpecError, match="Did you mean 'ELN2022'"):
        criteria_named("ELN2021")
