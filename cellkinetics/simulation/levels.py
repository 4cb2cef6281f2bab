"""Dose levels: the same virtual patients under each of several doses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cellkinetics.errors import SpecError
from cellkinetics.simulation.asked import parse_doses, parse_number
from cellkinetics.simulation.run import Simulation

MOST_LEVELS = 50
_WANTED = (
    "wanted levels such as 1e6,3e6 or LOW:HIGH:N, N levels evenly spaced on a log scale, such as"
    " 1e6:1e7:4"
)


@dataclass(frozen=True)
class Level:
    """One group's doses.

    Attributes
    ----------
    dose : float                            total of its infusions, as it was asked
    unit : str                              of ``dose``
    infusions : tuple of (day, cells)
    """

    dose: float
    unit: str
    infusions: tuple[tuple[float, float], ...]


def parse_levels(
    texts: Sequence[str], *, flat: bool, weight: float | None
) -> tuple[tuple[Level, ...], list[str]]:
    """Read doses of which one may be several levels: ``1e6:1e7:4`` or ``1e6,3e6``.

    Parameters
    ----------
    texts : sequence of str         one an infusion; the others are the same in every group
    flat, weight                    as for :func:`cellkinetics.simulation.asked.parse_doses`

    Returns
    -------
    (tuple of Level, list of str)   one Level where no text has several; none where there is no
                                    text; and sentences on how the doses were read

    Raises
    ------
    SpecError                       a text of another form, a level twice, or several levels in
                                    two texts
    """
    if not texts:
        return (), parse_doses((), flat=flat, weight=weight)[1]
    several = [i for i, text in enumerate(texts) if _is_several(text)]
    if len(several) > 1:
        raise SpecError(
            f"--dose {texts[several[0]]} and --dose {texts[several[1]]}: wanted levels in one"
            " infusion only. Give the other one number, or simulate twice."
        )
    ladder = _expand(texts[several[0]]) if several else [""]
    levels: list[Level] = []
    notes: list[str] = []
    for amount in ladder:
        own = [amount if i in several else text for i, text in enumerate(texts)]
        infusions, said = parse_doses(own, flat=flat, weight=weight)
        # As asked: of somebody who weighs 1 kg, cells are cells/kg.
        asked, _ = parse_doses(own, flat=flat, weight=None if flat else 1.0)
        total = sum(amount_asked for _, amount_asked in asked)
        levels.append(Level(total, "cells" if flat else "cells/kg", tuple(infusions)))
        notes += [note for note in said if note not in notes]
    return tuple(levels), notes


def plan_levels(
    levels: Sequence[Level], plan: Callable[[list[tuple[float, float]] | None], Simulation]
) -> tuple[Simulation, ...]:
    """Plan one simulation a level: the same seed, so the same patients.

    Parameters
    ----------
    levels : sequence of Level      none: as the model is dosed by default
    plan : function                 infusions -> Simulation

    Returns
    -------
    tuple of Simulation             ``dose`` is set where there are several
    """
    if not levels:
        return (plan(None),)
    planned = [plan(list(level.infusions)) for level in levels]
    if len(levels) == 1:
        return tuple(planned)
    return tuple(
        replace(one, dose=level.dose, dose_unit=level.unit)
        for one, level in zip(planned, levels, strict=True)
    )


def _is_several(text: str) -> bool:
    amount = text.partition("@")[0]
    return ":" in amount or "," in amount


def _expand(text: str) -> list[str]:
    """Each level as a text of its own, with the unit and the day that stand behind them all."""
    amounts, sign, day = text.partition("@")
    bare = amounts.strip()
    unit = ""
    for ending in ("cells/kg", "/kg", "cells"):
        if bare.lower().endswith(ending):
            bare, unit = bare[: -len(ending)].strip(), ending
            break
    where = f"--dose {text}"
    numbers: list[float] = []
    for part in bare.split(","):
        found = [parse_number(n, where, _WANTED) for n in part.split(":")]
        if len(found) == 1:
            numbers += found
        elif len(found) == 3:
            low, high, count = found
            if not (0 < low < high < np.inf and count == int(count) and 2 <= count <= MOST_LEVELS):
                raise SpecError(
                    f"{where}: {_WANTED}; LOW above 0 and below HIGH, N from 2 to {MOST_LEVELS}."
                )
            numbers += np.geomspace(low, high, int(count)).tolist()
        else:
            raise SpecError(f"{where}: {_WANTED}.")
    again = {f"{n:.6g}" for n in numbers}
    if len(again) < len(numbers):
        raise SpecError(f"{where}: a level is there twice. {_WANTED.capitalize()}.")
    if len(numbers) > MOST_LEVELS:
        raise SpecError(f"{where}: {len(numbers)} levels; wanted {MOST_LEVELS} at most.")
    return [f"{float(f'{n:.6g}')!r}{unit}{sign}{day}" for n in sorted(numbers)]
