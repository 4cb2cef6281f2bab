"""How far two assays of the same cells agree on exposure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, spearmanr

from cellkinetics.errors import SpecError
from cellkinetics.exposure.nca import NcaResult


def agreement(
    result: NcaResult, one: str, other: str, metrics: Sequence[str] = ("Cmax", "AUClast")
) -> pd.DataFrame:
    """Compare the metrics of two analytes, subject by subject, on the log scale.

    Parameters
    ----------
    result : NcaResult
    one, other : str              analytes, each with one specimen
    metrics : sequence of str

    Returns
    -------
    DataFrame                     metric, n (subjects with both), ratio (geometric mean of one /
                                  other), lower, upper (95 % limits of agreement of that ratio:
                                  1.96 SD of the logs to either side, Bland and Altman), spearman,
                                  pearson_log; NaN with fewer than three subjects, or without spread

    Raises
    ------
    SpecError                     an analyte that was not analysed, or that has several specimens
    """
    tables = [_of(result, name) for name in (one, other)]
    rows = []
    for metric in metrics:
        if metric not in result.metrics:
            raise SpecError(f"'{metric}' was not computed.")
        both = pd.concat([table[metric] for table in tables], axis=1, keys=("one", "other"))
        logs = np.log(both[(both > 0).all(axis=1)])
        apart = logs["one"] - logs["other"]
        enough = len(logs) > 2 and logs.std().min() > 0
        sd = apart.std(ddof=1) if len(logs) > 2 else np.nan
        rows.append(
            {
                "metric": metric,
                "n": len(logs),
                "ratio": np.exp(apart.mean()) if len(logs) else np.nan,
                "lower": np.exp(apart.mean() - 1.96 * sd),
                "upper": np.exp(apart.mean() + 1.96 * sd),
                "spearman": spearmanr(logs["one"], logs["other"]).statistic if enough else np.nan,
                "pearson_log": pearsonr(logs["one"], logs["other"]).statistic if enough else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _of(result: NcaResult, analyte: str) -> pd.DataFrame:
    mine = result.wide[result.wide["analyte"] == analyte]
    if mine["specimen"].nunique() != 1:
        raise SpecError(
            f"'{analyte}' has {mine['specimen'].nunique()} specimens in this analysis; wanted one."
        )
    return mine.set_index("subject")
