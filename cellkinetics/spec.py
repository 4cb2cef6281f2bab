"""``fit.toml``: which study, which model, how they are joined, and how the posterior is drawn."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model
from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.study.nonmem_layout import NonmemOptions

FILE = "fit.toml"
KEPT_MODEL = "model.py"  # what a result calls the model file that it keeps

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]


def _repeated(names: Sequence[str]) -> str | None:
    """The first name that stands twice."""
    return next((name for i, name in enumerate(names) if name in names[:i]), None)


class Section(BaseModel):
    """A part of fit.toml: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ErrorPrior(Section):
    """A residual-error parameter: log-normal with this median and SD of its logarithm."""

    median: Positive
    log_sd: NonNegative = 0.5


class AnalyteSpec(Section):
    """How one analyte reads the model.

    ``observes`` names the observable (left out where the model has only one). ``error``:
    ``lognormal`` and ``student_t`` act on the log scale (parameter ``sd``), ``combined`` on the
    natural scale with SD sqrt(additive^2 + (proportional * f)^2); leave out one of the two for a
    purely proportional or additive error. ``limit`` is Beal's method. ``link``: ``physical``
    converts between copies/ug DNA and cells/uL with white cells and vector copy number;
    ``unit`` converts units of one dimension; ``fixed`` takes the prediction as it is.
    ``calibration`` multiplies by an estimated factor, shared or per subject.
    """

    observes: Name | None = None
    error: Literal["lognormal", "student_t", "combined"] = "lognormal"
    nu: Positive = 4.0
    limit: Literal["M1", "M2", "M3", "M4", "M5", "M6", "M7"] = "M3"
    link: Literal["auto", "unit", "physical", "fixed"] = "auto"
    calibration: Literal["auto", "none", "shared", "subject"] = "auto"
    calibration_median: Positive = 1.0
    calibration_log_sd: NonNegative | None = None
    specimen: Name | None = None
    sd: ErrorPrior | None = None
    additive: ErrorPrior | None = None
    proportional: ErrorPrior | None = None

    @model_validator(mode="after")
    def _error_parameters_fit(self) -> "AnalyteSpec":
        if self.error == "combined":
            if self.sd is not None:
                raise ValueError("error = 'combined' takes additive and proportional, not sd")
            if self.additive is None and self.proportional is None:
                raise ValueError(
                    "error = 'combined' needs a prior: additive, proportional, or both"
                )
        elif self.additive is not None or self.proportional is not None:
            raise ValueError(f"error = '{self.error}' takes sd, not additive or proportional")
        return self


class ParameterSpec(Section):
    """What differs from the model's own prior of one parameter.

    ``typical`` is the prior median on the natural scale, ``sd`` the prior SD of the typical value
    on the transformed scale (log, logit or identity); ``omega`` the prior median of the
    between-subject SD, ``omega_log_sd`` the SD of its logarithm. ``estimate = false`` fixes the
    typical value; ``iiv`` says whether subjects differ; ``centred`` how that is sampled.
    """

    typical: Finite | None = None
    sd: Positive | None = None
    omega: Positive | None = None
    omega_log_sd: Positive | None = None
    estimate: bool | None = None
    iiv: bool | None = None
    centred: bool | Literal["auto"] = "auto"
    reason: str = ""


class CovariateSpec(Section):
    """An effect of a subject's covariate on a parameter's transformed scale."""

    parameter: Name
    covariate: Name
    form: Literal["power", "exponential", "category"]
    reference: Finite | None = None
    level: str | None = None
    mean: Finite = 0.0
    sd: Positive = 0.5
    missing: Literal["error", "reference"] = "error"

    @property
    def name(self) -> str:
        """Name of the coefficient in tables."""
        level = f"={self.level}" if self.level is not None else ""
        return f"{self.parameter}~{self.covariate}{level}"


class PriorSpec(Section):
    """How far the published values are trusted.

    The prior SD of a log typical value is prior_scale * sqrt(RSE^2 + tau^2); that of a log omega
    is prior_scale * sqrt(RSE_omega^2 + tau_omega^2).
    """

    prior_scale: Positive = 1.0
    tau: NonNegative | None = None
    tau_omega: NonNegative = 0.3


class CorrelationSpec(Section):
    """Which between-subject deviations may correlate, and the LKJ shape."""

    parameters: tuple[Name, ...] = ()
    lkj: Positive = 2.0

    @field_validator("parameters")
    @classmethod
    def _are_different(cls, parameters: tuple[str, ...]) -> tuple[str, ...]:
        twice = _repeated(parameters)
        if twice:
            raise ValueError(f"'{twice}' is named twice")
        if len(parameters) == 1:
            raise ValueError("a correlation needs two parameters or more")
        return parameters


class ClassSpec(Section):
    """How a fit takes the patient classes of its model.

    Subjects are not assigned to a class: the likelihood of a subject is the sum over classes of
    probability times density. ``use = false`` takes every patient at the model's own typical
    values. The probabilities have a Dirichlet prior around ``probabilities`` (by class; default:
    the model's) that is worth ``concentration`` patients; ``estimate = false`` takes them as known.
    """

    use: bool = True
    estimate: bool = True
    concentration: Positive = 5.0
    probabilities: dict[Name, Annotated[float, Field(gt=0, lt=1)]] = {}


class SamplerSpec(Section):
    """How the posterior is drawn.

    ``adaptation`` is nutpie's mass matrix: ``low_rank`` follows correlations and pays off in small
    posteriors; its updates are dear in large ones, where ``auto`` takes ``diag``.
    """

    draws: Annotated[int, Field(ge=100)] = 1500
    tune: Annotated[int, Field(ge=100)] = 500
    chains: Annotated[int, Field(ge=4)] = 4
    target_accept: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    maxdepth: Annotated[int, Field(ge=4, le=15)] = 10
    adaptation: Literal["auto", "low_rank", "diag", "draw_diag"] = "auto"


class KernelSpec(Section):
    """How the model is solved."""

    form: Literal["auto", "closed", "ode"] = "auto"
    rtol: Annotated[float, Field(gt=1e-13, lt=1e-2)] = 1e-6
    max_steps: Annotated[int, Field(ge=10)] = 20_000


class FitSpec(Section):
    """Everything that ``fit.toml`` may say.

    ``model_covariates`` names the model's own published covariate effects to take in (each with a
    prior centred on its published value); ``covariates`` adds effects of the user's. ``keep``
    names reasons for which samples would be kept out of the likelihood but are not to be, such as
    ``"pre-infusion"`` or ``"at-infusion:tumour"``. ``assume_lloq`` gives a limit to the rows of an
    analyte that state none; ``nonmem`` says what a NONMEM-style study file means (the options of
    ``read_study``).
    """

    study: Name
    model: Name
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    analytes: dict[Name, AnalyteSpec]
    parameters: dict[Name, ParameterSpec] = {}
    covariates: tuple[CovariateSpec, ...] = ()
    model_covariates: tuple[Name, ...] = ()
    correlation: CorrelationSpec = CorrelationSpec()
    classes: ClassSpec | None = None
    priors: PriorSpec = PriorSpec()
    keep: tuple[Name, ...] = ()
    assume_lloq: dict[Name, Positive] = {}
    nonmem: dict[str, Any] = {}
    sampler: SamplerSpec = SamplerSpec()
    kernel: KernelSpec = KernelSpec()

    @model_validator(mode="after")
    def _has_analytes(self) -> "FitSpec":
        if not self.analytes:
            raise ValueError("name at least one analyte, for example [analytes.qpcr]")
        return self

    @model_validator(mode="after")
    def _effects_are_different(self) -> "FitSpec":
        names = [*self.model_covariates, *(effect.name for effect in self.covariates)]
        if twice := _repeated(names):
            raise ValueError(f"the covariate effect '{twice}' is given twice; leave one out")
        return self

    @field_validator("nonmem")
    @classmethod
    def _analytes_have_numbers(cls, nonmem: dict[str, Any]) -> dict[str, Any]:
        # What else can be wrong is for read_study to say, which knows the options.
        analytes = nonmem.get("analytes", {})
        wanted = "analytes must be a table from DVID to analyte, such as analytes = {1 = 'qpcr'}"
        if not isinstance(analytes, dict):
            raise ValueError(wanted)
        for key in analytes:
            if not key.removeprefix("-").isdecimal():
                raise ValueError(f"{wanted}; '{key}' is no whole number")
        return nonmem

    def nonmem_options(self) -> NonmemOptions:
        """Options for reading a NONMEM-style file; keys of a TOML table are texts."""
        options: dict[str, Any] = dict(self.nonmem)
        if "analytes" in options:
            options["analytes"] = {int(k): v for k, v in options["analytes"].items()}
        return cast(NonmemOptions, options)


def read_spec(path: str | Path) -> FitSpec:
    """Read a fit's ``fit.toml``.

    Parameters
    ----------
    path : path                     the file, or the folder that holds it

    Returns
    -------
    FitSpec

    Raises
    ------
    SpecError                       naming the file, the key, what came and what was wanted
    """
    file = Path(path)
    if file.is_dir():
        file = file / FILE
    try:
        text = file.read_text(encoding="utf-8-sig")  # some editors put a mark at the start
    except FileNotFoundError:
        raise SpecError(f"There is no {file}. A fit is a folder with a {FILE}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{file} cannot be read: {error}") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{file} is not valid TOML: {error}") from error
    return parse_spec(content, where=str(file))


def model_of(spec: FitSpec, folder: Path) -> Model:
    """The model of a fit: a file beside its fit.toml before any other, or one of the catalogue.

    Raises
    ------
    ModelError                      no such model, or the file declares none
    """
    return load_model(model_file(spec, folder) or spec.model)


def model_file(spec: FitSpec, folder: Path) -> Path | None:
    """The file that declares a fit's model, beside its fit.toml or elsewhere; none if it ships.

    In the folder of a result it lies under the name that results give it.
    """
    if not spec.model.endswith(".py"):
        return None
    for beside in (folder / spec.model, folder / KEPT_MODEL):
        if beside.is_file():
            return beside
    return Path(spec.model)


def parse_spec(content: dict[str, Any], *, where: str = FILE) -> FitSpec:
    """A FitSpec from parsed TOML; see :func:`read_spec`."""
    try:
        return FitSpec.model_validate(content)
    except ValidationError as error:
        lines = [_explain(item, content) for item in error.errors()]
        raise SpecError("\n".join(f"{where}: {line}" for line in lines)) from None


def _explain(item: Any, content: dict[str, Any]) -> str:
    location = [str(part) for part in item["loc"] if part not in {"bool", "literal['auto']"}]
    key = ".".join(location)
    if item["type"] == "extra_forbidden":
        names = _known_keys(location[:-1])
        return f"'{key}' is not a key of {FILE}. {did_you_mean(location[-1], names)}"
    if item["type"] == "missing":
        return f"'{key}' is missing."
    message = item["msg"].removeprefix("Value error, ")
    if isinstance(item["input"], dict):
        return f"[{key}]: {message}." if key else f"{message}."
    return f"'{key}' is {item['input']!r}: {message[0].lower()}{message[1:]}."


def _known_keys(location: list[str]) -> list[str]:
    """Names of the keys that exist at a place of the file."""
    section: Any = FitSpec
    named = {"analytes": AnalyteSpec, "parameters": ParameterSpec, "covariates": CovariateSpec}
    skip = False
    for part in location:
        if skip:
            skip = False
            continue
        if section is FitSpec and part in named:
            section, skip = named[part], True
            continue
        annotation = section.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        section = next(
            (c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), section
        )
    return list(section.model_fields)
