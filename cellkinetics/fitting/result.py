"""The DataTree of a result: posterior, pointwise log-likelihood, prior and posterior predictive."""

import shutil
from pathlib import Path

import numpy as np
import xarray as xr

from cellkinetics.files import put_in_place
from cellkinetics.fitting.draws import (
    Draws,
    linked,
    natural,
    pointwise_log_likelihood,
    predictions,
    replicate,
    take_draws,
)
from cellkinetics.fitting.membership import MEMBER, membership, with_members
from cellkinetics.fitting.prior import prior_draws
from cellkinetics.joint import Joint
from cellkinetics.kernel.layout import Floats

PREDICTIVE_DRAWS = 1000
"""Draws of the prior and posterior predictive that are kept, spread evenly over all draws."""


def assemble(joint: Joint, drawn: xr.DataTree, *, seed: int) -> xr.DataTree:
    """Add to the sampler's draws what readers of a result expect.

    Parameters
    ----------
    joint : Joint
    drawn : DataTree                groups posterior and sample_stats
    seed : int                      of the predictive draws

    Returns
    -------
    DataTree with groups posterior (random variables and ``theta``, individual parameters on their
    natural scale), sample_stats, log_likelihood (pointwise), posterior_predictive, prior,
    prior_predictive, observed_data, constant_data; readings have the dimension ``row``. With
    classes of patients posterior has ``membership`` and ``member`` too, a class drawn for every
    subject, which ``theta`` goes with; log_likelihood is that of ``subjects``, classes summed out
    """
    rng = np.random.default_rng([seed, 20])
    posterior = drawn["posterior"].to_dataset()
    chains, count = posterior.sizes["chain"], posterior.sizes["draw"]
    summed: Floats | None = None
    if joint.population.classes is not None:
        found = membership(joint, posterior)
        summed = found.log_density
        posterior = with_members(joint, posterior, found, np.random.default_rng([seed, 21]))
    draws = take_draws(joint, posterior)
    pred = linked(joint, predictions(joint, draws.phi), draws.log_factor)
    names = list(joint.population.names)
    posterior = posterior.assign(
        theta=(
            ("chain", "draw", "subject", "parameter"),
            natural(joint, draws.phi).reshape(chains, count, len(joint.subjects), len(names)),
        )
    ).assign_coords(parameter=names, subject=list(joint.subjects))
    prior = prior_draws(joint, PREDICTIVE_DRAWS, rng)
    before = take_draws(joint, prior)
    prior_pred = linked(joint, predictions(joint, before.phi), before.log_factor)
    obs = joint.observations
    row = {"row": np.arange(len(obs.value))}
    bound = np.where(np.isfinite(obs.upper), obs.upper, obs.lower)
    return xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "sample_stats": drawn["sample_stats"].to_dataset(),
            "log_likelihood": xr.Dataset(
                {
                    "readings": (
                        ("chain", "draw", "row"),
                        pointwise_log_likelihood(joint, draws, pred).reshape(chains, count, -1),
                    )
                },
                coords=row,
            )
            if summed is None
            # Readings of a subject share its class: only together have they a density.
            else xr.Dataset(
                {"subjects": (MEMBER, summed.reshape(chains, count, -1))},
                coords={"subject": list(joint.subjects)},
            ),
            "posterior_predictive": _predictive(joint, draws, pred, rng),
            "prior": prior,
            "prior_predictive": _predictive(joint, before, prior_pred, rng),
            "observed_data": xr.Dataset(
                {"readings": ("row", np.where(obs.kind == 0, obs.value, bound))}, coords=row
            ),
            "constant_data": xr.Dataset(
                {
                    "subject": ("row", np.array(joint.subjects)[obs.subject].astype(str)),
                    "time": ("row", obs.rows.time),
                    "analyte": (
                        "row",
                        np.array([a.name for a in obs.analytes])[obs.analyte].astype(str),
                    ),
                    "kind": ("row", obs.kind),
                    "lower": ("row", obs.lower),
                    "upper": ("row", obs.upper),
                    "line": ("row", obs.table["line"].to_numpy(dtype=np.int64)),
                },
                coords=row,
            ),
        }
    )


def _predictive(joint: Joint, draws: Draws, pred: Floats, rng: np.random.Generator) -> xr.Dataset:
    keep = np.linspace(0, len(pred) - 1, min(PREDICTIVE_DRAWS, len(pred))).astype(int)
    thinned = Draws(draws.phi[keep], draws.error[keep], draws.log_factor[keep])
    readings = replicate(joint, thinned, pred[keep], rng)
    return xr.Dataset(
        {"readings": (("chain", "draw", "row"), readings[None])},
        coords={"chain": [0], "draw": keep, "row": np.arange(readings.shape[1])},
    )


def save_tree(tree: xr.DataTree, path: Path) -> None:
    """Write a DataTree as zarr, whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    if temporary.exists():
        shutil.rmtree(temporary)
    tree.to_zarr(temporary, mode="w", consolidated=False)
    put_in_place(temporary, path)
