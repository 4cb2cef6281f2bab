"""Kirouac et al. 2023: an antigen-driven toggle switch of CAR-T memory, effectors and exhaustion.

Antigen turns memory cells from self-renewal to differentiation, lets effectors multiply and
exhausts them; where it is gone, effectors become memory again. Effectors kill the tumour by a Hill
term whose exponent may be below 1. The dose leaves its compartment within minutes (up to
1000/day), which makes the model stiff; a millionth of it is where it goes at once, so that every
state has a logarithm from the first infusion on. The paper fits 12 parameter sets to each class of
response in CLL (Fraietta 2018): CR, PR and NR.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cellkinetics.algebra import rescale
from cellkinetics.declare import (
    Equations,
    Example,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    Published,
    State,
)

SETS = "as transcribed in github.com/mstadt/CART2, pars/get_pars.m"
VIRTUAL = f"Kirouac 2023, parameter set of virtual patient CR2, {SETS}"
START = "start of the runs of github.com/mstadt/CART2, driver_allpatients.m, after the authors'"
TRACE, NOTHING = 1e-6, 1e-150


def initial(p: Named) -> Equations:
    """Tumour and its antigen; no T cell and no dose."""
    none = rescale(0 * p.b_0, 1e-9, "10^9 cells")
    nothing = NOTHING * p.b_0
    return {
        "memory": nothing,
        "effector_1": nothing,
        "effector_2": nothing,
        "exhausted": nothing,
        "tumour": p.b_0,
        "antigen": p.ba_0,
        "dose_waiting": none,
        "dose_surviving": none,
    }


def infuse(cells: Expression, p: Named) -> Equations:
    """All cells wait to be lost or to survive, but for the traces that logarithms need.

    The traces have had the losses and the split of all others.
    """
    spread = TRACE * cells / (1 + p.f_loss) / (p.f_tm + p.f_te1 + p.f_te2 + p.f_tx)
    return {
        "dose_waiting": rescale((1 - TRACE) * cells, 1e-9, "10^9 cells"),
        "memory": p.f_tm * spread,
        "effector_1": p.f_te1 * spread,
        "effector_2": p.f_te2 * spread,
        "exhausted": p.f_tx * spread,
    }


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """T cells, tumour, antigen, and the dose on its way."""

    def hill(x: Expression) -> Expression:
        """Never as 1 less something: where x is 1e-17 the result must not be noise."""
        return x / (1 + x)

    def antigen(exponent: Expression) -> Expression:
        return (y.antigen / p.b50) ** exponent

    renewal = p.f_max / (1 + antigen(p.km))
    multiplying = p.ue * hill(antigen(p.ke)) * y.effector_1
    exhausting = p.kex * hill(antigen(p.kx)) * y.effector_2
    returning = p.rm / (1 + antigen(p.kr)) * y.effector_2
    killing = p.k_kill * hill((y.effector_2 / p.tk50) ** p.kt)
    leaving = p.k_dose * y.dose_surviving
    surviving = rescale(leaving, 1e9, "cells/day")
    return {
        "memory": (p.um * (2 * renewal - 1) - p.dm) * y.memory + returning + p.f_tm * surviving,
        "effector_1": 2 * p.um * (1 - renewal) * y.memory
        - multiplying
        - p.de1 * y.effector_1
        + p.f_te1 * surviving,
        "effector_2": 2**p.n * multiplying
        - exhausting
        - p.de2 * y.effector_2
        - returning
        + p.f_te2 * surviving,
        "exhausted": exhausting - p.dx * y.exhausted + p.f_tx * surviving,
        "tumour": (p.ub * (1 - y.tumour / p.bmax) - killing) * y.tumour,
        "antigen": p.kb1 * y.tumour - p.kb2 * y.antigen,
        "dose_waiting": -(p.f_loss + 1) * p.k_dose * y.dose_waiting,
        "dose_surviving": p.k_dose * y.dose_waiting
        - (p.f_tm + p.f_te1 + p.f_te2 + p.f_tx) * leaving,
    }


def observe(y: Named, p: Named) -> Equations:
    """All CAR-T cells but those of the dose on its way, tumour and antigen."""
    cells = y.memory + y.effector_1 + y.effector_2 + y.exhausted
    return {
        "car_t": cells,
        "car_t_per_ul": cells / p.v_blood,
        "tumour_cells": y.tumour,
        "tumour_antigen": y.antigen,
    }


CR2 = {
    "b50": 817205380.0,
    "ub": 0.050003387,
    "k_kill": 0.999996451,
    "f_loss": 720.46367,
    "tk50": 2942949.42,
    "kt": 0.457897853,
    "kb1": 0.993366077,
    "kb2": 0.97873672,
    "um": 0.803208119,
    "km": 2.26427905,
    "f_max": 0.982937322,
    "ke": 2.8268907,
    "ue": 0.95913472,
    "n": 5.9642378,
    "kex": 0.394491847,
    "dm": 0.879164257,
    "de1": 0.012298846,
    "de2": 0.092919592,
    "dx": 0.614046248,
    "bmax": 135091000000.0,
    "kx": 2.56155999,
    "rm": 0.959234369,
    "kr": 2.60218582,
    "f_tm": 9.1520408,
    "f_te1": 4.32999634,
    "f_te2": 67.6056207,
    "f_tx": 6.05503836,
}
PR6 = {
    "b50": 2532201110.0,
    "ub": 0.050503508,
    "k_kill": 0.998918878,
    "f_loss": 826.450212,
    "tk50": 49993731.0,
    "kt": 0.306299068,
    "kb1": 0.699583161,
    "kb2": 0.998948628,
    "um": 0.269396462,
    "km": 0.2,
    "f_max": 0.511653014,
    "ke": 3.0,
    "ue": 0.761760946,
    "n": 5.82431503,
    "kex": 0.0290132,
    "dm": 0.405840343,
    "de1": 0.024917608,
    "de2": 0.985468139,
    "dx": 0.874063482,
    "bmax": 484624000000.0,
    "kx": 0.223910685,
    "rm": 1.0,
    "kr": 2.99006765,
    "f_tm": 9.11236417,
    "f_te1": 4.45916681,
    "f_te2": 62.386121,
    "f_tx": 21.0495823,
}
NR6 = {
    "b50": 582925322.0,
    "ub": 0.050026787,
    "k_kill": 0.935489779,
    "f_loss": 1000.0,
    "tk50": 445868443.0,
    "kt": 1.67924181,
    "kb1": 0.754735622,
    "kb2": 0.177266746,
    "um": 0.001,
    "km": 0.350316617,
    "f_max": 0.549910584,
    "ke": 0.389145349,
    "ue": 0.076613307,
    "n": 5.99293664,
    "kex": 0.122961651,
    "dm": 0.001,
    "de1": 0.001178631,
    "de2": 0.001526252,
    "dx": 0.069163218,
    "bmax": 16391694500.0,
    "kx": 2.4160906,
    "rm": 0.598076423,
    "kr": 1.43531864,
    "f_tm": 7.89394009,
    "f_te1": 9.9953722,
    "f_te2": 30.6474804,
    "f_tx": 7.71949008,
}

Compute = Callable[[Any, Model], float]
DAYS = np.arange(0.0, 28.1, 0.25)


def _largest(example: str) -> Compute:
    return lambda solve, model: float(solve(model, None, DAYS, example=example).car_t.max())


def _day_largest(example: str) -> Compute:
    return lambda solve, model: float(
        DAYS[solve(model, None, DAYS, example=example).car_t.values[0].argmax()]
    )


def _at(example: str, quantity: str, day: float) -> Compute:
    return lambda solve, model: float(solve(model, None, [day], example=example)[quantity][0, 0])


def _surviving(example: str) -> Compute:
    """T cells right after the dose has been spread, as a multiple of 1 / (1 + f_loss)."""

    def compute(solve: Any, model: Model) -> float:
        still = {"um": 0.0, "dm": 0.0, "ue": 0.0, "kex": 0.0, "rm": 0.0}
        still |= {"de1": 0.0, "de2": 0.0, "dx": 0.0}
        own = next(e for e in model.examples if e.name == example)
        found = solve(model, still, [10.0], [(0.0, 1e8)], example=example).car_t
        return float(found[0, 0]) * (1 + own.values["f_loss"]) / 1e8

    return compute


def _worked(name: str, digits: str, compute: Compute) -> Published:
    """A number that must come out to the digits that are given."""
    value = float(digits)
    mantissa, _, power = digits.partition("e")
    last = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    return Published(
        name=name,
        value=value,
        rtol=0.51 * last / value,
        source="worked from the equations and the published parameter set (LSODA, rtol 1e-10)",
        compute=compute,
    )


PUBLISHED = (
    _worked("CR2: Cmax to day 28, cells", "9.2908e7", _largest("CR2")),
    _worked("CR2: Tmax to day 28, day", "12.75", _day_largest("CR2")),
    _worked("CR2: CAR-T on day 28, cells", "4.4000e7", _at("CR2", "car_t", 28.0)),
    _worked("CR2: tumour on day 28, cells", "5.9699e6", _at("CR2", "tumour", 28.0)),
    _worked("CR2: CAR-T on day 365, cells", "6.2421e5", _at("CR2", "car_t", 365.0)),
    _worked("CR2: tumour on day 365, cells", "3.3029e7", _at("CR2", "tumour", 365.0)),
    _worked("PR6: Cmax to day 28, cells", "3.1545e7", _largest("PR6")),
    _worked("PR6: Tmax to day 28, day", "14.25", _day_largest("PR6")),
    _worked("PR6: CAR-T on day 28, cells", "2.1570e7", _at("PR6", "car_t", 28.0)),
    _worked("PR6: tumour on day 28, cells", "1.2499e8", _at("PR6", "tumour", 28.0)),
    _worked("PR6: CAR-T on day 365, cells", "1.0249e5", _at("PR6", "car_t", 365.0)),
    _worked("PR6: tumour on day 365, cells", "4.3640e8", _at("PR6", "tumour", 365.0)),
    _worked("NR6: Cmax to day 28, cells", "6.2767e5", _largest("NR6")),
    _worked("NR6: Tmax to day 28, day", "18.00", _day_largest("NR6")),
    _worked("NR6: CAR-T on day 28, cells", "5.5904e5", _at("NR6", "car_t", 28.0)),
    _worked("NR6: tumour on day 28, cells", "1.4161e10", _at("NR6", "tumour", 28.0)),
    _worked("NR6: CAR-T on day 365, cells", "5.9246e4", _at("NR6", "car_t", 365.0)),
    _worked("NR6: tumour on day 365, cells", "1.6392e10", _at("NR6", "tumour", 365.0)),
    *(
        _worked(f"{who}: cells that survive, over dose / (1 + f_loss)", "1.000000", _surviving(who))
        for who in ("CR2", "PR6", "NR6")
    ),
)


def _set(
    name: str, unit: str, symbol: str, meaning: str, *, fixed: bool = False, logit: bool = False
) -> Parameter:
    """A parameter of the virtual patients."""
    return Parameter(
        name=name,
        unit=unit,
        typical=CR2[name],
        scale="logit" if logit else "log",
        symbol=symbol,
        meaning=meaning,
        source=VIRTUAL,
        fixed=fixed,
    )


def _start(name: str, typical: float, symbol: str, meaning: str) -> Parameter:
    return Parameter(
        name=name,
        unit="cells",
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        source=START,
        fixed=True,
    )


PARAMETERS = (
    _set("b50", "cells", "B_{50}", "antigen at which the switch turns"),
    _set("ub", "1/day", "u_B", "growth of the tumour"),
    _set("bmax", "cells", r"B_\mathrm{max}", "largest tumour"),
    _set("k_kill", "1/day", r"k_\mathrm{kill}", "largest killing rate"),
    _set("tk50", "cells", r"TK_{50}", "effectors at half of the largest killing"),
    _set("kt", "1", "k_t", "Hill exponent of killing"),
    _set("kb1", "1/day", r"k_{B1}", "antigen made by the tumour"),
    _set("kb2", "1/day", r"k_{B2}", "loss of antigen"),
    _set("um", "1/day", r"\mu_M", "division of memory cells"),
    _set("f_max", "1", r"f_\mathrm{max}", "largest share of self-renewal", logit=True),
    _set("km", "1", "k_m", "Hill exponent of self-renewal"),
    _set("ue", "1/day", r"\mu_E", "multiplication of effectors"),
    _set("ke", "1", "k_e", "Hill exponent of multiplication"),
    _set("n", "1", "N", "divisions on the way from the first to the second effectors"),
    _set("kex", "1/day", r"k_\mathrm{ex}", "exhaustion of effectors"),
    _set("kx", "1", "k_x", "Hill exponent of exhaustion"),
    _set("rm", "1/day", "r_M", "effectors that become memory again"),
    _set("kr", "1", "k_r", "Hill exponent of the return to memory"),
    _set("dm", "1/day", "d_M", "death of memory cells"),
    _set("de1", "1/day", r"d_{E1}", "death of first effectors"),
    _set("de2", "1/day", r"d_{E2}", "death of second effectors"),
    _set("dx", "1/day", "d_X", "death of exhausted cells"),
    _set("f_loss", "1", r"f_\mathrm{loss}", "cells lost for each that survives"),
    _set("f_tm", "1", r"f_{TM}", "weight of memory in the product", fixed=True),
    _set("f_te1", "1", r"f_{TE1}", "weight of first effectors in the product", fixed=True),
    _set("f_te2", "1", r"f_{TE2}", "weight of second effectors in the product", fixed=True),
    _set("f_tx", "1", r"f_{TX}", "weight of exhausted cells in the product", fixed=True),
    Parameter(
        name="k_dose",
        unit="1/day",
        typical=1.0,
        symbol=r"k_D",
        meaning="unit of the rates of the dose compartments",
        source="Kirouac 2023, equations: the dose survives at a rate of 1/day, is lost at f_loss",
        fixed=True,
    ),
    _start("b_0", 1e10, "B_0", "tumour at infusion"),
    _start("ba_0", 1e10, r"B_{A,0}", "antigen at infusion"),
    Parameter(
        name="v_blood",
        unit="uL",
        typical=5e6,
        symbol="V",
        meaning="blood volume, for cells/uL",
        assumption="an adult of 70 kg; the model counts cells of the whole body",
        fixed=True,
    ),
)


def _cells(name: str, meaning: str) -> State:
    return State(name=name, unit="cells", meaning=meaning)


def _passing(name: str, meaning: str) -> State:
    """Gone within a day: its logarithm would fall for ever."""
    return State(name=name, unit="10^9 cells", meaning=meaning, positive=False, smallest=1e-9)


def _example(name: str, meaning: str, values: dict[str, float]) -> Example:
    return Example(
        name=name,
        meaning=meaning,
        values=values,
        dosing=((0.0, 1e8),),
        source=f"Kirouac 2023, parameter set of virtual patient {name}, {SETS}",
    )


MODEL = Model(
    name="kirouac2023",
    title="CAR-T toggle switch of memory, effectors and exhaustion (Kirouac et al. 2023)",
    purpose="expansion, exhaustion and memory driven by antigen, and why complete, partial and"
    " non-responders differ",
    population="virtual patients fitted to adults with CLL after CTL019 (Fraietta 2018), 12 a"
    " response class; typical values are those of one complete responder",
    source="Kirouac DC et al. Nat Biotechnol 2023;41:1606-1617, doi 10.1038/s41587-023-01687-x",
    states=(
        _cells("memory", "memory T cells (TM)"),
        _cells("effector_1", "first effectors, before they multiply (TE1)"),
        _cells("effector_2", "second effectors, which kill (TE2)"),
        _cells("exhausted", "exhausted T cells (TX)"),
        State(name="tumour", unit="cells", meaning="tumour B cells (B)"),
        State(name="antigen", unit="cells", meaning="antigen, as the cells that carry it (BA)"),
        _passing("dose_waiting", "infused cells not yet lost or spread (D)"),
        _passing("dose_surviving", "surviving cells not yet spread (X)"),
    ),
    observables=(
        Observable(name="car_t", unit="cells", meaning="CAR-T cells of all phenotypes"),
        Observable(name="car_t_per_ul", unit="cells/uL", meaning="CAR-T cells in blood"),
        Observable(name="tumour_cells", unit="cells", meaning="tumour B cells"),
        Observable(name="tumour_antigen", unit="cells", meaning="antigen load"),
    ),
    parameters=PARAMETERS,
    published=PUBLISHED,
    examples=(
        _example("CR2", "complete responder of middling expansion in its class", CR2),
        _example("PR6", "partial responder of middling expansion in its class", PR6),
        _example("NR6", "non-responder of middling expansion in its class", NR6),
    ),
    reference_dosing=((0.0, 1e8),),
    stiff=True,
    identifiability="Not a model to fit whole to one patient. Fisher information of CR2 (16 visits"
    " over a year, SD 0.5 on the log scale, LLOQ 0.2 cells/uL), all 23 parameters but the split"
    " of the product free: CAR-T cells alone tell 5 of 23 directions and no parameter; with the"
    " tumour 9 of 23 and poorly: ke, de1. Only um, ue, kex, de2, k_kill and f_loss free, with the"
    " tumour: identified: um, k_kill; poorly: ue; not identified: kex, de2, f_loss. The paper"
    " answers with 12 equally good sets a class.",
    deviations=(
        "A millionth of a dose is not let wait: its losses and split are applied at once. The"
        " cells that survive are the same; results change by less than 1e-6.",
        "Known oddity: the weights f_TM, f_TE1, f_TE2 and f_TX are percentages that do not sum to"
        " 100; they act as rates (1/day) at which the surviving dose leaves, which spreads it"
        " within a tenth of a day and makes the split, not its speed, matter.",
        "kt is the exponent of killing, not a rate; km, ke, kx and kr are exponents of antigen.",
        "No between-subject variability is published as such: 36 sets stand for it. No residual"
        " error is published.",
        "car_t_per_ul divides all CAR-T cells by an assumed blood volume.",
    ),
    initial=initial,
    infuse=infuse,
    rhs=rhs,
    observe=observe,
)
