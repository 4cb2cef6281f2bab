"""From a file to its model, or to what keeps it from being one."""

import dataclasses
import re
from pathlib import Path

from cellkinetics import declare
from cellkinetics.catalogue import import_file, line_in, load_model
from cellkinetics.contract.finding import Place, place_of
from cellkinetics.declare import Model
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.study.findings import Finding

_UNEXPECTED = re.compile(r"(?:(\w+)\.)?__init__\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(
    r"(?:(\w+)\.)?__init__\(\) missing \d+ required keyword-only arguments?: (.+)"
)
_START = "Start from a file that passes: cellkinetics new-model my_model.py"


def import_model(path: Path) -> tuple[Place, Model | None, list[Finding]]:
    """Import a model file.

    Parameters
    ----------
    path : Path                     a Python file that declares MODEL

    Returns
    -------
    (Place, Model or None, list of Finding)     a model, or why there is none
    """
    place = place_of(path if path.is_file() else None, path.name)
    if not path.is_file():
        found = place.found(
            "model-not-found", came=f"no file '{path}'", wanted="a Python file", cure=_START
        )
        return place, None, [found]
    path = path.absolute()  # a file that changes the working directory is found all the same
    try:
        module = import_file(path)
    except ModelError as error:
        return place, None, [_not_imported(place, error.__cause__ or error)]
    model = getattr(module, "MODEL", None)
    if isinstance(model, Model):
        return place, load_model(path), []
    line, came = None, "no MODEL"
    if model is not None:
        came = f"a MODEL that is {type(model).__name__}"
    else:
        close = [n for n, v in vars(module).items() if isinstance(v, Model)]
        if close:
            came = f"a Model by the name '{close[0]}', and no MODEL"
    found = place.found(
        "model-not-declared", came=came, wanted="MODEL = Model(...) at its end", cure=_START,
        line=line,
    )  # fmt: skip
    return place, None, [found]


def _not_imported(place: Place, error: BaseException) -> Finding:
    assert place.path is not None
    line = line_in(error, place.path)
    if isinstance(error, SyntaxError):
        text = (error.text or "").strip()
        return place.found(
            "model-not-python",
            came=f"what is not Python ({error.msg}){': ' + text if text else ''}",
            cure="Mend that line, or the one before it.",
            line=line,
        )
    if isinstance(error, ModelError):
        sentence = str(error)
        named = re.match(r"parameter '(\w+)': ", sentence)
        keyword = re.match(r"(\w+)= is ", sentence)
        if named:
            line = place.line_of_name(named[1]) or line
        elif keyword:
            line = place.line_of_keyword(keyword[1]) or line
        code = "source-missing" if "give either a source" in sentence else "model-declared-wrongly"
        return place.found(code, came=sentence.rstrip("."), line=line)
    if isinstance(error, TypeError):
        return _wrong_arguments(place, error, line)
    cure = ""
    if isinstance(error, ImportError):
        cure = "A model is one file: move what it needs into it, or install the package."
    return place.found(
        "model-cannot-be-imported", came=f"{type(error).__name__}: {error}", cure=cure, line=line
    )


def _wrong_arguments(place: Place, error: TypeError, line: int | None) -> Finding:
    """A declaration with a keyword that does not exist, or without one that is needed."""
    unexpected, missing = _UNEXPECTED.search(str(error)), _MISSING.search(str(error))
    match = unexpected or missing
    declared = getattr(declare, match[1], None) if match and match[1] else None
    if unexpected and dataclasses.is_dataclass(declared):
        names = [f.name for f in dataclasses.fields(declared)]
        return place.found(
            "model-declared-wrongly",
            came=f"{unexpected[1]}({unexpected[2]}=...)",
            wanted=f"a keyword of {unexpected[1]}",
            cure=did_you_mean(unexpected[2], names),
            line=place.line_of_keyword(unexpected[2], of=unexpected[1]) or line,
        )
    if missing and declared is not None:
        return place.found(
            "model-declared-wrongly",
            came=f"{missing[1]}(...) without {missing[2]}",
            cure=f"Give {missing[2]}.",
            line=line,
        )
    return place.found("model-cannot-be-imported", came=f"TypeError: {error}", line=line)
