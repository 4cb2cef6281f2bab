"""Every finding: a study damaged in one place, and the sentence that must come."""

import json
import re

import pytest
from cases import CASES, FILE_CASES, Case, FileCase
from study_files import write_study

from cellkinetics.errors import StudyError
from cellkinetics.study import check_study, findings_to_json, read_study
from cellkinetics.study.findings import CODES, finding

# Codes that need more than a damaged file; each has a test of its own below.
ELSEWHERE = {
    "study-not-found",
    "unreadable-file",
    "lloq-assumed",
    "assume-lloq-unknown",
    "assume-lloq-invalid",
}


def sentences(found, code):
    return [str(f) for f in found if f.code == code]


def test_a_clean_study_has_no_finding(tmp_path):
    assert check_study(write_study(tmp_path, {})) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_finding(tmp_path, case: Case):
    found = check_study(write_study(tmp_path, case.edits))
    assert case.sentence in sentences(found, case.code)
    assert {f.severity for f in found if f.code == case.code} == {CODES[case.code]}


@pytest.mark.parametrize("case", FILE_CASES, ids=lambda case: case.code)
def test_finding_in_a_nonmem_file(tmp_path, case: FileCase):
    (tmp_path / "one.csv").write_text(case.text)
    found = check_study(tmp_path / "one.csv", **case.options)
    assert case.sentence in sentences(found, case.code)


def test_every_code_has_a_test():
    tested = {case.code for case in (*CASES, *FILE_CASES)} | ELSEWHERE
    assert tested == set(CODES)


def test_codes_are_kebab_case():
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) for code in CODES)


@pytest.mark.parametrize(
    ("path", "came"),
    [
        ("nowhere", "nothing there"),
        ("notes.txt", "a file that is no CSV"),
        ("empty", "a folder with neither study.toml nor any table (no CSV at all)"),
        ("other", "a folder with neither study.toml nor any table (sheet.csv)"),
        ("nul\0byte", "nothing there"),
        ("result", "a result of this program, no study"),
    ],
)
def test_no_study_there(tmp_path, path, came):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sheet.csv").write_text("a,b\n")
    (tmp_path / "result").mkdir()
    for name in ("endpoints.json", "adtte.csv"):  # that was "got no ADSL" once
        (tmp_path / "result" / name).write_text("{}")
    found = check_study(tmp_path / path)
    assert [f.code for f in found] == ["study-not-found"]
    assert found[0].came == came
    with pytest.raises(StudyError, match="1 error in the study"):
        read_study(tmp_path / path)


def test_study_toml_instead_of_its_folder(tmp_path):
    write_study(tmp_path, {})
    (found,) = check_study(tmp_path / "study.toml")
    assert str(found).endswith("Give the folder that holds study.toml.")


def test_a_folder_in_place_of_a_table(tmp_path):
    write_study(tmp_path, {"events.csv": None, "study.toml": None})
    (tmp_path / "events.csv").mkdir()
    (tmp_path / "study.toml").mkdir()
    found = sentences(check_study(tmp_path), "unreadable-file")
    assert found == [
        "events.csv: got no file to read (Is a directory); wanted a readable CSV file. Check its "
        "permissions, and that it is a file.",
        "study.toml: got no file to read (Is a directory); wanted a readable text file. Check its "
        "permissions, and that it is a file.",
    ]


def test_options_of_a_nonmem_file_are_refused_for_a_folder(tmp_path):
    (found,) = check_study(write_study(tmp_path / "two", {}), dose_unit="cells")
    assert str(found) == (
        "two: got dose_unit=... for a folder of tables; wanted these options only for one "
        "NONMEM-style .csv. A folder says the same in study.toml."
    )


def test_assumed_limits_are_said(tmp_path):
    folder = write_study(
        tmp_path, {"samples.csv": "subject,time,analyte,value,unit\n007,7,qpcr,0,copies/ug\n"}
    )
    assert sentences(check_study(folder), "zero-without-limit")
    found = check_study(folder, assume_lloq={"qpcr": 50.0, "flw": 1.0})
    assert sentences(found, "lloq-assumed") == [
        "samples.csv, lloq: got an assumed limit of 50 for 1 row of qpcr without one. Write it "
        "into the column lloq to state it."
    ]
    assert sentences(found, "assume-lloq-unknown") == [
        "samples.csv, lloq: got an assumed limit for analyte 'flw', which has no sample; wanted "
        "an analyte of the study. Known: qpcr."
    ]
    assert not sentences(found, "zero-without-limit")
    found = check_study(folder, assume_lloq={"qpcr": 0.0})
    assert sentences(found, "assume-lloq-invalid") == [
        "samples.csv, lloq: got an assumed limit of 0 for qpcr; wanted a number above 0. Give the "
        "assay's lower limit of quantification."
    ]


def test_all_errors_are_found_at_once_and_raised_together(tmp_path):
    folder = write_study(
        tmp_path / "two",
        {
            "study.toml": ("landmark", "landmrk"),
            "samples.csv": ("007,7,qpcr,1200", "P9,x,qpcr,<50"),
            "events.csv": ("relapse", "relaps"),
        },
    )
    with pytest.raises(StudyError) as error:
        read_study(folder)
    text = str(error.value)
    assert text.startswith("two: 5 errors in the study.\n  events.csv, line 2 (subject 007), event")
    for found in check_study(folder):
        assert (str(found) in text) == (found.severity == "error")


def test_errors_come_first_then_file_and_line(tmp_path):
    folder = write_study(
        tmp_path,
        {"samples.csv": ("1200", "-1200"), "events.csv": ("progression", "death")},
    )
    order = [(f.severity, f.file, f.line) for f in check_study(folder)]
    assert order == [
        ("error", "events.csv", 5),  # after the first of two deaths
        ("error", "events.csv", 5),  # the second death
        ("error", "samples.csv", 3),
        ("error", "toxicities.csv", 3),
        ("error", "treatments.csv", 4),
    ]


def test_warnings_do_not_stop_and_are_kept(tmp_path):
    study = read_study(write_study(tmp_path, {"infusions.csv": ("1.5e6", "1.5")}))
    assert [f.code for f in study.findings] == ["dose-outside-range"]


def test_json_says_everything(tmp_path):
    folder = write_study(tmp_path, {"samples.csv": ("1200", "0"), "infusions.csv": ("1.5e6", "1")})
    found = check_study(folder)
    read = json.loads(findings_to_json(found))
    assert read["counts"] == {"error": 0, "warning": 2, "info": 0}
    assert [entry["text"] for entry in read["findings"]] == [str(f) for f in found]
    assert read["findings"][1] | {"text": ""} == {
        "severity": "warning",
        "code": "below-limit-without-cens",
        "table": "samples",
        "file": "samples.csv",
        "line": 3,
        "column": "value",
        "subject": "007",
        "came": "0, under its own limit (lloq 50, lod 10), without cens",
        "wanted": "cens=1",
        "cure": "It is read as below that limit; set cens=1, or empty the limit to use it as read.",
        "text": "",
    }


def test_a_terminal_does_not_obey_a_strangers_file(tmp_path):
    folder = write_study(
        tmp_path, {"events.csv": "subject,time,event\n\x1b[31m007,3,\x1b]0;gone\x07\n"}
    )
    text = "\n".join(map(str, check_study(folder)))
    assert "\x1b" not in text
    assert "(subject \\x1b[31m007)" in text


def test_long_cells_are_shortened(tmp_path):
    folder = write_study(tmp_path, {"events.csv": f"subject,time,event\n007,3,{'x' * 5000}\n"})
    assert max(len(str(f)) for f in check_study(folder)) < 600


def test_templates_do_not_obey_a_strangers_file(tmp_path):
    folder = write_study(tmp_path, {"samples.csv": ("007,7,qpcr", "{time.__class__},7,{0}")})
    assert any("'{time.__class__}'" in str(f) for f in check_study(folder))


def test_a_slip_in_the_settings_does_not_hide_what_the_tables_have(tmp_path):
    folder = write_study(
        tmp_path,
        {"study.toml": ("landmark", "landmrk"), "samples.csv": ("1200,copies/ug", "1200,copis/ug")},
    )
    assert {f.code for f in check_study(folder)} == {"unknown-setting", "unit-unknown"}


@pytest.mark.parametrize("name", ["study.toml", "subjects.csv", "samples.csv", "events.csv"])
def test_an_unreadable_file_is_one_finding(tmp_path, name):
    found = check_study(write_study(tmp_path, {name: b"\xff\xff\xff\n"}))
    assert [(f.code, f.file) for f in found] == [("not-utf8", name)]


def test_a_finding_needs_a_known_code():
    with pytest.raises(KeyError):
        finding("no-such-code", "samples", came="")


def test_every_sentence_ends():
    assert all(case.sentence.endswith((".", "?")) for case in (*CASES, *FILE_CASES))


def test_lymphodepletion_before_the_infusion_needs_no_kind(tmp_path):
    assert check_study(write_study(tmp_path, {"treatments.csv": (",lymphodepletion", ",")})) == []


def test_a_mistyped_death_is_said_once_a_subject_and_table(tmp_path):
    """It had made an error of every later row: 85 in the shipped study."""
    found = check_study(write_study(tmp_path, {"events.csv": ("P02,120,death", "P02,1,death")}))
    late = [f for f in found if f.code == "after-death"]
    assert len({(f.table, f.subject) for f in late}) == len(late) > 2
    assert (
        "samples.csv, line 6 (subject P02), time: got day 7, after the death on day 1, and 3 more "
        "rows; wanted nothing after a death. Correct this day, or the death in events.csv."
    ) in map(str, late)
