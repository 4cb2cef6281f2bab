"""Options of a NONMEM-style file: each of the right kind, or a finding."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellkinetics.study.findings import Finding, finding, shown
from cellkinetics.study.nonmem_layout import NonmemOptions
from cellkinetics.study.settings import OPTIONS_FILE

_TABLES = {
    "analytes": '{1: "qpcr"}',
    "units": '{"qpcr": "copies/ug"}',
    "covariates": '{"WT": "weight_kg"}',
    "settings": '{"wbc": {"analyte": "wbc"}}',
}
_TEXTS = ("by", "id", "time_unit", "dose_unit", "name")


def check_options(options: NonmemOptions) -> list[Finding]:
    """Find options of a wrong kind, which would only break the reading later.

    Parameters
    ----------
    options : NonmemOptions       as the caller gave them

    Returns
    -------
    list of Finding               errors
    """
    given: Mapping[str, Any] = options
    return [
        finding(
            "option-not-used",
            "study",
            file=OPTIONS_FILE,
            came=f"{name}={shown(repr(value))}"
            if not isinstance(value, str)
            else f"{name}={value!r}",
            wanted=wanted,
            cure="Correct the option.",
        )
        for name, value in given.items()
        if (wanted := _wanted(name, value))
    ]


def _wanted(name: str, value: Any) -> str:
    """What an option should have been, or nothing where it is right."""
    if name == "settings" and isinstance(value, str | Path):
        return ""
    if name in _TABLES:
        if not isinstance(value, Mapping):
            return f"a table, such as {_TABLES[name]}"
        if name == "analytes" and not all(_is_whole(key) for key in value):
            return f"whole numbers as keys, such as {_TABLES[name]}"
        if name == "units":
            texts: tuple[type, ...] = (str,)
        elif name == "settings":
            return ""
        else:
            texts = (str, type(None))
        if not all(isinstance(text, texts) for text in value.values()):
            return f"texts as values, such as {_TABLES[name]}"
    if name in _TEXTS and not isinstance(value, str):
        return "a text"
    if name == "zeros_as_read" and (isinstance(value, str) or not isinstance(value, Sequence)):
        return 'a list of analytes, such as ["qpcr"]'
    return ""


def _is_whole(key: Any) -> bool:
    return isinstance(key, int) and not isinstance(key, bool)
