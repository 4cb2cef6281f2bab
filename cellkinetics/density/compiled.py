"""How functions are handed to numba here: one set of options, with their types kept."""

from collections.abc import Callable
from typing import Any, cast

from numba import njit


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile at the first call, keep the machine code on disk, release the GIL.

    Numba's disk cache looks at the file of the function that is called and not at the files of
    the functions that it calls: what changes together stays in one file.
    """
    # No fastmath: reassociation would undo the order of operations that the tails rely on. It
    # must be said: unsaid, numba takes the caller's flags, and PyTensor calls with fastmath.
    compile_late = njit(cache=True, error_model="numpy", nogil=True, fastmath=False)
    return cast(F, compile_late(function))
