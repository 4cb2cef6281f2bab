"""Where a row of a CDISC study stands: rows of two data sets are never taken for each other."""

import pytest
from cdisc_files import write_folder, write_xpt_folder

from cellkinetics.cdisc import adtte_table
from cellkinetics.endpoints import Options, compute_endpoints
from cellkinetics.outcome.response import assessed
from cellkinetics.study import read_study

A, B = "CART-01-1001", "CART-01-1002"
TWO_SOURCES = {
    "adrs.csv": f"STUDYID,USUBJID,PARAMCD,PARAM,AVALC,ADY\nCART-01,{A},OVR,Response,CR,34\n",
    "adlb.csv": "STUDYID,USUBJID,PARAMCD,PARAM,AVAL,AVALU,ADY\n"
    f"CART-01,{B},BMBLAST,Marrow blasts (%),45,%,29\n",
}


def test_the_second_record_of_two_data_sets_is_not_one_row(tmp_path):
    study = read_study(write_folder(tmp_path, TWO_SOURCES))
    rows = assessed(study)[["subject", "time", "response", "file", "line"]]
    assert rows.to_numpy().tolist() == [
        [A, 28, "CR", "adrs.csv", 2],
        [B, 28, "NR", "adlb.csv", 2],
    ]


@pytest.mark.parametrize(("suffix", "place"), [("csv", "line 3"), ("xpt", "record 2")])
def test_answers_name_the_data_set_and_its_row(tmp_path, suffix, place):
    folder = write_folder(tmp_path / "csv", {})
    if suffix == "xpt":
        folder = write_xpt_folder(tmp_path / "xpt", folder)
    found = compute_endpoints(read_study(folder), Options(cutoff=200))
    efs = found.answers["efs"].subjects.set_index("subject")
    assert efs.loc[A, "why"] == "censored: alive at the data cut on day 200"
    assert efs.loc[B, "file"] in (f"adtte.{suffix}", f"adrs.{suffix}")
    assert f"({efs.loc[B, 'file']}, " in efs.loc[B, "why"]
    death = found.answers["os"].subjects.set_index("subject").loc[B]
    assert death["why"] == f"death on day 150 (adsl.{suffix}, {place})"
    table, _ = adtte_table([found.answers["os"]], study="S")
    assert table.set_index("USUBJID").loc[B, "SRCDOM"] == "ADSL"
    late = found.late.set_index("table")
    assert (late["file"].str.endswith(f".{suffix}")).all()
    told = found.answers["efs"].definition
    assert "ADTTE" in told
    for answer in found.answers.values():
        texts = [answer.definition, *answer.notes]
        for table in (answer.subjects, answer.numbers, *answer.more.values()):
            texts += [t for c in table for t in table[c] if isinstance(t, str)]
        for ours in ("events.csv", "assessments.csv", "toxicities.csv", "samples.csv"):
            assert not any(ours in text for text in texts), answer.name


def test_a_study_of_tables_names_its_tables(tmp_path):
    (tmp_path / "study.toml").write_text('name = "a"\nsimulated = true\n')
    (tmp_path / "subjects.csv").write_text("subject\nA\n")
    (tmp_path / "events.csv").write_text("subject,time,event\nA,9,death\n")
    study = read_study(tmp_path)
    assert study.sources == {}
    (why,) = compute_endpoints(study).answers["os"].subjects["why"]
    assert why == "death on day 9 (events.csv, line 2)"
