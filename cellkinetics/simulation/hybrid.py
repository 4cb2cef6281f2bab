"""A model whose tumour can die out: equations while it is large, single cells when few are left.

Source
------
Kimmel, Locke and Altrock, Proc R Soc B 2021;288:20210229 (section 3d, e): a deterministic model
cannot eradicate a tumour; cure is an event of chance among its last cells.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np
import xarray as xr

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model, Observable, State
from cellkinetics.errors import ModelError
from cellkinetics.kernel.cache import load_kernel
from cellkinetics.kernel.compiled import STATUS
from cellkinetics.kernel.given import (
    Infusions,
    Parameters,
    check_solver,
    constants_of,
    infusions_of,
    times_of,
)
from cellkinetics.kernel.layout import Dosing, Floats
from cellkinetics.outcome.proportion import clopper_pearson
from cellkinetics.simulation.hybrid_source import hybrid_source

CURED, PROGRESSED, NEITHER, FAILED = "CR", "PD", "neither", "not solved"
PROGRESSION = 1.2
"""Tumour over its baseline that counts as progression (Kimmel 2021, Methods)."""
MAX_STEPS = 2_000_000
RTOL = 1e-8


@dataclass(frozen=True)
class Cure:
    """How many were cured, and what that says of the probability.

    Attributes
    ----------
    cured, n : int                  of the patients that were solved
    failed : int                    patients whose equations were not solved, left out of ``n``
    probability : float
    lower, upper : float            exact (Clopper-Pearson) interval
    level : float
    by : float                      day by which a cure counts
    """

    cured: int
    n: int
    failed: int
    probability: float
    lower: float
    upper: float
    level: float
    by: float


def simulate_hybrid(
    model: Model | str | Path,
    parameters: Parameters | None = None,
    times: Sequence[float] | Floats | None = None,
    infusions: Infusions | None = None,
    *,
    seed: int,
    replicates: int = 1,
    threshold: float | None = None,
    progression: float = PROGRESSION,
    assessed_from: float = 0.0,
    rtol: float = RTOL,
    max_steps: int = MAX_STEPS,
    threads: int = 1,
) -> xr.Dataset:
    """Simulate patients whose tumour can die out.

    Above the threshold the model's equations hold. From the threshold down, cells are born and die
    one by one, exactly (Gillespie's method with rates that change in time), until the last is
    gone, for good, or until there are more than twice the threshold and births exceed deaths.

    Parameters
    ----------
    model : Model, str or Path      one that declares ``stochastic``
    parameters, times, infusions    as for :func:`cellkinetics.solve`
    seed : int                      replicate r of subject s has a stream of its own, the same
                                    whatever ``threads``
    replicates : int                simulations of each subject
    threshold : float, optional     cells; default: the model's
    progression : float             tumour over its baseline that counts as progression
    assessed_from : float, day      progression counts from this day on (a tumour grows until
                                    CAR-T cells have expanded)
    rtol, max_steps, threads        of the integrator; an event counts as a step

    Returns
    -------
    xarray.Dataset                  states and observables (subject, replicate, time), with
                                    ``units``; ``extinct``, ``progressed`` and ``few``, the days of
                                    extinction, progression and the first fall to the threshold
                                    (NaN: never); ``status``; ``response``, CR (extinct), PD
                                    (progressed, unless extinct before), neither, or not solved:
                                    (subject, replicate). Days end with ``times``

    Raises
    ------
    ModelError                      as for ``solve``; or no state of the model can die out
    """
    if isinstance(model, str | Path):
        model = load_model(model)
    check_solver(model, rtol, max_steps, threads)
    _check(model, seed, replicates, progression, assessed_from)
    module = _module(model)
    assert model.stochastic is not None
    least = model.stochastic.threshold if threshold is None else threshold
    if not 1 <= least < np.inf:
        raise ModelError(f"{model.name}: threshold is {least!r} cells, wanted 1 or more.")
    when = times_of(model, np.arange(0.0, model.horizon + 1.0) if times is None else times)
    days_asked, back = np.unique(when, return_inverse=True)
    names = tuple(q.name for q in model.parameters) + tuple(q.name for q in model.inputs)
    subjects, constants = constants_of(model, names, parameters)
    dosing = _repeated(infusions_of(model, infusions, subjects), replicates)
    count = len(subjects) * replicates
    constants = np.ascontiguousarray(np.repeat(constants, replicates, axis=0))
    streams = np.random.SeedSequence(seed).generate_state(count, np.uint64)[:, None]
    states = np.empty((count, len(days_asked), len(model.states)))
    observed = np.empty((count, len(days_asked), len(model.observables)))
    days = np.full((count, 3), np.nan)
    status = np.zeros(count, dtype=np.int64)

    def part(first: int, last: int) -> None:
        module.simulate_all(
            constants[first:last], dosing.start[first : last + 1], dosing.time, dosing.cells,
            days_asked, float(least), float(progression), float(assessed_from), rtol, max_steps,
            streams[first:last], states[first:last], observed[first:last], days[first:last],
            status[first:last],
        )  # fmt: skip

    edges = np.linspace(0, count, (8 * threads if threads > 1 else 1) + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, edges[:-1], edges[1:]))
    shape = (len(subjects), replicates)
    per_time = (*shape, len(when), -1)
    quantities: tuple[tuple[Observable | State, Floats], ...] = (
        *zip(
            model.observables, np.moveaxis(observed[:, back].reshape(per_time), -1, 0), strict=True
        ),
        *zip(model.states, np.moveaxis(states[:, back].reshape(per_time), -1, 0), strict=True),
    )
    found = {
        q.name: (
            ("subject", "replicate", "time"),
            values,
            {"units": q.unit, "long_name": q.meaning},
        )
        for q, values in quantities
    }
    own = ("subject", "replicate")
    return xr.Dataset(
        {
            **found,
            "extinct": (own, days[:, 0].reshape(shape), {"units": "day"}),
            "progressed": (own, days[:, 1].reshape(shape), {"units": "day"}),
            "few": (own, days[:, 2].reshape(shape), {"units": "day"}),
            "response": (own, _response(days, status).reshape(shape)),
            "status": (
                own,
                status.reshape(shape),
                {"meaning": "; ".join(f"{k}: {v}" for k, v in STATUS.items())},
            ),
        },
        coords={
            "subject": subjects,
            "replicate": np.arange(replicates),
            "time": ("time", when, {"units": "day", "long_name": "time since first infusion"}),
        },
        attrs={
            "model": model.name,
            "seed": seed,
            "state": model.stochastic.state,
            "threshold": float(least),
            "progression": progression,
            "assessed_from": assessed_from,
        },
    )


def probability_of_cure(
    simulated: xr.Dataset, *, by: float | None = None, level: float = 0.90
) -> Cure:
    """How often the tumour died out.

    Parameters
    ----------
    simulated : Dataset             from :func:`simulate_hybrid`; all its subjects and replicates
    by : float, optional            day by which a cure counts; default: the last simulated day
    level : float                   of the exact (Clopper-Pearson) interval

    Returns
    -------
    Cure

    Raises
    ------
    ModelError                      a day past the last simulated one, or nobody was solved
    """
    last = float(simulated.time.max())
    until = last if by is None else by
    if not 0 <= until <= last:
        raise ModelError(
            f"by is day {until:g}, wanted a day from 0 to {last:g}, the last simulated."
        )
    solved = simulated.status.to_numpy() == 0
    n = int(solved.sum())
    if n == 0:
        raise ModelError("None of the patients was solved: there is no probability to estimate.")
    extinct = simulated.extinct.to_numpy()[solved] <= until
    # A tumour that had progressed before it died out was no cure.
    before = simulated.progressed.to_numpy()[solved] < simulated.extinct.to_numpy()[solved]
    cured = int((extinct & ~before).sum())
    lower, upper = clopper_pearson(cured, n, level)
    return Cure(
        cured=cured,
        n=n,
        failed=int((~solved).sum()),
        probability=cured / n,
        lower=lower,
        upper=upper,
        level=level,
        by=until,
    )


@lru_cache(maxsize=16)
def _module(model: Model) -> ModuleType:
    return load_kernel(hybrid_source(model))


def _response(days: Floats, status: np.ndarray) -> np.ndarray:
    """Class of each patient: what came first, extinction or progression."""
    extinct, progressed = (np.where(np.isnan(d), np.inf, d) for d in (days[:, 0], days[:, 1]))
    response = np.full(len(days), NEITHER, dtype="U10")
    response[np.isfinite(extinct) & (extinct <= progressed)] = CURED
    response[progressed < extinct] = PROGRESSED
    response[status != 0] = FAILED
    return response


def _repeated(dosing: Dosing, times: int) -> Dosing:
    """Every subject's infusions as often as it is simulated."""
    counts = np.diff(dosing.start)
    which = np.concatenate(
        [
            np.tile(np.arange(first, first + n), times)
            for first, n in zip(dosing.start[:-1], counts, strict=True)
        ]
    ).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(np.repeat(counts, times))]).astype(np.int64)
    return Dosing(start, dosing.time[which], dosing.cells[which])


def _check(
    model: Model, seed: int, replicates: int, progression: float, assessed_from: float
) -> None:
    for name, value, least in (("seed", seed, 0), ("replicates", replicates, 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ModelError(
                f"{model.name}: {name} is {value!r}, wanted a whole number from {least} on."
            )
    if not 1 < progression < np.inf:
        raise ModelError(
            f"{model.name}: progression is {progression!r}, wanted a ratio above 1 (1.2: a tumour"
            " of 120 % of its baseline)."
        )
    if not 0 <= assessed_from < np.inf:
        raise ModelError(
            f"{model.name}: assessed_from is {assessed_from!r}, wanted a day from 0 on."
        )
