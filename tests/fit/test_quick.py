"""The quick answer: exact densities and gradients, NUTS's posterior, refusals, and its folder."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from quick_studies import EVERYTHING, bimodal_fit, compiled_levels

from cellkinetics.cli import main
from cellkinetics.errors import FitError, QuickRefused
from cellkinetics.fitting import fit, load_fit, quick, quick_mode, quick_sites, quick_subjects
from cellkinetics.fitting.quick_levels import log_own_prior, shared_at, to_points
from cellkinetics.fitting.sampling import sample
from cellkinetics.fitting.tables import parameter_table

CASES = {"shipped": {}, "everything": EVERYTHING, "ode": {"kernel": {"form": "ode"}}}


@pytest.fixture(scope="module", params=CASES)
def levels(request):
    return compiled_levels(**CASES[request.param])


@pytest.fixture(scope="module")
def shipped():
    return compiled_levels()


def near_start(levels, draws, seed=1, spread=0.2):
    rng = np.random.default_rng(seed)
    start = levels.compiled.start[levels.shared]
    return start + spread * rng.standard_normal((draws, len(start)))


def draws_of_both(levels, count=5):
    z = near_start(levels, count)
    shared = shared_at(levels, z)
    white = np.random.default_rng(2).standard_normal(shared.centre.shape)
    return z, shared, shared.centre + np.einsum("dqr,dsr->dsq", shared.root, white)


def test_levels_add_up_to_the_density_that_nuts_samples(levels) -> None:
    z, shared, u = draws_of_both(levels)
    items = quick_subjects.every_subject(levels, len(z))
    own = quick_subjects.log_joint(levels, shared, *items, u.reshape(-1, u.shape[2]))
    points, jacobian = to_points(levels, z, u)
    ours = levels.log_prior(z) + own.reshape(len(z), -1).sum(axis=1) + jacobian
    # Without derivatives an ODE is solved by other steps.
    tolerance = 1e-9 if levels.joint.kernel.closed else 1e-5
    theirs = [levels.compiled.native(point)[0] for point in points]
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)


def test_gradient_over_frozen_draws_is_that_of_its_value(levels) -> None:
    rng = np.random.default_rng(4)
    at, z = near_start(levels, 2, seed=5, spread=0.05)
    proposal, _ = quick_sites.first_proposal(levels, at, rng)
    sites = quick_sites.learn_sites(levels, at, proposal, 256, rng)
    frozen = quick_mode.freeze(levels, at, sites, rng)
    step = np.full(len(z), 1e-4)
    found = quick_mode.estimate(levels, frozen, z, step)
    ends = [
        [quick_mode.estimate(levels, frozen, z + s * 1e-4 * unit, step).value for s in (1, -1)]
        for unit in np.eye(len(z))
    ]
    slopes = -np.diff(ends, axis=1)[:, 0] / 2e-4
    closed = levels.joint.kernel.closed
    np.testing.assert_allclose(
        found.gradient, slopes, rtol=1e-4 if closed else 1e-2, atol=1e-4 if closed else 2e-2
    )


def test_subject_modes_are_modes(shipped) -> None:
    z = shipped.compiled.start[shipped.shared]
    shared, items = shared_at(shipped, z[None]), quick_subjects.every_subject(shipped, 1)
    modes = quick_subjects.find_modes(shipped, shared, *items, shared.centre[0])
    value = quick_subjects.log_joint(shipped, shared, *items, modes.u)
    np.testing.assert_allclose(modes.value, value, rtol=1e-9)
    rng = np.random.default_rng(1)
    scale = np.linalg.inv(np.linalg.cholesky(modes.hessian))
    for _ in range(20):
        away = np.einsum("srq,sr->sq", scale, 0.5 * rng.standard_normal(modes.u.shape))
        assert (quick_subjects.log_joint(shipped, shared, *items, modes.u + away) < value).all()


def test_sites_times_the_prior_they_were_learnt_under_are_what_was_learnt(shipped) -> None:
    rng = np.random.default_rng(3)
    z = near_start(shipped, 1)[0]
    shared = shared_at(shipped, z[None])
    proposal, _ = quick_sites.first_proposal(shipped, z, rng)
    mixture = quick_sites._divide_prior(proposal, shared).given(shared)
    np.testing.assert_allclose(mixture.location, proposal.location, rtol=1e-6, atol=1e-8)
    scale = [m.root @ np.swapaxes(m.root, 2, 3) for m in (mixture, proposal)]
    np.testing.assert_allclose(*scale, rtol=1e-6, atol=1e-9)


def test_marginal_density_is_unbiased_wherever_the_sites_were_learnt(shipped) -> None:
    """Against draws from the subject's prior, which need no proposal."""
    rng = np.random.default_rng(8)
    here, there = near_start(shipped, 2, spread=0.1)
    proposal, _ = quick_sites.first_proposal(shipped, here, rng)
    sites = quick_sites.learn_sites(shipped, here, proposal, 512, rng)
    shared, count = shared_at(shipped, there[None]), 4000
    items = quick_subjects.every_subject(shipped, 1, count)
    mixture = sites.given(shared)
    u = mixture.draw(count, rng)
    value = quick_subjects.log_joint(shipped, shared, *items, u.reshape(-1, u.shape[2]))
    ours, _ = quick_sites.normalise(value.reshape(u.shape[:2]) - mixture.log_density(u))
    many = 60_000
    items = quick_subjects.every_subject(shipped, 1, many)
    white = rng.standard_normal((len(items[0]), u.shape[2]))
    prior = shared.centre[0][items[1]] + white @ shared.root[0].T
    value = quick_subjects.log_joint(shipped, shared, *items, prior)
    value -= log_own_prior(shared, *items, prior)
    plain, share = quick_sites.normalise(value.reshape(-1, many))
    error = np.sqrt(1 / quick_sites.effective(share) + 1e-3)
    assert (np.abs(ours - plain) < 5 * error).all()


@pytest.fixture(scope="module")
def answer(shipped):
    return quick.approximate(shipped, 7)


def test_same_seed_same_answer(shipped, answer) -> None:
    again = quick.approximate(shipped, 7)
    assert again.posterior.equals(answer.posterior)
    assert again.checks == answer.checks


def test_answer_is_that_of_nuts(shipped, answer, tmp_path) -> None:
    drawn = sample(shipped.compiled, seed=3, folder=tmp_path, draws=600, tune=400, progress=False)
    assert all(check.passed for check in answer.checks)
    ours = parameter_table(shipped.joint, answer.posterior)
    theirs = parameter_table(shipped.joint, drawn["posterior"].to_dataset())
    assert theirs["r_hat"].max() < 1.03
    for column, allowed in {"median": 0.3, "q05": 0.45, "q95": 0.6}.items():
        assert (np.abs(ours[column] - theirs[column]) < allowed * theirs["sd"]).all(), column
    ratio = ours["sd"] / theirs["sd"]
    assert ratio.between(0.7, 1.4).all()
    assert 0.9 < np.exp(np.log(ratio).mean()) < 1.1


def test_a_density_that_is_not_that_of_nuts_is_refused(shipped) -> None:
    """Wrong by construction: priors shifted by 0.1 of their SD in one entry."""

    def shifted(z):
        return shipped.log_prior(z + 0.1)

    found = quick.approximate(replace(shipped, log_prior=shifted), 7)
    failed = {check.name for check in found.checks if not check.passed}
    assert "same_density" in failed


def test_weights_that_leave_out_the_proposal_are_refused(shipped, monkeypatch) -> None:
    """Wrong by construction: z weighed as if it had been drawn evenly."""
    whole = quick.weigh

    def forgetful(levels, proposal, sites, **options):
        found = whole(levels, proposal, sites, **options)
        density = proposal.log_density(found.z[None])[0]
        return replace(found, log_weight=found.log_weight + 3 * density)

    monkeypatch.setattr(quick, "weigh", forgetful)
    assert not all(check.passed for check in quick.approximate(shipped, 7).checks)


# ------------------------------------------------------------------------------- the folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("quick") / "answer"
    fit("aml5-stein2019", out=where, quick=True)
    return where


def test_every_file_is_marked(folder) -> None:
    result = load_fit(folder)
    assert result.approximate
    assert result.passed
    assert result.tree.attrs["approximate"] == 1
    for name in ("parameters", "individuals", "shrinkage"):
        assert pd.read_csv(folder / f"{name}.csv")["approximate"].all()
    parameters = pd.read_csv(folder / "parameters.csv")
    assert parameters["r_hat"].isna().all()
    k = next(c for c in result.summary["checks"]["checks"] if c["name"] == "pareto_k")
    assert k["value"] <= 0.7
    assert result.summary["sampling"]["effective"] == pytest.approx(parameters["ess_bulk"][0])
    assert json.loads((folder / "identity.json").read_text())["method"] == "quick"
    assert [p.name for p in (folder / "figures").iterdir()] == ["individual.png"]


def test_tables_hold_what_those_of_a_sampled_fit_hold(folder) -> None:
    result = load_fit(folder)
    names = set(result.parameters["parameter"])
    assert {"c_max", "omega(c_max)", "qpcr.sd", "flow.calibration"} <= names
    assert set(result.individuals["subject"]) == {"P01", "P02", "P03", "P04", "P05"}
    assert {"posterior", "log_likelihood", "posterior_predictive", "prior"} <= set(result.tree)
    assert result.summary["simulated"] is True


def test_resume_after_a_quick_answer_is_refused(folder) -> None:
    with pytest.raises(FitError, match=r"approximate answer of --quick.*--overwrite"):
        fit("aml5-stein2019", out=folder, resume=True)
    assert load_fit(folder).approximate


def test_a_quick_answer_is_not_overwritten_unasked(folder) -> None:
    before = (folder / "summary.json").read_bytes()
    for quickly in (True, False):
        with pytest.raises(FitError, match="--overwrite"):
            fit("aml5-stein2019", out=folder, quick=quickly)
    assert (folder / "summary.json").read_bytes() == before


def test_a_sampled_fit_is_never_overwritten(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "sampled")
    identity = json.loads((folder / "identity.json").read_text())
    del identity["method"]
    (tmp_path / "sampled" / "identity.json").write_text(json.dumps(identity))
    with pytest.raises(FitError, match="sampled fit, which --quick does not replace"):
        fit("aml5-stein2019", out=tmp_path / "sampled", quick=True, overwrite=True)
    assert (tmp_path / "sampled" / "summary.json").is_file()


def test_other_files_are_never_overwritten(tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FitError, match="no result of cellkinetics"):
        fit("aml5-stein2019", out=tmp_path, quick=True, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("option", [{"resume": True}, {"record": True}, {"cores": 2}])
def test_options_that_do_not_go_with_it_are_refused(option, tmp_path) -> None:
    with pytest.raises(FitError, match=f"--quick does not go with --{next(iter(option))}"):
        fit("aml5-stein2019", out=tmp_path / "x", quick=True, **option)
    assert not (tmp_path / "x").exists()


# ------------------------------------------------------------------------------- refusals


@pytest.fixture(scope="module")
def two_modes(tmp_path_factory) -> Path:
    return bimodal_fit(tmp_path_factory.mktemp("bimodal") / "two")


@pytest.mark.parametrize("seed", [1, 2])
def test_two_modes_are_refused_and_nothing_is_written(two_modes, tmp_path, seed) -> None:
    with pytest.raises(QuickRefused, match=r"refused.*another mode.*without --quick"):
        fit(two_modes, out=tmp_path / "out", quick=True, seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_command_says_k_and_exits_3(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr(quick, "MAX_K", -5.0)
    words = ["cellkinetics", "fit", "aml5-stein2019", "--quick", "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 3
    said = capsys.readouterr().err
    assert "Pareto k of the importance weights is" in said
    assert "without --quick" in said
    assert not (tmp_path / "out").exists()


def test_command_prints_that_it_is_approximate(folder, capsys) -> None:
    from cellkinetics.show.fit import print_result

    print_result(load_fit(folder), as_json=False)
    said = capsys.readouterr().out
    assert "APPROXIMATE" in said
    assert "Pareto k" in said
    assert "r_hat" not in said
