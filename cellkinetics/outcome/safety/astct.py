"""ASTCT grades of one set of signs.

Source
------
Lee et al., Biol Blood Marrow Transplant 2019;25:625, consensus grading of CRS and ICANS. Grade 5
is death; vital signs never show it.
"""

import math

FEVER = 38.0  # degrees Celsius

_OXYGEN = {"none": 0, "low_flow": 2, "high_flow": 3, "positive_pressure": 4}


def hypotension_grade(hypotension: bool | None, vasopressors: float) -> int | None:
    """Grade of hypotension: 2 without vasopressor, 3 with one, 4 with more; None if not known.

    Parameters
    ----------
    hypotension : bool or None
    vasopressors : float          in use, vasopressin not counted; NaN if not recorded
    """
    if vasopressors >= 1:
        return 3 if vasopressors == 1 else 4
    if hypotension is None:
        return None
    return 2 if hypotension else 0


def hypoxia_grade(oxygen: str | None) -> int | None:
    """Grade of hypoxia: 2 low flow, 3 high flow, 4 positive pressure; None if not known."""
    return None if oxygen is None else _OXYGEN[oxygen]


def crs_grade(
    temperature: float,
    hypotension: bool | None,
    vasopressors: float,
    oxygen: str | None,
    *,
    fever_waived: bool = False,
) -> int | None:
    """ASTCT grade of CRS at one time, 0 to 4.

    Parameters
    ----------
    temperature : float, degrees Celsius    NaN if not recorded
    hypotension, vasopressors, oxygen       as :func:`hypotension_grade`, :func:`hypoxia_grade`;
                                            what is not recorded adds nothing
    fever_waived : bool                     CRS had begun and tocilizumab or a corticosteroid was
                                            given: fever is no longer needed

    Returns
    -------
    int or None                             None where the temperature is needed and not recorded,
                                            or nothing is recorded
    """
    organs = [hypotension_grade(hypotension, vasopressors), hypoxia_grade(oxygen)]
    worst = max((g for g in organs if g is not None), default=None)
    if temperature >= FEVER:
        return max(1, worst or 0)
    if fever_waived:
        return worst if worst is not None or math.isnan(temperature) else 0
    return None if math.isnan(temperature) else 0


def icans_grade(ice_score: float) -> int | None:
    """ASTCT grade of ICANS by the ICE score alone, 0 to 3; None if not recorded.

    A score of 0 is grade 4 in a patient who cannot be roused, which the score does not tell;
    consciousness, seizures, motor findings and oedema may raise any grade.
    """
    if math.isnan(ice_score):
        return None
    if ice_score >= 10:
        return 0
    if ice_score >= 7:
        return 1
    return 2 if ice_score >= 3 else 3
