"""Minimum bulk ESS per second on two posteriors from Liu's 32 patients, against NumPyro and Stan.

    uv run --group bench python benchmarks/sampling.py stein
    uv run --group bench python benchmarks/sampling.py antigen --seeds 5

Same posterior, starting points, warm-up, draws and target acceptance for all; see README.md.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arviz_stats.base import array_stats  # type: ignore[attr-defined]

import harness
from posterior import Array, Posterior, load

TARGET_ACCEPT = 0.8
PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cellkinetics": ("ours_nuts", {}),
    "numpyro": ("numpyro_nuts", {"solver": "best"}),
    "numpyro-user": ("numpyro_nuts", {"solver": "user"}),
    "stan": ("stan_nuts", {}),
}
GOAL = {"stein": 2.0, "antigen": 20.0}  # times the better of NumPyro and Stan


def quantities(posterior: Posterior, draws: Mapping[str, Array]) -> Array:
    """Draws of what is judged: population parameters and individual parameters, (q, chain, draw).

    These mean the same whichever way subjects are parameterised; rank-normalised ESS does not
    feel monotone transformations.
    """
    blocks = [draws["mu"], draws["log_omega"], draws["log_sigma"]]
    individuals = posterior.individuals(draws)
    blocks.append(individuals.reshape(*individuals.shape[:2], -1))
    return np.moveaxis(np.concatenate(blocks, axis=-1), -1, 0)


def diagnose(values: Array) -> dict[str, float]:
    """Smallest bulk ESS and largest rank-normalised R-hat over all quantities."""
    ess = array_stats.ess(values, chain_axis=1, draw_axis=2, method="bulk")
    rhat = array_stats.rhat(values, chain_axis=1, draw_axis=2, method="rank")
    return {"min_ess": float(np.min(ess)), "max_rhat": float(np.max(rhat))}


def run(
    peer: harness.Peer, posterior: Posterior, seed: int, options: argparse.Namespace
) -> dict[str, float]:
    """One run of one sampler: wall and CPU seconds, steps, divergences, ESS."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "draws.npz")
        answer: dict[str, float] = peer.call(
            "sample",
            seed=seed,
            chains=options.chains,
            warmup=options.warmup,
            draws=options.draws,
            target=TARGET_ACCEPT,
            path=path,
        )
        with np.load(path) as stored:
            answer |= diagnose(quantities(posterior, {name: stored[name] for name in stored}))
    answer["ess_per_s"] = answer["min_ess"] / answer["seconds"]
    answer["ess_per_cpu_s"] = answer["min_ess"] / answer["cpu_seconds"]
    return answer


def summarise(
    name: str, compile_seconds: float, runs: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """One row: medians over seeds, and the spread of what is judged."""
    rates = [r["ess_per_cpu_s"] for r in runs]
    return {
        "peer": name,
        "ess_per_s": harness.median([r["ess_per_s"] for r in runs]),
        "ess_per_cpu_s": harness.median(rates),
        "lowest": min(rates),
        "highest": max(rates),
        "min_ess": harness.median([r["min_ess"] for r in runs]),
        "max_rhat": max(r["max_rhat"] for r in runs),
        "seconds": harness.median([r["seconds"] for r in runs]),
        "steps": harness.median([r["steps"] for r in runs]),
        "divergences": sum(r["divergences"] for r in runs),
        "compile_s": compile_seconds,
        "runs": len(runs),
    }


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("posterior", choices=GOAL)
    parser.add_argument("--peers", nargs="+", choices=PEERS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--warmup", type=int, default=500)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--threads", default="1", help="1 or all: cores for each peer")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    posterior = load(options.posterior)
    threads = harness.cores(options.threads)
    # The closed form has no solver that a NumPyro user could write in another way.
    default = [n for n in PEERS if options.posterior == "antigen" or n != "numpyro-user"]
    running, missing = [], {}
    for name in options.peers or default:
        module, more = PEERS[name]
        try:
            running.append(
                harness.start(name, module, threads=threads, problem=options.posterior, **more)
            )
        except harness.PeerError as error:
            missing[name] = str(error)
    runs: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in running}
    for turn, peer in enumerate(harness.in_turn(running, options.seeds)):
        seed = 1 + turn // len(running)
        done = run(peer, posterior, seed, options)
        runs[peer.name].append(done)
        print(f"{peer.name}, seed {seed}: {json.dumps(done)}", file=sys.stderr, flush=True)
    rows = [summarise(p.name, p.call("compile_seconds"), runs[p.name]) for p in running]
    for peer in running:
        peer.close()
    # As in gradient.py: CPU time of one thread, wall time of several.
    judged = "ess_per_cpu_s" if threads == 1 else "ess_per_s"
    rates = {row["peer"]: row[judged] for row in rows}
    summary: dict[str, Any] = {}
    if "cellkinetics" in rates:
        summary = {
            f"ratio_{peer}": rates["cellkinetics"] / rate
            for peer, rate in rates.items()
            if peer != "cellkinetics"
        }
    summary |= {
        "goal": GOAL[options.posterior],
        "threads": threads,
        "chains": options.chains,
        "warmup": options.warmup,
        "draws": options.draws,
        **({"missing": missing} if missing else {}),
    }
    title = f"Posterior '{options.posterior}', minimum bulk ESS per second"
    harness.show(rows, summary, as_json=options.json, title=title)


if __name__ == "__main__":
    main()
