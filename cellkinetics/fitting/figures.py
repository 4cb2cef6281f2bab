"""The figures of a fit: numbers taken from draws, handed to :mod:`cellkinetics.plot`."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.fitting.draws import Draws, predictions, take_draws
from cellkinetics.fitting.tables import INTERVAL, quantities
from cellkinetics.joint import Joint
from cellkinetics.kernel.layout import Floats, regular_rows
from cellkinetics.plot.chains import ranks, traces
from cellkinetics.plot.individual import Curves, individual_fits
from cellkinetics.plot.style import pages, save

CURVE_DRAWS = 200
PER_PAGE = 20


def curve_times(joint: Joint) -> Floats:
    """Times at which curves are drawn: dense early, to the last row."""
    end = float(max(joint.observations.rows.time.max(), 1.0))
    early = min(28.0, end)
    grid = np.concatenate([np.linspace(0, early, 85), np.geomspace(early, end, 60)[1:]])
    return np.unique(grid)


def curves(joint: Joint, draws: Draws, observable: str) -> Curves:
    """Quantiles of every subject's trajectory of one observable, over some of the draws."""
    keep = np.linspace(0, len(draws.phi) - 1, min(CURVE_DRAWS, len(draws.phi))).astype(int)
    times = curve_times(joint)
    at = [q.name for q in joint.model.observables].index(observable)
    declared = joint.model.observables[at]
    pred = predictions(joint, draws.phi[keep], regular_rows(times, [at], len(joint.subjects)))
    level = pred.reshape(len(keep), len(joint.subjects), len(times))
    if declared.positive:
        level = np.exp(level)
    # A draw whose solve failed must not blank out the others; to mind it takes six times as long.
    quantile = np.nanquantile if np.isnan(level).any() else np.quantile
    low, median, high = quantile(level, [INTERVAL[0], 0.5, INTERVAL[1]], axis=0)
    return Curves(
        joint.subjects, times, low, median, high, declared.meaning, joint.unit(declared.unit)
    )


def reading_levels(joint: Joint, draws: Draws, observable: str) -> pd.DataFrame:
    """Readings brought to the unit of the observable that they read (median calibration).

    Returns
    -------
    DataFrame                       subject, time, analyte, level, kind; rows left out have kind -1
    """
    obs = joint.observations
    factor = np.exp(obs.offset + np.median(draws.log_factor, axis=0))
    names = np.array([a.name for a in obs.analytes])
    shown = np.where(obs.kind == 0, obs.value, np.where(obs.kind == 2, obs.lower, obs.upper))
    used = pd.DataFrame(
        {
            "subject": np.array(joint.subjects)[obs.subject],
            "time": obs.rows.time,
            "analyte": names[obs.analyte],
            "level": shown / factor,
            "kind": obs.kind,
        }
    )
    # Rows that were left out have no factor of their own: their analyte's typical one is used.
    typical = used.assign(factor=factor).groupby("analyte")["factor"].median()
    left = obs.left_out[obs.left_out["time"] >= 0]
    left = left[left["subject"].isin(joint.subjects)]
    out = pd.DataFrame(
        {
            "subject": left["subject"],
            "time": left["time"],
            "analyte": left["analyte"],
            "level": left["value"] / left["analyte"].map(typical),
            "kind": -1,
        }
    )
    both = pd.concat([used, out], ignore_index=True)
    reads = {a.name for a in obs.analytes if a.observable == observable}
    return both[both["analyte"].isin(reads)]


def draw_figures(joint: Joint, tree: xr.DataTree, folder: Path) -> list[Path]:
    """Write individual fits, traces and ranks.

    Returns
    -------
    list of Path                    the files written
    """
    folder.mkdir(parents=True, exist_ok=True)
    posterior = tree["posterior"].to_dataset()
    draws = take_draws(joint, posterior)
    label = f"{joint.study.name}, {joint.model.name}"
    if joint.study.simulated:
        label += " (SIMULATED data)"
    written = curve_figures(joint, draws, folder, "individual", label)
    values = {q.name: q.scaled for q in quantities(joint, posterior)}
    divergent = tree["sample_stats"]["diverging"].to_numpy().astype(bool)
    written.append(save(traces(values, divergent=divergent), folder / "trace.png"))
    written.append(save(ranks(values), folder / "rank.png"))
    return written


def curve_figures(
    joint: Joint, draws: Draws, folder: Path, stem: str, title: str, band: str | None = None
) -> list[Path]:
    """Write individual curves with readings, a file for every observable and page."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    observables = list(dict.fromkeys(a.observable for a in joint.observations.analytes))
    for observable in observables:
        fitted = curves(joint, draws, observable)
        readings = reading_levels(joint, draws, observable)
        split = list(pages(list(joint.subjects), PER_PAGE))
        positive = next(q.positive for q in joint.model.observables if q.name == observable)
        for number, subjects in enumerate(split, start=1):
            name = stem if len(observables) == 1 else f"{stem}-{observable}"
            name += f"-{number}" if len(split) > 1 else ""
            figure = individual_fits(
                fitted,
                readings,
                subjects,
                title=title,
                log=positive,
                **({} if band is None else {"band": band}),
            )
            written.append(save(figure, folder / f"{name}.png"))
    return written


def prior_curves(joint: Joint, prior: xr.Dataset, folder: Path) -> list[Path]:
    """Write what the prior says of every subject's curve, against the data."""
    draws = take_draws(joint, prior)
    label = f"{joint.study.name}, {joint.model.name}: PRIOR, nothing fitted"
    if joint.study.simulated:
        label += " (SIMULATED data)"
    return curve_figures(joint, draws, folder, "prior", label, band="90 % interval of the prior")
