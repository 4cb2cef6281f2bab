"""Values and gradients of the five-state problem: time at equal accuracy, against peers.

    uv run --group bench python benchmarks/gradient.py --subjects 50
    uv run --group bench python benchmarks/gradient.py --subjects 50 --tune

``--tune`` finds, for every peer, the fastest of its variants at the loosest tolerance that
reaches the target, and writes that to ``tolerances.json``; a plain run shows the accuracy that it
achieves, and its time.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import harness
from problem import Array, Problem, above_floor, errors
from reference import reference

TARGET = 1e-4  # worst absolute error of log(y + FLOOR) and of any elasticity
CHECKED = 50  # subjects whose accuracy is checked, and for whom tolerances are tuned
LADDER = 10.0 ** -np.arange(4.0, 12.01, 0.5)
TOLERANCES = Path(__file__).parent / "tolerances.json"
PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cellkinetics": ("ours_gradient", {}),
    "diffrax-user": ("diffrax_user", {}),
    "diffrax-best": ("diffrax_best", {}),
    "stan-user": ("stan_gradient", {"scale": "natural"}),
    "stan-best": ("stan_gradient", {"scale": "log"}),
}


@dataclass(frozen=True)
class Setting:
    """How a peer is run: one of its variants, at one tolerance."""

    variant: str
    tolerance: float


def accuracy(
    peer: harness.Peer, setting: Setting, wanted: tuple[Array, Array]
) -> tuple[float, float]:
    """Worst errors of a peer's values and elasticities over the checked subjects."""
    with tempfile.TemporaryDirectory() as folder:
        path = peer.call(
            "answer",
            variant=setting.variant,
            tolerance=setting.tolerance,
            checked=len(wanted[0]),
            path=str(Path(folder) / "answer.npz"),
        )
        with np.load(path) as found:
            return errors((found["arr_0"], found["arr_1"]), wanted)


def calls(peer: harness.Peer, setting: Setting, repeats: int) -> dict[str, list[float]]:
    """Wall and CPU seconds of ``repeats`` timed calls."""
    answer: dict[str, list[float]] = peer.call(
        "run", variant=setting.variant, tolerance=setting.tolerance, repeats=repeats
    )
    return answer


def tune(peer: harness.Peer, wanted: tuple[Array, Array]) -> Setting:
    """Fastest variant, each at the loosest tolerance of the ladder that reaches the target.

    Raises
    ------
    PeerError                       no variant reaches it
    """
    passing: list[tuple[float, Setting]] = []
    for variant in peer.call("variants"):
        for tolerance in LADDER:
            setting = Setting(variant, float(tolerance))
            if max(accuracy(peer, setting, wanted)) <= TARGET:
                calls(peer, setting, 1)
                cost = harness.median(calls(peer, setting, 5)["cpu"])
                passing.append((cost, setting))
                print(f"  {peer.name}: {variant}, {tolerance:.1e}: {cost * 1e3:.3g} ms")
                break
        else:
            print(f"  {peer.name}: {variant}: does not reach {TARGET:g}")
    if not passing:
        raise harness.PeerError(f"{peer.name}: no variant reaches {TARGET:g}")
    return min(passing, key=lambda pair: pair[0])[1]


def read_settings(subjects: int) -> dict[str, Setting]:
    """Tuned settings for this many checked subjects, by peer."""
    if not TOLERANCES.exists():
        return {}
    stored = json.loads(TOLERANCES.read_text(encoding="utf-8")).get(str(subjects), {})
    return {name: Setting(**setting) for name, setting in stored.items()}


def write_settings(subjects: int, settings: Mapping[str, Setting]) -> None:
    """Keep tuned settings; peers that were not tuned now keep theirs."""
    stored = json.loads(TOLERANCES.read_text(encoding="utf-8")) if TOLERANCES.exists() else {}
    stored.setdefault(str(subjects), {}).update({n: vars(s) for n, s in settings.items()})
    TOLERANCES.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def measure(
    peers: Sequence[harness.Peer],
    settings: Mapping[str, Setting],
    wanted: tuple[Array, Array],
    rounds: int,
    visit_seconds: float,
) -> list[dict[str, Any]]:
    """One row a peer: compile time apart, then medians over visits in turn."""
    rows: dict[str, dict[str, Any]] = {}
    repeats: dict[str, int] = {}
    wall: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for peer in peers:
        setting = settings[peer.name]
        first, second = (calls(peer, setting, 1)["wall"][0] for _ in range(2))
        memory = peer.call("memory")
        value_error, elasticity_error = accuracy(peer, setting, wanted)
        repeats[peer.name] = max(1, min(500, int(visit_seconds / second)))
        wall[peer.name], cpu[peer.name] = [], []
        rows[peer.name] = {
            "peer": peer.name,
            "variant": setting.variant,
            "tolerance": setting.tolerance,
            "value_error": value_error,
            "elasticity_error": elasticity_error,
            "start_s": peer.seconds,
            "compile_s": first - second + peer.call("compile_seconds"),
            "peak_mb": memory,
        }
    for peer in harness.in_turn(peers, rounds):
        answer = calls(peer, settings[peer.name], repeats[peer.name])
        wall[peer.name] += answer["wall"]
        cpu[peer.name] += answer["cpu"]
    for name, row in rows.items():
        row["wall_ms"] = 1e3 * harness.median(wall[name])
        row["cpu_ms"] = 1e3 * harness.median(cpu[name])
        row["calls"] = len(wall[name])
    return list(rows.values())


def ratios(rows: Sequence[Mapping[str, Any]], threads: int) -> dict[str, float]:
    """How many times our time each peer takes: CPU time of one thread, wall time of several.

    On an idle machine one thread's two times are equal; on a busy one CPU time is the fairer.
    """
    times = {row["peer"]: row["cpu_ms" if threads == 1 else "wall_ms"] for row in rows}
    ours = times.get("cellkinetics")
    names = {
        "ratio_diffrax": "diffrax-user",
        "ratio_diffrax_best": "diffrax-best",
        "ratio_stan": "stan-user",
        "ratio_stan_best": "stan-best",
    }
    if ours is None:
        return {}
    return {key: times[peer] / ours for key, peer in names.items() if peer in times}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=50)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--threads", default="1", help="1 or all: cores for each peer")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--visit-seconds", type=float, default=0.3)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    checked = min(options.subjects, CHECKED)
    log_y, elasticity = reference(Problem(checked).log_parameters)
    wanted = above_floor(log_y, elasticity)
    threads = harness.cores(options.threads)
    settings = read_settings(checked)
    running, missing = [], {}
    for name in options.peers:
        try:
            module, more = PEERS[name]
            peer = harness.start(name, module, threads=threads, subjects=options.subjects, **more)
            if options.tune:
                write_settings(checked, {name: tune(peer, wanted)})
                peer.close()
            elif name not in settings:
                raise harness.PeerError(f"{name}: not in {TOLERANCES.name}; run with --tune")
            else:
                running.append(peer)
        except harness.PeerError as error:
            missing[name] = str(error)
    if options.tune:
        print("\n".join(missing.values()))
        return
    rows = measure(running, settings, wanted, options.rounds, options.visit_seconds)
    for peer in running:
        peer.close()
    harness.show(
        rows,
        {
            **ratios(rows, threads),
            "subjects": options.subjects,
            "threads": threads,
            "target": TARGET,
            "checked_subjects": checked,
            **({"missing": missing} if missing else {}),
        },
        as_json=options.json,
        title=f"Five-state problem, {options.subjects} subjects, {threads} thread(s) each",
    )


if __name__ == "__main__":
    main()
