"""Patients of several classes: no subject is assigned to one, classes are summed out.

The density of a subject is the sum over classes of the class's probability times the density of
its individual parameters and of its readings under the class. Classes differ in typical values.
Where subjects differ in such a parameter, it is sampled centred: the readings then depend on it
and not on the class, which enters by its density alone. (Sampled as deviations from a typical
value, one and the same individual parameter would be another deviation in each class: as many
modes, between which no sampler moves.) Where they do not differ, the model is solved once for each
class.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from cellkinetics.joint.together import Joint
from cellkinetics.population import Classes

type Tensor = Any
"""A PyTensor variable; PyTensor's own types are partial."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """Classes in the graph.

    Attributes
    ----------
    shifts : list of tensor (parameter,)    typical phi of each class minus that of the first
    log_probability : tensor (class,)
    """

    shifts: list[Tensor]
    log_probability: Tensor


def class_coords(classes: Classes | None) -> dict[str, list[str]]:
    """Labels of the classes and of what is estimated in them."""
    if classes is None:
        return {}
    return {
        "patient_class": list(classes.names),
        "class_own": [f"{q.typical.name}[{classes.names[q.member]}]" for q in classes.estimated],
    }


def patient_classes(joint: Joint, mu: Tensor) -> Kinds | None:
    """Random variables of the classes; None for one kind of patients.

    Parameters
    ----------
    joint : Joint
    mu : tensor (parameter,)        typical phi of the first class, in the kernel's order
    """
    classes = joint.population.classes
    if classes is None:
        return None
    prior = [q.typical for q in classes.estimated]
    own: Tensor = None
    if prior:
        own = pm.Normal(
            "class_typical",
            mu=np.array([q.loc for q in prior]),
            sigma=np.array([q.sd for q in prior]),
            dims="class_own",
        )
    if classes.concentration:
        share = pm.Dirichlet(
            "class_probability",
            classes.concentration * np.array(classes.probability),
            dims="patient_class",
        )
    else:
        share = pt.as_tensor_variable(np.array(classes.probability))
    names = joint.population.names
    shifts = [pt.zeros(len(names)) for _ in classes.names]
    for q in classes.own:
        at = names.index(q.typical.name)
        estimated = q.typical.sd > 0
        value = own[classes.estimated.index(q)] if estimated else q.typical.loc
        shifts[q.member] += np.eye(len(names))[at] * (value - mu[at])
    return Kinds(shifts, pt.log(share))


def class_phi(joint: Joint, kinds: Kinds, phi: Tensor) -> Tensor:
    """Individual parameters under every class, (class * subject, parameter), class by class.

    They differ between classes where subjects of a class do not differ; (subject, parameter) where
    there is nothing of the kind.
    """
    alike = joint.alike_in_a_class
    if not alike:
        return phi
    mask = np.isin(np.arange(len(joint.population.names)), alike).astype(float)
    return pt.concatenate([phi + mask * shift for shift in kinds.shifts], axis=0)


def sum_classes_out(
    joint: Joint, kinds: Kinds, own: tuple[Tensor, Tensor] | None, log_p: Tensor | None
) -> None:
    """Add to the model what classes change in each subject's density: the potential ``readings``.

    It is log sum_k P(k) N_k / N_1 L_k, with L_k the density of the readings (1 in the prior) and
    N_k that of the subject's own centred parameters, of which the model holds N_1 already.

    Parameters
    ----------
    joint : Joint
    kinds : Kinds
    own : (tensor (subject, centred), tensor (centred,))    deviations of centred parameters from
                                            what is expected of them in the first class; their SDs
    log_p : tensor (row,) or (class * row,) log densities of readings, from :func:`class_phi`
    """
    count, members = len(joint.subjects), len(kinds.shifts)
    weighed = pt.zeros((members, count)) + kinds.log_probability[:, None]
    if own is not None:
        deviation, omega = own
        first = len(joint.noncentred)
        moved = pt.stack([shift[first : first + len(joint.centred)] for shift in kinds.shifts])
        ratio = moved[:, None, :] * (2 * deviation - moved[:, None, :]) / (2 * omega**2)
        weighed += ratio.sum(axis=2)
    if log_p is not None:
        subject = joint.observations.subject
        copies = members if joint.alike_in_a_class else 1
        place = np.concatenate([subject + k * count for k in range(copies)])
        empty = pt.zeros(copies * count)
        total = pt.inc_subtensor(empty[pm.Data("row_place", place)], log_p)
        weighed += total.reshape((copies, count))
    # The largest is taken out, so that nothing underflows however many rows a subject has.
    top = weighed.max(axis=0)
    pm.Potential("readings", top + pt.log(pt.exp(weighed - top).sum(axis=0)), dims="subject")
