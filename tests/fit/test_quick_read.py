"""The compiled loop over rows is never that of other densities than there are."""

import shutil
from pathlib import Path

from cellkinetics import density
from cellkinetics.fitting import quick_read
from cellkinetics.kernel.cache import load_kernel

DENSITIES = Path(density.__file__).parent


def test_it_is_compiled_from_a_copy_that_is_named_after_the_densities() -> None:
    loaded = quick_read.read_compiled()
    module = load_kernel(quick_read.copy_with_hash(DENSITIES))
    assert loaded is module.read_rows
    assert module.__file__ != quick_read.__file__


def test_any_change_of_the_densities_gives_another_copy(tmp_path: Path) -> None:
    now = quick_read.copy_with_hash(DENSITIES)
    folder = tmp_path / "density"
    shutil.copytree(DENSITIES, folder)
    assert quick_read.copy_with_hash(folder) == now
    for file in sorted(folder.glob("*.py")):
        before = file.read_bytes()
        file.write_bytes(before + b"# changed\n")
        assert quick_read.copy_with_hash(folder) != now, f"{file.name} is not looked at"
        file.write_bytes(before)
