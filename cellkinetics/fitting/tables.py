"""What a fit found, as tables: population parameters and individual parameters."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.files import write_csv
from cellkinetics.fitting.convergence import ess_bulk, ess_tail, mcse_quantile, r_hat
from cellkinetics.fitting.draws import centres, flat, natural, take_draws
from cellkinetics.joint import Joint
from cellkinetics.kernel.layout import Floats
from cellkinetics.population import to_natural

INTERVAL = (0.05, 0.95)
"""90 % equal-tailed."""


@dataclass(frozen=True)
class Quantity:
    """One scalar of a fit with its draws: how it is printed and where its prior comes from.

    ``values`` (chain, draw) are on the natural scale, ``scaled`` on the scale on which prior and
    posterior are compared (contraction): the one that the prior is normal on.
    """

    name: str
    kind: str
    unit: str
    values: Floats
    scaled: Floats
    prior: str
    prior_sd: float
    origin: str
    assumed: bool


def quantities(joint: Joint, group: xr.Dataset) -> list[Quantity]:
    """Population parameters of a fit: typical values, IIV, residual error, the rest.

    Parameters
    ----------
    joint : Joint
    group : Dataset (chain, draw, ...)      posterior

    Returns
    -------
    list of Quantity
    """
    population, obs = joint.population, joint.observations
    out: list[Quantity] = []
    # Printed in the order in which the model declares them, not in that of the kernel.
    declared = [q.name for q in joint.model.parameters]
    for i, q in sorted(enumerate(joint.estimated), key=lambda item: declared.index(item[1].name)):
        phi = group["mu"].to_numpy()[:, :, i]
        bounds = to_natural(
            np.array([q.loc - 1.6449 * q.sd, q.loc + 1.6449 * q.sd]), q.scale, q.lower, q.upper
        )
        out.append(
            Quantity(
                name=q.name,
                kind="typical",
                unit=joint.unit(q.unit),
                values=to_natural(phi, q.scale, q.lower, q.upper),
                scaled=phi,
                prior=f"normal, mean {q.loc:.4g}, SD {q.sd:.3g}"
                if q.scale == "identity"
                else f"{q.scale}-normal, median {q.median:.4g},"
                f" 90 % {bounds[0]:.3g} to {bounds[1]:.3g}",
                prior_sd=q.sd,
                origin=q.origin,
                assumed=q.assumed,
            )
        )
    scale = {q.name: q.scale for q in population.typical}
    for i, w in sorted(enumerate(population.omega), key=lambda item: declared.index(item[1].name)):
        unit = f"SD of {scale[w.name]}" if scale[w.name] != "identity" else "SD"
        values = group["omega"].to_numpy()[:, :, i]
        name, kind = f"omega({w.name})", "between-subject SD"
        out.append(_log_normal(w, name, kind, unit, values, w.origin, w.assumed))
    for i, e in enumerate(population.effects):
        values = group["effect"].to_numpy()[:, :, i]
        out.append(
            Quantity(
                name=e.name,
                kind="covariate effect",
                unit="1",
                values=values,
                scaled=values,
                prior=f"normal, mean {e.mean:.3g}, SD {e.sd:.3g}",
                prior_sd=e.sd,
                origin=e.origin,
                assumed=e.assumed,
            )
        )
    out += _of_classes(joint, group)
    for i, r in enumerate(obs.errors):
        analyte = next(a for a in obs.analytes if a.name == r.analyte)
        unit = analyte.unit if r.name.endswith(".additive") else "1"
        values = group["error"].to_numpy()[:, :, i]
        out.append(_log_normal(r, r.name, "residual error", unit, values, r.origin, r.assumed))
    for i, c in enumerate(obs.calibrations):
        values = np.exp(group["log_calibration"].to_numpy()[:, :, i])
        out.append(_log_normal(c, c.name, "calibration", "1", values, c.origin, assumed=True))
    return out


def _of_classes(joint: Joint, group: xr.Dataset) -> list[Quantity]:
    """Typical values that differ between classes of patients, and the classes' probabilities."""
    classes = joint.population.classes
    if classes is None:
        return []
    out = []
    for i, own in enumerate(classes.estimated):
        q, phi = own.typical, group["class_typical"].to_numpy()[:, :, i]
        out.append(
            Quantity(
                name=f"{q.name}[{classes.names[own.member]}]",
                kind="typical of a class",
                unit=joint.unit(q.unit),
                values=to_natural(phi, q.scale, q.lower, q.upper),
                scaled=phi,
                prior=f"{q.scale}-normal, median {q.median:.4g}, SD {q.sd:.3g} on that scale",
                prior_sd=q.sd,
                origin=q.origin,
                assumed=q.assumed,
            )
        )
    if not classes.concentration:
        return out
    for i, name in enumerate(classes.names):
        values = group["class_probability"].to_numpy()[:, :, i]
        mean = classes.probability[i]
        out.append(
            Quantity(
                name=f"P({name})",
                kind="class probability",
                unit="1",
                values=values,
                scaled=values,
                prior=f"Dirichlet, mean {mean:.3g}, worth {classes.concentration:g} patients",
                prior_sd=float(np.sqrt(mean * (1 - mean) / (classes.concentration + 1))),
                origin=classes.origin,
                assumed=classes.assumed,
            )
        )
    return out


class _LogNormal(Protocol):
    """A prior on the log scale."""

    @property
    def median(self) -> float: ...

    @property
    def log_sd(self) -> float: ...


def _log_normal(
    prior: _LogNormal,
    name: str,
    kind: str,
    unit: str,
    values: Floats,
    origin: str,
    assumed: bool,
) -> Quantity:
    return Quantity(
        name=name,
        kind=kind,
        unit=unit,
        values=values,
        scaled=np.log(values),
        prior=f"log-normal, median {prior.median:.3g}, SD of log {prior.log_sd:.3g}",
        prior_sd=prior.log_sd,
        origin=origin,
        assumed=assumed,
    )


def _located(q: Quantity) -> dict[str, object]:
    """What a quantity is and where it lies."""
    low, median, high = np.quantile(q.values, [INTERVAL[0], 0.5, INTERVAL[1]])
    named = {"parameter": q.name, "kind": q.kind, "unit": q.unit}
    return {**named, "median": median, "sd": q.values.std(ddof=1), "q05": low, "q95": high}


def _believed(q: Quantity) -> dict[str, object]:
    """What was believed of it before, and who says so."""
    return {"prior": q.prior, "source": q.origin, "assumption": q.assumed}


def parameter_table(joint: Joint, group: xr.Dataset) -> pd.DataFrame:
    """Table of population parameters.

    Returns
    -------
    DataFrame with columns parameter, kind, unit, median, sd, q05, q95 (90 % equal-tailed interval),
    mcse (of the median), r_hat, ess_bulk, ess_tail, prior, source, assumption (true where no
    publication stands behind the prior), contraction (1 - Var(posterior) / Var(prior) on the scale
    of the prior)
    """
    found = quantities(joint, group)
    stacked = np.stack([q.values for q in found], axis=-1)
    measures = {
        "mcse": mcse_quantile(stacked, 0.5),
        "r_hat": r_hat(stacked),
        "ess_bulk": ess_bulk(stacked),
        "ess_tail": ess_tail(stacked),
    }
    rows = [
        {
            **_located(q),
            **{name: float(values[i]) for name, values in measures.items()},
            **_believed(q),
            "contraction": 1.0 - q.scaled.var(ddof=1) / q.prior_sd**2,
        }
        for i, q in enumerate(found)
    ]
    return pd.DataFrame(rows)


def prior_table(joint: Joint, group: xr.Dataset) -> pd.DataFrame:
    """Table of what the prior says.

    Returns
    -------
    DataFrame with columns parameter, kind, unit, median, q05, q95, prior, source, assumption
    """
    rows = [{**_located(q), **_believed(q)} for q in quantities(joint, group)]
    return pd.DataFrame(rows).drop(columns="sd")


def individual_table(joint: Joint, group: xr.Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Individual parameters, and how far they shrink to the typical value.

    Shrinkage is 1 - SD(posterior mean of eta) / median omega over subjects, eta being the
    subject's deviation on the transformed scale. Near 1 the data say nothing of that parameter
    in single subjects.

    Returns
    -------
    (individuals, shrinkage) : DataFrames
        subject, parameter, unit, median, sd, q05, q95, eta (posterior mean); and parameter,
        omega, shrinkage. With classes of patients, rows P(class) beside parameters: how probable
        the class is for the subject at each draw, and in the column ``probability`` the posterior
        probability, which is its mean
    """
    draws = take_draws(joint, group)
    theta = natural(joint, draws.phi)
    low, median, high = np.quantile(theta, [INTERVAL[0], 0.5, INTERVAL[1]], axis=0)
    sd = theta.std(axis=0, ddof=1)
    names = joint.population.names
    deviation = (draws.phi - centres(joint, group)).mean(axis=0)
    rows = [
        {
            "subject": subject,
            "parameter": q.name,
            "unit": joint.unit(q.unit),
            "median": median[s, j],
            "sd": sd[s, j],
            "q05": low[s, j],
            "q95": high[s, j],
            "eta": deviation[s, j],
        }
        for s, subject in enumerate(joint.subjects)
        for j, q in enumerate(joint.population.typical)
    ]
    rows += _membership_rows(joint, group)
    shrinkage = []
    for i, w in enumerate(joint.population.omega):
        omega = float(np.median(group["omega"].to_numpy()[:, :, i]))
        spread = deviation[:, names.index(w.name)]
        shrinkage.append(
            {
                "parameter": w.name,
                "omega": omega,
                "shrinkage": 1.0 - spread.std(ddof=1) / omega if len(spread) > 1 else np.nan,
            }
        )
    return pd.DataFrame(rows), pd.DataFrame(shrinkage)


def _membership_rows(joint: Joint, group: xr.Dataset) -> list[dict[str, Any]]:
    classes = joint.population.classes
    if classes is None:
        return []
    share = flat(group, "membership")
    low, median, high = np.quantile(share, [INTERVAL[0], 0.5, INTERVAL[1]], axis=0)
    return [
        {
            "subject": subject,
            "parameter": f"P({name})",
            "unit": "1",
            "median": median[s, k],
            "sd": share[:, s, k].std(ddof=1),
            "q05": low[s, k],
            "q95": high[s, k],
            "eta": np.nan,
            "probability": share[:, s, k].mean(),
        }
        for s, subject in enumerate(joint.subjects)
        for k, name in enumerate(classes.names)
    ]


def write_tables(
    folder: Path,
    joint: Joint,
    parameters: pd.DataFrame,
    individuals: pd.DataFrame,
    shrinkage: pd.DataFrame,
) -> None:
    """Write the tables of a result folder, with the rows that were left out of the likelihood."""
    write_csv(folder / "parameters.csv", parameters)
    write_csv(folder / "individuals.csv", individuals)
    write_csv(folder / "shrinkage.csv", shrinkage)
    write_csv(folder / "left_out.csv", joint.observations.left_out)
