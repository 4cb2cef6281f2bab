"""What PyTensor's numba mode runs for an Op of ours."""

from collections.abc import Callable
from typing import Any, cast

from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

type Compile = Callable[..., tuple[Any, str]]


def compiles(op: type[Op]) -> Callable[[Compile], Compile]:
    """Register a function that returns compiled code for an Op, and the key of its disk cache."""
    register = register_funcify_and_cache_key(op)  # type: ignore[no-untyped-call]
    return cast(Callable[[Compile], Compile], register)
