"""Findings about a model file, and the lines that they stand at."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellkinetics.declare import Model
from cellkinetics.study.findings import Finding, Severity

# Every code that a finding about a model can carry; the names are stable.
CODES: dict[str, Severity] = {
    # the file
    "model-not-found": "error",
    "model-not-python": "error",
    "model-cannot-be-imported": "error",
    "model-not-declared": "error",
    "model-declared-wrongly": "error",
    # names in its functions
    "name-invalid": "error",
    "name-twice": "error",
    "name-unknown": "error",
    "not-symbolic": "error",
    "function-fails": "error",
    "function-returns": "error",
    "key-unknown": "error",
    "key-missing": "error",
    "switch-unknown": "error",
    "depends-on": "error",
    "parameter-unused": "error",
    "input-unused": "warning",
    "equations-missing": "error",
    # what it declares
    "source-missing": "error",
    "text-missing": "error",
    "symbol-missing": "warning",
    "identifiability-missing": "warning",
    "effect-wrong": "error",
    "residual-wrong": "error",
    "input-wrong": "error",
    "treatment-unknown": "error",
    "dosing-missing": "error",
    "dosing-unused": "error",
    "dose-range-wrong": "error",
    "example-wrong": "error",
    "class-wrong": "error",
    "published-wrong": "error",
    "unit-wrong": "error",
    # what it computes
    "not-compiled": "error",
    "published-not-reproduced": "error",
    "code-differs": "error",
    "closed-form-differs": "error",
    "gradient-differs": "error",
    "row-on-event": "error",
    "not-solved": "error",
    "state-below-zero": "error",
}


@dataclass(frozen=True)
class Place:
    """A model file as findings name it, and where things stand in it.

    Attributes
    ----------
    path : Path or None             absolute; None: the model has no file of its own
    name : str                      how findings call the file
    tree : ast.Module or None       None where the file cannot be parsed
    """

    path: Path | None
    name: str
    tree: ast.Module | None

    def found(
        self,
        code: str,
        *,
        came: str,
        wanted: str = "",
        cure: str = "",
        line: int | None = None,
        column: str | None = None,
    ) -> Finding:
        """Make a finding about this file."""
        return Finding(
            CODES[code], code, "model", self.name, line, column, None, came, wanted, cure
        )

    def line_of_name(self, name: str) -> int | None:
        """Line at which a quantity of this name is declared: ``State(name="effector", ...)``."""
        for call in self._calls():
            given = [k.value for k in call.keywords if k.arg == "name"] + call.args[:1]
            for value in given:
                if isinstance(value, ast.Constant) and value.value == name:
                    return value.lineno
        return None

    def line_of_keyword(self, keyword: str, *, of: str = "Model") -> int | None:
        """Line of a keyword of a call: ``doses=`` of ``Model(...)``."""
        for call in self._calls():
            if isinstance(call.func, ast.Name) and call.func.id == of:
                for given in call.keywords:
                    if given.arg == keyword:
                        return given.value.lineno
        return None

    def line_of_function(self, function: Callable[..., Any] | None) -> int | None:
        """Line at which a function begins, if it stands in this file."""
        code = getattr(function, "__code__", None)
        if code is None or self.path is None or code.co_filename != str(self.path):
            return None
        return int(code.co_firstlineno)

    def line_of_key(self, function: Callable[..., Any] | None, key: str) -> int | None:
        """Line of a key in the dict that a function returns; else that of the function."""
        first = self.line_of_function(function)
        if first is None or self.tree is None:
            return None
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.Lambda) and node.lineno == first:
                for inner in ast.walk(node):
                    keys: list[ast.expr | None] = inner.keys if isinstance(inner, ast.Dict) else []
                    for k in keys:
                        if isinstance(k, ast.Constant) and k.value == key:
                            return k.lineno
        return first

    def line_of_return(self, function: Callable[..., Any] | None) -> int | None:
        """Line of what a function returns; else that of the function."""
        first = self.line_of_function(function)
        for node in ast.walk(self.tree) if self.tree is not None else ():
            if isinstance(node, ast.FunctionDef) and node.lineno == first:
                returns = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Return)]
                return returns[-1] if returns else first
        return first

    def line_of_text(self, text: str, *, of: str) -> int | None:
        """Line of a text that a function is called with: ``after("peak")``."""
        for call in self._calls():
            if isinstance(call.func, ast.Name) and call.func.id == of:
                for given in call.args:
                    if isinstance(given, ast.Constant) and given.value == text:
                        return given.lineno
        return None

    def line_here(self, frame: Any) -> int | None:
        """Line of this file at which a running frame, or one that called it, stands."""
        while frame is not None:
            if self.path is not None and frame.f_code.co_filename == str(self.path):
                return int(frame.f_lineno)
            frame = frame.f_back
        return None

    def _calls(self) -> Iterator[ast.Call]:
        if self.tree is not None:
            yield from (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


def place_of(path: Path | None, name: str) -> Place:
    """The place of a model that stands in a file, or in none."""
    tree = None
    if path is not None:
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            tree = None
    return Place(None if path is None else path.resolve(), name, tree)


def place_of_model(model: Model) -> Place:
    """The place of a model that is loaded already: the file of its functions."""
    code = getattr(model.initial, "__code__", None)
    path = None if code is None else Path(code.co_filename)
    if path is None or not path.is_file():
        return place_of(None, model.name)
    return place_of(path, path.name)
