"""Corners of CDISC data that a first reading gets wrong."""

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from cdisc_files import FILES, write_folder, write_xpt_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellkinetics.cdisc import adtte_table
from cellkinetics.outcome.answer import Answer, numbers
from cellkinetics.study import check_study, read_study

A, B = "CART-01-1001", "CART-01-1002"


def codes(folder) -> list[str]:
    return [f.code for f in check_study(folder)]


def test_an_imputation_beside_its_original_says_that_it_was_below(tmp_path):
    """As admiral writes it, without AVALC or BLQFL: the original is empty, the HALFLLOQ follows."""
    head, *lines = FILES["adpc.csv"].splitlines()
    rows = "\n".join([
        f"CART-01,{A},CARQPCR,P,BLOOD,13,168,h,Day 1,,,copies/ug,50,,,2",
        f"CART-01,{A},CARQPCR,P,BLOOD,13,168,h,Day 1,25,,copies/ug,50,,HALFLLOQ,2",
    ])  # fmt: skip
    study = read_study(write_folder(tmp_path, {"adpc.csv": f"{head}\n{rows}\n{lines[7]}\n"}))
    row = study.samples[study.samples["subject"] == A].iloc[0]
    assert (row["value"], row["cens"], row["lloq"]) == (50, 1, 50)
    assert len(study.samples.query("analyte == 'carqpcr'")) == 2
    assert "missing-read-as-below" not in {f.code for f in study.findings}


def test_a_progression_in_adrs_before_that_of_adtte_is_told_and_not_counted(tmp_path):
    edits = {"adrs.csv": ("2024-05-31,61,PD", "2024-05-20,50,PD")}
    folder = write_folder(tmp_path, edits)
    events = read_study(folder).events.query("subject == @B")
    assert events[["time", "event"]].to_numpy().tolist() == [[60, "progression"], [150, "death"]]
    (found,) = [str(f) for f in check_study(folder) if f.code == "event-days-differ"]
    assert found.startswith("adrs.csv, line 7 (subject CART-01-1002): got progression on day 49")


def test_progression_comes_from_adrs_where_adtte_has_none(tmp_path):
    events = read_study(write_folder(tmp_path, {"adtte.csv": None})).events
    assert events[["subject", "time", "event"]].to_numpy().tolist() == [
        [A, 364, "last_contact"],
        [B, 60, "progression"],
        [B, 150, "death"],
    ]


def test_study_days_before_the_first_are_written_without_a_0():
    table = pd.DataFrame({"subject": ["1"], "start": [-2.0], "time": [5.0], "event": [1]})
    out, _ = adtte_table([Answer("x", "X", "", table, numbers([]))], study="S")
    assert out[["STARTDY", "ADY", "AVAL"]].to_numpy().tolist() == [[-2, 4, 6]]


@pytest.mark.parametrize("version", [5, 8])
def test_date_times_of_sas_are_seconds(tmp_path, version):
    """TRTSDTM alone, as a SAS date-time: 1001 is infused five days later."""
    folder = write_xpt_folder(tmp_path / "xpt", write_folder(tmp_path / "csv", {}))
    frame, _ = pyreadstat.read_xport(str(folder / "adsl.xpt"), disable_datetime_conversion=True)
    frame["TRTSDTM"] = frame.pop("TRTSDT") * 86400 + 3 * 3600
    pyreadstat.write_xport(frame, str(folder / "adsl.xpt"), file_format_version=version)
    plain = read_study(tmp_path / "csv")
    study = read_study(folder)
    assert study.events["time"].tolist() == plain.events["time"].tolist()
    assert study.subjects["data_cut"].tolist() == plain.subjects["data_cut"].tolist()


def test_a_latin_1_transport_file(tmp_path):
    text = FILES["adae.csv"].replace("Nausea,Nausea", "Nausée,Nausée")
    folder = write_xpt_folder(tmp_path / "xpt", write_folder(tmp_path / "csv", {"adae.csv": text}))
    path = folder / "adae.xpt"
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xe9 "))
    (found,) = [f for f in check_study(folder) if f.code == "not-utf8"]
    assert found.cure == 'Write encoding = "latin-1" into cdisc.toml.'
    (folder / "cdisc.toml").write_text('encoding = "latin-1"\n')
    assert any(term.startswith("Naus\xe9") for term in read_study(folder).toxicities["term"])


def test_dose_records_of_adpc_are_no_samples(tmp_path):
    """admiral's ADPC keeps the dose as PARAMCD DOSE, without EVID."""
    dose = f"CART-01,{B},DOSE,Dose,,1,0,h,Day 1,160,,10^6 cells,,,,\n"
    study = read_study(
        write_folder(tmp_path, {"adpc.csv": FILES["adpc.csv"] + dose, "ex.csv": None})
    )
    assert "dose" not in study.analytes
    assert study.infusions[["subject", "time", "cells"]].to_numpy().tolist() == [[B, 0, 160e6]]


def test_without_dates_the_first_treatment_is_the_infusion(tmp_path):
    """Study days alone, no TRTSDT and no EX: day 1 is the infusion."""
    adsl = f"USUBJID\n{A}\n{B}\n"
    rows = "".join(f"{A},IL6,{day},{day + 9},pg/mL\n" for day in (-3, 1, 8))
    lab = f"USUBJID,PARAMCD,ADY,AVAL,AVALU\n{rows}"
    only = dict.fromkeys(FILES) | {"adsl.csv": adsl, "adlb.csv": lab}
    study = read_study(write_folder(tmp_path, only))
    assert study.samples["time"].tolist() == [-3, 0, 7]


def test_several_files_of_one_data_set_are_read_where_the_options_name_them(tmp_path):
    head, *lines = FILES["adlb.csv"].splitlines()
    chem, cyto = lines[6:], lines[:6]
    edits = {
        "adlb.csv": None,
        "adlbh.csv": "\n".join([head, *chem]),
        "adcyt.csv": "\n".join([head, *cyto]),
        "cdisc.toml": 'files.ADLB = ["adcyt.csv", "adlbh.csv"]\n',
    }
    folder = write_folder(tmp_path / "b", edits)
    plain = read_study(write_folder(tmp_path / "a", {}))
    study = read_study(folder)
    assert "extra-file" not in codes(folder)
    columns = ["subject", "time", "analyte", "value"]
    pd.testing.assert_frame_equal(study.samples[columns], plain.samples[columns])
    pd.testing.assert_frame_equal(
        study.assessments.drop(columns="line"), plain.assessments.drop(columns="line")
    )


def test_one_analyte_has_one_unit_in_all_data_sets(tmp_path):
    row = f"CART-01,{A},IL6,IL6,,41,840,h,Day 1,0.5,,ng/mL,,,,9\n"
    study = read_study(write_folder(tmp_path, {"adpc.csv": FILES["adpc.csv"] + row}))
    il6 = study.samples.query("analyte == 'il6'")
    assert len(set(il6["unit"])) == 1
    assert il6.query("time == 35")["value"].iloc[0] / il6.query("time == 7")["value"].iloc[0] == (
        pytest.approx(500 / 410)
    )


def test_mrd_below_its_limit(tmp_path):
    rows = (
        f"CART-01,{A},MRDPCT,MRD (%),2024-04-03,34,,<0.01,%,LAST,,Y,9\n"
        f"CART-01,{B},MRDPCT,MRD (%),2024-04-29,29,2.5,2.5,%,LAST,,Y,9\n"
        f"CART-01,{A},BMBLAST,Blasts (%),2024-04-03,34,1,1,%,LAST,,Y,10\n"
    )
    study = read_study(write_folder(tmp_path, {"adlb.csv": FILES["adlb.csv"] + rows}))
    first = study.assessments.iloc[0]
    assert (first["mrd_value"], first["mrd_lod"], first["marrow_blasts_pct"]) == (0, 0.01, 1)
    assert (first["response"], first["mrd_status"]) == ("CR", "negative")
    assert study.assessments.iloc[1]["mrd_value"] == 2.5
    assert "mrdpct" not in study.analytes


def test_medications_are_treatments(tmp_path):
    text = (
        "USUBJID,CMDECOD,ASTDY,AENDY,CMDOSE,CMDOSU\n"
        f"{A},TOCILIZUMAB,12,12,8,mg/kg\n{B},DEXAMETHASONE,10,14,10,mg\n"
    )
    study = read_study(write_folder(tmp_path, {"adcm.csv": text}))
    got = study.treatments.query("drug != 'fludarabine'")
    assert got[["subject", "time", "end", "drug", "dose"]].to_numpy().tolist() == [
        [A, 6, 6, "tocilizumab", 8],
        [B, 9, 13, "dexamethasone", 10],
    ]


def test_a_dose_that_was_not_given_is_left_out(tmp_path):
    text = FILES["ex.csv"].replace("EXENDY\n", "EXENDY,EXOCCUR\n")
    text = (
        text.replace(",1,1\n", ",1,1,N\n")
        .replace(",6,6\n", ",6,6,Y\n")
        .replace(",1,3\n", ",1,3,\n")
    )
    folder = write_folder(tmp_path, {"ex.csv": text})
    assert read_study(folder).infusions["subject"].tolist() == [A]
    assert codes(folder).count("rows-left-out") == 1


def test_the_cells_can_be_named_where_their_unit_does_not_tell(tmp_path):
    toml = '[doses]\ntreatments = ["anti-CLL1 CAR-T"]\nunit = "10^6 cells"\n'
    edits = {"ex.csv": (",10^6 CELLS,", ",,"), "cdisc.toml": toml}
    study = read_study(write_folder(tmp_path, edits))
    assert study.infusions["cells"].tolist() == [93.75e6, 160e6]
    assert study.treatments["drug"].tolist() == ["fludarabine"]


def test_doses_per_kg(tmp_path):
    text = FILES["ex.csv"].replace("93.75,10^6 CELLS", "1.5,10^6 CELLS/KG")
    study = read_study(
        write_folder(tmp_path, {"ex.csv": text.replace("160,10^6 CELLS", "2,10^6 CELLS/KG")})
    )
    assert study.settings.dose_unit == "cells/kg"
    assert study.infusions["cells"].tolist() == [1.5e6, 2e6]


def test_a_weight_in_pounds(tmp_path):
    text = FILES["adsl.csv"].replace("DCUTDT", "WEIGHTBLU").replace(",2025-06-30", ",LB")
    study = read_study(write_folder(tmp_path, {"adsl.csv": text.replace("62.5,", "137.8,")}))
    assert study.subjects["weight_kg"].iloc[0] == pytest.approx(62.505, abs=0.001)


def test_adsl_alone_is_a_study_and_an_empty_data_set_is_fine(tmp_path):
    only = dict.fromkeys(FILES) | {"adsl.csv": FILES["adsl.csv"]}
    head = {name: text.splitlines()[0] + "\n" for name, text in FILES.items()} | {
        "adsl.csv": FILES["adsl.csv"]
    }
    for i, edits in enumerate((only, head)):
        study = read_study(write_folder(tmp_path / str(i), edits))
        assert study.subjects["subject"].tolist() == [A, B]
        assert study.samples.empty
        assert study.reported.empty


def test_a_transport_file_without_records(tmp_path):
    folder = write_xpt_folder(tmp_path / "xpt", write_folder(tmp_path / "csv", {}))
    frame, _ = pyreadstat.read_xport(str(folder / "adpc.xpt"))
    pyreadstat.write_xport(frame.iloc[:0], str(folder / "adpc.xpt"), file_format_version=5)
    assert "carqpcr" not in read_study(folder).analytes


def test_reading_twice_gives_the_same(tmp_path):
    folder = write_folder(tmp_path, {})
    assert [str(f) for f in check_study(folder)] == [str(f) for f in check_study(folder)]
    one, two = read_study(folder), read_study(folder)
    assert np.array_equal(one.samples["value"], two.samples["value"])


def test_the_unit_of_elapsed_time_shows_in_the_names_of_the_visits(tmp_path):
    """Neither AFRLTU nor ADY: "Day 14" at AFRLT 336 says hours; without it there is no telling."""
    text = FILES["adpc.csv"].replace(",ADY,", ",AVISITN,").replace(",h,", ",,")
    named = text.replace(",ATPTREF,", ",AVISIT,")
    for hours, day in (("168", 7), ("336", 14), ("672", 28)):
        named = named.replace(f",{hours},,Day 1,", f",{hours},,Day {day},")
    edits = {"adpc.csv": named}
    study = read_study(write_folder(tmp_path / "a", edits))
    assert study.samples.query("analyte == 'carqpcr'")["time"].round(3).tolist() == [
        -0.042, 7, 14, 28, 7, 14, 28,
    ]  # fmt: skip
    assert "time-unit-missing" in codes(write_folder(tmp_path / "b", {"adpc.csv": text}))


def test_elapsed_times_without_a_unit_are_one_error(tmp_path):
    """Of doses and samples alike; each record was said to have no day besides."""
    text = (
        "USUBJID,EVID,PARAMCD,AFRLT,AVAL,AVALU,ALLOQ,AMT,DOSEU\n"
        f"{A},1,DOSE,0,,,,9e7,cells\n{A},0,CARQPCR,168,1200,copies/ug,50,,\n"
        f"{A},0,CARQPCR,,1200,copies/ug,50,,\n"
    )
    edits = {"adpc.csv": None, "ex.csv": None, "adppk.csv": text}
    found = [f for f in check_study(write_folder(tmp_path, edits)) if f.file == "adppk.csv"]
    assert [f.code for f in found if f.severity == "error"] == ["time-unit-missing"]
    assert [f.line for f in found if f.code == "day-missing"] == [4]  # this one has no time at all


def test_a_slip_in_an_id_is_answered_with_the_one_meant(tmp_path):
    folder = write_folder(tmp_path, {"adae.csv": (f"{A},CRS", "CART-01-01001,CRS")})
    (found,) = [f for f in check_study(folder) if f.code == "unknown-subject"]
    assert (found.file, found.line, found.column) == ("adae.csv", 2, "USUBJID")
    assert found.cure == "Add the subject to ADSL, or correct USUBJID."
    (tmp_path / "adae.csv").write_text(FILES["adae.csv"].replace(f"{A},CRS", "cart-01-1001,CRS"))
    (found,) = [f for f in check_study(folder) if f.code == "unknown-subject"]
    assert found.cure == f"Did you mean '{A}'?"


def test_numbers_that_overflow_in_another_unit_are_findings(tmp_path):
    text = FILES["adlb.csv"].replace("0.0512,0.0512,ng/mL", "1e307,1e307,ng/mL")
    found = [f for f in check_study(write_folder(tmp_path, {"adlb.csv": text}))
             if f.severity == "error"]  # fmt: skip
    assert [(f.code, f.file, f.line, f.column) for f in found] == [
        ("not-finite", "adlb.csv", 7, "AVAL")
    ]


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["COPY", "AVERAGE", "LOCF", ""]))))
def test_repeating_records_never_changes_what_is_read(tmp_path, repeats):
    """Copies with a DTYPE, or for another reference dose without one, add no sample."""
    folder = write_folder(tmp_path / "s", {})
    plain = read_study(folder)
    lines = FILES["adpc.csv"].splitlines()
    added = []
    for at, dtype in repeats:
        cells = lines[at].split(",")
        if cells[14]:  # a derived record itself
            continue
        cells[8], cells[14] = "Day 99", dtype
        added.append(",".join(cells))
    (folder / "adpc.csv").write_text("\n".join([*lines, *added]) + "\n")
    pd.testing.assert_frame_equal(read_study(folder).samples, plain.samples)
