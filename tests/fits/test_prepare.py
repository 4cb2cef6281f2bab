"""The scripts that turn public data into study tables: their rules on small made-up files, and
their counts on the real ones where those are at hand."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cellkinetics.errors import StudyError
from cellkinetics.fits import liu2022, preparing
from cellkinetics.study import check_study

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data"))

SETS = {
    "liu2022-stein2019": "liu2022_ball",
    "liu2022-antigen": "liu2022_ball",
    "liu2022-car-antigen": "liu2022_ball",
    "liu2022-smooth-gate": "liu2022_ball",
    "fandrei2024-stein2019": "fandrei2024_idecel",
    "hiv-actg315": "hiv_actg315",
}


def real(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is absent: the public data are not shipped")
    return DATA / name


def script(fit: str) -> dict[str, object]:
    return runpy.run_path(str(ROOT / "fits" / fit / "prepare.py"))


def samples(out: Path, analyte: str | None = None) -> pd.DataFrame:
    table = pd.read_csv(out / "samples.csv", dtype={"subject": str})
    return table if analyte is None else table[table["analyte"] == analyte]


# ------------------------------------------------------------------------- rules, made-up files


def liu_source(folder: Path, rows: list[str]) -> Path:
    folder.mkdir()
    text = "id,group,time,analyte,y,floor_0p2\n" + "\n".join(rows) + "\n"
    (folder / "combined_long.csv").write_text(text)
    return folder


LIU = [
    "CR01,CR,0,CAR_T,0,0",
    "CR01,CR,3,CAR_T,0.05,0",
    "CR01,CR,7,CAR_T,0.2,1",
    "CR01,CR,10,CAR_T,150,0",
    "CR01,CR,0,CD19pos_BALL,662.4671189,0",
    "CR01,CR,14,CD19pos_BALL,5.4,0",
    "CR01,CR,28,CD19pos_BALL,0.2,1",
    "PR01,PR,0,CAR_T,0,0",
    "PR01,PR,9,CAR_T,30,0",
    "PR01,PR,12,CAR_T,30,0",
    "PR01,PR,20,CD19pos_BALL,5.4,0",
    "PR01,PR,90,CD19pos_BALL,662.4671189,0",
]


def prepare_liu(
    tmp_path: Path, rows: list[str] = LIU, **options: str
) -> tuple[preparing.Ledger, pd.DataFrame]:
    chosen = {"under_floor": "censor", "imputed": "keep"} | options
    ledger = liu2022.prepare(
        liu_source(tmp_path / "source", rows),
        tmp_path / "study",
        ["car_t", "cd19_pos"],
        name="made-up",
        **chosen,
    )
    return ledger, samples(tmp_path / "study")


def test_liu_zero_at_day_0_is_left_out_and_counted(tmp_path):
    ledger, table = prepare_liu(tmp_path)
    assert not ((table["analyte"] == "car_t") & (table["time"] == 0)).any()
    assert ledger.count("left out") == 2
    assert "left out      2 rows  car_t at day 0" in str(ledger)


def test_liu_floor_and_what_is_under_it_are_below_the_limit(tmp_path):
    _, table = prepare_liu(tmp_path)
    car = table[(table["analyte"] == "car_t") & (table["subject"] == "CR01")]
    assert car[["time", "value", "cens", "lloq"]].values.tolist() == [
        [3, 0.2, 1, 0.2],
        [7, 0.2, 1, 0.2],
        [10, 150, 0, 0.2],
    ]


def test_liu_under_the_floor_as_read_has_no_limit(tmp_path):
    _, table = prepare_liu(tmp_path, under_floor="keep")
    row = table[(table["analyte"] == "car_t") & (table["time"] == 3)].iloc[0]
    assert (row["value"], row["cens"]) == (0.05, 0)
    assert pd.isna(row["lloq"])


def test_liu_levels_that_patients_share_can_be_left_out(tmp_path):
    ledger, table = prepare_liu(tmp_path, imputed="drop")
    assert 662.4671189 not in set(table["value"])
    assert (table["value"] == 5.4).sum() == 2  # two digits can agree by chance
    assert ledger.count("left out") == 4


def test_liu_levels_that_were_put_in_say_that_leukaemia_was_detected(tmp_path):
    rows = [
        *LIU,
        "NR01,NR,0,CAR_T,0,0",
        "NR01,NR,0,CD19pos_BALL,31.25,0",
        "NR01,NR,40,CD19pos_BALL,31.25,0",
    ]
    ledger, table = prepare_liu(tmp_path, rows, imputed="detected")
    put_in = table[table["cens"] == -1].set_index("subject")
    assert put_in[["time", "value", "uloq"]].to_records().tolist() == [
        ("CR01", 0, 0.2, 0.2),
        ("NR01", 40, 0.2, 0.2),  # its own baseline, carried forward
        ("PR01", 90, 0.2, 0.2),
    ]
    assert put_in["lloq"].isna().all()
    # A patient's CAR-T that repeats is a plateau of the figure: as read.
    car = table[(table["subject"] == "PR01") & (table["analyte"] == "car_t")]
    assert car[["value", "cens"]].values.tolist() == [[30, 0], [30, 0]]
    # The readings beside them are as they were.
    others = table[(table["analyte"] == "cd19_pos") & (table["cens"] != -1)]
    assert others[["subject", "time", "value", "cens"]].values.tolist() == [
        ["CR01", 14, 5.4, 0],
        ["CR01", 28, 0.2, 1],
        ["NR01", 0, 31.25, 0],
        ["PR01", 20, 5.4, 0],
    ]
    assert "cd19_pos equal to that patient's last: says above 0.2 (cens -1) (NR01)" in str(ledger)
    errors = [f for f in check_study(tmp_path / "study") if f.severity == "error"]
    assert errors == []


def test_liu_repeated_and_traced_profiles_are_named(tmp_path):
    ledger, _ = prepare_liu(tmp_path)
    assert "car_t equal to that patient's last (PR01)" in str(ledger)
    assert "profile that looks traced (PR01)" in str(ledger)
    subjects = pd.read_csv(tmp_path / "study" / "subjects.csv")
    assert subjects.values.tolist() == [["CR01", "CR", 0], ["PR01", "PR", 1]]


def hiv_source(folder: Path, readings: list[tuple[float, float]]) -> Path:
    folder.mkdir()
    lines = [f"{i}.0,1.0,{day},{load},200" for i, (day, load) in enumerate(readings, start=1)]
    text = "Obs.No,Patid,Day,log10.RNA.,CD4\n" + "\n".join(lines) + "\n"
    (folder / "actg315raw.csv").write_text(text)
    return folder


HIV = [(0, 4.5), (2, 5.1), (14, 2.9), (28, 1.699), (56, 2.4), (84, 2.6), (168, 1.699)]


def test_hiv_imputed_rows_are_below_100_and_rebounds_end_the_series(tmp_path):
    prepare = script("hiv-actg315")["prepare"]
    source = hiv_source(tmp_path / "source", HIV)
    ledger = prepare(source, tmp_path / "study", rebound="drop")
    rna = samples(tmp_path / "study", "rna")
    # 2.4 is 0.4 over the limit of 100, not yet a rebound; 2.6 is one, and nothing after it stays.
    # The rise of 0.6 at day 2 is too early to be one.
    assert rna["time"].tolist() == [0, 2, 14, 28, 56]
    assert rna.loc[rna["cens"] == 1, ["time", "value"]].values.tolist() == [[28, 100]]
    assert ledger.count("left out") == 2
    assert samples(tmp_path / "study", "cd4")["time"].tolist() == [day for day, _ in HIV]


def test_hiv_rebounds_can_be_kept(tmp_path):
    prepare = script("hiv-actg315")["prepare"]
    prepare(hiv_source(tmp_path / "source", HIV), tmp_path / "study", rebound="keep")
    rna = samples(tmp_path / "study", "rna")
    assert rna["time"].tolist() == [day for day, _ in HIV]
    assert rna["value"].tolist() == [31620, 125900, 794.3, 100, 251.2, 398.1, 100]


def idecel_source(folder: Path) -> Path:
    folder.mkdir()
    (folder / "qpcr_transgene.csv").write_text(
        "id,nominal_day,copies_per_ug_dna,car_copies_per_1000_cells,actual_day_of_flow_visit\n"
        "S01,7,29000,100,8\n"
        "S01,14,29000,1000,15\n"
        "S01,30,2900,10,\n"
        "S01,100,0,0,99\n"
        "S02,14,,70,14\n"
    )
    (folder / "flow_car_and_subsets.csv").write_text(
        "id,visit,actual_day,CD3_abs,CD3_CAR_%,CD3_CAR_abs\n"
        "S01,Leukapheresis,-56,500,0,0\n"
        "S01,Day 0,0,0,0,0\n"
        "S01,Day 7,8,200,0.1,0.2\n"
        "S01,Day 30,29,1000,10,100\n"
        "S01,Day 100,99,3000,0,n.d.\n"
        "S02,Day 7,7,107,Teclistamab?,\n"
        "S02,Day 14,14,,,\n"
    )
    (folder / "patients.csv").write_text(
        "id,sex,age_cart,RISS,EMD,therapy_before_cart,had_bispecific,progression,pfs_days,"
        "pfs_event,death,os_days,30_day_response,crs_grade,crs_group,ICANS\n"
        "S01,w,58,2.0,0.0,CD38,0,1,45,1,1,297,PD,1,yes+Toci,0\n"
        "S02,m,60,,1.0,CD38,0,0,158,1,1,158,CR,0,no,0\n"
        "S03,m,61,3.0,1.0,CD38,1,0,200,0,0,200,CR,0,no,0\n"
    )
    return folder


def test_idecel_rules(tmp_path):
    prepare = script("fandrei2024-stein2019")["prepare"]
    ledger = prepare(idecel_source(tmp_path / "source"), tmp_path / "study", suspect="keep")
    columns = ["time", "value", "cens", "lloq"]
    # The smallest positive value is the inferred limit; the nominal day stands in for an unknown.
    assert samples(tmp_path / "study", "qpcr")[columns].values.tolist() == [
        [8, 29000, 0, 2900],
        [15, 29000, 0, 2900],
        [30, 2900, 0, 2900],
        [99, 2900, 1, 2900],
    ]
    # 0.1 % of the row's own CD3+ cells, at least the smallest positive value (0.2).
    assert samples(tmp_path / "study", "flow")[columns].values.tolist() == [
        [-56, 0.5, 1, 0.5],
        [0, 0.2, 1, 0.2],
        [8, 0.2, 0, 0.2],
        [29, 100, 0, 1],
        [99, 3, 1, 3],
    ]
    assert ledger.count("left out") == 3
    assert "disagree (copies/ug used) (S01)" in str(ledger)


def test_idecel_suspect_rows_can_be_left_out(tmp_path):
    prepare = script("fandrei2024-stein2019")["prepare"]
    ledger = prepare(idecel_source(tmp_path / "source"), tmp_path / "study", suspect="drop")
    assert samples(tmp_path / "study", "qpcr")["time"].tolist() == [8, 30, 99]
    assert ledger.count("left out") == 4


def test_idecel_events_are_progression_death_or_last_contact(tmp_path):
    prepare = script("fandrei2024-stein2019")["prepare"]
    prepare(idecel_source(tmp_path / "source"), tmp_path / "study", suspect="keep")
    events = pd.read_csv(tmp_path / "study" / "events.csv")
    assert events.values.tolist() == [
        ["S01", 45, "progression"],
        ["S01", 297, "death"],
        ["S02", 158, "death"],
        ["S03", 200, "last_contact"],
    ]


# --------------------------------------------------------------------------------- bad input


def test_a_cell_that_is_no_number_is_named(tmp_path):
    source = liu_source(tmp_path / "source", [*LIU, "CR02,CR,3,CAR_T,n/a,0"])
    with pytest.raises(StudyError) as error:
        liu2022.prepare(
            source, tmp_path / "o", ["car_t"], name="x", under_floor="censor", imputed="keep"
        )
    assert str(error.value) == "combined_long.csv, line 14, y: got 'n/a'; wanted a number."


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "actg315raw.csv").write_text("Patid,Day,CD4\n1,0,200\n")
    with pytest.raises(StudyError, match=r"line 1: no column log10\.RNA\.; the file has Patid"):
        script("hiv-actg315")["prepare"](tmp_path, tmp_path / "o", rebound="drop")


def test_tables_are_never_written_into_the_tracked_folder(tmp_path):
    source = hiv_source(tmp_path / "source", HIV)
    out = ROOT / "fits" / "hiv-actg315" / "study"
    with pytest.raises(StudyError, match="tracked by git"):
        script("hiv-actg315")["prepare"](source, out, rebound="drop")
    assert not out.exists()


def test_command_without_the_data_says_where_to_get_them(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "fits/hiv-actg315/prepare.py", "--out", tmp_path / "study"],
        capture_output=True,
        text=True,
        env={**os.environ, "CELLKINETICS_DATA": str(tmp_path / "nowhere")},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("StudyError: ")
    assert "no such folder; wanted the public files of hiv_actg315" in done.stderr
    assert "set CELLKINETICS_DATA" in done.stderr


# --------------------------------------------------------------------------------- real data


@pytest.mark.shared
@pytest.mark.parametrize("fit", SETS)
def test_command_on_the_real_data(fit, tmp_path, monkeypatch, capsys):
    source, printed = str(real(SETS[fit])), []
    for out in (tmp_path / "first", tmp_path / "second"):
        monkeypatch.setattr(sys, "argv", ["prepare.py", "--source", source, "--out", str(out)])
        runpy.run_path(str(ROOT / "fits" / fit / "prepare.py"), run_name="__main__")
        printed.append(capsys.readouterr().out.replace(str(out), ""))
    assert printed[0] == printed[1]
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()
    errors = [f for f in check_study(tmp_path / "first") if f.severity == "error"]
    assert errors == []


@pytest.mark.shared
def test_real_liu_counts(tmp_path):
    analytes = ["car_t", "cd19_pos", "cd19_neg"]
    ledger = liu2022.prepare(
        real("liu2022_ball"),
        tmp_path,
        analytes,
        name="liu2022-antigen",
        under_floor="censor",
        imputed="keep",
    )
    table = samples(tmp_path)
    source = pd.read_csv(DATA / "liu2022_ball" / "combined_long.csv")
    assert len(table) + ledger.count("left out") == len(source) == 465
    assert ledger.count("left out") == 32  # one zero at day 0 a patient
    below = table.groupby("analyte")["cens"].sum()
    floors = source.groupby("analyte")["floor_0p2"].sum()
    # The source's own flag marks 30 CAR-T rows at the floor; 20 more lie under it.
    assert floors["CAR_T"] == 30
    assert below.to_dict() == {"car_t": 50, "cd19_neg": 12, "cd19_pos": 49}
    assert table["subject"].nunique() == 32


@pytest.mark.shared
def test_real_liu_levels_that_were_put_in(tmp_path):
    liu2022.prepare(
        real("liu2022_ball"),
        tmp_path,
        ["car_t", "cd19_pos", "cd19_neg"],
        name="liu2022-antigen",
        under_floor="censor",
        imputed="detected",
    )
    table = samples(tmp_path)
    put_in = table[table["cens"] == -1]
    # 19 shared levels and four carried forward, of which NR05's is both.
    assert put_in.groupby("analyte").size().to_dict() == {"cd19_neg": 6, "cd19_pos": 16}
    # Every last reading of a patient without response, and every CD19+ relapse, is one of them.
    last = table[table["analyte"] == "cd19_pos"].sort_values("time").groupby("subject").tail(1)
    ended = set(last.loc[last["cens"] == -1, "subject"])
    assert ended == {s for s in table["subject"] if s.startswith(("NR", "PR"))}


@pytest.mark.shared
def test_real_idecel_counts(tmp_path):
    source = real("fandrei2024_idecel")
    ledger = script("fandrei2024-stein2019")["prepare"](source, tmp_path, suspect="keep")
    table = samples(tmp_path)
    rows = len(pd.read_csv(source / "qpcr_transgene.csv"))
    rows += len(pd.read_csv(source / "flow_car_and_subsets.csv"))
    assert len(table) + ledger.count("left out") == rows == 304
    assert ledger.count("left out") == 21
    after = table[table["time"] > 0]
    assert after.groupby("analyte").size().to_dict() == {"flow": 119, "qpcr": 107}
    assert after.groupby("analyte")["cens"].sum().to_dict() == {"flow": 13, "qpcr": 1}
    assert (table["value"] >= table["lloq"]).all()


@pytest.mark.shared
def test_real_hiv_counts(tmp_path):
    ledger = script("hiv-actg315")["prepare"](real("hiv_actg315"), tmp_path, rebound="keep")
    rna = samples(tmp_path, "rna")
    assert len(rna) == 361
    assert rna["cens"].sum() == 40
    assert (rna.loc[rna["cens"] == 1, "value"] == 100).all()
    assert rna.loc[rna["cens"] == 0, "value"].min() > 100
    assert ledger.count("left out") == 0
