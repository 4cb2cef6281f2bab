"""Random draws of the parameters of a model: is every one solved, how well, and ever negative?

    python tests/slow/random_draws.py --draws 1000 > tests/slow/random_draws.json

Every parameter, fixed ones too, moves by an SD of 0.5 on its transformed scale (0.2 of the typical
value where that scale is the natural one). States are compared as log(y + floor), the floor being
the smallest value that the model says matters; sensitivities as those of that logarithm, relative
where they are above 1 (a course at its threshold has some of 20,000). Draws under which a state
grows beyond e^600 are no patients; they must be solved, but their digits are not compared
(``beyond`` counts them).
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass

import numpy as np

from cellkinetics.catalogue import load_model, model_names
from cellkinetics.declare import Model
from cellkinetics.kernel.compiled import Kernel, build_kernel
from cellkinetics.kernel.layout import Floats, Ints, regular_dosing, regular_rows

SD = 0.5
BEYOND = 600.0
DAYS = np.array([0.5, 1, 2, 4, 6, 8, 10, 12, 14, 17, 21, 28, 42, 60, 90, 120, 180, 250, 365.0])


@dataclass(frozen=True)
class Outcome:
    """What became of the draws of one model; errors are against a solve at 1e-12."""

    model: str
    method: str
    draws: int
    failed: int
    beyond: int
    value_p95: float
    value_worst: float
    elasticity_p95: float
    elasticity_worst: float
    most_negative: float
    steps: float


def drawn(model: Model, count: int) -> Floats:
    """phi (draw, parameter)."""
    rng = np.random.default_rng(2026)
    z = rng.standard_normal((count, len(model.parameters)))
    phi = np.empty_like(z)
    for j, q in enumerate(model.parameters):
        if q.scale == "log":
            phi[:, j] = np.log(q.typical) + SD * z[:, j]
        elif q.scale == "logit":
            odds = (q.typical - q.lower) / (q.upper - q.typical)
            phi[:, j] = np.log(odds) + SD * z[:, j]
        else:
            phi[:, j] = q.typical * (1 + 0.2 * z[:, j])
    return phi


def above_floor(
    model: Model, kernel: Kernel, phi: Floats, rtol: float, max_steps: int
) -> tuple[Floats, Floats, Floats, Ints, Ints]:
    """log(y + floor) and its elasticities, y of states that have no log form, status and steps."""
    count, first = len(phi), len(model.observables)
    asked = list(range(first, first + len(model.states)))
    days = DAYS[model.horizon >= DAYS]
    constants = np.tile([q.default for q in model.inputs], (count, 1))
    out = kernel(
        phi, constants, regular_dosing(model.reference_dosing, count),
        regular_rows(days, asked, count), rtol=rtol, max_steps=max_steps,
    )  # fmt: skip
    shape = (count, len(days), len(asked))
    y, jac = out.pred.reshape(shape), out.jac.reshape(*shape, phi.shape[1])
    logs = np.empty(y.shape)
    for i, state in enumerate(model.states):
        if state.positive:  # its logarithm, which may be that of no double
            logs[..., i] = np.logaddexp(y[..., i], np.log(state.smallest))
            jac[..., i, :] *= np.exp(y[..., i] - logs[..., i])[..., None]
            y[..., i] = 0.0
        else:
            above = np.maximum(y[..., i], 0) + state.smallest
            logs[..., i] = np.log(above)
            jac[..., i, :] /= above[..., None]
    return logs, jac, y, out.status, out.steps


def outcome(name: str, count: int, batch: int = 100) -> Outcome:
    """Solve draws of a model as a fit would, at 1e-6, and against 1e-12."""
    model = load_model(name)
    wrt = tuple(q.name for q in model.parameters)
    kernel = build_kernel(model, wrt)
    # A closed form is compared with its equations too.
    reference = build_kernel(model, wrt, form="ode", method="explicit")
    phi = drawn(model, count)
    value, elasticity, negative, failed, beyond, steps = [], [], 0.0, 0, 0, []
    for first in range(0, count, batch):
        some = phi[first : first + batch]
        z, s, y, status, taken = above_floor(model, kernel, some, 1e-6, 20_000)
        z_0, s_0, _, status_0, _ = above_floor(model, reference, some, 1e-12, 2_000_000)
        failed += int((status != 0).sum())
        large = (status == 0) & (np.nan_to_num(z).max(axis=(1, 2)) > BEYOND)
        beyond += int(large.sum())
        good = (status == 0) & (status_0 == 0) & ~large
        value.append(np.abs(z - z_0)[good].max(axis=(1, 2)))
        off = np.abs(s - s_0) / np.maximum(1.0, np.abs(s_0))
        elasticity.append(off[good].max(axis=(1, 2, 3)))
        smallest = np.array([q.smallest for q in model.states])
        negative = min(negative, float(np.nanmin(y / smallest)))
        steps.append(taken)
    off, slope = np.concatenate(value), np.concatenate(elasticity)
    return Outcome(
        model=name,
        method=kernel.way,
        draws=count,
        failed=failed,
        beyond=beyond,
        value_p95=float(np.percentile(off, 95)),
        value_worst=float(off.max()),
        elasticity_p95=float(np.percentile(slope, 95)),
        elasticity_worst=float(slope.max()),
        most_negative=negative,
        steps=float(np.median(np.concatenate(steps))),
    )


def main() -> None:
    """Print the outcomes of all models, or of those named, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=model_names())
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()
    found = []
    for name in options.models:
        found.append(asdict(outcome(name, options.draws)))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
