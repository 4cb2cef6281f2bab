"""Simulation-based calibration of the five-patient Stein fit (SBC.md says what is done and why).

    python benchmarks/sbc.py [--replicates 200] [--variant none|sign|m5] [--jobs 2] [--folder DIR]
    python benchmarks/sbc.py --report [--folder DIR]

Killed at any moment, the same command continues. Exit code 1: the verdict is not the wanted one
(``none`` inside the band, the negative controls outside).
"""

import argparse
import multiprocessing
import sys
from pathlib import Path
from typing import Any

from cellkinetics.errors import CellKineticsError
from cellkinetics.files import write_json
from cellkinetics.fitting.provenance import identity, versions
from cellkinetics.fitting.run import prepare
from cellkinetics.fitting.store import owned
from sbc_replicate import EFFORTS, RANK_DRAWS, VARIANTS, Variant, run_replicate
from sbc_report import draw, summarise, table
from sbc_store import append_line, read_lines, same_run

FIT = "aml5-stein2019"
BASE = 20261122
FOLDER = Path(__file__).parent / "results" / "sbc"


def work(numbers: list[int], base: int, variant: Variant, path: Path) -> None:
    """Run replicates one after the other, in a process of its own; end with the parent."""
    parent = multiprocessing.parent_process()
    _, joint = prepare(FIT)
    for number in numbers:
        if parent is not None and not parent.is_alive():
            return
        line = run_replicate(joint, base, number, variant)
        append_line(path, line)
        failed = line["error"] or ", ".join(line["failed_checks"])
        print(
            f"{variant} replicate {number}: {line['seconds']:.1f} s"
            + (f"; failed: {failed}" if failed else ""),
            flush=True,
        )


def run(replicates: int, variant: Variant, jobs: int, folder: Path, base: int = BASE) -> None:
    """Run the replicates that are missing, divided among ``jobs`` processes.

    Raises
    ------
    FitError                    the folder holds another calibration, or is in use
    RuntimeError                a worker broke down; what it had finished is kept
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{variant}.jsonl"
    with owned(folder / f".{variant}"):
        _, joint = prepare(FIT)
        same_run(
            folder / f"{variant}.run.json",
            {
                "fit": FIT,
                "base": base,
                "rank_draws": RANK_DRAWS,
                "efforts": [list(vars(e).values()) for e in EFFORTS],
                "centred": list(joint.centred),
                "identity": identity(joint),
            },
        )
        done = {line["replicate"] for line in read_lines(path)}
        missing = [number for number in range(replicates) if number not in done]
        context = multiprocessing.get_context("spawn")
        workers = [
            context.Process(target=work, args=(missing[i::jobs], base, variant, path))
            for i in range(min(jobs, len(missing)))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            raise RuntimeError(f"a worker broke down; the replicates in {path} are kept")


def report(folder: Path, variants: list[Variant]) -> bool:
    """Write summary and figure of every variant that has replicates; whether all came out right."""
    right = True
    for variant in variants:
        lines = read_lines(folder / f"{variant}.jsonl")
        if not lines:
            continue
        summary: dict[str, Any] = {**summarise(lines, variant), "versions": versions()}
        write_json(folder / f"{variant}.json", summary)
        if summary["quantities"]:
            draw(summary, folder / f"{variant}.png")
        print(table(summary), end="\n\n")
        right = right and summary["passed"] is (variant == "none")
    return right


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--variant", choices=list(VARIANTS), default="none")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--report", action="store_true", help="only summarise what is there")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.report:
            return 0 if report(chosen.folder, list(VARIANTS)) else 1
        run(chosen.replicates, chosen.variant, chosen.jobs, chosen.folder)
    except CellKineticsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if report(chosen.folder, [chosen.variant]) else 1


if __name__ == "__main__":
    sys.exit(main())
