"""Fits: sample a posterior, check it, keep it, read it back."""

from cellkinetics.fitting.run import FitResult, PriorView, build, fit, load_fit, priors

__all__ = ["FitResult", "PriorView", "build", "fit", "load_fit", "priors"]
