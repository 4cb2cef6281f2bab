"""Wall time and peak memory of the README's fit, with compile caches empty and full.

    uv run python benchmarks/whole.py
    uv run python benchmarks/whole.py --runs 5 --json

Every run is a fresh process that writes to a fresh folder. "empty" starts with no generated
kernels, no numba cache and no PyTensor cache; "full" with those that an earlier run left.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness

ROOT = Path(__file__).parents[1]
COMMAND = "uv run cellkinetics fit fits/aml5-stein2019 --overwrite"
GOAL_SECONDS = {"empty": 60.0, "full": 20.0}
GOAL_MEGABYTES = 2000.0
CHECKS_FAILED = 3  # the fit finished, and says that its own checks failed


def environment(caches: Path) -> dict[str, str]:
    """Return this environment with every compile cache below ``caches``."""
    flags = [f for f in os.environ.get("PYTENSOR_FLAGS", "").split(",") if f]
    kept = [f for f in flags if not f.startswith(("base_compiledir", "compiledir"))]
    return os.environ | {
        "PYTENSOR_FLAGS": ",".join([*kept, f"base_compiledir={caches / 'pytensor'}"]),
        "NUMBA_CACHE_DIR": str(caches / "numba"),
        "CELLKINETICS_CACHE_DIR": str(caches / "cellkinetics"),
    }


def run(command: str, caches: Path) -> dict[str, float]:
    """Run the command once: seconds, CPU seconds, peak memory of its largest process, exit code.

    Raises
    ------
    SystemExit                      the command failed; its last output is shown
    """
    with tempfile.TemporaryDirectory() as out, tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*shlex.split(command), "--out", str(Path(out) / "result")],
            cwd=ROOT,
            env=environment(caches),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - started
        code = process.returncode = os.waitstatus_to_exitcode(status)
        if code not in {0, CHECKS_FAILED}:
            log.seek(0)
            sys.exit(f"exit code {code} of: {command}\n{log.read()[-3000:]}")
    return {
        "seconds": took,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "exit_code": code,
    }


def summarise(state: str, runs: list[dict[str, float]]) -> dict[str, object]:
    """One row: medians, the slowest run, the goal."""
    seconds = [r["seconds"] for r in runs]
    peak = max(r["peak_mb"] for r in runs)
    return {
        "caches": state,
        "seconds": harness.median(seconds),
        "slowest": max(seconds),
        "cpu_seconds": harness.median([r["cpu_seconds"] for r in runs]),
        "peak_mb": peak,
        "goal_seconds": GOAL_SECONDS[state],
        "met": harness.median(seconds) <= GOAL_SECONDS[state] and peak <= GOAL_MEGABYTES,
        "checks_failed": sum(r["exit_code"] == CHECKS_FAILED for r in runs),
        "runs": len(runs),
    }


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="of each kind")
    parser.add_argument("--command", default=COMMAND)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    empty, full = [], []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(options.runs):
            caches = Path(folder) / f"caches-{i}"
            empty.append(run(options.command, caches))
            # In pairs, so that both kinds see the same state of the machine.
            full.append(run(options.command, caches))
    harness.show(
        [summarise("empty", empty), summarise("full", full)],
        {"cores": harness.cores("all"), "goal_mb": GOAL_MEGABYTES},
        as_json=options.json,
        title=options.command,
    )


if __name__ == "__main__":
    main()
