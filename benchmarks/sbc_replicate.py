"""One replicate of simulation-based calibration: draw a truth, simulate its data, fit, rank.

Source: Talts et al., arXiv 1804.06788; joint log-likelihood as test quantity: Modrák et al.,
Bayesian Analysis 2025;20:461, doi 10.1214/23-BA1404.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cellkinetics.errors import FitError
from cellkinetics.fitting.diagnostics import MIN_E_BFMI, diagnose
from cellkinetics.fitting.draws import linked, predictions, take_draws
from cellkinetics.fitting.draws import replicate as draw_readings_of
from cellkinetics.fitting.prior import prior_draws
from cellkinetics.fitting.sampling import compile_model, sample
from cellkinetics.joint import Joint, build_model
from cellkinetics.observation import observe_study
from sbc_quantities import ranked_values

type Variant = Literal["none", "sign", "m5"]

VARIANTS: dict[Variant, str] = {
    "none": "the fit as it is shipped",
    "sign": "sign error: white cells and vector copies enter the flow link the wrong way round",
    "m5": "M5 in place of M3: readings below a limit are taken as read at half of it",
}

RANK_DRAWS = 100
CHAINS = 4


@dataclass(frozen=True)
class Effort:
    """How a posterior is sampled: of each of four chains."""

    draws: int
    tune: int
    target_accept: float


EFFORTS = (Effort(500, 600, 0.95), Effort(2500, 1000, 0.95))
"""Enough for most data; where a check failed, once more at greater length."""

MAX_R_HAT = 1.03
MIN_ESS = RANK_DRAWS
MAX_DIVERGENT = 5e-3
"""Ranks among a hundred draws ask for less than a published fit: looser than ``fit``'s checks."""


def simulate(joint: Joint, rng: np.random.Generator) -> tuple[xr.Dataset, Joint]:
    """Draw from the prior, and what the study's assays would have reported of it.

    Parameters
    ----------
    joint : Joint
    rng : numpy.random.Generator

    Returns
    -------
    truth : Dataset (chain 1, draw 1, ...)
    Joint                           the same with the simulated study in place of the real one
    """
    truth = prior_draws(joint, 1, rng)
    draws = take_draws(joint, truth)
    pred = linked(joint, predictions(joint, draws.phi), draws.log_factor)
    reading = draw_readings_of(joint, draws, pred, rng)[0]
    samples = joint.study.samples.copy()
    rows = joint.observations.table
    at = samples.index[samples["line"].isin(rows["line"])]
    ordered = rows.assign(_reading=reading).set_index("line").loc[samples.loc[at, "line"]]
    lod, lloq, uloq = (ordered[c].to_numpy(dtype=np.float64) for c in ("lod", "lloq", "uloq"))
    reported = as_reported(ordered["_reading"].to_numpy(), lod, lloq, uloq)
    for column, values in reported.items():
        samples.loc[at, column] = values
    study = replace(joint.study, samples=samples)
    observations = observe_study(study, joint.model, joint.spec)
    assert observations.table["line"].equals(rows["line"])
    return truth, replace(joint, study=study, observations=observations)


def as_reported(
    reading: NDArray[np.float64],
    lod: NDArray[np.float64],
    lloq: NDArray[np.float64],
    uloq: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """What a laboratory writes into samples.csv for a reading, its limits being given.

    Parameters
    ----------
    reading, lod, lloq, uloq : float array (row,)       NaN where an assay has no such limit

    Returns
    -------
    dict with ``value`` (the limit where ``cens`` is not 0), ``cens``, ``lower``; each (row,)
    """
    below, above = reading < lloq, reading > uloq
    undetected = reading < lod
    detected = below & ~undetected & ~np.isnan(lod)
    value = np.select([undetected, below, above], [lod, lloq, uloq], reading)
    cens = np.select([undetected | below, above], [1.0, -1.0], 0.0)
    return {"value": value, "cens": cens, "lower": np.where(detected, lod, np.nan)}


def spoil(joint: Joint, variant: Variant) -> Joint:
    """Make the fit wrong in the way of a negative control, its data untouched."""
    if variant == "none":
        return joint
    if variant == "sign":
        obs = joint.observations
        offset = obs.offset.copy()
        for analyte in range(len(obs.analytes)):
            rows = obs.analyte == analyte
            # Around the mean: only what differs between samples has the wrong sign, not the unit.
            offset[rows] = 2.0 * offset[rows].mean() - offset[rows]
        return replace(joint, observations=replace(obs, offset=offset))
    analytes = {n: a.model_copy(update={"limit": "M5"}) for n, a in joint.spec.analytes.items()}
    spec = joint.spec.model_copy(update={"analytes": analytes})
    return replace(joint, spec=spec, observations=observe_study(joint.study, joint.model, spec))


def run_replicate(
    joint: Joint,
    base: int,
    number: int,
    variant: Variant = "none",
    *,
    efforts: tuple[Effort, ...] = EFFORTS,
) -> dict[str, Any]:
    """Run one replicate; its data depend on ``base`` and ``number`` alone.

    Parameters
    ----------
    joint : Joint                   of the fit, its choice of centring kept in all replicates
    base, number : int              seed of the whole calibration, and which replicate
    variant : 'none', 'sign', 'm5'
    efforts : tuple of Effort       tried in turn until the fit's own checks pass

    Returns
    -------
    dict, plain: ``replicate``, ``rows_below`` (share of rows below a limit), ``attempts``,
    ``error`` (what the sampler said, or None), ``seconds``, ``key`` (of the compiled code); of the
    last attempt that gave draws ``failed_checks``, ``r_hat`` and ``ess_bulk`` (the worst),
    ``divergences`` (share of draws), and ``quantities``: name -> [truth, rank among
    ``RANK_DRAWS`` thinned draws, share of all draws below the truth]
    """
    began = time.perf_counter()
    truth, simulated = simulate(
        joint, np.random.default_rng(np.random.SeedSequence([base, number]))
    )
    fitted = spoil(simulated, variant)
    line: dict[str, Any] = {
        "replicate": number,
        "rows_below": round(float((simulated.observations.kind != 0).mean()), 4),
        "error": None,
    }
    compiled = compile_model(build_model(fitted))
    for attempt, effort in enumerate(efforts, start=1):
        seed = int(np.random.SeedSequence([base, number, attempt]).generate_state(1)[0])
        line["attempts"] = attempt
        with tempfile.TemporaryDirectory(prefix="sbc-") as folder:
            try:
                tree = sample(
                    compiled,
                    seed=seed,
                    folder=Path(folder) / "draws",
                    draws=effort.draws,
                    tune=effort.tune,
                    target_accept=effort.target_accept,
                    chains=CHAINS,
                    cores=1,
                    progress=False,
                )
            except FitError as error:
                line["error"] = str(error)
                continue
        line |= {"error": None, **check(tree)}
        line["quantities"] = rank_all(fitted, truth, tree["posterior"].to_dataset())
        if not line["failed_checks"]:
            break
    return line | {"key": compiled.key, "seconds": round(time.perf_counter() - began, 2)}


def check(tree: xr.DataTree) -> dict[str, Any]:
    """Whether the draws are good enough to be ranked against: over all free variables."""
    found = {c.name: c.value for c in diagnose(tree).checks}
    wrong = {
        "r_hat": not found["r_hat"] <= MAX_R_HAT,
        "ess_bulk": not found["ess_bulk"] >= MIN_ESS,
        "e_bfmi": not found["e_bfmi"] >= MIN_E_BFMI,
        "divergences": not found["divergences"] <= MAX_DIVERGENT,
        "solver_failures": found["solver_failures"] > 0,
    }
    return {
        "failed_checks": [name for name, failed in wrong.items() if failed],
        "r_hat": round(found["r_hat"], 4),
        "ess_bulk": round(found["ess_bulk"]),
        "divergences": round(found["divergences"], 5),
    }


def rank_all(joint: Joint, truth: xr.Dataset, posterior: xr.Dataset) -> dict[str, list[float]]:
    """Where the truth lies among the draws: name -> [truth, rank, share of all draws below]."""
    true, drawn = ranked_values(joint, truth), ranked_values(joint, posterior)
    chains = posterior.sizes["chain"]
    thin = posterior.sizes["draw"] * chains // RANK_DRAWS
    out: dict[str, list[float]] = {}
    for name, values in drawn.items():
        thinned = values.reshape(chains, -1)[:, thin - 1 :: thin]
        below = float((values < true[name]).mean())
        out[name] = [
            float(f"{true[name][0]:.6g}"),
            int((thinned < true[name]).sum()),
            round(below, 5),
        ]
    return out
