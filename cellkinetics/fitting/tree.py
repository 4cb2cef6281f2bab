"""The draws of all chains as one labelled DataTree."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from cellkinetics.fitting.chain import STATISTICS, statistic
from cellkinetics.fitting.compile import Compiled
from cellkinetics.kernel.layout import Floats

_TYPES = {
    "diverging": bool,
    "failed": bool,
    "reached_max_treedepth": bool,
    "tree_depth": np.int64,
    "n_steps": np.int64,
}


def make_tree(
    compiled: Compiled,
    chains: Sequence[Floats],
    *,
    segments: Sequence[int],
    seconds: Sequence[float],
    settings: Mapping[str, Any],
) -> xr.DataTree:
    """Constrained draws and sample statistics.

    Parameters
    ----------
    compiled : Compiled
    chains : sequence of float array (draw, statistic + parameter)      rows after warm-up
    segments : sequence of int          uninterrupted runs that each chain was made in
    seconds : sequence of float         sampling time of each chain
    settings : mapping                  how it was sampled, kept as attributes

    Returns
    -------
    xarray.DataTree                     groups ``posterior`` and ``sample_stats``
    """
    rows = np.stack(chains)
    posterior = make_posterior(compiled, rows[:, :, len(STATISTICS) :])
    statistics = xr.Dataset(
        {
            name: (("chain", "draw"), statistic(rows, name).astype(_TYPES.get(name, np.float64)))
            for name in STATISTICS
            if name != "tuning"
        },
        coords={name: posterior[name] for name in ("chain", "draw")},
    )
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": statistics})
    tree.attrs = {
        "sampler": f"nutpie {version('nutpie')}",
        "settings": json.dumps(dict(settings)),
        "segments": list(segments),
        "bit_identical": int(max(segments) == 1),
        "sampling_seconds": list(seconds),
    }
    return tree


def make_posterior(compiled: Compiled, points: Floats) -> xr.Dataset:
    """The model's own variables at unconstrained points (chain, draw, parameter), labelled."""
    count, draws = points.shape[:2]
    flat = np.ascontiguousarray(points).reshape(count * draws, -1)
    values = {
        name: array.reshape(count, draws, *array.shape[1:])
        for name, array in compiled.constrain(flat).items()
    }
    posterior = xr.Dataset(
        {
            name: (("chain", "draw", *_dims(compiled, name, array)), array)
            for name, array in values.items()
        },
        coords={"chain": np.arange(count), "draw": np.arange(draws)},
        attrs={"free_variables": list(compiled.free)},
    )
    labels = {k: list(v) for k, v in compiled.coords.items() if k in posterior.dims}
    return posterior.assign_coords(labels)


def _dims(compiled: Compiled, name: str, values: np.ndarray) -> tuple[str, ...]:
    shape = values.shape[2:]
    named = compiled.dims.get(name, (None,) * len(shape))
    return tuple(d or f"{name}_dim_{i}" for i, d in enumerate(named))
