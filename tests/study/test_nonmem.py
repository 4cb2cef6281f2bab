"""NONMEM-style files, in and out."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import GOOD, TELL
from study_files import write_study

from cellkinetics.errors import StudyError
from cellkinetics.study import check_study, classify, read_study, write_nonmem


@pytest.fixture
def read(tmp_path):
    def read_text(text, **options):
        (tmp_path / "one.csv").write_text(text)
        return read_study(tmp_path / "one.csv", **options)

    return read_text


def test_doses_observations_and_settings(read):
    study = read(GOOD, **TELL)
    assert (study.name, study.simulated) == ("one", False)
    assert study.infusions[["subject", "time", "cells", "line"]].values.tolist() == [
        ["1", 0, 1.5e6, 2]
    ]
    assert study.samples["value"].tolist() == [1200, 9800]
    assert study.samples["line"].tolist() == [3, 4]
    assert set(study.samples["unit"]) == {"copies/ug"}
    assert study.settings.dose_unit == "cells/kg"


def test_limits_as_monolix_writes_them(read):
    study = read(
        "ID,TIME,DV,CENS,LIMIT\n1,1,50,1,.\n1,2,50,1,10\n1,3,700,0,50\n1,4,9e5,-1,.\n1,5,50,1,-Inf\n",
        analytes={1: "qpcr"},
        units={"qpcr": "copies/ug"},
    )
    out = classify(study.samples, error_family="lognormal")
    assert out["kind"].tolist() == [1, 3, 0, 2, 1]
    assert out["lower"].tolist() == [-np.inf, 10, 700, 9e5, -np.inf]
    assert study.samples["lloq"].tolist()[2] == 50  # what M2 needs
    assert classify(study.samples[2:3], method="M2", error_family="lognormal")["floor"].item() == 50


def test_limits_as_blq_and_lloq(read):
    study = read(
        "ID,TIME,DV,BLQ,LLOQ\n1,1,.,1,50\n1,2,0,1,50\n1,3,700,0,50\n",
        analytes={1: "qpcr"},
        units={"qpcr": "copies/ug"},
    )
    out = classify(study.samples, error_family="lognormal")
    assert out["kind"].tolist() == [1, 1, 0]
    assert out["upper"].tolist() == [50, 50, 700]


def test_evid_101_is_a_dose(read):
    study = read(GOOD.replace("e6,1,1", "e6,101,1"), **TELL)
    assert study.infusions["cells"].tolist() == [1.5e6]


def test_a_file_without_evid(read):
    study = read(
        "ID,TIME,AMT,DV\n1,0,1.5e6,.\n1,7,.,1200\n1,8,0,1300\n",
        analytes={1: "qpcr"},
        units={"qpcr": "copies/ug"},
        dose_unit="cells",
    )
    assert len(study.infusions) == 1
    assert study.samples["value"].tolist() == [1200, 1300]


def test_dvid_tells_analytes_apart_and_by_overrules_it(read):
    text = "ID,TIME,DV,DVID,CMT,KIND\n1,1,900,1,2,5\n1,1,4,2,2,6\n1,2,7,3,2,7\n"
    units = {"qpcr": "copies/ug", "flow": "cells/uL"}
    study = read(text, analytes={1: "qpcr", 2: "flow", 3: None}, units=units)
    assert study.samples["analyte"].tolist() == ["qpcr", "flow"]
    assert [f.came for f in study.findings if f.code == "rows-left-out"] == [
        "1 row with DVID 3, which stands for no analyte"
    ]
    study = read(text, analytes={5: "qpcr", 6: "flow", 7: None}, units=units, by="KIND")
    assert study.samples["analyte"].tolist() == ["qpcr", "flow"]


def test_covariates_that_stay_and_that_change(read):
    study = read(
        "ID,TIME,DV,WT,SEX,WBC,VISIT\n"
        "01,1,900,70,F,1.5,a\n01,2,950,70,F,2.5,b\n01,2,960,70,F,2.5,c\n02,1,800,.,M,0.5,a\n",
        analytes={1: "qpcr"},
        units={"qpcr": "copies/ug", "wbc": "10^9/L"},
        covariates={"WT": "weight_kg", "WBC": "wbc", "VISIT": None},
    )
    assert list(study.subjects["subject"]) == ["01", "02"]
    assert study.subjects["weight_kg"].tolist()[0] == 70
    assert np.isnan(study.subjects["weight_kg"].tolist()[1])
    assert study.covariates == ("SEX",)
    white = study.samples[study.samples["analyte"] == "wbc"]
    assert white[["subject", "time", "value"]].values.tolist() == [
        ["01", 1, 1.5],
        ["01", 2, 2.5],
        ["02", 1, 0.5],
    ]


def test_comment_rows_are_counted(read):
    study = read(
        "C,ID,TIME,DV\nC,1,0,5\n.,1,1,900\n", analytes={1: "qpcr"}, units={"qpcr": "copies/ug"}
    )
    assert len(study.samples) == 1
    assert "1 row with C in column C" in [f.came for f in study.findings]


def test_hours_become_days(read):
    study = read(GOOD.replace("1,7,", "1,168,").replace("1,14,", "1,336,"), **TELL, time_unit="h")
    assert study.samples["time"].tolist() == [7, 14]


def test_header_in_lower_case_and_with_a_hash(read):
    study = read(GOOD.replace("ID,TIME,AMT", "#id,Time,amt"), **TELL)
    assert len(study.samples) == 2


def test_errors_name_the_file_and_its_own_columns(read):
    with pytest.raises(StudyError) as error:
        read(GOOD.replace(",1200,", ",<50,"), **TELL)
    assert str(error.value) == (
        "one.csv: 1 error in the study.\n"
        "  one.csv, line 3 (subject 1), DV: got '<50'; wanted a number with a decimal point and no "
        "thousands separator. Write value=50, cens=1."
    )


@pytest.mark.parametrize("ids", [("007", "P02"), ("3", "1")])
def test_written_and_read_back(tmp_path, ids):
    from study_files import FILES

    names = ("subjects.csv", "infusions.csv", "samples.csv")
    edits = dict.fromkeys(n for n in FILES if n.endswith(".csv"))
    edits |= {n: FILES[n].replace("007", ids[0]).replace("P02", ids[1]) for n in names}
    study = read_study(write_study(tmp_path / "two", edits))
    options = write_nonmem(study, tmp_path / "two.csv")
    again = read_study(tmp_path / "two.csv", **options)
    key = ["subject", "analyte", "time"]
    for name, sort in (
        ("samples", key),
        ("infusions", ["subject", "time"]),
        ("subjects", ["subject"]),
    ):
        lost = [c for c in ("line", "specimen", "vcn", "transduction_pct", "data_cut", "sex", "age")
                if c in study.table(name)]  # fmt: skip
        mine = study.table(name).drop(columns=lost).sort_values(sort, ignore_index=True)
        theirs = again.table(name).drop(columns=[c for c in lost if c in again.table(name)])
        if name == "samples":
            mine["cens"] = mine["cens"].fillna(0)
        pd.testing.assert_frame_equal(mine, theirs.sort_values(sort, ignore_index=True))
    assert again.subjects.set_index("subject")["sex"].to_dict() == {ids[0]: "F", ids[1]: "M"}
    assert again.settings.units == {**study.settings.units, **options["units"]}
    header = (tmp_path / "two.csv").read_text().splitlines()[0]
    assert header.startswith("ID,SUBJECT,TIME,AMT,EVID,CMT,DVID,DV,MDV,CENS,LIMIT,LLOQ,ULOQ,LOD")


def test_a_written_file_puts_the_sample_before_the_dose(tmp_path):
    study = read_study(write_study(tmp_path / "two", {}))
    write_nonmem(study, tmp_path / "two.csv")
    rows = pd.read_csv(tmp_path / "two.csv")
    assert rows["EVID"].tolist()[:3] == [0, 1, 0]
    assert rows["TIME"].tolist()[:3] == [0, 0, 7]


@pytest.mark.shared
def test_theophylline():
    folder = Path(
        os.environ.get("CELLKINETICS_DATA", Path(__file__).parents[3] / "shared" / "data")
    )
    file = folder / "poppk" / "theo_sd.csv"
    if not file.exists():
        pytest.skip(f"{file} is absent; set CELLKINETICS_DATA")
    options = {
        "analytes": {2: "theophylline"},
        "units": {"theophylline": "mg/L"},
        "dose_unit": "mg",
        "covariates": {"WT": "weight_kg"},
    }
    assert {f.code for f in check_study(file, **options)} == {"zero-without-limit", "evid-101"}
    study = read_study(file, **options, zeros_as_read=["theophylline"])
    assert len(study.subjects) == 12
    assert len(study.samples) == 132
    assert study.infusions["cells"].round(3).tolist()[:2] == [319.992, 318.56]
    assert study.subjects["weight_kg"].tolist()[0] == 79.6
    rows = classify(study.samples, error_family="combined", zeros_as_read=["theophylline"])
    assert (rows["kind"] == 0).all()
