"""Fits for the tests of leaving out subjects."""

import shutil
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

DAYS = (1, 3, 6, 10, 15, 21)
LLOQ = 5.0
FIT = """\
study = "../study"
model = "decline.py"
seed = 5
[analytes.{analyte}]
error = "{error}"
limit = "{limit}"
sd = {{ median = 0.3, log_sd = 0.5 }}
[[covariates]]
parameter = "level"
covariate = "weight_kg"
form = "exponential"
reference = 70
[sampler]
draws = 800
tune = 400
"""


def write_study(folder: Path, subjects: int) -> None:
    """Readings of subjects whose level at infusion differs, some below the limit."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(11)
    (folder / "study.toml").write_text(
        'name = "decline"\nsimulated = true\n[units]\nflow = "cells/uL"\nother = "cells/uL"\n',
        encoding="utf-8",
    )
    people, samples = ["subject,weight_kg"], ["subject,time,analyte,value,unit,cens,lloq"]
    for i in range(subjects):
        name = f"S{i:02d}"
        weight = 50 + 40 * rng.random()
        people.append(f"{name},{weight:.1f}")
        level = np.log(80) + 0.02 * (weight - 70) + 0.8 * rng.standard_normal()
        for day in DAYS[: 3 + i % 4]:
            value = np.exp(level - 0.12 * day + 0.3 * rng.standard_normal())
            for analyte in ("flow", "other"):
                below = int(value < LLOQ)
                samples.append(
                    f"{name},{day},{analyte},{max(value, LLOQ):.6g},cells/uL,{below},{LLOQ}"
                )
    (folder / "subjects.csv").write_text("\n".join(people) + "\n", encoding="utf-8")
    (folder / "samples.csv").write_text("\n".join(samples) + "\n", encoding="utf-8")


def write_fit(
    folder: Path, *, error: str = "lognormal", limit: str = "M3", analyte: str = "flow"
) -> Path:
    """A fit of that study, which lies beside its folder."""
    folder.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("leave_out_decline.py"), folder / "decline.py")
    text = FIT.format(error=error, limit=limit, analyte=analyte)
    (folder / "fit.toml").write_text(text, encoding="utf-8")
    return folder


def by_quadrature(joint, posterior, draw: int, subject: int) -> float:
    """Log p(y | z) of one subject by summing over a grid of its level."""
    mu, omega, sd, shift = _shared(joint, posterior, draw, subject)
    grid = mu[0] + shift + omega * np.linspace(-9, 9, 4001)
    rows = np.flatnonzero(joint.observations.subject == subject)
    time, value, kind = (
        joint.observations.rows.time[rows],
        joint.observations.value[rows],
        joint.observations.kind[rows],
    )
    log_f = grid[:, None] - np.exp(mu[1]) * time
    read = norm.logpdf(np.log(np.where(kind == 0, value, 1.0)), log_f, sd)
    read -= np.log(np.where(kind == 0, value, 1.0))
    below = norm.logcdf(np.log(joint.observations.upper[rows]), log_f, sd)
    log_p = np.where(kind == 0, read, below).sum(axis=1)
    weight = norm.logpdf(grid, mu[0] + shift, omega) + np.log(grid[1] - grid[0])
    return float(logsumexp(log_p + weight))


def by_formula(joint, posterior, draw: int, subject: int) -> float:
    """Log p(y | z) of a subject without readings below the limit: a normal in log y."""
    mu, omega, sd, shift = _shared(joint, posterior, draw, subject)
    rows = joint.observations.subject == subject
    time, value = joint.observations.rows.time[rows], joint.observations.value[rows]
    mean = mu[0] + shift - np.exp(mu[1]) * time
    covariance = omega**2 + sd**2 * np.eye(len(time))
    return float(multivariate_normal.logpdf(np.log(value), mean, covariance) - np.log(value).sum())


def _shared(joint, posterior, draw, subject):
    at = {"chain": draw % posterior.sizes["chain"], "draw": draw // posterior.sizes["chain"]}
    here = posterior.isel(at)
    mu = here["mu"].to_numpy()
    shift = here["effect"].item() * joint.population.effects[0].column[subject]
    return mu, here["omega"].item(), here["error"].item(), shift
