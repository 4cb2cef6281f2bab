"""Probability of cure by day, with an interval that knows which runs are of one patient."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import beta

from cellkinetics.catalogue import load_model, model_names
from cellkinetics.declare import Model
from cellkinetics.errors import ModelError
from cellkinetics.kernel.layout import Floats

LEVEL = 0.90


def check_hybrid(model: Model) -> None:
    """Refuse a model in which nothing can die out, naming those in which something can.

    Raises
    ------
    ModelError                      the model declares no ``stochastic``
    """
    if model.stochastic is None:
        able = [name for name in model_names() if load_model(name).stochastic is not None]
        raise ModelError(
            f"{model.name}: no state of this model is declared to die out (stochastic=...), so"
            f" there is no hybrid simulation of it. Those that have one: {', '.join(able)}."
        )


def cure_by_day(simulated: xr.Dataset, days: Floats, *, level: float = LEVEL) -> pd.DataFrame:
    """Share of runs in which the tumour was extinct by each day, and had not progressed before.

    Parameters
    ----------
    simulated : Dataset             of :func:`cellkinetics.simulation.hybrid.simulate_hybrid`
    days : float array (day,)
    level : float                   of the interval

    Returns
    -------
    DataFrame                       day, n (runs that were solved), patients, cured, probability,
                                    lower, upper. The interval is Clopper-Pearson's; several runs of
                                    each of several patients count as so many independent ones as
                                    their variance between patients says

    Raises
    ------
    ModelError                      nobody was solved

    Source
    ------
    Korn and Graubard, Survey Methodology 1998;24:193-201 (the interval)
    """
    solved = simulated["status"].to_numpy() == 0
    if not solved.any():
        raise ModelError("None of the runs was solved: there is no probability to estimate.")
    extinct = simulated["extinct"].to_numpy()
    progressed = np.nan_to_num(simulated["progressed"].to_numpy(), nan=np.inf)
    runs = solved.sum(axis=1)
    n, patients = int(runs.sum()), int((runs > 0).sum())
    rows = []
    for day in days:
        with np.errstate(invalid="ignore"):
            cured = solved & (extinct <= day) & ~(progressed < extinct)
        of_patient = cured.sum(axis=1)
        p = float(of_patient.sum() / n)
        lower, upper = _interval(p, _independent(of_patient, runs, p), level)
        rows.append((float(day), n, patients, int(of_patient.sum()), p, lower, upper))
    columns = ["day", "n", "patients", "cured", "probability", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


def _independent(cured: np.ndarray, runs: np.ndarray, p: float) -> float:
    """How many independent runs say as much of the share ``p`` as these, by patient."""
    n, patients = float(runs.sum()), int((runs > 0).sum())
    if patients == 1 or runs.max() == 1:
        return n
    if not 0 < p < 1:
        return float(patients)
    residual = cured - p * runs
    variance = patients / (patients - 1) * float((residual**2).sum()) / n**2
    return min(n, p * (1 - p) / variance) if variance > 0 else n


def _interval(p: float, n: float, level: float) -> tuple[float, float]:
    """Clopper and Pearson's limits, ``n`` need not be whole."""
    tail, x = (1 - level) / 2, p * n
    lower = 0.0 if p == 0 else float(beta.ppf(tail, x, n - x + 1))
    upper = 1.0 if p == 1 else float(beta.ppf(1 - tail, x + 1, n - x))
    return lower, upper
