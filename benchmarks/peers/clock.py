"""Timing one call, in the peer's own process."""

import resource
import time
from collections.abc import Callable


def seconds(call: Callable[[], object], repeats: int) -> dict[str, list[float]]:
    """Run ``call`` several times; wall and CPU seconds of each.

    CPU time of one thread does not feel what else the machine does; both are reported.
    """
    wall, cpu = [], []
    for _ in range(repeats):
        w, c = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    return {"wall": wall, "cpu": cpu}


def peak_megabytes() -> float:
    """Largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
