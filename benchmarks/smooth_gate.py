"""When is `smooth_gate` the better model to sample than `stein2019`?

    python benchmarks/smooth_gate.py [--study aml5] [--seeds 2] [--no-loo] [--record]

Both models on one study with the analytes of fits/aml5-stein2019, each with its own priors:

- bulk ESS (the smallest over typical values, omegas and individual parameters) for each CPU second
  of sampling, and gradients for each effective draw, which does not depend on the machine;
- divergences;
- the expected log predictive density of a *subject* that the fit has not seen: one refit for each
  subject, its random effects integrated out by drawing them from the population (with a handful of
  subjects the refit is what is exact; importance weights are not trusted).

`stein2019` has a closed form and is shown both with it and integrated: the first is what a user
gets, the second separates what the gate does from what the integrator costs.
"""

import argparse
import json
import resource
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from cellkinetics.catalogue import find_study, load_model
from cellkinetics.files import write_json
from cellkinetics.fitting.convergence import ess_bulk, r_hat
from cellkinetics.fitting.draws import (
    Draws,
    flat,
    linked,
    pointwise_log_likelihood,
    predictions,
    take_draws,
)
from cellkinetics.fitting.sampling import compile_model, sample
from cellkinetics.joint import Joint, build_model, join
from cellkinetics.spec import parse_spec
from cellkinetics.study import read_study
from cellkinetics.study.study import Study

type Floats = NDArray[np.float64]

RESULTS = Path(__file__).resolve().parent / "results" / "smooth_gate"
CHAINS = 4
TARGET_ACCEPT = 0.95  # what a fit takes by default
ETAS = 200  # virtual subjects for each draw, where random effects are integrated out
PEERS = {
    "stein2019": ("stein2019", "auto"),
    "stein2019, integrated": ("stein2019", "ode"),
    "smooth_gate": ("smooth_gate", "auto"),
}


def joined(study: Study, peer: str) -> Joint:
    """A study and a model, read as fits/aml5-stein2019 reads them."""
    name, form = PEERS[peer]
    flow = {"link": "physical", "calibration": "shared", "calibration_log_sd": 0.5}
    spec = parse_spec(
        {
            "study": study.name,
            "model": name,
            "seed": 1,
            "analytes": {"qpcr": {}, "flow": flow},
            "kernel": {"form": form},
        }
    )
    return join(study, load_model(name), spec)


def only(study: Study, keep: set[str]) -> Study:
    """A study of some of its subjects."""
    tables = {f.name: getattr(study, f.name) for f in fields(study)}
    chosen = {
        name: table[table["subject"].isin(keep)]
        for name, table in tables.items()
        if isinstance(table, pd.DataFrame) and "subject" in table
    }
    return replace(study, **chosen)


def cpu() -> float:
    """CPU seconds of this process and of the ones that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def draw(joint: Joint, seed: int, draws: int) -> tuple[Any, float]:
    """Sample a fit; (tree, CPU seconds of sampling without compilation)."""
    compiled = compile_model(build_model(joint))
    with tempfile.TemporaryDirectory() as folder:
        before = cpu()
        tree = sample(
            compiled,
            seed=seed,
            folder=Path(folder) / "draws",
            draws=draws,
            tune=500,
            chains=CHAINS,
            cores=1,
            target_accept=TARGET_ACCEPT,
            progress=False,
        )
        return tree, cpu() - before


def efficiency(study: Study, peer: str, seed: int, draws: int) -> dict[str, float]:
    """ESS, divergences and cost of one run."""
    joint = joined(study, peer)
    tree, seconds = draw(joint, seed, draws)
    posterior, stats = tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset()
    phi = take_draws(joint, posterior).phi.reshape(CHAINS, draws, -1)
    values = np.concatenate(
        [posterior["mu"].to_numpy(), np.log(posterior["omega"].to_numpy()), phi], axis=2
    )
    ess = float(ess_bulk(values).min())
    steps = float(stats["n_steps"].sum())
    return {
        "min_ess": ess,
        "max_r_hat": float(r_hat(values).max()),
        "divergences": int(stats["diverging"].sum()),
        "cpu_seconds": seconds,
        "ess_per_cpu_second": ess / seconds,
        "gradients_per_effective_draw": steps / ess,
    }


def unseen(study: Study, peer: str, subject: str, seed: int, draws: int) -> tuple[float, float]:
    """Log predictive density of a subject left out, and its Monte-Carlo error."""
    everyone = {str(s) for s in study.subjects["subject"]}
    fitted = joined(only(study, everyone - {subject}), peer)
    group = draw(fitted, seed, draws)[0]["posterior"].to_dataset()
    own = joined(only(study, {subject}), peer)
    mu = dict(zip([q.name for q in fitted.estimated], flat(group, "mu").T, strict=True))
    omega = dict(
        zip([q.name for q in fitted.population.omega], flat(group, "omega").T, strict=True)
    )
    rng = np.random.default_rng(seed)
    count = len(flat(group, "mu")) * ETAS
    phi = np.empty((count, 1, len(own.population.typical)))
    for j, q in enumerate(own.population.typical):
        centre = np.repeat(mu[q.name], ETAS) if q.name in mu else np.full(count, q.loc)
        spread = np.repeat(omega[q.name], ETAS) if q.name in omega else 0.0
        phi[:, 0, j] = centre + spread * rng.standard_normal(count)
    obs = own.observations
    factor = np.zeros((count, len(obs.value)))
    shared = flat(group, "log_calibration")
    for position, analyte in enumerate(obs.analytes):
        if analyte.calibration >= 0:
            column = np.repeat(shared[:, analyte.calibration], ETAS)
            factor[:, obs.analyte == position] = column[:, None]
    draws_of = Draws(phi, np.repeat(flat(group, "error"), ETAS, axis=0), factor)
    expected = linked(own, predictions(own, phi), factor)
    each = np.nan_to_num(pointwise_log_likelihood(own, draws_of, expected).sum(axis=1), nan=-np.inf)
    # Draws of one population share it: the error is that between populations.
    means = logsumexp(each.reshape(-1, ETAS), axis=1)
    weights = np.exp(means - means.max())
    error = float(weights.std(ddof=1) / weights.mean() / np.sqrt(len(weights)))
    return float(logsumexp(each) - np.log(count)), error


def compare(study: Study, seeds: int, draws: int, *, loo: bool) -> dict[str, Any]:
    """Every model on one study."""
    out: dict[str, Any] = {"study": study.name, "draws": draws, "chains": CHAINS, "models": {}}
    for peer in PEERS:
        runs = [efficiency(study, peer, seed, draws) for seed in range(1, seeds + 1)]
        row: dict[str, Any] = {"runs": runs}
        if loo and PEERS[peer][1] == "auto":
            row["unseen"] = {
                str(s): unseen(study, peer, str(s), 1, draws // 2)
                for s in study.subjects["subject"]
            }
        out["models"][peer] = row
        print(peer, json.dumps(row), flush=True)
    return out


def table(result: dict[str, Any]) -> str:
    """The result as text: medians over seeds."""
    head = ("ess_per_cpu_second", "gradients_per_effective_draw", "divergences", "max_r_hat")
    lines = [f"{'':24}" + "".join(f"{name:>30}" for name in head) + f"{'elpd (subjects)':>18}"]
    for peer, row in result["models"].items():
        cells = "".join(f"{np.median([r[name] for r in row['runs']]):30.4g}" for name in head)
        each = row.get("unseen")
        elpd = "" if each is None else f"{sum(v for v, _ in each.values()):18.2f}"
        lines.append(f"{peer:24}{cells}{elpd}")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--study", default="aml5")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--no-loo", action="store_true")
    parser.add_argument(
        "--record", action="store_true", help="write results/smooth_gate/STUDY.json"
    )
    asked = parser.parse_args()
    found = compare(
        read_study(find_study(asked.study)), asked.seeds, asked.draws, loo=not asked.no_loo
    )
    if asked.record:
        RESULTS.mkdir(parents=True, exist_ok=True)
        write_json(RESULTS / f"{found['study']}.json", found)
    print(table(found))
