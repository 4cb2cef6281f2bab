"""Chain files, the lock, and what is decided from what a file holds."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellkinetics.errors import FitError
from cellkinetics.fitting.chain import STATISTICS, Settings
from cellkinetics.fitting.plan import chain_seed, kept_draws, plan_chain
from cellkinetics.fitting.store import Record, Writer, owned, read_record

SETTINGS = Settings(draws=100, tune=50, target_accept=0.9, maxdepth=10, adaptation="diag")
RNG = np.random.default_rng(1)


def write(path, blocks, length=0):
    writer = Writer(path, length)
    for segment, rows in blocks:
        writer.append(rows, segment=segment, seconds=0.5)
    writer.close()


def test_blocks_come_back_as_they_were(tmp_path):
    first, second = RNG.normal(size=(3, 7)), RNG.normal(size=(2, 7))
    first[0, 0], first[1, 1] = np.nan, -0.0
    write(tmp_path / "c", [(0, first), (0, first[:0]), (1, second)])
    record = read_record(tmp_path / "c", 7)
    assert record.rows.tobytes() == np.concatenate([first, second]).tobytes()
    assert record.segment.tolist() == [0, 0, 0, 1, 1]
    assert record.seconds == 1.5
    assert record.length == (tmp_path / "c").stat().st_size


def test_absent_file_holds_nothing(tmp_path):
    record = read_record(tmp_path / "none", 4)
    assert record.rows.shape == (0, 4)
    assert record.length == 0


@given(end=st.integers(0, 400))
def test_a_block_that_is_cut_short_does_not_count(tmp_path_factory, end):
    path = tmp_path_factory.mktemp("cut") / "c"
    rows = np.arange(30.0).reshape(10, 3)
    write(path, [(0, rows[:4]), (0, rows[4:7]), (0, rows[7:])])
    whole = path.read_bytes()
    path.write_bytes(whole[:end])
    kept = read_record(path, 3)
    assert len(kept.rows) in {0, 4, 7, 10}
    np.testing.assert_array_equal(kept.rows, rows[: len(kept.rows)])
    assert kept.length <= end
    # Writing goes on after the whole blocks, and nothing of the torn one is left.
    write(path, [(0, rows[len(kept.rows) :])], length=kept.length)
    np.testing.assert_array_equal(read_record(path, 3).rows, rows)


@given(at=st.integers(0, 200), flip=st.integers(1, 255))
def test_a_damaged_block_does_not_count(tmp_path_factory, at, flip):
    path = tmp_path_factory.mktemp("damaged") / "c"
    rows = np.arange(24.0).reshape(8, 3)
    write(path, [(0, rows[:4]), (0, rows[4:])])
    content = bytearray(path.read_bytes())
    at %= len(content)
    content[at] ^= flip
    path.write_bytes(content)
    kept = read_record(path, 3)
    assert len(kept.rows) == (0 if at < len(content) // 2 else 4)


def test_a_full_disk_is_said_so(tmp_path):
    writer = Writer(tmp_path / "c", 0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        for reason in ("the disk is full", "File too large"):
            with pytest.raises(FitError, match=rf"cannot be kept in .*/c: .*{reason}"):
                writer.append(np.zeros((10, 3)), segment=0, seconds=0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        writer.close()
    assert len(read_record(tmp_path / "c", 3).rows) == 0


def test_lock_ends_with_its_process(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from cellkinetics.fitting.store import owned\n"
        "with owned(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        message = rf"process {holder.pid} on .* is sampling into it"
        with pytest.raises(FitError, match=message), owned(tmp_path):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with owned(tmp_path):
        assert f"process {os.getpid()}" in (tmp_path / "lock").read_text()


def record(warm_up, draws, *, segment=0, seconds=1.0):
    rows = RNG.normal(size=(warm_up + draws, len(STATISTICS) + 2))
    rows[:, STATISTICS.index("tuning")] = np.arange(warm_up + draws) < warm_up
    return Record(rows, np.full(len(rows), segment, dtype=np.int64), seconds, 0)


def test_complete_chain_has_no_plan():
    assert plan_chain(record(50, 100), SETTINGS) is None


def test_new_chain_is_sampled_whole():
    plan = plan_chain(record(0, 0), SETTINGS)
    assert (plan.segment, plan.settings, plan.at) == (0, SETTINGS, None)
    assert len(plan.replay) == 0


@pytest.mark.parametrize(("seconds", "replayed"), [(59.0, True), (61.0, False)])
def test_short_chain_is_replayed_long_one_continued(seconds, replayed):
    found = record(50, 30, seconds=seconds)
    plan = plan_chain(found, SETTINGS)
    if replayed:
        assert (plan.segment, plan.settings, plan.at) == (0, SETTINGS, None)
        np.testing.assert_array_equal(plan.replay, found.rows)
    else:
        assert plan.segment == 1
        assert (plan.settings.draws, plan.settings.tune) == (70, 50)
        np.testing.assert_array_equal(plan.at, found.rows[-1, len(STATISTICS) :])
        assert len(plan.replay) == 0


def test_killed_in_warm_up_is_replayed_however_long_it_took():
    plan = plan_chain(record(30, 0, seconds=1e6), SETTINGS)
    assert plan.segment == 0
    assert len(plan.replay) == 30


def test_second_kill_continues_in_a_third_segment():
    first, second = record(50, 30), record(50, 20, segment=1)
    both = Record(
        np.concatenate([first.rows, second.rows]),
        np.concatenate([first.segment, second.segment]),
        2.0,
        0,
    )
    plan = plan_chain(both, SETTINGS)
    assert (plan.segment, plan.settings.draws) == (2, 50)
    assert len(kept_draws(both.rows)) == 50


def test_killed_in_the_warm_up_of_a_second_segment_goes_on_from_the_last_kept_draw():
    first, second = record(50, 30), record(10, 0, segment=1)
    both = Record(
        np.concatenate([first.rows, second.rows]),
        np.concatenate([first.segment, second.segment]),
        2.0,
        0,
    )
    plan = plan_chain(both, SETTINGS)
    assert plan.segment == 2
    np.testing.assert_array_equal(plan.at, first.rows[-1, len(STATISTICS) :])


def test_failed_replay_of_a_warm_up_starts_anew():
    plan = plan_chain(record(30, 0), SETTINGS, exact=False)
    assert (plan.segment, plan.settings, plan.at) == (1, SETTINGS, None)


def test_seeds_differ_by_seed_chain_and_segment():
    seeds = {chain_seed(s, c, g) for s in range(5) for c in range(5) for g in range(5)}
    assert len(seeds) == 125
    assert all(0 <= seed < 2**64 for seed in seeds)
