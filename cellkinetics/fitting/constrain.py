"""From unconstrained draws to a model's own variables, all draws at once."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.compile.maker import function
from pytensor.compile.mode import Mode
from pytensor.graph.replace import vectorize_graph

from cellkinetics.kernel.layout import Floats

PYTHON = Mode(linker="py", optimizer=None)  # type: ignore[arg-type]
"""Evaluates a graph as it is, by each op's Python code: nothing to compile."""

type Constrain = Callable[[Floats], dict[str, np.ndarray]]


def constrain_function(model: pm.Model, shapes: Sequence[tuple[int, ...]]) -> Constrain:
    """Make the map from unconstrained draws to free variables and deterministics.

    The sampler needs none of these, so they are computed once, after it, in NumPy: nothing has to
    be compiled for them.

    Parameters
    ----------
    model : pm.Model
    shapes : sequence of tuple      of the free variables' unconstrained values

    Returns
    -------
    callable                        (draw, parameter) -> {name: (draw, ...)}
    """
    values = [model.rvs_to_values[rv] for rv in model.free_RVs]
    names = {v.name for v in model.unobserved_RVs}
    wanted = [v for v in model.unobserved_value_vars if v.name in names]
    batches = [
        pt.tensor(shape=(None, *shape), dtype=v.dtype)
        for v, shape in zip(values, shapes, strict=True)
    ]
    outputs = vectorize_graph(wanted, dict(zip(values, batches, strict=True)))
    evaluate = function(batches, outputs, mode=PYTHON, on_unused_input="ignore")
    edges = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)]).tolist()

    def constrain(x: Floats) -> dict[str, np.ndarray]:
        inputs = [
            x[:, low:high].reshape((len(x), *shape)).astype(v.dtype)
            for v, shape, (low, high) in zip(values, shapes, pairwise(edges), strict=True)
        ]
        # What does not depend on the draws comes without their axis.
        return {
            v.name: np.broadcast_to(r, (len(x), *r.shape[r.ndim - v.ndim :]))
            for v, r in zip(wanted, evaluate(*inputs), strict=True)
        }

    return constrain
