"""Patients of several classes: no subject is assigned to one, classes are summed out.

The density of a subject's readings is the sum over classes of the class's probability times the
product of its readings' densities under the class. A class differs from the first in typical values
alone: individual parameters of all classes share the subject's deviations.
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
    shifts : list                   what each class adds to phi of the first, (parameter,) or None
    log_probability : tensor (class,)
    """

    shifts: list[Tensor | None]
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
    """Random variables of the classes, and what they add to phi; None for one kind of patients.

    Parameters
    ----------
    joint : Joint
    mu : tensor (parameter,)        typical phi of the first class, in the kernel's order
    """
    classes = joint.population.classes
    if classes is None:
        return None
    prior = [q.typical for q in classes.estimated]
    own = None
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
    shifts: list[Tensor | None] = [None]
    for member in range(1, len(classes.names)):
        shift = pt.zeros(len(names))
        for q in classes.own:
            if q.member != member:
                continue
            at = names.index(q.typical.name)
            value = q.typical.loc
            if own is not None and q.typical.sd > 0:
                value = own[classes.estimated.index(q)]
            shift = shift + np.eye(len(names))[at] * (value - mu[at])
        shifts.append(shift)
    return Kinds(shifts, pt.log(share))


def sum_classes_out(joint: Joint, kinds: Kinds, log_p: Tensor) -> None:
    """Add each subject's log density to the model, as the potential ``readings`` (subject,).

    Parameters
    ----------
    joint : Joint
    kinds : Kinds
    log_p : tensor (class * row,)   log densities of all rows, class by class
    """
    subject, count = joint.observations.subject, len(joint.subjects)
    members = len(kinds.shifts)
    place = np.concatenate([subject + k * count for k in range(members)])
    empty = pt.zeros(members * count)
    total = pt.inc_subtensor(empty[pm.Data("row_place", place)], log_p).reshape((members, count))
    weighed = total + kinds.log_probability[:, None]
    # The largest is taken out, so that nothing underflows however many rows a subject has.
    top = weighed.max(axis=0)
    pm.Potential("readings", top + pt.log(pt.exp(weighed - top).sum(axis=0)), dims="subject")
