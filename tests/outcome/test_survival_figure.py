"""The survival figure draws what it is given: steps to the last follow-up, ticks, numbers."""

import numpy as np
import pytest

from cellkinetics.outcome.survival.describe import AT_RISK_STEPS
from cellkinetics.plot.style import save
from cellkinetics.plot.survival import survival_curves
from cellkinetics.survival.kaplan_meier import at_risk, kaplan_meier


def figure(*samples, **options):
    curves = {f"g{i}": kaplan_meier(*one) for i, one in enumerate(samples)}
    return survival_curves(
        {name: km.curve for name, km in curves.items()},
        at_risk={name: at_risk(km, [0, 30, 60]) for name, km in curves.items()},
        **options,
    )


def drawn(fig, which=0):
    """Corners of a step curve as it is drawn."""
    lines = [line for line in fig.axes[0].lines if line.get_drawstyle() == "steps-post"]
    return lines[which].get_xdata(), lines[which].get_ydata()


def test_steps_go_to_the_last_follow_up():
    x, y = drawn(figure(([10, 20, 60], [1, 1, 0])))
    assert x[[0, -1]].tolist() == [0, 60]
    assert y[0] == 1
    assert y[-1] == pytest.approx(1 / 3)


def test_an_event_at_time_zero_is_a_step_from_one():
    x, y = drawn(figure(([0, 60], [1, 0])))
    assert (x[:2].tolist(), y[:2].tolist()) == ([0, 0], [1, 0.5])


def test_ticks_stand_where_someone_is_censored():
    fig = figure(([10, 20, 20, 60], [1, 1, 0, 0]))
    ticks = next(line for line in fig.axes[0].lines if line.get_marker() == "|")
    assert ticks.get_xdata().tolist() == [20, 60]
    assert ticks.get_ydata().tolist() == pytest.approx([0.5, 0.5])


def test_numbers_are_said():
    fig = figure(([10, 60], [1, 0]), ([5, 6, 60], [1, 1, 0]), title="OS")
    texts = [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    assert texts == ["g0 (n = 2, 1 event)", "g1 (n = 3, 2 events)"]
    below = [text.get_text() for text in fig.axes[1].texts]
    assert below == ["at risk", "2", "1", "1", "3", "1", "1"]
    assert fig.axes[0].get_title(loc="left") == "OS"


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_it_is_written_for_one_and_for_200(tmp_path, kind):
    rng = np.random.default_rng(0)
    for name, sample in {
        "one": ([0], [1]),
        "many": (rng.integers(0, 365, 200), rng.integers(0, 2, 200)),
    }.items():
        path = save(figure(sample), tmp_path / f"{name}.{kind}")
        assert path.stat().st_size > 2000


def test_steps_of_the_table_rise():
    assert list(AT_RISK_STEPS) == sorted(AT_RISK_STEPS)
