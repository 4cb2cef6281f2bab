"""One chain sampled by nutpie in the background, read draw by draw while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.errors import FitError
from cellkinetics.fitting.compile import Compiled, import_nutpie
from cellkinetics.fitting.native import NAN_DENSITY, NAN_GRADIENT
from cellkinetics.kernel.layout import Floats

COLUMNS = {
    "tuning": "tuning",
    "diverging": "diverging",
    "lp": "logp",
    "energy": "energy",
    "acceptance_rate": "mean_tree_accept",
    "step_size": "step_size",
    "tree_depth": "depth",
    "n_steps": "n_steps",
    "reached_max_treedepth": "maxdepth_reached",
}
"""Statistics of a draw that are kept: ArviZ's name, nutpie's name."""

STATISTICS = (*COLUMNS, "failed")
"""``failed``: the trajectory ended where the log density or its gradient is not a number."""

STARTS = 10
"""Jittered points of which a chain starts at the most probable."""

_FAILURES = tuple(f"error code: {code}" for code in (NAN_DENSITY, NAN_GRADIENT))


def statistic(rows: Floats, name: str) -> Floats:
    """A statistic (..., draw) of rows (..., draw, statistic + parameter)."""
    return rows[..., STATISTICS.index(name)]


@dataclass(frozen=True)
class Settings:
    """How a chain is sampled; the same for all chains of a run."""

    draws: int
    tune: int
    target_accept: float
    maxdepth: int
    adaptation: str


class Chain:
    """A chain that runs on a thread of its own, outside Python."""

    def __init__(
        self, compiled: Compiled, settings: Settings, seed: int, at: Floats | None
    ) -> None:
        """Start sampling.

        Parameters
        ----------
        compiled : Compiled
        settings : Settings
        seed : int
        at : float array (parameter,), optional     where to start; default: see ``draw_start``
        """
        self._compiled = compiled
        self._taken = 0
        self._sampler = import_nutpie().sample(
            _with_start(compiled, at),
            draws=settings.draws,
            tune=settings.tune,
            chains=1,
            cores=1,
            seed=seed,
            target_accept=settings.target_accept,
            maxdepth=settings.maxdepth,
            adaptation=settings.adaptation,
            progress_bar=False,
            blocking=False,
            return_raw_trace=True,
        )

    def is_finished(self) -> bool:
        """Whether the chain has ended.

        Raises
        ------
        FitError                    it could not start, or its sampler failed
        """
        try:
            return bool(self._sampler.is_finished)
        except TimeoutError:  # what nutpie raises for "not yet"
            return False
        except RuntimeError as error:
            raise FitError(_explain(self._compiled, error)) from error

    def take(self) -> Floats:
        """New draws since the last call.

        Returns
        -------
        float array (draw, statistic + parameter)   ``STATISTICS``, then the unconstrained draw
        """
        size = self._compiled.start.size
        draws, statistics = self._sampler.inspect().get_arrow_trace()
        if not draws:
            return np.empty((0, len(STATISTICS) + size))
        count = draws[0].num_rows - self._taken
        rows = _rows(
            draws[0].slice(self._taken, count), statistics[0].slice(self._taken, count), size
        )
        self._taken += count
        return rows

    def stop(self) -> None:
        """Stop sampling and free the sampler."""
        self._sampler.cancel()


def _rows(draws: Any, statistics: Any, size: int) -> Floats:
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415  (loaded by nutpie)

    columns = [pa.array(statistics.column(name)) for name in COLUMNS.values()]
    messages = pa.array(statistics.column("divergence_message")).to_pylist()
    failed = [m is not None and m.endswith(_FAILURES) for m in messages]
    point = pa.array(draws.column("x")).flatten().to_numpy()
    return np.column_stack(
        [
            *(c.cast(pa.float64()).to_numpy() for c in columns),
            np.array(failed, dtype=np.float64),
            point.reshape(len(messages), size),
        ]
    )


def draw_start(compiled: Compiled, seed: int) -> Floats:
    """A dispersed starting point: the most probable of some points jittered by U(-1, 1).

    One jittered point alone, as nutpie and PyMC take it, left 1 chain of 120 of a five-subject fit
    in a mode of no weight (80 log units down); the best of ten left none.

    Returns
    -------
    float array (parameter,)        unconstrained
    """
    rng = np.random.default_rng(seed)
    points = compiled.start + rng.uniform(-1.0, 1.0, (STARTS, compiled.start.size))
    density = [compiled.native(point)[0] for point in points]
    best: Floats = points[np.argmax(np.nan_to_num(density, nan=-np.inf))]
    return best


def _with_start(compiled: Compiled, at: Floats | None) -> Any:
    """What nutpie samples from: a vector without names, and our own C functions."""
    from nutpie.compile_pymc import CompiledPyMCModel  # noqa: PLC0415  (heavy; loaded by then)

    size = compiled.start.size

    def start(seed: int) -> Floats:
        return draw_start(compiled, seed) if at is None else at

    return CompiledPyMCModel(
        dims={"x": ("unconstrained_parameter",)},
        reparameterized_names=[],
        compiled_logp_func=compiled.native.log_density,
        compiled_expand_func=compiled.native.expand,
        initial_point_func=start,
        shared_data={},
        shared_var_keys={},
        user_data=compiled.native.table,
        n_expanded=size,
        shape_info=(["x"], [slice(0, size)], [(size,)]),
        logp_func=None,
        expand_func=None,
        _n_dim=size,
        _shapes={"x": (size,)},
        _coords={"unconstrained_parameter": pd.Index(list(compiled.names))},
    )


def _explain(compiled: Compiled, error: RuntimeError) -> str:
    value, gradient = compiled.native(compiled.start)
    bad: Sequence[str] = [
        name for name, g in zip(compiled.names, gradient, strict=True) if not np.isfinite(g)
    ]
    where = f"At the priors' centre the log density is {value:.6g}"
    where += f", and its gradient is not finite in {', '.join(bad)}." if bad else "."
    first = str(error).splitlines()[0]
    return (
        f"The sampler stopped: {first}. {where}"
        " Usual causes: priors that reach where the model cannot be solved, or a reading that the"
        " model gives no probability (a zero without a limit, an infinite limit)."
    )
