"""The log density as a C function for the sampler, kept on disk as machine code.

nutpie wraps PyTensor's function anew in every process, which costs seconds even when PyTensor's
own cache is warm: the graph is rewritten and the wrapper is compiled. Here the wrapper is a
generated module, so that numba's own disk cache holds the whole function, and a second process
loads it without looking at the graph.

The function is always run as loaded from the disk, by a linker of its own, in the process that
compiled it too. Otherwise that process would call whatever parts it has loaded one by one, which
are optimised differently: the last bits would depend on what was in which cache.
"""

import ctypes
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import cfunc, types
from numba.core.caching import FunctionCache
from numba.core.cpu import CPUContext
from numba.core.errors import NumbaWarning
from numba.core.typing.context import Context

from cellkinetics.kernel.cache import load_kernel
from cellkinetics.kernel.layout import Floats

NAN_DENSITY = 5
"""What the C function returns where the log density is not a number: a solver gave up."""

NAN_GRADIENT = 3
"""The same where only the gradient is not finite."""

_DOUBLES: Any = types.CPointer(types.double)
_LOG_DENSITY = types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr)
_EXPAND = types.int64(types.uint64, types.uint64, _DOUBLES, _DOUBLES, types.voidptr)
_C_LOG_DENSITY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)

_SOURCE = '''\
"""Log density and gradient of posterior {key} as C functions."""

import numpy as np
from numba import carray
from nutpie.compile_pymc import address_as_void_pointer

evaluate = None  # the compiled graph: needed only where the disk holds no machine code yet


def log_density(size, x_, gradient_, value_, data_):
    if size != {size}:
        return -1
    x = carray(x_, ({size},))
    table = carray(data_, ({width},), np.int64)
    try:
        value, slope = evaluate({arguments})
        value_[0] = value[()]
        finite = True
        for i in range({size}):
            gradient_[i] = slope[i]
            finite = finite and np.isfinite(slope[i])
        if np.isnan(value_[0]):
            return {nan_density}
        if not np.isfinite(value_[0]):
            return 4
        return 0 if finite else {nan_gradient}
    except Exception:
        return {nan_density}


def expand(size, expanded, x_, out_, data_):
    for i in range(size):
        out_[i] = x_[i]
    return 0
'''


@dataclass(frozen=True, eq=False)
class Function:
    """A C function: its address, and what must stay in memory for it to work."""

    address: int
    keep: Any


@dataclass(frozen=True, eq=False)
class Native:
    """C functions of one posterior, and the data that they read.

    Attributes
    ----------
    log_density, expand : Function
    table : int array               address and shape of each of ``arrays``
    arrays : tuple of array         the data; must live as long as the functions are in use
    cached : bool                   the machine code was on the disk already
    """

    log_density: Function
    expand: Function
    table: np.ndarray
    arrays: tuple[np.ndarray, ...]
    cached: bool

    def __call__(self, x: Floats) -> tuple[float, Floats]:
        """Log density and its gradient at an unconstrained point (parameter,)."""
        point = np.ascontiguousarray(x, dtype=np.float64)
        gradient, value = np.empty_like(point), np.empty(1)
        addresses = [a.ctypes.data for a in (point, gradient, value, self.table)]
        _C_LOG_DENSITY(self.log_density.address)(point.size, *addresses)
        return float(value[0]), gradient


def make_native(
    key: str, size: int, arrays: Sequence[np.ndarray], graph: Callable[[], Any]
) -> Native:
    """Load a posterior's machine code from the disk, or compile it and keep it there.

    Parameters
    ----------
    key : str                       names the graph, its code and its versions
    size : int                      number of unconstrained parameters
    arrays : sequence of array      values of the graph's data, in the order of its arguments
    graph : callable                compiles the graph by numba: (x, *data) -> (value, gradient);
                                    called only where the disk holds no machine code

    Returns
    -------
    Native
    """
    owned = tuple(np.array(a, order="C") for a in arrays)
    table = np.array([n for a in owned for n in (a.ctypes.data, *a.shape)] or [0], dtype=np.int64)
    module: Any = load_kernel(_source(key, size, owned))
    log_density = _load(module.log_density, _LOG_DENSITY)
    cached = log_density is not None
    if log_density is None:
        module.evaluate = graph()
        log_density = _compile(module.log_density, _LOG_DENSITY)
    expand = _load(module.expand, _EXPAND) or _compile(module.expand, _EXPAND)
    return Native(log_density, expand, table, owned, cached)


def _compile(function: Callable[..., int], signature: Any) -> Function:
    with warnings.catch_warnings():
        # Code with addresses of this process in it: it works here, the next process compiles anew.
        warnings.filterwarnings("ignore", message=".*Cannot cache compiled", category=NumbaWarning)
        compiled = cfunc(signature, cache=True)(function)
    return _load(function, signature) or Function(int(compiled.address or 0), compiled)


def _load(function: Callable[..., int], signature: Any) -> Function | None:
    cache, context = FunctionCache(function), CPUContext(Context())
    result: Any = cache.load_overload(signature, context)
    if result is None:
        return None
    address = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)
    return Function(address, result)


def _source(key: str, size: int, arrays: Sequence[np.ndarray]) -> str:
    arguments, at = ["x"], 0
    for a in arrays:
        shape = "".join(f"table[{at + 1 + i}], " for i in range(a.ndim))
        pointer = f"address_as_void_pointer(table[{at}])"
        arguments.append(f"carray({pointer}, ({shape}), np.{a.dtype.name})")
        at += 1 + a.ndim
    return _SOURCE.format(
        key=key,
        size=size,
        width=max(at, 1),
        arguments=", ".join(arguments),
        nan_density=NAN_DENSITY,
        nan_gradient=NAN_GRADIENT,
    )
