"""From a study and a model to the flat rows of a likelihood."""

from cellkinetics.observation.link import CELL_DNA_UG, LinkChoice, choose_link
from cellkinetics.observation.readings import (
    Analyte,
    Calibration,
    ErrorParameter,
    Observations,
    observe_study,
)
from cellkinetics.observation.subjects import covariate_table, dosing_of, kernel_constants

__all__ = [
    "CELL_DNA_UG",
    "Analyte",
    "Calibration",
    "ErrorParameter",
    "LinkChoice",
    "Observations",
    "choose_link",
    "covariate_table",
    "dosing_of",
    "kernel_constants",
    "observe_study",
]
