"""What all benchmarks share: peers as worker processes, taken in turn; medians; tables, JSON."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parent
# pystan's compiled models do not load on Python 3.13.
STAN_COMMAND = (
    "uv", "run", "--quiet", "--no-project", "--python", "3.12",
    "--with", "pystan>=3.10", "--with", "setuptools<81", "python",
)  # fmt: skip


class PeerError(Exception):
    """A peer could not be started, or broke down; the benchmark goes on without it."""


def python_for(peer: str) -> list[str]:
    """Return the command that starts Python in the peer's environment.

    ``CELLKINETICS_BENCH_STAN_PYTHON`` names an interpreter that has pystan, in place of uv's.
    """
    if not peer.startswith("stan"):
        return [sys.executable]
    chosen = os.environ.get("CELLKINETICS_BENCH_STAN_PYTHON")
    if chosen:
        return [chosen]
    if shutil.which("uv") is None:
        raise PeerError("Stan needs uv (or CELLKINETICS_BENCH_STAN_PYTHON) for its own Python 3.12")
    return list(STAN_COMMAND)


@dataclass(frozen=True)
class Peer:
    """A running worker; ``seconds`` is what imports and preparation took."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    seconds: float

    def call(self, name: str, **keywords: Any) -> Any:
        """Ask the worker for one thing and wait for the answer."""
        return _exchange(self.name, self.process, self.log, {"call": name, **keywords})

    def close(self) -> None:
        """Let the worker end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def start(name: str, module: str, /, **options: Any) -> Peer:
    """Start the worker of ``peers/<module>.py``.

    Parameters
    ----------
    name : str              how the peer is called in the table
    module : str
    options : JSON values   keywords of the module's ``prepare``; ``threads`` among them

    Raises
    ------
    PeerError               its environment or its preparation failed
    """
    log = Path(tempfile.mkstemp(prefix=f"bench-{module}-", suffix=".log")[1])
    command = [*python_for(module), str(BENCHMARKS / "worker.py"), module, json.dumps(options)]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    ready = _exchange(name, process, log, None)
    return Peer(name, process, log, ready["seconds"])


def _exchange(name: str, process: subprocess.Popen[str], log: Path, request: Any) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if request is not None:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        line = ""
    answer = json.loads(line) if line else {"error": "the process ended"}
    if isinstance(answer, dict) and "error" in answer:
        raise PeerError(f"{name}: {answer['error']} (log: {log})")
    return answer


def median(values: Sequence[float]) -> float:
    """Median, NaN for no values."""
    return statistics.median(values) if values else float("nan")


def in_turn(peers: Sequence[Peer], rounds: int) -> list[Peer]:
    """Return the order of visits: every peer once a round, each round starting one further on."""
    order: list[Peer] = []
    for turn in range(rounds):
        shift = turn % len(peers)
        order += [*peers[shift:], *peers[:shift]]
    return order


def cores(threads: str) -> int:
    """Turn ``1`` or ``all`` into a number of cores."""
    return len(os.sched_getaffinity(0)) if threads == "all" else int(threads)


def show(
    rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], *, as_json: bool, title: str
) -> None:
    """Print rows as an aligned table with the summary below, or all as one JSON object."""
    if as_json:
        print(json.dumps({"title": title, "rows": list(rows), **summary}, indent=1))
        return
    print(title)
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        print("  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip())
    for name, value in summary.items():
        print(f"{name}: {_cell(value)}")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
