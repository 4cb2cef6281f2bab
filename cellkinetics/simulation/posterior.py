"""Virtual patients of a fit: from the posterior of its population, or one subject's own draws."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.catalogue import find_fit, find_study, load_model, model_names
from cellkinetics.declare import CovariateEffect, Model
from cellkinetics.errors import FitError, SpecError, did_you_mean
from cellkinetics.spec import KEPT_MODEL, CovariateSpec, model_of, read_spec
from cellkinetics.study import read_study

if TYPE_CHECKING:  # a fit needs PyMC, which a model alone does not
    from cellkinetics.joint import Joint

RESULTS = Path("results")


@dataclass(frozen=True)
class Posterior:
    """A fit's posterior, as a source of patients.

    Attributes
    ----------
    name : str                      of the result folder
    joint : Joint                   what was fitted
    draws : Dataset (chain, draw, ...)
    model : Model                   in the units of the fit
    limits : mapping                observable -> largest limit of quantification of its readings
    notes, warnings : tuple of str  what a reader should know of the fit
    """

    name: str
    joint: "Joint"
    draws: xr.Dataset
    model: Model
    limits: Mapping[str, float]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def origin(self) -> str:
        """What its patients are drawn from, as figures and files say it."""
        mark = " (SIMULATED data)" if self.joint.study.simulated else ""
        return f"posterior of {self.name}{mark}"

    def place(self, subject: str) -> int:
        """Position of a subject of the study among those that were fitted.

        Raises
        ------
        SpecError                   nobody is called so
        """
        if subject not in self.joint.subjects:
            raise SpecError(
                f"--subject {subject}: not a subject of {self.name} with readings."
                f" {did_you_mean(subject, self.joint.subjects)}"
            )
        return self.joint.subjects.index(subject)

    def weight(self, subject: str) -> float | None:
        """Body weight in kg as the study says it; None where it does not."""
        self.place(subject)
        table = self.joint.study.subjects.set_index("subject")
        weight = pd.to_numeric(table["weight_kg"], errors="coerce")[subject]
        return None if pd.isna(weight) else float(weight)


@dataclass(frozen=True)
class Found:
    """A result's folder, and that of the fit where it was named by it."""

    folder: Path
    fit: Path | None = None


def find_result(name: str | Path) -> Found | None:
    """Folder of a result: named itself, or by the fit that it is of; None for a model.

    Raises
    ------
    FitError                        a fit without a result in the working directory's ``results``,
                                    or a folder of something else
    """
    path = Path(name)
    if str(name) in model_names() or path.suffix == ".py":
        return None
    if any((path / file).is_file() for file in ("summary.json", "identity.json")):
        return Found(path)
    try:
        fit: Path | None = find_fit(name)
    except SpecError:
        fit = None
    own = str(name) if fit is None else fit.name
    for folder in (RESULTS / own, RESULTS / f"{own}-quick"):
        if (folder / "summary.json").is_file():
            return Found(folder, fit)
    if fit is not None:
        raise FitError(
            f"{name} has no result in {RESULTS / own}: run 'cellkinetics fit {name}' first, or name"
            " the result's folder."
        )
    if path.is_dir():
        raise FitError(f"{name} holds no result (no summary.json) and no fit (no fit.toml).")
    return None


def load_posterior(found: Found, *, study: str | Path | None = None) -> Posterior:
    """Read a result and what it was made from.

    Parameters
    ----------
    found : Found                   of :func:`find_result`
    study : path, optional          in place of the study that fit.toml names

    Returns
    -------
    Posterior

    Raises
    ------
    FitError                        no result, or not that of the study and model as they are now
    """
    from cellkinetics.fitting.folder import load_fit  # noqa: PLC0415  (loads PyMC)

    result = load_fit(found.folder)
    joint = _joint(found, study)
    _same(result.folder, joint, result.summary)
    warnings = []
    if not result.passed:
        warnings.append(
            "the fit's own checks did not pass (summary.json): what follows from its posterior is"
            " not to be trusted"
        )
    notes = []
    if result.approximate:
        notes.append("the posterior is the approximate answer of --quick")
    return Posterior(
        name=found.folder.resolve().name,
        joint=joint,
        draws=result.tree["posterior"].to_dataset(),
        model=_in_units_of_fit(joint),
        limits=_limits(joint),
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def _joint(found: Found, study: str | Path | None) -> "Joint":
    from cellkinetics.joint import join  # noqa: PLC0415

    # A study that is named relative to the fit is not found from the result.
    folder = found.fit or found.folder
    spec = read_spec(folder)
    kept = found.folder / KEPT_MODEL  # a user's model, as it was fitted
    data = read_study(
        find_study(study) if study else find_study(spec.study, near=folder),
        assume_lloq=spec.assume_lloq,
        **spec.nonmem_options(),
    )
    return join(data, load_model(kept) if kept.is_file() else model_of(spec, folder), spec)


def _same(folder: Path, joint: "Joint", summary: Mapping[str, object]) -> None:
    from cellkinetics.fitting.provenance import changes, identity  # noqa: PLC0415

    then = summary.get("identity")
    if not isinstance(then, dict):
        raise FitError(f"{folder}: summary.json does not say what was fitted. Fit anew.")
    # How it was sampled does not matter here, what was fitted does.
    now, then = (
        {**of, "spec": {k: v for k, v in of["spec"].items() if k not in ("sampler", "seed")}}
        for of in (json.loads(json.dumps(identity(joint))), then)
    )
    different = changes(then, now)
    if different:
        raise FitError(
            f"{folder}: not the fit of this study and model any more.\n  "
            + "\n  ".join(different)
            + "\nUndo the change, or fit anew."
        )


def _in_units_of_fit(joint: "Joint") -> Model:
    """The model with the units in which its quantities come out in this fit."""
    model = joint.model
    return replace(
        model,
        observables=tuple(replace(q, unit=joint.unit(q.unit)) for q in model.observables),
        states=tuple(replace(q, unit=joint.unit(q.unit)) for q in model.states),
    )


def _limits(joint: "Joint") -> dict[str, float]:
    obs = joint.observations
    out = {}
    for q in joint.model.observables:
        unit = joint.unit(q.unit)
        same = [a.name for a in obs.analytes if a.observable == q.name and a.unit == unit]
        stated = obs.table.loc[obs.table["analyte"].isin(same), "lloq"].max()
        if pd.notna(stated):
            out[q.name] = float(stated)
    return out


def covariate_columns(
    posterior: Posterior, covariates: Mapping[str, float | str]
) -> tuple[np.ndarray, list[str]]:
    """What multiplies each covariate effect of a fit in a patient with these covariates.

    Parameters
    ----------
    posterior : Posterior
    covariates : mapping            by name; left out: the reference

    Returns
    -------
    (float array (effect,), list of str)    NaN where nothing is given; notes on how it was read

    Raises
    ------
    ModelError                      no number where one is needed
    SpecError                       a covariate that neither the fit nor the model knows
    """
    from cellkinetics.observation import covariate_table  # noqa: PLC0415
    from cellkinetics.simulation.patients import covariate_column  # noqa: PLC0415

    joint, model = posterior.joint, posterior.model
    published = {effect.name: effect for effect in model.covariates}
    items: list[CovariateEffect | CovariateSpec] = [
        *(published[n] for n in joint.spec.model_covariates),
        *joint.spec.covariates,
    ]
    known = sorted({e.covariate for e in items} | {q.covariate for q in model.inputs} - {""})
    for name in covariates:
        if name not in known:
            raise SpecError(
                f"--covariate {name}: neither an effect of {posterior.name} nor an input of"
                f" {model.name}. {did_you_mean(name, known)}"
            )
    out = np.full(len(items), np.nan)
    table = covariate_table(joint.study, joint.subjects)
    for i, item in enumerate(items):
        if item.covariate not in covariates:
            continue
        reference = item.reference
        if reference is None and item.form != "category":  # the study's mean, as in the fit
            number = pd.to_numeric(table[item.covariate], errors="coerce")
            power = item.form == "power"
            reference = float(np.exp(np.log(number).mean()) if power else number.mean())
        given = covariates[item.covariate]
        out[i] = covariate_column(model.name, item, reference, given)
    levels: dict[str, list[str]] = {}
    for item in items:
        if item.form == "category" and item.level is not None:
            levels.setdefault(item.covariate, []).append(item.level)
    notes = [
        f"covariate {name}={covariates[name]}: the fit has no effect of this level (only of"
        f" {', '.join(of)}), so it is taken as the reference"
        for name, of in levels.items()
        if name in covariates and str(covariates[name]) not in of
    ]
    return out, notes


def median_dosing(joint: "Joint") -> tuple[tuple[float, float], ...]:
    """The study's median total dose, in one infusion on day 0; empty where dose does nothing."""
    if joint.model.infuse is None:
        return ()
    start, cells = joint.dosing.start, joint.dosing.cells
    totals = [float(cells[a:b].sum()) for a, b in pairwise(start)]
    return ((0.0, float(np.median(totals))),)


def dosing_of_subject(joint: "Joint", at: int) -> tuple[tuple[float, float], ...]:
    """Infusions of a subject as they were given, (day, cells)."""
    own = slice(joint.dosing.start[at], joint.dosing.start[at + 1])
    pairs: Sequence[tuple[float, float]] = list(
        zip(joint.dosing.time[own].tolist(), joint.dosing.cells[own].tolist(), strict=True)
    )
    return tuple(pairs)
