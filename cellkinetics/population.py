"""Typical values, between-subject variability and covariates, each with its prior and origin.

Plain functions and numbers; the random variables are made in :mod:`cellkinetics.joint`.
"""

from dataclasses import dataclass
from math import exp, hypot, log
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.declare import CovariateEffect, Model, Parameter, Scale
from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.spec import CovariateSpec, FitSpec, ParameterSpec

OMEGA_DEFAULT = 0.5
OMEGA_LOG_SD_DEFAULT = 0.5


@dataclass(frozen=True)
class Typical:
    """Prior of a typical value: Normal(loc, sd) on the transformed scale; sd 0 fixes it."""

    name: str
    unit: str
    scale: Scale
    lower: float
    upper: float
    loc: float
    sd: float
    origin: str
    assumed: bool

    @property
    def median(self) -> float:
        """Prior median on the natural scale."""
        return float(to_natural(self.loc, self.scale, self.lower, self.upper))


@dataclass(frozen=True)
class Omega:
    """Prior of a between-subject SD: log-normal with this median and SD of the logarithm."""

    name: str
    median: float
    log_sd: float
    centred: bool | Literal["auto"]
    origin: str
    assumed: bool


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


@dataclass(frozen=True)
class Population:
    """Everything random about the parameters of a fit.

    ``typical`` is in the order of the kernel's parameters. Parameters outside it are constants at
    the values in ``constants``.
    """

    typical: tuple[Typical, ...]
    omega: tuple[Omega, ...]
    effects: tuple[Effect, ...]
    correlated: tuple[str, ...]
    lkj: float
    constants: dict[str, float]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the kernel's parameters."""
        return tuple(q.name for q in self.typical)


def to_phi(
    theta: float | NDArray[np.float64], scale: Scale, lower: float = 0.0, upper: float = 1.0
) -> NDArray[np.float64]:
    """Natural to transformed scale (log, logit between the bounds, or identity)."""
    x = np.asarray(theta, dtype=np.float64)
    if scale == "log":
        return np.log(x)
    if scale == "logit":
        return np.asarray(np.log((x - lower) / (upper - x)))
    return x


def to_natural(
    phi: float | NDArray[np.float64], scale: Scale, lower: float = 0.0, upper: float = 1.0
) -> NDArray[np.float64]:
    """Transformed to natural scale; the inverse of :func:`to_phi`."""
    x = np.asarray(phi, dtype=np.float64)
    if scale == "log":
        return np.exp(x)
    if scale == "logit":
        return np.asarray(lower + (upper - lower) / (1.0 + np.exp(-x)))
    return x


def make_population(model: Model, spec: FitSpec, covariates: pd.DataFrame) -> Population:
    """The population model of a fit.

    Parameters
    ----------
    model : Model
    spec : FitSpec
    covariates : DataFrame (subject,)       one row a subject, indexed by subject id

    Returns
    -------
    Population

    Raises
    ------
    SpecError                               an unknown parameter or covariate, or a missing value
    """
    names = [q.name for q in model.parameters]
    for name in [*spec.parameters, *spec.correlation.parameters]:
        if name not in names:
            raise SpecError(
                f"fit.toml: '{name}' is not a parameter of {model.name}."
                f" {did_you_mean(name, names)}"
            )
    typical, omegas, constants = [], [], {}
    for parameter in model.parameters:
        own = spec.parameters.get(parameter.name, ParameterSpec())
        centre = _typical(model, parameter, own, spec)
        spread = _omega(parameter, own, spec)
        if centre.sd == 0 and spread is None:
            constants[parameter.name] = centre.median
            continue
        typical.append(centre)
        if spread is not None:
            omegas.append(spread)
    effects = [
        *(_published_effect(model, name, spec, covariates) for name in spec.model_covariates),
        *(_own_effect(item, [q.name for q in typical], covariates) for item in spec.covariates),
    ]
    with_iiv = [q.name for q in omegas]
    for name in spec.correlation.parameters:
        if name not in with_iiv:
            raise SpecError(
                f"fit.toml: correlation names '{name}', which does not differ between subjects."
                f" {did_you_mean(name, with_iiv)}"
            )
    return Population(
        typical=tuple(typical),
        omega=tuple(omegas),
        effects=tuple(effects),
        correlated=spec.correlation.parameters,
        lkj=spec.correlation.lkj,
        constants=constants,
    )


def _typical(model: Model, parameter: Parameter, own: ParameterSpec, spec: FitSpec) -> Typical:
    value = parameter.typical if own.typical is None else own.typical
    bounds = (parameter.scale, parameter.lower, parameter.upper)
    if (parameter.scale == "log" and value <= 0) or (
        parameter.scale == "logit" and not parameter.lower < value < parameter.upper
    ):
        raise SpecError(
            f"fit.toml: parameters.{parameter.name}.typical is {value:g},"
            f" which its {parameter.scale} scale does not allow."
        )
    estimated = not parameter.fixed if own.estimate is None else own.estimate
    tau = model.tau if spec.priors.tau is None else spec.priors.tau
    rse = parameter.rse or 0.0
    if own.sd is not None:
        sd = own.sd
    elif parameter.scale == "identity":
        # No logarithm to spread: the SD is a share of the value, or one unit around zero.
        sd = spec.priors.prior_scale * hypot(rse, tau) * (abs(value) or 1.0)
    else:
        sd = spec.priors.prior_scale * hypot(rse, tau)
    changed = own.typical is not None or own.sd is not None
    if changed:
        origin = "fit.toml" + (f": {own.reason}" if own.reason else "")
    else:
        origin = parameter.source or f"assumption: {parameter.assumption}"
    return Typical(
        name=parameter.name,
        unit=parameter.unit,
        scale=parameter.scale,
        lower=parameter.lower,
        upper=parameter.upper,
        loc=float(to_phi(value, *bounds)),
        sd=sd if estimated else 0.0,
        origin=origin,
        assumed=changed or not parameter.source,
    )


def _omega(parameter: Parameter, own: ParameterSpec, spec: FitSpec) -> Omega | None:
    published = parameter.omega
    wanted = (published is not None and not parameter.fixed) if own.iiv is None else own.iiv
    if not wanted:
        if own.omega is not None and own.iiv is None:
            wanted = True
        else:
            return None
    median = own.omega if own.omega is not None else published or OMEGA_DEFAULT
    spread = hypot(parameter.rse_omega or OMEGA_LOG_SD_DEFAULT, spec.priors.tau_omega)
    log_sd = own.omega_log_sd if own.omega_log_sd is not None else spec.priors.prior_scale * spread
    if own.omega is not None or own.omega_log_sd is not None:
        origin, assumed = "fit.toml" + (f": {own.reason}" if own.reason else ""), True
    elif published is None:
        origin, assumed = f"assumption: no published value, {OMEGA_DEFAULT} as a guess", True
    elif parameter.omega_assumption or (parameter.assumption and not parameter.omega_source):
        origin = f"assumption: {parameter.omega_assumption or parameter.assumption}"
        assumed = True
    else:
        origin, assumed = parameter.omega_source or parameter.source, False
    return Omega(parameter.name, median, log_sd, own.centred, origin, assumed)


def _published_effect(model: Model, name: str, spec: FitSpec, covariates: pd.DataFrame) -> Effect:
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


def _own_effect(item: CovariateSpec, names: list[str], covariates: pd.DataFrame) -> Effect:
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
