"""One set of findings to one response, by the European LeukemiaNet's criteria of 2017 and 2022.

Source
------
ELN 2022: Döhner et al., Blood 2022;140:1345, Table 8. ELN 2017: Döhner et al., Blood 2017;129:424,
Table 6. What the tables leave open and how it is read here: ``READINGS``.
"""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.study.tables import RESPONSES

REMISSION = ("CR", "CRh", "CRi")
RESPONDERS = ("CR", "CRh", "CRi", "PR")  # MLFS is not a response in the registered endpoints
RANK = {name: place for place, name in enumerate(RESPONSES)}  # 0 is the best


@dataclass(frozen=True)
class Criteria:
    """One edition: whether it has CRh, and whether Auer rods exclude a remission."""

    name: str
    title: str
    crh: bool
    auer_rods: bool


CRITERIA = {
    "ELN2017": Criteria("ELN2017", "ELN 2017 (Blood 2017;129:424, Table 6)", False, True),
    "ELN2022": Criteria("ELN2022", "ELN 2022 (Blood 2022;140:1345, Table 8)", True, False),
}

# What the published tables leave open; printed with every answer.
READINGS = (
    "CRi: the tables say 'residual neutropenia or thrombocytopenia'; read as one of the two: with "
    "both counts short (and no CRh) it is MLFS.",
    "MLFS: a marrow below 10 % cellularity is aplastic and gives NE; spicules and 200 counted "
    "cells are not in the tables and taken as there. Blasts in blood exclude it in both editions.",
    "PR needs the counts of CR, no blasts in blood and no extramedullary disease (assumption: the "
    "tables say 'all hematologic criteria of CR').",
    "Platelets count as recovered only without a transfusion in the week before (assumption); "
    "where that is not recorded, none is taken to have been given.",
    "Auer rods and extramedullary disease that are not recorded are taken as absent.",
    "Without a marrow no response can be shown; blasts in blood or extramedullary disease are NR "
    "without it.",
    "Baseline is the last marrow on or before day 0.",
)


@dataclass(frozen=True)
class Signs:
    """What one assessment found; NaN or None where it is not known.

    Blasts and cellularity in %, counts in 10^9/L; ``baseline`` is the marrow before the infusion.
    """

    marrow: float = math.nan
    blood: float = math.nan
    cellularity: float = math.nan
    auer_rods: bool | None = None
    extramedullary: bool | None = None
    anc: float = math.nan
    platelets: float = math.nan
    transfused: bool | None = None
    baseline: float = math.nan


@dataclass(frozen=True)
class Derived:
    """``possible``: every response that the findings allow, the best first; what was missing."""

    possible: tuple[str, ...]
    missing: tuple[str, ...]
    reason: str

    @property
    def response(self) -> str | None:
        """The response, where the findings allow only one."""
        return self.possible[0] if len(self.possible) == 1 else None

    @property
    def at_least(self) -> str | None:
        """The least of the possible responses: what is certain."""
        return self.possible[-1] if self.possible else None


def criteria_named(name: str) -> Criteria:
    """Return one edition by its name.

    Raises
    ------
    SpecError                     a name that is not in ``CRITERIA``
    """
    if name not in CRITERIA:
        raise SpecError(f"criteria {name!r} are unknown. {did_you_mean(name, CRITERIA)}")
    return CRITERIA[name]


def respond(signs: Signs, rule: Criteria) -> str:
    """Give the response to complete findings (marrow, blood and counts known).

    Parameters
    ----------
    signs : Signs                 baseline is needed for PR only
    rule : Criteria

    Returns
    -------
    str                           CR, CRh, CRi, MLFS, PR, NR or NE
    """
    platelets = 0.0 if signs.transfused else signs.platelets
    disease = signs.blood > 0 or bool(signs.extramedullary)
    recovered = signs.anc >= 1.0 and platelets >= 100
    if signs.marrow < 5:
        if disease or (rule.auer_rods and signs.auer_rods):
            return "NR"
        if recovered:
            return "CR"
        if rule.crh and signs.anc >= 0.5 and platelets >= 50:
            return "CRh"
        if signs.anc >= 1.0 or platelets >= 100:
            return "CRi"
        return "NE" if signs.cellularity < 10 else "MLFS"
    halved = signs.marrow <= 0.5 * signs.baseline
    return "PR" if signs.marrow <= 25 and halved and recovered and not disease else "NR"


# Values on every side of every threshold, to stand for one that is missing.
_STAND_IN = {
    "blood": (0.0, 1.0),
    "anc": (0.0, 0.5, 1.0),
    "platelets": (0.0, 50.0, 100.0),
    "baseline": (0.0, math.inf),
}
_NAMES = {
    "blood": "blood_blasts_pct",
    "anc": "anc",
    "platelets": "platelets",
    "baseline": "baseline marrow_blasts_pct",
}


def derive(signs: Signs, rule: Criteria) -> Derived:
    """Give every response that the findings allow: one, if what is missing does not matter.

    Parameters
    ----------
    signs : Signs
    rule : Criteria

    Returns
    -------
    Derived                       nothing possible where there is no marrow and no sign of disease
    """
    if math.isnan(signs.marrow):
        if signs.blood > 0 or signs.extramedullary:
            return Derived(("NR",), (), f"{_seen(signs, rule)}; no marrow")
        return Derived((), ("marrow_blasts_pct",), "no marrow: not a response assessment")
    unknown = [name for name in _STAND_IN if math.isnan(getattr(signs, name))]
    if signs.transfused and "platelets" in unknown:
        unknown.remove("platelets")  # a transfused count would not matter
    found = set[str]()
    for values in itertools.product(*(_STAND_IN[name] for name in unknown)):
        filled = _filled(signs, unknown, values)
        found.add(respond(filled, rule))
    possible = tuple(sorted(found, key=RANK.__getitem__))
    if len(possible) == 1:
        return Derived(possible, (), _seen(signs, rule))
    matter = tuple(_NAMES[name] for name in unknown if _matters(name, signs, unknown, rule))
    seen = _seen(signs, rule)
    return Derived(
        possible,
        matter,
        f"{seen}; {' and '.join(matter)} missing: {' or '.join(possible)}",
    )


def _filled(signs: Signs, names: list[str], values: tuple[float, ...]) -> Signs:
    stand_in: dict[str, Any] = dict(zip(names, values, strict=True))
    return replace(signs, **stand_in)


def _matters(name: str, signs: Signs, unknown: list[str], rule: Criteria) -> bool:
    """Whether a missing value changes the response, whatever the other missing ones are."""
    others = [other for other in unknown if other != name]
    for values in itertools.product(*(_STAND_IN[other] for other in others)):
        rest = _filled(signs, others, values)
        if len({respond(_filled(rest, [name], (v,)), rule) for v in _STAND_IN[name]}) > 1:
            return True
    return False


def _seen(signs: Signs, rule: Criteria) -> str:
    """Say in a few words what was found."""
    parts = []
    if not math.isnan(signs.marrow):
        parts.append(f"marrow blasts {signs.marrow:g} %")
        if signs.marrow >= 5 and not math.isnan(signs.baseline):
            parts.append(f"baseline {signs.baseline:g} %")
    if not math.isnan(signs.blood):
        parts.append(f"blood blasts {signs.blood:g} %")
    if signs.extramedullary:
        parts.append("extramedullary disease")
    if signs.auer_rods and rule.auer_rods:
        parts.append("Auer rods")
    if not math.isnan(signs.anc):
        parts.append(f"neutrophils {signs.anc:g}")
    if not math.isnan(signs.platelets):
        parts.append(f"platelets {signs.platelets:g}{' transfused' if signs.transfused else ''}")
    if signs.cellularity < 10:
        parts.append(f"cellularity {signs.cellularity:g} %")
    return ", ".join(parts)
