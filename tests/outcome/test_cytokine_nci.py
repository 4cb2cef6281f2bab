"""The NCI CD22 script: its limits on made-up readings, and the real tables where they are."""

import argparse
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellkinetics.errors import StudyError
from cellkinetics.outcome.cytokine import cytokine
from cellkinetics.study import check_study, read_study

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data"))
FILE = ROOT / "fits" / "nci-cd22" / "prepare.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(FILE))


def rows_of(courses: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"subject": s, "time": float(t), "value": v}
            for s, values in courses.items()
            for t, v in enumerate(values)
        ]
    )


def levels(script, courses):
    found = script["inferred_limits"](rows_of(courses))
    return {row["level"]: row["side"] for row in found.to_dict("records")}


NOISE = [1.01, 1.52, 2.03, 2.54, 3.05, 3.56, 4.07, 4.58, 5.09, 6.1, 7.11, 8.12, 9.13]


def test_runs_at_the_bottom_are_floors_and_at_the_top_caps(script):
    courses = {
        "1": [0.5, 0.5, 0.5, 3.3, 40.0, 40.0, 12.0, 0.5],
        "2": [0.6, 2.2, 0.6, 0.6, 0.6],
        "3": [11.0, 40.0, 23.0],
        "4": NOISE * 3,
    }
    assert levels(script, courses) == {0.5: "floor", 0.6: "floor", 40.0: "cap"}


def test_a_floor_of_a_plate_that_reads_high_is_no_cap(script):
    courses = {"1": [2.9, 2.9, 4.5, 2.9, 2.9, 2.9], "2": [0.3, 0.3, 0.3, 0.3, 1.1], "3": NOISE}
    assert levels(script, courses) == {0.3: "floor", 2.9: "floor"}


def test_readings_that_agree_by_chance_are_no_limits(script):
    courses = {"1": [1.0, 2.0, 2.0, 3.0], "2": [2.0, 5.0, 3.0, 6.0], "3": [3.0, 7.0, 2.0]}
    assert levels(script, {**courses, "4": NOISE * 3}) == {}
    # The last reading of one patient and the first of the next are no pair.
    assert levels(script, {"1": [9.0, 2.0], "2": [2.0, 9.0], "3": [2.0], "4": [2.0, 1.0]}) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("il6=0.4:1472", ("il6", (0.4, 1472))),
        ("ifng=:2800", ("ifng", (np.nan, 2800))),
        ("il4=0.1:", ("il4", (0.1, np.nan))),
    ],
)
def test_limits_on_the_command_line(script, text, expected):
    name, pair = script["limit"](text)
    assert name == expected[0]
    np.testing.assert_array_equal(pair, expected[1])


@pytest.mark.parametrize("text", ["il6", "il6=5", "il6=9:2", "il6=a:b", "il6=0:5", "il6=-1:5"])
def test_limits_that_are_none_are_refused(script, text):
    with pytest.raises(argparse.ArgumentTypeError, match="wanted ANALYTE=LO:HI"):
        script["limit"](text)


def source(folder: Path, cytokines: list[str]) -> Path:
    folder.mkdir()
    (folder / "cytokines_daily.csv").write_text(
        "id,day,analyte,value_pg_per_mL,value_num\n" + "\n".join(cytokines) + "\n"
    )
    (folder / "car_expansion_flow.csv").write_text(
        "id,nominal_day,actual_day,car_pct_of_T,car_abs_cells_per_uL\n"
        "1,0,-1,0,0\n1,14,13,50,12.5\n2,14,14,1,\n2,28,27,1,0.25\n"
    )
    (folder / "crp_ferritin_ldh.csv").write_text(
        "id,nominal_day,actual_day,marker,value\n"
        "1,0,0.2,CRP_mg_per_L,4\n1,7,7,LDH_U_per_L,Hemolyzed\n2,7,7,ferritin_ug_per_L,900\n"
    )
    (folder / "patients.csv").write_text(
        "id,HLH,CRS_max_grade_Lee,CRS_max_grade_ASTCT,CRS_onset_day,CR,dose_level,prior_HCT,"
        "tocilizumab,steroids,anakinra\n1,0,1,1,8,1,1,0,0,0,0\n2,1,2,2,9,0,2,1,1,,0\n"
    )
    return folder


CYTOKINES = [
    f"{s},{d},IL-6,{v},{v}"
    for s in (1, 2)
    for d, v in enumerate([0.5, 0.5, 9.1 + s, 700, 700, 30 + s, 0.5])
]


def test_study_of_made_up_files(script, tmp_path):
    ledger = script["prepare"](source(tmp_path / "in", CYTOKINES), tmp_path / "out", given={})
    samples = pd.read_csv(tmp_path / "out" / "samples.csv", dtype={"subject": str})
    il6 = samples[(samples["analyte"] == "il6") & (samples["subject"] == "1")]
    assert il6["cens"].tolist() == [1, 1, 0, -1, -1, 0, 1]
    assert il6["value"].tolist() == [0.5, 0.5, 10.1, 700, 700, 31, 0.5]
    flow = samples[samples["analyte"] == "flow"]
    assert flow[["value", "cens"]].values.tolist() == [[0.25, 1], [12.5, 0], [0.25, 0]]
    assert ledger.count("left out") == 2
    assert "il6: floors 0.5, cens 1" in str(ledger)
    assert [f for f in check_study(tmp_path / "out") if f.severity == "error"] == []


def test_given_limits_replace_the_inferred_ones(script, tmp_path):
    folder = source(tmp_path / "in", CYTOKINES)
    ledger = script["prepare"](folder, tmp_path / "out", given={"il6": (10.5, np.nan)})
    samples = pd.read_csv(tmp_path / "out" / "samples.csv")
    il6 = samples[(samples["analyte"] == "il6") & (samples["subject"] == 1)]
    assert il6["cens"].tolist() == [1, 1, 1, 0, 0, 0, 1]
    assert il6["value"].tolist() == [10.5, 10.5, 10.5, 700, 700, 31, 10.5]
    assert "il6: at or below the floor 10.5" in str(ledger)
    assert "given for il6" in (tmp_path / "out" / "study.toml").read_text()
    none = script["prepare"](folder, tmp_path / "none", given={}, infer=False)
    assert "il6" not in str(none)


def test_unknown_names_are_refused(script, tmp_path):
    folder = source(tmp_path / "in", [*CYTOKINES, "1,7,IL-66,3,3"])
    with pytest.raises(StudyError, match=r"line 16, analyte: got 'IL-66'.*Did you mean 'IL-6'"):
        script["prepare"](folder, tmp_path / "out", given={})
    with pytest.raises(StudyError, match=r"--limit IL6: Known: .*il6"):
        script["prepare"](folder, tmp_path / "out", given={"IL6": (1.0, 2.0)})


# --------------------------------------------------------------------------------- real data


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = DATA / "nci_cd22"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: the public data are not shipped")
    out = tmp_path_factory.mktemp("nci") / "study"
    done = subprocess.run(
        [sys.executable, FILE, "--source", folder, "--out", out],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return read_study(out), done.stdout


@pytest.mark.shared
def test_real_limits_are_printed(real):
    study, printed = real
    for line in (
        "39 rows  ifng: caps 2761, 2800, 2860, 2900, 2921, cens -1",
        "24 rows  il6: caps 1472, 1502, 1530, cens -1",
        "36 rows  il8: caps 1148, 1198, 1232, 1252, cens -1",
        "9 rows  il18: caps 5001, cens -1",
        "802 rows  il4: floors 0.1, 0.11, 0.12, 0.122, 0.13, 0.14, 0.15, cens 1",
    ):
        assert line in printed
    il6 = study.samples.query("analyte == 'il6' and cens != 0")
    assert (il6["value"] != 12215.23).all()
    assert len(study.subjects) == 59


@pytest.mark.shared
def test_real_cytokines(real):
    study, _ = real
    answer = cytokine(study)
    counts = answer.more["limits"].set_index("analyte")
    assert counts["readings"].sum() == 12346
    assert (counts["below"].sum(), counts["above"].sum()) == (4246, 108)
    assert len(answer.subjects) == 14 * 59
    visits = answer.more["visits"].set_index(["analyte", "visit"])
    # Without limits the mean of logs is close to the paired one: IL-10, nothing censored.
    changes = answer.more["changes"].query("analyte == 'il10' and visit == 10")
    paired = np.log(changes["fold_lower"])
    got = visits.loc[("il10", 10)]
    assert np.log(got["fold"]) == pytest.approx(paired.mean(), abs=0.03)
    assert got["se_log"] == pytest.approx(paired.sem(), rel=0.05)
    # Where most baselines are below a floor no mean is given, and its reason is.
    assert (
        "57 of 59 readings at the baseline lie beyond their limits"
        in visits.loc[("il4", 10), "why"]
    )
    assert np.isnan(visits.loc[("il4", 10), "fold"])
    # The cap hides how far interferon rose on day 10: the model looks beyond it.
    capped = study.samples.assign(cens=0.0, lloq=np.nan)
    object.__setattr__(study, "samples", capped)
    as_read = cytokine(study, analytes=["ifng"]).more["visits"].set_index("visit")
    assert visits.loc[("ifng", 10), "fold"] > 1.05 * as_read.loc[10, "fold"]
