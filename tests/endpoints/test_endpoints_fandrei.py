"""The endpoints of a real study whose authors state each patient's PFS and OS."""

import pandas as pd
import pytest
from fandrei_times import FEWEST, SOURCE, TABLE, found, times_table, written

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def endpoints():
    if not SOURCE.is_dir():
        pytest.skip(f"{SOURCE} is absent: the public data are not shipped")
    return found()


@pytest.fixture(scope="module")
def stated():
    if not SOURCE.is_dir():
        pytest.skip(f"{SOURCE} is absent: the public data are not shipped")
    return pd.read_csv(SOURCE / "patients.csv").set_index("id")


def test_every_patients_pfs_is_the_one_stated(endpoints, stated):
    ours = endpoints.answers["efs"].subjects.set_index("subject").loc[stated.index]
    assert ours["time"].tolist() == stated["pfs_days"].clip(upper=365).tolist()
    happened = (stated["pfs_event"] == 1) & (stated["pfs_days"] <= 365)
    assert ours["event"].astype(int).tolist() == happened.astype(int).tolist()


def test_os_is_the_one_stated_but_for_samples_after_the_last_contact(endpoints, stated):
    ours = endpoints.answers["os"].subjects.set_index("subject").loc[stated.index]
    differ = ours["time"] != stated["os_days"].clip(upper=365)
    # Two were sampled after the last contact that is stated: they were alive then.
    assert differ.sum() == 2
    assert (ours.loc[differ, "time"] > stated.loc[differ, "os_days"]).all()
    assert ours.loc[differ, "why"].str.contains("last row of samples").all()
    happened = (stated["death"] == 1) & (stated["os_days"] <= 365)
    assert ours["event"].astype(int).tolist() == happened.astype(int).tolist()


def test_the_table_is_what_the_data_give(endpoints):
    assert written(times_table(endpoints)) == TABLE.read_text()


def test_nothing_is_claimed_that_the_tables_do_not_hold(endpoints):
    assert endpoints.passed
    for part in ("response", "mrd", "dor", "rfs"):
        assert endpoints.answers[part].numbers["method"].tolist() == ["not computed"]
    safety = endpoints.answers["safety"].numbers
    known = set(safety.loc[safety["estimate"].notna(), "quantity"])
    assert known == {"death", "death by day 30"}


def test_what_the_table_says():
    table = pd.read_csv(TABLE)
    groups = table[table["endpoint"] == "exposure"].set_index(["quantity", "group"])["estimate"]
    for metric in ("qpcr Cmax", "qpcr AUC0-28d", "flow AUC0-28d"):
        late, early = (groups[metric, g] for g in ("event-free on day 180", "event before day 180"))
        assert late > early, metric
    assert table["n"].min() >= FEWEST
