"""One peer in a process of its own, driven by JSON lines on standard input.

    python worker.py diffrax_user '{"threads": 1, "subjects": 50}'

The harness starts the workers and lets one at a time run, so that no two compete for a core and
each may live in its own environment (Stan needs Python 3.12).
"""

import importlib
import json
import os
import sys
import time
import traceback
from typing import TextIO


def pin(threads: int) -> None:
    """Bind the process to as many cores as it may use, and tell the libraries so.

    Before any numerical import: thread pools are sized when their library loads.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["NUMBA_NUM_THREADS"] = os.environ["STAN_NUM_THREADS"] = str(threads)
    os.environ["JAX_PLATFORMS"], os.environ["JAX_ENABLE_X64"] = "cpu", "1"
    eigen = "false" if threads == 1 else "true"
    os.environ["XLA_FLAGS"] = (
        f"--xla_force_host_platform_device_count={threads} --xla_cpu_multi_thread_eigen={eigen}"
    )


def private_stdout() -> TextIO:
    """Return a handle on standard output, and send all other prints (C++'s too) to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def main() -> None:
    """Answer requests ``{"call": name, ...keywords}`` until standard input closes."""
    peer, options = sys.argv[1], json.loads(sys.argv[2])
    answers = private_stdout()
    pin(options["threads"])
    started = time.perf_counter()
    try:
        methods = importlib.import_module(f"peers.{peer}").prepare(**options)
        print(json.dumps({"seconds": time.perf_counter() - started}), file=answers)
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps(methods[request.pop("call")](**request)), file=answers)
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers)
        sys.exit(1)


if __name__ == "__main__":
    main()
