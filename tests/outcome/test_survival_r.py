"""Estimates against R's package survival, each under the option that R used there."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellkinetics.survival.cox import Cox, cox
from cellkinetics.survival.kaplan_meier import (
    at_risk,
    kaplan_meier,
    quantile,
    survival_at,
)
from cellkinetics.survival.log_rank import log_rank
from cellkinetics.survival.restricted_mean import restricted_mean

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data")) / "survival"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent: the data are not shipped"),
]


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / f"{name}.csv")


@pytest.fixture(scope="module")
def aml() -> pd.DataFrame:
    return table("leukemia")


@pytest.fixture(scope="module")
def ovarian() -> pd.DataFrame:
    return table("ovarian").rename(columns={"futime": "time", "fustat": "status"})


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    return table("cancer").assign(status=lambda frame: frame["status"] - 1)


def saved(dataset: str, starts: str) -> str:
    rows = pd.read_csv(DATA / "EXPECTED.csv")
    hit = rows[(rows["dataset"] == dataset) & rows["quantity"].str.startswith(starts)]
    assert len(hit) == 1, (dataset, starts)
    return f"{hit['quantity'].iloc[0]} = {hit['value'].iloc[0]}"


def steps(text: str) -> tuple[list[float], list[str]]:
    """Times and printed values of "... t=9/13/18,0.909/0.818/0.716"."""
    name, values = text.rsplit(" = ", 1)
    times = re.split(r"t=|at ", name)[-1]
    return [float(t) for t in times.split("/")], values.split("/")


def agrees(value: float, printed: str) -> None:
    """The value, rounded to the digits that R printed, is what R printed."""
    digits = len(printed.split(".")[1]) if "." in printed else 0
    assert f"{value:.{digits}f}" == printed


def coefficient(fit: Cox, name: str) -> pd.Series:
    return fit.coefficients.set_index("covariate").loc[name]


def test_events(aml):
    assert saved("aml", "n / events").endswith("= 23 / 18")
    km = kaplan_meier(aml["time"], aml["status"])
    assert (km.n, km.events) == (23, 18)


@pytest.mark.parametrize("group", ["Maintained", "Nonmaintained"])
def test_aml_medians_with_log_intervals(aml, group):
    rows = aml[aml["x"] == group]
    km = kaplan_meier(rows["time"], rows["status"], conf_type="log")
    median = quantile(km)
    text = saved("aml", f"KM median (95% CI) {group}")
    wanted = f"{median.value:g} ({median.lower:g}; NA) n={km.n} events={km.events}"
    assert text.endswith(wanted)
    assert np.isnan(median.upper)
    assert median.note == "no upper limit"


@pytest.mark.parametrize("group", ["Maintained", "Nonmaintained"])
def test_aml_curves(aml, group):
    rows = aml[aml["x"] == group]
    km = kaplan_meier(rows["time"], rows["status"], conf_type="log")
    for time, printed in zip(*steps(saved("aml", f"KM S(t) {group}")), strict=True):
        agrees(survival_at(km, time).value, printed)
    if group == "Maintained":
        curve = km.curve.set_index("time")
        for time, printed in zip(*steps(saved("aml", "KM se Maintained")), strict=True):
            agrees(float(curve.loc[time, "std_error"]), printed)


def test_aml_log_rank(aml):
    test = log_rank(aml["time"], aml["status"], aml["x"])
    assert "3.396 recomputed" in saved("aml", "log-rank")
    assert test.chi_square == pytest.approx(3.396, abs=5e-4)
    assert (test.df, round(test.p, 2)) == (1, 0.07)
    assert test.groups["observed"].tolist() == [7, 11]
    assert test.groups["expected"].round(2).tolist() == [10.69, 7.31]


def test_a_group_that_leaves_before_the_first_event_changes_nothing(aml):
    """difftest.Rout.save: aml with a third group of early censorings."""
    time = [*aml["time"], 1, 2, 2, 3, 3, 3, 4]
    status = [*aml["status"], *[0] * 7]
    group = [*aml["x"], *["Dummy"] * 7]
    test = log_rank(time, status, group)
    assert test.chi_square == pytest.approx(
        log_rank(aml["time"], aml["status"], aml["x"]).chi_square
    )
    assert test.df == 1
    assert test.groups.loc[test.groups["group"] == "Dummy", "expected"].tolist() == [0]


def test_aml_cox_breslow_and_not_efron(aml):
    x = pd.DataFrame({"non": (aml["x"] == "Nonmaintained").astype(float)})
    fit = cox(aml["time"], aml["status"], x, ties="breslow")
    row = coefficient(fit, "non")
    coef, error = re.findall(r"0\.\d{4}", saved("aml", "Cox Breslow"))[:2]
    agrees(row["coef"], coef)
    agrees(row["std_error"], error)
    lrt = fit.tests.set_index("test").loc["likelihood ratio"]
    agrees(lrt["chi_square"], "3.3")
    agrees(lrt["p"], "0.06945")
    efron = coefficient(cox(aml["time"], aml["status"], x), "non")
    assert f"{efron['coef']:.4f}" == "0.9155"  # R's default; doaml.Rout.save has both


@pytest.mark.parametrize("name", ["age", "resid.ds"])
def test_ovarian_cox(ovarian, name):
    fit = cox(ovarian["time"], ovarian["status"], ovarian[[name]])
    printed = re.search(r"= ([\d.]+) \(([\d.]+)\); LRT ([\d.]+)", saved("ovarian", f"Cox {name}"))
    assert printed is not None
    row = coefficient(fit, name)
    agrees(row["coef"], printed[1])
    agrees(row["std_error"], printed[2])
    agrees(float(fit.tests["chi_square"].iloc[0]), printed[3].rstrip("."))
    assert (fit.n, fit.events) == (26, 12)


def test_ovarian_curve(ovarian):
    km = kaplan_meier(ovarian["time"], ovarian["status"])
    for time, printed in zip(*steps(saved("ovarian", "KM S(t)")), strict=True):
        agrees(survival_at(km, time).value, printed)


def test_restricted_mean_and_its_error_as_r_prints_them():
    """summary(survfit(...))$table; rmean = "common" there is the longest time of all groups."""
    veteran = table("veteran")
    printed = {1: ("123.9282", "14.84352", 103, 59, 132), 2: ("142.0613", "26.81071", 52.5, 44, 95)}
    for group, (mean, error, median, lower, upper) in printed.items():
        rows = veteran[veteran["trt"] == group]
        km = kaplan_meier(rows["time"], rows["status"], conf_type="log")
        found = restricted_mean(km, 999)
        agrees(found.mean, mean)
        agrees(found.std_error, error)
        # 52.5: the curve is exactly 1/2 between two event times.
        got = quantile(km)
        assert (got.value, got.lower, got.upper) == (median, lower, upper)


def test_restricted_mean_to_a_day_before_the_end(aml):
    rows = aml[aml["x"] == "Maintained"]
    found = restricted_mean(kaplan_meier(rows["time"], rows["status"]), 103)
    agrees(found.mean, "41.96818")  # survfit(...)$table of an older survival
    agrees(found.std_error, "11.257627")


def test_lung_by_performance_status(lung):
    """cancer.Rout.save: survival, errors, log intervals, numbers at risk, medians."""
    printed = {
        0: [(30, 60, "0.952", "0.0268", "0.9012"), (365, 22, "0.535", "0.0728", "0.4100")],
        1: [(180, 82, "0.751", "0.0407", "0.6756"), (730, 7, "0.114", "0.0388", "0.0582")],
        2: [(90, 40, "0.8000", "0.0566", "0.696"), (365, 9, "0.2147", "0.0614", "0.123")],
    }
    for group, lines in printed.items():
        rows = lung[lung["ph.ecog"] == group]
        km = kaplan_meier(rows["time"], rows["status"], conf_type="log")
        for day, risk, survival, error, lower in lines:
            there = survival_at(km, day)
            agrees(there.value, survival)
            agrees(there.lower, lower)
            agrees(float(km.curve[km.curve["time"] <= day]["std_error"].iloc[-1]), error)
            assert at_risk(km, [day])["at_risk"].tolist() == [risk]
    medians = {1: (306, 268, 429), 2: (199, 156, 288)}
    for group, wanted in medians.items():
        rows = lung[lung["ph.ecog"] == group]
        got = quantile(kaplan_meier(rows["time"], rows["status"], conf_type="log"))
        assert (got.value, got.lower, got.upper) == wanted


def test_lung_log_rank_by_sex(lung):
    test = log_rank(lung["time"], lung["status"], lung["sex"])
    agrees(test.chi_square, "10.3")
    assert test.groups["expected"].round(1).tolist() == [91.6, 73.4]


def test_lung_cox_with_seven_covariates_in_strata(lung):
    """cancer.Rout.save: Efron ties, strata(inst)."""
    printed = {
        "ph.ecog": ("0.7299987", "0.2689397"),
        "ph.karno": ("0.0130512", "0.0137362"),
        "pat.karno": ("-0.0140955", "0.0093680"),
        "wt.loss": ("-0.0148821", "0.0084811"),
        "sex": ("-0.6612534", "0.2339979"),
        "age": ("0.0050920", "0.0137288"),
        "meal.cal": ("-0.0002398", "0.0003019"),
    }
    rows = lung[["time", "status", "inst", *printed]].dropna()
    entries = (None, np.zeros(len(rows)))  # Surv(time, status) and Surv(0, time, status)
    for entry in entries:
        fit = cox(
            rows["time"], rows["status"], rows[list(printed)], strata=rows["inst"], entry=entry
        )
        for name, (coef, error) in printed.items():
            agrees(coefficient(fit, name)["coef"], coef)
            agrees(coefficient(fit, name)["std_error"], error)
        assert fit.tests["chi_square"].round(2).tolist() == [30.6, 28.15, 30.72]
        assert (fit.n, fit.events) == (167, 120)
        agrees(coefficient(fit, "sex")["lower"], "0.3263")
        agrees(coefficient(fit, "sex")["upper"], "0.8166")
