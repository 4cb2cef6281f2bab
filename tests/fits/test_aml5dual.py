"""The study drawn from `aml_dual_antigen`: reproducible, true to its truth.json, whole."""

import json
import runpy
from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellkinetics.catalogue import find_fit, find_study, load_model
from cellkinetics.kernel.solve import solve
from cellkinetics.spec import read_spec
from cellkinetics.study import check_study

HERE = find_study("aml5dual")
TABLES = ("subjects", "infusions", "samples", "treatments", "events")
ANALYTES = ("qpcr", "flow", "il6", "ifng", "il10", "marrow_blasts")


@pytest.fixture(scope="module")
def truth() -> dict:  # type: ignore[type-arg]
    return json.loads((HERE / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(HERE / f"{name}.csv") for name in TABLES}


def test_script_writes_the_shipped_tables_byte_for_byte(tmp_path: Path) -> None:
    runpy.run_path(str(HERE / "simulate.py"))["write"](tmp_path)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted([*(f"{name}.csv" for name in TABLES), "truth.json"])
    for name in written:
        assert (tmp_path / name).read_bytes() == (HERE / name).read_bytes(), name


def test_tables_pass_the_check() -> None:
    assert [str(f) for f in check_study(HERE) if f.severity != "info"] == []


def test_labelled_simulated(truth) -> None:  # type: ignore[no-untyped-def]
    assert truth["simulated"] is True
    assert "simulated" in (HERE / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert "SIMULATED" in (HERE / "study.toml").read_text(encoding="utf-8")
    assert "SIMULATED" in (find_fit("aml5dual-aml-dual-antigen") / "fit.toml").read_text("utf-8")


def test_the_truth_is_not_the_prior_median(truth) -> None:  # type: ignore[no-untyped-def]
    ratio = [p["typical"] / p["prior_median"] for p in truth["population"].values()]
    assert len(ratio) == 15
    assert np.abs(np.log(ratio)).min() > 0.005
    assert np.abs(np.log(ratio)).max() < 1.5


def test_every_analyte_has_its_own_limits_and_some_rows_below(tables) -> None:  # type: ignore[no-untyped-def]
    rows = tables["samples"].groupby("analyte")
    assert set(rows.groups) == {*ANALYTES, "wbc"}
    limits = rows["lloq"].unique().drop("wbc").map(tuple).to_dict()
    assert limits == {
        "qpcr": (50.0,), "flow": (0.5,), "il6": (1.5,), "ifng": (4.0,), "il10": (2.0,),
        "marrow_blasts": (1.0,),
    }  # fmt: skip
    below = tables["samples"].query("cens == 1").groupby("analyte").size()
    assert set(below.index) == set(ANALYTES)
    blasts = tables["samples"].query("analyte == 'marrow_blasts'")["value"]
    assert blasts.between(1, 100).all()


def test_readings_scatter_about_the_truth_as_it_says(truth, tables) -> None:  # type: ignore[no-untyped-def]
    """Once more from truth.json alone, for what needs no white cells."""
    model = load_model(truth["model"])
    cells = tables["infusions"].set_index("subject")["cells"]
    samples = tables["samples"].query("cens == 0 and analyte not in ('qpcr', 'wbc')")
    z = []
    for subject, own in truth["subjects"].items():
        known = {k: inf if v is None else v for k, v in own["comedication"].items()}
        rows = samples[samples["subject"] == subject]
        days = np.unique(rows["time"])
        out = solve(model, own["parameters"] | known, days, [(0.0, cells[subject])])
        for row in rows.itertuples():
            assay = truth["residual"][row.analyte]
            mean = float(out[assay["of"]].sel(time=row.time).values[0])
            mean *= 100 if row.analyte == "marrow_blasts" else 1
            z.append((np.log(row.value / mean)) / assay["sd"])
    assert len(z) > 200
    assert abs(np.mean(z)) < 0.25  # rows below a limit are missing, all on one side
    assert 0.85 < np.std(z) < 1.15


def test_courses_differ(truth, tables) -> None:  # type: ignore[no-untyped-def]
    """Someone does not respond, someone relapses, someone stays in remission."""
    marrow = tables["samples"].query("analyte == 'marrow_blasts'")
    nadir = marrow.groupby("subject")["value"].min()
    last = marrow.sort_values("time").groupby("subject")["value"].last()
    assert (nadir >= 5).any()
    assert ((nadir < 5) & (last >= 20)).any()
    assert ((nadir < 5) & (last < 5)).any()
    drugs = [own["comedication"] for own in truth["subjects"].values()]
    assert any(d["t_tocilizumab"] is not None for d in drugs)
    assert any(d["t_tocilizumab"] is None for d in drugs)
    assert any(d["t_corticosteroid"] is not None for d in drugs)


def test_the_fit_fixes_what_the_study_was_drawn_with(truth) -> None:  # type: ignore[no-untyped-def]
    spec = read_spec(find_fit("aml5dual-aml-dual-antigen"))
    assert set(spec.analytes) == set(ANALYTES)
    drawn = truth["population"]
    for q in load_model(truth["model"]).parameters:
        own = spec.parameters.get(q.name)
        estimated = not q.fixed if own is None or own.estimate is None else own.estimate
        differs = bool(q.omega) and not q.fixed if own is None or own.iiv is None else own.iiv
        assert estimated == (q.name in drawn), q.name
        assert bool(differs) == ("omega" in drawn.get(q.name, {})), q.name
