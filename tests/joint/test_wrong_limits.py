"""The likelihood of two analytes by hand, from the tables; and one whose limits have leaked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from small_study import joined

from cellkinetics.fitting.draws import linked, pointwise_log_likelihood, predictions, take_draws
from cellkinetics.fitting.prior import prior_draws
from cellkinetics.joint import Joint, join

LLOQ = {"qpcr": 50.0, "flow": 0.5}


def by_graph(joint: Joint) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log likelihood (draw, row), with the predictions and error SDs that it rests on."""
    draws = take_draws(joint, prior_draws(joint, 5, np.random.default_rng(4)))
    pred = linked(joint, predictions(joint, draws.phi), draws.log_factor)
    sd = draws.error[:, [joint.observations.analytes[i].a for i in joint.observations.analyte]]
    return pointwise_log_likelihood(joint, draws, pred), pred, sd


def by_hand(joint: Joint, tables: pd.DataFrame, pred: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Normal on the log scale: density of a reading, distribution function at the row's limit."""
    rows = tables.set_index("line").loc[joint.observations.table["line"]]
    limit = rows["analyte"].map(LLOQ).to_numpy()
    value = rows["value"].to_numpy()
    below = rows["cens"].to_numpy() == 1
    read = stats.norm.logpdf(np.log(value), pred, sd) - np.log(value)
    return np.where(below, stats.norm.logcdf((np.log(limit) - pred) / sd), read)


def test_the_likelihood_is_the_one_written_by_hand(tmp_path: Path) -> None:
    joint = joined(tmp_path / "small")
    ours, pred, sd = by_graph(joint)
    assert {"qpcr", "flow"} == {a.name for a in joint.observations.analytes if a.below}
    np.testing.assert_allclose(ours, by_hand(joint, joint.study.samples, pred, sd), rtol=1e-9)


def test_a_limit_that_leaks_to_the_other_analyte_is_seen(tmp_path: Path) -> None:
    joint = joined(tmp_path / "small")
    for taker, giver in (("qpcr", "flow"), ("flow", "qpcr")):
        leaked = joint.study.samples.copy()
        rows = leaked["analyte"] == taker
        leaked.loc[rows, "lloq"] = LLOQ[giver]
        leaked.loc[rows & (leaked["cens"] == 1), "value"] = LLOQ[giver]
        wrong = join(replace(joint.study, samples=leaked), joint.model, joint.spec)
        theirs, pred, sd = by_graph(wrong)
        wanted = by_hand(wrong, joint.study.samples, pred, sd)
        assert not np.allclose(theirs, wanted, rtol=1e-9), f"{giver} to {taker}"
