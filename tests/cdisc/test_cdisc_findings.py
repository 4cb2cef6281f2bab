# ruff: noqa: E501  (sentences as they are printed)
"""Every finding about CDISC data: the study damaged in one place, the sentence that must come."""

from typing import NamedTuple

import pytest
from cdisc_files import FILES, write_folder, write_xpt_folder

from cellkinetics.errors import StudyError
from cellkinetics.study import check_study, read_study
from cellkinetics.study.findings import CDISC_CODES, CODES

PC, LB, RS, TTE, AE, SL, EX = (
    f"{name}.csv" for name in ("adpc", "adlb", "adrs", "adtte", "adae", "adsl", "ex")
)
WRITTEN = {"text-shortened", "text-not-ascii", "not-written"}  # tests/cdisc/test_cdisc_write.py


class Case(NamedTuple):
    code: str
    edits: dict
    sentence: str


CASES = [
    Case(
        "two-studies",
        {"samples.csv": "subject,time\n"},
        "samples.csv: got a table of a study beside CDISC data sets; wanted either CDISC data sets "
        "or the tables of a study. Keep one of the two in this folder.",
    ),
    Case(
        "extra-file",
        {"advs.csv": "USUBJID\n"},
        "advs.csv: got a data set that has no place in a study. It is not read; files in cdisc.toml "
        "can name it as one of ADSL, ADPC, ADPPK, ADLB, ADRS, ADTTE, ADAE, EX, ADCM.",
    ),
    Case(
        "dataset-twice",
        {"ADNCA.csv": FILES[PC]},
        "adpc.csv: got ADPC as ADNCA.csv, adpc.csv; wanted one file, so that nothing is counted "
        "twice. Move the others away, or name those that belong together in cdisc.toml: "
        "files.ADPC = [...].",
    ),
    Case(
        "missing-dataset",
        {SL: None},
        "adsl.xpt: got no ADSL; wanted adsl.xpt or adsl.csv, one record a subject. Add it, or name "
        "it in cdisc.toml: files.ADSL = [...].",
    ),
    Case(
        "missing-variable",
        {TTE: (",CNSR,", ",CENS,")},
        "adtte.csv, line 1, CNSR: got no CNSR among STUDYID, USUBJID, PARAMCD, PARAM, STARTDT, ADT, "
        "AVAL, CENS, EVNTDESC, CNSDTDSC, SRCDOM, SRCVAR; wanted ADTTE with USUBJID, PARAMCD, AVAL, "
        "CNSR. Add the variable, or rename the one that holds it.",
    ),
    Case(
        "damaged-xpt",
        {"adcm.xpt": b"HEADER RECORD*******LIBRARY HEADER"},
        "adcm.xpt: got 34 bytes, not a whole number of 80-byte records: it is cut off; wanted a SAS "
        "transport file (version 5 or 8). Copy it again (in binary mode), or write it again.",
    ),
    Case(
        "damaged-xpt",
        {"adcm.xpt": b"x" * 160},
        "adcm.xpt: got a file that cannot be read ('Invalid file, or file has unsupported features'); wanted a SAS "
        "transport file (version 5 or 8). Write it again.",
    ),
    Case(
        "several-studies",
        {SL: ("CART-01,CART-01-1002", "CART-02,CART-01-1002")},
        "adsl.csv, STUDYID: got 2 studies: 'CART-01', 'CART-02'; wanted one study in a folder. They "
        "are read as one; studyid is a covariate.",
    ),
    Case(
        "not-utf8",
        {SL: FILES[SL].replace("CAR-T", "Zürich").encode("latin-1")},
        "adsl.csv, line 2: got byte 0xfc ('ü' in Windows-1252), which is not UTF-8; wanted UTF-8. "
        "Save the file again as 'CSV UTF-8 (comma delimited)'.",
    ),
    Case(
        "duplicate-column",
        {LB: ("LBSEQ", "aval")},
        "adlb.csv, line 1, AVAL: got 2 columns of this name, upper or lower case; wanted one. "
        "Rename or delete the others.",
    ),
    Case(
        "unknown-subject",
        {PC: ("CART-01-1002,CARQPCR,CAR transgene (copies/ug),BLOOD,8", "CART-01-12,CARQPCR,,B,8")},
        "adpc.csv, line 8 (subject CART-01-12), USUBJID: got 'CART-01-12', which is not in ADSL; "
        "wanted an id of ADSL, written in the same way. Add the subject to ADSL, or correct "
        "USUBJID.",
    ),
    # days and times
    Case(
        "date-unclear",
        {SL: ("2024-08-29,Y", "2024-08,Y")},
        "adsl.csv, line 3 (subject CART-01-1002), DTHDT: got 1 date such as '2024-08'; wanted a "
        "whole date: 2024-05-31, 31MAY2024 or a SAS date. It is read as missing; no part of a date "
        "is made up.",
    ),
    Case(
        "day-zero",
        {LB: ("2024-03-06,6,3.1", ",0,3.1")},
        "adlb.csv, line 2 (subject CART-01-1001), ADY: got 1 record on study day 0; wanted study "
        "days without a 0: day -1 is followed by day 1, the first treatment. If days count from 0 "
        "here, write day_of_infusion.ADLB = 0 in cdisc.toml.",
    ),
    Case(
        "day-contradicts-date",
        {LB: ("2024-03-13,13,410,410,pg/mL,LAST", "2024-03-23,13,410,410,pg/mL,LAST")},
        "adlb.csv, line 3 (subject CART-01-1001), ADY: got 1 record such as ADY 13 with ADT "
        "2024-03-23, 22 days after the start of treatment; wanted the study day of that date (the "
        "first is day 1). Correct one of them; ADY is used.",
    ),
    Case(
        "day-missing",
        {AE: ("2024-02-28,-2", ",")},
        "adae.csv, line 3 (subject CART-01-1001), ASTDY: got no day for 'Nausea' (none of ASTDY, "
        "AESTDY); wanted a study day, an elapsed time or a date. The record is left out; complete "
        "it to have it counted.",
    ),
    Case(
        "days-shifted",
        {},
        "ex.csv, EXSTDY: got infusions of the cells on study day 6 in 1 subject. Study days count "
        "from another treatment; every one of them is counted from the infusion here.",
    ),
    Case(
        "infusion-day-unknown",
        {
            EX: None,
            PC: None,
            "adppk.csv": "USUBJID,EVID,PARAMCD,AFRLT,AFRLTU,AVAL,AVALU,AMT,DOSEU\n"
            "CART-01-1001,1,DOSE,0,h,,,93.75,10^6 cells\n",
        },
        "adppk.csv, line 2 (subject CART-01-1001), ADY: got a dose without a study day or date, in "
        "1 subject whose days in adlb.csv are counted by ADY; wanted the study day of the infusion "
        "(ADY in the dose record, or EX). It is taken as study day 1; if treatment began earlier, "
        "those days are off.",
    ),
    Case(
        "time-unit-missing",
        {PC: FILES[PC].replace(",h,", ",,").replace(",ADY,", ",OTHER,")},
        "adpc.csv, line 2 (subject CART-01-1001), AFRLT: got 7 times in AFRLT without a unit; "
        "wanted AFRLTU (or FRLTU), hours or days. Add the variable, or write time_unit = "
        '"hour" in cdisc.toml.',
    ),
    Case(
        "time-unit-missing",
        {PC: (",h,", ",cells,")},
        "adpc.csv, line 2 (subject CART-01-1001), FRLTU: got 'cells'; wanted a unit of "
        "time, such as hours or days. Cannot convert",
    ),
    Case(
        "time-unit-inferred",
        {PC: (",h,", ",,")},
        "adpc.csv, line 4 (subject CART-01-1001), AFRLT: got AFRLT without a unit; on 6 records it "
        "is 24 times the study day. It is read in hours; time_unit in cdisc.toml says otherwise.",
    ),
    Case(
        "time-unit-contradicted",
        {PC: (",h,", ",DAYS,")},
        "adpc.csv, line 4 (subject CART-01-1001), AFRLT: got 6 records such as AFRLT 168, 168 days "
        "after the dose, on study day 13; wanted times that agree to a day. Check the unit of AFRLT "
        "and the day of infusion; AFRLT is used.",
    ),
    Case(
        "nominal-time-used",
        {PC: FILES[PC].replace(",ADY,AFRLT,", ",OTHER,NFRLT,")},
        "adpc.csv, line 2 (subject CART-01-1001), NFRLT: got 7 records with a nominal time alone; "
        "wanted an actual time (AFRLT or ADY). The nominal one is used.",
    ),
    # derived rows
    Case(
        "derived-rows",
        {},
        "adpc.csv, DTYPE: got 1 record with DTYPE COPY, beside the record of that sample. Left out, "
        "so that the sample is counted once.",
    ),
    Case(
        "copied-rows",
        {},
        "adlb.csv, line 4 (subject CART-01-1001), BASETYPE: got 1 record repeated for another "
        "BASETYPE. The same sample: read once.",
    ),
    Case(
        "derived-without-original",
        {},
        "adlb.csv, line 5 (subject CART-01-1001), DTYPE: got 1 record with DTYPE LOCF and no record "
        "of that sample; wanted the measurement itself. Left out; dtype.LOCF = \"original\" in "
        "cdisc.toml reads them as measured.",
    ),
    Case(
        "derived-without-original",
        {PC: ("640,640,copies/ug,50,N,,", "640,640,copies/ug,50,N,COPY,")},
        "adpc.csv, line 8 (subject CART-01-1002), DTYPE: got 1 record with DTYPE COPY and no "
        "original; wanted the original record too. Each is read once.",
    ),
    Case(
        "imputed-read-as-below",
        {},
        "adpc.csv, line 7 (subject CART-01-1001), DTYPE: got 1 record with DTYPE HALFLLOQ in place "
        "of the original; wanted the sample as below its limit. Each is read as below ALLOQ, not as "
        "the number in AVAL.",
    ),
    Case(
        "missing-read-as-below",
        {PC: ("1200,1200,copies/ug,50,N,,2", ",,copies/ug,50,,,2")},
        "adpc.csv, line 4 (subject CART-01-1001), AVAL: got 1 record with an empty AVAL, an ALLOQ "
        "and no word on whether it was below it; wanted BLQFL, or the text in AVALC. Read as below "
        "ALLOQ; BLQFL N (or PCSTAT NOT DONE) says that it was not read.",
    ),
    # readings and doses
    Case(
        "not-a-number",
        {LB: ("3.1,3.1", "three,3.1")},
        "adlb.csv, line 2 (subject CART-01-1001), AVAL: got 'three'; wanted a finite number with a "
        "decimal point. Correct it, or leave it empty.",
    ),
    Case(
        "not-allowed",
        {PC: ("copies/ug,50,N,,3", "copies/ug,50,maybe,,3")},
        "adpc.csv, line 6 (subject CART-01-1001), BLQFL: got 'maybe'; wanted Y or N (BLQFN: 1 or "
        "0). Correct it, or leave it empty.",
    ),
    Case(
        "cens-contradicts-value",
        {PC: ("9800,9800,copies/ug,50,N", "9800,,copies/ug,50,Y")},
        "adpc.csv, line 6 (subject CART-01-1001), AVAL: got value 9800 with cens 1, lloq 50, uloq "
        "none; wanted value at the limit where cens is not 0. A reading between its limits has "
        "cens=0; otherwise write the limit into value.",
    ),
    Case(
        "zero-without-limit",
        {LB: ("3.1,3.1", "0,0")},
        "adlb.csv, line 2 (subject CART-01-1001), AVAL: got 0 with no lloq; wanted a limit, because "
        "a zero with no limit has no likelihood. Give lloq in that row, or --assume-lloq il6=LIMIT "
        "(in Python assume_lloq={'il6': LIMIT}).",
    ),
    Case(
        "unit-converted",
        {},
        "adpc.csv, line 10 (subject CART-01-1002), AVALU: got 1 record of carqpcr in copies/ng. "
        "Converted to copies/ug: 1 copies/ng is 1000 copies/ug.",
    ),
    Case(
        "unit-refused",
        {PC: ("copies/ng", "cells/uL")},
        "adpc.csv, line 10 (subject CART-01-1002), AVALU: got 'cells/uL' in 1 record of carqpcr; "
        "wanted copies/ug. They measure different things. Correct the unit, or name another in "
        "cdisc.toml.",
    ),
    Case(
        "unit-refused",
        {EX: ("160,10^6 CELLS", "160,10^6 CELLS/KG")},
        "ex.csv, line 4 (subject CART-01-1002), EXDOSU: got '10^6 CELLS/KG' in 1 record of cells; "
        "wanted cells. They measure different things. Correct the unit, or name another in "
        "cdisc.toml.",
    ),
    Case(
        "unit-refused",
        {TTE: ("EVNTDESC,CNSDTDSC", "EVNTDESC,AVALU")},
        "adtte.csv, line 2 (subject CART-01-1001), AVALU: got 'Alive During Study' in 1 record; "
        "wanted a unit of time, such as DAYS or MONTHS. Correct it.",
    ),
    Case(
        "lab-not-read",
        {},
        "adlb.csv, line 11 (subject CART-01-1002), AVAL: got 1 record of URCOL without a number; "
        "wanted numbers in a unit. Left out; analytes.URCOL in cdisc.toml gives it a unit.",
    ),
    Case(
        "in-two-datasets",
        {"adppk.csv": "USUBJID,EVID,PARAMCD,AFRLT,AFRLTU,AVAL,AMT,DOSEU\n"
         "CART-01-1002,1,DOSE,0,h,,1.6e8,cells\n"},
        "adppk.csv: got 1 dose of subjects whose infusions are known. Not counted again.",
    ),
    Case(
        "doses-differ",
        {"adppk.csv": "USUBJID,EVID,PARAMCD,AFRLT,AFRLTU,AVAL,AMT,DOSEU\n"
         "CART-01-1002,1,DOSE,0,h,,1.7e8,cells\n"},
        "adppk.csv, line 2 (subject CART-01-1002), AMT: got 1.7e+08 cells; wanted 1.6e+08 cells, as "
        "in EX. EX is used; correct one of the two.",
    ),
    Case(
        "no-cells-in-ex",
        {EX: ("10^6 CELLS", "BAGS")},
        "ex.csv, EXDOSU: got no dose in cells (units: 'BAGS', 'mg/m2'); wanted the infusions of the "
        "cells. Name them in cdisc.toml: doses.treatments = [EXTRT, ...] and doses.unit.",
    ),
    Case(
        "weight-not-in-kg",
        {SL: FILES[SL].replace("DCUTDT", "WEIGHTBLU").replace(",2025-06-30", ",stone?")},
        "adsl.csv, line 2 (subject CART-01-1001), WEIGHTBL: got a weight in 'stone?'; wanted kg (or "
        "a unit of mass). Correct the unit.",
    ),
    # response, events, toxicity
    Case(
        "response-unknown",
        {RS: (",CR,INVESTIGATOR,Y,\nCART-01,CART-01-1001,OVR", ",VGPR,INVESTIGATOR,Y,\n"
              "CART-01,CART-01-1001,OVR")},
        "adrs.csv, line 2 (subject CART-01-1001), AVALC: got 'VGPR'; wanted a response: CR, CRh, "
        'CRi, MLFS, PR, NR, NE. Say what it means in cdisc.toml: [response.values] "VGPR" = "NR".',
    ),
    Case(
        "response-read-as",
        {},
        "adrs.csv, AVALC: got 'SD' as NR (1 record), 'PD' as NR (1 record). response.values in "
        "cdisc.toml says otherwise.",
    ),
    Case(
        "response-parameter-missing",
        {RS: (",OVR,", ",TRSP,")},
        "adrs.csv, PARAMCD: got no visit's response among TRSP, MRD, BOR, DEATH; wanted one of OVR, "
        "OVRLRESP, OVRRESP, OVRALL, OVRINV, OVRLRSP, AMLRESP, ELNRESP, RESP, RSPVIS. Name it in "
        'cdisc.toml: response.parameters = ["..."].',
    ),
    Case(
        "several-evaluators",
        {},
        "adrs.csv, RSEVAL: got responses by INVESTIGATOR, INDEPENDENT ASSESSOR. INVESTIGATOR's are "
        "used; left out: 1 record; response.evaluator in cdisc.toml says otherwise.",
    ),
    Case(
        "parameters-left-out",
        {},
        "adrs.csv, PARAMCD: got 1 record of derived parameters: BOR (1). They follow from the "
        "visits' responses and are not read.",
    ),
    Case(
        "dates-left-out",
        {},
        "adsl.csv: got 4 dates: TRTSDT, DTHDT, LSTALVDT, DCUTDT. Dates are no covariates; days "
        "since the infusion are kept where they matter.",
    ),
    Case(
        "not-a-number",
        {AE: (",5,Y,", ",fatal,Y,")},
        "adae.csv, line 5 (subject CART-01-1002), AETOXGR: got 'fatal'; wanted a grade from 0 to 5. "
        "Correct it, or leave it empty.",
    ),
    Case(
        "not-allowed",
        {RS: ("NEGATIVE", "CLEAN")},
        "adrs.csv, line 4 (subject CART-01-1001), AVALC: got 'CLEAN'; wanted NEGATIVE, POSITIVE or "
        "NOT EVALUABLE. Correct it.",
    ),
    Case(
        "missing-value",
        {TTE: ("151,0,Death", "151,,Death")},
        "adtte.csv, line 5 (subject CART-01-1002), CNSR: got an empty cell; wanted 0 (an event) or "
        "a whole number from 1 on (censored). Correct it; the record is not used.",
    ),
    Case(
        "not-allowed",
        {TTE: ("151,0,Death", "151,-1,Death")},
        "adtte.csv, line 5 (subject CART-01-1002), CNSR: got '-1'; wanted 0 (an event) or a whole "
        "number from 1 on (censored). Correct it; the record is not used.",
    ),
    Case(
        "missing-value",
        {TTE: (",151,0,Death", ",,0,Death")},
        "adtte.csv, line 5 (subject CART-01-1002), AVAL: got an empty cell; wanted the time from "
        "origin to event or censoring. Fill it in, or take the record out.",
    ),
    Case(
        "time-before-start",
        {TTE: ("2024-08-29,151,0,Death", ",0,0,Death")},
        "adtte.csv, line 5 (subject CART-01-1002), AVAL: got 0, before its own origin; wanted at "
        "least 1, the day of origin. If the day of origin is 0 here, write day_of_infusion.ADTTE = "
        "0 in cdisc.toml.",
    ),
    Case(
        "event-unclear",
        {TTE: ("Disease Progression", "Event")},
        "adtte.csv, line 6 (subject CART-01-1002), EVNTDESC: got 'Event' in 1 record; wanted words "
        "for one of relapse, progression, treatment_failure, death. The time is kept as an answer, "
        "but is no event; time_to_event.events in cdisc.toml says what the text means.",
    ),
    Case(
        "event-days-differ",
        {TTE: ("2024-08-29,151", "2024-08-27,149")},
        "adtte.csv, line 5 (subject CART-01-1002): got death on day 148; wanted day 150, as in "
        "ADSL. ADSL is used; correct one of the two.",
    ),
    Case(
        "event-not-placed",
        {SL: ("2024-08-29,Y", ",Y")},
        "adsl.csv, line 3 (subject CART-01-1002), DTHFL: got a death without a day; wanted DTHDT, a "
        "whole date. It is no event here, unless ADTTE has its day.",
    ),
    Case(
        "rows-left-out",
        {"cdisc.toml": "[analytes]\nWBC = false\n"},
        "adlb.csv: got 1 record of WBC. cdisc.toml says to leave them out.",
    ),
    # the checks of every study, told in the files and variables of this one
    Case(
        "duplicate-subject",
        {SL: FILES[SL] + FILES[SL].splitlines()[1] + "\n"},
        "adsl.csv, line 4 (subject CART-01-1001), USUBJID: got the id of line 2 again; wanted one "
        "row a subject. Merge the two rows, or give one of them its own id.",
    ),
    Case(
        "after-death",
        {AE: ("2024-08-20,142,2024-08-29,151", "2024-09-20,173,2024-09-29,182")},
        "adae.csv, line 5 (subject CART-01-1002), ASTDY: got day 172, after the death on day 150; "
        "wanted nothing after a death. Correct this day, or the death in ADTTE/ADSL/ADRS.",
    ),
    Case(
        "first-infusion-not-day-0",
        {EX: None, "adppk.csv": "USUBJID,EVID,PARAMCD,AFRLT,AFRLTU,AVAL,AMT,DOSEU\n"
         "CART-01-1002,1,DOSE,24,h,,1.6e8,cells\n"},
        "adppk.csv, line 2 (subject CART-01-1002), AFRLT: got a first infusion on day 1; wanted day "
        "0, because time counts from the first infusion. Study days and elapsed times must count "
        "from the same infusion: check AFRLT, EXSTDY and ADSL's TRTSDT.",
    ),
    Case(
        "unknown-setting",
        {"cdisc.toml": "[response]\nparameter = ['OVR']\n"},
        "cdisc.toml, line 2, response.parameter: got a key 'parameter' that does not exist; wanted "
        "a known key, because a slip would switch a setting off in silence. Known: parameters, "
        "evaluator, values.  Did you mean 'parameters'?",
    ),
    Case(
        "bad-setting",
        {"cdisc.toml": "[day_of_infusion]\nADLB = 2\n"},
        "cdisc.toml, line 2, day_of_infusion.ADLB: got '2'; wanted 0 or 1. Correct it.",
    ),
    Case(
        "settings-syntax",
        {"cdisc.toml": "analytes = qpcr\n"},
        "cdisc.toml, line 1: got text that is not TOML",
    ),
    Case(
        "unreadable-file",
        {"cdisc.toml": 'files.ADCM = ["cm2.xpt"]\n'},
        "cm2.xpt: got no file to read (No such file or directory); wanted a SAS transport file "
        "(version 5 or 8). Check the name, its permissions, and that it is a file.",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_finding(tmp_path, case: Case):
    found = check_study(write_folder(tmp_path, case.edits))
    said = [str(f) for f in found if f.code == case.code]
    whole = case.sentence.endswith((".", "?"))
    assert any(s == case.sentence if whole else s.startswith(case.sentence) for s in said), said
    severity = {**CODES, **CDISC_CODES}[case.code]
    assert {f.severity for f in found if f.code == case.code} == {severity}


def test_every_code_has_a_test():
    assert {case.code for case in CASES} | WRITTEN >= set(CDISC_CODES)


def test_a_transport_file_is_told_by_its_records(tmp_path):
    csv = write_folder(tmp_path / "csv", {PC: ("copies/ng", "cells/uL")})
    found = check_study(write_xpt_folder(tmp_path / "xpt", csv))
    (said,) = [str(f) for f in found if f.code == "unit-refused"]
    assert said.startswith("adpc.xpt, record 9 (subject CART-01-1002), AVALU: got 'cells/uL'")


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        (410, "duplicate-row", "got the same row as line 11 of adpc.csv; wanted every row once."),
        (
            400,
            "repeated-assay",
            "got a second reading of 'il6' on day 7 (the first is in line 11 of adpc.csv)",
        ),
    ],
)
def test_lines_in_a_sentence_name_their_own_file(tmp_path, value, code, words):
    """A reading of IL6 on one day in ADLB and in ADPC: two records of two files."""
    row = f"CART-01,CART-01-1001,IL6,IL6,,13,168,h,Day 1,{value},,pg/mL,,,,9\n"
    found = check_study(write_folder(tmp_path, {PC: FILES[PC] + row}))
    (said,) = [str(f) for f in found if f.code == code]
    assert said.startswith(f"adlb.csv, line 3 (subject CART-01-1001): {words}")


def test_lines_of_the_tables_are_those_of_their_files(tmp_path):
    study = read_study(write_folder(tmp_path, {}))
    assert study.samples["line"].tolist() == [2, 4, 6, 7, 8, 9, 10, 2, 3, 6, 7, 8]
    assert study.reported["line"].tolist() == [2, 3, 4, 5, 6]


def test_all_errors_come_at_once(tmp_path):
    edits = {PC: ("copies/ng", "cells/uL"), AE: (",5,Y,", ",fatal,Y,"), RS: ("SD", "VGPR")}
    with pytest.raises(StudyError) as error:
        read_study(write_folder(tmp_path, edits))
    assert str(error.value).count("\n  ") == 3


def test_options_of_a_nonmem_file_are_refused(tmp_path):
    (found,) = check_study(write_folder(tmp_path, {}), time_unit="day")
    assert found.code == "option-not-used"
    assert found.cure == "A folder says the same in study.toml or cdisc.toml."


def test_a_file_that_cannot_be_read(tmp_path):
    # A link to itself: no permission is asked, so that root sees the error as well.
    path = write_folder(tmp_path, {}) / LB
    path.unlink()
    path.symlink_to(path.name)
    assert "unreadable-file" in {f.code for f in check_study(tmp_path)}
