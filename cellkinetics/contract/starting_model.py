"""A kinetic model: one sentence on what it describes, and who published it.

Write the equations as functions of named things and list every quantity below with its unit, value
and source. Check the file with:      cellkinetics check my_model.py
See its card, and simulate it, with:  cellkinetics models my_model.py
                                      cellkinetics simulate my_model.py --plot
Fit it by naming the file in fit.toml, beside which it lies:   model = "my_model.py"
"""

# Equations are run on symbols, so that code, gradients, formulas and the check of units follow from
# them. Write them with these functions: never 'if', math.exp or numpy.exp on a model's quantity.
from cellkinetics.algebra import after, log, where
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


def derived(p: Named) -> Equations:
    """Names for what follows from parameters; usable as p.NAME in all functions below."""
    return {"rho": log(2) / p.t_double}


def switches(p: Named) -> Equations:
    """Days on which the right-hand side changes its form; leave it out if there are none."""
    return {"peak": p.t_max}


def initial(p: Named) -> Equations:
    """Every state on day 0, before any infusion; a sum or product, in the state's own unit."""
    return {"effector": 0 * p.m_0, "memory": p.m_0}


def infuse(cells: Expression, p: Named) -> Equations:
    """What an infusion of so many cells adds to the states; leave it out if dose does nothing."""
    return {"effector": p.f_survive * cells / p.v_blood}


def rhs(t: Expression, y: Named, p: Named) -> Equations:
    """Rate of change of every state, in its unit per day."""
    growth = where(after("peak"), -p.alpha, p.rho)
    return {
        "effector": (growth - p.k) * y.effector,
        "memory": p.k * y.effector - p.beta * y.memory,
    }


def observe(y: Named, p: Named) -> Equations:
    """What an assay could read, in the observable's unit."""
    return {"car_t": y.effector + y.memory}


def _peak_over_day_2(solve, model):  # type: ignore[no-untyped-def]
    """Fold growth of effectors from day 2 to the peak on day 10, by the solver."""
    level = solve(model, None, [2.0, 10.0]).effector.values[0]
    return float(level[1] / level[0])


MODEL = Model(
    name="my_model",
    title="A starting model: expansion to a peak, contraction, memory",
    purpose="what it is meant to answer, such as: CAR-T expansion and persistence by flow",
    population="who it describes, such as: none, its values are placeholders",
    source="who published it, with doi, or: this file",
    # positive=True (the default) is for states above 0 from the first infusion on; they are carried
    # as logarithms. For one that can be 0, say positive=False and smallest= what still matters.
    states=(
        State(name="effector", unit="cells/uL", meaning="effector CAR-T cells in blood"),
        State(name="memory", unit="cells/uL", meaning="memory CAR-T cells in blood"),
    ),
    observables=(Observable(name="car_t", unit="cells/uL", meaning="CAR-T cells in blood"),),
    # typical: value of the typical patient; omega: SD between patients on the transformed scale
    # (scale= "log" by default, "logit" for fractions, "identity"); rse: uncertainty of typical, as
    # a fraction. Each has a source (with table or equation) or an assumption (with its reason).
    # fixed=True is not estimated unless a fit asks for it.
    parameters=(
        Parameter(
            name="t_double",
            unit="day",
            typical=0.8,
            omega=0.3,
            rse=0.3,
            symbol=r"T_2",
            meaning="doubling time during expansion",
            assumption="placeholder; published CD19 products double in 0.75 to 0.8 days",
        ),
        Parameter(
            name="t_max",
            unit="day",
            typical=10.0,
            omega=0.3,
            rse=0.3,
            symbol=r"T_\mathrm{max}",
            meaning="time of the peak",
            assumption="placeholder; most peaks are on day 7 to 14",
        ),
        Parameter(
            name="alpha",
            unit="1/day",
            typical=0.2,
            omega=0.5,
            rse=0.5,
            symbol=r"\alpha",
            meaning="death of effectors after the peak",
            assumption="placeholder",
        ),
        Parameter(
            name="k",
            unit="1/day",
            typical=0.01,
            omega=0.5,
            rse=0.5,
            symbol="k",
            meaning="effectors that become memory",
            assumption="placeholder",
        ),
        Parameter(
            name="beta",
            unit="1/day",
            typical=0.004,
            omega=0.5,
            rse=0.5,
            symbol=r"\beta",
            meaning="loss of memory",
            assumption="placeholder",
        ),
        Parameter(
            name="f_survive",
            unit="1",
            typical=0.005,
            scale="logit",
            omega=0.8,
            rse=1.0,
            symbol="f",
            meaning="fraction of the infused cells that is found in blood",
            assumption="placeholder; most infused cells leave the blood within hours",
        ),
        Parameter(
            name="m_0",
            unit="cells/uL",
            typical=0.001,
            symbol="M_0",
            fixed=True,
            meaning="memory CAR-T cells at infusion",
            assumption="placeholder; next to nothing",
        ),
        Parameter(
            name="v_blood",
            unit="uL",
            typical=5e6,
            symbol="V",
            fixed=True,
            meaning="blood volume",
            assumption="an adult of 70 kg; only f_survive/v_blood counts",
        ),
    ),
    residuals=(
        Residual(observable="car_t", sd=0.4, assumption="placeholder; SD on the log scale"),
    ),
    # Numbers that the publication states and the model must give again: the best check of all.
    published=(
        Published(
            name="growth of effectors from day 2 to day 10",
            value=945.0,
            rtol=0.01,
            source="worked by hand: exp((log(2)/0.8 - 0.01) * 8)",
            compute=_peak_over_day_2,
        ),
    ),
    reference_dosing=((0.0, 1e8),),  # (day, cells)
    doses=(1e7, 1e9),  # least and most total cells, and the
    horizon=365.0,  # last day that it is meant for: a simulation outside warns
    identifiability="what samples can tell of it, and what leans on its assumed value",
    derived=derived,
    switches=switches,
    initial=initial,
    infuse=infuse,
    rhs=rhs,
    observe=observe,
)
