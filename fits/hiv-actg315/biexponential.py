"""Biexponential decay of HIV RNA after the start of therapy: two pools of infected cells.

The form of Wu and Ding (Biometrics 1999;55:410-418); typical values are read off the decline seen
in such studies and are assumptions here, with wide priors.
"""

from cellkinetics.algebra import exp
from cellkinetics.declare import (
    Equations,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    Residual,
    State,
)

GUESS = "order of magnitude seen after the start of therapy; the prior is wide"


def initial(p: Named) -> Equations:
    """Both pools at the start of therapy."""
    return {"fast": p.v_0 * (1 - p.f_slow), "slow": p.v_0 * p.f_slow}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Each pool decays at its own rate."""
    return {"fast": -p.d_fast * y.fast, "slow": -p.d_slow * y.slow}


def solution(t: Expression, p: Named) -> Equations:
    """Two exponentials."""
    return {
        "fast": p.v_0 * (1 - p.f_slow) * exp(-p.d_fast * t),
        "slow": p.v_0 * p.f_slow * exp(-p.d_slow * t),
    }


def observe(y: Named, p: Named) -> Equations:
    """RNA in plasma comes from both."""
    return {"viral_load": y.fast + y.slow}


MODEL = Model(
    name="biexponential",
    title="Biexponential decay of viral load",
    purpose="comparison of methods for readings below the limit on a well-known data set",
    population="adults with HIV on combination therapy (ACTG 315)",
    source="Wu H, Ding AA. Biometrics 1999;55:410-418 (the form)",
    states=(
        State(name="fast", unit="copies/mL", meaning="RNA from productively infected cells"),
        State(name="slow", unit="copies/mL", meaning="RNA from long-lived infected cells"),
    ),
    observables=(Observable(name="viral_load", unit="copies/mL", meaning="HIV RNA in plasma"),),
    parameters=(
        Parameter(
            name="v_0",
            unit="copies/mL",
            typical=1e5,
            omega=1.0,
            rse=1.0,
            symbol="V_0",
            meaning="viral load at the start of therapy",
            assumption=GUESS,
        ),
        Parameter(
            name="d_fast",
            unit="1/day",
            typical=0.4,
            omega=0.4,
            rse=0.5,
            symbol=r"\delta",
            meaning="rate of the first decline",
            assumption=GUESS,
        ),
        Parameter(
            name="f_slow",
            unit="1",
            typical=0.01,
            scale="logit",
            omega=1.0,
            rse=1.5,
            symbol="f",
            meaning="share of the load that declines slowly",
            assumption=GUESS,
        ),
        Parameter(
            name="d_slow",
            unit="1/day",
            typical=0.03,
            omega=0.5,
            rse=1.0,
            symbol=r"\mu",
            meaning="rate of the second decline",
            assumption=GUESS,
        ),
    ),
    residuals=(Residual(observable="viral_load", sd=0.5, assumption=GUESS),),
    initial=initial,
    rhs=rhs,
    solution=solution,
    observe=observe,
)
