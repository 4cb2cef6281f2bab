"""The population model of a fit: everything random about its parameters."""

from dataclasses import dataclass

import pandas as pd

from cellkinetics.declare import Model
from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.population.classes import Classes, in_class, make_classes
from cellkinetics.population.effects import Effect, own_effect, published_effect
from cellkinetics.population.priors import Omega, Typical, omega_prior, typical_prior
from cellkinetics.spec import FitSpec, ParameterSpec


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
    classes: Classes | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the kernel's parameters."""
        return tuple(q.name for q in self.typical)


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
    classes = make_classes(model, spec)
    differ = classes.names_own if classes else ()
    first = model.classes[0].typical if classes else {}
    typical, omegas, constants = [], [], {}
    for parameter in model.parameters:
        own = spec.parameters.get(parameter.name, ParameterSpec())
        if own.typical is None and parameter.name in first:
            parameter = in_class(model.classes[0], parameter, first[parameter.name])  # noqa: PLW2901
        centre = typical_prior(model, parameter, own, spec)
        spread = omega_prior(parameter, own, spec)
        if parameter.name in differ:
            _refuse_other_sampling(parameter.name, own, spec)
        if centre.sd == 0 and spread is None and parameter.name not in differ:
            constants[parameter.name] = centre.median
            continue
        typical.append(centre)
        if spread is not None:
            omegas.append(spread)
    effects = [
        *(published_effect(model, name, spec, covariates) for name in spec.model_covariates),
        *(own_effect(item, [q.name for q in typical], covariates) for item in spec.covariates),
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
        classes=classes,
    )


def _refuse_other_sampling(name: str, own: ParameterSpec, spec: FitSpec) -> None:
    """What differs between classes is sampled centred, one parameter by itself."""
    said = f"fit.toml: '{name}' differs between classes of patients and is sampled centred"
    if own.centred is False:
        raise SpecError(f"{said}. Leave its 'centred' out.")
    if name in spec.correlation.parameters:
        raise SpecError(
            f"{said}, which correlated parameters are not. Leave it out of the correlation."
        )
