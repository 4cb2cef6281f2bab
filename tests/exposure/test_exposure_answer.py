"""Exposure as an outcome measure: the form that all answers share."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student_t

from cellkinetics.exposure import nca
from cellkinetics.outcome.answer import NUMBER_COLUMNS
from cellkinetics.outcome.exposure import exposure_answer
from cellkinetics.study import read_study

AML5 = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"


def test_numbers_with_their_intervals() -> None:
    study = read_study(AML5)
    answer = exposure_answer(study, analytes="qpcr")
    assert tuple(answer.numbers.columns) == NUMBER_COLUMNS
    assert answer.numbers["method"].str.len().min() > 0
    row = answer.numbers[answer.numbers["quantity"].str.contains(" Cmax, geometric")].iloc[0]
    logs = np.log(nca(study, analytes="qpcr").wide["Cmax"])
    half = student_t.ppf(0.975, 4) * logs.std(ddof=1) / math.sqrt(5)
    assert row["estimate"] == pytest.approx(math.exp(logs.mean()))
    assert row["lower"] == pytest.approx(math.exp(logs.mean() - half))
    assert row["upper"] == pytest.approx(math.exp(logs.mean() + half))
    assert row["n"] == 5


def test_every_missing_number_says_why_and_every_subject_is_listed() -> None:
    study = read_study(AML5)
    answer = exposure_answer(study)
    gone = answer.numbers[answer.numbers["estimate"].isna()]
    assert (gone["note"] != "").all()
    assert answer.subjects.columns[0] == "subject"
    assert set(answer.subjects["subject"]) == set(study.subjects["subject"])
    assert {"metrics", "summary", "persistence", "left_out"} <= set(answer.more)
    assert "Area:" in answer.definition


def test_persistence_carries_its_events() -> None:
    answer = exposure_answer(read_study(AML5), analytes="qpcr")
    row = answer.numbers[answer.numbers["quantity"].str.contains("persistence")].iloc[0]
    assert (row["n"], row["events"], row["method"]) == (
        5,
        3,
        "Kaplan-Meier, log-log bands inverted",
    )
    assert set(answer.more["persistence"]["group"]) == {"all"}
