"""Which tests share a process: those of one file, and those that compile the same model."""

from typing import Any

import pytest

from cellkinetics.catalogue import model_names


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Schedule groups of tests, so that fixtures are made, and kernels compiled, once."""
    from xdist.scheduler import LoadScopeScheduling

    names = model_names()

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", maxsplit=1)[0]
            return next((name for name in names if name in nodeid), file)

    return Together(config, log)
