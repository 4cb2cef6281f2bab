"""Endpoints of a study that was read from CDISC data sets or a NONMEM-style file."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from cellkinetics.catalogue import find_study
from cellkinetics.endpoints import compute_endpoints, write_endpoints
from cellkinetics.study import read_study, write_nonmem

HERE = Path(__file__).resolve().parent


@pytest.fixture
def cdisc(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(HERE.parent / "cdisc"))
    from cdisc_files import write_folder

    return write_folder(tmp_path / "cdisc", {})


def test_times_that_the_study_states_are_held_against_ours(cdisc, tmp_path):
    found = compute_endpoints(read_study(cdisc))
    assert found.passed
    assert set(found.reported["endpoint"]) == {"EFS", "OS", "DOR"}
    assert found.reported["agrees"].all()
    write_endpoints(found, tmp_path / "out", figures=False)
    assert len(pd.read_csv(tmp_path / "out" / "reported.csv")) == len(found.reported) == 5
    assert "adtte.csv" in found.inputs


def test_a_nonmem_style_file_is_named_for_what_it_can_hold(tmp_path):
    (tmp_path / "pk.csv").write_text(
        "ID,TIME,AMT,EVID,DVID,DV,CENS,LLOQ\n1,0,1e6,1,.,.,0,.\n1,7,.,0,1,900,0,50\n"
    )
    study = read_study(
        tmp_path / "pk.csv", analytes={1: "qpcr"}, units={"qpcr": "copies/ug"}, dose_unit="cells"
    )
    assert study.sources == dict.fromkeys(
        ("subjects.csv", "infusions.csv", "samples.csv"), "pk.csv"
    )
    answers = compute_endpoints(study).answers
    assert "(events.csv)" in answers["efs"].definition  # a table that the user can add
    assert "in the order of pk.csv" in answers["safety"].definition


def test_a_stated_time_that_differs_is_listed(cdisc):
    file = cdisc / "adtte.csv"
    text = file.read_text()
    row = next(line for line in text.splitlines() if ",OS," in line and "1002" in line)
    cells = row.split(",")
    at = text.splitlines()[0].split(",").index("AVAL")
    cells[at] = str(float(cells[at]) - 40)
    file.write_text(text.replace(row, ",".join(cells)))
    found = compute_endpoints(read_study(cdisc))
    wrong = found.reported[~found.reported["agrees"].astype(bool)]
    assert wrong[["subject", "endpoint"]].to_numpy().tolist() == [["CART-01-1002", "OS"]]


def test_a_nonmem_file_gives_what_it_holds_and_says_what_it_lacks(tmp_path):
    shipped = read_study(find_study("aml5"))
    options = write_nonmem(shipped, tmp_path / "aml5.csv")
    found = compute_endpoints(read_study(tmp_path / "aml5.csv", **options))
    assert found.passed
    assert "there are no events" in found.answers["os"].numbers["note"].iloc[0]
    whole = compute_endpoints(shipped)
    columns = ["subject", "analyte", "Cmax", "Tmax", "AUC0-28d"]
    ours, theirs = (
        e.answers["exposure"].subjects[columns].set_index(["subject", "analyte"])
        for e in (found, whole)
    )
    early = ours.index[ours["Tmax"].notna()]
    pd.testing.assert_frame_equal(
        ours.loc[early, ["Cmax", "Tmax"]], theirs.loc[early, ["Cmax", "Tmax"]]
    )
    assert found.inputs.keys() == {"aml5.csv"}


def test_settings_that_lie_elsewhere_are_among_the_inputs(tmp_path):
    options = write_nonmem(read_study(find_study("aml5")), tmp_path / "aml5.csv")
    settings = tmp_path / "elsewhere" / "s.toml"
    settings.parent.mkdir()
    settings.write_text("horizon = 200\n")
    study = read_study(tmp_path / "aml5.csv", **{**options, "settings": settings})
    assert study.settings.horizon == 200
    found = compute_endpoints(study)
    assert found.inputs["s.toml"] == hashlib.sha256(settings.read_bytes()).hexdigest()
    assert found.inputs.keys() == {"aml5.csv", "s.toml"}
