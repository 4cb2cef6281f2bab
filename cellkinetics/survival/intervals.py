"""Pointwise confidence intervals of a probability from its standard error on the log scale."""

from typing import Literal, get_args

import numpy as np
from scipy.special import ndtri

from cellkinetics.errors import did_you_mean
from cellkinetics.survival.data import Floats, SurvivalError, level_checked

ConfType = Literal["log-log", "log", "plain"]


def interval(
    probability: Floats, log_error: Floats, conf_type: ConfType, level: float
) -> tuple[Floats, Floats]:
    """Interval of a survival probability.

    Parameters
    ----------
    probability : array
    log_error : array             standard error of log(probability)
    conf_type : "log-log", "log" or "plain"      scale on which the error is taken as normal
    level : float

    Returns
    -------
    lower, upper : arrays         NaN where the scale has no interval: log-log at 0 and 1,
                                  log at 0; within [0, 1] everywhere

    Raises
    ------
    SurvivalError                 if ``conf_type`` or ``level`` is none

    Source
    ------
    Kalbfleisch and Prentice 2002, section 1.4; R's survfit has the same three.
    """
    if conf_type not in get_args(ConfType):
        raise SurvivalError(
            f"conf_type {conf_type!r}. {did_you_mean(str(conf_type), get_args(ConfType))}"
        )
    z = float(ndtri(0.5 + level_checked(level) / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        if conf_type == "plain":
            half = z * np.where(probability > 0, log_error * probability, np.nan)
            lower, upper = probability - half, probability + half
        elif conf_type == "log":
            inside = np.where(probability > 0, probability, np.nan)
            factor = np.exp(z * log_error)
            lower, upper = inside / factor, inside * factor
        else:
            inside = np.where((probability > 0) & (probability < 1), probability, np.nan)
            power = np.exp(z * log_error / -np.log(inside))
            lower, upper = inside**power, inside ** (1 / power)
    return np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)
