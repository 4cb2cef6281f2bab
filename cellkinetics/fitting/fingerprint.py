"""A name for a posterior's compiled code: equal graphs, code and versions give equal names.

PyTensor names compiled functions only after it has rewritten their graph, which takes longer than
everything else in a warm start together. So the graph is named as PyMC builds it.
"""

import ast
import io
import platform
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.metadata import version
from importlib.util import resolve_name
from pathlib import Path
from typing import Any
from uuid import uuid4

import cloudpickle
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.configdefaults import config
from pytensor.graph.basic import Variable
from pytensor.graph.op import Op
from pytensor.graph.utils import Scratchpad

_PACKAGES = ("pymc", "pytensor", "numba", "llvmlite", "numpy", "scipy")
_FLAGS = ("floatX", "numba__fastmath", "numba__vectorize_target")
_VERSIONED = {"pymc", "pytensor"}  # op packages whose version says what their code is


def graph_key(graph: Sequence[Variable[Any, Any]], *extra: str) -> str:
    """Name a graph so that the name can stand for the machine code made from it.

    The name changes with the graph's structure, types and constants, with the versions of what
    compiles it and with the source of every op in it, and of what that imports from its package.
    It does not change with the values of shared variables (``pm.Data``), nor with what else the
    process has built.

    Parameters
    ----------
    graph : sequence of Variable    outputs; everything that they depend on is read
    extra : str                     whatever else the compiled code depends on

    Returns
    -------
    str                             letters and digits; a graph that cannot be written down gets a
                                    name that is never found again
    """
    stream = io.BytesIO()
    pickler = _GraphPickler(stream)
    try:
        pickler.dump(list(graph))
    except (RecursionError, TypeError, AttributeError, cloudpickle.pickle.PicklingError):
        return f"unnamed{uuid4().hex}"
    digest = sha256(stream.getvalue())
    for text in (*extra, *_surroundings(), *_sources(pickler.modules)):
        digest.update(text.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:20]


class _GraphPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Writes what a graph means; leaves out where and in which order it was written."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=5)
        self.modules: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Scratchpad):  # source lines of the caller
            return _made, ("scratchpad",)
        if isinstance(obj, SharedVariable):
            return _made, ("shared", obj.name, str(obj.type))
        if isinstance(obj, Op):
            self.modules.add(type(obj).__module__)
            if hasattr(obj, "__props__"):
                return _made, (
                    _class_name(obj),
                    tuple(getattr(obj, name) for name in obj.__props__),
                )
        elif isinstance(obj, Variable) and "__reduce_ex__" not in obj.__dict__:
            hidden = {"auto_name", "tag", "_fn_cache"}  # auto_name counts what the process built
            state = {k: v for k, v in obj.__dict__.items() if k not in hidden}
            return _made, (_class_name(obj),), state
        return super().reducer_override(obj)


def _made(*what: object) -> None:
    """Stand in for a constructor: what is pickled here is never read back."""
    raise AssertionError(what)


def _class_name(obj: object) -> str:
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def _surroundings() -> Iterable[str]:
    yield platform.python_version()
    yield from (f"{name} {version(name)}" for name in _PACKAGES)
    yield from (f"{flag} {getattr(config, flag, None)}" for flag in _FLAGS)


def _sources(modules: Iterable[str]) -> Iterable[str]:
    """Source of these modules and of all that they import from their own packages.

    Packages whose version says what their code is are left out.
    """
    known: dict[str, str] = {}
    waiting = [name for name in modules if name.partition(".")[0] not in _VERSIONED]
    while waiting:
        name = waiting.pop()
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is None or name in known:
            continue
        known[name] = Path(file).read_text(encoding="utf-8")
        package = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
        root = name.partition(".")[0]
        waiting += [n for n in _imports(known[name], package) if n.partition(".")[0] == root]
    for name in sorted(known):
        yield name
        yield known[name]


def _imports(source: str, package: str) -> Iterable[str]:
    """Every name that a source file imports and that may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
