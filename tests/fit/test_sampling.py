"""Sampling: what comes out, that it repeats, and what is refused."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from pytensor.raise_op import Assert
from sampling_posteriors import group_posterior, stein_posterior

from cellkinetics.errors import FitError
from cellkinetics.fitting.chain import STATISTICS, draw_start
from cellkinetics.fitting.compile import compile_model
from cellkinetics.fitting.constrain import constrain_function
from cellkinetics.fitting.diagnostics import diagnose
from cellkinetics.fitting.sampling import sample
from cellkinetics.fitting.store import Writer, owned, read_record

HERE = Path(__file__).parent
SHORT = {"seed": 3, "draws": 60, "tune": 120, "progress": False}


@pytest.fixture(scope="module")
def compiled():
    return compile_model(group_posterior())


@pytest.fixture(scope="module")
def drawn(compiled, tmp_path_factory):
    return sample(compiled, folder=tmp_path_factory.mktemp("run"), cores=2, **SHORT)


def same(one, other, chains=slice(None)):
    return all(
        np.array_equal(one[group][name].to_numpy()[chains], other[group][name].to_numpy()[chains])
        for group in ("posterior", "sample_stats")
        for name in one[group].data_vars
    )


def test_tree_has_labelled_finite_draws(drawn):
    posterior = drawn["posterior"]
    assert posterior["level"].dims == ("chain", "draw", "group")
    assert posterior["level"].shape == (4, 60, 20)
    assert list(posterior["group"].to_numpy()) == list("ABCDEFGHIJKLMNOPQRST")
    assert set(posterior.data_vars) == {"mean", "spread", "level", "noise", "range"}
    assert list(posterior.attrs["free_variables"]) == ["mean", "spread", "level", "noise"]
    assert all(np.isfinite(v.to_numpy()).all() for v in posterior.data_vars.values())
    assert (posterior["spread"] > 0).all()
    assert set(drawn["sample_stats"].data_vars) == {*STATISTICS} - {"tuning"}
    assert drawn["sample_stats"]["diverging"].dtype == bool
    assert drawn.attrs["segments"] == [1, 1, 1, 1]
    assert drawn.attrs["bit_identical"] == 1


def test_deterministics_follow_from_the_free_variables(drawn):
    level = drawn["posterior"]["level"]
    expected = level.max("group") - level.min("group")
    np.testing.assert_allclose(drawn["posterior"]["range"], expected, rtol=1e-12)


def test_same_seed_same_draws_whatever_the_cores_and_chains(compiled, drawn, tmp_path):
    one_core = sample(compiled, folder=tmp_path / "a", cores=1, **SHORT)
    assert same(drawn, one_core)
    fewer = sample(compiled, folder=tmp_path / "b", cores=2, chains=2, **SHORT)
    assert same(fewer, drawn, chains=slice(0, 2))
    other = sample(compiled, folder=tmp_path / "c", cores=2, **{**SHORT, "seed": 4})
    assert not same(drawn, other)


def test_chains_start_apart_and_at_points_that_are_possible(compiled):
    starts = np.array([draw_start(compiled, seed) for seed in range(20)])
    assert np.all(np.abs(starts - compiled.start) <= 1)
    assert starts.std(axis=0).min() > 0.1
    assert all(np.isfinite(compiled.native(x)[0]) for x in starts)


def test_log_density_and_gradient_are_those_of_the_model(compiled):
    model = group_posterior()
    reference = model.logp_dlogp_function(ravel_inputs=True, mode="FAST_COMPILE")
    reference.set_extra_values({})
    x = compiled.start + np.random.default_rng(1).normal(0, 0.3, compiled.start.size)
    value, gradient = compiled.native(x)
    expected, slope = reference(x)
    assert value == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-9)


def test_other_data_needs_no_new_compilation(compiled):
    moved = group_posterior()
    with moved:
        pm.set_data({"of": (np.arange(400) + 1) % 20})
    again = compile_model(moved)
    assert again.key == compiled.key
    assert again.native.cached
    x = np.random.default_rng(2).normal(size=compiled.start.size)
    assert again.native(x)[0] != compiled.native(x)[0]


def test_other_constants_need_another_compilation(compiled):
    assert compile_model(group_posterior(shift=0.5)).key != compiled.key


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_finds_the_same_code_and_makes_the_same_draws(
    compiled, drawn, tmp_path, hash_seed
):
    script = (
        "import sys, pymc as pm, json\n"
        "from pathlib import Path\n"
        "from hashlib import sha256\n"
        "with pm.Model(): [pm.Normal(f'x{i}') for i in range(3)]\n"
        "from sampling_posteriors import group_posterior\n"
        "from cellkinetics.fitting.sampling import compile_model, sample\n"
        "c = compile_model(group_posterior())\n"
        "t = sample(c, folder=Path(sys.argv[1]), **json.loads(sys.argv[2]))\n"
        "x = sha256(t['posterior']['level'].to_numpy().tobytes()).hexdigest()\n"
        "print(json.dumps([c.key, c.native.cached, x]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), json.dumps(SHORT)],
        env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    key, cached, digest = json.loads(done.stdout)
    assert key == compiled.key
    assert cached
    assert digest == sha256(drawn["posterior"]["level"].to_numpy().tobytes()).hexdigest()


def test_first_process_runs_the_code_that_later_ones_load(tmp_path):
    """Whatever was compiled before, and in which process: the same bits."""
    script = (
        "import json, numpy as np, pymc as pm, sys\n"
        "from cellkinetics.fitting.compile import compile_model\n"
        "with pm.Model() as m:\n"
        "    x = pm.Normal('x', shape=41)\n"
        "    pm.Potential('y', -((x * x[0] - np.sin(np.arange(41))) ** 2).sum())\n"
        "c = compile_model(m)\n"
        "x = np.random.default_rng(0).normal(size=(50, 41))\n"
        "print(json.dumps([c.native.cached, [c.native(p)[1].tobytes().hex() for p in x]]))\n"
    )
    env = {
        **os.environ,
        "CELLKINETICS_CACHE_DIR": str(tmp_path / "code"),
        "PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'pytensor'}",
    }
    env.pop("NUMBA_CACHE_DIR", None)
    results = []
    for remove in (None, None, "code"):
        if remove:
            for file in sorted((tmp_path / remove).rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
        )
        results.append(json.loads(done.stdout))
    assert [cached for cached, _ in results] == [False, True, False]
    assert results[0][1] == results[1][1] == results[2][1]


def test_resuming_a_finished_run_reads_it(compiled, drawn, tmp_path):
    first = sample(compiled, folder=tmp_path, cores=2, **SHORT)
    before = {f.name: f.read_bytes() for f in tmp_path.glob("*.draws")}
    again = sample(compiled, folder=tmp_path, resume=True, cores=2, **SHORT)
    assert {f.name: f.read_bytes() for f in tmp_path.glob("*.draws")} == before
    assert same(first, again)
    assert same(first, drawn)


def cut(folder, chain, compiled, change=0.0):
    """Leave a chain 150 of its 180 rows, as if it had been killed there."""
    path = folder / f"chain-{chain}.draws"
    rows = read_record(path, len(STATISTICS) + compiled.start.size).rows[:150].copy()
    rows[5, -1] += change
    path.unlink()
    writer = Writer(path, 0)
    writer.append(rows, segment=0, seconds=0.1)
    writer.close()
    return path, rows


def test_a_killed_chain_is_replayed_to_the_same_bits(compiled, drawn, tmp_path):
    sample(compiled, folder=tmp_path, cores=2, **SHORT)
    path, _ = cut(tmp_path, 3, compiled)
    with path.open("ab") as stream:
        stream.write(b"CKD1 and then the process was killed")
    tree = sample(compiled, folder=tmp_path, resume=True, cores=2, **SHORT)
    assert same(tree, drawn)
    assert tree.attrs["bit_identical"] == 1


def test_draws_that_cannot_be_made_again_are_kept(compiled, tmp_path):
    """As on another machine, where the replay gives other bits."""
    sample(compiled, folder=tmp_path, cores=2, **SHORT)
    path, rows = cut(tmp_path, 1, compiled, change=1e-9)
    tree = sample(compiled, folder=tmp_path, resume=True, cores=2, **SHORT)
    np.testing.assert_array_equal(read_record(path, rows.shape[1]).rows[:150], rows)
    assert tree.attrs["segments"] == [1, 2, 1, 1]
    assert tree.attrs["bit_identical"] == 0
    assert tree["posterior"]["level"].shape == (4, 60, 20)


def test_a_long_chain_is_continued_from_its_last_draw(compiled, tmp_path):
    sample(compiled, folder=tmp_path, cores=2, **SHORT)
    path, rows = cut(tmp_path, 2, compiled)
    tree = sample(compiled, folder=tmp_path, resume=True, exact_within=0.0, cores=2, **SHORT)
    after = read_record(path, rows.shape[1])
    np.testing.assert_array_equal(after.rows[:150], rows)
    assert tree.attrs["segments"] == [1, 1, 2, 1]
    first_new = after.rows[after.segment == 1][0]
    assert np.abs(first_new - rows[-1])[len(STATISTICS) :].max() < 3


def test_a_folder_belongs_to_one_process(compiled, tmp_path):
    with owned(tmp_path), pytest.raises(FitError) as caught:
        sample(compiled, folder=tmp_path, **SHORT)
    assert f"process {os.getpid()}" in str(caught.value)
    assert "another folder" in str(caught.value)


def test_an_earlier_run_is_not_overwritten(compiled, tmp_path):
    sample(compiled, folder=tmp_path, cores=2, **SHORT)
    with pytest.raises(FitError, match="holds draws of an earlier run"):
        sample(compiled, folder=tmp_path, **SHORT)


def test_resume_with_other_settings_is_refused(compiled, tmp_path):
    sample(compiled, folder=tmp_path, cores=2, **SHORT)
    with pytest.raises(FitError, match=r"tune was 120, is 130; seed was 3, is 5"):
        sample(compiled, folder=tmp_path, resume=True, **{**SHORT, "tune": 130, "seed": 5})


def test_resume_with_other_data_is_refused(compiled, tmp_path):
    sample(compiled, folder=tmp_path, cores=2, **SHORT)
    other = compile_model(group_posterior(shift=0.5))
    with pytest.raises(FitError, match=r"posterior has changed: at the last draw of chain 0"):
        sample(other, folder=tmp_path, resume=True, **SHORT)


def test_discrete_and_empty_models_are_refused():
    with pm.Model() as discrete:
        pm.Poisson("count", 3.0)
    with pytest.raises(FitError, match=r"not so: count\."):
        compile_model(discrete)
    with pytest.raises(FitError, match="nothing to sample"):
        compile_model(pm.Model())


def test_a_model_that_cannot_start_says_where(tmp_path):
    with pm.Model() as model:
        x = pm.Normal("x", shape=2)
        pm.Potential("p", pt.sqrt(-1.0 - x[1] ** 2))
    with pytest.raises(FitError) as caught:
        sample(compile_model(model), folder=tmp_path, **SHORT)
    assert "log density is nan" in str(caught.value)
    assert "x[1]" in str(caught.value)


def test_failed_solves_are_counted_as_such(tmp_path):
    """A log density that is not a number is a failed solve; one that is -inf is not."""
    with pm.Model() as model:
        x = pm.Normal("x", shape=2)
        pm.Potential("p", pt.where(x[0] > 1.0, np.nan, pt.where(x[1] > 1.0, -np.inf, 0.0)))
    states = []
    tree = sample(compile_model(model), folder=tmp_path, **{**SHORT, "progress": states.append})
    statistics = tree["sample_stats"]
    failed, diverging = statistics["failed"].to_numpy(), statistics["diverging"].to_numpy()
    assert failed.sum() > 20
    assert (diverging & ~failed).sum() > 20
    assert np.all(diverging[failed])
    assert sum(s.failures for s in states[-1]) == failed.sum()
    assert sum(s.divergences for s in states[-1]) == diverging.sum()
    assert sum(s.failures_in_warmup for s in states[-1]) > 0


def test_an_error_inside_the_model_is_a_failed_solve(tmp_path):
    with pm.Model() as model:
        x = pm.Normal("x", shape=2)
        pm.Potential("p", Assert("too large")(0.0 * x[1], x[0] < 1.0))
    tree = sample(compile_model(model), folder=tmp_path, **SHORT)
    assert tree["sample_stats"]["failed"].sum() > 20
    assert tree["posterior"]["x"][..., 0].max() < 1


def test_unconstrained_draws_become_variables_on_their_own_scales():
    with pm.Model(coords={"a": ["x", "y", "z"]}) as model:
        pm.Dirichlet("p", np.ones(3), dims="a")
        pm.Uniform("u", -1, 2)
        pm.LKJCorr("root", n=3, eta=2.0)
        ordered = pm.distributions.transforms.ordered
        pm.Normal("o", 0, 1, shape=3, transform=ordered, initval=[0, 1, 2])
        pm.Deterministic("twice", 2 * model["u"])
        pm.Deterministic("fixed", pt.as_tensor_variable([1.0, 2.0]))
    constrain = constrain_function(model, [(2,), (), (3,), (3,)])
    found = constrain(np.random.default_rng(0).normal(size=(50, 2 + 1 + 3 + 3)))
    assert {name: v.shape for name, v in found.items()} == {
        "p": (50, 3), "u": (50,), "root": (50, 3, 3), "o": (50, 3), "twice": (50,), "fixed": (50, 2)
    }  # fmt: skip
    np.testing.assert_allclose(found["p"].sum(-1), 1.0, rtol=1e-12)
    assert found["u"].min() > -1
    assert found["u"].max() < 2
    np.testing.assert_array_equal(found["twice"], 2 * found["u"])
    assert (np.diff(found["o"], axis=-1) > 0).all()
    np.testing.assert_allclose((found["root"] ** 2).sum(-1), 1.0, rtol=1e-12)
    assert (found["fixed"] == [1.0, 2.0]).all()


@pytest.mark.slow
def test_five_subjects_pass_all_checks_with_the_default_settings(tmp_path):
    tree = sample(compile_model(stein_posterior()), seed=1, folder=tmp_path, progress=False)
    found = diagnose(tree)
    assert found.passed, [check.sentence for check in found.failures]
