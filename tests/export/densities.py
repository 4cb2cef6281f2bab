"""Log densities of one posterior by our ``pm.Model`` and by its exported Stan program."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellkinetics.exporting.stan import stan_program
from cellkinetics.exporting.stan_data import stan_data
from cellkinetics.fitting.compile import PYTHON
from cellkinetics.joint import Joint, build_model

INTERPRETER = os.environ.get("CELLKINETICS_BENCH_STAN_PYTHON", "")
ABSENT = "no Stan here: name a Python 3.12 with pystan in CELLKINETICS_BENCH_STAN_PYTHON"


def stan_python() -> str:
    """The interpreter that has pystan, or a skipped test."""
    if not INTERPRETER or not Path(INTERPRETER).is_file():
        pytest.skip(ABSENT)
    return INTERPRETER


@dataclass(frozen=True)
class Compared:
    """At random points: theirs less ours, and gradients (point, coordinate) on one scale.

    ``theirs_names`` and ``written`` are Stan's own output, for what is generated.
    """

    difference: np.ndarray
    ours: np.ndarray
    theirs: np.ndarray
    written: list[dict[str, float]]
    log_lik: np.ndarray

    def gradient_error(self) -> float:
        """The worst difference, relative to 1 or to the gradient itself."""
        return float(np.max(np.abs(self.ours - self.theirs) / (1 + np.abs(self.ours))))

    def spread(self) -> float:
        """By how much the offset between the two varies; 0 if the posterior is one."""
        return float(np.ptp(self.difference))


def compare(joint: Joint, *, points: int = 4, seed: int = 5, program: str = "") -> Compared:
    """Evaluate both at random points around the prior's centre.

    With a correlation the two transforms of its Cholesky factor differ, so densities are compared
    without Jacobian and gradients by the chain rule; otherwise with it.
    """
    interpreter = stan_python()
    model = build_model(joint)
    values = [v.name for v in model.value_vars]
    constrained = model.compile_fn(
        model.replace_rvs_by_values(model.free_RVs),
        inputs=model.value_vars,
        on_unused_input="ignore",
        mode=PYTHON,
    )
    correlated = len(joint.population.correlated) > 1
    log_density = model.compile_logp(jacobian=not correlated, mode=PYTHON)
    gradient = model.compile_dlogp(jacobian=not correlated, mode=PYTHON)
    pointwise = model.compile_fn(
        model.logp(vars=model.observed_RVs, sum=False),
        inputs=model.value_vars,
        on_unused_input="ignore",
        mode=PYTHON,
    )
    rng = np.random.default_rng(seed)
    ours, asked = [], []
    for _ in range(points):
        start = model.initial_point()
        point = {k: v + 0.2 * rng.normal(size=np.shape(v)) for k, v in start.items()}
        at = dict(zip([r.name for r in model.free_RVs], constrained(point), strict=True))
        asked.append({k: np.asarray(v).tolist() for k, v in at.items()})
        ours.append((float(log_density(point)), gradient(point), point, pointwise(point)[0]))
    request = {
        "program": program or stan_program(joint),
        "data": stan_data(joint),
        "points": asked,
        "jacobian": not correlated,
    }
    run = subprocess.run(
        [interpreter, "-W", "ignore", str(Path(__file__).with_name("stan_worker.py"))],
        input=json.dumps(request, allow_nan=False),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    answer = json.loads(run.stdout)
    order = list(dict.fromkeys(name.split(".")[0] for name in answer["names"]))
    blocks = {r.name: model.rvs_to_values[r].name for r in model.free_RVs}
    order = [name for name in order if name in blocks]
    assert sorted(order) == sorted(blocks)
    mine, theirs, difference = [], [], []
    for (logp, flat, point, _), found in zip(ours, answer["points"], strict=True):
        difference.append(found["log_density"] - logp)
        parts, first = {}, 0
        for name in values:
            size = int(np.size(point[name]))
            parts[name] = flat[first : first + size].reshape(np.shape(point[name]))
            first += size
        # Stan writes matrices column by column.
        mine.append(np.concatenate([parts[blocks[n]].ravel(order="F") for n in order]))
        slope = np.array(found["gradient"])
        if correlated:
            slope = _on_our_scale(model, blocks, order, point, slope)
        theirs.append(slope)
    return Compared(
        difference=np.array(difference),
        ours=np.array(mine),
        theirs=np.array(theirs),
        written=[
            dict(zip(answer["names"], found["written"], strict=True)) for found in answer["points"]
        ],
        log_lik=np.array([q[3] for q in ours]),
    )


def _on_our_scale(
    model: Any, blocks: dict[str, str], order: list[str], point: dict[str, Any], slope: np.ndarray
) -> np.ndarray:
    """Stan's gradient with that of the correlation taken to PyMC's coordinates."""
    name = "correlation_root"
    variable = next(r for r in model.free_RVs if r.name == name)
    value = model.rvs_to_values[variable]
    root = model.compile_fn(
        model.replace_rvs_by_values([variable])[0], inputs=[value], point_fn=False, mode=PYTHON
    )
    y = np.asarray(point[blocks[name]])
    before = sum(int(np.size(point[blocks[n]])) for n in order[: order.index(name)])
    own = slice(before, before + y.size)
    step = 1e-5
    chain = [
        (_stan_coordinates(root(y + d)) - _stan_coordinates(root(y - d))) / (2 * step)
        for d in step * np.eye(y.size)
    ]
    out = slope.copy()
    out[own] = np.array(chain) @ slope[own]
    return out


def _stan_coordinates(root: np.ndarray) -> np.ndarray:
    """Unconstrained coordinates of a Cholesky factor: canonical partial correlations, row by row.

    Stan Reference Manual, "Cholesky factors of correlation matrices".
    """
    return np.array(
        [
            np.arctanh(root[i, j] / np.sqrt(1 - np.sum(root[i, :j] ** 2)))
            for i in range(1, len(root))
            for j in range(i)
        ]
    )
