"""Patients of a posterior: spread of both kinds, a subject's own draws, and what is refused."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from posterior_folder import write_mixed_fit, write_result, write_stein_fit

from cellkinetics.errors import CellKineticsError, FitError, ModelError, SpecError
from cellkinetics.fitting.draws import flat, natural, predictions, take_draws
from cellkinetics.joint import Joint
from cellkinetics.kernel.layout import regular_rows
from cellkinetics.simulation.folder import title_of, write_simulation
from cellkinetics.simulation.from_posterior import plan_posterior
from cellkinetics.simulation.levels import Level, plan_levels
from cellkinetics.simulation.posterior import Found, Posterior, find_result, load_posterior
from cellkinetics.simulation.run import Simulation, parts

ROOT = Path(__file__).resolve().parents[2]
MANY = 20_000
DAYS = np.array([0.0, 7.0, 14.0, 28.0, 90.0])


@pytest.fixture(scope="module")
def stein(tmp_path_factory: pytest.TempPathFactory) -> tuple[Joint, Posterior]:
    place = tmp_path_factory.mktemp("stein")
    joint = write_result(write_stein_fit(place / "fit"), place / "mine", draws=400)
    return joint, load_posterior(Found(place / "mine"))


@pytest.fixture(scope="module")
def dual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Joint, Posterior]:
    place = tmp_path_factory.mktemp("dual")
    joint = write_result("aml5dual-aml-dual-antigen", place / "mine", draws=30)
    return joint, load_posterior(Found(place / "mine"))


def log_of(asked: Simulation, name: str) -> NDArray[np.float64]:
    return np.log(asked.patients.table[name].to_numpy())


def test_new_patients_have_both_spreads(stein: tuple[Joint, Posterior]) -> None:
    joint, posterior = stein
    asked = plan_posterior(posterior, subjects=MANY, times=DAYS, seed=2)
    draws = posterior.draws
    omega = dict(zip([q.name for q in joint.population.omega], flat(draws, "omega").T, strict=True))
    mu = dict(zip([q.name for q in joint.estimated], flat(draws, "mu").T, strict=True))
    for name in ("c_max", "alpha"):
        phi = log_of(asked, name)
        variance = mu[name].var() + (omega[name] ** 2).mean()
        assert phi.mean() == pytest.approx(mu[name].mean(), abs=4 * np.sqrt(variance / MANY))
        assert phi.std() == pytest.approx(np.sqrt(variance), rel=0.03)
        # One kind of spread alone would be seen.
        assert phi.std() > 1.05 * max(mu[name].std(), np.sqrt((omega[name] ** 2).mean()))
    # c_max and alpha go together as each draw's own correlation says.
    root = flat(draws, "correlation_root")
    first, second = joint.population.correlated
    both = (root[:, 0] * root[:, 1]).sum(axis=1) * omega[first] * omega[second]
    wanted = both.mean() + np.cov(mu[first], mu[second])[0, 1]
    found = np.cov(log_of(asked, first), log_of(asked, second))[0, 1]
    scale = log_of(asked, first).std() * log_of(asked, second).std()
    assert found == pytest.approx(wanted, abs=5 * scale / np.sqrt(MANY))
    typical = asked.typical.table.iloc[0]
    assert np.log(typical["c_max"]) == pytest.approx(np.median(mu["c_max"]))
    assert title_of([asked]).startswith("stein2019, posterior of mine (SIMULATED data): 20000 virt")


def test_a_seed_says_who_they_are(stein: tuple[Joint, Posterior]) -> None:
    few, many, other = (
        plan_posterior(stein[1], subjects=n, times=DAYS, seed=s).patients.table
        for n, s in ((10, 5), (99, 5), (10, 6))
    )
    columns = few.columns[2:]
    assert few[columns].equals(many[columns].iloc[:10])
    assert (other["c_max"] != few["c_max"]).all()


def test_covariates_move_patients_by_the_posterior_of_their_effect(
    stein: tuple[Joint, Posterior],
) -> None:
    joint, posterior = stein
    names = [q.name for q in joint.population.effects]
    effect = dict(zip(names, flat(posterior.draws, "effect").T, strict=True))
    at = plan_posterior(posterior, subjects=MANY, times=DAYS, seed=2)
    moved = plan_posterior(
        posterior, subjects=MANY, times=DAYS, seed=2,
        covariates={"sex": "F", "cells_per_kg": 6.2e6},
    )  # fmt: skip
    by_sex = log_of(moved, "alpha") - log_of(at, "alpha")
    assert set(np.round(by_sex, 9)) <= set(np.round(effect["alpha~sex=F"], 9))
    by_dose = log_of(moved, "c_max") - log_of(at, "c_max")
    wanted = effect["c_max~cells_per_kg"] * np.log(2)  # the reference is 3.1e6 cells/kg
    assert set(np.round(by_dose, 9)) <= set(np.round(wanted, 9))
    noted = plan_posterior(posterior, subjects=1, times=DAYS, covariates={"sex": "f"})
    assert "no effect of this level (only of F)" in str(noted.patients.notes)
    with pytest.raises(SpecError, match=r"--covariate weight: neither an effect of mine"):
        plan_posterior(posterior, covariates={"weight": 70})
    with pytest.raises(ModelError, match="wanted a number"):
        plan_posterior(posterior, covariates={"cells_per_kg": "many"})


def test_a_subject_s_draws_are_its_own(stein: tuple[Joint, Posterior]) -> None:
    joint, posterior = stein
    asked = plan_posterior(posterior, subject="P03", subjects=400, times=DAYS)
    theta = natural(joint, take_draws(joint, posterior.draws).phi)[:, 2]
    names = list(joint.population.names)
    np.testing.assert_allclose(asked.patients.table[names].to_numpy(), theta)
    found = np.concatenate([part["transgene"].to_numpy() for part in parts(asked)])
    rows = regular_rows(DAYS, [0], len(joint.subjects))
    pred = predictions(joint, take_draws(joint, posterior.draws).phi, rows)
    wanted = np.exp(pred).reshape(400, len(joint.subjects), len(DAYS))[:, 2]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    # Of another sex: its own draws, moved by the effect; it was the other one before.
    sexes = joint.study.subjects.set_index("subject")["sex"]
    was, other = sexes["P03"], {"F": "M", "M": "F"}[sexes["P03"]]
    moved = plan_posterior(
        posterior, subject="P03", subjects=400, times=DAYS, covariates={"sex": other}
    )
    effect = flat(posterior.draws, "effect")[
        :, [q.name for q in joint.population.effects].index("alpha~sex=F")
    ]
    sign = 1.0 if was == "M" else -1.0
    np.testing.assert_allclose(
        log_of(moved, "alpha") - log_of(asked, "alpha"), sign * effect, atol=1e-9
    )
    few = plan_posterior(posterior, subject="P03", subjects=7, times=DAYS)
    assert len(few) == 7
    every = plan_posterior(posterior, subject="P03", subjects=999, times=DAYS)
    assert "the posterior has 400 draws" in every.patients.notes
    with pytest.raises(SpecError, match=r"--subject P3: not a subject of mine.*Did you mean 'P0"):
        plan_posterior(posterior, subject="P3")
    with pytest.raises(ModelError, match="wanted a whole number from 1 on"):
        plan_posterior(posterior, subject="P03", subjects=0)
    with pytest.raises(ModelError, match=r"dose does nothing.*cells_per_kg"):
        plan_posterior(posterior, [(0.0, 1e8)], subject="P03")


def test_a_subject_under_another_dose(dual: tuple[Joint, Posterior], tmp_path: Path) -> None:
    joint, posterior = dual
    own = plan_posterior(posterior, subject="D03", subjects=30, times=DAYS)
    start = joint.dosing.start
    assert [cells for _, cells in own.infusions] == joint.dosing.cells[start[2] : start[3]].tolist()
    at = [q.name for q in joint.model.observables].index("car_t")
    pred = predictions(
        joint, take_draws(joint, posterior.draws).phi, regular_rows(DAYS, [at], len(joint.subjects))
    )
    wanted = pred.reshape(30, len(joint.subjects), len(DAYS))[:, 2]
    if joint.model.observables[at].positive:
        wanted = np.exp(wanted)
    found = np.concatenate([part["car_t"].to_numpy() for part in parts(own)])
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    levels = [Level(x, "cells/kg", ((0.0, x * 82),)) for x in (1e6, 1e7)]
    groups = plan_levels(
        levels,
        lambda dosing: plan_posterior(posterior, dosing, subject="D03", subjects=9, times=DAYS),
    )
    done = write_simulation(groups, tmp_path / "out", figure=True)
    assert groups[0].patients.table.equals(groups[1].patients.table)
    peak = done.exposure.query("quantity == 'car_t' and metric == 'Cmax'")
    assert peak["median"].is_monotonic_increasing
    # The fit's own limit: persistence needs no other.
    assert "persistence" in set(done.exposure.query("quantity == 'car_t'")["metric"])
    said = json.loads((tmp_path / "out" / "simulation.json").read_text(encoding="utf-8"))
    assert (said["origin"], said["subject"]) == (
        "posterior of mine (SIMULATED data)",
        "D03",
    )
    assert done.typical.empty
    assert (tmp_path / "out" / "curves.png").stat().st_size > 10_000


def test_new_patients_get_the_study_s_median_dose(dual: tuple[Joint, Posterior]) -> None:
    joint, posterior = dual
    asked = plan_posterior(posterior, subjects=3, times=DAYS)
    totals = np.add.reduceat(joint.dosing.cells, joint.dosing.start[:-1])
    assert asked.infusions == ((0.0, np.median(totals)),)
    assert "the study's median dose" in str(asked.patients.notes)


def test_values_that_are_held(stein: tuple[Joint, Posterior]) -> None:
    posterior = stein[1]
    free = plan_posterior(posterior, subjects=2000, times=DAYS)
    held = plan_posterior(posterior, values={"c_max": 5e4}, subjects=2000, times=DAYS)
    assert np.median(held.patients.table["c_max"]) == pytest.approx(5e4, rel=0.1)
    assert held.patients.table["alpha"].equals(free.patients.table["alpha"])
    own = plan_posterior(posterior, values={"c_max": 5e4}, subject="P01", subjects=5, times=DAYS)
    np.testing.assert_allclose(own.patients.table["c_max"], 5e4)
    with pytest.raises(ModelError, match="Did you mean 'c_max'"):
        plan_posterior(posterior, values={"cmax": 1.0})


def test_ranges_hold_for_a_posterior(dual: tuple[Joint, Posterior]) -> None:
    posterior = dual[1]
    asked = plan_posterior(posterior, [(0.0, 1e12)], subjects=1, times=[0.0, 500.0])
    first, second, third = asked.warnings
    assert "day 500 is outside" in first
    assert "1e+12 cells are outside that range" in second
    assert "1.43e+10 cells/kg (at 70 kg) is outside" in third
    far = plan_posterior(posterior, values={"rho": 1e6}, subject="D01", subjects=5, times=DAYS)
    assert far.warnings[-1].startswith("the median rho is 1e+06")
    # A posterior that went far from what is published says so by itself.
    mu = posterior.draws["mu"] + 20.0
    gone = replace(posterior, draws=posterior.draws.assign(mu=mu))
    assert "far outside the published" in str(plan_posterior(gone, subjects=1, times=DAYS).warnings)


def test_classes_of_patients(tmp_path: Path) -> None:
    joint = write_result(write_mixed_fit(tmp_path / "fit"), tmp_path / "mine", draws=300)
    posterior = load_posterior(Found(tmp_path / "mine"))
    draws = posterior.draws
    asked = plan_posterior(posterior, subjects=MANY, times=DAYS)
    poor = (asked.patients.table["class"] == "poor").to_numpy()
    share = flat(draws, "class_probability")[:, 1]
    assert poor.mean() == pytest.approx(share.mean(), abs=4 * np.sqrt(0.25 / MANY))
    at = [q.name for q in joint.estimated].index("c_max")
    wanted = {"good": flat(draws, "mu")[:, at], "poor": flat(draws, "class_typical")[:, 0]}
    for name, mine in (("good", ~poor), ("poor", poor)):
        own = log_of(asked, "c_max")[mine]
        assert own.mean() == pytest.approx(
            wanted[name].mean(), abs=5 * own.std() / mine.sum() ** 0.5
        )
    typical = asked.typical.table.set_index("class")["c_max"]
    for name, of_class in wanted.items():
        assert np.log(typical[name]) == pytest.approx(np.median(of_class))
    alone = plan_posterior(posterior, subjects=9, times=DAYS, patient_class="poor")
    assert set(alone.patients.table["class"]) == {"poor"}
    hers = plan_posterior(posterior, subject="P02", subjects=300, times=DAYS)
    member = flat(draws, "member")[:, list(joint.subjects).index("P02")]
    assert (hers.patients.table["class"] == "poor").tolist() == (member == 1).tolist()
    with pytest.raises(ModelError, match=r"'por' is not a class.*Did you mean 'poor'"):
        plan_posterior(posterior, patient_class="por")


def test_which_result_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_result("stein2019") is None
    assert find_result("mine.py") is None
    assert find_result("nothing") is None
    with pytest.raises(FitError, match=r"aml5-stein2019 has no result.*cellkinetics fit aml5-st"):
        find_result("aml5-stein2019")
    fit = write_stein_fit(tmp_path / "own")
    with pytest.raises(FitError, match="has no result"):
        find_result("own")
    folder = tmp_path / "results" / "own-quick"
    write_result(fit, folder, draws=5, passed=False, approximate=True)
    assert find_result("own") == Found(Path("results") / "own-quick", fit.resolve())
    assert find_result(folder) == Found(folder)
    posterior = load_posterior(Found(folder))
    assert "approximate answer of --quick" in str(posterior.notes)
    asked = plan_posterior(posterior, subjects=2, times=DAYS)
    assert "own checks did not pass" in asked.warnings[0]
    # What was fitted must be what is there now.
    text = (folder / "fit.toml").read_text(encoding="utf-8")
    (folder / "fit.toml").write_text(text.replace("mean = 0.4", "mean = 0.3"), encoding="utf-8")
    with pytest.raises(
        FitError, match=r"not the fit of this study and model any more(.|\n)*covariates was"
    ):
        load_posterior(Found(folder))
    (folder / "summary.json").unlink()
    (folder / "identity.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CellKineticsError, match="unfinished"):
        load_posterior(Found(folder))


def test_a_study_beside_the_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path is relative to the fit, so from the result alone it is not found."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "fits" / "studies" / "aml5", tmp_path / "trial")
    fit = write_stein_fit(tmp_path / "fits" / "own")
    text = (fit / "fit.toml").read_text(encoding="utf-8").replace('"aml5"', '"../../trial"')
    (fit / "fit.toml").write_text(text, encoding="utf-8")
    folder = tmp_path / "results" / "deep" / "er" / "own"
    write_result(fit, folder, draws=5)
    with pytest.raises(CellKineticsError, match="trial"):
        load_posterior(Found(folder))
    for found, study in ((Found(folder, fit), None), (Found(folder), tmp_path / "trial")):
        assert load_posterior(found, study=study).joint.subjects[0] == "P01"
    samples = tmp_path / "trial" / "samples.csv"
    lines = samples.read_text(encoding="utf-8").splitlines()
    samples.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(FitError, match=r"study: samples.csv has changed"):
        load_posterior(Found(folder), study=tmp_path / "trial")


def test_a_model_alone_needs_no_pymc() -> None:
    code = (
        "import sys; from cellkinetics.simulation.posterior import find_result;"
        "from cellkinetics.simulation.folder import write_simulation;"
        "from cellkinetics.simulation.run import plan_simulation;"
        "assert find_result('stein2019') is None; plan_simulation('stein2019', subjects=3);"
        "print([m for m in ('pymc', 'pytensor', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.strip() == "[]"
