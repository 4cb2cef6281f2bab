"""A run that is killed by ``kill -9`` at random moments, and goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ALWAYS, NEVER = 1e9, 0.0  # seconds of sampling up to which a chain is replayed


def killed(tmp_path, kills, exact_within):
    script = HERE / "sampling_killed.py"
    # The script forks on purpose, at a moment when no other thread does anything.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", script, tmp_path]
    done = subprocess.run(
        [*map(str, command), str(kills), str(exact_within)],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    return killed(tmp_path_factory.mktemp("replayed"), 10, ALWAYS)


@pytest.fixture(scope="module")
def continued(tmp_path_factory):
    return killed(tmp_path_factory.mktemp("continued"), 10, NEVER)


@pytest.mark.parametrize("outcome", ["replayed", "continued"])
def test_kept_draws_are_unchanged_and_the_result_is_whole(outcome, request):
    outcome = request.getfixturevalue(outcome)
    assert outcome["kills"] == 10
    assert outcome["changed"] == 0
    for run in outcome["runs"]:
        assert run["finite"]
        assert run["shape"] == [4, 150, 20]


def test_kills_hit_sampling_and_what_comes_before_or_after(replayed, continued):
    assert len({*replayed["stages"], *continued["stages"]}) >= 2
    assert "some" in {*replayed["stages"], *continued["stages"]}


def test_replayed_runs_equal_one_that_was_never_killed(replayed):
    for run in replayed["runs"]:
        assert run == replayed["reference"]
        assert run["bit_identical"] == 1


def test_continued_runs_say_whether_they_equal_one_that_was_never_killed(continued):
    claimed = [run["bit_identical"] == 1 for run in continued["runs"]]
    equal = [run["digest"] == continued["reference"]["digest"] for run in continued["runs"]]
    assert claimed == equal
    assert not all(claimed)


def test_few_draws_are_lost(continued):
    # Every draw is counted as it is made; two chains run at a time.
    assert continued["made_by_reference"] == 4 * 300
    assert continued["lost"]
    assert max(continued["lost"]) <= 2 * 50


def test_both_policies_start_from_the_same_draws(replayed, continued):
    assert replayed["reference"] == continued["reference"]
