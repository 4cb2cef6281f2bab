"""Data sets that we write: limits of the transport format, conventions, and reading them back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from cdisc_files import FILES, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from cellkinetics.cdisc import CdiscError, adtte_table, pp_table, write_adtte, write_pp
from cellkinetics.cdisc.adtte import VARIABLES as ADTTE
from cellkinetics.cdisc.pp import VARIABLES as PP
from cellkinetics.cdisc.terms import OWN, PPTEST
from cellkinetics.cdisc.transport import Variable, write_dataset
from cellkinetics.outcome.answer import Answer, numbers
from cellkinetics.study import read_study

AML5 = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"


def exposure(**changes) -> pd.DataFrame:
    table = {
        "subject": ["P01", "P01", "P01", "P02"],
        "analyte": ["qpcr", "qpcr", "qpcr", "qpcr"],
        "specimen": ["blood", "blood", "blood", None],
        "metric": ["Cmax", "AUC0-28d", "fold_expansion", "Cmax"],
        "value": [1234.5, 1e5 / 3, 206.0, np.nan],
        "unit": ["copies/ug", "day*copies/ug", "1", "copies/ug"],
        "cdisc": ["CMAX", "AUCINT", "", "CMAX"],
        "flag": ["", "extrapolated", "", "not estimable"],
        "reason": ["", "past Tlast", "", "all below the limit"],
    }
    return pd.DataFrame({**table, **changes})


def answer(name: str = "efs", **changes) -> Answer:
    table = {
        "subject": ["P01", "P02", "P03", "P04"],
        "start": [0.0, 0.0, 28.0, np.nan],
        "time": [365.0, 0.0, 152.5, np.nan],
        "event": pd.array([0, 1, 1, pd.NA], dtype="Int64"),
        "what": ["censored", "treatment_failure", "relapse", None],
        "why": ["censored: last contact on day 365 (events.csv, line 2)", "x", "y", None],
        "table": ["events", "assessments", "events", None],
        "reason": [None, None, None, "no response"],
    }
    return Answer(name, name.title(), "a rule", pd.DataFrame({**table, **changes}), numbers([]))


def read(path: Path) -> tuple[pd.DataFrame, object]:
    return pyreadstat.read_xport(str(path))


# ------------------------------------------------------------------------------------------- PP


def test_pp_columns_codes_and_reasons(tmp_path):
    found = write_pp(exposure(), tmp_path / "pp.xpt", study="CART-01")
    assert found == []
    frame, meta = read(tmp_path / "pp.xpt")
    assert list(frame) == [v.name for v in PP]
    assert (meta.table_name, meta.file_label) == ("PP", "Pharmacokinetic Parameters")
    assert meta.column_names_to_labels == {v.name: v.label for v in PP}
    assert frame["PPTESTCD"].tolist() == ["CMAX", "AUCINT", "FOLDEXP", "CMAX"]
    assert frame["PPTEST"].tolist()[:3] == ["Max Conc", "AUC from T1 to T2", "Fold Expansion"]
    assert frame["PPSEQ"].tolist() == [1, 2, 3, 1]
    assert frame[["PPSTINT", "PPENINT"]].to_numpy().tolist()[1] == ["P0D", "P28D"]
    assert frame["PPSPEC"].tolist() == ["BLOOD", "BLOOD", "BLOOD", ""]
    assert frame["PPSTAT"].tolist() == ["", "", "", "NOT DONE"]
    assert frame["PPREASND"].tolist()[3] == "all below the limit"
    assert frame["PPFLAG"].tolist() == ["", "extrapolated", "", ""]
    assert frame["PPSTRESN"].tolist()[:3] == [1234.5, 1e5 / 3, 206.0]  # to the last bit
    assert frame["PPORRES"].tolist() == ["1234.5", repr(1e5 / 3), "206.0", ""]
    assert float(frame["PPSTRESC"][1]) == 1e5 / 3
    assert frame["PPSTRESU"].tolist() == ["copies/ug", "day*copies/ug", "1", ""]


def test_a_metric_without_a_code_is_named_and_can_be_given_one(tmp_path):
    table = exposure(metric=["Cmax", "AUC0-28d", "mine", "Cmax"])
    out, found = pp_table(table, study="S")
    assert out["PPSCAT"].tolist() == ["Cmax", "AUC0-28d", "Cmax"]
    assert [f.came for f in found] == ["1 value of mine, which have no code"]
    out, found = pp_table(table, study="S", codes={"mine": ("MINE", "My Metric")})
    assert out["PPTESTCD"].tolist()[2] == "MINE"
    assert found == []
    with pytest.raises(CdiscError, match="'TOOLONGCODE' is not of at most 8 capital"):
        pp_table(table, study="S", codes={"mine": ("TOOLONGCODE", "x")})


def test_missing_columns_are_named():
    with pytest.raises(CdiscError, match="The table of exposure has no column unit"):
        pp_table(exposure().drop(columns="unit"), study="S")
    with pytest.raises(CdiscError, match="The answer 'efs' has no column event"):
        adtte_table([answer().__class__("efs", "", "", pd.DataFrame({"subject": ["1"],
                     "time": [1.0]}), numbers([]))], study="S")  # fmt: skip


def test_the_terms_fit_a_transport_file():
    for code, test in {**PPTEST, **dict(OWN.values())}.items():
        assert len(code) <= 8
        assert len(test) <= 40


def test_every_metric_of_the_registry_has_a_code(tmp_path):
    """On the shipped study: nothing is left out, and both files hold the same."""
    nca = pytest.importorskip("cellkinetics.exposure.nca").nca
    long = nca(read_study(AML5)).long
    for name in ("pp.csv", "pp.xpt"):
        assert write_pp(long, tmp_path / name, study="aml5") == []
    frame, _ = read(tmp_path / "pp.xpt")
    text = pd.read_csv(tmp_path / "pp.csv", keep_default_na=False, dtype=str)
    assert len(frame) == len(long)
    assert np.array_equal(frame["PPSTRESN"], long["value"], equal_nan=True)
    for variable in PP:
        if variable.kind == "text":
            assert frame[variable.name].tolist() == text[variable.name].tolist()
        else:
            exact = [float(cell) if cell else np.nan for cell in text[variable.name]]
            assert np.array_equal(frame[variable.name], exact, equal_nan=True)


# ---------------------------------------------------------------------------------------- ADTTE


def test_days_count_from_1_and_0_is_an_event():
    out, found = adtte_table([answer()], study="CART-01")
    assert list(out) == [v.name for v in ADTTE]
    assert out["AVAL"].tolist() == [366, 1, 153.5]
    assert out["ADY"].tolist() == [366, 1, 181.5]
    assert out["STARTDY"].tolist() == [1, 1, 29]
    assert out["CNSR"].tolist() == [1, 0, 0]
    assert out["EVNTDESC"].tolist() == ["Censored", "Treatment failure", "Relapse"]
    assert out["CNSDTDSC"].tolist() == ["Last contact on day 365", "", ""]
    assert out["SRCDOM"].tolist() == ["EVENTS", "ASSESSMENTS", "EVENTS"]
    assert set(out["PARAMCD"]) == {"EFS"}
    assert [f.came for f in found] == ["1 subject without a time for EFS"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": [-1.0, 0.0, 1.0, np.nan]}, "efs: subject P01 has a negative time"),
        ({"event": pd.array([pd.NA, 1, 1, pd.NA], dtype="Int64")}, "P01 has a time and no event"),
        ({"subject": ["P01", "P02", "P02", "P04"]}, "subject P02 has two rows"),
    ],
)
def test_answers_that_cannot_be(changes, words):
    with pytest.raises(CdiscError, match=words):
        adtte_table([answer(**changes)], study="S")


def test_two_answers_of_one_name():
    with pytest.raises(CdiscError, match="Two answers are called 'efs'"):
        adtte_table([answer(), answer()], study="S")


def test_nobody_counts(tmp_path):
    out, found = adtte_table([answer(time=[np.nan] * 4)], study="S")
    assert out.empty
    assert [f.came for f in found] == ["4 subjects without a time for EFS"]
    write_adtte([], tmp_path / "adtte.xpt", study="S")
    frame, _ = read(tmp_path / "adtte.xpt")
    assert list(frame) == [v.name for v in ADTTE]


@pytest.mark.parametrize("ending", ["csv", "xpt"])
def test_written_and_read_back_as_the_study_s_own_answer(tmp_path, ending):
    """ADSL by hand, ADTTE by us: times, events and days are those that were written."""
    subjects = "USUBJID,TRTSDT\n" + "".join(f"P0{i},2024-01-01\n" for i in (1, 2, 3, 4))
    (tmp_path / "adsl.csv").write_text(subjects)
    written = [answer("efs"), answer("os", event=pd.array([0, 1, 1, 0], dtype="Int64"),
               what=["censored", "death", "death", "censored"], start=[0.0] * 4,
               time=[365.0, 70, 180.5, 365],
               why=["censored: last contact", "", "", "censored: withdrawal"])]  # fmt: skip
    write_adtte(written, tmp_path / f"adtte.{ending}", study="CART-01")
    study = read_study(tmp_path)
    assert study.reported[["subject", "endpoint", "time", "event", "day"]].to_numpy().tolist() == [
        ["P01", "EFS", 365, False, 365],
        ["P02", "EFS", 0, True, 0],
        ["P03", "EFS", 152.5, True, 180.5],
        ["P01", "OS", 365, False, 365],
        ["P02", "OS", 70, True, 70],
        ["P03", "OS", 180.5, True, 180.5],
        ["P04", "OS", 365, False, 365],
    ]
    assert study.events[["subject", "time", "event"]].to_numpy().tolist() == [
        ["P01", 365, "last_contact"],
        ["P02", 0, "treatment_failure"],
        ["P02", 70, "death"],
        ["P03", 180.5, "relapse"],
        ["P03", 180.5, "death"],
        ["P04", 365, "withdrawal"],
    ]


def test_the_shipped_study_s_answers_come_back(tmp_path):
    """aml5's own endpoints out as ADTTE and in again, beside an ADSL written by hand."""
    endpoints = pytest.importorskip("cellkinetics.outcome.survival.endpoints")
    study = read_study(AML5)
    answers = [endpoints.event_free(study), endpoints.overall(study),
               endpoints.duration_of_response(study)]  # fmt: skip
    write_adtte(answers, tmp_path / "adtte.xpt", study="aml5")
    ids = "".join(f"{s}\n" for s in study.subjects["subject"])
    (tmp_path / "adsl.csv").write_text(f"USUBJID\n{ids}")
    again = read_study(tmp_path).reported
    for one in answers:
        mine = one.subjects.dropna(subset=["time"])
        theirs = again[again["endpoint"] == one.name.upper()]
        assert mine["subject"].tolist() == theirs["subject"].tolist()
        assert mine["time"].tolist() == pytest.approx(theirs["time"].tolist())
        assert mine["event"].astype(bool).tolist() == theirs["event"].tolist()
        assert mine["day"].tolist() == pytest.approx(theirs["day"].tolist())


# --------------------------------------------------------------------------- the transport format

TWO = (Variable("USUBJID", "Subject", key=True), Variable("NOTE", "A note"))
ONE = (Variable("AVAL", "Value", "number"),)


def test_long_and_foreign_texts_are_changed_only_with_a_finding(tmp_path):
    table = pd.DataFrame(
        {"USUBJID": ["1", "2", "3"], "NOTE": ["x" * 201, "Müller ≥ 5 µg", "plain"]}
    )
    found = write_dataset(table, tmp_path / "a.xpt", "A", "a", TWO)
    assert [(f.code, f.line, f.subject, f.column) for f in found] == [
        ("text-not-ascii", 2, "2", "NOTE"),
        ("text-shortened", 1, "1", "NOTE"),
    ]
    assert "Written as 'Muller >= 5 ug'" in str(found[0])
    frame, _ = read(tmp_path / "a.xpt")
    assert frame["NOTE"].tolist() == ["x" * 200, "Muller >= 5 ug", "plain"]
    assert write_dataset(table, tmp_path / "a.csv", "A", "a", TWO) == []
    assert pd.read_csv(tmp_path / "a.csv", dtype=str)["NOTE"].tolist() == table["NOTE"].tolist()


@pytest.mark.parametrize("key", ["Ünit-1", "1" * 201])
def test_a_subject_s_id_is_never_changed(tmp_path, key):
    table = pd.DataFrame({"USUBJID": [key], "NOTE": ["n"]})
    with pytest.raises(CdiscError, match="identifies the record and is not changed"):
        write_dataset(table, tmp_path / "a.xpt", "A", "a", TWO)
    assert not (tmp_path / "a.xpt").exists()


@pytest.mark.parametrize("value", [1e76, -8e75, 1e-79, 5e-324])
def test_numbers_outside_the_format_are_refused(tmp_path, value):
    """pyreadstat alone would write an infinity or a zero."""
    table = pd.DataFrame({"AVAL": [1.0, value]})
    with pytest.raises(CdiscError, match=r"record 2, AVAL: .* is outside the range of an XPT"):
        write_dataset(table, tmp_path / "a.xpt", "A", "a", ONE)
    write_dataset(table, tmp_path / "a.csv", "A", "a", ONE)
    assert pd.read_csv(tmp_path / "a.csv")["AVAL"].tolist() == [1.0, value]


@pytest.mark.parametrize("name", ["a.csv", "a.xpt"])
def test_an_infinite_number_is_refused(tmp_path, name):
    with pytest.raises(CdiscError, match="AVAL holds an infinite number"):
        write_dataset(pd.DataFrame({"AVAL": [np.inf]}), tmp_path / name, "A", "a", ONE)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    values=st.lists(
        st.floats(min_value=1e-77, max_value=9e73)
        | st.floats(min_value=-9e73, max_value=-1e-77)
        | st.sampled_from([0.0, float("nan"), 0.1, 1 / 3, 2.0**53 + 1]),
        min_size=1,
        max_size=20,
    )
)
def test_numbers_are_exact(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("x") / "a.xpt"
    write_dataset(pd.DataFrame({"AVAL": values}), path, "A", "a", ONE)
    assert np.array_equal(read(path)[0]["AVAL"], np.array(values), equal_nan=True)


@pytest.mark.parametrize(
    ("name", "label", "variable"),
    [
        ("TOOLONGNAME", "a", Variable("AVAL", "v", "number")),
        ("A", "a", Variable("VARIABLE1", "v", "number")),
        ("A", "a", Variable("1A", "v", "number")),
        ("A", "a", Variable("lower", "v", "number")),
        ("A", "l" * 41, Variable("AVAL", "v", "number")),
        ("A", "a", Variable("AVAL", "v" * 41, "number")),
        ("A", "a", Variable("AVAL", "µ", "number")),
    ],
)
def test_names_and_labels_that_do_not_fit(tmp_path, name, label, variable):
    table = pd.DataFrame({variable.name: [1.0]})
    with pytest.raises(CdiscError, match=r"no name in an XPT|longer than 40 ASCII"):
        write_dataset(table, tmp_path / "a.xpt", name, label, [variable])


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(CdiscError, match=r"written as \.csv or \.xpt"):
        write_pp(exposure(), tmp_path / "pp.sas7bdat", study="S")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """A file is written whole or not at all, and nothing temporary stays."""
    path = tmp_path / "pp.xpt"
    write_pp(exposure(), path, study="S")
    before = path.read_bytes()

    def breaks(*_args: object, **_options: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", breaks)
    with pytest.raises(CdiscError, match="disk full"):
        write_pp(exposure(), path, study="T")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["pp.xpt"]


def test_no_folder_there(tmp_path):
    with pytest.raises(CdiscError, match="cannot be written"):
        write_pp(exposure(), tmp_path / "nowhere" / "pp.xpt", study="S")


def test_a_hand_written_adtte_is_no_different_from_ours(tmp_path):
    """What we read from the hand-written file, written by us, is read the same again."""
    study = read_study(write_folder(tmp_path / "a", {}))
    got = study.reported
    answers = [
        Answer(str(name).lower(), str(name), "", part.assign(
            start=part["day"] - part["time"],
            why=part["reason"].map(lambda text: f"censored: {text}", na_action="ignore"),
        ), numbers([]))
        for name, part in got.groupby("endpoint", sort=False)
    ]  # fmt: skip
    edits = {"adtte.csv": None, "adsl.csv": FILES["adsl.csv"]}
    folder = write_folder(tmp_path / "b", edits)
    write_adtte(answers, folder / "adtte.csv", study="CART-01")
    # ADY of ours counts from the infusion; subject 1001's study days from lymphodepletion.
    text = pd.read_csv(folder / "adtte.csv")
    text.loc[text["USUBJID"] == "CART-01-1001", "ADY"] += 5
    text.to_csv(folder / "adtte.csv", index=False)
    again = read_study(folder)
    columns = ["subject", "endpoint", "time", "event", "day"]
    key = ["endpoint", "subject"]
    pd.testing.assert_frame_equal(
        again.reported[columns].sort_values(key, ignore_index=True),
        got[columns].sort_values(key, ignore_index=True),
    )
    pd.testing.assert_frame_equal(
        again.events.drop(columns="line"), study.events.drop(columns="line")
    )
