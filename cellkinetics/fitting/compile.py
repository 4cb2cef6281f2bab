"""From a ``pm.Model`` to what a sampler calls: log density, start, constrained values."""

import importlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.initial_point import make_initial_point_expression
from pymc.pytensorf import replace_rng_nodes
from pytensor.compile.maker import function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.gradient import grad
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import graph_inputs

from cellkinetics.errors import FitError
from cellkinetics.fitting.constrain import PYTHON, constrain_function
from cellkinetics.fitting.fingerprint import graph_key
from cellkinetics.fitting.native import Native, make_native
from cellkinetics.kernel.layout import Floats


@dataclass(frozen=True, eq=False)
class Compiled:
    """A posterior that is ready to be sampled.

    Attributes
    ----------
    native : Native                 log density and gradient; call it with a point (parameter,)
    start : float array (parameter,)    unconstrained; the priors' support point
    names : tuple of str            one a scalar unconstrained parameter, for messages
    free : tuple of str             the model's free random variables
    dims : mapping                  dimension names of every variable of the posterior
    coords : mapping                labels of every dimension
    constrain : callable            (draw, parameter) -> {variable: (draw, ...)}
    key : str                       names the graph and its code
    seconds : float                 what compiling or loading took
    """

    native: Native
    start: Floats
    names: tuple[str, ...]
    free: tuple[str, ...]
    dims: Mapping[str, tuple[str, ...]]
    coords: Mapping[str, Sequence[Any]]
    constrain: Callable[[Floats], dict[str, np.ndarray]]
    key: str
    seconds: float


def compile_model(model: pm.Model) -> Compiled:
    """Compile a model's log density and gradient, or load them from the disk.

    A graph that was compiled before, in this or another process, with the same versions of
    everything, is loaded; values of ``pm.Data`` may differ. They are taken as they are now.

    Parameters
    ----------
    model : pm.Model                continuous free variables only

    Returns
    -------
    Compiled

    Raises
    ------
    FitError                        the model has nothing to sample, or discrete variables
    """
    began = time.perf_counter()
    _check(model)
    values = [model.rvs_to_values[rv] for rv in model.free_RVs]
    points = _start(model)
    shapes = [p.shape for p in points]
    logp = model.logp()
    data = [v for v in graph_inputs([logp]) if isinstance(v, SharedVariable)]
    size = sum(p.size for p in points)
    key = graph_key([logp, *values], str(shapes))
    import_nutpie()  # the generated module needs it
    native = make_native(
        key,
        size,
        [np.asarray(v.get_value(borrow=True)) for v in data],
        lambda: _compile_graph(model, logp, values, shapes, data),
    )
    return Compiled(
        native=native,
        start=np.concatenate([p.ravel() for p in points]),
        names=tuple(_scalar_names(values, shapes)),
        free=tuple(rv.name for rv in model.free_RVs),
        dims={k: tuple(v) for k, v in model.named_vars_to_dims.items()},
        coords=_coords(model),
        constrain=constrain_function(model, shapes),
        key=key,
        seconds=time.perf_counter() - began,
    )


def import_nutpie() -> ModuleType:
    """Import nutpie without ArviZ and its plots, which it loads for conversions not used here."""
    if "nutpie" in sys.modules or "arviz" in sys.modules:
        return importlib.import_module("nutpie")
    later = ModuleType("arviz")
    later.__getattr__ = lambda name: getattr(importlib.import_module("arviz"), name)  # type: ignore[method-assign]
    sys.modules["arviz"] = later
    try:
        return importlib.import_module("nutpie")
    finally:
        del sys.modules["arviz"]


def _check(model: pm.Model) -> None:
    if not model.free_RVs:
        raise FitError("The model has no free parameters: there is nothing to sample.")
    discrete = [rv.name for rv in model.free_RVs if rv.dtype not in {"float64", "float32"}]
    if discrete:
        raise FitError(
            f"NUTS samples continuous parameters only; not so: {', '.join(discrete)}."
            " Sum them out of the model's density (pymc_extras.marginalize)."
        )


def _start(model: pm.Model) -> list[np.ndarray]:
    """Support points (or the model's own initial values), unconstrained, one a free variable."""
    expression = make_initial_point_expression(
        free_rvs=model.free_RVs,
        rvs_to_transforms=model.rvs_to_transforms,
        initval_strategies=model.rvs_to_initial_values,
        default_strategy="support_point",
        return_transformed=True,
    )
    evaluate = function([], replace_rng_nodes(expression), mode=PYTHON)
    return [np.asarray(p, dtype=np.float64) for p in evaluate()]


def _compile_graph(
    model: pm.Model,
    logp: Any,
    values: list[Any],
    shapes: list[tuple[int, ...]],
    data: list[Any],
) -> Any:
    """Numba function (x, *data) -> (log density, gradient)."""
    rewrites = ["canonicalize", "stabilize"]
    if not model.check_bounds:
        rewrites.append("local_remove_check_parameter")
    logp = rewrite_graph(logp, include=rewrites)
    slopes: Any = [pt.as_tensor(g).flatten() for g in cast(list[Any], grad(logp, values))]
    x, parts = _joined(values, shapes)
    arguments = [v.type(name=v.name) for v in data]
    replacements = {**parts, **dict(zip(data, arguments, strict=True))}
    outputs = clone_replace([logp, pt.join(0, *slopes)], replacements)
    with model:
        compiled = pm.pytensorf.compile(
            [x, *arguments], outputs, mode="NUMBA", on_unused_input="ignore"
        )
    return compiled.vm.jit_fn


def _joined(values: list[Any], shapes: list[tuple[int, ...]]) -> tuple[Any, dict[Any, Any]]:
    """One vector in place of the model's value variables."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    edges = np.cumsum([0, *sizes]).tolist()
    x = pt.tensor("unconstrained", shape=(edges[-1],), dtype="float64")
    parts = {
        value: x[low:high].reshape(shape).astype(value.dtype)
        for value, shape, low, high in zip(values, shapes, edges[:-1], edges[1:], strict=True)
    }
    return x, parts


def _scalar_names(values: list[Any], shapes: list[tuple[int, ...]]) -> list[str]:
    return [
        f"{value.name}[{','.join(map(str, index))}]" if shape else value.name
        for value, shape in zip(values, shapes, strict=True)
        for index in np.ndindex(*shape)
    ]


def _coords(model: pm.Model) -> dict[str, Sequence[Any]]:
    return {
        name: range(int(model.dim_lengths[name].eval())) if labels is None else list(labels)
        for name, labels in model.coords.items()
    }
