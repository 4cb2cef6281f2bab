"""The machinery of simulation-based calibration, on few replicates; see benchmarks/SBC.md."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import sbc
from sbc_bands import band_test, coverage
from sbc_quantities import exposure
from sbc_replicate import (
    RANK_DRAWS,
    Effort,
    as_reported,
    run_replicate,
    simulate,
    spoil,
)
from sbc_report import draw, summarise, table
from sbc_store import append_line, read_lines, same_run

from cellkinetics.density import INTERVAL, LEFT, OBSERVED
from cellkinetics.errors import FitError
from cellkinetics.fitting.run import prepare
from cellkinetics.population import to_phi

pytestmark = pytest.mark.slow

SHORT = (Effort(100, 300, 0.9),)


@pytest.fixture(scope="module")
def joint():
    return prepare("aml5-stein2019")[1]


@pytest.fixture(scope="module")
def lines(joint):
    return [run_replicate(joint, 7, number, efforts=SHORT) for number in range(3)]


def test_uniform_ranks_leave_the_band_as_seldom_as_stated():
    rng = np.random.default_rng(1)
    runs, quantities = 400, 6
    left = sum(
        not band_test(rng.integers(0, 101, size=(60, quantities)), 100, simulations=20_000).passed
        for _ in range(runs)
    )
    # 5 % at most, less where counts are coarse; four standard errors above, and not never.
    assert 0 < left <= 20 + 4 * np.sqrt(400 * 0.05 * 0.95)


@pytest.mark.parametrize(
    "distort",
    [
        lambda u: u**1.6,  # posterior too low or too high
        lambda u: 0.5 + 0.55 * (u - 0.5),  # too wide
        lambda u: np.where(u < 0.5, 2 * u**2, 1 - 2 * (1 - u) ** 2),  # too narrow
    ],
)
def test_ranks_that_are_not_uniform_leave_the_band(distort):
    rng = np.random.default_rng(2)
    uniform = rng.random((200, 5))
    uniform[:, 3] = distort(uniform[:, 3])
    test = band_test(np.floor(uniform * 101).astype(np.int64), 100)
    assert test.outside.tolist() == [False, False, False, True, False]
    assert test.p_value.argmin() == 3


def test_a_band_contains_its_ecdfs_exactly_where_the_test_passes():
    rng = np.random.default_rng(3)
    ranks = np.floor(rng.random((80, 40)) ** rng.uniform(0.6, 1.6, 40) * 51).astype(np.int64)
    test = band_test(ranks, 50)
    beyond = ((test.ecdf < test.lower) | (test.ecdf > test.upper)).any(axis=1)
    assert beyond.any()
    assert not beyond.all()
    assert beyond.tolist() == test.outside.tolist()


def test_coverage_counts_equal_tailed_intervals():
    found = coverage(np.linspace(0.005, 0.995, 100), 0.9)
    assert (found.covered, found.of) == (90, 100)
    assert found.low < 0.9 < found.high
    assert found.consistent
    assert not coverage(np.full(50, 0.5), 0.5).consistent


def test_the_laboratory_reports_readings_by_their_limits():
    nan = np.nan
    reading = np.array([5.0, 10.0, 49.0, 50.0, 0.4, 900.0])
    lod = np.array([10.0, 10.0, 10.0, 10.0, nan, nan])
    lloq = np.array([50.0, 50.0, 50.0, 50.0, 0.5, 0.5])
    uloq = np.array([nan, nan, nan, nan, nan, 800.0])
    found = as_reported(reading, lod, lloq, uloq)
    np.testing.assert_array_equal(found["value"], [10.0, 50.0, 50.0, 50.0, 0.5, 800.0])
    np.testing.assert_array_equal(found["cens"], [1, 1, 1, 0, 1, -1])
    np.testing.assert_array_equal(found["lower"], [nan, 10.0, 10.0, nan, nan, nan])


def test_simulated_rows_mean_what_was_simulated(joint):
    """A reading is inside what its row says, and the design is that of the study."""
    _, simulated = simulate(joint, np.random.default_rng(11))
    old, new = joint.observations, simulated.observations
    np.testing.assert_array_equal(new.rows.time, old.rows.time)
    np.testing.assert_array_equal(new.offset, old.offset)
    assert not np.array_equal(new.value, old.value)
    lloq = new.table["lloq"].to_numpy()
    lod = new.table["lod"].to_numpy()
    assert {OBSERVED, LEFT, INTERVAL} == set(new.kind.tolist())
    observed, left, interval = (new.kind == k for k in (OBSERVED, LEFT, INTERVAL))
    assert (new.value[observed] >= lloq[observed]).all()
    np.testing.assert_array_equal(new.upper[left], np.fmin(lod, lloq)[left])
    np.testing.assert_array_equal(new.lower[interval], lod[interval])
    np.testing.assert_array_equal(new.upper[interval], lloq[interval])


def test_controls_change_the_fit_and_not_the_data(joint):
    _, simulated = simulate(joint, np.random.default_rng(11))
    flipped, half = spoil(simulated, "sign"), spoil(simulated, "m5")
    before, after = simulated.observations, flipped.observations
    flow = before.analyte == [a.name for a in before.analytes].index("flow")
    around = before.offset[flow] - before.offset[flow].mean()
    np.testing.assert_allclose(after.offset[flow] - before.offset[flow].mean(), -around)
    assert np.ptp(around) > 0.5
    np.testing.assert_array_equal(after.value, before.value)
    assert (half.observations.kind == OBSERVED).all()
    below = before.kind != OBSERVED
    np.testing.assert_allclose(
        half.observations.value[below], before.table["lloq"].to_numpy()[below] / 2
    )
    np.testing.assert_array_equal(half.observations.value[~below], before.value[~below])


@pytest.mark.parametrize(
    ("toci", "steroid", "cmax", "auc"),
    [
        # models.md 9.1, as in the model's own published numbers
        (np.inf, np.inf, 24000.0, 171774.29),
        (5.7, np.inf, 45522.8, None),
        (5.0, np.inf, 51557.1, None),
        (np.inf, 5.0, 24000.0, 171774.29),
        (12.0, np.inf, 24000.0, 171774.29),  # after the peak it changes nothing
    ],
)
def test_exposure_gives_the_published_numbers(joint, toci, steroid, cmax, auc):
    names = joint.kernel.constants
    constants = joint.constants.copy()
    constants[0, names.index("t_tocilizumab")] = toci
    constants[0, names.index("t_corticosteroid")] = steroid
    changed = replace(joint, constants=constants)
    typical = {q.name: q.typical for q in joint.model.parameters}
    row = [
        float(to_phi(typical[q.name], q.scale, q.lower, q.upper)) for q in joint.population.typical
    ]
    phi = np.tile(row, (2, len(joint.subjects), 1))
    found_cmax, found_auc = exposure(changed, phi, subject=0)
    np.testing.assert_allclose(found_cmax, cmax, rtol=2e-6)
    if auc is not None:
        np.testing.assert_allclose(found_auc, auc, rtol=1e-7)


def test_a_replicate_depends_on_its_number_alone(joint, lines):
    again = run_replicate(joint, 7, 1, efforts=SHORT)
    assert {**again, "seconds": 0} == {**lines[1], "seconds": 0}


def test_replicates_rank_every_quantity_and_share_one_compiled_posterior(joint, lines):
    wanted = {
        *(q.name for q in joint.estimated),
        *(f"omega({q.name})" for q in joint.population.omega),
        *(q.name for q in joint.observations.errors),
        *(q.name for q in joint.observations.calibrations),
        "log-likelihood",
        "Cmax(P01)",
        "AUC0-28d(P01)",
    }
    for line in lines:
        assert line["error"] is None
        assert set(line["quantities"]) == wanted
        for _, rank, below in line["quantities"].values():
            assert 0 <= rank <= RANK_DRAWS
            assert abs(rank / RANK_DRAWS - below) < 0.2
    truths = {line["quantities"]["c_max"][0] for line in lines}
    assert len(truths) == len(lines)
    # Readings are data of the graph: other readings, same machine code.
    assert len({line["key"] for line in lines}) == 1


@pytest.mark.parametrize("variant", ["none", "sign", "m5"])
def test_ten_replicates_tell_the_fit_from_its_controls(joint, variant):
    found = [run_replicate(joint, 8, number, variant, efforts=SHORT) for number in range(10)]
    assert summarise(found, variant)["passed"] is (variant == "none")


def test_failed_replicates_are_counted_and_stay(lines):
    broken = {
        "replicate": 3, "rows_below": 0.2, "error": "The sampler stopped.", "attempts": 2,
        "seconds": 1.0,
    }  # fmt: skip
    doubtful = {**lines[0], "failed_checks": ["r_hat"]}
    found = summarise([doubtful, *lines[1:], broken], "none")
    assert (found["replicates"], found["ranked"]) == (4, 3)
    assert found["sampler_errors"] == [{"replicate": 3, "error": "The sampler stopped."}]
    assert 0 in found["failed_checks"]["replicates"]
    assert all(len(q["ranks"]) == 3 for q in found["quantities"])
    assert "1 sampler errors" in table(found)


def test_the_figure_is_drawn(lines, tmp_path):
    path = draw(summarise(lines, "none"), tmp_path / "none.png")
    assert path.read_bytes()[1:4] == b"PNG"


def test_a_line_cut_short_does_not_count_and_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "none.jsonl"
    append_line(path, {"replicate": 1})
    append_line(path, {"replicate": 0})
    with path.open("a") as stream:
        stream.write('{"replicate": 2, "quanti')
    assert [line["replicate"] for line in read_lines(path)] == [0, 1]
    append_line(path, {"replicate": 3})
    append_line(path, {"replicate": 3, "late": True})
    assert read_lines(path) == [{"replicate": 0}, {"replicate": 1}, {"replicate": 3}]


def test_a_folder_of_another_calibration_is_refused(tmp_path):
    path = tmp_path / "none.run.json"
    same_run(path, {"base": 1, "centred": ["t_max"]})
    same_run(path, {"base": 1, "centred": ["t_max"]})
    with pytest.raises(FitError, match=r"another calibration: base differ.*--folder"):
        same_run(path, {"base": 2, "centred": ["t_max"]})


def test_the_command_continues_where_it_was(tmp_path, capsys):
    sbc.main(["--replicates", "1", "--jobs", "1", "--folder", str(tmp_path)])
    first = (tmp_path / "none.jsonl").read_text()
    sbc.main(["--replicates", "2", "--jobs", "2", "--folder", str(tmp_path)])
    assert (tmp_path / "none.jsonl").read_text().startswith(first)
    assert [line["replicate"] for line in read_lines(tmp_path / "none.jsonl")] == [0, 1]
    summary = json.loads((tmp_path / "none.json").read_text())
    assert summary["replicates"] == 2
    assert "2 replicates" in capsys.readouterr().out
