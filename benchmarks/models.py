"""Every model of the library that is integrated: ms per solve and per solve with gradient.

    uv run --group bench python benchmarks/models.py
    uv run --group bench python benchmarks/models.py hardiansyah2019 --json
    uv run python benchmarks/models.py aml_dual_antigen --virtual 100000

Each peer runs at the loosest tolerance of a ladder that reaches the target on the same draws: worst
error of log(y + floor) 1e-4, and of its elasticities 1e-3 where those are computed, against our
explicit method at 1e-12. Peers whose ladder ends before that are shown with what they reach.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import harness
from cellkinetics.catalogue import load_model, model_names
from cellkinetics.kernel.compiled import build_kernel
from cellkinetics.kernel.layout import regular_dosing, regular_rows

VALUE_TARGET, ELASTICITY_TARGET = 1e-4, 1e-3
LADDER = 10.0 ** -np.arange(3.0, 11.01, 0.5)
PEERS = {
    "cellkinetics": ("ours_model", ("auto",)),
    "diffrax": ("diffrax_model", ("Tsit5", "Kvaerno5")),
    "scipy": ("lsoda_model", ("LSODA",)),
}
# A tighter tolerance is not tried once a call takes this long.
PATIENCE = 120.0


def worst(found: dict[str, Any], wanted: dict[str, Any], gradient: bool) -> tuple[float, float]:
    """Worst errors of values and of elasticities; what is not finite is infinite."""
    pairs = [(found["z"], wanted["z"])] + ([(found["s"], wanted["s"])] if gradient else [])
    off = [float(np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf).max()) for a, b in pairs]
    return off[0], off[1] if gradient else 0.0


def answer(peer: harness.Peer, variant: str, tolerance: float, gradient: bool) -> dict[str, Any]:
    """What a peer computes: logs above the floor, their elasticities."""
    with tempfile.TemporaryDirectory() as folder:
        path = peer.call(
            "answer", variant=variant, tolerance=tolerance, gradient=gradient,
            path=str(Path(folder) / "answer.npz"),
        )  # fmt: skip
        with np.load(path) as found:
            return dict(found)


def fitting(
    peer: harness.Peer, variant: str, gradient: bool, wanted: dict[str, Any]
) -> tuple[float, tuple[float, float]]:
    """The loosest tolerance that reaches the target, or the last one tried; and its errors."""
    errors = (np.inf, np.inf)
    answer(peer, variant, float(LADDER[0]), gradient)  # compiles
    for tolerance in LADDER:
        started = time.perf_counter()
        errors = worst(answer(peer, variant, float(tolerance), gradient), wanted, gradient)
        if errors[0] <= VALUE_TARGET and errors[1] <= ELASTICITY_TARGET:
            break
        if time.perf_counter() - started > PATIENCE:
            break
    return float(tolerance), errors


def compared(name: str, subjects: int, stiff: bool, asked: list[str]) -> list[dict[str, Any]]:
    """Rows of one model: every peer, values and gradients, taken in turn."""
    peers = {
        peer: harness.start(peer, PEERS[peer][0], threads=1, name=name, subjects=subjects)
        for peer in asked
    }
    reference = harness.start("reference", "ours_model", threads=1, name=name, subjects=subjects)
    rows = []
    for gradient in (False, True):
        wanted = answer(reference, "explicit", 1e-12, gradient)
        for label, peer in list(peers.items()):
            variant = PEERS[label][1][int(stiff) if len(PEERS[label][1]) > 1 else 0]
            try:
                tolerance, (value, elasticity) = fitting(peer, variant, gradient, wanted)
                ask = {"variant": variant, "tolerance": tolerance, "gradient": gradient}
                once = peer.call("run", repeats=1, **ask)["cpu"][0]
                cpu = peer.call("run", repeats=max(1, min(20, int(3 / once))), **ask)["cpu"]
            except harness.PeerError as error:
                print(error, file=sys.stderr, flush=True)
                del peers[label]
                continue
            rows.append(
                {
                    "model": name,
                    "task": "gradient" if gradient else "values",
                    "peer": label,
                    "variant": variant,
                    "tolerance": tolerance,
                    "value_error": value,
                    "elasticity_error": elasticity if gradient else None,
                    "reached": value <= VALUE_TARGET and elasticity <= ELASTICITY_TARGET,
                    "ms_per_subject": 1e3 * harness.median(cpu) / subjects,
                }
            )
            # Hours on a busy machine: what is known already must not be lost with the rest.
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    for peer in (*peers.values(), reference):
        peer.close()
    return rows


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """How many times our time each peer takes, by model and task."""
    times = {(r["model"], r["task"], r["peer"]): r["ms_per_subject"] for r in rows}
    return {
        f"{model} {task} {peer}": ms / times[model, task, "cellkinetics"]
        for (model, task, peer), ms in times.items()
        if peer != "cellkinetics" and (model, task, "cellkinetics") in times
    }


def virtual(name: str, patients: int, threads: int, batch: int = 2_000) -> dict[str, Any]:
    """Virtual patients of a model to day 365, values alone, in batches; wall time and memory."""
    model = load_model(name)
    kernel = build_kernel(model)
    days = np.array([0, 1, 3, 5, 7, 10, 14, 21, 28, 42, 60, 90, 120, 180, 240, 300, 365], float)
    asked = [kernel.outputs.index(q.name) for q in model.observables]
    varied = [q for q in model.parameters if q.scale == "log" and not q.fixed]
    typical = {q.name: q.typical for q in model.parameters} | {
        q.name: q.default for q in model.inputs
    }
    rng = np.random.default_rng(1)
    started, before, failed, implicit = time.perf_counter(), 0.0, 0, 0
    for first in range(0, patients, batch):
        count = min(batch, patients - first)
        constants = np.tile([typical[c] for c in kernel.constants], (count, 1))
        for q in varied:
            constants[:, kernel.constants.index(q.name)] *= np.exp(
                (q.omega or 0.3) * rng.standard_normal(count)
            )
        out = kernel(
            np.empty((count, 0)), constants, regular_dosing(model.reference_dosing, count),
            regular_rows(days, asked, count), threads=threads,
        )  # fmt: skip
        failed += int((out.status != 0).sum())
        implicit += int(out.implicit.sum())
        if first == 0:
            started = time.perf_counter()  # the first batch compiles
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = (time.perf_counter() - started) * patients / max(1, patients - batch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "model": name,
        "states": len(model.states),
        "patients": patients,
        "threads": threads,
        "wall_s": seconds,
        "failed": failed,
        "implicit": implicit,
        "peak_mb": peak,
        "peak_mb_after_first_batch": before,
    }


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*")
    parser.add_argument("--subjects", type=int, default=16)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--virtual", type=int, default=0, help="so many virtual patients instead")
    parser.add_argument("--threads", default="all", help="of the virtual patients: 1 or all")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    missing: dict[str, str] = {}
    if options.virtual:
        threads = harness.cores(options.threads)
        rows = [
            virtual(n, options.virtual, threads) for n in options.models or ["aml_dual_antigen"]
        ]
        title = "Virtual patients to day 365"
        harness.show(rows, {}, as_json=options.json, title=title)
        return
    for name in options.models or model_names():
        model = load_model(name)
        if model.rhs is None or model.solution is not None:
            missing[name] = "has a closed form: nothing is integrated"
            continue
        try:
            rows += compared(name, options.subjects, model.stiff, options.peers)
        except harness.PeerError as error:
            missing[name] = str(error)
    summary = {
        **ratios(rows),
        "subjects": options.subjects,
        "value_target": VALUE_TARGET,
        "elasticity_target": ELASTICITY_TARGET,
        **({"missing": missing} if missing else {}),
    }
    title = "Models of the library, CPU time of one thread"
    harness.show(rows, summary, as_json=options.json, title=title)


if __name__ == "__main__":
    main()
