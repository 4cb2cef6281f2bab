"""What is shown while chains run."""

import io
import itertools

import numpy as np
import pytest
from rich.console import Console

from cellkinetics.fitting import progress
from cellkinetics.fitting.chain import STATISTICS, Settings
from cellkinetics.fitting.progress import ChainState, reporter

SETTINGS = Settings(draws=80, tune=20, target_accept=0.9, maxdepth=10, adaptation="diag")


def rows(count, *, first=0, diverging=(), failed=()):
    out = np.zeros((count, len(STATISTICS) + 1))
    at = STATISTICS.index
    out[:, at("tuning")] = np.arange(first, first + count) < SETTINGS.tune
    out[:, at("n_steps")] = 7
    out[:, at("step_size")] = 0.25
    out[list({*diverging, *failed}), at("diverging")] = 1
    out[list(failed), at("failed")] = 1
    return out


def states(chains=2, step=10):
    now = [ChainState(i).begun(SETTINGS) for i in range(chains)]
    yield now
    for first in range(0, 100, step):
        now = [s.after(rows(step, first=first), 0.5, replaying=False) for s in now]
        yield now


def test_counts_are_those_of_the_rows():
    state = ChainState(0).begun(SETTINGS)
    state = state.after(rows(30, diverging=(3, 25, 28), failed=(5, 27)), 2.0, replaying=False)
    assert (state.done, state.total, state.tuning) == (30, 100, False)
    assert (state.divergences, state.failures, state.failures_in_warmup) == (3, 1, 1)
    assert (state.steps, state.step_size, state.rate) == (210, 0.25, 15.0)


def test_a_log_gets_plain_lines_at_every_tenth():
    out = io.StringIO()
    with reporter(Console(file=out, width=60)) as report:
        for now in states(step=2):
            report(now)
    lines = out.getvalue().splitlines()
    assert 9 <= len(lines) <= 11
    assert lines[-1].startswith("sampling 100%: 200/200 draws, sampling, 0 divergences, step 0.25,")
    assert "7 leapfrog/draw" in lines[0]
    assert "warm-up" in lines[0]
    assert lines[0].endswith("left")
    assert "\x1b" not in out.getvalue()


def test_a_slow_run_gets_a_line_every_ten_seconds(monkeypatch):
    clock = itertools.count(0.0, 4.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    out = io.StringIO()
    with reporter(Console(file=out)) as report:
        state = ChainState(0).begun(SETTINGS)
        for _ in range(9):
            report([state := state.after(rows(1), 4.0, replaying=False)])
    assert len(out.getvalue().splitlines()) == 3


def test_failed_solves_and_replays_are_shown():
    out = io.StringIO()
    with reporter(Console(file=out)) as report:
        state = ChainState(0).begun(SETTINGS)
        report([state.after(rows(60, failed=(2, 50, 51)), 1.0, replaying=True)])
    assert "replay" in out.getvalue()
    assert "2 failed solves (and 1 in warm-up)" in out.getvalue()


def test_a_terminal_gets_a_bar_for_each_chain():
    out = io.StringIO()
    with reporter(Console(file=out, force_terminal=True, width=110)) as report:
        for now in states():
            report(now)
    last = out.getvalue().split("chain 1")[-1]
    assert "100/100 sampling, 0 divergences, step 0.25, 7 leapfrog/draw" in last
    assert "chain 2" in last
    assert "\x1b" in out.getvalue()


@pytest.mark.parametrize("shown", [True, False])
def test_nothing_goes_to_standard_output(shown, capsys):
    with reporter(shown=shown) as report:
        for now in states():
            report(now)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert bool(captured.err) == shown
