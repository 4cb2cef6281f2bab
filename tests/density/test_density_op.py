"""The PyTensor Op: value and gradient in both modes, in a pm.Model, under nutpie."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.gradient import NullTypeGradError
from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key

from cellkinetics.density import (
    INTERVAL,
    LEFT,
    LOGNORMAL,
    OBSERVED,
    RIGHT,
    log_densities,
)
from cellkinetics.kernel.density_op import CACHE_KEY, DensityOp, log_density_rows

MODES = {"python": Mode(linker="py", optimizer=None), "numba": "NUMBA"}


def rows(n: int = 60, seed: int = 1) -> dict[str, Any]:
    """Every family and kind in turn; what a row does not use is 0, as ``pm.Data`` wants it."""
    rng = np.random.default_rng(seed)
    family = np.arange(n) % 3
    kind = np.arange(n) // 3 % 4
    y = np.exp(1.0 + 0.5 * rng.standard_normal(n))
    return {
        "family": family,
        "kind": kind,
        "value": np.where(kind == OBSERVED, y, 0.0),
        "lower": np.where((kind == RIGHT) | (kind == INTERVAL), 0.8 * y, 0.0),
        "upper": np.where((kind == LEFT) | (kind == INTERVAL), 1.2 * y, 0.0),
        "floor": np.where(np.arange(n) % 5 == 0, 0.1, -math.inf),
        "nu": np.full(n, 4.0),
        "pred_is_log": np.ones(n, dtype=bool),
    }


def parameters(n: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    return {
        "pred": 1.0 + 0.3 * rng.standard_normal(n),
        "a": rng.uniform(0.2, 0.6, n),
        "b": rng.uniform(0.1, 0.3, n),
    }


def direct(parameters: dict[str, Any], data: dict[str, Any]) -> list[Any]:
    names = ("family", "kind", "value", "lower", "upper", "floor", "pred", "pred_is_log")
    given = data | parameters
    outputs = [np.empty(given["pred"].size) for _ in range(4)]
    log_densities(*(given[name] for name in (*names, "a", "b", "nu")), *outputs)
    return outputs


@pytest.mark.parametrize("mode", MODES)
def test_value_and_gradient_in_each_mode(mode: str) -> None:
    data, given = rows(), parameters()
    symbols = {name: pt.vector(name) for name in given}
    weights = np.linspace(-1.0, 2.0, 60)
    log_p = log_density_rows(**symbols, **data)
    gradient = pt.grad((weights * log_p).sum(), list(symbols.values()))
    evaluate = pytensor.function([*symbols.values()], [log_p, *gradient], mode=MODES[mode])
    wanted, *derivatives = direct(given, data)
    came, *came_gradient = evaluate(*given.values())
    np.testing.assert_allclose(came, wanted, rtol=1e-14)
    for each, derivative in zip(came_gradient, derivatives, strict=True):
        np.testing.assert_allclose(each, weights * derivative, rtol=1e-13, atol=1e-300)


def test_gradient_flows_through_what_the_rows_are_made_of() -> None:
    data = rows()
    x = np.linspace(-1.0, 1.0, 60)
    slope, log_a = pt.scalars("slope", "log_a")
    a = pt.exp(log_a) * pt.ones(60)
    log_p = log_density_rows(1.0 + slope * x, a, 0.2 * a, **data).sum()
    outputs = [log_p, *pt.grad(log_p, [slope, log_a])]
    evaluate = pytensor.function([slope, log_a], outputs, mode=MODES["python"])
    point, h = np.array([0.4, -1.0]), 1e-6
    _, *gradient = evaluate(*point)
    for i, came in enumerate(gradient):
        up, down = (evaluate(*(point + s * h * np.eye(2)[i]))[0] for s in (1.0, -1.0))
        assert came == pytest.approx((up - down) / (2.0 * h), rel=1e-7)


def test_second_derivatives_are_refused_not_zero() -> None:
    pred = pt.vector("pred", shape=(60,))
    log_p = log_density_rows(pred, np.full(60, 0.5), np.full(60, 0.2), **rows()).sum()
    first = pt.grad(log_p, pred)
    with pytest.raises(NullTypeGradError, match="first derivatives only"):
        pt.grad(first.sum(), pred)


def test_data_have_no_gradient() -> None:
    data = rows()
    value = pt.vector("value", shape=(60,))
    given = parameters()
    log_p = log_density_rows(**given, **(data | {"value": value})).sum()
    gradient = pt.grad(log_p, value, disconnected_inputs="ignore", return_disconnected="none")
    assert gradient is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"a": 0.5}, "a must be \\(row,\\), got 0 dimensions"),
        ({"a": np.ones(3)}, "one entry per row, got pred 60, a 3, b 60"),
        ({"kind": np.zeros(60)}, "kind must be int64, got float64"),
        ({"pred_is_log": np.ones(60, dtype=int)}, "pred_is_log must be bool, got int64"),
    ],
)
def test_inputs_of_the_wrong_form_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_density_rows(**(parameters() | rows() | changed))


def test_lengths_that_are_not_known_before_are_checked_at_run_time() -> None:
    a = pt.vector("a")
    log_p = log_density_rows(**(parameters() | rows() | {"a": a}))
    for mode in MODES.values():
        evaluate = pytensor.function([a], log_p, mode=mode)
        with pytest.raises(ValueError, match="one entry per row"):
            evaluate(np.ones(3))


def test_the_numba_function_is_cached_under_the_hash_of_its_source() -> None:
    node = DensityOp().make_node(*(parameters() | rows_in_order()).values())
    _, key = numba_funcify_and_cache_key(node.op, node=node)
    assert key == CACHE_KEY


def rows_in_order() -> dict[str, Any]:
    data = rows()
    order = ("family", "kind", "value", "lower", "upper", "floor", "nu", "pred_is_log")
    return {name: data[name] for name in order}


def line_model(data: dict[str, Any], x: Any) -> pm.Model:
    n = x.size
    with pm.Model() as model:
        level = pm.Normal("level", 0.0, 2.0)
        slope = pm.Normal("slope", 0.0, 2.0)
        sigma = pm.HalfNormal("sigma", 1.0)
        held = {name: pm.Data(name, values) for name, values in data.items()}
        pred = level + slope * pm.Data("x", x)
        a = sigma * pt.ones(n)
        pm.Potential("log_likelihood", log_density_rows(pred, a, a, **held).sum())
    return model


def censored_line(seed: int) -> tuple[dict[str, Any], Any]:
    """Readings around 2 + 0.7 x with log-normal error 0.3, those below 5 censored."""
    rng = np.random.default_rng(seed)
    n = 200
    x = rng.standard_normal(n)
    y = np.exp(2.0 + 0.7 * x + 0.3 * rng.standard_normal(n))
    low = y < 5.0
    data = {
        "family": np.full(n, LOGNORMAL),
        "kind": np.where(low, LEFT, OBSERVED),
        "value": np.where(low, 0.0, y),
        "lower": np.zeros(n),
        "upper": np.full(n, 5.0),
        "floor": np.full(n, -math.inf),
        "nu": np.full(n, 4.0),
        "pred_is_log": np.ones(n, dtype=bool),
    }
    return data, x


def test_sampled_by_nutpie_and_given_new_data_without_compiling_again() -> None:
    data, x = censored_line(seed=5)
    compiled = nutpie.compile_pymc_model(line_model(data, x), backend="numba")
    options = {"draws": 400, "tune": 300, "chains": 2, "cores": 1, "progress_bar": False}
    posterior = nutpie.sample(compiled, seed=1, **options).posterior
    truth = {"level": 2.0, "slope": 0.7, "sigma": 0.3}
    for name, value in truth.items():
        draws = posterior[name]
        assert abs(float(draws.mean()) - value) < 4.0 * float(draws.std())

    # the same readings, all 10 times as high: only the level moves, by log 10
    limits = {name: 10.0 * data[name] for name in ("value", "lower", "upper")}
    moved = nutpie.sample(compiled.with_data(**limits), seed=1, **options).posterior
    shift = float(moved["level"].mean() - posterior["level"].mean())
    assert shift == pytest.approx(math.log(10.0), abs=0.02)
    assert float(moved["slope"].mean()) == pytest.approx(float(posterior["slope"].mean()), abs=0.02)


@pytest.mark.slow
def test_a_second_process_compiles_nothing_of_the_op_again(tmp_path: Path) -> None:
    script = """
import sys; sys.path.insert(0, sys.argv[1])
import pytensor, pytensor.tensor as pt
from test_density_op import log_density_rows, parameters, rows
pred = pt.vector("pred")
log_p = log_density_rows(**(parameters() | rows() | {"pred": pred})).sum()
f = pytensor.function([pred], [log_p, pt.grad(log_p, pred)], mode="NUMBA")
print(repr(float(f(parameters()["pred"])[0])))
"""
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path}"}
    printed, cached = [], []
    for _ in range(2):
        command = [sys.executable, "-c", script, str(Path(__file__).parent)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        printed.append(run.stdout.strip().splitlines()[-1])
        cached.append({p: p.stat().st_mtime_ns for p in tmp_path.rglob("*density*.nbc")})
    assert printed[0] == printed[1]
    assert cached[0]
    assert cached[0] == cached[1]
