"""Stein et al. 2019: tisagenlecleucel in paediatric and young-adult B-ALL.

Exponential growth to a peak, then a biphasic decline. The paper's effector and memory pools
(Fig. 2) go negative where beta > alpha, and memory starts at 0, which has no logarithm. Two
pools that both grow at rho from (1 - FB) R0 and FB R0 and then decay at alpha and beta have
the same sum, are positive from the start and are what is carried here.
"""

from cellkinetics.algebra import after, exp, log, minimum, where
from cellkinetics.declare import (
    NEVER,
    CovariateEffect,
    Equations,
    Expression,
    Input,
    Model,
    Named,
    Observable,
    Parameter,
    Residual,
    State,
)

TABLE1 = "Stein 2019, Table 1"
COVARIATES = "Stein 2019, Table 1 (full covariate model)"


def derived(p: Named) -> Equations:
    """Growth rate and the level that the growth starts from."""
    return {"rho": log(p.fold_expansion) / p.t_max, "r_0": p.c_max / p.fold_expansion}


def switches(p: Named) -> Equations:
    """The peak, and the first tocilizumab and corticosteroid."""
    return {
        "t_max": p.t_max,
        "tocilizumab": p.t_tocilizumab,
        "corticosteroid": p.t_corticosteroid,
    }


def initial(p: Named) -> Equations:
    """Both pools at infusion."""
    return {"short_lived": (1 - p.f_b) * p.r_0, "long_lived": p.f_b * p.r_0}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Both pools grow alike until the peak and decline apart from then on."""
    growth = (
        p.rho
        * where(after("tocilizumab"), p.f_tocilizumab, 1)
        * where(after("corticosteroid"), p.f_corticosteroid, 1)
    )
    return {
        "short_lived": where(after("t_max"), -p.alpha, growth) * y.short_lived,
        "long_lived": where(after("t_max"), -p.beta, growth) * y.long_lived,
    }


def solution(t: Expression, p: Named) -> Equations:
    """Growth over the days spent under each comedication, then two exponentials."""
    grown = where(after("t_max"), p.t_max, t)
    toci = minimum(p.t_tocilizumab, grown)
    steroid = minimum(p.t_corticosteroid, grown)
    first = minimum(toci, steroid)
    last = toci + steroid - first
    days = (
        first
        + p.f_tocilizumab * (steroid - first)
        + p.f_corticosteroid * (toci - first)
        + p.f_tocilizumab * p.f_corticosteroid * (grown - last)
    )
    declined = where(after("t_max"), t - p.t_max, 0 * t)
    return {
        "short_lived": (1 - p.f_b) * p.r_0 * exp(p.rho * days) * exp(-p.alpha * declined),
        "long_lived": p.f_b * p.r_0 * exp(p.rho * days) * exp(-p.beta * declined),
    }


def observe(y: Named, p: Named) -> Equations:
    """Transgene in blood is carried by both pools."""
    return {"transgene": y.short_lived + y.long_lived}


MODEL = Model(
    name="stein2019",
    title="Tisagenlecleucel cellular kinetics (Stein et al. 2019)",
    purpose="CAR-T expansion, contraction and persistence after a single infusion, by qPCR",
    population="90 children and young adults with relapsed/refractory B-ALL (ELIANA, ENSIGN)",
    source="Stein AM et al. CPT Pharmacometrics Syst Pharmacol 2019;8:285-295,"
    " doi 10.1002/psp4.12388",
    states=(
        State(name="short_lived", unit="copies/ug", meaning="transgene that declines at alpha"),
        State(name="long_lived", unit="copies/ug", meaning="transgene that declines at beta"),
    ),
    observables=(
        Observable(name="transgene", unit="copies/ug", meaning="transgene in peripheral blood"),
    ),
    parameters=(
        Parameter(
            name="fold_expansion",
            unit="1",
            typical=3900.0,
            omega=2.4,
            rse=0.30,
            rse_omega=0.095,
            symbol=r"\mathrm{fold}_x",
            meaning="peak over the level at infusion",
            source=TABLE1,
        ),
        Parameter(
            name="t_max",
            unit="day",
            typical=9.3,
            omega=0.38,
            rse=0.042,
            rse_omega=0.079,
            symbol=r"T_\mathrm{max}",
            meaning="time of the peak",
            source=TABLE1,
        ),
        Parameter(
            name="c_max",
            unit="copies/ug",
            typical=24000.0,
            omega=0.65,
            rse=0.20,
            rse_omega=0.10,
            symbol=r"C_\mathrm{max}",
            meaning="peak without comedication",
            source=TABLE1,
        ),
        Parameter(
            name="alpha",
            unit="1/day",
            typical=0.16,
            omega=0.91,
            rse=0.11,
            rse_omega=0.088,
            symbol=r"\alpha",
            meaning="rate of the initial decline",
            source=TABLE1,
        ),
        Parameter(
            name="f_b",
            unit="1",
            typical=0.0079,
            omega=0.80,
            rse=0.15,
            rse_omega=0.15,
            symbol=r"F_B",
            meaning="fraction of the peak that declines slowly",
            source=TABLE1,
        ),
        Parameter(
            name="beta",
            unit="1/day",
            typical=0.0032,
            omega=0.86,
            rse=0.23,
            rse_omega=0.23,
            symbol=r"\beta",
            meaning="rate of the terminal decline",
            source=TABLE1,
        ),
        Parameter(
            name="f_tocilizumab",
            unit="1",
            typical=1.2,
            rse=0.075,
            symbol=r"F_\mathrm{toci}",
            meaning="factor on growth after tocilizumab",
            source=TABLE1,
            fixed=True,
        ),
        Parameter(
            name="f_corticosteroid",
            unit="1",
            typical=1.0,
            rse=0.09,
            symbol=r"F_\mathrm{ster}",
            meaning="factor on growth after corticosteroids",
            source=TABLE1,
            fixed=True,
        ),
    ),
    inputs=(
        Input(
            name="t_tocilizumab",
            unit="day",
            meaning="time of the first tocilizumab",
            default=NEVER,
            first_treatment="tocilizumab",
        ),
        Input(
            name="t_corticosteroid",
            unit="day",
            meaning="time of the first corticosteroid",
            default=NEVER,
            first_treatment="corticosteroid",
        ),
    ),
    residuals=(Residual(observable="transgene", sd=0.56, rse=0.033, source=TABLE1),),
    derived=derived,
    switches=switches,
    initial=initial,
    rhs=rhs,
    solution=solution,
    observe=observe,
)
