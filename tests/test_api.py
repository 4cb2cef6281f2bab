"""What ``import cellkinetics`` offers, in any order and more than once."""

import subprocess
import sys

import pytest

import cellkinetics

# A package named like a function would take its place as soon as it is imported.
TWICE = """
import cellkinetics as ck
names = [name for name in ck.__all__ if name != "__version__"]
for again in (names, names[::-1]):
    for name in again:
        space = {}
        exec(f"from cellkinetics import {name} as found", space)
        for what in (getattr(ck, name), space["found"]):
            assert callable(what), f"{name} is {what}"
"""


def test_every_public_function_stays_one() -> None:
    subprocess.run([sys.executable, "-c", TWICE], check=True, timeout=300)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        cellkinetics.fitt  # noqa: B018
