"""The results recorded beside the fits are those of the fits as they are now."""

import json
from pathlib import Path

import pytest

from cellkinetics.spec import FitSpec, read_spec

FITS = Path(__file__).resolve().parents[2] / "fits"
RECORDED = sorted(path.parent.name for path in FITS.glob("*/summary.json"))


def test_every_fit_of_real_data_is_recorded() -> None:
    real = {path.parent.name for path in FITS.glob("*/prepare.py")}
    assert {name for name in real if (FITS / name / "fit.toml").is_file()} <= set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_result_is_of_its_fit_toml(name: str) -> None:
    summary = json.loads((FITS / name / "summary.json").read_text(encoding="utf-8"))
    recorded = FitSpec.model_validate(summary["identity"]["spec"])
    assert recorded == read_spec(FITS / name), "record it again: fit --record"


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_result_holds_its_checks_and_no_reading(name: str) -> None:
    summary = json.loads((FITS / name / "summary.json").read_text(encoding="utf-8"))
    checks = {check["name"]: check for check in summary["checks"]["checks"]}
    assert {"r_hat", "ess_bulk", "ess_tail", "e_bfmi", "divergences"} <= set(checks)
    assert summary["checks"]["passed"] is all(check["passed"] for check in checks.values())
    assert not summary["approximate"]
    assert not {"samples", "readings", "individuals"} & set(summary)


def test_at_least_three_of_the_real_fits_passed_and_the_others_show_why_not() -> None:
    failed = [
        name
        for name in RECORDED
        if not json.loads((FITS / name / "summary.json").read_text(encoding="utf-8"))["checks"][
            "passed"
        ]
    ]
    # Their READMEs say what failed.
    assert failed == ["liu2022-antigen", "liu2022-car-antigen"]
    assert (FITS / "liu2022-antigen" / "pairs.png").stat().st_size < 400_000
