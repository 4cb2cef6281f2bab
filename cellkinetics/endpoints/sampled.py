"""Posteriors of the times to events by NUTS, beside quadrature and held against it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from cellkinetics.endpoints.checks import Check
from cellkinetics.errors import FitError
from cellkinetics.fitting.survival import sample_density
from cellkinetics.outcome.answer import Answer

SAMPLED = ("efs", "os", "dor", "rfs")
# Survival probabilities by NUTS and by quadrature: with the 400 effective draws that the sampler is
# held to, the error of a mean is below 0.05 of an SD; ends of intervals wander more.
_MEAN, _ENDS = 0.03, 0.08


def with_samples(
    answers: dict[str, Answer], compute: Callable[..., dict[str, Answer]], seed: int
) -> tuple[dict[str, Answer], list[Check]]:
    """Add the numbers of NUTS to those of quadrature.

    Parameters
    ----------
    answers : dict of Answer        with the numbers of quadrature
    compute : function              computes the times to events with a given ``sampler``
    seed : int

    Returns
    -------
    dict of Answer, list of Check   whether the sampler converged, and agrees with quadrature
    """
    try:
        sampled = compute(sampler=partial(sample_density, seed=seed))
    except FitError as error:
        return answers, [Check("NUTS has converged", False, str(error))]
    out, apart = dict(answers), list[str]()
    for name in SAMPLED:
        if name not in sampled:
            continue
        rows = sampled[name].numbers
        rows = rows[rows["method"].str.contains("NUTS")]
        apart += _apart(name, answers[name].numbers, rows)
        together = pd.concat([answers[name].numbers, rows], ignore_index=True)
        out[name] = replace(answers[name], numbers=together)
    return out, [
        Check("NUTS has converged", True),
        Check("NUTS agrees with quadrature", not apart, "; ".join(apart)),
    ]


def _apart(name: str, exact: pd.DataFrame, sampled: pd.DataFrame) -> list[str]:
    """Name the survival probabilities in which the two differ."""
    keys = ["quantity", "model"]
    both = _by_model(exact[exact["method"].str.contains("posterior")]).merge(
        _by_model(sampled), on=keys, suffixes=("", "_nuts")
    )
    both = both[both["quantity"].str.startswith("S(")]
    wrong = np.zeros(len(both), dtype=bool)
    for column, allowed in (("estimate", _MEAN), ("lower", _ENDS), ("upper", _ENDS)):
        wrong |= ((both[column] - both[f"{column}_nuts"]).abs() > allowed).to_numpy()
    return [
        f"{name} {row['model']} {row['quantity']}: {row['estimate']:.3f} and "
        f"{row['estimate_nuts']:.3f}"
        for row in both[wrong].to_dict("records")
    ]


def _by_model(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(model=rows["method"].str.split(" posterior").str[0])
