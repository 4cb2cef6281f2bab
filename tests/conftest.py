"""Which tests share a process: those of one file, and those that compile the same model."""

import pytest

from cellkinetics.catalogue import model_names


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests for pytest-xdist: fixtures are made, and kernels compiled, once."""
    names = model_names()
    for item in items:
        model = next((name for name in names if name in item.name or name in item.path.name), "")
        item.add_marker(pytest.mark.xdist_group(model or str(item.path)))
