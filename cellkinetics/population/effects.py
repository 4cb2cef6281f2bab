"""Covariate effects on the transformed scale: published ones, and those that a fit adds."""

from dataclasses import dataclass
from math import exp, log

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.declare import CovariateEffect, Model
from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.spec import CovariateSpec, FitSpec


@dataclass(frozen=True)
class Effect:
    """A covariate effect: coefficient ~ Normal(mean, sd) times ``column`` added to phi.

    ``column`` (subject,) is log(x / reference), x - reference or 0/1 by the form.
    """

    name: str
    parameter: str
    mean: float
    sd: float
    column: NDArray[np.float64]
    origin: str
    assumed: bool


def published_effect(model: Model, name: str, spec: FitSpec, covariates: pd.DataFrame) -> Effect:
    """Take one of the model's own effects, its prior centred on the published value."""
    known = {effect.name: effect for effect in model.covariates}
    if name not in known:
        raise SpecError(
            f"fit.toml: '{name}' is not a covariate effect of {model.name}."
            f" {did_you_mean(name, known)}"
        )
    effect = known[name]
    return Effect(
        name=effect.name,
        parameter=effect.parameter,
        mean=effect.value,
        sd=spec.priors.prior_scale * effect.rse * abs(effect.value),
        column=_column(effect, covariates, missing="error"),
        origin=effect.source or f"assumption: {effect.assumption}",
        assumed=not effect.source,
    )


def own_effect(item: CovariateSpec, names: list[str], covariates: pd.DataFrame) -> Effect:
    """Take an effect that fit.toml adds."""
    if item.parameter not in names:
        raise SpecError(
            f"fit.toml: covariates names '{item.parameter}', which is not estimated in this fit."
            f" {did_you_mean(item.parameter, names)}"
        )
    return Effect(
        name=item.name,
        parameter=item.parameter,
        mean=item.mean,
        sd=item.sd,
        column=_column(item, covariates, missing=item.missing),
        origin="fit.toml",
        assumed=True,
    )


def _column(
    effect: CovariateSpec | CovariateEffect, covariates: pd.DataFrame, *, missing: str
) -> NDArray[np.float64]:
    """The number that multiplies the coefficient, subject by subject."""
    if effect.covariate not in covariates:
        raise SpecError(
            f"The study has no covariate '{effect.covariate}'."
            f" {did_you_mean(effect.covariate, [str(c) for c in covariates])}"
        )
    raw = covariates[effect.covariate]
    absent = raw.isna() | (raw.astype(str).str.strip() == "")
    if absent.any() and missing == "error":
        complete = "weight_kg and the dose" if effect.covariate.startswith("cells") else "it"
        raise SpecError(
            f"Covariate '{effect.covariate}' is missing for subject {raw.index[absent][0]}"
            f" ({int(absent.sum())} in all). Complete {complete}, or say missing = 'reference'."
        )
    column: NDArray[np.float64]
    if effect.form == "category":
        if effect.level is None:
            raise SpecError(f"Covariate effect '{effect.name}' is a category and needs its level.")
        levels = sorted({str(v).strip() for v in raw[~absent]})
        if effect.level not in levels:
            raise SpecError(
                f"Covariate '{effect.covariate}' never equals '{effect.level}'."
                f" {did_you_mean(effect.level, levels)}"
            )
        column = np.asarray(raw.astype(str).str.strip() == effect.level, dtype=np.float64)
    else:
        number = pd.to_numeric(raw, errors="coerce")
        if (number.isna() & ~absent).any():
            bad = raw.index[number.isna() & ~absent][0]
            raise SpecError(
                f"Covariate '{effect.covariate}' of subject {bad} is {raw[bad]!r}, not a number."
                " Use form = 'category' for words."
            )
        values = number.to_numpy(dtype=np.float64)
        reference = effect.reference
        if effect.form == "power":
            if np.nanmin(np.where(absent, np.nan, values)) <= 0:
                raise SpecError(
                    f"Covariate '{effect.covariate}' has values of 0 or below, which a power effect"
                    " cannot take. Use form = 'exponential'."
                )
            centre = (
                reference
                if reference is not None
                else exp(float(np.nanmean(np.log(np.where(absent, np.nan, values)))))
            )
            column = np.asarray(np.log(values) - log(centre))
        else:
            centre = (
                reference
                if reference is not None
                else float(np.nanmean(np.where(absent, np.nan, values)))
            )
            column = np.asarray(values - centre)
    return np.where(absent.to_numpy(), 0.0, column)
