"""Ogasawara et al. 2021: lisocabtagene maraleucel in large B-cell lymphoma.

A lag at a constant level, exponential growth to a peak, then a biphasic decline. The abstract
gives population means; the level itself, between-subject variability and residual error were not
found in public text and are assumptions here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cellkinetics.algebra import after, exp, log, where
from cellkinetics.declare import (
    Equations,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    Published,
    Residual,
    State,
)

ABSTRACT = "Ogasawara 2021, abstract"
Compute = Callable[[Any, Model], float]
IIV = "not found in public text; of the order of Stein 2019, Table 1 (another CD19 product)"


def derived(p: Named) -> Equations:
    """Rates from times, and the level during the lag."""
    rho = log(2) / p.t_double
    return {
        "rho": rho,
        "t_max": p.t_lag + p.t_growth,
        "c_lag": p.c_max * exp(-rho * p.t_growth),
        "alpha": log(2) / p.t_half_initial,
        "beta": log(2) / p.t_half_terminal,
    }


def switches(p: Named) -> Equations:
    """End of the lag, and the peak."""
    return {"t_lag": p.t_lag, "t_max": p.t_max}


def initial(p: Named) -> Equations:
    """Both pools during the lag."""
    return {"short_lived": (1 - p.f_b) * p.c_lag, "long_lived": p.f_b * p.c_lag}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Nothing, then growth, then two declines."""
    growth = where(after("t_lag"), p.rho, 0 * p.rho)
    return {
        "short_lived": where(after("t_max"), -p.alpha, growth) * y.short_lived,
        "long_lived": where(after("t_max"), -p.beta, growth) * y.long_lived,
    }


def solution(t: Expression, p: Named) -> Equations:
    """Days of growth, then days of decline."""
    grown = where(after("t_max"), p.t_growth, where(after("t_lag"), t - p.t_lag, 0 * t))
    declined = where(after("t_max"), t - p.t_max, 0 * t)
    return {
        "short_lived": (1 - p.f_b) * p.c_lag * exp(p.rho * grown) * exp(-p.alpha * declined),
        "long_lived": p.f_b * p.c_lag * exp(p.rho * grown) * exp(-p.beta * declined),
    }


def observe(y: Named, p: Named) -> Equations:
    """Transgene in blood is carried by both pools."""
    return {"transgene": y.short_lived + y.long_lived}


LN2 = float(np.log(2))


def _growth(solve: Any, model: Model) -> float:
    """Fold growth from the lag to the peak."""
    level = solve(model, None, [0.0, 9.29]).transgene.values[0]
    return float(level[1] / level[0])


def _rate(quantity: str, first: float, last: float) -> Compute:
    """Rate at which a quantity changes, from its values on two days."""

    def compute(solve: Any, model: Model) -> float:
        level = solve(model, None, [first, last])[quantity].values[0]
        return float(abs(np.log(level[1] / level[0])) / (last - first))

    return compute


def _worked(name: str, digits: str, formula: str, compute: Compute) -> Published:
    """A number that must come out to the digits that are given."""
    value = float(digits)
    last = 10.0 ** -len(digits.partition(".")[2])
    return Published(
        name=name,
        value=value,
        rtol=0.51 * last / value,
        source=f"worked from {ABSTRACT}: {formula}",
        compute=compute,
    )


MODEL = Model(
    name="ogasawara2021",
    title="Lisocabtagene maraleucel cellular kinetics (Ogasawara et al. 2021)",
    purpose="CAR-T kinetics with a lag before expansion, by qPCR",
    population="261 adults with relapsed/refractory large B-cell lymphoma (TRANSCEND NHL 001)",
    source="Ogasawara K et al. Clin Pharmacokinet 2021;60:1621-1633,"
    " doi 10.1007/s40262-021-01039-5",
    states=(
        State(name="short_lived", unit="copies/ug", meaning="transgene that declines at alpha"),
        State(name="long_lived", unit="copies/ug", meaning="transgene that declines at beta"),
    ),
    observables=(
        Observable(name="transgene", unit="copies/ug", meaning="transgene in peripheral blood"),
    ),
    parameters=(
        Parameter(
            name="t_lag",
            unit="day",
            typical=3.27,
            omega=0.4,
            rse=0.098,
            symbol=r"T_\mathrm{lag}",
            meaning="duration of the lag",
            source=ABSTRACT + " (95 % CI 2.71-3.97; RSE from its width)",
            omega_assumption=IIV,
        ),
        Parameter(
            name="t_growth",
            unit="day",
            typical=6.02,
            omega=0.3,
            rse=0.065,
            symbol=r"T_\mathrm{growth}",
            meaning="duration of growth; the peak is at t_lag + t_growth",
            source=ABSTRACT + " (time of the peak 9.29, 95 % CI 8.81-9.70, less the lag; RSE from"
            " both widths, as if independent)",
            omega_assumption=IIV,
        ),
        Parameter(
            name="t_double",
            unit="day",
            typical=0.755,
            omega=0.4,
            rse=0.053,
            symbol=r"T_2",
            meaning="doubling time during growth",
            source=ABSTRACT + " (95 % CI 0.667-0.821; RSE from its width)",
            omega_assumption=IIV,
        ),
        Parameter(
            name="c_max",
            unit="copies/ug",
            typical=24000.0,
            omega=1.0,
            rse=1.0,
            symbol=r"C_\mathrm{max}",
            meaning="peak",
            assumption="not found in public text; 24 000 copies/ug is that of tisagenlecleucel"
            " (Stein 2019, Table 1), with an RSE of 100 %",
        ),
        Parameter(
            name="t_half_initial",
            unit="day",
            typical=5.0,
            omega=0.9,
            rse=0.09,
            symbol=r"T_{1/2,\alpha}",
            meaning="half-life of the initial decline",
            source=ABSTRACT + " (95 % CI 4.15-5.90; RSE from its width)",
            omega_assumption=IIV,
        ),
        Parameter(
            name="f_b",
            unit="1",
            typical=0.0079,
            scale="logit",
            omega=0.8,
            rse=0.5,
            symbol=r"F_B",
            meaning="fraction of the peak that declines slowly",
            assumption="not found in public text; that of tisagenlecleucel (Stein 2019, Table 1),"
            " with an RSE of 50 %",
        ),
        Parameter(
            name="t_half_terminal",
            unit="day",
            typical=352.0,
            omega=0.86,
            rse=0.25,
            symbol=r"T_{1/2,\beta}",
            meaning="half-life of the terminal decline",
            source=ABSTRACT + " (95 % CI 241-647; RSE from its width)",
            omega_assumption=IIV,
        ),
    ),
    residuals=(
        Residual(
            observable="transgene",
            sd=0.56,
            assumption="not found in public text; that of Stein 2019, Table 1",
        ),
    ),
    published=(
        _worked("fold growth", "251.34", "2^(6.02/0.755)", _growth),
        _worked("doublings", "7.9735", "6.02/0.755", lambda s, m: float(np.log2(_growth(s, m)))),
        _worked("rho, 1/day", "0.918076", "ln 2/0.755", _rate("transgene", 4.0, 8.0)),
        _worked("alpha, 1/day", "0.138629", "ln 2/5.00", _rate("short_lived", 20.0, 40.0)),
        _worked("beta, 1/day", "0.00196917", "ln 2/352", _rate("long_lived", 100.0, 300.0)),
    ),
    identifiability="The level itself leans wholly on its assumed value: the abstract gives times"
    " and half-lives only. Associations with covariates were smaller than the residual"
    " between-subject variability (abstract). Dose is not in the equations. Fisher information at"
    " typical values (one patient, 16 visits over a year, SD 0.5 on the log scale, LLOQ 50"
    " copies/ug): identified: t_lag, t_growth, t_double, c_max, t_half_initial; poorly: f_b;"
    " not identified: t_half_terminal.",
    deviations=(
        "The time of the peak is written as lag plus growth, so that the peak follows the lag.",
        "RSEs are those of a log-normal whose 95 % interval is as wide as the published one.",
        "The peak level, between-subject variability, the slow fraction and residual error were"
        " not found in public text and are assumptions, marked as such.",
        "The level changes slope at the end of the lag and at the peak, as in the paper.",
        "Known typos: none found in the abstract.",
    ),
    derived=derived,
    switches=switches,
    initial=initial,
    rhs=rhs,
    solution=solution,
    observe=observe,
)
