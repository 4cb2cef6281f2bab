"""Checks that the benchmarks compare like with like.

    uv run --group bench python benchmarks/check.py

1. Both references of the five-state problem agree, and the first has converged.
2. All implementations of each posterior have the same log density (up to a constant) and gradient.
3. Reverse-mode gradients of diffrax are those whose accuracy is reported (by forward mode).
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

import harness
from posterior import flat, load
from problem import Array, Problem, above_floor, errors
from reference import complex_step_reference, reference
from sampling import PEERS

REFERENCE_TOLERANCE = 1e-6  # of elasticities, which reach 1400
MODES_TOLERANCE = 1e-9  # relative: both differentiate the same steps
# Relative. Stan approximates the gradient of normal_lcdf; the ODE is solved to 1e-6.
DENSITY_TOLERANCE = {"stein": 1e-5, "antigen": 2e-4}


def check_reference(subjects: int) -> float:
    """Largest disagreement between tolerances and between the two routes."""
    log_p = Problem(subjects).log_parameters
    wanted = above_floor(*reference(log_p))
    finer = above_floor(*reference(log_p, 1e-13))
    answers = [complex_step_reference(one) for one in log_p[:3]]
    other = above_floor(*(np.stack(part) for part in zip(*answers, strict=True)))
    return max(*errors(finer, wanted), *errors(other, (wanted[0][:3], wanted[1][:3])))


def check_modes() -> float:
    """Disagreement of diffrax in reverse mode (timed) and in forward mode (judged)."""
    peer = harness.start("diffrax-user", "diffrax_user", threads=1, subjects=3)
    apart: float = peer.call("modes_apart", tolerance=1e-6)
    peer.close()
    return apart


def check_densities(name: str, peers: Sequence[str]) -> dict[str, float]:
    """Largest relative disagreement of each peer with the first, of differences and gradients."""
    posterior = load(name)
    points = [flat(posterior.start(seed, spread)) for seed, spread in enumerate((0.1, 0.3, 0.5))]
    found: dict[str, tuple[Array, Array]] = {}
    for peer_name in peers:
        module, more = PEERS[peer_name]
        peer = harness.start(peer_name, module, threads=1, problem=name, **more)
        answers = [peer.call("evaluate", point=point.tolist()) for point in points]
        peer.close()
        densities = np.array([a["log_density"] for a in answers])
        found[peer_name] = (densities - densities[0], np.array([a["gradient"] for a in answers]))
    first = found[peers[0]]
    return {
        peer_name: max(
            float(np.abs(ours - theirs).max() / np.abs(theirs).max())
            for ours, theirs in zip(answer, first, strict=True)
        )
        for peer_name, answer in found.items()
    }


def main() -> None:
    """Run all checks; exit 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    options = parser.parse_args()
    rows = [
        ("reference", "complex step, 1e-13", check_reference(5), REFERENCE_TOLERANCE),
        ("diffrax-user", "forward mode", check_modes(), MODES_TOLERANCE),
    ]
    for name, tolerance in DENSITY_TOLERANCE.items():
        for peer, off in check_densities(name, options.peers).items():
            rows.append((name, peer, off, tolerance))
    table = [
        {"what": what, "against": who, "off": off, "allowed": allowed, "ok": off <= allowed}
        for what, who, off, allowed in rows
    ]
    harness.show(table, {}, as_json=False, title="Do the benchmarks compare like with like?")
    sys.exit(not all(row["ok"] for row in table))


if __name__ == "__main__":
    main()
