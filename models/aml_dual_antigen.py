"""Anti-CLL1/CD33 CAR-T cells in acute myeloid leukaemia: one compound CAR, two antigens.

No published model answers what a trial of such cells asks: how far do they grow, what do they
leave of the blasts, and what of the normal myeloid cells that carry the same antigens? Blasts and
normal cells are shares of a full marrow, CAR-T cells are counted in blood.

It is not stiff: 470 explicit steps to day 365, bounded by the turnover of IL-10, where the implicit
method takes 177 and is slower (0.17 against 0.12 ms a patient, no gradients).
"""

from cellkinetics.algebra import after, where
from cellkinetics.declare import (
    NEVER,
    Equations,
    Expression,
    Input,
    Model,
    Named,
    Observable,
    Parameter,
    Residual,
    Scale,
    State,
)

HARDIANSYAH = "Hardiansyah and Ng 2019, Table S1"
STEIN = "Stein 2019, Table 1"


def derived(p: Named) -> Equations:
    """Recognition of each kind of cell by the OR gate; shares of the clones among the blasts.

    Either CAR can recognise a cell that carries its antigen, independently of the other.
    """
    both = 1 - (1 - p.p_cll1) * (1 - p.p_cd33)
    negative = p.dependence * p.cll1_only * p.cd33_only
    return {
        "p_both": both,
        "p_normal": p.f_normal * both,
        "negative": negative,
        "b_double": p.b_0 / (1 + p.cll1_only + p.cd33_only + negative),
        "tocilizumab_end": p.t_tocilizumab + p.tocilizumab_days,
        "corticosteroid_end": p.t_corticosteroid + p.corticosteroid_days,
    }


def switches(p: Named) -> Equations:
    """First tocilizumab and corticosteroid, and when each has worn off."""
    return {
        "tocilizumab": p.t_tocilizumab,
        "tocilizumab_end": p.tocilizumab_end,
        "corticosteroid": p.t_corticosteroid,
        "corticosteroid_end": p.corticosteroid_end,
    }


def during(drug: str, then: Expression, otherwise: Expression) -> Expression:
    """``then`` from a drug's first dose until it has worn off."""
    return where(after(f"{drug}_end"), otherwise, where(after(drug), then, otherwise))


def initial(p: Named) -> Equations:
    """Clones, normal cells and cytokines before the infusion; CAR-T cells come with it."""
    return {
        "effector": 0 * p.k_e,
        "memory": 0 * p.k_e,
        "exhausted": 0 * p.k_e,
        "double_positive": p.b_double,
        "cll1_positive": p.b_double * p.cll1_only,
        "cd33_positive": p.b_double * p.cd33_only,
        "double_negative": p.b_double * p.negative,
        "normal": p.n_0 * p.n_ref,
        "advantage": 1,
        "interleukin_6": p.il6_0,
        "interferon_gamma": p.ifng_0,
        "interleukin_10": p.il10_0,
        "il6_signal": p.il6_0,
    }


def infuse(cells: Expression, p: Named) -> Equations:
    """What of the product stays in blood after distribution: mostly effectors."""
    effectors = p.f_survive * cells / p.v_blood
    return {
        "effector": effectors,
        "memory": p.s_memory * effectors,
        "exhausted": p.s_exhausted * effectors,
    }


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Antigen drives CAR-T cells; they kill what they recognise; cytokines follow both."""
    load = (
        p.p_both * y.double_positive
        + p.p_cll1 * y.cll1_positive
        + p.p_cd33 * y.cd33_positive
        + p.p_normal * y.normal
    )
    stimulus = load / (p.k_a + load)
    comedication = during("tocilizumab", p.f_tocilizumab, 1) * during(
        "corticosteroid", p.f_corticosteroid, 1
    )
    expansion = p.rho * (p.f_lasting + (1 - p.f_lasting) * y.advantage) * comedication * stimulus
    exhaustion = p.k_x * stimulus
    killing = p.kill * y.effector / (p.k_e + y.effector)

    blasts = y.double_positive + y.cll1_positive + y.cd33_positive + y.double_negative
    growth = p.g * (1 - blasts)
    production = p.k_n * p.n_ref * p.k_crowd / (p.k_crowd + blasts)

    active = y.effector * stimulus * during("corticosteroid", p.f_steroid_cytokine, 1)
    killed = killing * load
    return {
        "effector": (expansion - p.alpha - p.k - exhaustion) * y.effector,
        "memory": p.k * y.effector - p.beta * y.memory,
        "exhausted": exhaustion * y.effector - p.delta_x * y.exhausted,
        "double_positive": (growth - p.p_both * killing - p.mu_cll1 - p.mu_cd33)
        * y.double_positive,
        "cll1_positive": (growth - p.p_cll1 * killing - p.mu_cll1) * y.cll1_positive
        + p.mu_cd33 * y.double_positive,
        "cd33_positive": (growth - p.p_cd33 * killing - p.mu_cd33) * y.cd33_positive
        + p.mu_cll1 * y.double_positive,
        "double_negative": growth * y.double_negative
        + p.mu_cll1 * y.cll1_positive
        + p.mu_cd33 * y.cd33_positive,
        "normal": production - (p.k_n + p.p_normal * killing) * y.normal,
        "advantage": -p.k_fade * y.advantage,
        "interleukin_6": p.k_il6
        * (
            p.il6_0
            + p.il6_active * active
            + p.il6_killed * killed
            - during("tocilizumab", p.f_clearance, 1) * y.interleukin_6
        ),
        "interferon_gamma": p.k_ifng * (p.ifng_0 + p.ifng_active * active - y.interferon_gamma),
        "interleukin_10": p.k_il10 * (p.il10_0 + p.il10_active * active - y.interleukin_10),
        "il6_signal": p.k_signal
        * (during("tocilizumab", 1 - p.f_block, 1) * y.interleukin_6 - y.il6_signal),
    }


def observe(y: Named, p: Named) -> Equations:
    """What the laboratory reads."""
    car_t = y.effector + y.memory + y.exhausted
    blasts = y.double_positive + y.cll1_positive + y.cd33_positive + y.double_negative
    marrow = blasts + y.normal + p.n_other
    return {
        "car_t": car_t,
        "transgene": p.copies_per_cell * car_t,
        "marrow_blasts": (blasts + p.f_normal_blasts * y.normal) / marrow,
        "mrd": blasts / marrow,
        "anc": p.anc_ref * y.normal / p.n_ref,
        "il6": y.interleukin_6,
        "ifng": y.interferon_gamma,
        "il10": y.interleukin_10,
    }


def _number(
    name: str,
    unit: str,
    typical: float,
    symbol: str,
    meaning: str,
    reason: str = "",
    *,
    rse: float | None = None,
    omega: float | None = None,
    scale: Scale = "log",
    fixed: bool = False,
    source: str = "",
    omega_reason: str = "",
) -> Parameter:
    """Give a quantity with its source, or as an assumption with its reason."""
    return Parameter(
        name=name,
        unit=unit,
        typical=typical,
        symbol=symbol,
        meaning=meaning,
        assumption=reason,
        source=source,
        omega=omega,
        omega_assumption=omega_reason,
        rse=rse,
        rse_omega=0.2 if omega else None,
        scale=scale,
        fixed=fixed,
    )


# A table, a quantity in three or four lines: name, unit, typical value, symbol, meaning, reason.
# fmt: off
BASELINE = ("geometric mean of the two CLL patients of Hardiansyah and Ng 2019, whose levels are "
    "read off Fig. 1b, good to 30 %; none before such cells in AML was found")
SPREAD = "the two patients of Hardiansyah 2019 are a factor of 1.4 to 9 apart"
CAR_T = (
    _number("rho", "1/day", 1.75, r"\rho", "largest expansion rate, right after lymphodepletion",
        "net of losses and at the typical antigen load about 1/day at first: a doubling in 0.7 "
        "day, as tisagenlecleucel and liso-cel show (Stein 2019, Ogasawara 2021)",
        rse=0.05, omega=0.12),
    _number("k_a", "1", 0.1, "K_A",
        "antigen load (share of a full marrow) at half of the largest expansion",
        "below the load at infusion, so that expansion starts close to its largest rate, and "
        "above what normal cells leave, so that it ends when the blasts are gone", rse=0.2),
    _number("f_lasting", "1", 0.1, "f_L",
        "share of the expansion rate that stays when lymphodepletion has worn off",
        "too little to outgrow the losses of effectors: relapses are seldom met by a second "
        "expansion", rse=0.2, scale="logit"),
    _number("k_fade", "1/day", 0.09, "k_F", "fading of the growth advantage after lymphodepletion",
        "a half-life of 8 days: lymphocytes come back within two to four weeks of fludarabine and "
        "cyclophosphamide", rse=0.15),
    _number("alpha", "1/day", 0.25, r"\alpha", "death of effectors",
        "as in antigen_driven: a half-life of 2.8 days, of the order of published initial "
        "declines (4.3 and 5 days), which include continued expansion", rse=0.15, omega=0.2),
    _number("k", "1/day", 0.02, "k", "effectors that become memory",
        "a few per cent of the peak persists, as in published biphasic fits", rse=0.3, omega=0.5),
    _number("beta", "1/day", 0.012, r"\beta", "loss of memory",
        "a half-life of 58 days: less persistent than CD19 CAR-T cells (220 and 352 days), whose "
        "antigen is replaced for ever by new B cells", rse=0.3, omega=0.5),
    _number("k_x", "1/day", 0.1, "k_X",
        "largest rate at which stimulated effectors become exhausted",
        "a third of the losses of effectors at full stimulus; of the order of the median 0.11 to "
        "0.36/day of the virtual patients of Kirouac 2023", rse=0.2),
    _number("delta_x", "1/day", 0.1, r"\delta_X", "death of exhausted cells",
        "of the order of Kirouac 2023 (0.006 to 0.09/day), at its upper end", rse=0.3),
    _number("f_survive", "1", 0.005, "f",
        "fraction of the infused cells found in blood after distribution",
        "1e8 cells give 0.1 cells/uL: most infused cells leave the blood within hours; Kirouac "
        "2023 has 1/495 to 1/1001", rse=0.3, omega=0.8),
    _number("s_memory", "1", 0.05, "s_M", "memory cells for each effector of the product",
        "few, and soon outnumbered by what expansion makes", fixed=True),
    _number("s_exhausted", "1", 0.02, "s_X", "exhausted cells for each effector of the product",
        "few, and soon outnumbered by what expansion makes", fixed=True),
    _number("v_blood", "uL", 5e6, "V", "blood volume",
        "an adult of 70 kg", fixed=True),
)

TARGETS = (
    _number("kill", "1/day", 0.9, r"k_\mathrm{kill}",
        "largest killing rate of a cell that is recognised for certain",
        "of the order of Kimmel 2021 (1.15/day, quartiles 0.64 to 1.35)", rse=0.15, omega=0.25),
    _number("k_e", "cells/uL", 20.0, "K_E",
        "effectors in blood at half of the largest killing in the marrow",
        "several times that of Kimmel 2021 (4.05 cells/uL): the target sits in the marrow",
        rse=0.3, omega=0.3),
    _number("p_cll1", "1", 0.8, "p_1", "efficiency of killing through CLL1",
        "below 1, since CLL1 is dim on some blasts; no calibrated value is published",
        rse=0.3, omega=0.5, scale="logit"),
    _number("p_cd33", "1", 0.8, "p_2", "efficiency of killing through CD33",
        "as through CLL1; no calibrated value is published", rse=0.3, omega=0.5, scale="logit"),
    _number("g", "1/day", 0.035, "g", "growth rate of blasts far from a full marrow",
        "a doubling in 14 days; CAR-T models here use 0.02 (Leon-Triana 2021), 0.043 (Minucci "
        "2024), 0.05 (Kirouac 2023); none for AML was found", rse=0.2, omega=0.4),
    _number("b_0", "1", 0.35, "B_0", "blasts at infusion, as a share of a full marrow",
        "a third of a full marrow and a half of the cells that chemotherapy left in it, as in "
        "relapsed or refractory AML", rse=0.2, omega=0.7, scale="logit"),
    _number("cll1_only", "1", 0.005, "r_1",
        "blasts with CLL1 but without CD33 at infusion, for each double-positive one",
        "a few per cent of mostly CD33+ blasts (88 % of 319 patients are CD33+, Ehninger 2014); "
        "spread 1.5 because in some patients the loss is the rule", rse=0.3, omega=1.5),
    _number("cd33_only", "1", 0.005, "r_2",
        "blasts with CD33 but without CLL1 at infusion, for each double-positive one",
        "a few per cent of mostly CLL1+ blasts (92 % of 74 patients are CLL1+, Bakker 2004); "
        "spread 1.5 because CLL1 is bimodal on CD34+ blasts in a quarter of patients (Ngai 2021)",
        rse=0.3, omega=1.5),
    _number("dependence", "1", 1.0, "d",
        "odds ratio of lacking one antigen given that the other is lacking",
        "1: both are lost independently; above 1 in patients, since 67 % of CD33- AML are CLL1+ "
        "against 92 % of all (Bakker 2004)", fixed=True),
    _number("mu_cll1", "1/day", 1e-06, r"\mu_1", "loss of CLL1 under treatment",
        "so rare that a clone which is already there outgrows what is newly made", fixed=True),
    _number("mu_cd33", "1/day", 1e-06, r"\mu_2", "loss of CD33 under treatment",
        "as of CLL1", fixed=True),
)

NORMAL = (
    _number("n_ref", "1", 0.5, r"N_\mathrm{ref}",
        "normal CD33+/CLL1+ myeloid cells of a healthy marrow, as a share of a full one",
        "myeloid cells are about half of the cells of a normal marrow", fixed=True),
    _number("n_0", "1", 0.1, "n_0", "share of the normal myeloid cells that is there at infusion",
        "fludarabine and cyclophosphamide were given days before, to a marrow full of blasts: "
        "neutrophils are near 0.3e9/L", rse=0.2, omega=0.5, scale="logit"),
    _number("k_n", "1/day", 0.06, "k_N", "turnover of normal myeloid cells",
        "recovery with a half-life of 12 days: slower than maturation (4.4 days, Park 2025) "
        "because stem cells spared by the CAR must first refill the marrow", rse=0.2, omega=0.3),
    _number("f_normal", "1", 0.7, "f_N",
        "recognition of normal myeloid cells against that of a double-positive blast",
        "less, for CLL1 and CD33 are dimmer on part of them; enough for the severe pancytopenia "
        "that all 10 patients of Jin 2022 had", rse=0.3, scale="logit"),
    _number("k_crowd", "1", 0.1, "K_C", "blasts at which the making of normal cells is halved",
        "a third of a full marrow of blasts leaves a quarter of normal haematopoiesis", fixed=True),
    _number("n_other", "1", 0.2, r"N_\mathrm{other}",
        "marrow cells that neither are targets nor change, as a share of a full marrow",
        "lymphoid and erythroid cells", fixed=True),
    _number("anc_ref", "10^9/L", 3.0, r"\mathrm{ANC}_\mathrm{ref}",
        "neutrophils in blood with a healthy marrow",
        "within the normal range, after several lines of chemotherapy", rse=0.15, omega=0.3),
    _number("f_normal_blasts", "1", 0.03, r"f_\mathrm{nb}",
        "normal myeloid cells that the microscope counts as blasts",
        "a normal marrow has 1 to 2 % blasts; flow cytometry tells them apart", fixed=True),
)

CYTOKINES = (
    _number("il6_0", "pg/mL", 1.3, "C_6", "IL-6 before the infusion",
        BASELINE, rse=0.3, omega=0.5, omega_reason=SPREAD),
    _number("ifng_0", "pg/mL", 2.0, r"C_\gamma", "IFN-gamma before the infusion",
        BASELINE, rse=0.3, omega=0.5, omega_reason=SPREAD),
    _number("il10_0", "pg/mL", 1.5, "C_{10}", "IL-10 before the infusion",
        BASELINE, rse=0.3, omega=0.5, omega_reason=SPREAD),
    _number("k_il6", "1/day", 3.96, "k_6", "turnover of IL-6",
        source=HARDIANSYAH, fixed=True),
    _number("k_ifng", "1/day", 1.51, r"k_\gamma", "turnover of IFN-gamma",
        source=HARDIANSYAH, fixed=True),
    _number("k_il10", "1/day", 4.68, "k_{10}", "turnover of IL-10",
        source=HARDIANSYAH, fixed=True),
    _number("il6_active", "pg/mL/(cells/uL)", 8.0, "a_6",
        "IL-6 that one stimulated effector per uL upholds",
        "peaks of a few hundred pg/mL at the typical expansion, between the 49 and 2750 pg/mL of "
        "Hardiansyah 2019", rse=0.3, omega=0.8),
    _number("il6_killed", "pg/mL*day", 500.0, "b_6",
        "IL-6 that killing of a full marrow a day upholds",
        "tens of pg/mL while most blasts die: macrophages answer to dying cells",
        rse=0.3, omega=0.8),
    _number("ifng_active", "pg/mL/(cells/uL)", 6.0, r"a_\gamma",
        "IFN-gamma that one stimulated effector per uL upholds",
        "peaks between the 120 and 828 pg/mL of Hardiansyah 2019 at the typical expansion",
        rse=0.3, omega=0.8),
    _number("il10_active", "pg/mL/(cells/uL)", 4.0, "a_{10}",
        "IL-10 that one stimulated effector per uL upholds",
        "peaks between the 116 and 915 pg/mL of Hardiansyah 2019 at the typical expansion",
        rse=0.3, omega=0.8),
    _number("k_signal", "1/day", 1.0, "k_S",
        "rate at which the response to IL-6 follows its level",
        "fever and hypotension follow IL-6 within a day", fixed=True),
)

COMEDICATION = (
    _number("f_tocilizumab", "1", 1.2, r"F_\mathrm{toci}", "factor on expansion under tocilizumab",
        source=STEIN, rse=0.075, fixed=True),
    _number("f_corticosteroid", "1", 1.0, r"F_\mathrm{ster}",
        "factor on expansion under corticosteroids",
        source=STEIN, rse=0.09, fixed=True),
    _number("f_clearance", "1", 0.4, r"F_\mathrm{cl}",
        "factor on the clearance of IL-6 under tocilizumab",
        "IL-6 is cleared by the receptor that tocilizumab blocks, and measured levels rise",
        fixed=True, scale="logit"),
    _number("f_block", "1", 0.9, r"F_\mathrm{bl}",
        "share of the IL-6 signal that tocilizumab blocks",
        "cytokine release syndrome mostly subsides within a day or two of tocilizumab",
        fixed=True, scale="logit"),
    _number("f_steroid_cytokine", "1", 0.5, r"F_\mathrm{cy}",
        "factor on the cytokines that stimulated effectors make under corticosteroids",
        "corticosteroids lower cytokines without slowing CAR-T cells (Stein 2019); by how much "
        "was not found", fixed=True, scale="logit"),
    _number("tocilizumab_days", "day", 14.0, r"D_\mathrm{toci}", "days for which tocilizumab acts",
        "an antibody given every second week in its other uses", fixed=True),
    _number("corticosteroid_days", "day", 7.0, r"D_\mathrm{ster}",
        "days for which corticosteroids act",
        "a short course; its length is not among the inputs", fixed=True),
)

ASSAY = (
    _number("copies_per_cell", "copies/ug/(cells/uL)", 150.0, "c",
        "transgene in DNA of blood for each CAR-T cell per uL",
        "1.5 copies per cell over 6.6e-6 ug of DNA per cell and 1500 white cells per uL, as "
        "around the peak after lymphodepletion; a fit takes measured counts and copy numbers "
        "instead (car_t with link = 'physical')", fixed=True),
)
# fmt: on

MODEL = Model(
    name="aml_dual_antigen",
    title="Anti-CLL1/CD33 compound CAR-T cells in AML: expansion, clones, myelotoxicity, cytokines",
    purpose="CAR-T kinetics, marrow blasts with antigen loss, neutrophils and cytokines of one"
    " trial in one posterior; virtual patients for doses and designs",
    population="none: no model of such cells is published. Typical values are assumptions, checked"
    " together against the clinical rates of CLL1 and CD33 CAR-T trials (benchmarks/aml_prior.py)",
    source="this project; structure after published abstracts on dual-target CAR-T models",
    states=(
        State(name="effector", unit="cells/uL", meaning="effector CAR-T cells in blood"),
        State(name="memory", unit="cells/uL", meaning="memory CAR-T cells in blood"),
        State(name="exhausted", unit="cells/uL", meaning="exhausted CAR-T cells in blood"),
        State(name="double_positive", unit="1", meaning="CLL1+CD33+ blasts, share of the marrow"),
        State(name="cll1_positive", unit="1", meaning="CLL1+CD33- blasts, share of the marrow"),
        State(name="cd33_positive", unit="1", meaning="CLL1-CD33+ blasts, share of the marrow"),
        State(name="double_negative", unit="1", meaning="CLL1-CD33- blasts, share of the marrow"),
        State(name="normal", unit="1", meaning="normal CLL1+/CD33+ myeloid cells, share"),
        State(name="advantage", unit="1", meaning="growth advantage left by lymphodepletion"),
        State(name="interleukin_6", unit="pg/mL", meaning="IL-6 in serum"),
        State(name="interferon_gamma", unit="pg/mL", meaning="IFN-gamma in serum"),
        State(name="interleukin_10", unit="pg/mL", meaning="IL-10 in serum"),
        State(name="il6_signal", unit="pg/mL", meaning="IL-6 that acts, delayed, unblocked part"),
    ),
    observables=(
        Observable(name="car_t", unit="cells/uL", meaning="CAR-T cells in blood"),
        Observable(name="transgene", unit="copies/ug", meaning="transgene in blood"),
        Observable(name="marrow_blasts", unit="1", meaning="marrow blasts by microscope"),
        Observable(name="mrd", unit="1", meaning="leukaemic blasts in the marrow, by flow"),
        Observable(name="anc", unit="10^9/L", meaning="neutrophils in blood"),
        Observable(name="il6", unit="pg/mL", meaning="IL-6 in serum"),
        Observable(name="ifng", unit="pg/mL", meaning="IFN-gamma in serum"),
        Observable(name="il10", unit="pg/mL", meaning="IL-10 in serum"),
    ),
    parameters=(*CAR_T, *TARGETS, *NORMAL, *CYTOKINES, *COMEDICATION, *ASSAY),
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
    residuals=tuple(
        Residual(observable=name, sd=sd, assumption=f"{what}; no published value for such cells")
        for name, sd, what in (
            ("car_t", 0.5, "flow cytometry, SD on the log scale"),
            ("transgene", 0.5, "qPCR, SD on the log scale, of the order of Stein 2019 (0.56)"),
            ("marrow_blasts", 0.4, "200 cells under a microscope, and patchy marrow"),
            ("mrd", 0.6, "few cells counted, and patchy marrow"),
            ("anc", 0.4, "day-to-day variation, infections and growth factors"),
            ("il6", 0.5, "immunoassay and infections"),
            ("ifng", 0.5, "immunoassay and infections"),
            ("il10", 0.5, "immunoassay and infections"),
        )
    ),
    reference_dosing=((0.0, 1e8),),
    doses=(3e7, 1.5e9),
    tau=0.0,
    tau_reason="the RSEs are assumptions that already hold the spread between products: they were"
    " chosen together so that the rates of virtual trials stay within what the clinic allows"
    " (benchmarks/aml_prior.py); sums of independent wider priors would allow every rate",
    identifiability="Fisher information of the typical patient (16 visits over a year,"
    " SD 0.5 on the log "
    "scale, LLOQ 0.2 cells/uL), the 15 parameters of fits/aml5dual-aml-dual-antigen, the "
    "others known. CAR-T cells alone, by qPCR or flow: identified: beta; not identified: rho,"
    " k, alpha, f_survive, kill, g, b_0, cd33_only, il6_0, ifng_0, il10_0, il6_active, "
    "ifng_active, il10_active. With marrow blasts: identified: rho, alpha, beta, kill; "
    "poorly: k, f_survive, g, b_0; not identified: cd33_only, il6_0, ifng_0, il10_0, "
    "il6_active, ifng_active, il10_active. With IL-6, IFN-gamma and IL-10 too: identified: "
    "rho, alpha, beta, f_survive, kill, b_0, il6_0, ifng_0, il10_0, il6_active, ifng_active, "
    "il10_active; poorly: k, g; not identified: cd33_only. The CLL1- clone is never told, for"
    " the typical relapse is that of double-positive blasts: only antigens on the relapsed "
    "blasts would tell. f_survive and v_blood enter as a ratio.",
    deviations=(
        "No extinction: a clone of less than one cell (some 1e-12 of a full marrow) grows back"
        " here and not in a patient, so late relapses of killed clones are overstated; there is no"
        " cure.",
        "Platelets, red cells and blasts in blood are not modelled: CR and CRi are told apart by"
        " neutrophils only.",
        "Memory cells do not become effectors again when antigen returns.",
        "Tocilizumab and corticosteroids act for a fixed time after their first dose.",
        "The growth advantage belongs to the lymphodepletion before day 0; a later infusion comes"
        " without one.",
    ),
    derived=derived,
    switches=switches,
    initial=initial,
    infuse=infuse,
    rhs=rhs,
    observe=observe,
)
