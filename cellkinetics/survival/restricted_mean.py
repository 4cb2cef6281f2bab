"""Restricted mean survival time: the area under the curve up to a day, and its standard error."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from cellkinetics.survival.data import SurvivalError
from cellkinetics.survival.kaplan_meier import KaplanMeier


@dataclass(frozen=True)
class RestrictedMean:
    """Mean of min(T, until), in days; ``note`` says if the day asked for was not reached."""

    mean: float
    std_error: float
    lower: float
    upper: float
    until: float
    note: str = ""


def restricted_mean(km: KaplanMeier, until: float | None = None) -> RestrictedMean:
    """Area under a Kaplan-Meier curve from 0 to ``until``.

    The standard error is that of the *estimate* (R's se(rmean)):
    Var = sum over event times t_j <= until of A_j^2 d_j / (n_j (n_j - d_j)), with A_j the area
    from t_j to ``until``. lifelines returns the variance of min(T, until) in its place.

    Parameters
    ----------
    km : KaplanMeier
    until : float, day            default, and at most, the longest follow-up, unless the curve has
                                  reached 0: a curve is not known past its last observation

    Returns
    -------
    RestrictedMean                interval: plain, at the curve's level; ``until`` is the day used

    Source
    ------
    Klein and Moeschberger 2003, equations 4.5.1 and 4.5.2.
    """
    if until is not None and not (until > 0 and np.isfinite(until)):
        raise SurvivalError(f"restricted mean until day {until}: wanted a day after 0.")
    curve = km.curve
    ended = float(curve["survival"].iloc[-1]) == 0
    note = ""
    wanted = km.last if until is None else float(until)
    if wanted > km.last and not ended:
        note = f"asked to day {wanted:g}; follow-up ends on day {km.last:g}"
        wanted = km.last
    time = curve["time"].to_numpy()
    inside = time <= wanted
    steps = np.diff(np.append(time[inside], wanted))
    pieces = steps * curve["survival"].to_numpy()[inside]
    area_after = np.cumsum(pieces[::-1])[::-1]
    at_risk = curve["at_risk"].to_numpy()[inside]
    events = curve["events"].to_numpy()[inside]
    # Where all at risk have the event the curve is 0 afterwards, and so is the area.
    some = (events > 0) & (at_risk > events)
    terms = area_after[some] ** 2 * events[some] / (at_risk * (at_risk - events))[some]
    mean, error = float(pieces.sum()), float(np.sqrt(terms.sum()))
    if error == 0:
        note = "; ".join(filter(None, (note, "no event before its end to estimate an error from")))
        error = float("nan")
    half = float(ndtri(0.5 + km.level / 2)) * error
    return RestrictedMean(
        mean, error, max(mean - half, 0.0), min(mean + half, wanted), wanted, note
    )
