"""Samples into a folder and is killed by ``kill -9`` again and again; run by test_sampling_kill.

    python sampling_killed.py FOLDER KILLS EXACT_WITHIN

The posterior is compiled once; every attempt is a process of its own (a fork), killed after a
random time. After every kill the files are read and compared with what they held before. When a
run gets to its end in spite of all, it is compared with one that was never killed, and another
one is begun. Prints one line of JSON.
"""

import json
import mmap
import os
import signal
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numba import cfunc, types
from sampling_posteriors import group_posterior

from cellkinetics.fitting.chain import STATISTICS
from cellkinetics.fitting.compile import compile_model
from cellkinetics.fitting.native import Function
from cellkinetics.fitting.plan import kept_draws
from cellkinetics.fitting.sampling import sample
from cellkinetics.fitting.store import read_record

CHAINS, DRAWS, TUNE, SEED, CORES = 4, 150, 150, 11, 2


def counted(compiled):
    """The posterior, and a counter of the draws made from it that outlives the process."""
    width = compiled.native.table.size
    shared = np.frombuffer(mmap.mmap(-1, 8 * (width + 1)), dtype=np.int64)
    shared[:width] = compiled.native.table
    doubles, integers = types.CPointer(types.double), types.CPointer(types.int64)

    @cfunc(types.int64(types.uint64, types.uint64, doubles, doubles, integers))
    def expand(size, expanded, x_, out_, table_):
        for i in range(size):
            out_[i] = x_[i]
        table_[width] += 1
        return 0

    native = replace(compiled.native, table=shared, expand=Function(expand.address, expand))
    return replace(compiled, native=native), shared[width:]


def attempt(compiled, folder, exact_within):
    """Start a process that samples; it leaves result.json behind."""
    pid = os.fork()
    if pid:
        return pid
    tree = sample(
        compiled,
        seed=SEED,
        folder=folder,
        draws=DRAWS,
        tune=TUNE,
        chains=CHAINS,
        cores=CORES,
        target_accept=0.9,
        adaptation="diag",
        resume=True,
        progress=False,
        exact_within=exact_within,
    )
    digest = sha256()
    for group in ("posterior", "sample_stats"):
        for name in sorted(tree[group].data_vars):
            digest.update(np.ascontiguousarray(tree[group][name].to_numpy()).tobytes())
    finite = all(np.isfinite(v.to_numpy()).all() for v in tree["posterior"].data_vars.values())
    shape = tree["posterior"]["level"].shape
    result = {
        "digest": digest.hexdigest(),
        "bit_identical": tree.attrs["bit_identical"],
        "finite": bool(finite),
        "shape": list(shape),
    }
    temporary = folder / "result.tmp"
    temporary.write_text(json.dumps(result))
    temporary.replace(folder / "result.json")
    os._exit(0)


def on_disk(folder, width):
    """All rows of all chains."""
    return [read_record(folder / f"chain-{i}.draws", width).rows for i in range(CHAINS)]


def main():
    folder, kills, exact_within = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    compiled, counter = counted(compile_model(group_posterior(readings=10_000)))
    width = len(STATISTICS) + compiled.start.size
    rng = np.random.default_rng(5)

    began = time.perf_counter()
    os.waitpid(attempt(compiled, folder / "reference", exact_within), 0)
    length = time.perf_counter() - began
    reference = json.loads((folder / "reference" / "result.json").read_text())
    made_by_reference = int(counter[0])

    runs, lost, changed, landed, stages = [], [], 0, 0, set()
    while landed < kills or not (folder / f"run-{len(runs)}" / "result.json").exists():
        run = folder / f"run-{len(runs)}"
        before, counted_before = on_disk(run, width), int(counter[0])
        pid = attempt(compiled, run, exact_within)
        if landed < kills:
            time.sleep(rng.uniform(0.0, length))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        after, made = on_disk(run, width), int(counter[0]) - counted_before
        if os.WIFSIGNALED(status):
            landed += 1
            kept = [len(kept_draws(rows)) for rows in after]
            stages.add("warm-up" if not any(kept) else "some" if min(kept) < DRAWS else "after")
        elif os.WEXITSTATUS(status):
            raise SystemExit(f"attempt ended with {os.WEXITSTATUS(status)}")
        for old, new in zip(before, after, strict=True):
            changed += new[: len(old)].tobytes() != old.tobytes()
        # A chain that was killed in warm-up is replayed: what it makes is not all new.
        if exact_within == 0 and not any(len(r) and not len(kept_draws(r)) for r in before):
            lost.append(made - sum(map(len, after)) + sum(map(len, before)))
        if (run / "result.json").exists() and landed < kills:
            runs.append(json.loads((run / "result.json").read_text()))
    runs.append(json.loads((folder / f"run-{len(runs)}" / "result.json").read_text()))
    print(
        json.dumps(
            {
                "kills": landed,
                "stages": sorted(stages),
                "seconds_unkilled": length,
                "made_by_reference": made_by_reference,
                "changed": int(changed),
                "lost": lost,
                "reference": reference,
                "runs": runs,
            }
        )
    )


main()
