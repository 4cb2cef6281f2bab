"""Classes of patients: their probabilities, and the typical values in which they differ."""

from dataclasses import dataclass, replace

from cellkinetics.declare import Model, Parameter, PatientClass
from cellkinetics.errors import ModelError, SpecError, did_you_mean
from cellkinetics.population.priors import Typical, typical_prior
from cellkinetics.spec import ClassSpec, FitSpec, ParameterSpec


@dataclass(frozen=True)
class ClassTypical:
    """Prior of a typical value in one class of patients, where it is not the first class's."""

    member: int
    typical: Typical


@dataclass(frozen=True)
class Classes:
    """Classes of patients that a population is a mixture of; the first is the reference.

    ``probability`` is the mean of a Dirichlet prior that is worth ``concentration`` patients, or
    the known probability where that is 0. ``own`` are typical values that differ between classes,
    ``names_own`` their parameters.
    """

    names: tuple[str, ...]
    probability: tuple[float, ...]
    concentration: float
    own: tuple[ClassTypical, ...]
    origin: str
    assumed: bool

    @property
    def names_own(self) -> tuple[str, ...]:
        """Parameters that differ between classes, each once."""
        return tuple(dict.fromkeys(q.typical.name for q in self.own))

    @property
    def estimated(self) -> tuple[ClassTypical, ...]:
        """Typical values of classes that are estimated."""
        return tuple(q for q in self.own if q.typical.sd > 0)


def make_classes(model: Model, spec: FitSpec) -> Classes | None:
    """The classes of patients of a fit; None where the model has one kind, or the fit takes one.

    Raises
    ------
    SpecError                               [classes] for a model without them, an unknown class,
                                            probabilities that do not sum to 1, or a class that sets
                                            something else than a parameter
    """
    asked = spec.classes or ClassSpec()
    declared = {c.name: c for c in model.classes}
    if not declared:
        if spec.classes is not None:
            raise SpecError(
                f"fit.toml: {model.name} has no classes of patients. Leave [classes] out."
            )
        return None
    for name in asked.probabilities:
        if name not in declared:
            raise SpecError(
                f"fit.toml: classes.probabilities names '{name}', which is not a class of"
                f" {model.name}. {did_you_mean(name, declared)}"
            )
    share = {name: c.probability for name, c in declared.items()} | asked.probabilities
    if abs(sum(share.values()) - 1) > 1e-6:
        listed = ", ".join(f"{n} {p:g}" for n, p in share.items())
        raise SpecError(
            f"fit.toml: the probabilities of the classes of {model.name} sum to"
            f" {sum(share.values()):g}, not 1 ({listed})."
        )
    if not asked.use or len(declared) < 2:
        return None
    parameters = {q.name: q for q in model.parameters}
    first, *others = declared.values()
    own = []
    for member, c in enumerate(others, start=1):
        for name in dict.fromkeys([*first.typical, *c.typical]):
            if name not in parameters:
                raise SpecError(
                    f"{model.name}: class '{c.name}' sets '{name}', which is not a parameter, so it"
                    f" cannot be fitted. {did_you_mean(name, parameters)}"
                )
            parameter = parameters[name]
            value = c.typical.get(name, parameter.typical)
            origin = c.source or f"assumption: {c.assumption}"
            # What fit.toml says of a typical value is said of the first class.
            unsaid = spec.parameters.get(name, ParameterSpec()).model_copy(update={"typical": None})
            centre = typical_prior(model, in_class(c, parameter, value), unsaid, spec)
            own.append(ClassTypical(member, replace(centre, origin=origin, assumed=not c.source)))
    given = bool(asked.probabilities)
    return Classes(
        names=tuple(declared),
        probability=tuple(share[name] for name in declared),
        concentration=asked.concentration if asked.estimate else 0.0,
        own=tuple(own),
        origin="fit.toml" if given else first.source or f"assumption: {first.assumption}",
        assumed=given or not first.source,
    )


def in_class(kind: PatientClass, parameter: Parameter, value: float) -> Parameter:
    """The parameter with the typical value of a class; a value outside its scale is refused."""
    try:
        return replace(parameter, typical=value)
    except ModelError as error:
        raise ModelError(f"class '{kind.name}': {error}") from None
