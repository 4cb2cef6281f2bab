"""The same registry on trajectories: a posterior of prior draws, so that nothing is sampled."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cellkinetics import solve
from cellkinetics.errors import FitError, SpecError
from cellkinetics.exposure import PosteriorMetrics, metrics_of, metrics_of_posterior
from cellkinetics.fitting.draws import natural, predictions, take_draws
from cellkinetics.fitting.prior import prior_draws
from cellkinetics.fitting.provenance import identity
from cellkinetics.fitting.run import FitResult, prepare
from cellkinetics.kernel.layout import regular_rows

FIT = Path(__file__).resolve().parents[2] / "fits" / "aml5-stein2019"
DRAWS = 40


@pytest.fixture(scope="module")
def result() -> FitResult:
    """A result whose draws are those of the prior."""
    _, joint = prepare(FIT)
    draws = prior_draws(joint, DRAWS, np.random.default_rng(3))
    tree = xr.DataTree.from_dict({"posterior": draws})
    return FitResult(FIT, tree, None, None, None, {"identity": identity(joint)})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found(result: FitResult) -> PosteriorMetrics:
    return metrics_of_posterior(result)


def test_shape_and_names(found: PosteriorMetrics) -> None:
    assert found.draws.shape == (DRAWS, 5, len(found.metrics))
    assert found.subjects == ("P01", "P02", "P03", "P04", "P05")
    assert {"Cmax", "AUC0-28d", "half_life", "persistence"} <= set(found.metrics)
    with pytest.raises(SpecError, match="Did you mean"):
        found.of("Cmaxx")


def test_a_trajectory_is_measured_as_the_same_numbers_would_be_in_arrays(
    result: FitResult, found: PosteriorMetrics
) -> None:
    _, joint = prepare(FIT)
    phi = take_draws(joint, result.tree["posterior"].to_dataset()).phi
    theta = natural(joint, phi)
    names = joint.population.names
    for draw, subject in ((0, 0), (17, 3)):
        values = {n: float(theta[draw, subject, j]) for j, n in enumerate(names)}
        level = solve("stein2019", values, found.times)["transgene"].to_numpy()[0]
        plain = metrics_of(
            found.times, level, below=np.zeros(len(level), dtype=bool), lloq=50.0,
            metrics=["Cmax", "Tmax", "AUClast", "AUCinf_obs", "half_life", "Tlast"],
        ).set_index("metric")["value"]  # fmt: skip
        for metric in plain.index:
            got = found.of(metric)[draw, subject]
            np.testing.assert_allclose(got, plain[metric], rtol=2e-5, err_msg=metric)


def test_metrics_of_a_model_are_its_parameters(result: FitResult) -> None:
    """Peak, its time, fold expansion, doubling time and terminal half-life of Stein's model."""
    _, joint = prepare(FIT)
    theta = natural(joint, take_draws(joint, result.tree["posterior"].to_dataset()).phi)
    at = {name: theta[:, :, j] for j, name in enumerate(joint.population.names)}
    fine = np.unique(np.concatenate([np.linspace(0, 40, 1601), np.linspace(40, 365, 651)]))
    found = metrics_of_posterior(
        result, times=fine, metrics=["Cmax", "Tmax", "fold_expansion", "doubling_time"]
    )
    # Tocilizumab changes the growth of the others on its way.
    plain = np.isin(joint.subjects, ["P03", "P04"])
    inside = (at["t_max"] < 35) & plain
    assert inside.mean() > 0.35
    for metric, want in {
        "Tmax": at["t_max"],
        "Cmax": at["c_max"],
        "fold_expansion": at["fold_expansion"],
        "doubling_time": np.log(2) * at["t_max"] / np.log(at["fold_expansion"]),
    }.items():
        clear = inside & (at["t_max"] > 2) & (at["fold_expansion"] > 2)
        off = np.abs(found.of(metric) / want - 1)[clear]
        assert np.median(off) < 0.01, metric
        assert off.max() < 0.1, metric


def test_persistence_of_a_trajectory_is_its_last_time_at_the_limit(result: FitResult) -> None:
    _, joint = prepare(FIT)
    phi = take_draws(joint, result.tree["posterior"].to_dataset()).phi
    times = np.linspace(0, 365, 731)
    found = metrics_of_posterior(
        result, times=times, lloq=200.0, metrics=["persistence", "time_above_lloq", "Tlast"]
    )
    level = np.exp(predictions(joint, phi, regular_rows(times, [0], 5))).reshape(DRAWS, 5, -1)
    reached = (level >= 200).any(axis=2)
    last = times[level.shape[2] - 1 - np.argmax((level >= 200)[:, :, ::-1], axis=2)]
    np.testing.assert_array_equal(np.isfinite(found.of("persistence")), reached)
    np.testing.assert_allclose(found.of("persistence")[reached], last[reached])
    assert (found.of("Tlast") == 365).all()
    spent = (level >= 200).sum(axis=2) * 0.5
    assert np.abs(found.of("time_above_lloq") - spent).max() <= 1.0


def test_thinning_and_parts_do_not_change_a_draw(
    result: FitResult, found: PosteriorMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellkinetics.exposure.posterior._LEVELS_AT_A_TIME", 5 * 500)
    few = metrics_of_posterior(result, draws=4, metrics=["Cmax", "AUClast"])
    keep = np.linspace(0, DRAWS - 1, 4).astype(int)
    np.testing.assert_array_equal(few.of("Cmax"), found.of("Cmax")[keep])
    np.testing.assert_allclose(few.of("AUClast"), found.of("AUClast")[keep], rtol=1e-12)


def test_table_gives_median_interval_and_how_often_there_is_one(found: PosteriorMetrics) -> None:
    table = found.table(level=0.8).set_index(["subject", "metric"])
    row = table.loc[("P02", "Cmax")]
    draws = found.of("Cmax")[:, 1]
    assert row["median"] == pytest.approx(np.median(draws))
    assert row["lower"] == pytest.approx(np.quantile(draws, 0.1))
    assert row["estimable"] == 1
    assert row["unit"] == "copies/ug"
    assert table.loc[("P02", "C0"), "estimable"] == 0
    # All start above no limit: a trajectory that never falls below 50 is censored at day 365.
    at_end = found.of("persistence")[:, 1] == 365
    share = f"censored in {at_end.mean():.0%}"
    assert (share in table.loc[("P02", "persistence"), "remark"]) == (at_end.mean() >= 0.1)


def test_another_study_is_refused(result: FitResult, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "other"
    shutil.copytree(FIT.parent / "studies" / "aml5", copy)
    rows = (copy / "samples.csv").read_text().replace("qpcr,134,", "qpcr,135,")
    (copy / "samples.csv").write_text(rows)
    with pytest.raises(FitError, match=r"samples\.csv has changed"):
        metrics_of_posterior(result, study=copy)
