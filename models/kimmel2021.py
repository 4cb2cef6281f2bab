"""Kimmel, Locke and Altrock 2021: axi-cel among normal T cells, and tumours that die out by chance.

CAR-T and normal T cells regrow after lymphodepletion by Gompertz laws with one total and two
capacities; CAR-T cells are outgrown as normal cells return. A tumour cannot vanish in these
equations, so cure is an event of chance among the last cells: below 100 of them the tumour is a
birth and death process (``stochastic``).
"""

from collections.abc import Callable
from math import log as ln
from typing import Any

from cellkinetics.algebra import log
from cellkinetics.declare import (
    Characteristic,
    Equations,
    Example,
    Expression,
    Model,
    Named,
    Observable,
    Parameter,
    Published,
    State,
    Stochastic,
)

TABLE1 = "Kimmel 2021, Table 1"
BIOMODELS = "BIOMD0000001041 (units of the paper's Methods: cells/uL and mL)"
RUN = "a simulation of BIOMD0000001041 by others (Biosimulant, tellurium), its tenth daily output"
# Quartiles of a normal are 1.349 SDs apart.
SPREAD = 1.349


def initial(p: Named) -> Equations:
    """After lymphodepletion; CAR-T cells come with the infusion."""
    return {"normal_t_cells": p.n_0, "car_t_cells": 0 * p.n_0, "tumour": p.b_0}


def infuse(cells: Expression, p: Named) -> Equations:
    """Infused cells as a concentration, in the volume that Table 1 implies."""
    return {"car_t_cells": cells / p.v_t}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Equations 2.1 to 2.3, the CAR-T growth rate as in Fig. 2b."""
    total = y.normal_t_cells + y.car_t_cells
    r_c = p.rho_c + p.b * (total - p.k_n) ** 2 / (p.a * total**2 + (total - p.k_n) ** 2)
    return {
        "normal_t_cells": -p.r_n * y.normal_t_cells * log(total / p.k_n),
        "car_t_cells": -r_c * y.car_t_cells * log(total / p.k_c),
        "tumour": p.r_b * y.tumour - p.gamma_b * y.tumour * y.car_t_cells / (p.k_b + y.car_t_cells),
    }


def observe(y: Named, p: Named) -> Equations:
    """CAR-T cells, absolute lymphocyte count and tumour volume."""
    return {
        "car_t": y.car_t_cells,
        "lymphocytes": y.normal_t_cells + y.car_t_cells,
        "tumour_volume": y.tumour,
    }


def _fitted(
    name: str,
    unit: str,
    typical: float,
    symbol: str,
    meaning: str,
    quartiles: tuple[float, float],
) -> Parameter:
    """A row of Table 1 with its quartile range (in the table's own unit)."""
    low, high = quartiles
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        source=f"{TABLE1}, in the units of {BIOMODELS}",
        omega=ln(high / low) / SPREAD,
        omega_assumption=f"the quartile range {low:g} to {high:g} of Table 1 read as a log-normal"
        " between patients; the paper does not say whether it is that or the spread of its fits",
    )


def _given(name: str, unit: str, typical: float, symbol: str, meaning: str) -> Parameter:
    """A row of Table 1 that is not fitted."""
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        source=f"{TABLE1} (from the literature), in the units of {BIOMODELS}",
        fixed=True,
    )


Compute = Callable[[Any, Model], float]


def _at(day: float, quantity: str) -> Compute:
    return lambda solve, model: float(solve(model, None, [day])[quantity][0, 0])


def _in_cells(name: str, per: str) -> Compute:
    """A typical value in the cells of Table 1."""

    def compute(solve: Any, model: Model) -> float:
        typical = {q.name: q.typical for q in model.parameters}
        return typical[name] * typical[per]

    return compute


MODEL = Model(
    name="kimmel2021",
    title="Axi-cel: T-cell competition and stochastic tumour extinction (Kimmel et al. 2021)",
    purpose="CAR-T, normal lymphocytes and tumour after lymphodepletion; probability of cure and"
    " time to progression, with the last tumour cells followed one by one",
    population="medians of 101 adults with large B-cell lymphoma (ZUMA-1), axicabtagene ciloleucel;"
    " lymphocytes of 55 patients at Moffitt",
    source="Kimmel GJ, Locke FL, Altrock PM. Proc R Soc B 2021;288:20210229,"
    " doi 10.1098/rspb.2021.0229; BioModels BIOMD0000001041",
    states=(
        State(name="normal_t_cells", unit="cells/uL", meaning="normal T cells in blood"),
        State(name="car_t_cells", unit="cells/uL", meaning="CAR-T cells in blood"),
        State(name="tumour", unit="mL", meaning="antigen-presenting tumour", smallest=1e-9),
    ),
    observables=(
        Observable(name="car_t", unit="cells/uL", meaning="CAR-T cells in blood"),
        Observable(name="lymphocytes", unit="cells/uL", meaning="absolute lymphocyte count"),
        Observable(name="tumour_volume", unit="mL", meaning="tumour volume"),
    ),
    parameters=(
        _given("k_n", "cells/uL", 500.0, "K_N", "carrying capacity of normal T cells"),
        _fitted(
            "k_c", "cells/uL", 139.0, "K_C", "carrying capacity of CAR-T cells", (6.15e10, 9.65e10)
        ),
        _fitted("r_n", "1/day", 0.17, "r_N", "net growth rate of normal T cells", (0.165, 0.170)),
        _fitted(
            "rho_c", "1/day", 0.0251, r"\rho_C", "baseline growth rate of CAR-T", (0.0208, 0.0354)
        ),
        _fitted("a", "1", 0.423, "a", "how early normal cells mute CAR-T growth", (0.100, 0.302)),
        _fitted(
            "b", "1/day", 0.525, "b", "CAR-T growth added while lymphocytes are few", (0.467, 0.522)
        ),
        Parameter(
            name="r_b",
            unit="1/day",
            typical=0.01,
            symbol="r_B",
            meaning="net growth rate of the tumour",
            source=f"{TABLE1} gives a range, 0.01 to 0.50, from the literature; {BIOMODELS} takes"
            " its lower end, and so does this file",
            omega=1.0,
            omega_assumption="the range of Table 1 spans a factor of 50: as the central 95 % of a"
            " log-normal its SD is ln(50)/3.92 = 1.0",
        ),
        _fitted("gamma_b", "1/day", 1.15, r"\gamma_B", "largest killing rate", (0.64, 1.35)),
        _fitted(
            "k_b",
            "cells/uL",
            4.05,
            "k_B",
            "CAR-T at half of the largest killing",
            (1.40e9, 3.125e9),
        ),
        _given("n_0", "cells/uL", 6.0, "N_0", "normal T cells at infusion"),
        _given("b_0", "mL", 94.86, "B_0", "tumour volume at infusion"),
        Parameter(
            name="v_t",
            unit="uL",
            typical=5e8,
            symbol="V_T",
            meaning="volume by which cells in the body become cells/uL",
            source=f"{TABLE1}: K_N is 2.50e11 cells, and 500 cells/uL in BIOMD0000001041",
            fixed=True,
        ),
        Parameter(
            name="cells_per_ml",
            unit="cells/mL",
            typical=1e9,
            symbol="c_B",
            meaning="tumour cells in a millilitre",
            source=f"{TABLE1}: B(0) is 9.486e10 cells, and 94.86 mL in the text",
            fixed=True,
        ),
    ),
    published=(
        *(
            Published(name=name, value=value, rtol=rtol, source=RUN, compute=_at(9.0, quantity))
            for name, quantity, value, rtol in (
                ("N(9 d), cells/uL", "normal_t_cells", 159.5, 0.05 / 159.5),
                ("C(9 d), cells/uL", "car_t_cells", 25.922, 0.0005 / 25.922),
                ("B(9 d), mL", "tumour", 0.0710, 0.00005 / 0.0710),
            )
        ),
        Published(
            name="C(0), cells/uL, from 1.80e8 cells",
            value=0.36,
            rtol=1e-9,
            source="Kimmel 2021, Fig. 2b and Table 1",
            compute=_at(0.0, "car_t_cells"),
        ),
        # The paper's own figures agree with BIOMD0000001041 to three digits.
        *(
            Published(name=label, value=value, rtol=2e-3, source=TABLE1, compute=compute)
            for label, value, compute in (
                ("K_N, cells", 2.50e11, _in_cells("k_n", "v_t")),
                ("K_C, cells", 6.96e10, _in_cells("k_c", "v_t")),
                ("k_B, cells", 2.024e9, _in_cells("k_b", "v_t")),
                ("N(0), cells", 3.00e9, _in_cells("n_0", "v_t")),
                ("B(0), cells", 9.486e10, _in_cells("b_0", "cells_per_ml")),
            )
        ),
    ),
    examples=tuple(
        Example(
            name=name,
            meaning=f"tumour net growth rate {rate:g}/day, the rest typical",
            values={"r_b": rate},
            source=f"{TABLE1}: within its range 0.01 to 0.50",
        )
        for name, rate in (("slow", 0.01), ("middle", 0.1), ("fast", 0.5))
    ),
    characteristics=(
        Characteristic(
            name="c_for_control",
            unit="cells/uL",
            meaning="CAR-T cells above which the tumour shrinks",
            compute=lambda p: p.k_b * p.r_b / (p.gamma_b - p.r_b),
            source="Kimmel 2021, Eq. 2.3 set to 0",
        ),
    ),
    stochastic=Stochastic(
        state="tumour",
        cells=lambda p: p.cells_per_ml,
        threshold=100.0,
        source="Kimmel 2021, section 3d and 3e: below 100 cells the tumour is simulated"
        " stochastically; outcomes hardly depend on that number",
    ),
    reference_dosing=((0.0, 1.80e8),),
    doses=(1.0e8, 2.0e8),
    horizon=500.0,
    identifiability="Computed for one typical patient at a trial's visits over a year (SD 0.5 on"
    " the log scale): CAR-T counts alone, by qPCR or flow, identify none of the parameters; with"
    " lymphocytes they identify k_c, r_n, rho_c and b, not a. CAR-T cells do not depend on the"
    " tumour here, so r_b, gamma_b and k_b are seen by tumour volumes alone. The authors, with one"
    " tumour size on day 30, found k_b correlated with r_b (0.94) and gamma_b (-0.96) and call"
    " these pairs not identifiable.",
    deviations=(
        "The growth rate of CAR-T is that of Fig. 2b; the formula in the text,"
        " b (T-K_N)^2/(a/(T^2+(T-K_N)^2)), does not balance in units: a typo.",
        "The fitted a (0.423) and b (0.525) lie outside their own quartile ranges in Table 1.",
        "Births and deaths of the tumour are r_b and the killing: the net growth rate is taken as"
        " a rate of births without deaths of its own, the least noise that it allows.",
        "Omegas are assumptions, read from quartile ranges.",
        "The axes of Fig. 2 say cells/mL where cells/uL is meant.",
    ),
    initial=initial,
    infuse=infuse,
    rhs=rhs,
    observe=observe,
)
