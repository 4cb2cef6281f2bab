"""How much, how long: metrics of a concentration curve, from samples or from a posterior.

A metric is declared once (:data:`METRICS`) and measured on readings of a study (:func:`nca`), on
arrays (:func:`metrics_of`) and on the trajectories of a fit (:func:`metrics_of_posterior`).
"""

from cellkinetics.exposure.agreement import agreement
from cellkinetics.exposure.arrays import metrics_of
from cellkinetics.exposure.metric import Metric
from cellkinetics.exposure.nca import NcaResult, nca
from cellkinetics.exposure.posterior import PosteriorMetrics, metrics_of_posterior
from cellkinetics.exposure.registry import METRICS, glossary
from cellkinetics.exposure.rules import (
    WINDOWS,
    Rules,
    describe_rules,
    make_rules,
    parse_blq,
    parse_windows,
)
from cellkinetics.exposure.summary import persistence, summarise
from cellkinetics.exposure.write import write_nca

__all__ = [
    "METRICS",
    "WINDOWS",
    "Metric",
    "NcaResult",
    "PosteriorMetrics",
    "Rules",
    "agreement",
    "describe_rules",
    "glossary",
    "make_rules",
    "metrics_of",
    "metrics_of_posterior",
    "nca",
    "parse_blq",
    "parse_windows",
    "persistence",
    "summarise",
    "write_nca",
]
