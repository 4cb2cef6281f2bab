"""What was asked of a simulation, as texts of the command line: values, days and doses."""

import math
from collections.abc import Sequence

import numpy as np

from cellkinetics.declare import Model
from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.kernel.layout import Floats

WEIGHT = 70.0
"""kg, of an adult; taken, and said, where a dose per kg comes without a weight."""

MOST_TIMES = 100_000


def parse_values(texts: Sequence[str], option: str = "--set") -> dict[str, float]:
    """Read ``["c_max=2e4"]`` as ``{"c_max": 20000.0}``.

    Raises
    ------
    SpecError                       a text of another form, no number, or a name given twice
    """
    out: dict[str, float] = {}
    for name, value in parse_pairs(texts, option).items():
        out[name] = parse_number(value, f"{option} {name}={value}")
    return out


def parse_pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read ``["sex=F"]`` as ``{"sex": "F"}``; errors as in :func:`parse_values`."""
    out: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise SpecError(f"{option} {text}: wanted NAME=VALUE, such as {option} c_max=2e4.")
        if name in out:
            raise SpecError(f"{option} gives '{name}' twice. Leave one out.")
        out[name] = value
    return out


def parse_readings(texts: Sequence[str]) -> dict[str, float | None]:
    """Read ``["transgene=50"]`` as ``{"transgene": 50.0}``; without a limit as None.

    Raises
    ------
    SpecError                       as in :func:`parse_values`
    """
    out: dict[str, float | None] = {}
    for text in texts:
        name, sign, limit = (part.strip() for part in text.partition("="))
        if not name or name in out:
            raise SpecError(f"--read {text}: wanted each observable once, with a limit or without.")
        where = f"--read {text}"
        out[name] = parse_number(limit, where, "wanted OBSERVABLE=LLOQ") if sign else None
    return out


def parse_limits(model: Model, texts: Sequence[str]) -> dict[str, float]:
    """Read ``["car_t=0.5"]``: limits of quantification of a model's observables.

    Raises
    ------
    SpecError                       as in :func:`parse_values`; no such observable; not above 0
    """
    limits = parse_values(texts, "--lloq")
    names = [q.name for q in model.observables]
    for name, limit in limits.items():
        if name not in names:
            raise SpecError(
                f"--lloq {name}: not one of the observables of {model.name}."
                f" {did_you_mean(name, names)}"
            )
        if not 0 < limit < math.inf:
            raise SpecError(f"--lloq {name}={limit:g}: wanted a limit above 0.")
    return limits


def parse_times(text: str) -> Floats:
    """Read days: ``"0,7,28"``, ``"0:28:1"`` (from, to, step; both ends), or both, by commas.

    Returns
    -------
    float array (time,), day        increasing, each once

    Raises
    ------
    SpecError                       a text of another form, or more times than anyone looks at
    """
    wanted = "wanted days such as 0,7,28 or FROM:TO:STEP such as 0:28:1"
    days: list[float] = []
    for part in text.split(","):
        numbers = [parse_number(n, f"--times {text}", wanted) for n in part.split(":")]
        if len(numbers) == 1:
            days += numbers
        elif len(numbers) == 3 and numbers[2] > 0 and numbers[1] >= numbers[0]:
            first, last, step = numbers
            count = math.floor((last - first) / step * (1 + 1e-12) + 1e-9) + 1
            if count > MOST_TIMES:
                raise SpecError(f"--times {text}: {count} times; wanted {MOST_TIMES} at most.")
            days += [first + i * step for i in range(count)]
            if last - days[-1] > 1e-9 * step:
                days.append(last)
        else:
            raise SpecError(f"--times {text}: {wanted}.")
    return np.unique(days)


def parse_doses(
    texts: Sequence[str], *, flat: bool, weight: float | None
) -> tuple[list[tuple[float, float]], list[str]]:
    """Read doses such as ``1e6/kg``, ``1e6`` (per kg unless ``flat``) or ``3e7@1`` (on day 1).

    Parameters
    ----------
    texts : sequence of str
    flat : bool                     numbers without ``/kg`` are cells, not cells/kg
    weight : float, optional        kg

    Returns
    -------
    (list of (day, cells), list of str)     infusions, and sentences on how they were read

    Raises
    ------
    SpecError                       a text of another form; ``/kg`` together with ``flat``
    """
    if weight is not None and not 0 < weight < 1000:
        raise SpecError(f"--weight {weight:g}: wanted a body weight in kg, such as 70.")
    infusions, notes = [], []
    assumed = False
    for text in texts:
        where = f"--dose {text}"
        wanted = "wanted cells/kg such as 1e6 or 1e6/kg, with --flat cells such as 1e8, and the"
        wanted += " day behind an @ if it is not 0: 3e7@1"
        amount, sign, day = (part.strip() for part in text.partition("@"))
        when = parse_number(day, where, wanted) if sign else 0.0
        per_kg = amount.lower().replace("cells", "").replace(" ", "").endswith("/kg")
        if per_kg and flat:
            raise SpecError(f"{where}: a dose per kg and --flat contradict each other.")
        amount = amount.lower().replace("cells", "").replace("/kg", "").strip()
        number = parse_number(amount, where, wanted)
        if not number >= 0 or not when >= 0:
            raise SpecError(f"{where}: {wanted}.")
        if flat:
            infusions.append((when, number))
            continue
        kg = WEIGHT if weight is None else weight
        assumed = assumed or weight is None
        infusions.append((when, number * kg))
        notes.append(f"day {when:g}: {number:g} cells/kg x {kg:g} kg = {number * kg:.4g} cells")
    if assumed:
        notes.append(f"a weight of {WEIGHT:g} kg was assumed: give --weight, or total cells --flat")
    if flat and weight is not None:
        notes.append("--weight does not change a --flat dose")
    return infusions, notes


def parse_number(text: str, where: str, wanted: str = "wanted a number") -> float:
    """A number from a text; ``where`` and ``wanted`` are said of one that is none."""
    try:
        number = float(text)
    except ValueError:
        raise SpecError(f"{where}: {wanted}.") from None
    if math.isnan(number):
        raise SpecError(f"{where}: {wanted}; nan is none.")
    return number
