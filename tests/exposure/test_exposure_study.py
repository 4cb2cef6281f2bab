"""Exposure of a study folder: which readings count, who is listed, how it is summarised."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellkinetics import nca
from cellkinetics.errors import SpecError
from cellkinetics.exposure import agreement, metrics_of, persistence, summarise, write_nca
from cellkinetics.study import Study, read_study
from cellkinetics.survival.kaplan_meier import quantile

ROOT = Path(__file__).resolve().parents[2]
AML5 = ROOT / "fits" / "studies" / "aml5"

SETTINGS = 'name = "small"\nsimulated = true\ndose_unit = "cells/kg"\n'
SUBJECTS = """\
subject,arm
007,A
A-2,A
p3,B
p4,B
p5,
"""
INFUSIONS = """\
subject,time,cells
007,0,1e6
A-2,0,2e6
A-2,1,1e6
p3,0,1e6
p4,0,1e6
p5,0,1e6
"""
TREATMENTS = """\
subject,time,end,drug,dose,unit,kind
007,-5,-3,fludarabine,30,mg/m^2,lymphodepletion
007,8,8,Tocilizumab,8,mg/kg,tocilizumab
007,12,12,tocilizumab,8,mg/kg,tocilizumab
A-2,90,90,tocilizumab,8,mg/kg,tocilizumab
p3,-2,-2,tocilizumab,8,mg/kg,tocilizumab
p3,40,45,azacitidine,75,mg/m^2,cytotoxic
"""
SAMPLES = """\
subject,time,analyte,value,unit,cens,lloq,uloq,lower,lod,specimen
007,-3,qpcr,50,copies/ug,1,50,,,10,blood
007,0,qpcr,50,copies/ug,1,50,,,10,blood
007,4,qpcr,100,copies/ug,0,50,,,10,blood
007,7,qpcr,1600,copies/ug,0,50,,,10,blood
007,14,qpcr,800,copies/ug,0,50,,,10,blood
007,21,qpcr,400,copies/ug,0,50,,,10,blood
007,28,qpcr,200,copies/ug,0,50,,,10,blood
007,60,qpcr,50,copies/ug,1,50,,,10,blood
A-2,4,qpcr,200,copies/ug,0,50,,,10,blood
A-2,7,qpcr,3200,copies/ug,0,50,,,10,blood
A-2,14,qpcr,1600,copies/ug,0,50,,,10,blood
A-2,21,qpcr,800,copies/ug,0,50,,,10,blood
A-2,28,qpcr,400,copies/ug,0,50,,,10,blood
p3,7,qpcr,400,copies/ug,0,50,,,10,blood
p3,14,qpcr,200,copies/ug,0,50,,,10,blood
p3,60,qpcr,5000,copies/ug,0,50,,,10,blood
p4,7,qpcr,50,copies/ug,1,50,,,10,blood
p4,14,qpcr,10,copies/ug,1,50,,,10,blood
007,14,qpcr,70,copies/ug,0,50,,,10,marrow
007,7,flow,16,cells/uL,0,1,100,,,blood
A-2,7,flow,100,cells/uL,-1,1,100,,,blood
p3,7,flow,2,cells/uL,0,1,100,,,blood
007,7,wbc,500,cells/uL,0,,,,,blood
007,7,il6,30,pg/mL,0,,,,,blood
"""


def study(folder: Path, **edits: str) -> Study:
    files = {
        "study.toml": SETTINGS,
        "subjects.csv": SUBJECTS,
        "infusions.csv": INFUSIONS,
        "treatments.csv": TREATMENTS,
        "samples.csv": SAMPLES,
    }
    for name, text in {**files, **{k.replace("_", "."): v for k, v in edits.items()}}.items():
        (folder / name).write_text(text)
    return read_study(folder)


def cell(result: object, subject: str, metric: str, **where: str) -> dict[str, object]:
    long = result.long  # type: ignore[attr-defined]
    rows = long[(long["subject"] == subject) & (long["metric"] == metric)]
    for column, wanted in {"analyte": "qpcr", "specimen": "blood", **where}.items():
        rows = rows[rows[column] == wanted]
    assert len(rows) == 1
    return dict(rows.iloc[0])


def test_every_subject_is_listed_once_for_every_analyte_and_specimen(tmp_path: Path) -> None:
    result = nca(study(tmp_path))
    pairs = result.wide[["analyte", "specimen"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["qpcr", "blood"], ["qpcr", "marrow"], ["flow", "blood"]]
    assert len(result.wide) == 3 * 5
    assert len(result.long) == 3 * 5 * len(result.metrics)
    assert not result.long.duplicated(["subject", "analyte", "specimen", "metric"]).any()
    assert cell(result, "p5", "Cmax")["reason"] == "no reading from the infusion on"
    assert cell(result, "p4", "Cmax")["reason"].startswith("every reading is below")
    assert "No reading at all: p5." in result.notes


def test_specimens_are_never_mixed(tmp_path: Path) -> None:
    result = nca(study(tmp_path), analytes="qpcr")
    assert cell(result, "007", "Cmax")["value"] == 1600
    assert cell(result, "007", "Cmax", specimen="marrow")["value"] == 70


def test_the_study_gives_what_the_arrays_give(tmp_path: Path) -> None:
    result = nca(study(tmp_path), analytes=["qpcr"])
    want = metrics_of(
        [0, 4, 7, 14, 21, 28, 60],
        [0, 100, 1600, 800, 400, 200, 0],
        lloq=50,
        dose=1e6,
        unit="copies/ug",
        dose_unit="cells/kg",
    )
    got = result.long[(result.long["subject"] == "007") & (result.long["specimen"] == "blood")]
    pd.testing.assert_frame_equal(
        got[["metric", "value", "unit", "cdisc", "flag", "reason"]].reset_index(drop=True),
        want.drop(columns="profile"),
    )


def test_units_are_written_out(tmp_path: Path) -> None:
    result = nca(study(tmp_path))
    assert cell(result, "007", "AUC0-28d")["unit"] == "day*copies/ug"
    assert cell(result, "007", "Cmax_D", analyte="flow")["unit"] == "cells/uL/(cells/kg)"


def test_every_row_is_used_or_left_out_with_its_reason(tmp_path: Path) -> None:
    s = study(tmp_path)
    result = nca(s, cutoff=30.0)
    rows = s.samples[s.samples["analyte"].isin(["qpcr", "flow"])]
    lines = [*result.readings["line"], *result.left_out["line"]]
    assert sorted(lines) == sorted(rows["line"])
    reasons = result.left_out.set_index("line")["reason"]
    assert reasons[2] == "before the infusion"
    assert reasons[9] == "after the data cut"
    assert reasons[17] == "cytotoxic"
    assert "1 reading of qpcr left out: cytotoxic (p3)." in result.notes


def test_readings_after_other_therapy_can_be_kept(tmp_path: Path) -> None:
    s = study(tmp_path)
    assert cell(nca(s), "p3", "Cmax")["value"] == 400
    assert cell(nca(s, keep=["cytotoxic"]), "p3", "Cmax")["value"] == 5000
    assert cell(nca(s, keep=["cytotoxic"], cutoff=50), "p3", "Cmax")["value"] == 400
    assert cell(nca(s, keep=["cytotoxic"], cutoff=60), "p3", "Cmax")["value"] == 5000


def test_the_dose_of_several_infusions_is_their_sum(tmp_path: Path) -> None:
    result = nca(study(tmp_path))
    assert cell(result, "A-2", "Cmax_D")["value"] == pytest.approx(3200 / 3e6)
    assert any(note.startswith("Several infusions (A-2)") for note in result.notes)


def test_areas_around_a_treatment(tmp_path: Path) -> None:
    s = study(tmp_path)
    result = nca(s, around="tocilizumab", analytes="qpcr")
    before = cell(result, "007", "AUC_before_tocilizumab")["value"]
    after = cell(result, "007", "AUC_after_tocilizumab")["value"]
    assert before + after == pytest.approx(cell(result, "007", "AUClast")["value"])
    # Days 7 to 8 at a half-life of 7 days, from the first of the two.
    rise = 2 * 100 + 3 * 850
    assert before == pytest.approx(rise + 1600 * (1 - 2 ** (-1 / 7)) * 7 / math.log(2))
    for part in ("before", "after"):  # and not "not a finite number" besides
        reason = cell(result, "p3", f"AUC_{part}_tocilizumab")["reason"]
        assert reason == "the subject did not have the treatment"
    late = cell(result, "A-2", "AUC_after_tocilizumab")
    assert late["reason"] == "the treatment began after Tlast"
    assert cell(result, "A-2", "AUC_before_tocilizumab")["flag"] == "extrapolated"
    with pytest.raises(SpecError, match="Did you mean 'tocilizumab'"):
        nca(s, around="tocilizumap")


def test_analytes_by_default_count_cells_or_copies(tmp_path: Path) -> None:
    s = study(tmp_path)
    assert set(nca(s).wide["analyte"]) == {"qpcr", "flow"}
    assert set(nca(s, analytes="il6").wide["analyte"]) == {"il6"}
    with pytest.raises(SpecError, match=r"no samples of analyte 'qpc'.*Did you mean 'qpcr'"):
        nca(s, analytes="qpc")


def test_infusion_needs_a_duration(tmp_path: Path) -> None:
    s = study(tmp_path)
    with pytest.raises(SpecError, match="needs a"):
        nca(s, route="infusion")
    with pytest.raises(SpecError, match="other routes have none"):
        nca(s, duration=0.1)


# --------------------------------------------------------------------------- summaries


def test_summary_by_hand(tmp_path: Path) -> None:
    summary = summarise(nca(study(tmp_path), analytes="qpcr"))
    row = summary[(summary["metric"] == "Cmax") & (summary["specimen"] == "blood")].iloc[0]
    values = np.array([1600.0, 3200, 400])
    sd = np.log(values).std(ddof=1)
    assert (row["subjects"], row["n"]) == (5, 3)
    assert row["geo_mean"] == pytest.approx(values.prod() ** (1 / 3))
    assert row["geo_cv_pct"] == pytest.approx(100 * math.sqrt(math.exp(sd**2) - 1))
    assert (row["median"], row["min"], row["max"]) == (1600, 400, 3200)


def test_summary_by_group(tmp_path: Path) -> None:
    result = nca(study(tmp_path), analytes="qpcr")
    by_arm = summarise(result, by="arm")
    blood = by_arm[(by_arm["metric"] == "Cmax") & (by_arm["specimen"] == "blood")]
    assert blood.set_index("group")[["subjects", "n"]].to_numpy().tolist() == [[2, 2], [2, 1]]
    given = summarise(result, by={"007": "CR", "A-2": "PR"})
    assert set(given["group"]) == {"CR", "PR"}
    with pytest.raises(SpecError, match="Did you mean 'arm'"):
        summarise(result, by="arn")


def test_persistence_is_kaplan_meier(tmp_path: Path) -> None:
    result = nca(study(tmp_path), analytes="qpcr")
    km = persistence(result, "qpcr", "blood")
    assert km is not None
    # p3 is last read, quantifiable, on day 14; A-2 so on day 28; 007 was negative on day 60.
    assert (km.n, km.events) == (3, 1)
    by_time = km.curve.set_index("time")["survival"]
    assert by_time[14] == 1
    assert by_time[28] == pytest.approx(0.5)
    assert quantile(km).value == 28
    assert math.isnan(quantile(km).upper)
    # Of four, at one half from day 10 to day 30: the middle, as R's survfit says.
    ends = {"007": 10.0, "A-2": 10.0, "p3": 30.0, "p4": 30.0}
    long = result.long.copy()
    mine = (long["metric"] == "persistence") & (long["specimen"] == "blood")
    long.loc[mine, "value"] = long.loc[mine, "subject"].map(ends)
    long.loc[mine & long["value"].notna(), "flag"] = ""
    level = persistence(replace(result, long=long), "qpcr", "blood")
    assert level is not None
    assert quantile(level).value == 20
    assert persistence(result, "qpcr", "blood", pd.Series({"p4": True})) is None


def test_two_assays_compared(tmp_path: Path) -> None:
    s = study(
        tmp_path,
        samples_csv="\n".join(line for line in SAMPLES.splitlines() if "marrow" not in line) + "\n",
    )
    table = agreement(nca(s), "qpcr", "flow", metrics=["Cmax"])
    ratios = np.array([1600 / 16, 3200 / 100, 400 / 2])
    assert table.loc[0, "n"] == 3
    assert table.loc[0, "ratio"] == pytest.approx(ratios.prod() ** (1 / 3))
    sd = np.log(ratios).std(ddof=1)
    assert table.loc[0, "upper"] / table.loc[0, "ratio"] == pytest.approx(math.exp(1.96 * sd))
    assert table.loc[0, "spearman"] == 1
    (tmp_path / "b").mkdir()
    with pytest.raises(SpecError, match="2 specimens"):
        agreement(nca(study(tmp_path / "b")), "qpcr", "flow")


# --------------------------------------------------------------------------- files


def test_files_say_everything(tmp_path: Path) -> None:
    s = study(tmp_path)
    result = nca(s)
    out = tmp_path / "out"
    files = write_nca(result, out, by="arm")
    assert {f.name for f in files} >= {
        "exposure_subjects.csv",
        "exposure_summary.csv",
        "exposure_definitions.txt",
        "exposure_qpcr_blood.png",
        "exposure_qpcr_blood.svg",
        "exposure_flow_blood.png",
    }
    assert all(f.stat().st_size > 0 for f in files)
    back = pd.read_csv(out / "exposure_subjects.csv", dtype={"subject": str})
    assert list(back.columns) == list(result.long.columns)
    np.testing.assert_allclose(back["value"], result.long["value"], rtol=1e-6)
    text = (out / "exposure_definitions.txt").read_text()
    assert result.definition in text
    assert "AUClast: area to Tlast [AUCLST]" in text
    with pytest.raises(SpecError, match="is a file"):
        write_nca(result, out / "exposure_subjects.csv")


def test_the_shipped_study() -> None:
    result = nca(read_study(AML5))
    wide = result.wide.set_index(["analyte", "subject"])
    samples = read_study(AML5).samples
    for analyte in ("qpcr", "flow"):
        for subject in ("P01", "P02", "P03", "P04", "P05"):
            own = samples[(samples["subject"] == subject) & (samples["analyte"] == analyte)]
            assert wide.loc[(analyte, subject), "Cmax"] == own["value"].max()
    assert result.simulated
    assert cell(result, "P02", "persistence", specimen="peripheral blood")["flag"] == "censored"
