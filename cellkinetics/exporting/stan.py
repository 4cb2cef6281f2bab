"""A whole fit as a Stan program: model, readings with their limits, population, priors.

The same posterior as our ``pm.Model``, with the same parameters and parameterisation, so that log
densities and gradients agree on Stan's unconstrained scale.
"""

from cellkinetics.exporting.stan_blocks import (
    data_block,
    generated_block,
    model_block,
    parameters_block,
    transformed_block,
)
from cellkinetics.exporting.stan_code import comment
from cellkinetics.exporting.stan_model import model_functions
from cellkinetics.exporting.stan_text import DENSITY
from cellkinetics.joint import Joint


def stan_program(joint: Joint) -> str:
    """The Stan program of a fit.

    Parameters
    ----------
    joint : Joint

    Returns
    -------
    str                             the program; its data are those of ``standata_block(joint)``

    Raises
    ------
    ModelError                      a name or an operation that Stan does not have
    """
    blocks = (
        ("functions", _functions(joint)),
        ("data", data_block(joint)),
        ("parameters", parameters_block(joint)),
        ("transformed parameters", transformed_block(joint)),
        ("model", model_block(joint)),
        ("generated quantities", generated_block(joint)),
    )
    head = "".join(f"{comment(line).strip()}\n" for line in _about(joint))
    return head + "".join(f"{name} {{\n{text.strip(chr(10))}\n}}\n" for name, text in blocks)


def _about(joint: Joint) -> list[str]:
    simulated = " (SIMULATED data)" if joint.study.simulated else ""
    return [
        f"{joint.study.name}{simulated} with {joint.model.name}: {joint.model.title}",
        f"Source of the model: {joint.model.source}",
        *(
            f"{q.name} ({q.unit}) reads {q.observable}: {q.spec.error} error;"
            f" {q.limits.rstrip('.')}; {q.link}; {q.rows} rows"
            for q in joint.observations.analytes
        ),
        *(
            f"Prior of {q.name}, {q.scale} scale: Normal({q.loc:.6g}, {q.sd:.6g}); {q.origin}"
            for q in joint.estimated
        ),
        "Written by cellkinetics; the numbers are in the data file beside this program.",
    ]


def _functions(joint: Joint) -> str:
    own = model_functions(
        joint.model,
        joint.population.names,
        joint.kernel.constants,
        closed=joint.kernel.closed,
    )
    return "\n".join([own, DENSITY.strip("\n")])
