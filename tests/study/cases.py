"""One damage a finding: what is changed in the clean study, and the sentence that must come."""

from typing import NamedTuple


class Case(NamedTuple):
    code: str
    edits: dict
    sentence: str


S, E, A = "samples.csv", "events.csv", "assessments.csv"
ROW2 = "007,7,qpcr,1200,copies/ug,0,50,,,10,blood"


def sample(row: str) -> dict:
    """Put another row in place of the second reading (line 3)."""
    return {S: (ROW2, row)}


CASES = [
    # files and their form
    Case("missing-table", {"subjects.csv": None}, ""),
    Case("missing-table", {"study.toml": None}, ""),
    Case("unknown-file", {"events.csv": None, "Event.csv": "x\n"}, ""),
    Case("extra-file", {"notes.csv": "x\n1\n"}, ""),
    Case("empty-file", {"events.csv": "\n\n"}, ""),
    Case("not-utf8", {"subjects.csv": "subject,sex\nM\u00fcller,F\n".encode("cp1252")}, ""),
    Case("not-utf8", {"subjects.csv": "subject\n007\n".encode("utf-16")}, ""),
    Case("not-utf8", {"subjects.csv": b"PK\x03\x04\n\x00\x01"}, ""),
    Case("not-utf8", {"study.toml": b'name = "\xb5"\nsimulated = true\n'}, ""),
    Case("wrong-delimiter", {E: "subject;time;event\n007;3,5;relapse\n"}, ""),
    Case("wrong-delimiter", {E: "sep=;\nsubject;time;event\n"}, ""),
    Case("bad-quotes", {E: 'subject,time,event\n007,3,"relapse\nP02,4,death\n'}, ""),
    Case("bad-quotes", {E: 'subject,time,event\n007,3,"re\nlapse"\n'}, ""),
    Case("row-length", {E: "subject,time,event\n007,3,5,relapse\n"}, ""),
    Case("row-length", {E: "subject,time,event\n007,3\n"}, ""),
    Case("header-spaces", {E: "subject, time,event\n007,3,relapse\n"}, ""),
    Case("unnamed-column", {E: "subject,time,event,\n007,3,relapse,x\n"}, ""),
    Case("duplicate-column", {E: "subject,time,event,time\n007,3,relapse,4\n"}, ""),
    Case("reserved-column", {"subjects.csv": "subject,line\n007,3\n"}, ""),
    Case("missing-column", {E: "subject,when,event\n007,3,relapse\n"}, ""),
    Case("unknown-column", {S: (",lloq,", ",LLOQ,")}, ""),
    Case("unknown-column", {S: (",cens,", ",blq,")}, ""),
    Case("unknown-column", {S: (",unit,", ",units,")}, ""),
    Case("extra-column", {E: "subject,time,event,visit\n007,3,relapse,V2\n"}, ""),
    # study.toml
    Case("settings-syntax", {"study.toml": 'name = "two"\nsimulated = yes\n'}, ""),
    Case("unknown-setting", {"study.toml": ("landmark", "landmrk")}, ""),
    Case("missing-setting", {"study.toml": ("simulated = true\n", "")}, ""),
    Case("bad-setting", {"study.toml": ("simulated = true", 'simulated = "yes"')}, ""),
    Case("bad-setting", {"study.toml": ("ELN2022", "ELN22")}, ""),
    Case("bad-setting", {"study.toml": ("landmark = 90", "landmark = -1")}, ""),
    Case(
        "bad-setting",
        {"study.toml": ("landmark = 90", "windows = {early = [30, 20]}")},
        "",
    ),
    Case("bad-setting", {"study.toml": ("landmark = 90", '[endpoints]\nefs = "fda"')}, ""),
    # cells
    Case("missing-value", sample("007,,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("missing-value", sample(",7,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("not-a-number", sample("007,day 7,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("not-a-number", sample("007,7,qpcr,1200 copies,copies/ug,0,50,,,10,blood"), ""),
    Case("not-a-number", sample("007,\u22127,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("number-with-comma", sample('007,7,qpcr,"1,200",copies/ug,0,50,,,10,blood'), ""),
    Case("limit-as-text", sample("007,7,qpcr,<50,copies/ug,0,50,,,10,blood"), ""),
    Case("limit-as-text", sample("007,7,qpcr,> 2e6,copies/ug,0,50,,,10,blood"), ""),
    Case("limit-as-text", sample("007,7,qpcr,n.d.,copies/ug,0,50,,,10,blood"), ""),
    Case("limit-as-text", {A: (",0.02,0.01,negative", ",<0.01,,negative")}, ""),
    Case("not-finite", sample("007,7,qpcr,NaN,copies/ug,0,50,,,10,blood"), ""),
    Case("not-finite", sample("007,7,qpcr,1e999,copies/ug,0,50,,,10,blood"), ""),
    Case("time-is-a-date", sample("007,2024-03-07,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("not-allowed", {E: ("relapse", "Relapsed")}, ""),
    Case("not-allowed", {A: (",CR,", ",complete,")}, ""),
    Case("not-allowed", {"vitals.csv": (",yes,", ",maybe,")}, ""),
    Case("not-whole", {"toxicities.csv": (",ASTCT,2,", ",ASTCT,2.5,")}, ""),
    Case("out-of-range", {"infusions.csv": (",1.5,40", ",1.5,140")}, ""),
    Case("out-of-range", {"vitals.csv": (",39.1,", ",102.4,")}, ""),
    Case("implausible", {"subjects.csv": ("82.5", "401")}, ""),
    Case("implausible", {A: ("1.4,130", "1400,130")}, ""),
    Case(
        "covariate-mixed",
        {"subjects.csv": "subject,crp\n007,12\nP02,<1\nP03,8\nP04,3\n"},
        "",
    ),
    # subjects, rows and times
    Case("empty-study", {"subjects.csv": "subject,weight_kg\n"}, ""),
    Case(
        "duplicate-subject",
        {"subjects.csv": ("P02,82.5,400,61,M", "P02,82.5\n" * 0 + "007,82.5,400,61,M")},
        "",
    ),
    Case(
        "similar-subjects",
        {"subjects.csv": ("P02,82.5,400,61,M", "P02,82.5,400,61,M\np-2,80,400,61,M")},
        "",
    ),
    Case("unknown-subject", sample("7,7,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("unknown-subject", sample("P99,7,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case(
        "subject-without-samples",
        {"subjects.csv": ("P02,82.5,400,61,M", "P02,82.5,400,61,M\nP03,80,400,61,M")},
        "",
    ),
    Case(
        "subject-without-infusion",
        {"subjects.csv": ("P02,82.5,400,61,M", "P02,82.5,400,61,M\nP03,80,400,61,M")},
        "",
    ),
    Case("duplicate-row", sample(f"{ROW2}\n{ROW2}"), ""),
    Case("repeated-row", {A: ("P02,28,NR,35", "007,28,NR,35")}, ""),
    Case("unsorted-rows", sample("007,27,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("time-implausible", sample("007,45358,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("time-like-a-year", sample("007,2024,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("end-before-start", {"toxicities.csv": ("007,6,9", "007,6,3")}, ""),
    Case("after-death", {S: ("P02,14,flow", "P02,140,flow")}, ""),
    Case("after-last-contact", {A: ("007,28,CR", "007,355,CR")}, ""),
    Case("after-data-cut", {"subjects.csv": ("007,70,400", "007,70,340")}, ""),
    Case("after-horizon", {E: ("007,350,last_contact", "007,390,last_contact")}, ""),
    # samples
    Case("no-samples", {S: None}, ""),
    Case("unit-missing", {"study.toml": ('wbc = "10^9/L"\n', "")}, ""),
    Case("unit-unknown", sample("007,7,qpcr,1200,copis/ug,0,50,,,10,blood"), ""),
    Case("unit-unknown", {"study.toml": ("10^9/L", "10E9/L")}, ""),
    Case("unit-mixed", sample("007,7,qpcr,1200,copies/ng,0,50,,,10,blood"), ""),
    Case("unit-mixed", sample("007,7,qpcr,1200,cells/uL,0,50,,,10,blood"), ""),
    Case("unit-for-unknown-analyte", {"study.toml": ("wbc = ", 'qPCR = "copies/ug"\nwbc = ')}, ""),
    Case("similar-analytes", sample("007,7,qPCR,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("repeated-assay", sample("007,14,qpcr,1200,copies/ug,0,50,,,10,blood"), ""),
    Case("above-vcn", sample("007,7,qpcr,300000,copies/ug,0,50,,,10,blood"), ""),
    Case(
        "above-vcn",
        {
            **sample("007,7,qpcr,300000,copies/ug,0,50,,,10,blood"),
            "infusions.csv": ("1.5e6,1.5,40", "1.5e6,,40"),
        },
        "",
    ),
    Case("lloq-varies", sample("007,7,qpcr,1200,copies/ug,0,14,,,10,blood"), ""),
    Case(
        "looks-substituted",
        {
            S: (
                ROW2,
                "007,7,qpcr,25,copies/ug,0,50,,,10,blood\n007,8,qpcr,25,copies/ug,0,50,,,10,blood",
            )
        },
        "",
    ),
    Case("all-below-limit", {S: ("P02,14,flow,41,cells/uL,0", "P02,14,flow,0.5,cells/uL,1")}, ""),
    Case("no-wbc", {"study.toml": ("[units]", '[wbc]\nanalyte = "leukocytes"\n[units]')}, ""),
    Case("no-vcn", {"infusions.csv": "subject,time,cells\n007,0,1.5e6\nP02,0,2e6\n"}, ""),
    # limits
    Case("cens-not-allowed", sample("007,7,qpcr,1200,copies/ug,2,50,,,10,blood"), ""),
    Case("negative-value", sample("007,7,qpcr,-1200,copies/ug,0,50,,,10,blood"), ""),
    Case("limit-not-positive", sample("007,7,qpcr,1200,copies/ug,0,0,,,10,blood"), ""),
    Case("lod-above-lloq", sample("007,7,qpcr,1200,copies/ug,0,10,,,50,blood"), ""),
    Case("lloq-above-uloq", sample("007,7,qpcr,1200,copies/ug,0,50,40,,10,blood"), ""),
    Case("lower-without-cens", sample("007,7,qpcr,1200,copies/ug,0,50,,10,10,blood"), ""),
    Case("interval-empty", sample("007,7,qpcr,50,copies/ug,1,50,,50,10,blood"), ""),
    Case("cens-without-limit", sample("007,7,qpcr,,copies/ug,1,,,,,blood"), ""),
    Case("cens-without-limit", sample("007,7,qpcr,,copies/ug,-1,50,,,,blood"), ""),
    Case("cens-contradicts-value", sample("007,7,qpcr,80,copies/ug,1,50,,,10,blood"), ""),
    Case("cens-value-not-limit", sample("007,7,qpcr,25,copies/ug,1,50,,,,blood"), ""),
    Case("zero-without-limit", sample("007,7,qpcr,0,copies/ug,0,,,,,blood"), ""),
    Case("below-limit-without-cens", sample("007,7,qpcr,30,copies/ug,0,50,,,10,blood"), ""),
    Case("above-limit-without-cens", sample("007,7,qpcr,30000,copies/ug,0,50,20000,,10,blood"), ""),
    Case("no-reading", sample("007,7,qpcr,,copies/ug,,50,,,10,blood"), ""),
    # doses
    Case("dose-without-unit", {"study.toml": ('dose_unit = "cells/kg"\n', "")}, ""),
    Case("dose-unit-unknown", {"study.toml": ("cells/kg", "cels/kg")}, ""),
    Case("dose-not-positive", {"infusions.csv": ("1.5e6", "0")}, ""),
    Case("dose-outside-range", {"infusions.csv": ("1.5e6", "1.5")}, ""),
    Case(
        "dose-outside-range",
        {"study.toml": ("cells/kg", "cells"), "infusions.csv": ("1.5e6", "5e12")},
        "",
    ),
    Case(
        "dose-without-weight",
        {"study.toml": ("cells/kg", "10^6 cells"), "subjects.csv": ("007,70,", "007,,")},
        "",
    ),
    Case(
        "several-infusions",
        {"infusions.csv": ("P02,0,2e6,2,35", "P02,0,2e6,2,35\nP02,21,2e6,2,35")},
        "",
    ),
    Case("first-infusion-not-day-0", {"infusions.csv": ("P02,0,2e6", "P02,1,2e6")}, ""),
    # response, events, toxicity, treatment
    Case("event-before-infusion", {E: ("P02,60,", "P02,-60,")}, ""),
    Case("repeated-event", {E: ("P02,60,progression", "P02,60,death")}, ""),
    Case("no-end-of-follow-up", {E: ("007,350,last_contact\n", "")}, ""),
    Case("relapse-without-response", {A: (",CR,", ",PR,")}, ""),
    Case("response-before-infusion", {A: ("007,-5,,", "007,-5,NR,")}, ""),
    Case("response-contradicts-blasts", {A: (",CR,2,", ",CR,20,")}, ""),
    Case("response-contradicts-counts", {A: (",1.4,130,", ",0.8,130,")}, ""),
    Case(
        "response-not-in-criteria",
        {A: (",CR,", ",CRh,"), "study.toml": ("ELN2022", "ELN2017")},
        "",
    ),
    Case("mrd-contradiction", {A: ("0.02,0.01,negative", "0.2,0.01,negative")}, ""),
    Case("mrd-contradiction", {A: ("0.02,0.01,negative", ",1,negative")}, ""),
    Case("transplant-without-conditioning", {E: ("P02,60,progression", "P02,60,transplant")}, ""),
    Case("treatment-kind-read-from-drug", {"treatments.csv": (",cytotoxic", ",")}, ""),
    Case("treatment-dose-without-unit", {"treatments.csv": ("8,mg/kg", "8,")}, ""),
    Case("grade-5-without-death", {E: ("P02,120,death", "P02,120,last_contact")}, ""),
]
