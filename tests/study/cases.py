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
    Case(
        "missing-table",
        {"subjects.csv": None},
        "subjects.csv: got no such file; wanted subjects.csv: one row a subject; "
        "every further column is a covariate. Add it, with the columns subject, "
        "weight_kg, data_cut.",
    ),
    Case(
        "missing-table",
        {"study.toml": None},
        "study.toml: got no such file; wanted study.toml with at least a name and"
        ' whether the data are simulated. Write one: name = "my-study", simulated'
        ' = false, [units] qpcr = "copies/ug".',
    ),
    Case(
        "unknown-file",
        {"events.csv": None, "Event.csv": "x\n"},
        "Event.csv: got a file that is no table of a study; wanted one of "
        "subjects.csv, infusions.csv, samples.csv, assessments.csv, events.csv, "
        "toxicities.csv, vitals.csv, treatments.csv. Did you mean events.csv? "
        "Rename it.",
    ),
    Case(
        "extra-file",
        {"notes.csv": "x\n1\n"},
        "notes.csv: got a file that is no table of a study. It is not read.",
    ),
    Case(
        "empty-file",
        {"events.csv": "\n\n"},
        "events.csv: got an empty file; wanted a header and rows. Fill it, or "
        "delete it if there is nothing to say.",
    ),
    Case(
        "not-utf8",
        {"subjects.csv": "subject,sex\nM\u00fcller,F\n".encode("cp1252")},
        "subjects.csv, line 2: got byte 0xfc ('ü' in Windows-1252), which is not "
        "UTF-8; wanted UTF-8. Save the file again as 'CSV UTF-8 (comma "
        "delimited)'.",
    ),
    Case(
        "not-utf8",
        {"subjects.csv": "subject\n007\n".encode("utf-16")},
        "subjects.csv: got text in UTF-16 (Excel calls it 'Unicode text'); wanted"
        " UTF-8. Save the file again as 'CSV UTF-8 (comma delimited)'.",
    ),
    Case(
        "not-utf8",
        {"subjects.csv": b"PK\x03\x04\n\x00\x01"},
        "subjects.csv, line 2: got a NUL byte: this is no text file (an Excel "
        "workbook renamed to .csv?); wanted UTF-8. Save the file again as 'CSV "
        "UTF-8 (comma delimited)'.",
    ),
    Case(
        "not-utf8",
        {"study.toml": b'name = "\xb5"\nsimulated = true\n'},
        "study.toml: got byte 0xb5, which is not UTF-8; wanted UTF-8. Save the "
        "file again as UTF-8.",
    ),
    Case(
        "wrong-delimiter",
        {E: "subject;time;event\n007;3,5;relapse\n"},
        "events.csv, line 1: got columns separated by semicolons; wanted columns "
        "separated by commas, the header in line 1, and decimal points. Export it"
        " with commas and decimal points (Excel follows the computer's region).",
    ),
    Case(
        "wrong-delimiter",
        {E: "sep=;\nsubject;time;event\n"},
        "events.csv, line 1: got a first line 'sep=;'; wanted columns separated "
        "by commas, the header in line 1, and decimal points. Export it with "
        "commas and decimal points (Excel follows the computer's region).",
    ),
    Case(
        "bad-quotes",
        {E: 'subject,time,event\n007,3,"relapse\nP02,4,death\n'},
        "events.csv, line 2: got quotes that do not pair up (unexpected end of "
        "data); wanted one row a line. Look for a stray double quote in or before"
        " this line.",
    ),
    Case(
        "bad-quotes",
        {E: 'subject,time,event\n007,3,"re\nlapse"\n'},
        "events.csv, line 2: got a line break inside a quoted cell; wanted one "
        "row a line. Look for a stray double quote in or before this line.",
    ),
    Case(
        "row-length",
        {E: "subject,time,event\n007,3,5,relapse\n"},
        "events.csv, line 2: got 4 cells; wanted 3, as many as the header has. A "
        "decimal comma or a comma in a text splits a cell: write 3.5, and put "
        "texts into double quotes.",
    ),
    Case(
        "row-length",
        {E: "subject,time,event\n007,3\n"},
        "events.csv, line 2: got 2 cells; wanted 3, as many as the header has. A "
        "decimal comma or a comma in a text splits a cell: write 3.5, and put "
        "texts into double quotes.",
    ),
    Case(
        "header-spaces",
        {E: "subject, time,event\n007,3,relapse\n"},
        "events.csv, line 1: got spaces around ' time'; wanted column names "
        "without spaces around them. They were read without the spaces.",
    ),
    Case(
        "unnamed-column",
        {E: "subject,time,event,\n007,3,relapse,x\n"},
        "events.csv, line 1: got values under column 4, which has no name; wanted"
        " a name for every column that holds something. Name the column or delete"
        " it.",
    ),
    Case(
        "duplicate-column",
        {E: "subject,time,event,time\n007,3,relapse,4\n"},
        "events.csv, line 1, time: got 2 columns of this name; wanted one. Rename"
        " or delete the others.",
    ),
    Case(
        "reserved-column",
        {"subjects.csv": "subject,line\n007,3\n"},
        "subjects.csv, line 1, line: got a column 'line'; wanted another name: "
        "'line' holds the line in the file. Rename it, for example "
        "lines_of_therapy.",
    ),
    Case(
        "missing-column",
        {E: "subject,when,event\n007,3,relapse\n"},
        "events.csv, line 1, time: got no such column among 'subject', 'when', "
        "'event'; wanted time: days since the first infusion (day 0 = infusion). "
        "Add the column, or rename the one that holds it.",
    ),
    Case(
        "unknown-column",
        {S: (",lloq,", ",LLOQ,")},
        "samples.csv, line 1, LLOQ: got a column 'LLOQ', which is not one of "
        "samples.csv; wanted subject, time, analyte, value, unit, cens, lloq, "
        "uloq, lower, lod, specimen. Did you mean lloq? Rename it; if it is "
        "something else, give it another name.",
    ),
    Case(
        "unknown-column",
        {S: (",cens,", ",blq,")},
        "samples.csv, line 1, blq: got a column 'blq', which is not one of "
        "samples.csv; wanted subject, time, analyte, value, unit, cens, lloq, "
        "uloq, lower, lod, specimen. Did you mean cens? Rename it; if it is "
        "something else, give it another name.",
    ),
    Case(
        "unknown-column",
        {S: (",unit,", ",units,")},
        "samples.csv, line 1, units: got a column 'units', which is not one of "
        "samples.csv; wanted subject, time, analyte, value, unit, cens, lloq, "
        "uloq, lower, lod, specimen. Did you mean unit? Rename it; if it is "
        "something else, give it another name.",
    ),
    Case(
        "extra-column",
        {E: "subject,time,event,visit\n007,3,relapse,V2\n"},
        "events.csv, line 1, visit: got a column 'visit', which is not one of "
        "events.csv. It is not used.",
    ),
    # study.toml
    Case(
        "settings-syntax",
        {"study.toml": 'name = "two"\nsimulated = yes\n'},
        "study.toml, line 2: got text that is not TOML (Invalid value (at line 2,"
        " column 13)); wanted key = value lines under [section] headers. Texts "
        'need double quotes, as in name = "my-study", simulated = false, [units] '
        'qpcr = "copies/ug".',
    ),
    Case(
        "unknown-setting",
        {"study.toml": ("landmark", "landmrk")},
        "study.toml, line 11, response.landmrk: got a key 'landmrk' that does not"
        " exist; wanted a known key, because a slip would switch a setting off in"
        " silence. Known: criteria, landmark, windows.  Did you mean 'landmark'?",
    ),
    Case(
        "missing-setting",
        {"study.toml": ("simulated = true\n", "")},
        "study.toml, simulated: got no simulated; wanted simulated = true or "
        "false. Add it to study.toml.",
    ),
    Case(
        "bad-setting",
        {"study.toml": ("simulated = true", 'simulated = "yes"')},
        "study.toml, line 3, simulated: got 'yes'; wanted true or false. Correct it.",
    ),
    Case(
        "bad-setting",
        {"study.toml": ("ELN2022", "ELN22")},
        "study.toml, line 10, response.criteria: got 'ELN22'; wanted 'ELN2017' or"
        " 'ELN2022'. Correct it.",
    ),
    Case(
        "bad-setting",
        {"study.toml": ("landmark = 90", "landmark = -1")},
        "study.toml, line 11, response.landmark: got '-1'; wanted a number "
        "greater than 0. Correct it.",
    ),
    Case(
        "bad-setting",
        {"study.toml": ("landmark = 90", "windows = {early = [30, 20]}")},
        "study.toml, line 9, response: got \"{'criteria': 'ELN2022', 'windows': "
        "{'early': [30, 20]}}\"; wanted windows that end after they begin; 'early'"
        " is day 30 to 20. Correct it.",
    ),
    Case(
        "bad-setting",
        {"study.toml": ("landmark = 90", '[endpoints]\nefs = "fda"')},
        "study.toml: got settings that contradict each other; wanted "
        "response.landmark, the day by which a remission counts, because "
        "endpoints.efs is 'fda'. Correct it.",
    ),
    # cells
    Case(
        "missing-value",
        sample("007,,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), time: got an empty cell; wanted days "
        "since the first infusion (day 0 = infusion). Fill it in; a row that says"
        " nothing can be deleted.",
    ),
    Case(
        "missing-value",
        sample(",7,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3, subject: got an empty cell; wanted the subject's "
        "own id, kept as written (leading zeros count). Fill it in; a row that "
        "says nothing can be deleted.",
    ),
    Case(
        "not-a-number",
        sample("007,day 7,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), time: got 'day 7'; wanted a number "
        "with a decimal point and no thousands separator. Correct it, or leave "
        "the cell empty if it is unknown.",
    ),
    Case(
        "not-a-number",
        sample("007,7,qpcr,1200 copies,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got '1200 copies'; wanted a "
        "number with a decimal point and no thousands separator. Write the number"
        " alone; a unit has its own column or is fixed by the table.",
    ),
    Case(
        "not-a-number",
        sample("007,\u22127,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), time: got '−7'; wanted a number with "
        "a decimal point and no thousands separator. Write a plain hyphen as the "
        "minus sign.",
    ),
    Case(
        "number-with-comma",
        sample('007,7,qpcr,"1,200",copies/ug,0,50,,,10,blood'),
        "samples.csv, line 3 (subject 007), value: got '1,200'; wanted a number "
        "with a decimal point and no thousands separator. Write 1200 or 1.200.",
    ),
    Case(
        "limit-as-text",
        sample("007,7,qpcr,<50,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got '<50'; wanted a number "
        "with a decimal point and no thousands separator. Write value=50, cens=1.",
    ),
    Case(
        "limit-as-text",
        sample("007,7,qpcr,> 2e6,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got '> 2e6'; wanted a number "
        "with a decimal point and no thousands separator. Write value=2e6, "
        "cens=-1.",
    ),
    Case(
        "limit-as-text",
        sample("007,7,qpcr,n.d.,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got 'n.d.'; wanted a number "
        "with a decimal point and no thousands separator. If it was below the "
        "limit, write the limit into value and cens=1; if it was not determined, "
        "leave value empty.",
    ),
    Case(
        "limit-as-text",
        {A: (",0.02,0.01,negative", ",<0.01,,negative")},
        "assessments.csv, line 3 (subject 007), mrd_value: got '<0.01'; wanted a "
        "number with a decimal point and no thousands separator. Write "
        "mrd_value=0 and mrd_lod=0.01.",
    ),
    Case(
        "not-finite",
        sample("007,7,qpcr,NaN,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got 'NaN'; wanted a finite "
        "number. Leave the cell empty if it is unknown.",
    ),
    Case(
        "not-finite",
        sample("007,7,qpcr,1e999,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got '1e999'; wanted a finite "
        "number. Correct it.",
    ),
    Case(
        "time-is-a-date",
        sample("007,2024-03-07,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), time: got the date '2024-03-07'; "
        "wanted days since the first infusion. Subtract the date of that "
        "subject's first infusion.",
    ),
    Case(
        "not-allowed",
        {E: ("relapse", "Relapsed")},
        "events.csv, line 2 (subject 007), event: got 'Relapsed'; wanted one of "
        "progression, relapse, treatment_failure, death, transplant, "
        "other_therapy, last_contact, withdrawal. Did you mean relapse?",
    ),
    Case(
        "not-allowed",
        {A: (",CR,", ",complete,")},
        "assessments.csv, line 3 (subject 007), response: got 'complete'; wanted "
        "one of CR, CRh, CRi, MLFS, PR, NR, NE. Use one of these words.",
    ),
    Case(
        "not-allowed",
        {"vitals.csv": (",yes,", ",maybe,")},
        "vitals.csv, line 2 (subject 007), hypotension: got 'maybe'; wanted 1 or "
        "0 (yes or no, true or false). Leave it empty if unknown.",
    ),
    Case(
        "not-whole",
        {"toxicities.csv": (",ASTCT,2,", ",ASTCT,2.5,")},
        "toxicities.csv, line 2 (subject 007), grade: got '2.5'; wanted a whole "
        "number. Correct it.",
    ),
    Case(
        "out-of-range",
        {"infusions.csv": (",1.5,40", ",1.5,140")},
        "infusions.csv, line 2 (subject 007), transduction_pct: got '140'; wanted"
        " a number from 0 to 100 %. Check the value and its unit.",
    ),
    Case(
        "out-of-range",
        {"vitals.csv": (",39.1,", ",102.4,")},
        "vitals.csv, line 2 (subject 007), temperature_c: got '102.4'; wanted a "
        "number from 20 to 46 degree Celsius. It looks like degrees Fahrenheit: "
        "(F - 32) / 1.8.",
    ),
    Case(
        "implausible",
        {"subjects.csv": ("82.5", "401")},
        "subjects.csv, line 3 (subject P02), weight_kg: got '401'; wanted body "
        "weight, usually 3 to 250 kg. Check the value and its unit.",
    ),
    Case(
        "implausible",
        {A: ("1.4,130", "1400,130")},
        "assessments.csv, line 3 (subject 007), anc: got '1400'; wanted "
        "neutrophils, usually 0 to 100 10^9/L. It looks like cells/uL: divide by "
        "1000 to get 10^9/L.",
    ),
    Case(
        "covariate-mixed",
        {"subjects.csv": "subject,crp\n007,12\nP02,<1\nP03,8\nP04,3\n"},
        "subjects.csv, crp: got 3 numbers and the texts '<1'; wanted all numbers,"
        " or all categories. It is read as categories; correct the texts to have "
        "numbers.",
    ),
    # subjects, rows and times
    Case(
        "empty-study",
        {"subjects.csv": "subject,weight_kg\n"},
        "subjects.csv: got no subject; wanted one row a subject. Add the "
        "subjects; an id is enough.",
    ),
    Case(
        "duplicate-subject",
        {"subjects.csv": ("P02,82.5,400,61,M", "007,82.5,400,61,M")},
        "subjects.csv, line 3 (subject 007), subject: got the id of line 2 again;"
        " wanted one row a subject. Merge the two rows, or give one of them its "
        "own id.",
    ),
    Case(
        "similar-subjects",
        {"subjects.csv": ("P02,82.5,400,61,M", "P02,82.5,400,61,M\np-2,80,400,61,M")},
        "subjects.csv, line 4 (subject p-2), subject: got 'p-2', much like 'P02';"
        " wanted ids that cannot be confused. Nothing to do if they are two "
        "people.",
    ),
    Case(
        "data-cut-before-infusion",
        {"subjects.csv": ("82.5,400,61", "82.5,-3,61")},
        "subjects.csv, line 3 (subject P02), data_cut: got day -3; wanted a data cut-off on or "
        "after the infusion (day 0). Correct it, or leave it empty; a subject who was not infused "
        "by the cut-off does not belong here.",
    ),
    Case(
        "unknown-subject",
        sample("7,7,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 7), subject: got '7', which is not in "
        "subjects.csv; wanted an id of subjects.csv, written in the same way. Did"
        " you mean '007'?",
    ),
    Case(
        "unknown-subject",
        sample("P99,7,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject P99), subject: got 'P99', which is not in "
        "subjects.csv; wanted an id of subjects.csv, written in the same way. Add"
        " the subject to subjects.csv.",
    ),
    Case(
        "subject-without-samples",
        {"subjects.csv": ("P02,82.5,400,61,M", "P02,82.5,400,61,M\nP03,80,400,61,M")},
        "subjects.csv, line 4 (subject P03): got no row in samples.csv. Nothing "
        "to do if that is so; otherwise add the rows to samples.csv.",
    ),
    Case(
        "subject-without-infusion",
        {"subjects.csv": ("P02,82.5,400,61,M", "P02,82.5,400,61,M\nP03,80,400,61,M")},
        "subjects.csv, line 4 (subject P03): got no row in infusions.csv. Nothing"
        " to do if that is so; otherwise add the rows to infusions.csv.",
    ),
    Case(
        "duplicate-row",
        sample(f"{ROW2}\n{ROW2}"),
        "samples.csv, line 4 (subject 007): got the same row as line 3; wanted "
        "every row once. Delete one of the two.",
    ),
    Case(
        "repeated-row",
        {A: ("P02,28,NR,35", "007,28,NR,35")},
        "assessments.csv, line 4 (subject 007): got the same subject, time as "
        "line 3, but other contents; wanted one row for each. Merge the two rows,"
        " or correct one.",
    ),
    Case(
        "unsorted-rows",
        sample("007,27,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 4 (subject 007), time: got day 14 after day 27; wanted"
        " rows of one subject in the order of time. Nothing depends on the order,"
        " but check that no time is mistyped.",
    ),
    Case(
        "time-implausible",
        sample("007,45358,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), time: got 45358; wanted days since "
        "the first infusion. It looks like a date stored as a number: subtract "
        "that of the first infusion.",
    ),
    Case(
        "time-like-a-year",
        sample("007,2024,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), time: got 2024; wanted days since the"
        " first infusion. If it is a calendar year, correct it; a day so late is "
        "fine.",
    ),
    Case(
        "end-before-start",
        {"toxicities.csv": ("007,6,9", "007,6,3")},
        "toxicities.csv, line 2 (subject 007), end: got day 3, before its start "
        "on day 6; wanted an end on or after the start. Correct one of the two.",
    ),
    Case(
        "after-death",
        {S: ("P02,14,flow", "P02,140,flow")},
        "samples.csv, line 10 (subject P02), time: got day 140, after the death "
        "on day 120; wanted nothing after a death. Correct this day, or the death"
        " in events.csv.",
    ),
    Case(
        "after-last-contact",
        {A: ("007,28,CR", "007,355,CR")},
        "assessments.csv, line 3 (subject 007), time: got day 355, after the last"
        " contact on day 350; wanted a last contact on or after the last row. "
        "Correct this day, or the last contact in events.csv.",
    ),
    Case(
        "after-data-cut",
        {"subjects.csv": ("007,70,400", "007,70,340")},
        "events.csv, line 3 (subject 007), time: got day 350, after the data "
        "cut-off on day 340; wanted nothing after the cut-off. Correct this day "
        "or data_cut, or take the row out.",
    ),
    Case(
        "after-horizon",
        {E: ("007,350,last_contact", "007,390,last_contact")},
        "events.csv, line 3 (subject 007), time: got 'last_contact' on day 390, "
        "after the horizon on day 365. It is listed and not used; horizon is set "
        "in study.toml.",
    ),
    # samples
    Case("no-samples", {S: None}, "samples.csv: got no sample. There is nothing to fit."),
    Case(
        "unit-missing",
        {"study.toml": ('wbc = "10^9/L"\n', "")},
        "samples.csv, line 11 (subject 007), unit: got 2 rows of wbc without a "
        "unit; wanted a unit such as copies/ug or cells/uL. Fill the column unit,"
        " or write wbc = \"...\" under [units] in study.toml (units={'wbc': ...} "
        "for a NONMEM-style file).",
    ),
    Case(
        "unit-unknown",
        sample("007,7,qpcr,1200,copis/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), unit: got 'copis/ug' in 1 row of "
        "qpcr; wanted a unit. 'copis/ug' is not a known unit: 'copis' is not. "
        "Examples: copies/ug, cells/uL, 10^9/L, pg/mL, cells/kg, 1/day or %.",
    ),
    Case(
        "unit-unknown",
        {"study.toml": ("10^9/L", "10E9/L")},
        "samples.csv, line 11 (subject 007), unit: got '10E9/L' in 2 rows of wbc;"
        " wanted a unit. '10E9/L' can be read in two ways (10e9 is ten times "
        "10^9): write 10^9 or 1e9.",
    ),
    Case(
        "unit-mixed",
        sample("007,7,qpcr,1200,copies/ng,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), unit: got copies/ng in 1 row of qpcr;"
        " wanted one unit for qpcr: copies/ug as in 5 other rows. Convert value "
        "and limits: 1 copies/ng is 1000 copies/ug.",
    ),
    Case(
        "unit-mixed",
        sample("007,7,qpcr,1200,cells/uL,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), unit: got cells/uL in 1 row of qpcr; "
        "wanted one unit for qpcr: copies/ug as in 5 other rows. They measure "
        "different things: give one of them another analyte name.",
    ),
    Case(
        "unit-for-unknown-analyte",
        {"study.toml": ("wbc = ", 'qPCR = "copies/ug"\nwbc = ')},
        "study.toml, units.qPCR: got analyte 'qPCR', of which there is no sample;"
        " wanted one of qpcr, flow, wbc. Correct the name, or take it out.",
    ),
    Case(
        "similar-analytes",
        sample("007,7,qPCR,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), analyte: got 'qPCR', much like "
        "'qpcr'; wanted one spelling an analyte. They are two analytes as "
        "written; use one spelling if they are one.",
    ),
    Case(
        "repeated-assay",
        sample("007,14,qpcr,1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 4 (subject 007): got a second reading of 'qpcr' on day"
        " 14 (the first is in line 3); wanted one reading at a time. Both are "
        "used as if independent; keep one or average them if they are replicates.",
    ),
    Case(
        "value-too-large",
        sample("007,7,il6,1e300,pg/mL,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got 1e+300 for 'il6'; wanted a number up to "
        "1e+15. Correct it; a missing value is an empty cell, and a larger unit makes smaller "
        "numbers.",
    ),
    Case(
        "above-vcn",
        sample("007,7,qpcr,300000,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got 300000 copies/ug; wanted "
        "at most 227273, the copies in DNA of transduced cells alone (151515 x "
        "VCN). Check the value, and vcn in infusions.csv (taken as 1.5).",
    ),
    Case(
        "above-vcn",
        {
            **sample("007,7,qpcr,300000,copies/ug,0,50,,,10,blood"),
            "infusions.csv": ("1.5e6,1.5,40", "1.5e6,,40"),
        },
        "samples.csv, line 3 (subject 007), value: got 300000 copies/ug; wanted "
        "at most 151515, the copies in DNA of transduced cells alone (151515 x "
        "VCN). Check the value, and vcn in infusions.csv (taken as 1, because "
        "none is given).",
    ),
    Case(
        "lloq-varies",
        sample("007,7,qpcr,1200,copies/ug,0,14,,,10,blood"),
        "samples.csv, line 3 (subject 007), lloq: got 2 limits of qpcr: 50 (5 "
        "rows), 14 (1 row). Every row is read with its own.",
    ),
    Case(
        "looks-substituted",
        {
            S: (
                ROW2,
                "007,7,qpcr,25,copies/ug,0,50,,,10,blood\n007,8,qpcr,25,copies/ug,0,50,,,10,blood",
            )
        },
        "samples.csv, line 3 (subject 007), value: got 2 readings of qpcr that "
        "are exactly lloq/2 or lloq/sqrt(2), such as 25 with lloq 50; wanted the "
        "limit in value and cens=1. If they stand for 'below the limit', write "
        "value=lloq and cens=1.",
    ),
    Case(
        "all-below-limit",
        {S: ("P02,14,flow,41,cells/uL,0", "P02,14,flow,0.5,cells/uL,1")},
        "samples.csv (subject P02): got 1 reading of flow, all below the limit. "
        "They say only that the subject stayed below it.",
    ),
    Case(
        "no-wbc",
        {"study.toml": ("[units]", '[wbc]\nanalyte = "leukocytes"\n[units]')},
        "samples.csv, analyte: got qpcr and flow without white-cell counts "
        "('leukocytes'). Copies per ug DNA become cells/uL through the white "
        "cells; without them a calibration factor is estimated.",
    ),
    Case(
        "no-vcn",
        {"infusions.csv": "subject,time,cells\n007,0,1.5e6\nP02,0,2e6\n"},
        "infusions.csv, vcn: got qpcr and flow without a vector copy number. "
        "Copies become cells through it; without it a calibration factor is "
        "estimated.",
    ),
    # limits
    Case(
        "cens-not-allowed",
        sample("007,7,qpcr,1200,copies/ug,2,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), cens: got 2; wanted 1 (below the "
        "limit), -1 (above the upper limit), 0 or empty (as read). Correct it.",
    ),
    Case(
        "negative-value",
        sample("007,7,qpcr,-1200,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got -1200; wanted a value of "
        "at least 0 on the natural scale. Correct it; undo a logarithm before "
        "writing the table.",
    ),
    Case(
        "limit-not-positive",
        sample("007,7,qpcr,1200,copies/ug,0,0,,,10,blood"),
        "samples.csv, line 3 (subject 007), lloq: got lloq 0, uloq none, lod 10, "
        "lower none; wanted limits above 0 (lower: at least 0). Leave the cell "
        "empty where there is no limit.",
    ),
    Case(
        "lod-above-lloq",
        sample("007,7,qpcr,1200,copies/ug,0,10,,,50,blood"),
        "samples.csv, line 3 (subject 007), lod: got lod 50 above lloq 10; wanted"
        " a limit of detection at or below the limit of quantification. They are "
        "probably swapped.",
    ),
    Case(
        "lloq-above-uloq",
        sample("007,7,qpcr,1200,copies/ug,0,50,40,,10,blood"),
        "samples.csv, line 3 (subject 007), uloq: got uloq 40 at or below the "
        "lower limit (lloq 50, lod 10); wanted an upper limit above the lower "
        "one. They are probably swapped.",
    ),
    Case(
        "lower-without-cens",
        sample("007,7,qpcr,1200,copies/ug,0,50,,10,10,blood"),
        "samples.csv, line 3 (subject 007), lower: got lower 10 in a row that is "
        "not below a limit (cens is not 1); wanted lower only where cens is 1. "
        "Set cens=1 if the reading lies between lower and value; otherwise empty "
        "lower.",
    ),
    Case(
        "interval-empty",
        sample("007,7,qpcr,50,copies/ug,1,50,,50,10,blood"),
        "samples.csv, line 3 (subject 007), lower: got lower 50, which is not "
        "below the upper end (value 50, lloq 50); wanted lower < value. With "
        "cens=1 and lower the reading is in [lower, value); correct one of them.",
    ),
    Case(
        "cens-without-limit",
        sample("007,7,qpcr,,copies/ug,1,,,,,blood"),
        "samples.csv, line 3 (subject 007), cens: got cens 1 with no limit (value"
        " none, no lloq or uloq); wanted the limit in value, or in lloq (cens 1) "
        "or uloq (cens -1). Write the limit into value.",
    ),
    Case(
        "cens-without-limit",
        sample("007,7,qpcr,,copies/ug,-1,50,,,,blood"),
        "samples.csv, line 3 (subject 007), cens: got cens -1 with no limit "
        "(value none, no lloq or uloq); wanted the limit in value, or in lloq "
        "(cens 1) or uloq (cens -1). Write the limit into value.",
    ),
    Case(
        "cens-contradicts-value",
        sample("007,7,qpcr,80,copies/ug,1,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got value 80 with cens 1, lloq"
        " 50, uloq none; wanted value at the limit where cens is not 0. A reading"
        " between its limits has cens=0; otherwise write the limit into value.",
    ),
    Case(
        "cens-value-not-limit",
        sample("007,7,qpcr,25,copies/ug,1,50,,,,blood"),
        "samples.csv, line 3 (subject 007), value: got 25 with cens 1 and lloq "
        "50; wanted the limit in value, because cens 1 says that the reading is "
        "below it. It is read as below lloq; write value=50.",
    ),
    Case(
        "zero-without-limit",
        sample("007,7,qpcr,0,copies/ug,0,,,,,blood"),
        "samples.csv, line 3 (subject 007), value: got 0 with no lloq; wanted a "
        "limit, because a zero with no limit has no likelihood. Give lloq in that"
        " row, or --assume-lloq qpcr=LIMIT (in Python assume_lloq={'qpcr': "
        "LIMIT}).",
    ),
    Case(
        "below-limit-without-cens",
        sample("007,7,qpcr,30,copies/ug,0,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got 30, under its own limit "
        "(lloq 50, lod 10), without cens; wanted cens=1. It is read as below that"
        " limit; set cens=1, or empty the limit to use it as read.",
    ),
    Case(
        "above-limit-without-cens",
        sample("007,7,qpcr,30000,copies/ug,0,50,20000,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got 30000, over its own uloq "
        "20000, without cens; wanted cens=-1. It is read as above uloq; set "
        "cens=-1, or empty uloq to use it as read.",
    ),
    Case(
        "no-reading",
        sample("007,7,qpcr,,copies/ug,,50,,,10,blood"),
        "samples.csv, line 3 (subject 007), value: got an empty cell; wanted a "
        "reading, or a limit with cens. The row is left out; delete it if nothing"
        " was measured.",
    ),
    # doses
    Case(
        "dose-without-unit",
        {"study.toml": ('dose_unit = "cells/kg"\n', "")},
        "study.toml, dose_unit: got 2 doses in infusions.csv and no unit; wanted "
        'dose_unit. Write dose_unit = "cells/kg" (or "cells") into study.toml '
        "(dose_unit=... for a NONMEM-style file).",
    ),
    Case(
        "dose-unit-unknown",
        {"study.toml": ("cells/kg", "cels/kg")},
        "study.toml, dose_unit: got 'cels/kg'; wanted a unit. 'cels/kg' is not a "
        "known unit: 'cels' is not. Examples: copies/ug, cells/uL, 10^9/L, pg/mL,"
        ' cells/kg, 1/day or %. Write dose_unit = "cells/kg" (or "cells") into '
        "study.toml (dose_unit=... for a NONMEM-style file).",
    ),
    Case(
        "dose-not-positive",
        {"infusions.csv": ("1.5e6", "0")},
        "infusions.csv, line 2 (subject 007), cells: got 0; wanted a number above"
        " 0. Delete the row if nothing was infused.",
    ),
    Case(
        "dose-outside-range",
        {"infusions.csv": ("1.5e6", "1.5")},
        "infusions.csv, line 2 (subject 007), cells: got 1.5 cells/kg; wanted "
        "usually 1000 to 1e+09 cells/kg. Check the number against dose_unit: per "
        "kg or flat, cells or millions?",
    ),
    Case(
        "dose-outside-range",
        {"study.toml": ("cells/kg", "cells"), "infusions.csv": ("1.5e6", "5e12")},
        "infusions.csv, line 2 (subject 007), cells: got 7.14286e+10 cells/kg; "
        "wanted usually 1000 to 1e+09 cells/kg. Check the number against "
        "dose_unit: per kg or flat, cells or millions?",
    ),
    Case(
        "dose-without-weight",
        {"study.toml": ("cells/kg", "10^6 cells"), "subjects.csv": ("007,70,", "007,,")},
        "infusions.csv, line 2 (subject 007), cells: got 1.5e+06 10^6 cells and "
        "no weight_kg. The dose per kg cannot be checked; give weight_kg in "
        "subjects.csv (covariates={'WT': 'weight_kg'} for a NONMEM-style file).",
    ),
    Case(
        "several-infusions",
        {"infusions.csv": ("P02,0,2e6,2,35", "P02,0,2e6,2,35\nP02,21,2e6,2,35")},
        "infusions.csv, line 3 (subject P02): got 2 infusions. Each one adds its cells on its day.",
    ),
    Case(
        "first-infusion-not-day-0",
        {"infusions.csv": ("P02,0,2e6", "P02,1,2e6")},
        "infusions.csv, line 3 (subject P02), time: got a first infusion on day "
        "1; wanted day 0, because time counts from the first infusion. Subtract 1"
        " from every time of this subject, in all tables.",
    ),
    # response, events, toxicity, treatment
    Case(
        "event-before-infusion",
        {E: ("P02,60,", "P02,-60,")},
        "events.csv, line 4 (subject P02), time: got 'progression' on day -60; "
        "wanted an event on or after the infusion (day 0). Correct the day; what "
        "happened before belongs to the history, as a covariate.",
    ),
    Case(
        "repeated-event",
        {E: ("P02,60,progression", "P02,60,death")},
        "events.csv, line 5 (subject P02), event: got a second 'death', on day "
        "120; wanted at most one 'death' a subject. Keep the right one.",
    ),
    Case(
        "no-end-of-follow-up",
        {E: ("007,350,last_contact\n", "")},
        "subjects.csv, line 2 (subject 007): got no death, last_contact or "
        "withdrawal in events.csv; wanted one of them, because survival is "
        "censored there. Add the last contact to events.csv.",
    ),
    Case(
        "relapse-without-response",
        {A: (",CR,", ",PR,")},
        "events.csv, line 2 (subject 007), event: got relapse on day 300 with no "
        "CR, CRh or CRi before it; wanted a remission to relapse from. It is a "
        "progression if there was none; else add the assessment.",
    ),
    Case(
        "disease-on-day-of-response",
        {E: "subject,time,event\n007,28,progression\n"},
        "events.csv, line 2 (subject 007), time: got 'progression' on day 28, the very day of the "
        "first response or remission; wanted disease before a response or after it. Correct one "
        "of the two days; as they stand it ends the response on that day.",
    ),
    Case(
        "response-before-infusion",
        {A: ("007,-5,,", "007,-5,NR,")},
        "assessments.csv, line 2 (subject 007), response: got 'NR' on day -5; "
        "wanted a response to the cells, after day 0. Leave response empty in "
        "baseline rows.",
    ),
    Case(
        "response-contradicts-blasts",
        {A: (",CR,2,", ",CR,20,")},
        "assessments.csv, line 3 (subject 007), response: got 'CR' with marrow "
        "blasts 20 %, blood blasts 0 %, extramedullary False; wanted marrow "
        "blasts < 5 %, none in blood, no extramedullary disease. Check the row; "
        "the response is used as written.",
    ),
    Case(
        "response-contradicts-counts",
        {A: (",1.4,130,", ",0.8,130,")},
        "assessments.csv, line 3 (subject 007), response: got 'CR' with "
        "neutrophils 0.8 and platelets 130 (10^9/L); wanted the counts of that "
        "response: CR and PR 1.0 and 100, CRh 0.5 and 50. It may be a CRh, CRi or"
        " MLFS; the response is used as written.",
    ),
    Case(
        "response-not-in-criteria",
        {A: (",CR,", ",CRh,"), "study.toml": ("ELN2022", "ELN2017")},
        "assessments.csv, line 3 (subject 007), response: got CRh; wanted a "
        "response of ELN2017, which has no CRh. Write CRi, or criteria = "
        '"ELN2022" under [response] in study.toml.',
    ),
    Case(
        "mrd-contradiction",
        {A: ("0.02,0.01,negative", "0.2,0.01,negative")},
        "assessments.csv, line 3 (subject 007), mrd_status: got 'negative' with "
        "mrd_value 0.2 %; wanted a status on the same side of the cut-off, 0.1 %."
        " Check both; the cut-off is cutoff_pct under [mrd] in study.toml.",
    ),
    Case(
        "mrd-contradiction",
        {A: ("0.02,0.01,negative", ",1,negative")},
        "assessments.csv, line 3 (subject 007), mrd_lod: got a detection limit of"
        " 1 %; wanted one at or below the cut-off, 0.1 %, to call a sample "
        "negative. Set mrd_status to not_evaluable, or correct the limit.",
    ),
    Case(
        "transplant-without-conditioning",
        {E: ("P02,60,progression", "P02,60,transplant")},
        "events.csv, line 4 (subject P02), event: got a transplant on day 60 and "
        "no conditioning in treatments.csv before it; wanted the day on which "
        "conditioning began, which ends the kinetics. Add it to treatments.csv "
        "with kind=conditioning; until then samples count up to the transplant.",
    ),
    Case(
        "treatment-kind-read-from-drug",
        {"treatments.csv": (",cytotoxic", ",")},
        "treatments.csv, line 4 (subject P02), kind: got 'azacitidine' after the "
        "infusion and no kind. It is read as 'cytotoxic': that subject's samples "
        "after day 62 are kept out of the kinetics. Write kind to say otherwise.",
    ),
    Case(
        "treatment-dose-without-unit",
        {"treatments.csv": ("8,mg/kg", "8,")},
        "treatments.csv, line 3 (subject 007), unit: got a dose of 8 without a "
        "unit; wanted a unit, such as mg/kg. Add it.",
    ),
    Case(
        "grade-5-without-death",
        {E: ("P02,120,death", "P02,120,last_contact")},
        "toxicities.csv, line 3 (subject P02), grade: got grade 5 and no death in"
        " events.csv; wanted a death, which is what grade 5 means. Add the death,"
        " or correct the grade.",
    ),
]


class FileCase(NamedTuple):
    """A NONMEM-style file, the options that go with it, and the sentence that must come."""

    code: str
    text: str
    options: dict
    sentence: str


HEAD = "ID,TIME,AMT,EVID,CMT,DV,MDV,CENS,LIMIT\n"
DOSE = "1,0,1.5e6,1,1,.,1,.,.\n"
GOOD = f"{HEAD}{DOSE}1,7,.,0,2,1200,0,0,.\n1,14,.,0,2,9800,0,0,.\n"
TELL = {"analytes": {2: "qpcr"}, "units": {"qpcr": "copies/ug"}, "dose_unit": "cells/kg"}

FILE_CASES = [
    FileCase(
        "option-missing",
        "ID,TIME,DV\n1,7,1200\n",
        {},
        "one.csv, DV: got 0 analytes for one kind of rows; wanted the analyte "
        'that DV holds. Give one, as in analytes={1: "qpcr"}, or a column DVID.',
    ),
    FileCase(
        "option-missing",
        GOOD,
        {**TELL, "time_unit": "fortnite"},
        "one.csv, TIME: got time_unit='fortnite'; wanted a unit of time, such as "
        "day or hour. 'fortnite' is not a known unit. Examples: copies/ug, "
        "cells/uL, 10^9/L, pg/mL, cells/kg, 1/day or %.",
    ),
    FileCase(
        "option-not-used",
        GOOD,
        {**TELL, "analytes": {2: "qpcr", 3: "flow"}},
        "one.csv, CMT: got analytes={3: 'flow'} and no such rows; wanted one of 2"
        " (2 rows). Correct the number, or name another column with by=...",
    ),
    FileCase(
        "option-not-used",
        GOOD,
        {**TELL, "by": "DVIDD"},
        "one.csv, line 1, DVIDD: got by='DVIDD' and no such column; wanted a "
        "column of the file. Known: ID, TIME, AMT, EVID, CMT, DV, MDV, CENS, "
        "LIMIT.  Did you mean 'EVID'?",
    ),
    FileCase(
        "option-not-used",
        GOOD,
        {**TELL, "covariates": {"WT": "weight_kg"}},
        "one.csv, line 1, WT: got covariates={'WT': ...} and no such column; "
        "wanted a covariate of the file. There are none.",
    ),
    FileCase(
        "option-not-used",
        GOOD,
        {**TELL, "analites": {2: "qpcr"}},
        "one.csv: got an option 'analites'; wanted a known option. Known: "
        "analytes, units, dose_unit, time_unit, by, id, covariates, name, "
        "simulated, zeros_as_read, settings.  Did you mean 'analytes'?",
    ),
    FileCase(
        "dvid-unknown",
        GOOD,
        {**TELL, "analytes": {1: "qpcr"}},
        "one.csv, CMT: got 2 rows with CMT 2; wanted an analyte for each of 2 (2 "
        'rows). Give analytes={2: "..."}, or None to leave them out.',
    ),
    FileCase(
        "rows-left-out",
        f"{GOOD}1,21,.,2,2,.,1,.,.\n",
        TELL,
        "one.csv: got 1 row with EVID 2. That says to leave them out.",
    ),
    FileCase(
        "rows-left-out",
        f"{GOOD}1,21,.,0,3,7,0,0,.\n",
        {**TELL, "analytes": {2: "qpcr", 3: None}},
        "one.csv: got 1 row with CMT 3, which stands for no analyte. That says to leave them out.",
    ),
    FileCase(
        "evid-not-supported",
        f"{GOOD}1,21,1e6,4,1,.,1,.,.\n",
        TELL,
        "one.csv, line 5 (subject 1), EVID: got EVID 4 with AMT 1e+06; wanted 0 "
        "(observation), 1 (dose, or nlmixr2's 101) or 2 (left out). Resets and "
        "steady states have no place here; take the row out.",
    ),
    FileCase(
        "evid-101",
        GOOD.replace("e6,1,1", "e6,101,1"),
        TELL,
        "one.csv, line 2 (subject 1), EVID: got 1 row with EVID 101 or alike. "
        "They are read as doses: nlmixr2 wrote 100 x compartment + 1.",
    ),
    FileCase(
        "dosing-not-supported",
        "ID,TIME,AMT,RATE,DV\n1,0,1.5e6,2,.\n1,7,.,.,1200\n",
        {**TELL, "analytes": {1: "qpcr"}},
        "one.csv, line 2 (subject 1), RATE: got 2; wanted 0: cells are infused at"
        " once. Write every infusion as a row of its own.",
    ),
    FileCase(
        "id-reappears",
        f"{GOOD}2,0,.,0,2,800,0,0,.\n1,21,.,0,2,300,0,0,.\n",
        TELL,
        "one.csv, line 6 (subject 1), ID: got '1' again, after rows of '2'; "
        "wanted all rows of one subject together: NONMEM reads this as another "
        "subject. Sort the rows by subject, or give the second subject its own "
        "id.",
    ),
    FileCase(
        "limit-above-not-supported",
        f"{GOOD}1,21,.,0,2,2e4,0,-1,5e4\n",
        TELL,
        "one.csv, line 5 (subject 1), LIMIT: got LIMIT '5e4' with CENS -1; wanted"
        " LIMIT only with CENS 1 or 0. Leave LIMIT empty: the reading is then "
        "above DV.",
    ),
    FileCase(
        "missing-column",
        "ID,HOURS,DV\n1,7,1200\n",
        TELL,
        "one.csv, line 1, TIME: got no such column among 'ID', 'HOURS', 'DV'; "
        "wanted at least ID, TIME and DV. Add it, or rename the one that holds it"
        " (id=... names a column of ids).",
    ),
    FileCase(
        "duplicate-column",
        "ID,TIME,DV,CENS,BLQ\n1,7,1200,0,0\n",
        {**TELL, "analytes": {1: "qpcr"}},
        "one.csv, line 1, BLQ: got both CENS and BLQ; wanted one of them. Rename "
        "the one that is not to be used.",
    ),
    FileCase(
        "duplicate-column",
        "ID,TIME,DV,Dv\n1,7,1200,0\n",
        {**TELL, "analytes": {1: "qpcr"}},
        "one.csv, line 1, DV: got 'Dv' as well as DV; wanted one column of this "
        "name. Rename or delete the others.",
    ),
    FileCase(
        "not-a-number",
        f"{GOOD}1,21,.,none,2,300,0,0,.\n",
        TELL,
        "one.csv, line 5 (subject 1), EVID: got 'none'; wanted a number. Correct it.",
    ),
    FileCase(
        "wrong-delimiter",
        "ID TIME DV\n1 7 1200\n",
        TELL,
        "one.csv, line 1: got columns separated by spaces; wanted columns "
        "separated by commas, the header in line 1, and decimal points. Export it"
        " with commas and decimal points (Excel follows the computer's region).",
    ),
    FileCase(
        "extra-column",
        "ID,TIME,DV,OCC\n1,7,1200,1\n1,8,1300,2\n",
        {**TELL, "analytes": {1: "qpcr"}},
        "one.csv, line 1, OCC: got 'OCC', which changes within a subject. It is "
        "not used; covariates={'OCC': \"...\"} reads it as an analyte.",
    ),
    FileCase(
        "zero-without-limit",
        f"{GOOD}1,21,.,0,2,0,0,0,.\n",
        TELL,
        "one.csv, line 5 (subject 1), DV: got 0 with no lloq; wanted a limit, "
        "because a zero with no limit has no likelihood. Give lloq in that row, "
        "or --assume-lloq qpcr=LIMIT (in Python assume_lloq={'qpcr': LIMIT}).",
    ),
    FileCase(
        "unit-missing",
        GOOD,
        {**TELL, "units": {}},
        "one.csv, line 3 (subject 1), DV: got 2 rows of qpcr without a unit; "
        "wanted a unit such as copies/ug or cells/uL. Fill the column unit, or "
        "write qpcr = \"...\" under [units] in study.toml (units={'qpcr': ...} for "
        "a NONMEM-style file).",
    ),
    FileCase(
        "dose-without-unit",
        GOOD,
        {k: v for k, v in TELL.items() if k != "dose_unit"},
        "the options, dose_unit: got 1 dose in one.csv and no unit; wanted "
        'dose_unit. Write dose_unit = "cells/kg" (or "cells") into study.toml '
        "(dose_unit=... for a NONMEM-style file).",
    ),
    FileCase(
        "bad-setting",
        GOOD,
        {**TELL, "settings": {"horizon": 0}},
        "the options, horizon: got '0'; wanted a number greater than 0. Correct it.",
    ),
]
