"""The result folder: whole or not there, and never over something that is not ours."""

import hashlib
import json

import pandas as pd
import pyreadstat
import pytest
from trials import trial

import cellkinetics.endpoints.write as module
from cellkinetics.catalogue import find_study
from cellkinetics.endpoints import EndpointsError, Options, compute_endpoints, write_endpoints
from cellkinetics.endpoints.run import PARTS
from cellkinetics.endpoints.write import check_folder, default_folder
from cellkinetics.study import read_study


@pytest.fixture(scope="module")
def found():
    return compute_endpoints(read_study(find_study("aml5")), Options(cutoff=300))


@pytest.fixture(scope="module")
def folder(found, tmp_path_factory):
    target = tmp_path_factory.mktemp("results") / "deep" / "aml5"
    write_endpoints(found, target, xpt=True)
    return target


def test_every_part_has_its_tables_and_figures(found, folder):
    names = {file.name for file in folder.iterdir()}
    for part in PARTS:
        assert {f"{part}_subjects.csv", f"{part}_summary.csv"} <= names
    for figure in ("efs", "os", "dor", "swimmer", "adverse_events", "cytokine-courses"):
        assert {f"{figure}.png", f"{figure}.svg"} <= names
    assert {"adtte.csv", "adtte.xpt", "pp.csv", "pp.xpt", "after_the_cut.csv"} <= names
    summary = pd.read_csv(folder / "efs_summary.csv")
    assert summary["n"].notna().all()
    assert summary["method"].notna().all()
    assert summary["estimate"].dropna().tolist() == pytest.approx(
        found.answers["efs"].numbers["estimate"].dropna().tolist(), rel=1e-6
    )
    late = pd.read_csv(folder / "after_the_cut.csv")
    assert len(late) == len(found.late) > 0
    assert (late["time"] > 300).all()


def test_json_holds_all_numbers_rules_sources_and_files(found, folder):
    said = json.loads((folder / "endpoints.json").read_text(), parse_constant=pytest.fail)
    assert said["kind"] == "cellkinetics endpoints"
    assert said["simulated"] is True
    assert said["options"]["efs"] == "registered"
    assert said["passed"] is True
    for part in PARTS:
        assert len(said["endpoints"][part]["numbers"]) == len(found.answers[part].numbers)
        assert said["endpoints"][part]["definition"]
    study = find_study("aml5")
    assert said["inputs_sha256"]["events.csv"] == (
        hashlib.sha256((study / "events.csv").read_bytes()).hexdigest()
    )
    assert said["versions"]["pandas"] == pd.__version__
    assert set(said["files"]) | {"endpoints.json"} == {file.name for file in folder.iterdir()}
    assert said["tables_not_written"] == {}


def test_definitions_say_the_rules(folder):
    text = (folder / "definitions.txt").read_text()
    for words in (
        "SIMULATED", "Data cut: day 300", "Event-free survival (registered)",
        "From infusion (day 0) to treatment failure, relapse or death of any cause",
        "Clopper-Pearson", "holds: EFS is never longer than OS", "pandas ",
    ):  # fmt: skip
        assert words in text, words
    assert max(map(len, text.splitlines())) <= 100


def test_adtte_counts_from_day_1(found, folder):
    table, _ = pyreadstat.read_xport(str(folder / "adtte.xpt"))
    os = table[table["PARAMCD"] == "OS"].set_index("USUBJID")
    assert os.loc["P04", ["AVAL", "CNSR"]].tolist() == [119, 0]
    assert os.loc["P01", ["AVAL", "CNSR"]].tolist() == [301, 1]
    assert set(table["PARAMCD"]) == {"EFS", "OS", "DOR", "RFS"}
    assert set(pd.read_csv(folder / "pp.csv")["USUBJID"]) == set(found.subjects)


def test_the_same_input_is_the_same_folder(found, folder, tmp_path):
    write_endpoints(found, tmp_path / "again", xpt=False)
    for file in (tmp_path / "again").iterdir():
        if file.name != "endpoints.json":  # lists the files, which lack the XPT here
            assert file.read_bytes() == (folder / file.name).read_bytes(), file.name


def test_an_earlier_result_is_replaced_only_when_asked(tmp_path):
    found = compute_endpoints(trial(tmp_path / "study", "A", events="A 9 death"))
    target = tmp_path / "out"
    write_endpoints(found, target, figures=False)
    before = (target / "os_summary.csv").read_text()
    with pytest.raises(EndpointsError, match=r"earlier result.*--overwrite"):
        write_endpoints(found, target, figures=False)
    later = compute_endpoints(found.study, Options(cutoff=5))
    write_endpoints(later, target, figures=False, overwrite=True)
    assert (target / "os_summary.csv").read_text() != before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "study"]


def test_what_is_not_ours_is_not_touched(tmp_path):
    found = compute_endpoints(trial(tmp_path / "study", "A"))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.docx").write_text("x")
    for words, target in (
        ("holds something that is no result", theirs),
        ("holds something that is no result", tmp_path / "study"),
        ("is a file or a link", theirs / "thesis.docx"),
    ):
        with pytest.raises(EndpointsError, match=words):
            write_endpoints(found, target, figures=False, overwrite=True)
    (tmp_path / "link").symlink_to(theirs)
    with pytest.raises(EndpointsError, match="file or a link"):
        check_folder(tmp_path / "link", overwrite=True)
    ours = tmp_path / "ours"
    write_endpoints(found, ours, figures=False)
    (ours / "my notes.txt").write_text("keep")
    with pytest.raises(EndpointsError, match=r"also holds my notes\.txt"):
        write_endpoints(found, ours, figures=False, overwrite=True)
    assert (ours / "my notes.txt").read_text() == "keep"
    (theirs / "endpoints.json").write_text('{"kind": "something else"}')
    with pytest.raises(EndpointsError, match="no result"):
        check_folder(theirs, overwrite=True)


def test_a_failure_half_way_leaves_what_was_there(tmp_path, monkeypatch):
    found = compute_endpoints(trial(tmp_path / "study", "A", events="A 9 death"))
    target = tmp_path / "out"

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_json", full)  # the last file
        with pytest.raises(EndpointsError, match="No space left on device"):
            write_endpoints(found, target, figures=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study"]
    write_endpoints(found, target, figures=False)
    before = {file.name: file.read_bytes() for file in target.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_json", full)
        with pytest.raises(EndpointsError):
            write_endpoints(found, target, figures=False, overwrite=True)
    assert {file.name: file.read_bytes() for file in target.iterdir()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "study"]


def test_names_are_drawn_as_they_are_written(tmp_path):
    """A dollar sign begins no formula, a bracket no markup, a slash no folder."""
    trial(
        tmp_path / "study", "A B", events="A 100 relapse; A 200 death; B 300 last_contact",
        responses="A 28 CR; B 28 CRi", samples="A 7 100; A 14 50; B 7 9000; B 14 300",
        toxicities="A 5 CRS x ASTCT 2",
    )  # fmt: skip
    samples = tmp_path / "study" / "samples.csv"
    more = [f"{s},{t},{a},{v},pg/mL,0,2\n" for s in "AB" for t, v in ((0, 4), (7, 90))
            for a in ("il6", "q/$^$")]  # fmt: skip
    samples.write_text(samples.read_text().replace("qpcr", "q $^$") + "".join(more))
    for file in (tmp_path / "study").glob("*.csv"):
        file.write_text(file.read_text().replace("\nA,", "\n$^_{$,").replace(",x,", ",$[/b]$,"))
    settings = tmp_path / "study" / "study.toml"
    settings.write_text(settings.read_text().replace('"small"', '"a $^$ [b]"'))
    study = read_study(tmp_path / "study")
    found = compute_endpoints(study)
    files = write_endpoints(found, tmp_path / "out")
    svg = (tmp_path / "out" / "swimmer.svg").read_text()
    assert "$^_{$" in svg  # matplotlib writes each text as a comment beside its outlines
    assert found.answers["os"].subjects["subject"].tolist() == ["$^_{$", "B"]
    assert sum(f.name.startswith("exposure_q") and f.suffix == ".png" for f in files) == 1


def test_long_tables_are_left_out_and_named(tmp_path, monkeypatch):
    study = trial(
        tmp_path / "study", "A B", samples="A 7 900; A 14 300; B 7 80", responses="A 28 CR"
    )
    found = compute_endpoints(study)
    monkeypatch.setattr(module, "MOST_ROWS", 20)
    files = {f.name for f in write_endpoints(found, tmp_path / "short", figures=False)}
    said = json.loads((tmp_path / "short" / "endpoints.json").read_text())
    left = said["tables_not_written"]
    assert left["exposure_metrics.csv"] == len(found.answers["exposure"].more["metrics"])
    assert "pp.csv" in left
    assert not set(left) & files
    assert "exposure_summary.csv" in files
    whole = write_endpoints(found, tmp_path / "whole", figures=False, all_tables=True)
    assert set(left) <= {f.name for f in whole}


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("aml5", "aml5-endpoints"),
        ("../../etc", "etc-endpoints"),
        ("A / B: phase 1", "A-B-phase-1-endpoints"),
        ("..", "study-endpoints"),
        ("x" * 300, "x" * 80 + "-endpoints"),
    ],
)
def test_the_study_names_its_folder_and_nothing_outside(name, folder):
    assert default_folder(name).as_posix() == f"results/{folder}"
