"""Typical values, between-subject variability and covariates, each with its prior and origin.

Plain functions and numbers; the random variables are made in :mod:`cellkinetics.joint`.
"""

from cellkinetics.population.classes import Classes, ClassTypical
from cellkinetics.population.effects import Effect
from cellkinetics.population.make import Population, make_population
from cellkinetics.population.priors import Omega, Typical
from cellkinetics.population.scales import to_natural, to_phi

__all__ = [
    "ClassTypical",
    "Classes",
    "Effect",
    "Omega",
    "Population",
    "Typical",
    "make_population",
    "to_natural",
    "to_phi",
]
