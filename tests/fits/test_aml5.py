"""The shipped simulated study: reproducible, true to its truth.json, clinically coherent."""

import json
import runpy
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

from cellkinetics.study import check_study

HERE = Path(__file__).resolve().parents[2] / "fits" / "studies" / "aml5"
TABLES = (
    "subjects",
    "infusions",
    "samples",
    "assessments",
    "events",
    "toxicities",
    "vitals",
    "treatments",
)
DAYS = [0, 1, 4, 7, 10, 14, 21, 28, 60, 90, 180, 270, 365]
KINETIC = ["qpcr", "flow"]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(HERE / f"{name}.csv") for name in TABLES}


@pytest.fixture(scope="module")
def truth() -> dict:
    return json.loads((HERE / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def latent(truth) -> dict[str, np.ndarray]:
    """Transgene at DAYS by a numerical solution of Stein's growth and decline: the other way."""
    return {subject: solve(truth, subject) for subject in truth["subjects"]}


def solve(truth: dict, subject: str) -> np.ndarray:
    own = truth["subjects"][subject]
    p, factor = own["parameters"], truth["growth_factors"]
    rho = np.log(p["fold_expansion"]) / p["t_max"]
    starts = [
        (own["first_tocilizumab_day"], factor["f_tocilizumab"]),
        (own["first_corticosteroid_day"], factor["f_corticosteroid"]),
    ]

    def slope(day: float, log_pools: np.ndarray) -> list[float]:
        if day >= p["t_max"]:
            return [-p["alpha"], -p["beta"]]
        growth = rho
        for start, by in starts:
            if start is not None and day >= start:
                growth *= by
        return [growth, growth]

    r_0 = p["c_max"] / p["fold_expansion"]
    start = np.log([(1 - p["f_b"]) * r_0, p["f_b"] * r_0])
    solved = solve_ivp(slope, (0, 365), start, t_eval=DAYS, max_step=0.02, rtol=1e-9)
    return np.exp(solved.y).sum(axis=0)


def kinetic_rows(tables, truth, latent) -> pd.DataFrame:
    """qPCR and flow after the infusion and before conditioning, with what the truth expects."""
    rows = tables["samples"][tables["samples"]["analyte"].isin(KINETIC)]
    wbc = tables["samples"][tables["samples"]["analyte"] == "wbc"].set_index(["subject", "time"])
    vcn = tables["infusions"].set_index("subject")["vcn"]
    mass = truth["calibration"]["flow"]["mass_per_cell_ug"]
    expected, z_scale, kept = [], [], []
    for row in rows.itertuples():
        mean = latent[row.subject][DAYS.index(row.time)]
        if row.analyte == "flow":
            mean *= mass * wbc["value"][row.subject, row.time] / vcn[row.subject]
        expected.append(np.log(mean))
        z_scale.append(truth["residual"][row.analyte]["sd"])
        conditioning = truth["subjects"][row.subject]["conditioning_day"]
        kept.append(conditioning is None or row.time < conditioning)
    rows = rows.assign(expected=expected, sd=z_scale)
    return rows[np.array(kept) & (rows["time"] > 0)]


def test_script_writes_the_shipped_tables_byte_for_byte(tmp_path):
    runpy.run_path(str(HERE / "simulate.py"))["write"](tmp_path)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted([*(f"{name}.csv" for name in TABLES), "truth.json"])
    for name in written:
        assert (tmp_path / name).read_bytes() == (HERE / name).read_bytes(), name


def test_tables_pass_the_check():
    findings = check_study(HERE)
    assert [str(f) for f in findings if f.severity != "info"] == []


def test_labelled_simulated(truth):
    settings = tomllib.loads((HERE / "study.toml").read_text(encoding="utf-8"))
    assert settings["simulated"] is True
    assert settings["description"].strip().startswith("SIMULATED")
    assert truth["simulated"] is True
    assert "simulated" in (HERE / "README.md").read_text(encoding="utf-8").splitlines()[0]


def test_design_is_the_registered_one(tables):
    dose = tables["infusions"].set_index("subject")["cells"]
    per_kg = dose / tables["subjects"].set_index("subject")["weight_kg"]
    assert len(per_kg) == 5
    assert per_kg.between(1.0e6, 2.5e6).all()
    rows = tables["samples"][tables["samples"]["analyte"].isin(KINETIC)]
    assert sorted(rows["time"].unique()) == DAYS
    assert rows.groupby("analyte")["lloq"].unique().map(list).to_dict() == {
        "qpcr": [50.0],
        "flow": [0.5],
    }


def test_about_a_third_of_the_kinetic_rows_are_below_their_limits(tables):
    rows = tables["samples"][tables["samples"]["analyte"].isin(KINETIC)]
    assert 0.25 < (rows["cens"] == 1).mean() < 0.42
    before = rows[rows["time"] == 0]
    assert (before["cens"] == 1).all()
    assert before["lower"].isna().all()
    # Both sorts of qPCR reading below the limit: not detected, and between LOD and LLOQ.
    below = rows[(rows["cens"] == 1) & (rows["analyte"] == "qpcr")]
    assert set(below["value"]) == {10, 50}
    assert (below["lower"].notna() == (below["value"] == 50)).all()


def test_readings_scatter_about_the_truth_as_it_says(tables, truth, latent):
    rows = kinetic_rows(tables, truth, latent)
    read = rows[rows["cens"] == 0]
    z = (np.log(read["value"]) - read["expected"]) / read["sd"]
    # Readings of N(0, 1), a little cut by the limits: SE of the mean 0.12, of the SD 0.08.
    assert len(z) == 70
    assert abs(z.mean()) < 0.36
    assert 0.75 < z.std() < 1.25
    assert z.abs().max() < 4


def test_readings_below_a_limit_are_where_the_truth_is_low(tables, truth, latent):
    rows = kinetic_rows(tables, truth, latent)
    below = rows[rows["cens"] == 1]
    assert len(below) == 30
    assert ((below["expected"] - np.log(below["value"])) / below["sd"]).max() < 3


def test_individuals_are_draws_from_the_population(truth):
    for name, population in truth["population"].items():
        own = [subject["parameters"][name] for subject in truth["subjects"].values()]
        eta = np.log(np.array(own) / population["typical"]) / population["omega"]
        assert np.abs(eta).max() < 3, name
        assert np.ptp(eta) > 0.5, name


def test_samples_go_on_after_the_transplant_and_contradict_the_model(tables, truth, latent):
    conditioning = truth["subjects"]["P02"]["conditioning_day"]
    rows = tables["samples"][
        (tables["samples"]["subject"] == "P02")
        & (tables["samples"]["analyte"] == "qpcr")
        & (tables["samples"]["time"] > conditioning)
    ]
    assert rows["time"].tolist() == [90, 180, 270, 365]
    assert (rows["cens"] == 1).all()
    assert latent["P02"][DAYS.index(90)] > 5 * 50  # without the conditioning it would be read


def test_nothing_after_death_or_last_contact(tables):
    ends = tables["events"][tables["events"]["event"].isin(["death", "last_contact"])]
    last = ends.groupby("subject")["time"].max()
    assert set(last.index) == set(tables["subjects"]["subject"])
    for name in TABLES[2:]:
        table = tables[name]
        assert (table["time"] <= table["subject"].map(last)).all(), name
        if "end" in table:
            assert (table["end"].fillna(0) <= table["subject"].map(last)).all(), name


def test_the_courses_that_the_study_is_to_show(tables):
    events = tables["events"].groupby("event")["subject"].unique().map(list).to_dict()
    assert events["relapse"] == ["P03"]
    assert events["death"] == ["P04"]
    assert events["transplant"] == ["P02"]
    best = tables["assessments"].dropna(subset=["response"])
    responded = best[best["response"].isin(["CR", "CRh", "CRi", "PR"])]["subject"].unique()
    assert list(responded) == ["P01", "P02", "P03", "P05"]
    assert tables["toxicities"]["dlt"].sum() == 1
    assert {"tocilizumab", "corticosteroid", "conditioning", "cytotoxic"} <= set(
        tables["treatments"]["kind"]
    )


def eln_2022(row: pd.Series) -> str:
    """Response of one assessment by ELN 2022, from marrow, blood and counts alone."""
    if row["blood_blasts_pct"] > 0 or row["marrow_blasts_pct"] >= 5 or row["extramedullary"]:
        return "NR"
    if row["anc"] >= 1.0 and row["platelets"] >= 100:
        return "CR"
    if row["anc"] >= 0.5 and row["platelets"] >= 50:
        return "CRh"
    if row["anc"] >= 1.0 or row["platelets"] >= 100:
        return "CRi"
    return "MLFS" if row["cellularity"] >= 10 else "NE"


def test_responses_follow_from_blasts_and_counts(tables):
    rows = tables["assessments"].dropna(subset=["response"])
    assert len(rows) == 30
    assert rows["response"].tolist() == [eln_2022(row) for _, row in rows.iterrows()]
    baseline = tables["assessments"][tables["assessments"]["response"].isna()]
    assert (baseline["time"] < 0).all()
    assert (baseline["marrow_blasts_pct"] >= 5).all()


def test_relapse_and_progression_are_in_the_marrow(tables):
    marrow = tables["assessments"].set_index(["subject", "time"])["marrow_blasts_pct"]
    assert marrow["P03", 90] < 5 <= marrow["P03", 180]
    assert marrow["P04", 60] > 1.5 * marrow["P04", -6]


def test_mrd_verdicts_agree_with_their_values(tables):
    rows = tables["assessments"].dropna(subset=["mrd_status"])
    positive = rows["mrd_status"] == "positive"
    assert (rows["mrd_value"].notna() == positive).all()
    assert (rows.loc[positive, "mrd_value"] >= 0.1).all()


def test_parts_of_the_blood_are_smaller_than_the_whole(tables):
    samples = tables["samples"]
    wbc = samples[samples["analyte"] == "wbc"].set_index(["subject", "time"])["value"]
    rows = tables["assessments"].set_index(["subject", "time"])
    counts = wbc.reindex(rows.index)
    assert counts.notna().all()
    assert (1000 * rows["anc"] + counts * rows["blood_blasts_pct"] / 100 <= counts).all()
    car = samples[samples["analyte"] == "flow"].set_index(["subject", "time"])["value"]
    read = car[samples[samples["analyte"] == "flow"]["cens"].to_numpy() == 0]
    assert (read < 0.5 * wbc.reindex(read.index)).all()


def astct_crs(row: pd.Series) -> int:
    """ASTCT CRS grade of one set of signs (the fever that comes before is not looked at)."""
    pressure = [0, 2][int(row["hypotension"])]
    if row["vasopressors"] > 0:
        pressure = 3 if row["vasopressors"] == 1 else 4
    oxygen = {"none": 0, "low_flow": 2, "high_flow": 3, "positive_pressure": 4}[row["oxygen"]]
    return max(pressure, oxygen, int(row["temperature_c"] >= 38))


def icans(ice: float) -> int:
    """ICANS grade by the ICE score alone."""
    return 0 if ice == 10 else 1 if ice >= 7 else 2 if ice >= 3 else 3


@pytest.mark.parametrize(("kind", "grade"), [("CRS", "crs"), ("ICANS", "icans")])
def test_reported_grades_follow_from_the_signs(tables, kind, grade):
    vitals = tables["vitals"]
    vitals = vitals.assign(
        crs=vitals.apply(astct_crs, axis=1), icans=vitals["ice_score"].map(icans)
    )
    episodes = tables["toxicities"][tables["toxicities"]["kind"] == kind].set_index("subject")
    for subject, rows in vitals.groupby("subject"):
        signs = rows[rows[grade] > 0]
        if subject not in episodes.index:
            assert signs.empty, subject
            continue
        episode = episodes.loc[subject]
        assert signs[grade].max() == episode["grade"], subject
        assert signs["time"].min() == episode["time"], subject
        assert signs["time"].max() < episode["end"], subject


def test_cytokines_peak_in_the_cytokine_release_syndrome(tables):
    samples, toxicities = tables["samples"], tables["toxicities"]
    episodes = toxicities[toxicities["kind"] == "CRS"].set_index("subject")
    il6 = samples[samples["analyte"] == "il6"].set_index("time").groupby("subject")["value"]
    peak, day = il6.max(), il6.idxmax()
    assert day.between(episodes["time"], episodes["end"]).all()
    worst, mildest = episodes["grade"].idxmax(), peak.idxmin()
    assert peak.idxmax() == worst == "P02"
    assert episodes["grade"][mildest] == 1
    assert (samples[samples["analyte"] == "il6"]["cens"] == -1).any()
    assert (samples[samples["analyte"] == "ifng"]["cens"] == 1).any()


@pytest.mark.parametrize(
    ("term", "count", "normal"),
    [("Neutrophil count decreased", "anc", 1.0), ("Platelet count decreased", "platelets", 50)],
)
def test_cytopenias_agree_with_the_counts(tables, term, count, normal):
    episodes = tables["toxicities"][tables["toxicities"]["term"] == term]
    looked_at = 0
    for episode in episodes.itertuples():
        rows = tables["assessments"][tables["assessments"]["subject"] == episode.subject]
        end = np.inf if np.isnan(episode.end) else episode.end
        inside = rows[rows["time"].between(max(0, episode.time), end)]
        assert (inside[count] < normal).all(), episode
        looked_at += len(inside)
    assert looked_at >= 5
