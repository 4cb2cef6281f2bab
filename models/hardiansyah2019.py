"""Hardiansyah and Ng 2019: anti-CD19 CAR-T cells, CLL B cells and three cytokines in two patients.

Effectors multiply in proportion to B cells and kill them; effectors and memory cells move between
blood and tissue within minutes (76.8/day), which makes the model stiff. IL-6, IL-10 and IFN-gamma
are turnover pools that B cells and effectors together produce; IL-10 holds IFN-gamma down.

Cells are counts in 10^9, as in the paper. A millionth of an infusion is in tissue at once, a
thousand-millionth memory, so that every state has a logarithm from the first infusion on: effectors
fall below a cell and grow again, which an absolute tolerance would spoil.
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

TABLE_S1 = "Hardiansyah 2019, supplement, Table S1"
TABLE_S2 = "Hardiansyah 2019, supplement, Table S2, UPN1"
DIGITISED = (
    "not in the paper's tables; plateau after therapy read off Fig. 1b (log axis), good to 30 %"
)
SPLIT = "10, 30 and 60 % on days 0, 1 and 2"
IN_TISSUE, AS_MEMORY = 1e-6, 1e-9


def initial(p: Named) -> Equations:
    """B cells, cytokines at their baselines, and no CAR-T cell."""
    return {
        "b_cells": p.b_0,
        "effector": 0 * p.b_0,
        "effector_tissue": 0 * p.b_0,
        "memory": 0 * p.b_0,
        "memory_tissue": 0 * p.b_0,
        "il6_blood": p.il6_0,
        "il10_blood": p.il10_0,
        "ifng_blood": p.ifng_0,
    }


def infuse(cells: Expression, p: Named) -> Equations:
    """All infused cells are effectors in blood, but for the traces that logarithms need."""
    infused = rescale(cells, 1e-9, "10^9 cells")
    return {
        "effector": (1 - IN_TISSUE - 2 * AS_MEMORY) * infused,
        "effector_tissue": IN_TISSUE * infused,
        "memory": AS_MEMORY * infused,
        "memory_tissue": AS_MEMORY * infused,
    }


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Equations 1 to 9 of the supplement, with the gain of memory as Fig. 1a has it."""
    saturation = y.b_cells / (y.b_cells + p.h)
    to_memory = p.a_e * y.effector * (1 - saturation) - p.a_m * y.memory * saturation
    effectors_leave = p.k_in * y.effector - p.k_out * y.effector_tissue
    memory_leaves = p.k_in * y.memory - p.k_out * y.memory_tissue
    held_by_il10 = p.a_g + (1 - p.a_g) * p.b_g / (y.il10_blood + p.b_g)

    def produced(rate: Expression) -> Expression:
        return rescale(rate * y.b_cells * y.effector, 1e6, "pg/mL/day")

    return {
        "b_cells": (p.r_b - p.d_b - p.k_bc * y.effector) * y.b_cells,
        "effector": (p.r_e * y.b_cells - p.d_e) * y.effector - effectors_leave - to_memory,
        "effector_tissue": effectors_leave,
        "memory": (p.r_m - p.d_m) * y.memory - memory_leaves + to_memory,
        "memory_tissue": memory_leaves,
        "il6_blood": p.d_il6 * (p.il6_0 - y.il6_blood) + produced(p.p_il6),
        "il10_blood": p.d_il10 * (p.il10_0 - y.il10_blood) + produced(p.p_il10),
        "ifng_blood": p.d_ifng * (p.ifng_0 - y.ifng_blood) + produced(p.p_ifng) * held_by_il10,
    }


def observe(y: Named, p: Named) -> Equations:
    """CAR-T cells in blood (not those in tissue), B cells and cytokines."""
    in_blood = y.effector + y.memory
    return {
        "car_t": in_blood,
        "car_t_per_ul": rescale(in_blood, 1e9, "cells") / p.v_blood,
        "cll_cells": y.b_cells,
        "il6": y.il6_blood,
        "il10": y.il10_blood,
        "ifng": y.ifng_blood,
    }


def split(total: float) -> tuple[tuple[float, float], ...]:
    """Infusions of 10, 30 and 60 % of a dose (cells)."""
    return ((0.0, 0.1 * total), (1.0, 0.3 * total), (2.0, 0.6 * total))


Compute = Callable[[Any, Model], float]
FINE = np.arange(0.0, 40.0, 0.005)
ALL_DAYS = np.arange(0.0, 351.0)


def _peak(example: str, quantity: str, days: Any = FINE) -> Compute:
    """The largest value of a quantity."""
    return lambda solve, model: float(solve(model, None, days, example=example)[quantity].max())


def _day_of_peak(example: str, quantity: str) -> Compute:
    """The day of the largest value of a quantity."""

    def compute(solve: Any, model: Model) -> float:
        return float(FINE[solve(model, None, FINE, example=example)[quantity].values[0].argmax()])

    return compute


def _at(example: str, quantity: str, day: float) -> Compute:
    return lambda solve, model: float(solve(model, None, [day], example=example)[quantity][0, 0])


def _area(example: str) -> Compute:
    """AUC0-28d of CAR-T cells in blood, by quadrature between the infusions."""

    def compute(solve: Any, model: Model) -> float:
        edges = np.array([0.0, 0.02, 1.0, 1.02, 2.0, 2.02, 4.0, 8.0, 28.0])
        node, weight = np.polynomial.legendre.leggauss(40)
        half = np.diff(edges)[:, None] / 2
        days = edges[:-1, None] + half * (1 + node)
        level = solve(model, None, days.ravel(), example=example).car_t.values.reshape(days.shape)
        return float((half * weight * level).sum())

    return compute


def _ratio_late(solve: Any, model: Model) -> float:
    """Tissue over blood of memory cells, the median after day 250."""
    late = solve(model, None, np.arange(250.0, 350.0), example="UPN1")
    return float(np.median(late.memory_tissue.values / late.memory.values))


def _slope_late(solve: Any, model: Model) -> float:
    """Rate of the terminal decline of CAR-T cells in blood, days 250 to 350."""
    days = np.arange(250.0, 350.0)
    return float(-np.polyfit(days, np.log(solve(model, None, days).car_t.values[0]), 1)[0])


def _untreated(quantity: str, day: float) -> Compute:
    """How many times a quantity grows to a day without CAR-T cells."""

    def compute(solve: Any, model: Model) -> float:
        level = solve(model, None, [0.0, day], [])[quantity].values[0]
        return float(level[1] / level[0])

    return compute


def _all_cells(solve: Any, model: Model) -> float:
    """CAR-T cells in blood and tissue on day 30 if none grew and none died."""
    still = {"r_e": 0.0, "d_e": 0.0, "r_m": 0.0, "d_m": 0.0}
    found = solve(model, still, [30.0], rtol=1e-9)
    names = ("effector", "effector_tissue", "memory", "memory_tissue")
    return float(sum(found[name].values[0, 0] for name in names))


def _fold(example: str, quantity: str, name: str) -> Compute:
    """Largest over smallest peak with half, once, 1.5 and twice the patient's burden or dose."""

    def compute(solve: Any, model: Model) -> float:
        own = next(e for e in model.examples if e.name == example)
        assert own.dosing is not None
        # Every 0.1 day, and just after each infusion: a day's own row is before it.
        days = np.sort([*np.arange(0.0, 120.0, 0.1), *(t + 1e-9 for t, _ in own.dosing)])
        peaks = []
        for times in (0.5, 1.0, 1.5, 2.0):
            changed = {"b_0": times * own.values["b_0"]} if name == "burden" else None
            dosing = [(t, cells * (times if name == "dose" else 1)) for t, cells in own.dosing]
            found = solve(model, changed, days, dosing, example=example)
            peaks.append(float(found[quantity].max()))
        return max(peaks) / min(peaks)

    return compute


WORKED = "worked from the equations and Table S1, S2"
SLOW = "worked from the equations: balance of blood and tissue, which slow decline upsets by 0.5 %"
VIGNETTE = "nlmixr2lib vignette Hardiansyah_2019_CART_crs_qsp, re-solution of the published model"


def _number(name: str, digits: str, compute: Compute, source: str = WORKED) -> Published:
    """A number that must come out to the digits that are given."""
    value = float(digits)
    mantissa, _, power = digits.partition("e")
    last = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    return Published(
        name=name, value=value, rtol=0.51 * last / value, source=source, compute=compute
    )


PUBLISHED = (
    _number("UPN1: Cmax in blood, 10^9 cells", "2.550", _peak("UPN1", "car_t")),
    _number("UPN1: Tmax, day", "3.8", _day_of_peak("UPN1", "car_t")),
    _number("UPN1: peak of memory, 10^9 cells", "7.344e-3", _peak("UPN1", "memory")),
    _number("UPN1: peak of IL-6, pg/mL", "2747.6", _peak("UPN1", "il6")),
    _number("UPN1: day of the peak of IL-6", "3.25", _day_of_peak("UPN1", "il6")),
    _number("UPN1: peak of IL-10, pg/mL", "915.3", _peak("UPN1", "il10")),
    _number("UPN1: peak of IFN-gamma, pg/mL", "828.4", _peak("UPN1", "ifng")),
    _number("UPN1: B cells on day 50, 10^9", "0.2907", _at("UPN1", "cll_cells", 50.0)),
    _number("UPN1: B cells on day 350, 10^9", "0.4840", _at("UPN1", "cll_cells", 350.0)),
    _number("UPN1: AUC0-28d in blood, 10^9 cells*day", "14.59", _area("UPN1")),
    _number("UPN1: tissue over blood of late memory", "41.918", _ratio_late, VIGNETTE),
    _number("UPN1: terminal slope of CAR-T, 1/day", "0.00832", _slope_late, VIGNETTE),
    *(
        Published(name=name, value=value, rtol=0.01, source=SLOW, compute=compute)
        for name, value, compute in (
            ("UPN1: late memory in tissue over blood, k_in/k_out", 41.73, _ratio_late),
            ("UPN1: terminal slope, (d_m - r_m)/(1 + k_in/k_out), 1/day", 0.00836, _slope_late),
        )
    ),
    _number(
        "B cells on day 350 without infusion, exp(350 (r_b - d_b)) fold",
        "1.8130",
        _untreated("cll_cells", 350.0),
    ),
    *(
        _number(
            f"{label} on day 350 without infusion, fold", "1.000000000", _untreated(quantity, 350.0)
        )
        for label, quantity in (("IL-6", "il6"), ("IL-10", "il10"), ("IFN-gamma", "ifng"))
    ),
    _number("UPN1: CAR-T cells without growth and death, 10^9 (the dose)", "1.1000000", _all_cells),
    _number("UPN3: Cmax in blood, 10^9 cells", "0.0969", _peak("UPN3", "car_t"), VIGNETTE),
    _number("UPN3: Tmax, day", "27.2", _day_of_peak("UPN3", "car_t"), VIGNETTE),
    _number(
        "UPN3: peak of memory, 10^9 cells", "7.18e-3", _peak("UPN3", "memory", ALL_DAYS), VIGNETTE
    ),
    _number("UPN3: peak of IL-6, pg/mL", "49.3", _peak("UPN3", "il6"), VIGNETTE),
    _number("UPN3: day of the peak of IL-6", "19.2", _day_of_peak("UPN3", "il6"), VIGNETTE),
    _number("UPN3: peak of IL-10, pg/mL", "116.4", _peak("UPN3", "il10"), VIGNETTE),
    _number("UPN3: peak of IFN-gamma, pg/mL", "119.6", _peak("UPN3", "ifng"), VIGNETTE),
    Published(
        name="UPN3: AUC0-28d in blood, 10^9 cells*day",
        value=1.069,
        rtol=1e-3,
        source=VIGNETTE + "; trapezoids over 0.1 day",
        compute=_area("UPN3"),
    ),
    *(
        _number(
            f"{who}: {label} from half to twice the {name}, fold",
            digits,
            _fold(who, quantity, name),
            VIGNETTE + " (Fig. 2b)",
        )
        for who, label, quantity, name, digits in (
            ("UPN1", "Cmax", "car_t", "burden", "49.49"),
            ("UPN1", "Cmax", "car_t", "dose", "1.03"),
            ("UPN1", "peak of IFN-gamma", "ifng", "burden", "51.41"),
            ("UPN1", "peak of IL-6", "il6", "burden", "155.09"),
            ("UPN3", "Cmax", "car_t", "burden", "6.37"),
            ("UPN3", "peak of IFN-gamma", "ifng", "burden", "16.52"),
            ("UPN3", "peak of IL-6", "il6", "burden", "20.03"),
            ("UPN3", "peak of IL-6", "il6", "dose", "1.01"),
        )
    ),
)


def _known(name: str, unit: str, typical: float, symbol: str, meaning: str) -> Parameter:
    """A value that the authors took from the literature."""
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        source=TABLE_S1,
        fixed=True,
    )


def _estimated(
    name: str, unit: str, typical: float, rse: float, symbol: str, meaning: str
) -> Parameter:
    """A value that the authors estimated for UPN1."""
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        rse=rse,
        symbol=symbol,
        meaning=meaning,
        source=TABLE_S2,
    )


def _baseline(name: str, typical: float, symbol: str, meaning: str) -> Parameter:
    return Parameter(
        name=name,
        unit="pg/mL",
        typical=typical,
        rse=0.3,
        symbol=symbol,
        meaning=meaning,
        assumption=DIGITISED,
        fixed=True,
    )


PRODUCTION = "pg/uL/(10^15 cells^2)/day"
PARAMETERS = (
    _estimated("r_e", "1/(10^9 cells)/day", 16.16, 0.11, "r_E", "growth of effectors per B cell"),
    _estimated("d_e", "1/day", 23.04, 0.05, r"d_\mathrm{CARTE}", "death of effectors in blood"),
    _estimated("a_e", "1/day", 0.024, 0.32, "a_E", "effectors that become memory, at low burden"),
    _estimated("k_bc", "1/(10^9 cells)/day", 0.19, 0.19, r"K_\mathrm{BC}", "killing of B cells"),
    _estimated("p_il6", PRODUCTION, 0.0018, 0.42, r"P_\mathrm{IL6}", "production of IL-6"),
    _estimated("p_il10", PRODUCTION, 0.0007, 0.39, r"P_\mathrm{IL10}", "production of IL-10"),
    _estimated(
        "p_ifng", PRODUCTION, 0.0003, 0.31, r"P_{\mathrm{IFN}\gamma}", "production of IFN-gamma"
    ),
    Parameter(
        name="b_0",
        unit="10^9 cells",
        typical=4.14,
        symbol="B_0",
        meaning="CLL B cells in blood at the first infusion",
        source="Hardiansyah 2019, Fig. 2, caption, UPN1",
    ),
    _known("r_m", "1/day", 0.0509, "r_M", "growth of memory cells in blood"),
    _known("d_m", "1/day", 0.408, r"d_\mathrm{CARTM}", "death of memory cells in blood"),
    _known("a_m", "1/day", 1.0, "a_M", "memory cells that become effectors, at high burden"),
    _known("k_in", "1/day", 76.78, r"k_\mathrm{in}", "CAR-T cells from blood to tissue"),
    _known("k_out", "1/day", 1.84, r"k_\mathrm{out}", "CAR-T cells from tissue to blood"),
    _known("h", "10^9 cells", 1e5, "h", "B cells at half of the saturation f(B)"),
    _known("r_b", "1/day", 0.0093, "r_B", "growth of CLL B cells"),
    _known("d_b", "1/day", 0.0076, "d_B", "death of CLL B cells"),
    _known("d_il6", "1/day", 3.96, r"d_\mathrm{IL6}", "loss of IL-6"),
    _known("d_il10", "1/day", 4.68, r"d_\mathrm{IL10}", "loss of IL-10"),
    _known("d_ifng", "1/day", 1.51, r"d_{\mathrm{IFN}\gamma}", "loss of IFN-gamma"),
    _known("a_g", "1", 0.59, "a_G", "share of IFN-gamma's production that IL-10 cannot hold"),
    _known("b_g", "pg/mL", 650.0, "b_G", "IL-10 that holds half of what it can"),
    _baseline("il6_0", 1.7, r"\mathrm{IL6}_0", "IL-6 without CAR-T cells"),
    _baseline("il10_0", 4.5, r"\mathrm{IL10}_0", "IL-10 without CAR-T cells"),
    _baseline("ifng_0", 2.3, r"\mathrm{IFN}\gamma_0", "IFN-gamma without CAR-T cells"),
    Parameter(
        name="v_blood",
        unit="uL",
        typical=5e6,
        symbol="V",
        meaning="blood volume, for cells/uL",
        assumption="an adult of 70 kg; the paper counts cells in all blood",
        fixed=True,
    ),
)
UPN3 = {
    "p_il6": 0.006,
    "p_il10": 0.017,
    "p_ifng": 0.006,
    "r_e": 14.40,
    "d_e": 1.44,
    "a_e": 0.12,
    "k_bc": 2.21,
    "b_0": 0.93,
    "il6_0": 1.0,
    "il10_0": 0.5,
    "ifng_0": 1.7,
}


def _cells(name: str, meaning: str) -> State:
    return State(name=name, unit="10^9 cells", meaning=meaning)


MODEL = Model(
    name="hardiansyah2019",
    title="CAR-T cells, CLL B cells and cytokines (Hardiansyah and Ng 2019)",
    purpose="CAR-T expansion by disease burden, and IL-6, IL-10 and IFN-gamma of the cytokine"
    " release syndrome",
    population="two adults with advanced CLL after anti-CD19 CAR-T cells (Kalos 2011: UPN1, UPN3);"
    " typical values are those of UPN1",
    source="Hardiansyah D, Ng CM. Clin Transl Sci 2019;12:343-349, doi 10.1111/cts.12636;"
    " BioModels MODEL2009230001",
    states=(
        State(name="b_cells", unit="10^9 cells", meaning="CLL B cells in blood"),
        _cells("effector", "effector CAR-T cells in blood"),
        _cells("effector_tissue", "effector CAR-T cells in tissue"),
        _cells("memory", "memory CAR-T cells in blood"),
        _cells("memory_tissue", "memory CAR-T cells in tissue"),
        State(name="il6_blood", unit="pg/mL", meaning="IL-6"),
        State(name="il10_blood", unit="pg/mL", meaning="IL-10"),
        State(name="ifng_blood", unit="pg/mL", meaning="IFN-gamma"),
    ),
    observables=(
        Observable(name="car_t", unit="10^9 cells", meaning="CAR-T cells in all blood"),
        Observable(name="car_t_per_ul", unit="cells/uL", meaning="CAR-T cells in blood"),
        Observable(name="cll_cells", unit="10^9 cells", meaning="CLL B cells in all blood"),
        Observable(name="il6", unit="pg/mL", meaning="IL-6 in blood"),
        Observable(name="il10", unit="pg/mL", meaning="IL-10 in blood"),
        Observable(name="ifng", unit="pg/mL", meaning="IFN-gamma in blood"),
    ),
    parameters=PARAMETERS,
    published=PUBLISHED,
    examples=(
        Example(
            name="UPN1",
            meaning="high burden (4.14e9 B cells), 1.1e9 cells: " + SPLIT,
            values={q.name: q.typical for q in PARAMETERS if q.name in UPN3},
            dosing=split(1.1e9),
            source="Hardiansyah 2019, supplement, Table S2 and DATA section; Fig. 2, caption;"
            " cytokine baselines read off Fig. 1b, good to 30 %",
        ),
        Example(
            name="UPN3",
            meaning="low burden (9.3e8 B cells), 1.4e7 cells: " + SPLIT,
            values=UPN3,
            dosing=split(1.4e7),
            source="Hardiansyah 2019, supplement, Table S2 and DATA section; Fig. 2, caption;"
            " cytokine baselines read off Fig. 1b, good to 30 %",
        ),
    ),
    reference_dosing=split(1.1e9),
    doses=(1.4e7, 1.1e9),
    horizon=350.0,
    stiff=True,
    identifiability="Exactly unchanged where B cells are c times as many and r_e and the"
    " productions p_il6, p_il10 and p_ifng 1/c times as large (f(B) is next to 0): without counted"
    " B cells these five are told only as products. Fisher information of UPN1 (16 visits over a"
    " year, SD 0.5 on the log scale, LLOQ 0.2 cells/uL, cytokines 2 pg/mL, B cells 5e6), CAR-T"
    " cells alone: identified: d_e, a_e, k_bc; not identified: r_e, p_il6, p_il10, p_ifng, b_0."
    " Cytokines add to the precision of d_e and k_bc and leave the rest: 7 of 8 directions are"
    " told. With counted B cells: identified: r_e, d_e, a_e, k_bc, p_il6, p_il10, p_ifng, b_0."
    " The values that the authors fixed are taken as known.",
    deviations=(
        "Known typo: Eq. 7 prints the gain of memory as a_E CARTM (1 - f(B)). With it memory stays"
        " at 0 for ever; Fig. 1a labels the arrow a_E CARTE (1 - f(B)), which is used.",
        "Known unit slip: h = 1e5 is printed in cells/mL. Only 1e5 in the model's own unit (10^9"
        " cells) gives the memory of Fig. 1b; f(B) is then below 1e-4 and the return of memory"
        " to effectors (a_M) is idle.",
        "Known unit slips: a_E is printed per 10^9 cells (it stands where a_M stands, 1/day), b_G"
        " in ng (650 pg/mL gives the IFN-gamma of Fig. 1b).",
        "Cytokine baselines are in no table and are read off Fig. 1b. One baseline per cytokine"
        " serves before and after therapy.",
        "The paper reports no between-subject variability and no residual error: two patients"
        " were fitted one by one.",
        "A millionth of the infused cells is in tissue from the start, 1e-9 of them memory in blood"
        " and as much in tissue; the sum is the dose. Results change by less than 1e-6.",
        "car_t_per_ul divides by an assumed blood volume; the paper has counts only.",
    ),
    initial=initial,
    infuse=infuse,
    rhs=rhs,
    observe=observe,
)
