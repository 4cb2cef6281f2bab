"""Subjects left out: against formulas, quadrature and new fits; and fits compared by it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from leave_out_studies import by_formula, by_quadrature, write_fit, write_study

import cellkinetics
from cellkinetics.cli import main
from cellkinetics.errors import FitError
from cellkinetics.fitting import comparison, fit, load_fit
from cellkinetics.fitting.compile import compile_model
from cellkinetics.fitting.draws import flat
from cellkinetics.fitting.leave_out import (
    _part,
    learn_proposals,
    leave_out,
    left_out,
    log_densities,
    shared_draws,
)
from cellkinetics.fitting.quick_levels import make_levels
from cellkinetics.fitting.refit import refit_without, without
from cellkinetics.fitting.run import prepare
from cellkinetics.fitting.same_rows import refuse_other_rows
from cellkinetics.joint import build_model, predict

SUBJECTS = 14


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leave_out")
    write_study(folder / "study", SUBJECTS)
    return folder


def fitted(folder, name, **options):
    where = write_fit(folder / name, **options)
    return fit(where, out=folder / "results" / name, progress=False, cores=1)


@pytest.fixture(scope="module")
def one(place):
    return fitted(place, "one")


@pytest.fixture(scope="module")
def two(place, one):
    return fitted(place, "two", error="student_t")


@pytest.fixture(scope="module")
def levels(place, one):
    _, joint = prepare(place / "one")
    model = build_model(joint)
    return make_levels(joint, model, compile_model(model))


@pytest.fixture(scope="module")
def posterior(one):
    return one.tree["posterior"].to_dataset()


@pytest.fixture(scope="module")
def answer(levels, posterior):
    return leave_out(levels, posterior, seed=1)


# ------------------------------------------------------------------- p(y_i | z) and its sum


def test_density_of_a_subject_is_that_of_quadrature(levels, posterior, answer) -> None:
    joint = levels.joint
    rng = np.random.default_rng(2)
    few = posterior.isel(chain=[0], draw=rng.integers(0, posterior.sizes["draw"], 6))
    shared = shared_draws(levels, few)
    log_p, noise = log_densities(levels, shared, answer[1], np.arange(SUBJECTS), rng)
    exact = np.array([[by_quadrature(joint, few, i, s) for s in range(SUBJECTS)] for i in range(6)])
    assert (noise < 0.03).all()
    assert (np.abs(log_p - exact) < 5 * np.sqrt(noise) + 0.002).all()
    assert abs((log_p - exact).mean()) < 0.01
    below = {joint.observations.subject[i] for i in np.flatnonzero(joint.observations.kind)}
    assert 0 < len(below) < SUBJECTS, "both kinds of subject are needed"
    plain = [s for s in range(SUBJECTS) if s not in below]
    formula = [[by_formula(joint, few, i, s) for s in plain] for i in range(6)]
    np.testing.assert_allclose(exact[:, plain], formula, atol=1e-6)


def test_each_subject_gets_its_own_density_whatever_else_is_asked(levels, posterior, answer):
    rng = np.random.default_rng(3)
    shared = shared_draws(levels, posterior, 50)
    every, _ = log_densities(levels, shared, answer[1], np.arange(SUBJECTS), rng)
    some, noise = log_densities(levels, shared, answer[1], np.array([9, 2]), rng)
    assert (np.abs(some - every[:, [9, 2]]) < 10 * np.sqrt(noise) + 0.01).all()


def test_predictive_density_is_that_of_a_new_fit(levels, answer) -> None:
    table, sites = answer
    assert (table["k"] < 0.7).all()
    # The heaviest to foresee, and one in the middle.
    for i in (int(table["elpd"].argmin()), 7):
        elpd, failures = refit_without(levels, i, sites, seed=3, cores=1, progress=False)
        assert failures == ()
        assert abs(elpd - table["elpd"][i]) < 0.12
        # With the subject in, it is foreseen better; a new fit that had kept it would show that.
        assert table["lpd"][i] > table["elpd"][i]
    assert (table["lpd"] - table["elpd"]).max() > 0.5


def test_conditional_log_likelihood_is_far_off(one, levels, answer) -> None:
    """Wrong by construction: readings of a subject given its own level, labelled LOO."""
    by_row = flat(one.tree["log_likelihood"].to_dataset(), "readings")
    total = np.zeros((len(by_row), SUBJECTS))
    np.add.at(total.T, levels.joint.observations.subject, by_row.T)
    wrong = np.array([left_out(each)[0] for each in total.T])
    table = answer[0]
    assert wrong.sum() - table["elpd"].sum() > 10
    assert (wrong > table["elpd"]).sum() >= SUBJECTS - 1


def test_a_prior_without_spread_between_subjects_is_seen(levels, posterior, answer) -> None:
    """Wrong by construction: u integrated over too narrow a population."""
    shared = shared_draws(levels, posterior, 100)
    narrow = replace(shared, root=shared.root / 4)
    rng = np.random.default_rng(4)
    right, _ = log_densities(levels, shared, answer[1], np.arange(SUBJECTS), rng)
    wrong, _ = log_densities(levels, narrow, answer[1], np.arange(SUBJECTS), rng)
    assert right.sum(axis=1).mean() - wrong.sum(axis=1).mean() > 10


def test_memory_does_not_grow_with_draws_and_chunks_do_not_matter(
    levels, posterior, answer, monkeypatch
) -> None:
    from cellkinetics.fitting import leave_out as module

    shared = shared_draws(levels, posterior, 40)
    whole, noise = log_densities(
        levels, shared, answer[1], np.arange(SUBJECTS), np.random.default_rng(6)
    )
    rows = len(levels.joint.observations.value)
    monkeypatch.setattr(module, "CHUNK_ROWS", rows * module.OWN_DRAWS * 3)
    sizes = []
    solve = module.log_joint

    def counted(*given):
        sizes.append(len(given[-1]))
        return solve(*given)

    monkeypatch.setattr(module, "log_joint", counted)
    parts, _ = log_densities(
        levels, shared, answer[1], np.arange(SUBJECTS), np.random.default_rng(7)
    )
    assert max(sizes) <= 3 * module.OWN_DRAWS * SUBJECTS
    assert (np.abs(whole - parts) < 10 * np.sqrt(noise) + 0.02).all()


def test_readings_that_are_impossible_under_a_draw_have_no_answer() -> None:
    log_p = np.random.default_rng(1).normal(-20, 0.3, 1000)
    assert np.isfinite(left_out(log_p)[0])
    elpd, k = left_out(np.append(log_p, -np.inf))
    assert np.isnan(elpd)
    assert k == np.inf


def test_proposals_follow_the_posterior_of_each_subject(levels, posterior) -> None:
    shared = shared_draws(levels, posterior, 20)
    sites = learn_proposals(levels, posterior, shared, np.random.default_rng(5))
    mixture = sites.given(_part(shared, slice(3, 4)))
    u = mixture.draw(200, np.random.default_rng(6))[:, :, 0]
    mean = posterior["phi_centred"].mean(("chain", "draw")).to_numpy()[:, 0]
    assert np.abs(u.mean(axis=1) - mean).max() < 0.4


# ------------------------------------------------------------------------ without a subject


def test_a_fit_without_a_subject_holds_all_others_as_they_were(levels) -> None:
    joint, gone = levels.joint, 4
    less = without(joint, gone)
    assert less.subjects == tuple(s for s in joint.subjects if s != joint.subjects[gone])
    names = np.array(joint.subjects)[joint.observations.subject]
    kept = names != joint.subjects[gone]
    assert (np.array(less.subjects)[less.observations.subject] == names[kept]).all()
    np.testing.assert_array_equal(less.observations.value, joint.observations.value[kept])
    assert len(less.observations.table) == kept.sum()
    phi = np.random.default_rng(1).normal([4.4, -2.1], 0.1, (SUBJECTS, 2))
    before, _ = predict(joint, phi)
    after, _ = predict(less, np.delete(phi, gone, axis=0))
    np.testing.assert_array_equal(after, before[kept])
    column = joint.population.effects[0].column
    np.testing.assert_array_equal(less.population.effects[0].column, np.delete(column, gone))


# --------------------------------------------------------------------------------- compare


@pytest.fixture(scope="module")
def compared(place, one, two):
    return comparison.compare(one, two.folder, study=place / "study")


def test_comparison_adds_up(compared) -> None:
    fits, subjects = compared.fits, compared.subjects
    assert compared.passed
    assert fits["elpd"].is_monotonic_decreasing
    wide = subjects.pivot(index="subject", columns="fit", values="elpd")
    best, other = fits["fit"]
    assert (fits["difference"][0], fits["se_difference"][0]) == (0, 0)
    behind = wide[other] - wide[best]
    assert fits["difference"][1] == pytest.approx(behind.sum())
    assert fits["se_difference"][1] == pytest.approx(np.sqrt(SUBJECTS) * behind.std())
    assert fits["se"][0] == pytest.approx(np.sqrt(SUBJECTS) * wide[best].std())
    # Not the SE of a difference of independent sums.
    assert fits["se_difference"][1] < 0.2 * fits["se"].min()
    assert fits["p_loo"].between(1, 8).all()
    assert (fits["refits"] == 0).all()


def test_same_seed_same_comparison(place, one, compared) -> None:
    again = comparison.compare(one.folder, study=place / "study")
    mine = compared.subjects[compared.subjects["fit"] == "one"]
    pd.testing.assert_frame_equal(again.subjects, mine)


def run(monkeypatch, *words) -> int:
    monkeypatch.setattr("sys.argv", ["cellkinetics", "compare", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_command_prints_and_writes_whole(place, one, two, monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.chdir(place)  # results/one is found by the fit's own name
    out = tmp_path / "compared"
    assert run(monkeypatch, place / "one", two.folder, "--study", "study", "--out", out) == 0
    said = capsys.readouterr().out
    assert "elpd" in said
    assert "each left out" in said
    fits, subjects = (pd.read_csv(out / f"{n}.csv") for n in ("compare", "compare_subjects"))
    assert set(fits["fit"]) == {"one", "two"}
    assert len(subjects) == 2 * SUBJECTS
    assert run(monkeypatch, "one", two.folder, "--study", "study", "--out", out) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_heavy_weights_are_named_and_give_no_total(
    place, one, monkeypatch, capsys, tmp_path
) -> None:
    monkeypatch.setattr(comparison, "MAX_K", 0.5)
    words = [one.folder, "--study", place / "study", "--json"]
    assert run(monkeypatch, *words) == 3
    said = json.loads(capsys.readouterr().out)
    heavy = [row["subject"] for row in said["subjects"] if row["k"] > 0.5]
    assert heavy
    assert said["fits"][0]["elpd"] is None
    assert said["fits"][0]["incomplete"] == len(heavy)
    assert all(row["elpd"] is None for row in said["subjects"] if row["subject"] in heavy)
    assert f"Pareto k is above 0.5 for {heavy[0]}" in said["failures"][0]
    assert "--refit" in said["failures"][0]


def test_heavy_weights_are_refitted_when_asked(place, one, compared, monkeypatch) -> None:
    monkeypatch.setattr(comparison, "MAX_K", 0.5)
    options = {"study": place / "study", "progress": False, "cores": 1}
    found = comparison.compare(one, refit=True, **options)
    before = compared.subjects[compared.subjects["fit"] == "one"]
    heavy = before["k"] > 0.5
    assert found.passed
    assert found.subjects["refitted"].equals(heavy)
    assert found.fits["refits"].tolist() == [heavy.sum()]
    difference = (found.subjects["elpd"] - before["elpd"]).abs()
    assert (difference[heavy] > 0).all(), "it has its number from the new fit"
    assert (difference[~heavy] == 0).all()
    assert difference.max() < 0.15


def test_few_subjects_have_no_total_unless_refitted(place, one, monkeypatch) -> None:
    assert comparison.REFIT_UP_TO == 10
    monkeypatch.setattr(comparison, "REFIT_UP_TO", SUBJECTS)
    asked = comparison.compare(one, study=place / "study")
    assert not asked.passed
    assert f"with {SUBJECTS} subjects or fewer" in asked.failures[0]
    assert asked.subjects["elpd"].isna().all()
    assert not asked.subjects["trusted"].any()
    assert np.isnan(asked.fits["elpd"][0])


# ------------------------------------------------------------------------------- refusals


def test_other_readings_are_refused_and_named(place, one) -> None:
    joints = {
        name: prepare(write_fit(place / name, **options))[1]
        for name, options in {"other": {"analyte": "other"}, "m1": {"limit": "M1"}}.items()
    }
    mine = prepare(place / "one")[1]
    with pytest.raises(FitError, match=r"one reads flow, other does not.*different things"):
        refuse_other_rows(mine, joints["other"], "one", "other")
    with pytest.raises(FitError, match=r"do not see the same readings \(S\d+, flow, day \d+"):
        refuse_other_rows(mine, joints["m1"], "one", "m1")
    refuse_other_rows(mine, mine, "one", "one")


def test_what_cannot_be_compared_is_refused(place, one, tmp_path, monkeypatch) -> None:
    with pytest.raises(FitError, match="named twice"):
        comparison.compare(one, one.folder, study=place / "study")
    with pytest.raises(FitError, match="nothing to compare"):
        comparison.compare()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FitError, match=r"has no result at results/one\. Run 'cellkinetics fit"):
        comparison.compare(place / "one")
    changed = tmp_path / "study"
    shutil.copytree(place / "study", changed)
    text = (changed / "samples.csv").read_text()
    (changed / "samples.csv").write_text(text.replace(",1,flow,", ",1.5,flow,", 1))
    with pytest.raises(FitError, match=r"samples\.csv has changed.*--study"):
        comparison.compare(one, study=changed)
    quick = replace(one, summary={**one.summary, "approximate": True})
    with pytest.raises(FitError, match=r"quick answer.*without --quick"):
        comparison.compare(quick, study=place / "study")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(FitError, match="is not touched"):
        comparison.compare(one, study=place / "study", out=tmp_path / "out")


def test_two_results_of_one_name_are_told_apart(place, one, tmp_path) -> None:
    shutil.copytree(one.folder, tmp_path / "one")
    opened = [comparison._open(f, place / "study") for f in (one, tmp_path / "one")]
    labels = [each.label for each in comparison._labelled(opened)]
    assert labels == [str(one.folder), str(tmp_path / "one")]


def test_it_is_a_function_of_the_package(one) -> None:
    assert cellkinetics.compare is comparison.compare
    assert load_fit(one.folder).passed
