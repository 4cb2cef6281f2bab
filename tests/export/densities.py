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
# Value variables whose unconstrained coordinates are PyMC's own.
OTHERWISE = ("_cholesky_corr__", "_simplex__")
STEP = 1e-5
ABSENT = "no Stan here: name a Python 3.12 with pystan in CELLKINETICS_BENCH_STAN_PYTHON"


def stan_python() -> str:
    """The interpreter that has pystan, or a skipped test."""
    if not INTERPRETER or not Path(INTERPRETER).is_file():
        pytest.skip(ABSENT)
    return INTERPRETER


@dataclass(frozen=True)
class Compared:
    """At random points: theirs less ours, and gradients (point, coordinate) on one scale.

    ``written`` is what the program writes at each point, by name; ``log_lik`` (point, row) is ours.
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

    The two transform a correlation and the probabilities of classes differently: densities are then
    compared without Jacobian, and gradients by the chain rule; otherwise with it.
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
    own = [v.name for v in model.value_vars if v.name.endswith(OTHERWISE)]
    log_density = model.compile_logp(jacobian=not own, mode=PYTHON)
    gradient = model.compile_dlogp(jacobian=not own, mode=PYTHON)
    # A mixture has no density of a reading by itself: readings are a potential, not a variable.
    pointwise = model.compile_fn(
        model.logp(vars=model.observed_RVs, sum=False) if model.observed_RVs else [],
        inputs=model.value_vars,
        on_unused_input="ignore",
        mode=PYTHON,
    )
    rng = np.random.default_rng(seed)
    ours, asked, moved = [], [], []

    def natural(point: dict[str, Any]) -> dict[str, Any]:
        found = zip([r.name for r in model.free_RVs], constrained(point), strict=True)
        return {k: np.asarray(v).tolist() for k, v in found}

    for _ in range(points):
        start = model.initial_point()
        point = {k: v + 0.2 * rng.normal(size=np.shape(v)) for k, v in start.items()}
        asked.append(natural(point))
        moved.append([natural(p) for name in own for p in _moved(point, name)])
        ours.append((float(log_density(point)), gradient(point), point, pointwise(point)))
    request = {
        "program": program or stan_program(joint),
        "data": stan_data(joint),
        "points": asked,
        "moved": moved,
        "jacobian": not own,
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
        # One column of Stan's coordinates for each of ours; all but those of ``own`` are the same.
        pairs = np.array(found["moved"]).reshape(-1, 2, slope.size)
        columns = (pairs[:, 0] - pairs[:, 1]) / (2 * STEP)
        first, taken = 0, 0
        for name in order:
            size = int(np.size(point[blocks[name]]))
            if blocks[name] in own:
                place = slice(first, first + size)
                slope[place] = columns[taken : taken + size] @ slope
                taken += size
            first += size
        theirs.append(slope)
    return Compared(
        difference=np.array(difference),
        ours=np.array(mine),
        theirs=np.array(theirs),
        written=[
            dict(zip(answer["names"], found["written"], strict=True)) for found in answer["points"]
        ],
        log_lik=np.array([q[3] for q in ours]).reshape(points, -1),
    )


def _moved(point: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The point with each coordinate of one block a step up and a step down."""
    y = np.asarray(point[name])
    steps = STEP * np.eye(y.size).reshape(-1, *y.shape)
    return [{**point, name: y + sign * step} for step in steps for sign in (1, -1)]
