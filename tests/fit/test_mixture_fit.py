"""A fit with two classes of patients, from tables to tables: what it recovers of a known truth."""

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from cellkinetics.catalogue import load_model
from cellkinetics.errors import FitError
from cellkinetics.fitting.run import FitResult, fit
from cellkinetics.kernel.solve import solve

SUBJECTS, POOR, SD = 24, 0.375, 0.3
DAYS = (1.0, 3.0, 5.0, 7.0, 9.0, 12.0, 16.0, 21.0, 28.0, 60.0)
GOOD_PEAK, POOR_PEAK = 24_000.0, 900.0

MODEL = """
    from dataclasses import replace

    from cellkinetics.catalogue import load_model
    from cellkinetics.declare import PatientClass

    MODEL = replace(
        load_model("stein2019"),
        name="two_kinds",
        classes=(
            PatientClass(name="good", meaning="expands", probability=0.6, typical={},
                         assumption="for tests"),
            PatientClass(name="poor", meaning="does not", probability=0.4,
                         typical={"c_max": 1500.0}, assumption="for tests"),
        ),
    )
"""

FIT = """
    study = "study"
    model = "two_kinds.py"
    seed = 4
    [analytes.qpcr]
    [sampler]
    draws = 250
    tune = 300
"""


def truth() -> tuple[NDArray[np.bool_], NDArray[np.float64], pd.DataFrame]:
    """Who expands poorly, peaks, and readings; below 50 copies/ug these are censored."""
    rng = np.random.default_rng(12)
    poor = np.arange(SUBJECTS) < round(POOR * SUBJECTS)
    typical = {q.name: (q.typical, q.omega) for q in load_model("stein2019").parameters}
    theta = {
        name: typical[name][0] * np.exp(spread * rng.standard_normal(SUBJECTS))
        for name, spread in (("t_max", 0.2), ("alpha", 0.4), ("beta", 0.3), ("fold_expansion", 0.8))
    }
    peak = np.where(poor, POOR_PEAK, GOOD_PEAK)
    theta["c_max"] = peak * np.exp(0.65 * rng.standard_normal(SUBJECTS))
    level = solve("stein2019", theta, DAYS).transgene.values
    level = level * np.exp(SD * rng.standard_normal(level.shape))
    rows = [
        (f"S{s:02d}", day, "qpcr", max(x, 50.0), "copies/ug", int(x < 50), 50)
        for s in range(SUBJECTS)
        for day, x in zip(DAYS, level[s], strict=True)
    ]
    names = ["subject", "time", "analyte", "value", "unit", "cens", "lloq"]
    return poor, theta["c_max"], pd.DataFrame(rows, columns=names)


def write(folder: Path) -> Path:
    study = folder / "study"
    study.mkdir(parents=True)
    *_, samples = truth()
    samples.to_csv(study / "samples.csv", index=False)
    samples[["subject"]].drop_duplicates().to_csv(study / "subjects.csv", index=False)
    (study / "study.toml").write_text(
        'name = "two kinds"\nsimulated = true\n[units]\nqpcr = "copies/ug"\n', encoding="utf-8"
    )
    (folder / "two_kinds.py").write_text(textwrap.dedent(MODEL), encoding="utf-8")
    (folder / "fit.toml").write_text(textwrap.dedent(FIT), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    folder = tmp_path_factory.mktemp("two")
    return fit(write(folder / "two_kinds"), out=folder / "out", progress=False)


def interval(result: FitResult, name: str) -> tuple[float, float]:
    row = result.parameters.set_index("parameter").loc[name]
    return float(row["q05"]), float(row["q95"])


def test_it_is_sampled_well(result: FitResult) -> None:
    checks = {c["name"]: c for c in result.summary["checks"]["checks"]}
    for name in ("divergences", "solver_failures", "e_bfmi"):
        assert checks[name]["passed"], checks[name]["sentence"]
    assert result.parameters["r_hat"].max() < 1.03


def test_the_classes_are_recovered(result: FitResult) -> None:
    poor, peak, _ = truth()
    low, high = interval(result, "P(poor)")
    assert low < poor.mean() < high
    assert high - low < 0.4
    for name, members in (("c_max", ~poor), ("c_max[poor]", poor)):
        low, high = interval(result, name)
        # Of those who were drawn: a few subjects are not their population.
        assert low < np.exp(np.log(peak[members]).mean()) < high, name
    # One kind of patients would have to call the gap between them variability.
    assert interval(result, "omega(c_max)")[1] < 1.3


def test_every_subject_s_membership_is_told(result: FitResult) -> None:
    poor, *_ = truth()
    table = pd.read_csv(result.folder / "individuals.csv")
    rows = table[table["parameter"] == "P(poor)"].set_index("subject")
    assert len(rows) == SUBJECTS
    found = rows["probability"].to_numpy()
    assert ((found > 0.5) == poor).mean() > 0.85
    # Calibrated: as many as the probabilities add up to.
    assert found.sum() == pytest.approx(poor.sum(), abs=4)
    # A drawn class goes with the parameters of that draw.
    posterior = result.tree["posterior"].to_dataset()
    assert set(np.unique(posterior["member"])) == {0, 1}
    share = posterior["member"].mean(("chain", "draw")).to_numpy()
    np.testing.assert_allclose(share, found, atol=0.08)


def test_the_log_likelihood_is_that_of_subjects(result: FitResult) -> None:
    group = result.tree["log_likelihood"].to_dataset()
    assert set(group.data_vars) == {"subjects"}
    assert group["subjects"].dims == ("chain", "draw", "subject")
    assert np.isfinite(group["subjects"]).all()


def test_quick_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FitError, match="--quick does not go with classes of patients"):
        fit(write(tmp_path / "two_kinds"), out=tmp_path / "out", quick=True, progress=False)
