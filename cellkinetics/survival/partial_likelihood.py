"""Cox's partial likelihood, its gradient and information, with ties after Efron or Breslow."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cellkinetics.survival.data import Flags, Floats

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True)
class RiskSets:
    """One stratum: rows sorted by time, and where each event time's risk set begins.

    A row is at risk on (entry, time]. ``died`` lists the rows of events in order of time;
    ``which`` says to which event time each belongs, ``fraction`` which share of the tied events
    has already left its denominator (Efron; 0 for Breslow).
    """

    covariates: Floats
    start: NDArray[np.intp]
    entered_after: NDArray[np.intp]
    by_entry: NDArray[np.intp]
    died: NDArray[np.intp]
    which: NDArray[np.intp]
    fraction: Floats


def risk_sets(
    entry: Floats, time: Floats, event: Flags, covariates: Floats, ties: Ties
) -> RiskSets:
    """Sort one stratum.

    Parameters
    ----------
    entry, time : arrays (row,), day      a row is at risk on (entry, time]
    event : bool array (row,)
    covariates : array (row, covariate)
    ties : "efron" or "breslow"
    """
    order = np.argsort(time, kind="stable")
    entry, time, event, covariates = entry[order], time[order], event[order], covariates[order]
    died = np.flatnonzero(event)
    at, which, count = np.unique(time[died], return_inverse=True, return_counts=True)
    rank = np.arange(len(died)) - np.repeat(np.cumsum(count) - count, count)
    fraction = rank / count[which] if ties == "efron" else np.zeros(len(died))
    by_entry = np.argsort(entry, kind="stable")
    return RiskSets(
        covariates=covariates,
        start=np.searchsorted(time, at, side="left"),
        entered_after=np.searchsorted(entry[by_entry], at, side="left"),
        by_entry=by_entry,
        died=died,
        which=which,
        fraction=fraction,
    )


def log_likelihood(sets: RiskSets, beta: Floats) -> tuple[float, Floats, Floats]:
    """Log partial likelihood of one stratum.

    Parameters
    ----------
    sets : RiskSets
    beta : array (covariate,)

    Returns
    -------
    value : float
    gradient : array (covariate,)
    information : array (covariate, covariate)     minus the second derivative
    """
    x = sets.covariates
    width = x.shape[1]
    if not len(sets.died):
        return 0.0, np.zeros(width), np.zeros((width, width))
    score = x @ beta
    shift = score.max()
    risk = np.exp(score - shift)
    # Sums over the risk set of r, r x and r x x', side by side in the columns of one table.
    square = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    table = risk[:, None] * np.hstack((np.ones((len(x), 1)), x, square))
    at_risk = _sums_from(table, sets.start) - _sums_from(table[sets.by_entry], sets.entered_after)
    tied = np.zeros_like(at_risk)
    np.add.at(tied, sets.which, table[sets.died])
    sums = at_risk[sets.which] - sets.fraction[:, None] * tied[sets.which]
    mean = sums[:, 1 : 1 + width] / sums[:, :1]
    second = (sums[:, 1 + width :] / sums[:, :1]).reshape(-1, width, width)
    value = float(np.sum(score[sets.died] - shift - np.log(sums[:, 0])))
    gradient = (x[sets.died] - mean).sum(axis=0)
    information = (second - mean[:, :, None] * mean[:, None, :]).sum(axis=0)
    return value, gradient, information


def _sums_from(table: Floats, first: NDArray[np.intp]) -> Floats:
    """Sum the rows from each given one to the last."""
    totals = np.vstack((np.cumsum(table[::-1], axis=0)[::-1], np.zeros((1, table.shape[1]))))
    return np.asarray(totals[first])
