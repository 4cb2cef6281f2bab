"""Which parameters are sampled centred: those that the data of most subjects determine."""

import numpy as np

from cellkinetics.kernel.layout import Floats
from cellkinetics.observation import Observations
from cellkinetics.population import Population

CENTRED_ABOVE = 4.0
"""A subject's deviation is sampled centred where the data say this much more than the prior."""


def centred_parameters(
    population: Population, obs: Observations, pred: Floats, jac: Floats
) -> list[str]:
    """Parameters whose deviations the data of most subjects determine.

    The measure is omega^2 times the expected information of the subject's readings on phi, at
    typical values, rows below a limit counted as silent. ``centred`` in fit.toml overrules it.

    Parameters
    ----------
    population : Population
    obs : Observations
    pred : float array (row,)               predictions at typical values
    jac : float array (row, parameter)      their derivatives by phi

    Returns
    -------
    list of str
    """
    medians = np.array([q.median for q in obs.errors] + [0.0])
    a = medians[[obs.analytes[i].a for i in obs.analyte]]
    b = medians[[obs.analytes[i].b for i in obs.analyte]]
    solved = (obs.kind == 0) & np.isfinite(pred)
    size = np.where(solved, pred, 0.0)
    natural = np.where(obs.pred_is_log, np.exp(size), size)
    # SD of a reading on the scale of pred: log where the observable is positive, else natural.
    sd = np.where(obs.family == 2, np.sqrt(a**2 + (b * natural) ** 2), a * np.abs(natural))
    sd = np.where(obs.pred_is_log, sd / np.where(natural > 0, natural, 1.0), sd)
    slope = np.divide(1.0, sd, out=np.zeros_like(sd), where=solved & (sd > 0))
    information = np.zeros((len(obs.subjects), len(population.typical)))
    np.add.at(information, obs.subject, (slope[:, None] * np.nan_to_num(jac)) ** 2)
    names = list(population.names)
    differ = population.classes.names_own if population.classes else ()
    chosen = []
    for q in population.omega:
        if q.name in population.correlated:
            continue
        if q.name in differ:  # see cellkinetics.joint.mixture
            chosen.append(q.name)
            continue
        strength = q.median**2 * information[:, names.index(q.name)]
        if bool(np.median(strength) > CENTRED_ABOVE) if q.centred == "auto" else q.centred:
            chosen.append(q.name)
    return chosen
