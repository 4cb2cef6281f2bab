"""Compiled Stan models, called in this process: httpstan's extension modules without its server."""

import asyncio
import time
from pathlib import Path
from types import ModuleType

import httpstan.cache
import httpstan.models


def compiled(path: Path) -> tuple[ModuleType, float]:
    """Compile a Stan program as pystan does, or load it from httpstan's cache.

    Parameters
    ----------
    path : Path                     a .stan file

    Returns
    -------
    module                          with ``log_prob_grad``, ``write_array``...
    float                           seconds that its compilation took, now or when it was cached
    """
    program = path.read_text(encoding="utf-8")
    name = httpstan.models.calculate_model_name(program)
    note = httpstan.cache.model_directory(name) / "compile_seconds.txt"
    if not note.exists():
        started = time.perf_counter()
        messages = asyncio.run(httpstan.models.build_services_extension_module(program))
        # Without these two files pystan cannot read the cache entry.
        httpstan.cache.dump_services_extension_module_compiler_output(messages, name)
        httpstan.cache.dump_stanc_warnings("", name)
        note.write_text(str(time.perf_counter() - started))
    return httpstan.models.import_services_extension_module(name), float(note.read_text())
