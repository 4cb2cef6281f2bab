"""Where a simulation leaves what its model, or any trial, was meant for."""

from collections.abc import Iterator, Sequence
from math import hypot

import numpy as np
import pandas as pd

from cellkinetics.declare import Model, Parameter
from cellkinetics.kernel.layout import Floats
from cellkinetics.population import to_phi
from cellkinetics.simulation.asked import WEIGHT
from cellkinetics.study.check_doses import HIGHEST, LOWEST

FAR = 4.0
"""SDs from a published value beyond which a typical value is far outside the published spread."""


class RangeWarning(UserWarning):
    """A simulation outside the range that the model states for itself."""


def outside(
    model: Model,
    times: Floats,
    dosing: Sequence[tuple[float, float]],
    typical: pd.DataFrame,
    weight: float | None,
    *,
    who: str = "typical",
) -> Iterator[str]:
    """Say which ranges a simulation leaves, each with the range.

    Parameters
    ----------
    model : Model
    times : float array (time,), day        increasing
    dosing : sequence of (day, cells)
    typical : DataFrame (class,)            class, and natural-scale values of the parameters: the
                                            typical patient of each class that is simulated
    weight : float, optional                kg; default: that of an adult
    who : str                               how ``typical`` is called
    """
    if times[-1] > model.horizon:
        yield (
            f"{model.name} is meant for days 0 to {model.horizon:g}; day {times[-1]:g} is outside"
            " that range"
        )
    total = sum(cells for _, cells in dosing)
    if dosing and model.doses is not None and not model.doses[0] <= total <= model.doses[1]:
        yield (
            f"{model.name} is meant for total doses of {model.doses[0]:.3g} to"
            f" {model.doses[1]:.3g} cells; {total:.4g} cells are outside that range"
        )
    kg = WEIGHT if weight is None else weight
    strange = [cells / kg for _, cells in dosing if cells and not LOWEST <= cells / kg <= HIGHEST]
    if strange:
        yield (
            f"a dose of {strange[0]:.3g} cells/kg (at {kg:g} kg) is outside {LOWEST:g} to"
            f" {HIGHEST:g} cells/kg, where doses of trials lie: is it cells, or cells/kg?"
        )
    late = [day for day, _ in dosing if day > times[-1]]
    if late:
        yield (
            f"the infusion on day {late[0]:g} comes after the last day that is simulated"
            f" ({times[-1]:g})"
        )
    for q in model.parameters:
        for row in typical[["class", q.name]].to_dict("records"):
            sentence = _far(model, q, str(row["class"]), float(row[q.name]), who)
            if sentence:
                yield sentence
                break


def _far(model: Model, q: Parameter, of_class: str, value: float, who: str) -> str:
    """A sentence on a typical value that is far from every published one; else empty.

    The spread is that between patients together with the uncertainty of the typical value, as in
    the prior of a fit.
    """
    own = next((c.typical for c in model.classes if c.name == of_class), {})
    published = [own.get(q.name, q.typical)]
    published += [e.values[q.name] for e in model.examples if q.name in e.values]
    if any(np.isclose(value, known, rtol=1e-9, atol=0) for known in published):
        return ""
    sd = hypot(q.omega or 0.0, q.rse or 0.0, model.tau)
    if q.scale == "identity":
        # A published value of 0 states no size that a share of it could be.
        distance = min(abs(value - known) / (sd * (abs(known) or 1.0)) for known in published)
    else:
        with np.errstate(divide="ignore"):  # an end of the scale is infinitely far
            at = [to_phi(np.array(x), q.scale, q.lower, q.upper) for x in (value, *published)]
        distance = min(float(abs(at[0] - known)) / sd for known in at[1:])
    if not distance > FAR:
        return ""
    unit = "" if q.unit == "1" else f" {q.unit}"
    far = f"{distance:.0f} SDs" if np.isfinite(distance) else "an end of its scale"
    return (
        f"the {who} {q.name} is {value:.4g}{unit}, far outside the published spread ({far} from"
        f" {published[0]:g}{unit}; an SD is {sd:.2g} on the {q.scale} scale)"
    )
