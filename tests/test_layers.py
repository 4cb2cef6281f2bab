"""The data flow is the architecture: what a module may import, read from its source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cellkinetics"

# Each imports only from those before it (and, within a folder, from its own).
ORDER = (
    "errors",
    "units",
    "files",
    "study",
    "survival",
    "declare",
    "algebra",
    "symbolic",
    "balance",
    "catalogue",
    "spec",
    "density",
    "kernel",
    "published",
    "observation",
    "population",
    "contract",
    "identifiability",
    "joint",
    "plot",
    "fitting",
    "exporting",
    "exposure",
    "outcome",
    "simulation",
    "cdisc",
    "endpoints",
    "card",
    "page",
    "verify",
    "show",
    "cli",
)
# Model files lie beside the package; the catalogue alone knows them, by name.
MODEL_FILES = {"declare", "algebra"}
HEAVY = {
    "pymc": ("joint", "fitting"),
    "pytensor": ("joint", "fitting", "kernel/op", "kernel/density_op", "kernel/dispatch"),
    "nutpie": ("fitting",),
    "matplotlib": ("plot",),
}
LONGEST = 400  # lines that are not blank
LONGEST_MODEL = 450  # a model file is one declaration, most of it a table of values


def modules(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def place(path: Path) -> str:
    """``kernel/op`` for cellkinetics/kernel/op.py; ``kernel`` for its __init__."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "/".join(part for part in parts if part != "__init__")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at any depth; names of a ``from`` import included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def owned(paths: list[Path]) -> list[Path]:
    """Without the package's own __init__, which imports on first use only."""
    return [path for path in paths if path != PACKAGE / "__init__.py"]


def layers(path: Path) -> set[str]:
    """First names after ``cellkinetics.`` in a file's imports."""
    parts = [name.split(".") for name in imports(path)]
    return {p[1] for p in parts if p[0] == "cellkinetics" and len(p) > 1}


def test_every_module_has_a_place_in_the_order() -> None:
    found = {place(path).split("/")[0] for path in owned(modules(PACKAGE))}
    assert found - set(ORDER) == set(), "give the new module its place in ORDER"
    assert set(ORDER) - found == set(), "ORDER names a module that is gone"


def test_imports_go_one_way() -> None:
    wrong = []
    for path in owned(modules(PACKAGE)):
        own = place(path).split("/")[0]
        for other in layers(path):
            if other in ORDER and ORDER.index(other) > ORDER.index(own):
                wrong.append(f"{place(path)} imports {other}, which comes after it")
            elif other not in ORDER:
                wrong.append(f"{place(path)} imports {other} by name")
    assert wrong == []


def test_the_check_sees_an_import_that_goes_the_other_way(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text(
        "def f():\n    from cellkinetics.fitting.run import fit\n    import cellkinetics.cli\n"
    )
    assert layers(file) == {"fitting", "cli"}


def test_models_import_only_what_they_are_written_with() -> None:
    for path in modules(ROOT / "models"):
        assert layers(path) <= MODEL_FILES, path.name


def test_models_and_fits_are_reached_through_the_catalogue_alone() -> None:
    for path in owned(modules(PACKAGE)):
        text = path.read_text(encoding="utf-8")
        named = layers(path) & {"models", "fits"}
        assert not named, f"{place(path)} imports {named}"
        if place(path) != "catalogue":
            assert "cellkinetics.models" not in text, place(path)
            assert "cellkinetics.fits" not in text, place(path)


@pytest.mark.parametrize("package", HEAVY)
def test_heavy_packages_are_imported_in_few_places(package: str) -> None:
    for path in modules(PACKAGE):
        if any(name.split(".")[0] == package for name in imports(path)):
            where = place(path)
            allowed = HEAVY[package]
            assert where in allowed or where.split("/")[0] in allowed, f"{where} imports {package}"


def test_no_module_grows_past_its_bound() -> None:
    long = {}
    for path in modules(PACKAGE, ROOT / "models"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if len(lines) > (LONGEST_MODEL if path.parent.name == "models" else LONGEST):
            long[path.relative_to(ROOT).as_posix()] = len(lines)
    assert long == {}, "make it a folder of the same name"


def test_no_file_names_a_place_on_one_machine() -> None:
    for path in modules(PACKAGE, ROOT / "models", ROOT / "fits", ROOT / "tests"):
        text = path.read_text(encoding="utf-8")
        for start in ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"):
            assert start not in text, f"{path.relative_to(ROOT)} names {start}"


def test_the_command_line_starts_without_the_heavy_packages() -> None:
    """``--help`` must not wait for them."""
    code = "import sys, cellkinetics.cli; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    heavy = {"pymc", "pytensor", "sympy", "numba", "pandas", "matplotlib", "xarray"}
    assert set(run.stdout.split()) & heavy == set()
