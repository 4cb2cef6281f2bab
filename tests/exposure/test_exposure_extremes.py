"""Numbers at the edge of what a computer holds, and counts of one."""

import math
from pathlib import Path

import pandas as pd
import pytest

from cellkinetics import nca
from cellkinetics.exposure import summarise
from cellkinetics.study import read_study


def small(folder: Path, values: dict[str, float]):
    (folder / "study.toml").write_text('name = "s"\nsimulated = true\ndose_unit = "cells"\n')
    (folder / "subjects.csv").write_text("subject\n" + "".join(f"{s}\n" for s in values))
    rows = "".join(f"{s},0,1e6\n" for s in values)
    (folder / "infusions.csv").write_text("subject,time,cells\n" + rows)
    rows = "".join(f"{s},7,qpcr,{v!r},copies/ug\n" for s, v in values.items())
    (folder / "samples.csv").write_text("subject,time,analyte,value,unit\n" + rows)
    return read_study(folder)


def test_a_geometric_cv_that_is_no_number_is_none_and_says_so(tmp_path: Path) -> None:
    result = nca(small(tmp_path, {"A": 1e-30, "B": 1e14}))  # variance of logs 5127 > 709.8
    row = summarise(result).set_index("metric").loc["Cmax"]
    assert math.isnan(row["geo_cv_pct"])
    assert row["note"] == "geometric CV too large for a number"
    assert row["geo_mean"] == pytest.approx(1e-8)


def test_a_wide_geometric_cv_that_is_a_number_is_given(tmp_path: Path) -> None:
    result = nca(small(tmp_path, {"A": 1e-2, "B": 1e14}))
    row = summarise(result).set_index("metric").loc["Cmax"]
    variance = pd.Series([math.log(1e-2), math.log(1e14)]).var()
    assert 600 < variance < 709
    assert row["geo_cv_pct"] == pytest.approx(100 * math.sqrt(math.expm1(variance)))
    assert row["note"] == ""


def test_one_reading_is_one_reading(tmp_path: Path) -> None:
    result = nca(small(tmp_path, {"A": 900.0, "B": 50.0}), cutoff=3)
    assert "2 readings of qpcr left out: after the data cut (A, B)." in result.notes
    (tmp_path / "one").mkdir()
    result = nca(small(tmp_path / "one", {"A": 900.0}), cutoff=3)
    assert "1 reading of qpcr left out: after the data cut (A)." in result.notes
