"""The log density of one reading given one prediction: all error models, all censoring kinds."""

from cellkinetics.density.codes import (
    COMBINED,
    INTERVAL,
    LEFT,
    LOGNORMAL,
    OBSERVED,
    RIGHT,
    STUDENT_T,
)
from cellkinetics.density.predictive import cdf, draw_readings
from cellkinetics.density.rows import log_densities, log_density

__all__ = [
    "COMBINED",
    "INTERVAL",
    "LEFT",
    "LOGNORMAL",
    "OBSERVED",
    "RIGHT",
    "STUDENT_T",
    "cdf",
    "draw_readings",
    "log_densities",
    "log_density",
]
