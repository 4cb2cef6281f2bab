"""Swimmer plot and adverse events: what the tables hold, and that the figures draw it."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.text import Annotation
from response_studies import MARROW, small_study

from cellkinetics.outcome.safety.answer import safety
from cellkinetics.outcome.swimlanes import swimlanes
from cellkinetics.plot.adverse import adverse_events
from cellkinetics.plot.style import save
from cellkinetics.plot.swimmer import RESPONSE_COLOURS, swimmer
from cellkinetics.study import read_study

AML5 = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"


def test_lanes_of_the_shipped_study():
    lanes = swimlanes(read_study(AML5))
    assert list(lanes.bars["subject"]) == ["P01", "P02", "P03", "P05", "P04"]
    assert list(lanes.bars["end"]) == [365, 365, 365, 210, 118]
    assert list(lanes.bars["ongoing"]) == [True, True, True, False, False]
    p03 = lanes.periods[lanes.periods["subject"] == "P03"]
    assert list(p03["response"])[:5] == ["MLFS", "CRi", "CRh", "CR", "NR"]
    assert list(p03["start"])[1:] == list(p03["end"])[:-1]
    assert ("P03", 180.0, "relapse") in set(lanes.marks.itertuples(index=False, name=None))


def test_a_cut_ends_every_lane(tmp_path):
    lanes = swimlanes(read_study(AML5), cutoff=100)
    assert lanes.bars["end"].max() == 100
    assert lanes.bars["ongoing"].all()  # P04 dies later
    assert lanes.periods["end"].max() == 100
    assert lanes.marks["time"].max() <= 100


def test_a_subject_without_events_is_followed_to_the_last_row(tmp_path):
    study = small_study(
        tmp_path, assessments=f"{MARROW}\nA,28,CR,2,0,1.5,150\nA,60,CR,2,0,1.5,150\n"
    )
    lanes = swimlanes(study)
    assert dict(zip(lanes.bars["subject"], lanes.bars["end"], strict=True)) == {"A": 60, "B": 0}


def test_the_swimmer_plot_draws_every_lane_period_and_mark(tmp_path):
    lanes = swimlanes(read_study(AML5))
    figure = swimmer(lanes.bars, lanes.periods, lanes.marks, title="$x$ is no formula")
    (axis,) = figure.axes
    assert [t.get_text() for t in axis.get_yticklabels()] == list(lanes.bars["subject"])
    assert len(axis.patches) == len(lanes.bars) + len(lanes.periods)
    assert sum(len(line.get_xdata()) for line in axis.lines) == len(lanes.marks)
    arrows = [a for a in axis.texts if isinstance(a, Annotation) and a.arrow_patch is not None]
    assert len(arrows) == lanes.bars["ongoing"].sum()
    named = {t.get_text() for t in figure.legends[0].get_texts()}
    assert set(lanes.periods["response"]) <= named
    assert {"relapse", "progression", "transplant", "death", "alive, followed"} <= named
    assert "PR" not in named  # nobody had one
    assert save(figure, tmp_path / "swimmer.png").stat().st_size > 10_000
    assert save(figure, tmp_path / "swimmer.svg").stat().st_size > 1_000


def test_every_response_has_a_colour():
    from cellkinetics.study.tables import RESPONSES

    assert set(RESPONSE_COLOURS) == set(RESPONSES)
    assert len(set(RESPONSE_COLOURS.values())) == len(RESPONSES)


def test_figures_of_nothing_are_drawn(tmp_path):
    lanes = swimlanes(small_study(tmp_path))
    assert (lanes.bars["end"] == 0).all()
    save(swimmer(lanes.bars, lanes.periods, lanes.marks), tmp_path / "swimmer.png")
    empty = safety(small_study(tmp_path / "again")).more["ae_by_term"]
    save(adverse_events(empty), tmp_path / "adverse.png")


def test_adverse_events_by_worst_grade(tmp_path):
    table = safety(read_study(AML5)).more["ae_by_term"]
    figure = adverse_events(table, title="n = 5")
    (axis,) = figure.axes
    widths = np.array([p.get_width() for p in axis.patches]).reshape(6, len(table))
    assert list(widths.sum(axis=0)) == list(table["subjects"])
    assert axis.texts[0].get_text() == "5/5"
    short = adverse_events(pd.concat([table] * 4, ignore_index=True), most=10)
    assert "38 rarer terms not drawn" in short.axes[0].get_xlabel()
    save(figure, tmp_path / "adverse.svg")
