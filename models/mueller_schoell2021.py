"""Mueller-Schoell et al. 2021: four phenotypes of axi-cel, tumour volume, two patient classes.

Naive, central-memory and effector-memory CAR-T cells expand on contact with the tumour and turn
into one another and into effectors; all four kill. A fifth of the patients expand twelvefold less
(a mixture); previous transplant and the CD4/CD8 ratio on day 7 change the expansion of the others.
"""

from collections.abc import Callable
from math import log as ln
from math import sqrt as root
from typing import Any

import numpy as np

from cellkinetics.algebra import exp, log
from cellkinetics.declare import (
    Characteristic,
    Equations,
    Example,
    Expression,
    Input,
    Model,
    Named,
    Observable,
    Parameter,
    PatientClass,
    Published,
    Residual,
    State,
)

TABLE1 = "Mueller-Schoell 2021, Table 1"
TABLE_S1 = "Mueller-Schoell 2021, Supplementary Table S1 (as in the nlmixr2lib vignette)"
TABLE_S2 = "Mueller-Schoell 2021, Supplementary Table S2, model-predicted median"


def sd_of(cv: float) -> float:
    """SD on the log scale of a log-normal with this coefficient of variation (Eqs. 1-4)."""
    return root(ln(1 + cv**2))


def derived(p: Named) -> Equations:
    """Largest expansion rate (Eqs. 10 and 11); the CD4/CD8 ratio acts in the reference class."""
    reference = p.v_ref * exp(p.e_cd4cd8 * log(p.cd4cd8))
    share = p.low_expansion
    return {"v_max1": ((1 - share) * reference + share * p.v_low) * (1 + p.e_asct * p.asct)}


def initial(p: Named) -> Equations:
    """The same low level of each phenotype, in place of the distribution phase."""
    return {
        "naive": p.c_0,
        "central_memory": p.c_0,
        "effector_memory": p.c_0,
        "effector": p.c_0,
        "tumour": p.mtv,
    }


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Equations 5 to 9."""
    tn, tcm, tem, teff, v = y.naive, y.central_memory, y.effector_memory, y.effector, y.tumour
    expansion = p.v_max1 * v
    killers = p.vmax5_1 * tn + p.vmax5_2 * tcm + p.vmax5_3 * tem + p.vmax5_4 * teff
    return {
        "naive": expansion * tn / (p.km1 + tn) + (p.kp1 - p.k12 - p.ke1) * tn,
        "central_memory": expansion * tcm / (p.km1 + tcm)
        + p.k12 * tn
        + (p.kp2 - p.k23 - p.ke2) * tcm,
        "effector_memory": expansion * tem / (p.km1 + tem)
        + p.k23 * tcm
        + (p.kp3 - p.k34 - p.ke3) * tem,
        "effector": p.k34 * tem - p.ke4 * teff,
        "tumour": p.k5 * (1 - v / p.k0) * v - killers * v / (p.km5 + v),
    }


def observe(y: Named, p: Named) -> Equations:
    """Each phenotype, all of them, and the tumour volume."""
    return {
        "t_n": y.naive,
        "t_cm": y.central_memory,
        "t_em": y.effector_memory,
        "t_eff": y.effector,
        "car_t": y.naive + y.central_memory + y.effector_memory + y.effector,
        "tumour_volume": y.tumour,
    }


def _estimated(
    name: str,
    unit: str,
    typical: float,
    rse: float,
    symbol: str,
    meaning: str,
    *,
    cv: float | None = None,
    identity: bool = False,
) -> Parameter:
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        rse=rse,
        symbol=symbol,
        meaning=meaning,
        source=TABLE1,
        scale="identity" if identity else "log",
        omega=None if cv is None else sd_of(cv),
        rse_omega=None if cv is None else 0.19,
    )


def _fixed(
    name: str, unit: str, typical: float, symbol: str, meaning: str, why: str = ""
) -> Parameter:
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        source=f"{TABLE1}{', ' if why else ''}{why}",
        fixed=True,
    )


# Baseline metabolic tumour volume (mL), previous ASCT, CD4/CD8 on day 7, low-expansion class.
PATIENTS = (
    (894.0, 0, 8.94, 0),
    (102.0, 0, 0.357, 0),
    (13.0, 1, 0.126, 0),
    (264.0, 0, 4.01, 1),
    (14.2, 1, 1.34, 0),
    (70.5, 1, 0.364, 0),
    (13.1, 1, 3.56, 0),
    (142.0, 0, 0.405, 0),
    (1118.0, 0, 0.413, 1),
    (305.0, 0, 0.549, 1),
    (479.0, 0, 0.223, 0),
    (2.54, 1, 0.0512, 0),
    (34.2, 0, 4.53, 0),
    (85.7, 1, 0.130, 0),
    (64.1, 0, 0.0845, 0),
    (663.0, 0, 0.764, 0),
    (3555.0, 1, 0.0866, 1),
    (20.0, 0, 0.182, 0),
    (32.5, 0, 0.126, 0),
)


def _patient(number: int, mtv: float, asct: int, ratio: float, low: int) -> Example:
    return Example(
        name=f"patient_{number:02d}",
        meaning=f"{'low-expansion' if low else 'reference'} class, metabolic tumour volume"
        f" {mtv:g} mL, {'with' if asct else 'no'} previous ASCT, CD4/CD8 {ratio:g}",
        values={
            "mtv": mtv,
            "asct": float(asct),
            "cd4cd8": ratio,
            "low_expansion": float(low),
        },
        source=TABLE_S1,
    )


Compute = Callable[[Any, Model], float]


def _squared_omega(name: str) -> Compute:
    def compute(solve: Any, model: Model) -> float:
        omega = next(q.omega for q in model.parameters if q.name == name)
        return float(omega or 0.0) ** 2

    return compute


def _median_t_max(solve: Any, model: Model) -> float:
    """Day of the largest number of CAR-T cells, half-day grid to day 28: median of the class."""
    patients = [e.values for e in model.examples if not e.values["low_expansion"]]
    known = {name: [values[name] for values in patients] for name in patients[0]}
    days = np.arange(0.0, 28.25, 0.5)
    curves = solve(model, known, days).car_t.values
    return float(np.median(days[curves.argmax(axis=1)]))


def _residual(observable: str, cv: float, rse: float) -> Residual:
    return Residual(observable=observable, sd=sd_of(cv), rse=rse, source=TABLE1)


CHAIN = "rate of differentiation"
FROM_KE4 = "ke4 times 0.02, the ratio of long- to short-lived cells in Stein 2019"
FROM_VMAX52 = "from Vmax5,2 and killing in vitro"

MODEL = Model(
    name="mueller_schoell2021",
    title="Axi-cel phenotypes and tumour volume, two patient classes (Mueller-Schoell et al. 2021)",
    purpose="expansion of naive, central-memory, effector-memory and effector CAR-T cells on tumour"
    " contact, killing of the tumour by each, and patients who expand poorly",
    population="19 adults with relapsed/refractory large B-cell lymphoma, axicabtagene ciloleucel"
    " 2e6 cells/kg (MD Anderson)",
    source="Mueller-Schoell A et al. Cancers 2021;13:2782, doi 10.3390/cancers13112782;"
    " values as transcribed in nlmixr2lib (MuellerSchoell_2021_axicabtageneCiloleucel_qsp)",
    states=(
        State(name="naive", unit="cells/uL", meaning="naive CAR-T cells in blood"),
        State(name="central_memory", unit="cells/uL", meaning="central-memory CAR-T cells"),
        State(name="effector_memory", unit="cells/uL", meaning="effector-memory CAR-T cells"),
        State(name="effector", unit="cells/uL", meaning="effector CAR-T cells"),
        State(name="tumour", unit="mL", meaning="CD19+ metabolic tumour volume"),
    ),
    observables=(
        Observable(name="t_n", unit="cells/uL", meaning="naive CAR-T cells"),
        Observable(name="t_cm", unit="cells/uL", meaning="central-memory CAR-T cells"),
        Observable(name="t_em", unit="cells/uL", meaning="effector-memory CAR-T cells"),
        Observable(name="t_eff", unit="cells/uL", meaning="effector CAR-T cells"),
        Observable(name="car_t", unit="cells/uL", meaning="all CAR-T cells"),
        Observable(name="tumour_volume", unit="mL", meaning="metabolic tumour volume"),
    ),
    parameters=(
        _estimated(
            "v_ref",
            "cells/uL/day/mL",
            0.00846,
            0.36,
            r"V_\mathrm{max1,base,ref}",
            "largest expansion per mL of tumour, reference class",
            cv=1.50,
        ),
        _estimated(
            "v_low",
            "cells/uL/day/mL",
            0.000700,
            0.17,
            r"V_\mathrm{max1,base,low}",
            "largest expansion per mL of tumour, low-expansion class",
        ),
        _estimated(
            "e_asct",
            "1",
            2.53,
            0.31,
            r"\mathrm{ASCT}_{V\mathrm{max1}}",
            "fractional change of expansion by a previous ASCT",
        ),
        _estimated(
            "e_cd4cd8",
            "1",
            -0.385,
            0.45,
            r"\mathrm{CD4/CD8}_\mathrm{exp}",
            "exponent of the CD4/CD8 ratio, reference class",
            identity=True,
        ),
        _estimated(
            "km1", "cells/uL", 1.13, 0.22, "K_{M1}", "cells of a phenotype at half of its expansion"
        ),
        _estimated("k12", "1/day", 0.140, 0.09, "k_{12}", f"naive to central memory, {CHAIN}"),
        _estimated("k23", "1/day", 0.191, 0.11, "k_{23}", f"central to effector memory, {CHAIN}"),
        _estimated("k34", "1/day", 0.355, 0.13, "k_{34}", f"effector memory to effector, {CHAIN}"),
        _fixed("kp1", "1/day", 0.0005, "k_{p1}", "homeostatic growth, naive", "literature"),
        _fixed("kp2", "1/day", 0.007, "k_{p2}", "homeostatic growth, central memory", "literature"),
        _fixed(
            "kp3", "1/day", 0.007, "k_{p3}", "homeostatic growth, effector memory", "literature"
        ),
        _fixed("ke1", "1/day", 0.0104, "k_{e1}", "death of naive cells", FROM_KE4),
        _fixed("ke2", "1/day", 0.0104, "k_{e2}", "death of central-memory cells", FROM_KE4),
        _fixed("ke3", "1/day", 0.0104, "k_{e3}", "death of effector-memory cells", FROM_KE4),
        _estimated("ke4", "1/day", 0.518, 0.13, "k_{e4}", "death of effector cells"),
        _fixed(
            "vmax5_1",
            "mL/day/(cells/uL)",
            2.57,
            r"V_\mathrm{max5,1}",
            "largest killing by naive cells",
            FROM_VMAX52,
        ),
        _estimated(
            "vmax5_2",
            "mL/day/(cells/uL)",
            4.04,
            0.39,
            r"V_\mathrm{max5,2}",
            "largest killing by central-memory cells",
            cv=3.07,
        ),
        _fixed(
            "vmax5_3",
            "mL/day/(cells/uL)",
            3.78,
            r"V_\mathrm{max5,3}",
            "largest killing by effector-memory cells",
            FROM_VMAX52,
        ),
        _fixed(
            "vmax5_4",
            "mL/day/(cells/uL)",
            4.24,
            r"V_\mathrm{max5,4}",
            "largest killing by effector cells",
            FROM_VMAX52,
        ),
        _estimated("km5", "mL", 276.0, 0.33, "K_{M5}", "tumour volume at half of the killing"),
        _fixed("k5", "1/day", 0.0023, "k_5", "growth rate of the tumour"),
        _fixed("k0", "mL", 5000.0, "K_0", "carrying capacity of the tumour"),
        Parameter(
            name="low_expansion",
            unit="1",
            typical=0.0,
            scale="identity",
            symbol="L",
            meaning="patient class: 0 reference, 1 low expansion",
            source="Mueller-Schoell 2021, Eqs. 10 and 11",
            fixed=True,
        ),
        Parameter(
            name="c_0",
            unit="cells/uL",
            typical=0.1,
            symbol="c_0",
            meaning="each phenotype at infusion",
            source="Mueller-Schoell 2021, section 3.1.4 (imputed; ten times more or less changes"
            " Tmax alone)",
            fixed=True,
        ),
    ),
    inputs=(
        Input(
            name="mtv",
            unit="mL",
            meaning="metabolic tumour volume at baseline; default: the median of the 19",
            default=85.7,
            covariate="mtv_ml",
        ),
        Input(
            name="asct",
            unit="1",
            meaning="previous autologous stem cell transplant, 0 or 1",
            default=0.0,
            covariate="asct",
        ),
        Input(
            name="cd4cd8",
            unit="1",
            meaning="CD4+/CD8+ ratio of CAR-T cells on day 7",
            default=1.0,
            covariate="cd4cd8_day7",
        ),
    ),
    residuals=(
        _residual("t_n", 0.591, 0.11),
        _residual("t_cm", 0.859, 0.09),
        _residual("t_em", 1.20, 0.09),
        _residual("t_eff", 0.706, 0.10),
        _residual("tumour_volume", 1.15, 0.12),
    ),
    classes=(
        PatientClass(
            name="reference",
            meaning="expands with V_max1,base,ref and its variability",
            probability=0.803,
            typical={"low_expansion": 0.0},
            source=f"{TABLE1}, MIXP (RSE 11 %)",
        ),
        PatientClass(
            name="low_expansion",
            meaning="expands with V_max1,base,low, without variability or effect of CD4/CD8",
            probability=0.197,
            typical={"low_expansion": 1.0},
            source=f"{TABLE1}, 1 - MIXP (4 of 19 patients)",
        ),
    ),
    published=(
        Published(
            name="omega^2 of Vmax1,base,ref (150 % CV)",
            value=1.17865,
            rtol=1e-5,
            source=f"{TABLE1}, log(1 + CV^2)",
            compute=_squared_omega("v_ref"),
        ),
        Published(
            name="omega^2 of Vmax5,2 (307 % CV)",
            value=2.3442,
            rtol=3e-5,
            source=f"{TABLE1}, log(1 + CV^2)",
            compute=_squared_omega("vmax5_2"),
        ),
        Published(
            name="residual SD of naive cells (59.1 % CV)",
            value=0.547332,
            rtol=1e-6,
            source=f"{TABLE1}, sqrt(log(1 + CV^2))",
            compute=lambda s, m: next(r.sd for r in m.residuals if r.observable == "t_n"),
        ),
        Published(
            name="Tmax of the 15 reference patients, median, day",
            value=12.0,
            rtol=0.03,
            source=TABLE_S2,
            compute=_median_t_max,
        ),
    ),
    examples=tuple(_patient(i, *known) for i, known in enumerate(PATIENTS, start=1)),
    characteristics=(
        Characteristic(
            name="expansion_ratio",
            unit="1",
            meaning="expansion of the reference class over that of the low-expansion class",
            compute=lambda p: p.v_ref / p.v_low,
            source=TABLE1,
        ),
    ),
    horizon=90.0,
    identifiability="Computed for one typical patient at a trial's visits over a year (SD 0.5 on"
    " the log scale): a total count, by qPCR or flow, identifies k12 alone; flow cytometry of the"
    " four phenotypes k12, k23, k34 and ke4, and poorly v_ref and km1, which tumour volumes add."
    " The median tumour (85.7 mL) is well below km5, so that vmax5_2 and km5 are seen as a ratio;"
    " one of 1000 mL tells them apart."
    " v_low is seen in the low-expansion class alone, e_asct and e_cd4cd8 between patients. The"
    " authors fixed k5, k0, ke1 to ke3, kp1 to kp3 and three of four killing rates.",
    deviations=(
        "There is no dose: each phenotype starts at an imputed 0.1 cells/uL.",
        "IIV of 307 % is on Vmax5,2 alone; Vmax5,1, 5,3 and 5,4 keep the fixed values of Table 1.",
        "Medians of Cmax of the typical curves of the 19 patients are 12.8 and 6.4 cells/uL where"
        " Table S2 prints 13.8 and 5.2, and AUC0-28d comes out 29 % higher in both classes: there"
        " individual predictions were read at the patients' sparse visits (nlmixr2lib finds the"
        " same).",
        "e_asct is estimated on the log scale: expansion must stay positive.",
    ),
    derived=derived,
    initial=initial,
    rhs=rhs,
    observe=observe,
)
