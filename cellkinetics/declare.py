"""How a model is declared: frozen descriptions of its quantities, and nothing that acts on them.

A model file writes its equations as functions of named things (``y.effector``, ``p.alpha``)
and lists its quantities with unit, value and source. :mod:`cellkinetics.symbolic` runs the
functions once on symbols; everything else is derived from that.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from numbers import Real
from typing import Any, Literal, Protocol, get_args

from cellkinetics.errors import ModelError, did_you_mean

Scale = Literal["log", "logit", "identity"]
CovariateForm = Literal["power", "exponential", "category"]
Expression = Any
"""What a model function computes with: a SymPy expression, or a quantity with a unit."""


class Named(Protocol):
    """Quantities by name: ``y.effector``, ``p.alpha``."""

    def __getattr__(self, name: str) -> Expression: ...


Equations = Mapping[str, Expression]
_LARGEST_RSE = 10.0  # 1000 %: what is above was meant in per cent


def _is_number(value: object) -> bool:
    """Whether it is one finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def is_said(text: str) -> bool:
    """Whether a text says anything: a source of blanks is none."""
    return bool(text and text.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A quantity that the model carries through time.

    ``positive`` states are above zero from the first infusion on and are carried on the log
    scale; the others on their natural scale, where ``smallest`` is the smallest value that
    matters to anyone (it sets the absolute tolerance).
    """

    name: str
    unit: str
    meaning: str
    positive: bool = True
    smallest: float = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """What an assay could read: a function of the states, with a unit.

    ``positive`` observables are above zero from the first infusion on and are predicted on the
    log scale (which needs positive states); the others on their natural scale.
    """

    name: str
    unit: str
    meaning: str
    positive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A number that is known for each subject and never estimated.

    ``first_treatment`` fills it with the first time at which that drug was given
    (infinity where it never was); ``covariate`` with a column of the subjects table.
    """

    name: str
    unit: str
    meaning: str
    default: float
    first_treatment: str = ""
    covariate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A number of the model: what it is, what it is worth, who says so.

    ``omega`` is the between-subject SD on the transformed scale (log, logit or identity),
    ``rse`` the relative standard error of the typical value and ``rse_omega`` that of omega,
    both as fractions. Exactly one of ``source`` (with table or equation) and ``assumption``
    (a reason) is given; the same holds for omega, whose origin is the parameter's own unless
    ``omega_source`` or ``omega_assumption`` says otherwise. ``fixed`` parameters are not
    estimated unless a fit asks for it.
    """

    name: str
    unit: str
    typical: float
    meaning: str
    symbol: str = ""
    scale: Scale = "log"
    lower: float = 0.0
    upper: float = 1.0
    omega: float | None = None
    rse: float | None = None
    rse_omega: float | None = None
    source: str = ""
    assumption: str = ""
    omega_source: str = ""
    omega_assumption: str = ""
    fixed: bool = False

    def __post_init__(self) -> None:
        where = f"parameter '{self.name}'"
        if is_said(self.source) == is_said(self.assumption):
            raise ModelError(
                f"{where}: give either a source (with table or equation number) or an"
                " assumption (with its reason), and only one of them."
            )
        if self.scale not in get_args(Scale):
            raise ModelError(
                f"{where}: scale '{self.scale}'. {did_you_mean(str(self.scale), get_args(Scale))}"
            )
        if not _is_number(self.typical):
            raise ModelError(f"{where}: typical value {self.typical!r} is not a finite number.")
        if self.scale == "log" and self.typical <= 0:
            raise ModelError(
                f"{where}: typical value {self.typical} has no logarithm."
                " Give a value above 0, or scale='identity'."
            )
        if self.scale == "logit" and not self.lower < self.typical < self.upper:
            raise ModelError(
                f"{where}: typical value {self.typical} is not between"
                f" {self.lower} and {self.upper}. Move the bounds (lower=, upper=)."
            )
        for name in ("omega", "rse", "rse_omega"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise ModelError(
                    f"{where}: {name} {value!r} is not a number above 0. Leave it out for none."
                )
            if value is not None and name != "omega" and value > _LARGEST_RSE:
                raise ModelError(
                    f"{where}: {name} {value:g} is a fraction, and this one is"
                    f" {100 * value:g} %. Write {value / 100:g} for {value:g} %."
                )
        if self.scale != "logit" and (self.lower, self.upper) != (0.0, 1.0):
            raise ModelError(
                f"{where}: lower and upper belong to scale='logit', not '{self.scale}'."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CovariateEffect:
    """How a covariate of the subject shifts a parameter on its transformed scale.

    ``power``: value * log(covariate / reference); ``exponential``: value * (covariate -
    reference); ``category``: value where the covariate equals ``level``.
    """

    parameter: str
    covariate: str
    form: CovariateForm
    value: float
    rse: float
    reference: float | None = None
    level: str | None = None
    source: str = ""
    assumption: str = ""

    @property
    def name(self) -> str:
        """Name of the coefficient, as it stands in tables."""
        level = f"={self.level}" if self.level is not None else ""
        return f"{self.parameter}~{self.covariate}{level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """The published residual error of one observable: SD on the log scale unless said otherwise."""

    observable: str
    sd: float
    rse: float | None = None
    source: str = ""
    assumption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published number that the model must reproduce.

    ``compute`` takes :func:`cellkinetics.solve` and the model and returns the number.
    """

    name: str
    value: float
    rtol: float
    source: str
    compute: Callable[[Any, "Model"], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A named set of values: one published patient, or one arm, with its own dosing.

    ``values`` are natural-scale values of parameters and inputs; the others keep their typical
    value. ``dosing`` is (day, cells) and defaults to the model's reference dosing.
    """

    name: str
    meaning: str
    values: Mapping[str, float] = field(hash=False)
    dosing: tuple[tuple[float, float], ...] | None = None
    source: str = ""
    assumption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientClass:
    """One of several kinds of patients that a population is a mixture of.

    ``typical`` replaces typical values of parameters within the class; ``probability`` is that
    of a patient to belong to it, and those of all classes of a model sum to 1. The first class is
    the one that a fit's typical values are those of.
    """

    name: str
    meaning: str
    probability: float
    typical: Mapping[str, float] = field(hash=False)
    source: str = ""
    assumption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristic:
    """A number that follows from the parameters and helps to read them: a threshold, a half-life.

    ``compute(p)`` is written as the model's equations are.
    """

    name: str
    unit: str
    meaning: str
    compute: Callable[[Named], Expression]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stochastic:
    """A state that can die out: where few of its cells are left, they are counted one by one.

    Below ``threshold`` cells the state is a birth and death process, coupled to the other states,
    which stay deterministic. ``cells(p)`` says how many cells one unit of the state is. Its births
    and deaths per unit of time, ``birth(t, y, p)`` and ``death(t, y, p)``, are the positive and
    the negative terms of its right-hand side unless given.
    """

    state: str
    cells: Callable[[Named], Expression]
    threshold: float = 100.0
    birth: Callable[[Expression, Named, Named], Expression] | None = None
    death: Callable[[Expression, Named, Named], Expression] | None = None
    source: str = ""
    assumption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A kinetic model, declared once.

    Functions (all optional but ``initial`` and ``observe``; one of ``rhs`` and ``solution``):

    - ``derived(p)``: names for combinations of parameters, usable as ``p.name`` afterwards;
    - ``initial(p)``: the states at time 0, before any infusion;
    - ``rhs(t, y, p)``: time derivatives of the states;
    - ``switches(p)``: times at which the right-hand side changes form, by name;
      the right-hand side asks ``after("name")``;
    - ``solution(t, p)``: the states in closed form, tested against ``rhs``;
    - ``observe(y, p)``: the observables;
    - ``infuse(cells, p)``: what an infusion of so many cells adds to the states.

    ``doses`` is the range of total doses (cells) and ``horizon`` the last day that the model is
    meant for; a simulation outside warns. ``stiff`` models are integrated implicitly from the
    start; others only where the explicit method does not get on. ``stochastic`` names the state
    that can die out.
    """

    name: str
    title: str
    purpose: str
    population: str
    source: str
    states: tuple[State, ...]
    parameters: tuple[Parameter, ...]
    observables: tuple[Observable, ...]
    initial: Callable[[Named], Equations]
    observe: Callable[[Named, Named], Equations]
    rhs: Callable[[Expression, Named, Named], Equations] | None = None
    solution: Callable[[Expression, Named], Equations] | None = None
    derived: Callable[[Named], Equations] | None = None
    switches: Callable[[Named], Equations] | None = None
    infuse: Callable[[Expression, Named], Equations] | None = None
    inputs: tuple[Input, ...] = ()
    covariates: tuple[CovariateEffect, ...] = ()
    residuals: tuple[Residual, ...] = ()
    published: tuple[Published, ...] = ()
    reference_dosing: tuple[tuple[float, float], ...] = ()
    examples: tuple[Example, ...] = ()
    classes: tuple[PatientClass, ...] = ()
    characteristics: tuple[Characteristic, ...] = ()
    stochastic: Stochastic | None = None
    doses: tuple[float, float] | None = None
    stiff: bool = False
    tau: float = 0.5
    tau_reason: str = ""
    horizon: float = 365.0
    identifiability: str = ""
    deviations: tuple[str, ...] = ()
    time_unit: str = "day"
    tags: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse what is not of the kind that everything else relies on."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", str(self.name)):
            raise ModelError(
                f"name= is {self.name!r}, not one word of letters from a to z, digits, '_', '-' and"
                " '.': files are called after it."
            )
        for name, kind in _MEMBERS.items():
            given = getattr(self, name)
            if not isinstance(given, tuple) or not all(isinstance(x, kind) for x in given):
                raise ModelError(
                    f"{name}= is no tuple of {kind.__name__} alone. One by itself has a comma"
                    f" after it: {name}=({kind.__name__}(...),)."
                )
        for name in _FUNCTIONS:
            function = getattr(self, name)
            if not callable(function) and (function is not None or name in ("initial", "observe")):
                raise ModelError(f"{name}= is {function!r}, not a function. Give {name}={name}.")
        if not (_is_number(self.horizon) and self.horizon > 0):
            raise ModelError(f"horizon= is {self.horizon!r}, not a number of days above 0.")
        dosings = {"reference_dosing=": self.reference_dosing} | {
            f"example '{e.name}': dosing": e.dosing for e in self.examples if e.dosing
        }
        for name, dosing in dosings.items():
            if not isinstance(dosing, tuple) or not all(_is_pair(x) for x in dosing):
                raise ModelError(
                    f"{name} is {dosing!r}, no tuple of (day, cells). One infusion alone has a"
                    " comma after it: ((0.0, 1e8),)."
                )
        if self.doses is not None and not _is_pair(self.doses):
            raise ModelError(
                f"doses= is {self.doses!r}, not the least and the largest total dose, in cells."
                " Give two numbers: doses=(1e7, 1e9)."
            )


def _is_pair(value: object) -> bool:
    """Whether it is two finite numbers."""
    return isinstance(value, tuple) and len(value) == 2 and all(_is_number(x) for x in value)


_MEMBERS: Mapping[str, type] = {
    "states": State,
    "parameters": Parameter,
    "observables": Observable,
    "inputs": Input,
    "covariates": CovariateEffect,
    "residuals": Residual,
    "published": Published,
    "examples": Example,
    "classes": PatientClass,
    "characteristics": Characteristic,
}
_FUNCTIONS = ("initial", "observe", "rhs", "solution", "derived", "switches", "infuse")


NEVER = inf
"""Time of something that does not happen."""
