"""Which class a subject belongs to: how probable, draw by draw, and one class drawn for each.

A fit sums classes out, so its draws say nothing of them. Given a draw the classes follow by Bayes'
rule; drawing one for every subject gives draws of the joint posterior of parameters and classes,
which everything that reads a result can take as it takes any other.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import logsumexp, softmax

from cellkinetics.fitting.draws import (
    centres,
    flat,
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
    log_density : float array (draw, subject)           of the subject's readings given the draw,
                                                        classes summed out
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
    subjects, kinds = len(joint.subjects), prior.shape[1]
    shape = (group.sizes["chain"], group.sizes["draw"], subjects)
    before = np.empty((len(prior), subjects, kinds))
    readings = np.empty_like(before)
    for k in range(kinds):
        of_class = group.assign(member=(MEMBER, np.full(shape, k)))
        draws = take_draws(joint, of_class)
        before[:, :, k] = prior[:, [k]] + _log_density_of_own(joint, of_class, draws.phi)
        if k == 0 or joint.alike_in_a_class:
            by_row = pointwise_log_likelihood(
                joint, draws, linked(joint, predictions(joint, draws.phi), draws.log_factor)
            )
            total = np.zeros((subjects, len(prior)))
            np.add.at(total, joint.observations.subject, by_row.T)
        readings[:, :, k] = total.T
    weighed = before + readings
    return Membership(
        softmax(weighed, axis=2), logsumexp(weighed, axis=2) - logsumexp(before, axis=2)
    )


def _log_density_of_own(joint: Joint, group: xr.Dataset, phi: Floats) -> Floats:
    """Log density of each subject's centred parameters around its class's typical values.

    Up to what all classes have in common, (draw, subject).
    """
    n, m = len(joint.noncentred), len(joint.centred)
    if not m:
        return np.zeros(phi.shape[:2])
    own = slice(n, n + m)
    z = (phi - centres(joint, group))[:, :, own] / flat(group, "omega")[:, None, own]
    return np.asarray(-0.5 * (z**2).sum(axis=2))


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
