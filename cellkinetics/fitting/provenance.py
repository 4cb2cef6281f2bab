"""What a result was made from: hashes of spec, data and model, versions of what computed it."""

import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

import pandas as pd

from cellkinetics.files import write_text
from cellkinetics.joint import Joint
from cellkinetics.spec import KEPT_MODEL, model_file
from cellkinetics.study.tables import TABLES

PACKAGES = ("cellkinetics", "numpy", "scipy", "numba", "pytensor", "pymc", "nutpie", "arviz")


def identity(joint: Joint) -> dict[str, Any]:
    """Everything that a posterior depends on; two fits with one identity have one posterior.

    Returns
    -------
    dict with ``spec`` (the whole fit.toml, parsed), ``data`` (hash by table), ``settings`` (hash of
    study.toml as read) and ``model`` (hash of the generated kernel and of the declared priors)
    """
    population = joint.population
    said = (population.typical, population.omega, population.constants)
    priors = repr(said if population.classes is None else (*said, population.classes))
    return {
        "spec": joint.spec.model_dump(mode="json"),
        "data": {table.name: _table_hash(joint.study.table(table.name)) for table in TABLES},
        "settings": _hash(joint.study.settings.model_dump_json()),
        "model": _hash(joint.kernel.source + priors),
    }


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Name what differs between two identities, a sentence each.

    Returns
    -------
    list of str                     empty where they agree
    """
    out = [
        f"fit.toml: {key} was {_short(a)}, is {_short(b)}"
        for key, a, b in _differences(old.get("spec", {}), new["spec"])
    ]
    for table, digest in new["data"].items():
        if old.get("data", {}).get(table) != digest:
            out.append(f"study: {table}.csv has changed")
    if old.get("settings") != new["settings"]:
        out.append("study: study.toml has changed")
    if old.get("model") != new["model"]:
        out.append(f"model: {new['spec']['model']} (its equations or priors) has changed")
    return out


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that computed a result."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _table_hash(table: pd.DataFrame) -> str:
    """Hash of a table's content: the same rows in another file format have the same hash."""
    ordered = table.drop(columns="line", errors="ignore").sort_index(axis=1)
    return _hash(ordered.to_csv(index=False, float_format="%.17g"))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _differences(old: Any, new: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            item
            for name in sorted({*old, *new})
            for item in _differences(old.get(name), new.get(name), f"{key}.{name}".lstrip("."))
        ]
    return [] if old == new else [(key, old, new)]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def keep_asked(folder: Path, joint: Joint, where: Path) -> None:
    """Copy what was asked into a result: fit.toml, and the model file where it is the user's."""
    write_text(folder / "fit.toml", (where / "fit.toml").read_text(encoding="utf-8"))
    file = model_file(joint.spec, where)
    if file is not None:
        write_text(folder / KEPT_MODEL, file.read_text(encoding="utf-8"))
