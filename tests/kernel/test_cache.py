"""Compiled kernels on disk: found again by the next process, whole or not at all."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cellkinetics.kernel.cache import cache_folder, load_kernel

TEXT = '''"""A small module of a test."""

from numba import njit


@njit(cache=True)
def add_one(x):
    return x + 1.0
'''

RUN = f"""
import json
from cellkinetics.kernel.cache import load_kernel
module = load_kernel({TEXT!r})
found = module.add_one(1.0)
stats = module.add_one.stats
print(json.dumps([found, sum(stats.cache_hits.values()), sum(stats.cache_misses.values())]))
"""


def forget(module: ModuleType) -> None:
    """As if the process had not loaded it."""
    del sys.modules[module.__name__]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CELLKINETICS_CACHE_DIR", str(tmp_path / "kernels"))
    before = set(sys.modules)
    yield tmp_path / "kernels"
    for name in set(sys.modules) - before:
        if name.startswith("cellkinetics_kernel_"):
            del sys.modules[name]


def compiled_files(folder: Path) -> list[Path]:
    return sorted((folder / "__pycache__").glob("*.nb[ci]"))


def test_the_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CELLKINETICS_CACHE_DIR", raising=False)
    assert cache_folder() == tmp_path / "cellkinetics"
    monkeypatch.setenv("CELLKINETICS_CACHE_DIR", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"


def test_a_kernel_is_one_file_named_after_its_text(folder: Path) -> None:
    first, second = load_kernel(TEXT), load_kernel(TEXT + "\nTWO = 2.0\n")
    assert load_kernel(TEXT) is first
    assert first is not second
    files = {path.stem: path.read_text() for path in folder.glob("*.py")}
    assert files == {first.__name__: TEXT, second.__name__: TEXT + "\nTWO = 2.0\n"}


def test_a_file_that_was_changed_or_cut_short_is_written_again(folder: Path) -> None:
    module = load_kernel(TEXT)
    path = folder / f"{module.__name__}.py"
    for damage in ("", TEXT[:50], TEXT.replace("1.0", "2.0")):
        forget(module)
        path.write_text(damage)
        module = load_kernel(TEXT)
        assert path.read_text() == TEXT
        assert module.add_one(1.0) == 2.0


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_compiled_files_that_were_cut_short_are_compiled_again(folder: Path, suffix: str) -> None:
    module = load_kernel(TEXT)
    assert module.add_one(1.0) == 2.0
    (path,) = (folder / "__pycache__").glob(f"*.{suffix}")
    path.write_bytes(path.read_bytes()[:30])
    forget(module)
    module = load_kernel(TEXT)
    assert module.add_one(1.0) == 2.0
    forget(module)
    again = load_kernel(TEXT)
    assert again.add_one(1.0) == 2.0
    assert sum(again.add_one.stats.cache_hits.values()) == 1


def test_a_second_load_reads_and_writes_nothing(folder: Path) -> None:
    module = load_kernel(TEXT)
    module.add_one(1.0)
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    forget(module)
    module = load_kernel(TEXT)
    module.add_one(1.0)
    assert sum(module.add_one.stats.cache_misses.values()) == 0
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()} == written


def test_two_processes_at_once_and_a_third_that_compiles_nothing(folder: Path) -> None:
    def start() -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", RUN], stdout=pipe, stderr=pipe, text=True)

    def result(process: subprocess.Popen[str]) -> list[float]:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return list(json.loads(out))

    for process in [start(), start()]:
        assert result(process)[0] == 2.0
    files = compiled_files(folder)
    assert files
    assert result(start()) == [2.0, 1, 0], "2.0, found on disk, not compiled"
    assert compiled_files(folder) == files
