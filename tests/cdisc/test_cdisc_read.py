"""A CDISC study to our tables: the values worked out by hand from the records."""

import numpy as np
import pandas as pd
import pytest
from cdisc_files import FILES, write_folder, write_xpt_folder

from cellkinetics.study import check_study, classify, read_study
from cellkinetics.study.tables import TABLES


@pytest.fixture(params=["csv", "xpt"])
def study(request, tmp_path):
    folder = write_folder(tmp_path / "csv", {})
    if request.param == "xpt":
        folder = write_xpt_folder(tmp_path / "xpt", folder)
    return read_study(folder)


def rows(frame: pd.DataFrame, *columns: str) -> list[list[object]]:
    part = frame[list(columns)]
    return part.astype(object).where(part.notna(), None).to_numpy().tolist()


A, B = "CART-01-1001", "CART-01-1002"


def test_each_sample_is_read_once_in_one_unit(study):
    """Row by row: an original with its HALFLLOQ, a COPY, a HALFLLOQ in place of the original,
    a '<50' without ALLOQ, another unit, a repeat for another BASETYPE, an LOCF, a '>1000'."""
    got = rows(study.samples, "subject", "time", "analyte", "value", "unit", "cens", "lloq")
    assert [[*r[:1], round(float(r[1]), 6), *r[2:]] for r in got] == [
        [A, -0.041667, "carqpcr", 50.0, "copies/ug", 1.0, 50.0],
        [A, 7.0, "carqpcr", 1200.0, "copies/ug", 0.0, 50.0],
        [A, 14.0, "carqpcr", 9800.0, "copies/ug", 0.0, 50.0],
        [A, 28.0, "carqpcr", 50.0, "copies/ug", 1.0, 50.0],
        [B, 7.0, "carqpcr", 640.0, "copies/ug", 0.0, 50.0],
        [B, 14.0, "carqpcr", 50.0, "copies/ug", 1.0, 50.0],
        [B, 28.0, "carqpcr", 21000.0, "copies/ug", 0.0, 50.0],
        [A, 0.0, "il6", 3.1, "pg/mL", 0.0, None],
        [A, 7.0, "il6", 410.0, "pg/mL", 0.0, None],
        [B, 7.0, "il6", 1000.0, "pg/mL", -1.0, None],
        [B, 14.0, "il6", 51.2, "pg/mL", 0.0, None],
        [B, 7.0, "wbc", 1.2, "10^9/L", 0.0, None],
    ]


def test_the_likelihood_sees_half_limits_as_below_the_limit(study):
    qpcr = study.samples[study.samples["analyte"] == "carqpcr"]
    kinds = classify(qpcr, error_family="lognormal")
    assert kinds["kind"].tolist() == [1, 0, 0, 1, 0, 1, 0]
    assert set(kinds["upper"][kinds["kind"] == 1]) == {50.0}
    assert not (qpcr["value"] == 25).any()


def test_days_count_from_the_infusion_of_the_cells(study):
    """Subject 1001's treatment starts with lymphodepletion: the infusion is study day 6."""
    assert rows(study.infusions, "subject", "time", "cells") == [[A, 0, 93.75e6], [B, 0, 160e6]]
    assert study.settings.dose_unit == "cells"
    assert rows(study.treatments, "subject", "time", "end", "drug", "dose") == [
        [A, -5, -3, "fludarabine", 30]
    ]
    assert rows(study.toxicities, "subject", "time", "end", "kind", "grade", "dlt") == [
        [A, 5, 8, "CRS", 2, None],
        [A, -7, -5, "other", 1, None],
        [B, 8, 11, "ICANS", 3, True],
        [B, 141, 150, "other", 5, None],
    ]
    assert rows(study.subjects, "subject", "data_cut", "weight_kg") == [
        [A, 481, 62.5],
        [B, 455, 80],
    ]


def test_responses_counts_and_mrd_meet_in_one_row_a_day(study):
    got = rows(study.assessments, "subject", "time", "response", "anc", "platelets", "mrd_status")
    assert got == [
        [A, 28, "CR", None, None, "negative"],
        [B, 28, "NR", 0.4, 15, None],  # neutrophils came as 400 /uL
        [B, 60, "NR", None, None, None],
    ]


def test_events_are_there_once_whatever_names_them(study):
    """The relapse is in EFS and DOR, the death in ADSL, OS and ADRS, the progression in EFS and
    ADRS; alive is in OS and ADSL."""
    assert rows(study.events, "subject", "time", "event") == [
        [A, 300, "relapse"],
        [A, 364, "last_contact"],
        [B, 60, "progression"],
        [B, 150, "death"],
    ]


def test_adtte_is_kept_as_the_study_s_own_answer(study):
    got = rows(study.reported, "subject", "endpoint", "time", "event", "what", "reason", "day")
    assert got == [
        [A, "OS", 364, False, "Alive", "Alive During Study", 364],
        [A, "EFS", 300, True, "Disease Relapse", None, 300],
        [A, "DOR", 272, True, "Relapse", None, 300],
        [B, "OS", 150, True, "Death", None, 150],
        [B, "EFS", 60, True, "Disease Progression", None, 60],
    ]


def test_covariates_keep_the_order_of_adsl_and_leave_dates_out(study):
    assert study.covariates == (
        "studyid", "subjid", "age", "ageu", "sex", "saffl", "trt01a", "dthfl",
    )  # fmt: skip
    assert study.name == "CART-01"


def test_a_study_toml_beside_the_data_sets_sets_the_conventions(tmp_path):
    settings = 'name = "x"\nsimulated = true\nhorizon = 180\n[units]\nil6 = "ng/mL"\n'
    study = read_study(write_folder(tmp_path, {"study.toml": settings}))
    assert (study.name, study.simulated, study.settings.horizon) == ("x", True, 180)
    il6 = study.samples[study.samples["analyte"] == "il6"]
    assert set(il6["unit"]) == {"ng/mL"}
    assert il6["value"].tolist() == pytest.approx([0.0031, 0.41, 1.0, 0.0512])


ADPPK = """\
STUDYID,USUBJID,EVID,PARAMCD,NFRLT,AFRLT,AFRLTU,DV,AVAL,AVALU,AMT,DOSEU,ALLOQ,BLQFL,MDV,DTYPE
CART-01,CART-01-1001,1,DOSE,0,0,hours,,,,93.75,10^6 cells,,,1,
CART-01,CART-01-1001,0,CARFLOW,168,170.4,hours,3.5,3.5,cells/uL,,,0.5,N,0,
CART-01,CART-01-1001,0,CARFLOW,336,336,hours,,,cells/uL,,,0.5,Y,1,
CART-01,CART-01-1001,0,CARFLOW,672,672,hours,0.25,0.25,cells/uL,,,0.5,Y,1,HALFLLOQ
CART-01,CART-01-1002,1,DOSE,0,0,hours,,,,160,10^6 cells,,,1,
CART-01,CART-01-1002,0,CARFLOW,168,168,hours,41,41,cells/uL,,,0.5,N,0,
CART-01,CART-01-1002,0,CARFLOW,336,336,hours,7,7,cells/uL,,,0.5,N,1,
"""


def test_adppk_gives_doses_and_samples(tmp_path):
    """One sample below by BLQFL, one by HALFLLOQ; one that MDV leaves out; hours to days."""
    only = dict.fromkeys(FILES) | {"adsl.csv": FILES["adsl.csv"], "adppk.csv": ADPPK}
    study = read_study(write_folder(tmp_path, only))
    assert rows(study.infusions, "subject", "time", "cells") == [[A, 0, 93.75e6], [B, 0, 160e6]]
    assert rows(study.samples, "subject", "time", "value", "cens", "lloq") == [
        [A, 7.1, 3.5, 0, 0.5],
        [A, 14, 0.5, 1, 0.5],
        [A, 28, 0.5, 1, 0.5],
        [B, 7, 41, 0, 0.5],
    ]
    assert "rows-left-out" in {f.code for f in study.findings}


def _without_ex(folder, pk):
    return read_study(write_folder(folder, {"ex.csv": None, "adpc.csv": None, "adppk.csv": pk}))


@pytest.mark.parametrize(
    ("header", "dose", "first", "second"),
    [
        # the study day of the dose; study day and elapsed time of samples; neither
        ("ADY", "6", "", ""),
        ("ADY", "", "13", "20"),
        ("ADY", "", "14", "20"),  # a sample on the morning of the day after
        ("ADT", "2024-03-06", "", ""),
        ("OTHER", "", "", ""),
    ],
)
def test_study_days_without_ex_are_shifted_by_what_adppk_says(
    tmp_path, header, dose, first, second
):
    """Subject 1001 was infused on study day 6, so its IL-6 of study day 13 is of day 7."""
    pk = (
        f"USUBJID,EVID,PARAMCD,AFRLT,AFRLTU,AVAL,AVALU,AMT,DOSEU,ALLOQ,{header}\n"
        f"{A},1,DOSE,0,h,,,93.75,10^6 cells,,{dose}\n"
        f"{A},0,CARFLOW,168,h,3.5,cells/uL,,,0.5,{first}\n"
        f"{A},0,CARFLOW,336,h,2.5,cells/uL,,,0.5,{second}\n"
        f"{A},0,CARFLOW,337,h,2.5,cells/uL,,,0.5,{second}\n"
    )
    study = _without_ex(tmp_path, pk)
    il6 = study.samples[(study.samples["analyte"] == "il6") & (study.samples["subject"] == A)]
    found = {f.code for f in study.findings}
    known = header != "OTHER"
    assert list(il6["time"]) == ([0, 7] if known else [5, 12])
    assert ("infusion-day-unknown" in found) == (not known)
    assert ("days-shifted" in found) == known
    assert list(study.samples.loc[study.samples["analyte"] == "carflow", "time"]) == pytest.approx(
        [7, 14, 337 / 24]
    )


def test_doses_and_samples_in_two_data_sets_are_counted_once(tmp_path):
    both = ADPPK.replace("CARFLOW", "CARQPCR").replace("cells/uL", "copies/ug")
    alone = read_study(write_folder(tmp_path / "a", {}))
    study = read_study(write_folder(tmp_path / "b", {"adppk.csv": both}))
    pd.testing.assert_frame_equal(study.samples, alone.samples)
    pd.testing.assert_frame_equal(study.infusions, alone.infusions)
    assert [f.code for f in study.findings].count("in-two-datasets") == 2


def test_names_in_lower_case_a_byte_order_mark_and_windows_line_ends(tmp_path):
    def dress(text: str) -> bytes:
        head, _, body = text.partition("\n")
        return b"\xef\xbb\xbf" + f"{head.lower()}\n{body}".replace("\n", "\r\n").encode()

    plain = read_study(write_folder(tmp_path / "a", {}))
    odd = read_study(write_folder(tmp_path / "b", {n: dress(t) for n, t in FILES.items()}))
    for table in TABLES:
        pd.testing.assert_frame_equal(plain.table(table.name), odd.table(table.name))


def test_latin_1_is_read_where_the_options_say_so(tmp_path):
    text = FILES["adae.csv"].replace("Nausea,Nausea", "Übelkeit,Übelkeit").encode("latin-1")
    assert "not-utf8" in {f.code for f in check_study(write_folder(tmp_path, {"adae.csv": text}))}
    (tmp_path / "cdisc.toml").write_text('encoding = "latin-1"\n')
    assert "Übelkeit" in set(read_study(tmp_path).toxicities["term"])


def test_the_options_name_analytes_units_and_responses(tmp_path):
    toml = """\
[analytes]
CARQPCR = "qpcr"
WBC = false
IL6 = {unit = "ng/mL"}
[response]
evaluator = "INDEPENDENT ASSESSOR"
[response.values]
SD = "PR"
[toxicity]
crs_scale = "ASTCT"
scale = "CTCAE v5.0"
"""
    study = read_study(write_folder(tmp_path, {"cdisc.toml": toml}))
    assert study.analytes == ("qpcr", "il6")
    assert study.unit("il6") == "ng/mL"
    assert study.assessments["response"].tolist()[0] == "CRi"
    assert set(study.toxicities["scale"].dropna()) == {"ASTCT", "CTCAE v5.0"}


def test_a_data_set_whose_days_count_from_0(tmp_path):
    """ADLB counts the infusion as day 0 here; ADTTE's AVAL is ADT - STARTDT without the 1."""
    zero = "\n".join(
        line if i == 0 else shifted(line, 5) for i, line in enumerate(FILES["adlb.csv"].split("\n"))
    )
    tte = FILES["adtte.csv"]
    for old in ("365,1", "301,0", "273,0", "151,0", "61,0"):
        days, cnsr = old.split(",")
        tte = tte.replace(f",{old},", f",{int(days) - 1},{cnsr},")
    toml = "[day_of_infusion]\nADLB = 0\nADTTE = 0\n"
    plain = read_study(write_folder(tmp_path / "a", {}))
    edits = {"adlb.csv": zero, "adtte.csv": tte, "cdisc.toml": toml}
    study = read_study(write_folder(tmp_path / "b", edits))
    pd.testing.assert_frame_equal(study.samples, plain.samples)
    pd.testing.assert_frame_equal(study.reported, plain.reported)
    pd.testing.assert_frame_equal(study.events, plain.events)
    # Without the option the dates give it away, for both.
    (tmp_path / "b" / "cdisc.toml").unlink()
    said = [f for f in check_study(tmp_path / "b") if f.code == "day-contradicts-date"]
    assert {f.file for f in said} == {"adlb.csv", "adtte.csv"}
    assert all("= 0" in f.cure for f in said)


def shifted(line: str, at: int) -> str:
    cells = line.split(",")
    if len(cells) > at:
        cells[at] = str(int(cells[at]) - 1)
    return ",".join(cells)


@pytest.mark.parametrize(
    ("unit", "factor"), [("", 24), ("", 1), ("DAYS", 1), ("h", 24), ("HOURS", 24), ("min", 1440)]
)
def test_elapsed_time_in_its_unit_or_found_by_the_study_days(tmp_path, unit, factor):
    """Hours and days are told apart by ADY where no unit is given."""
    text = FILES["adpc.csv"].replace(",h,", f",{unit},")
    for hours in ("-1", "168", "336", "672"):
        scaled = f"{float(hours) / 24 * factor:.10g}"
        text = text.replace(f",{hours},{unit},Day", f",{scaled},{unit},Day")
    study = read_study(write_folder(tmp_path / "b", {"adpc.csv": text}))
    plain = read_study(write_folder(tmp_path / "a", {}))
    assert np.allclose(study.samples["time"], plain.samples["time"])
    inferred = [f for f in study.findings if f.code == "time-unit-inferred"]
    assert len(inferred) == (unit == "")


@pytest.mark.parametrize(
    ("cells", "value", "cens", "lloq"),
    [
        # AVAL, AVALC, AVALU, ALLOQ, BLQFL
        (",<50,copies/ug,50,Y", 50, 1, 50),
        (",<50,copies/ug,,", 50, 1, 50),
        (",< 50 copies/ug,copies/ug,,", 50, 1, 50),
        ("0,<BLQ,copies/ug,50,", 50, 1, 50),
        ("25,,copies/ug,50,Y", 50, 1, 50),
        ("0,,copies/ug,50,Y", 50, 1, 50),
        (",BLQ,copies/ug,50,", 50, 1, 50),
        (",<LLOQ,copies/ug,50,", 50, 1, 50),
        (",Not detected,copies/ug,50,", 50, 1, 50),
        (",<10,copies/ug,50,Y", 10, 1, 50),  # below a limit of detection
        (",<100,copies/ug,50,Y", 100, 1, 100),  # a diluted sample
        (",,copies/ug,50,", 50, 1, 50),
        (",>9000,copies/ug,50,N", 9000, -1, 50),
        ("1200,1200,copies/ug,50,N", 1200, 0, 50),
        (",1200,copies/ug,50,N", 1200, 0, 50),
        ("1200,,copies/ug,50,", 1200, 0, 50),
        ("50,,copies/ug,50,N", 50, 0, 50),
    ],
)
def test_below_and_above_limits(tmp_path, cells, value, cens, lloq):
    new = FILES["adpc.csv"].replace("1200,1200,copies/ug,50,N,,2", f"{cells},,2")
    study = read_study(write_folder(tmp_path, {"adpc.csv": new}))
    row = study.samples[(study.samples["time"] == 7) & (study.samples["subject"] == A)].iloc[0]
    assert (row["value"], row["cens"], row["lloq"]) == (value, cens, lloq)


@pytest.mark.parametrize(
    "cells", [",,copies/ug,50,N", ",,copies/ug,,"], ids=["not below", "nothing known"]
)
def test_an_empty_reading_is_none(tmp_path, cells):
    new = FILES["adpc.csv"].replace("1200,1200,copies/ug,50,N,,2", f"{cells},,2")
    found = check_study(write_folder(tmp_path, {"adpc.csv": new}))
    assert ("no-reading", 4) in {(f.code, f.line) for f in found}


def test_a_limit_can_be_assumed_for_records_that_state_none(tmp_path):
    new = FILES["adpc.csv"].replace("1200,1200,copies/ug,50,N,,2", ",<BLQ,copies/ug,,Y,,2")
    folder = write_folder(tmp_path, {"adpc.csv": new})
    errors = [f for f in check_study(folder) if f.severity == "error"]
    assert [(f.code, f.line, f.column) for f in errors] == [("cens-without-limit", 4, "BLQFL")]
    study = read_study(folder, assume_lloq={"carqpcr": 40})
    assert 40 in set(study.samples["lloq"])


@pytest.mark.parametrize("dtype", ["HALFLLOQ", "COPY/HALFLLOQ", "halflloq", "LLOQ/2"])
def test_imputations_of_half_the_limit(tmp_path, dtype):
    """Without ALLOQ the limit is twice the number where DTYPE says half; else it is not known."""
    new = FILES["adpc.csv"].replace("25,,copies/ug,50,,HALFLLOQ,4", f"25,,copies/ug,,,{dtype},4")
    folder = write_folder(tmp_path, {"adpc.csv": new})
    if "half" not in dtype.lower():
        assert "cens-without-limit" in {f.code for f in check_study(folder)}
        return
    row = read_study(folder).samples.query("time == 28 and subject == @A").iloc[0]
    assert (row["value"], row["cens"]) == (50, 1)


def test_a_derived_row_can_be_declared_a_measurement(tmp_path):
    toml = '[dtype]\nLOCF = "original"\n'
    study = read_study(write_folder(tmp_path, {"cdisc.toml": toml}))
    il6 = study.samples[(study.samples["analyte"] == "il6") & (study.samples["subject"] == A)]
    assert il6["time"].tolist() == [0, 7, 14]


def test_times_to_events_in_months_and_without_dates(tmp_path):
    """61 days from day 1 to day 61 are 61 / 30.4375 months; DOR cannot be placed, EFS can."""
    months = f"{61 / 30.4375:.12f}"
    text = (
        "USUBJID,PARAMCD,PARAM,AVAL,CNSR,EVNTDESC\n"
        f"{A},EFS,Event-Free Survival (Months),{months},0,Relapse\n"
        f"{A},DOR,Duration of Response (Months),1,0,Relapse\n"
        f"{B},OS,Overall Survival (Days),151,0,\n"
    )
    study = read_study(write_folder(tmp_path, {"adtte.csv": text, "adrs.csv": None}))
    assert study.reported["time"].tolist() == pytest.approx([60, 30.4375 - 1, 150])
    assert rows(study.events, "subject", "event") == [
        [A, "relapse"],
        [A, "last_contact"],
        [B, "death"],
    ]
    assert study.events["time"].tolist() == pytest.approx([60, 364, 150])


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("DEATH", "death"),
        ("Death due to disease progression", "death"),
        ("Died", "death"),
        ("Disease Progression", "progression"),
        ("PD", "progression"),
        ("Relapse from CR", "relapse"),
        ("Recurrence", "relapse"),
        ("Induction failure", "treatment_failure"),
        ("Primary refractory disease", "treatment_failure"),
        ("New anti-leukemic therapy", "other_therapy"),
        ("Allogeneic HSCT", "transplant"),
        ("Progression or death", None),
        ("Relapse or progression", None),
        ("Something else", None),
        ("", None),
    ],
)
def test_what_an_event_was(tmp_path, text, event):
    row = f"USUBJID,PARAMCD,PARAM,ADY,AVAL,CNSR,EVNTDESC\n{A},EFS,EFS,45,40,0,{text}\n"
    edits = {"adtte.csv": row, "adrs.csv": None}
    folder = write_folder(tmp_path, edits)
    found = {f.code for f in check_study(folder)}
    assert ("event-unclear" in found) == (event is None)
    events = read_study(folder).events.query("subject == @A and event != 'last_contact'")
    assert events["event"].tolist() == ([event] if event else [])


@pytest.mark.parametrize(
    ("desc", "why", "event"),
    [
        ("Alive", "Last known alive", "last_contact"),
        ("Censored", "Withdrawal of consent", "withdrawal"),
        ("Lost to follow-up", "", "last_contact"),
    ],
)
def test_what_ends_the_follow_up(tmp_path, desc, why, event):
    row = f"USUBJID,PARAMCD,ADY,AVAL,CNSR,EVNTDESC,CNSDTDSC\n{A},OS,105,100,1,{desc},{why}\n"
    study = read_study(write_folder(tmp_path, {"adtte.csv": row, "adrs.csv": None}))
    assert rows(study.events.query("subject == @A"), "time", "event") == [[99, event]]


def test_censoring_at_a_transplant_dates_it_but_a_last_assessment_before_does_not(tmp_path):
    rows_ = (
        "USUBJID,PARAMCD,ADY,AVAL,CNSR,EVNTDESC,CNSDTDSC\n"
        f"{A},EFS,105,100,2,Censored,Allogeneic transplant\n"
        f"{B},EFS,50,50,2,Censored,Last assessment before new anti-cancer therapy\n"
    )
    study = read_study(write_folder(tmp_path, {"adtte.csv": rows_, "adrs.csv": None}))
    assert rows(study.events, "subject", "time", "event") == [
        [A, 99, "transplant"],
        [A, 364, "last_contact"],
        [B, 150, "death"],
    ]


def test_options_for_texts_that_are_not_understood(tmp_path):
    row = f"USUBJID,PARAMCD,ADY,AVAL,CNSR,EVNTDESC\n{A},EFS,105,100,0,Evento X\n"
    toml = '[time_to_event.events]\n"Evento X" = "relapse"\n'
    edits = {"adtte.csv": row, "adrs.csv": None, "cdisc.toml": toml}
    study = read_study(write_folder(tmp_path, edits))
    assert [99, "relapse"] in rows(study.events, "time", "event")


def test_a_native_study_is_still_one_with_a_stray_data_set(tmp_path):
    (tmp_path / "study.toml").write_text('name = "n"\nsimulated = true\n')
    (tmp_path / "subjects.csv").write_text("subject\n1\n")
    (tmp_path / "samples.csv").write_text("subject,time,analyte,value,unit\n1,1,x,2,cells/uL\n")
    (tmp_path / "adae.csv").write_text(FILES["adae.csv"])
    assert read_study(tmp_path).name == "n"
    assert "extra-file" in {f.code for f in check_study(tmp_path)}
