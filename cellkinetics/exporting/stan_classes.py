"""Classes of patients in a Stan program: no subject is assigned to one, classes are summed out.

The density of a subject is the sum over classes of the class's probability times the density of its
centred parameters and of its readings, as in :mod:`cellkinetics.joint.mixture`.
"""

from typing import Any

from cellkinetics.exporting.stan_code import comment
from cellkinetics.joint import Joint
from cellkinetics.population import Classes


def copies_of(joint: Joint) -> int:
    """How often the model is solved for a subject: once a class where that changes its curve."""
    classes = joint.population.classes
    return len(classes.names) if classes and joint.alike_in_a_class else 1


def class_data(joint: Joint, classes: Classes) -> dict[str, Any]:
    """What the data block asks of the classes."""
    estimated, names = list(classes.estimated), joint.population.names
    data: dict[str, Any] = {
        "own_class": [q.member + 1 for q in classes.own],
        "own_at": [names.index(q.typical.name) + 1 for q in classes.own],
        "own_estimated": [estimated.index(q) + 1 if q.typical.sd > 0 else 0 for q in classes.own],
        "own_fixed": [0.0 if q.typical.sd > 0 else q.typical.loc for q in classes.own],
        "class_mean": [q.typical.loc for q in estimated],
        "class_sd": [q.typical.sd for q in estimated],
        "class_alike": [float(i in joint.alike_in_a_class) for i in range(len(names))],
    }
    if classes.concentration:
        weight = [classes.concentration * p for p in classes.probability]
        return data | {"class_concentration": weight}
    return data | {"class_probability": list(classes.probability)}


def data_lines(joint: Joint, classes: Classes) -> list[str]:
    """Declarations of the data."""
    k, o, e = len(classes.names), len(classes.own), len(classes.estimated)
    p = len(joint.population.names)
    told = ", ".join(classes.names)
    probability = (
        f"vector<lower=0>[{k}] class_concentration;{comment(told)}"
        if classes.concentration
        else f"simplex[{k}] class_probability;{comment(told)}"
    )
    own = ", ".join(f"{q.typical.name}[{classes.names[q.member]}]" for q in classes.own)
    return [
        probability,
        f"array[{o}] int<lower=2, upper={k}> own_class;{comment(own)}",
        f"array[{o}] int<lower=1, upper={p}> own_at;",
        f"array[{o}] int<lower=0, upper={e}> own_estimated;",
        f"vector[{o}] own_fixed;",
        f"vector[{e}] class_mean;",
        f"vector<lower=0>[{e}] class_sd;",
        f"vector[{p}] class_alike;  // 1: differs between classes but not between their subjects",
    ]


def parameter_lines(classes: Classes) -> list[str]:
    """Declarations of what is sampled."""
    lines = [f"vector[{len(classes.estimated)}] class_typical;"] if classes.estimated else []
    if classes.concentration:
        lines.append(f"simplex[{len(classes.names)}] class_probability;")
    return lines


def shift_lines(classes: Classes) -> list[str]:
    """Typical parameters of each class less those of the first, from ``typical``."""
    value = (
        "own_estimated[o] > 0 ? class_typical[own_estimated[o]] : own_fixed[o]"
        if classes.estimated
        else "own_fixed[o]"
    )
    return [
        f"for (o in 1 : {len(classes.own)}) {{",
        f"  real value = {value};",
        "  class_shift[own_class[o]][own_at[o]] = value - typical[own_at[o]];",
        "}",
    ]


def density_lines(joint: Joint, classes: Classes, reading: str) -> list[str]:
    """Log of probability times density of each subject under each class."""
    n, m = len(joint.noncentred), len(joint.centred)
    k, several = len(classes.names), copies_of(joint) > 1
    lines = []
    if m:
        at = f"{n + 1} : {n + m}"
        lines = [
            "for (i in 1 : n_subjects)",
            f"  for (k in 1 : {k})",
            "    class_density[i][k] += normal_lpdf(phi_centred[i] | centre[i][" + at + "]",
            f"                             + class_shift[k][{at}], omega[{at}]);",
        ]
    return [
        "class_density = rep_array(log(class_probability), n_subjects);",
        *lines,
        "for (r in 1 : n_rows)",
        f"  for (k in 1 : {k})",
        f"    class_density[row_subject[r]][k] += {reading.replace('pred[r]', 'pred[k][r]')};"
        if several
        else f"    class_density[row_subject[r]][k] += {reading.replace('pred[r]', 'pred[1][r]')};",
    ]


def prior_lines(classes: Classes) -> list[str]:
    """Priors, and the sum over classes."""
    lines = ["class_typical ~ normal(class_mean, class_sd);"] if classes.estimated else []
    if classes.concentration:
        lines.append("class_probability ~ dirichlet(class_concentration);")
    return [
        *lines,
        "for (i in 1 : n_subjects)",
        "  target += log_sum_exp(class_density[i]);",
    ]


def generated_lines(classes: Classes) -> list[str]:
    """What each subject probably is."""
    return [
        f"array[n_subjects] vector[{len(classes.names)}] class_membership;"
        f"{comment(', '.join(classes.names))}",
        "for (i in 1 : n_subjects)",
        "  class_membership[i] = softmax(class_density[i]);",
    ]
