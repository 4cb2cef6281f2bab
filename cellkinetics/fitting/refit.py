"""A fit without one of its subjects: joined, sampled, and asked what it says of that subject."""

import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp

from cellkinetics.fitting.diagnostics import diagnose
from cellkinetics.fitting.leave_out import log_densities, shared_draws
from cellkinetics.fitting.quick_levels import Levels
from cellkinetics.fitting.quick_sites import Sites
from cellkinetics.fitting.run import mass_matrix
from cellkinetics.fitting.sampling import compile_model, sample
from cellkinetics.joint import Joint, build_model
from cellkinetics.kernel.layout import Dosing, Ints, Rows

PER_ROW = (
    *("subject", "analyte", "family", "kind", "value", "lower", "upper"),
    *("floor", "nu", "offset", "pred_is_log"),
)
"""Arrays of the observations that have an entry a row."""


def without(joint: Joint, subject: int) -> Joint:
    """A fit without one subject, everything else as it was.

    Priors, references of covariates and the choice of centred parameters stay those of all
    subjects, so that what is shared means the same in both.

    Parameters
    ----------
    joint : Joint                   of two subjects or more
    subject : int                   its position
    """
    obs, population = joint.observations, joint.population
    others = np.arange(len(joint.subjects)) != subject
    rows = obs.subject != subject
    # Positions of the subjects that come after it move up by one.
    kept: dict[str, Any] = {name: getattr(obs, name)[rows] for name in PER_ROW}
    kept["subject"] = kept["subject"] - (kept["subject"] > subject)
    start, entries = _drop(obs.rows.start, subject)
    observations = replace(
        obs,
        subjects=tuple(s for i, s in enumerate(obs.subjects) if i != subject),
        rows=Rows(start, obs.rows.time[entries], obs.rows.observable[entries]),
        table=obs.table[rows].reset_index(drop=True),
        **kept,
    )
    start, entries = _drop(joint.dosing.start, subject)
    return replace(
        joint,
        observations=observations,
        population=replace(
            population,
            effects=tuple(replace(q, column=q.column[others]) for q in population.effects),
        ),
        dosing=Dosing(start, *(getattr(joint.dosing, f.name)[entries] for f in fields(Dosing)[1:])),
        constants=joint.constants[others],
    )


def _drop(start: Ints, subject: int) -> tuple[Ints, np.ndarray]:
    """Where entries of each subject begin without one of them, and which entries stay."""
    counts = np.delete(np.diff(start), subject)
    stays = np.ones(start[-1], dtype=bool)
    stays[start[subject] : start[subject + 1]] = False
    return np.concatenate([[0], np.cumsum(counts)]).astype(start.dtype), stays


def refit_without(
    levels: Levels, subject: int, sites: Sites, *, seed: int, cores: int | None, progress: bool
) -> tuple[float, tuple[str, ...]]:
    """Sample a fit without one subject, with the sampler's settings of its fit.toml.

    Parameters
    ----------
    levels : Levels                 of the fit with all subjects
    subject : int                   its position
    sites : Sites                   propose u of every subject
    seed : int
    cores : int or None             chains at a time; default: the cores there are
    progress : bool                 show it on standard error

    Returns
    -------
    elpd                            of the subject's readings
    failures                        a sentence for each check of the sampling that did not pass
    """
    sampler = levels.joint.spec.sampler
    compiled = compile_model(build_model(without(levels.joint, subject)))
    with tempfile.TemporaryDirectory() as folder:
        drawn = sample(
            compiled,
            draws=sampler.draws,
            tune=sampler.tune,
            chains=sampler.chains,
            cores=cores,
            seed=seed,
            target_accept=sampler.target_accept,
            maxdepth=sampler.maxdepth,
            adaptation=mass_matrix(sampler.adaptation, compiled.start.size),
            folder=Path(folder) / "draws",
            progress=progress,
        )
    shared = shared_draws(levels, drawn["posterior"].to_dataset())
    rng = np.random.default_rng([seed, 41, subject])
    log_p, _ = log_densities(levels, shared, sites, np.array([subject]), rng)
    elpd = float(logsumexp(log_p) - np.log(len(log_p)))
    return elpd, tuple(check.sentence for check in diagnose(drawn).failures)
