"""Timing calls in the peer's own process."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path


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


def cpu_seconds() -> float:
    """CPU time so far of this process and of its living children (pystan samples in those)."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Fields after the parenthesised command name, which may itself hold blanks.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")
