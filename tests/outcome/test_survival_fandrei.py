"""PFS and OS of the 34 patients of Fandrei et al. 2024, where their table is at hand."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from cellkinetics.outcome.survival.compare import Covariate, compare
from cellkinetics.survival.data import SurvivalError
from cellkinetics.survival.kaplan_meier import kaplan_meier, quantile

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data"))
FILE = DATA / "fandrei2024_idecel" / "patients.csv"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILE.is_file(), reason=f"{FILE} is absent: the data are not shipped"),
]
ENDPOINTS = [("pfs_days", "pfs_event"), ("os_days", "death")]


@pytest.fixture
def patients():
    return pd.read_csv(FILE).set_index("id")


@pytest.mark.parametrize(("time", "event"), ENDPOINTS)
def test_curves_against_lifelines(patients, time, event):
    km = kaplan_meier(patients[time], patients[event])
    theirs = KaplanMeierFitter().fit(patients[time], patients[event])
    assert (km.n, km.events) == (34, patients[event].sum())
    at = km.curve["time"]
    assert km.curve["survival"].to_numpy() == pytest.approx(
        theirs.survival_function_at_times(at).to_numpy()
    )
    median, wanted = quantile(km).value, theirs.median_survival_time_
    assert median == wanted or (np.isnan(median) and np.isinf(wanted))


def test_pfs_is_never_longer_than_os(patients):
    assert (patients["pfs_days"] <= patients["os_days"]).all()


def test_response_at_day_30_needs_its_landmark(patients):
    subjects = pd.DataFrame(
        {
            "subject": patients.index,
            "start": 0.0,
            "time": patients["pfs_days"].astype(float),
            "event": patients["pfs_event"].astype("Int64"),
            "reason": None,
        }
    )
    good = patients["30_day_response"].isin(["CR", "sCR", "VGPR", "PR"]).astype(float)
    covariate = Covariate("30_day_response", good, known=30)
    with pytest.raises(SurvivalError, match="immortal time"):
        compare(subjects, covariate)
    found = compare(subjects, covariate, landmark=30)
    kept = patients["pfs_days"] > 30
    assert len(found.left_out) == (~kept).sum() > 0
    assert sum(km.n for km in found.curves.values()) == kept.sum()
