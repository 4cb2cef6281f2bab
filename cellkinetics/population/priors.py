"""Priors of typical values and of between-subject variability, each with its origin."""

from dataclasses import dataclass
from math import hypot
from typing import Literal

from cellkinetics.declare import Model, Parameter, Scale
from cellkinetics.errors import SpecError
from cellkinetics.population.scales import to_natural, to_phi
from cellkinetics.spec import FitSpec, ParameterSpec

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


def typical_prior(model: Model, parameter: Parameter, own: ParameterSpec, spec: FitSpec) -> Typical:
    """Take a typical value from the model, or from what fit.toml says of it."""
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


def omega_prior(parameter: Parameter, own: ParameterSpec, spec: FitSpec) -> Omega | None:
    """Take a between-subject SD from the model or fit.toml; None where subjects do not differ."""
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
