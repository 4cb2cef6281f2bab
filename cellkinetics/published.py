"""Whether a model reproduces the published numbers that its file lists."""

from dataclasses import dataclass

from cellkinetics.declare import Model
from cellkinetics.kernel.solve import solve


@dataclass(frozen=True)
class Reproduction:
    """One published number and what the model gives.

    Attributes
    ----------
    name, source : str
    published, computed, rtol : float
    passed : bool                   within ``rtol``
    """

    name: str
    published: float
    computed: float
    rtol: float
    passed: bool
    source: str


def reproduce(model: Model) -> list[Reproduction]:
    """Compute every published number of a model with its typical values.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of Reproduction            in the order of ``model.published``
    """
    found = []
    for entry in model.published:
        computed = float(entry.compute(solve, model))
        found.append(
            Reproduction(
                name=entry.name,
                published=entry.value,
                computed=computed,
                rtol=entry.rtol,
                # Written so that a NaN does not pass.
                passed=abs(computed - entry.value) <= entry.rtol * abs(entry.value),
                source=entry.source,
            )
        )
    return found
