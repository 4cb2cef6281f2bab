"""Which class a subject belongs to: how probable, draw by draw, and one class drawn for each.

A fit sums classes out, so its draws say nothing of them. Given a draw the classes follow by Bayes'
rule; drawing one for every subject gives draws of the joint posterior of parameters and classes,
which everything that reads a result can take as it takes any other.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cellkinetics.fitting.draws import (
    linked,
    log_class_probability,
    pointwise_log_likelihood,
    predictions,
    take_draws,
)
from cellkinetics.joint import Joint
from cellkinetics.kernel.layout import Floats, Ints

MEMBER = ("chain", "draw", "subject")


@dataclass(frozen=True)
class Membership:
    """What draws say of classes.

    Attributes
    ----------
    probability : float array (draw, subject, class)    of each class, given the draw and the data
    log_density : float array (draw, subject)           of the subject's readings, classes summed
                                                        out
    """

    probability: Floats
    log_density: Floats


def membership(joint: Joint, group: xr.Dataset) -> Membership:
    """Probabilities of classes by Bayes' rule.

    Parameters
    ----------
    joint : Joint                           with classes of patients
    group : Dataset (chain, draw, ...)      posterior

    Returns
    -------
    Membership
    """
    prior = log_class_probability(joint, group)
    subjects = len(joint.subjects)
    shape = (group.sizes["chain"], group.sizes["draw"], subjects)
    weighed = np.empty((len(prior), subjects, prior.shape[1]))
    for k in range(prior.shape[1]):
        draws = take_draws(joint, group.assign(member=(MEMBER, np.full(shape, k))))
        pred = linked(joint, predictions(joint, draws.phi), draws.log_factor)
        by_row = pointwise_log_likelihood(joint, draws, pred)
        for s in range(subjects):
            rows = joint.observations.subject == s
            weighed[:, s, k] = by_row[:, rows].sum(axis=1) + prior[:, k]
    top = weighed.max(axis=2, keepdims=True)
    share = np.exp(weighed - top)
    total = share.sum(axis=2, keepdims=True)
    return Membership(share / total, (top + np.log(total))[:, :, 0])


def with_members(
    joint: Joint, group: xr.Dataset, found: Membership, rng: np.random.Generator
) -> xr.Dataset:
    """Add ``membership`` (probabilities) and ``member`` (a class drawn from them) to draws."""
    assert joint.population.classes is not None
    shape = (group.sizes["chain"], group.sizes["draw"], len(joint.subjects))
    member = draw_members(found.probability, rng)
    return group.assign(
        membership=((*MEMBER, "patient_class"), found.probability.reshape(*shape, -1)),
        member=(MEMBER, member.reshape(shape)),
    ).assign_coords(patient_class=list(joint.population.classes.names))


def draw_members(probability: Floats, rng: np.random.Generator) -> Ints:
    """One class for each set of probabilities (..., class)."""
    uniform = rng.random((*probability.shape[:-1], 1))
    below = uniform > probability.cumsum(axis=-1)[..., :-1]
    return np.asarray(below.sum(axis=-1), dtype=np.int64)
