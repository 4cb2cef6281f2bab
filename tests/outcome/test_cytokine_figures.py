"""The figures of the cytokines: what is drawn, where the limits stand."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from cytokine_study import study_of

from cellkinetics.catalogue import find_study
from cellkinetics.outcome.cytokine import cytokine
from cellkinetics.outcome.cytokine_figures import course_levels, draw_figures, heat_cells
from cellkinetics.plot.cytokine import heat_map, spaghetti
from cellkinetics.study import read_study


def test_figures_of_the_shipped_example(tmp_path):
    study = read_study(find_study("aml5"))
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # text stays text
        files = draw_figures(study, cytokine(study), tmp_path)
    names = {"cytokine-fold", "cytokine-peak", "cytokine-courses"}
    assert {f.name for f in files} == {f"{n}{s}" for n in names for s in (".png", ".svg")}
    assert all(f.stat().st_size > 3000 for f in files)
    assert all("SIMULATED" in (tmp_path / f"{name}.svg").read_text() for name in names)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f.name for f in files)


def test_nothing_to_draw_draws_nothing(tmp_path):
    study = study_of(tmp_path / "study", ["S1,0,ferritin,100"])
    assert draw_figures(study, cytokine(study), tmp_path) == []


def test_a_study_of_baselines_alone_is_drawn_without_heat_maps(tmp_path):
    study = study_of(tmp_path / "study", ["S1,0,il6,100", "S2,0,il6,50"])
    files = draw_figures(study, cytokine(study), tmp_path, suffixes=[".png"])
    assert [f.name for f in files] == ["cytokine-courses.png"]


def test_readings_beyond_a_limit_are_open_triangles_at_it(tmp_path):
    rows = ["S1,0,il6,2,1,2", "S1,7,il6,500,-1,,500", "S1,14,il6,30", "S2,7,il6,70"]
    study = study_of(tmp_path / "study", rows)
    levels = course_levels(study, cytokine(study))
    axis = spaghetti(levels, units={"il6": "pg/mL"}).axes[0]
    drawn = {
        (line.get_marker(), x, y)
        for line in axis.get_lines()
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if line.get_fillstyle() == "none"
    }
    assert drawn == {("v", 0.0, 2.0), ("^", 7.0, 500.0)}


def test_many_subjects_are_one_line_with_gaps():
    readings = pd.DataFrame(
        {
            "subject": np.repeat([f"S{i}" for i in range(20)], 3),
            "analyte": "il6",
            "time": np.tile([0.0, 7, 14], 20),
            "level": np.arange(60) + 1.0,
            "kind": 0,
        }
    )
    line = spaghetti(readings, units={}).axes[0].get_lines()[0]
    y = np.asarray(line.get_ydata(), dtype=float)
    assert np.isnan(y).sum() == 20
    assert np.isnan(y[3::4]).all()
    np.testing.assert_array_equal(y[~np.isnan(y)], readings["level"])


def test_cells_of_a_heat_map_are_log2_of_what_is_known():
    table = pd.DataFrame(
        {
            "a": ["x"] * 5,
            "v": range(5),
            "low": [8.0, 4.0, 0.0, 2.0, 0.0],
            "high": [8.0, np.inf, 4.0, 8.0, np.inf],
        }
    )
    cells = heat_cells(table, ("a", "v"), "low", "high")
    np.testing.assert_array_equal(cells["value"], [3, 2, 2, 2, np.nan])
    assert cells["flag"].tolist() == ["exact", "above", "below", "between", "unknown"]
    figure = heat_map(cells, columns="day", label="log2")
    assert sorted(t.get_text() for t in figure.axes[0].texts) == ["<", ">", "?", "~"]
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high == -3


@pytest.mark.parametrize("flag", ["exact", None])
def test_a_heat_map_without_limits_has_no_key(flag):
    cells = pd.DataFrame({"row": ["a"], "column": [7.0], "value": [np.nan], "flag": [flag]})
    figure = heat_map(cells, columns="day", label="log2")
    assert not figure.axes[0].texts
    assert figure.get_supxlabel() == ""
