"""R-hat, ESS, MCSE against ArviZ; each check on draws that fail it."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cellkinetics.fitting import convergence
from cellkinetics.fitting.diagnostics import diagnose


def autoregressive(chains, draws, quantities, seed=0):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(chains, draws, quantities))
    x = noise.copy()
    slope = np.linspace(-0.9, 0.99, quantities)
    for t in range(1, draws):
        x[:, t] = slope * x[:, t - 1] + noise[:, t]
    return x


def awkward(chains, draws):
    """Slow and antithetic chains, ties, a constant, a chain apart, heavy tails."""
    x = autoregressive(chains, draws, 40)
    x[:, :, 5] = np.round(x[:, :, 5])
    x[:, :, 6] = 3.0
    x[0, :, 7] += 5.0
    x[:, :, 8] = np.repeat(x[:, ::5, 8], 5, axis=1)[:, :draws]
    x[:, :, 9] = np.tan(np.arctan(x[:, :, 9]) * 0.999) ** 3
    return x


@pytest.mark.parametrize(("chains", "draws"), [(4, 1000), (4, 501), (2, 57), (3, 11)])
def test_equal_to_arviz(chains, draws):
    from arviz_stats.base import array_stats

    x, axes = awkward(chains, draws), {"chain_axis": 0, "draw_axis": 1}
    with np.errstate(invalid="ignore"):
        expected = {
            "r_hat": array_stats.rhat(x, **axes),
            "ess_bulk": array_stats.ess(x, method="bulk", **axes),
            "ess_tail": array_stats.ess(x, method="tail", prob=(0.05, 0.95), **axes),
            "ess_mean": array_stats.ess(x, method="mean", **axes),
            "mcse_mean": array_stats.mcse(x, method="mean", **axes),
        }
    for name, values in expected.items():
        found = getattr(convergence, name)(x)
        np.testing.assert_allclose(found, values, rtol=1e-10, err_msg=name)
    for probability in (0.05, 0.5, 0.9):
        np.testing.assert_allclose(
            convergence.mcse_quantile(x, probability),
            array_stats.mcse(x, method="quantile", prob=probability, **axes),
            rtol=1e-10,
        )


def test_ess_of_independent_draws_is_their_number():
    x = np.random.default_rng(3).normal(size=(4, 2000, 50))
    assert convergence.ess_bulk(x).mean() == pytest.approx(8000, rel=0.05)
    assert convergence.ess_tail(x).mean() == pytest.approx(8000, rel=0.05)


def test_e_bfmi_of_independent_energies_is_two():
    energy = np.random.default_rng(4).normal(size=(3, 5000))
    np.testing.assert_allclose(convergence.e_bfmi(energy), 2.0, rtol=0.05)


def make_tree(mutate=lambda x, statistics: None, draws=1000):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(4, draws, 3))
    statistics = {
        "energy": rng.normal(size=(4, draws)),
        "diverging": np.zeros((4, draws), dtype=bool),
        "failed": np.zeros((4, draws), dtype=bool),
    }
    mutate(x, statistics)
    posterior = xr.Dataset(
        {
            "mu": (("chain", "draw", "typical"), x[:, :, :2]),
            "sd": (("chain", "draw"), x[:, :, 2]),
            "derived": (("chain", "draw"), np.ones((4, draws))),
        },
        coords={"typical": ["alpha", "beta"]},
        attrs={"free_variables": ["mu", "sd"]},
    )
    sample_stats = xr.Dataset({k: (("chain", "draw"), v) for k, v in statistics.items()})
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": sample_stats})


def failed(found):
    return [check.name for check in found.failures]


def test_good_draws_pass():
    found = diagnose(make_tree())
    assert found.passed
    assert [c.name for c in found.checks] == [
        "r_hat", "ess_bulk", "ess_tail", "e_bfmi", "divergences", "solver_failures"
    ]  # fmt: skip
    assert found.quantities["quantity"].tolist() == ["mu[alpha]", "mu[beta]", "sd"]
    assert len(found.divergences) == 0
    assert found.to_dict()["passed"] is True


def test_a_chain_apart_fails_r_hat_and_is_named():
    def apart(x, statistics):
        x[2, :, 1] += 0.5

    found = diagnose(make_tree(apart))
    assert "r_hat" in failed(found)
    check = found.checks[0]
    assert check.value > 1.01
    assert check.limit == 1.01
    assert "1 of 3 quantities: mu[beta] 1.0" in check.sentence
    assert "chains disagree" in check.sentence


def test_too_few_draws_fail_ess():
    found = diagnose(make_tree(draws=90))
    assert {"ess_bulk", "ess_tail"} <= set(failed(found))
    assert "More draws" in found.checks[1].sentence


def test_a_quantity_that_never_moves_in_one_chain_fails():
    def stuck(x, statistics):
        x[:, :, 2] = np.arange(4)[:, None]

    found = diagnose(make_tree(stuck))
    assert "r_hat" in failed(found)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_draws_that_are_not_finite_fail(value):
    def broken(x, statistics):
        x[0, :700, 0] = value

    assert {"r_hat", "ess_bulk", "ess_tail"} <= set(failed(diagnose(make_tree(broken))))


def test_slow_energy_fails_e_bfmi_and_names_the_chain():
    def slow(x, statistics):
        statistics["energy"][3] = np.cumsum(statistics["energy"][3])

    found = diagnose(make_tree(slow))
    assert failed(found) == ["e_bfmi"]
    assert "in chain 3:" in found.failures[0].sentence
    assert found.e_bfmi[3] < 0.3


@pytest.mark.parametrize(("count", "passed"), [(4, True), (5, False)])
def test_divergences_are_counted_and_located(count, passed):
    where = [(0, 10), (1, 20), (1, 30), (3, 40), (3, 999)][:count]

    def diverge(x, statistics):
        for chain, draw in where:
            statistics["diverging"][chain, draw] = True
            x[chain, draw] = [chain, draw, 0.25]

    found = diagnose(make_tree(diverge))
    assert ("divergences" not in failed(found)) == passed
    expected = pd.DataFrame(
        {
            "chain": [c for c, _ in where],
            "draw": [d for _, d in where],
            "failed": False,
            "mu[alpha]": [float(c) for c, _ in where],
            "mu[beta]": [float(d) for _, d in where],
            "sd": 0.25,
        }
    )
    pd.testing.assert_frame_equal(found.divergences, expected)
    assert found.to_dict()["divergences"][0]["draw"] == 10


def test_one_failed_solve_fails():
    def fail(x, statistics):
        statistics["diverging"][1, 5] = statistics["failed"][1, 5] = True

    found = diagnose(make_tree(fail))
    assert failed(found) == ["solver_failures"]
    assert found.divergences["failed"].tolist() == [True]
    assert "in 1 trajectories after warm-up" in found.failures[0].sentence


def test_elements_that_are_fixed_by_construction_do_not_count():
    def fix(x, statistics):
        x[:, :, 0] = 1.0

    assert diagnose(make_tree(fix)).passed
