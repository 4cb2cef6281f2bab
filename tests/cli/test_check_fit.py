"""``cellkinetics check`` of a fit: what enters, what does not, and whether it can be built."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from cellkinetics.errors import SpecError
from cellkinetics.show.findings import print_findings
from cellkinetics.study import Finding
from cellkinetics.verify import check_anything

ROOT = Path(__file__).resolve().parents[2]
SMALL = runpy.run_path(str(ROOT / "tests" / "joint" / "small_study.py"))

HEAD = 'study = "small"\nmodel = "stein2019"\nseed = 1\n'
QPCR = HEAD + "[analytes.qpcr]\n"


def write_fit(folder: Path, text: str) -> Path:
    SMALL["write_study"](folder / "small")
    (folder / "fit.toml").write_text(text, encoding="utf-8")
    return folder


def replace_in(folder: Path, table: str, old: str, new: str) -> None:
    file = folder / "small" / table
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def by_code(findings: list[Finding], code: str) -> list[str]:
    return [str(f) for f in findings if f.code == code]


def test_a_fit_that_can_be_built_has_no_error(tmp_path: Path) -> None:
    found = check_anything(write_fit(tmp_path, QPCR))
    assert [f.code for f in found if f.severity != "info"] == []
    assert len(by_code(found, "analyte-not-fitted")) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[parameters.cmax]\n", "'cmax' is not a parameter of stein2019"),
        ("[parameters.c_max]\ntypical = -1\n", "typical is -1, which its log scale"),
        ("[parameters.f_b]\ntypical = 2\n", "typical is 2, which its logit scale"),
        (
            '[[covariates]]\nparameter = "c_max"\ncovariate = "sx"\nform = "power"\n',
            "no covariate 'sx'",
        ),
        (
            '[[covariates]]\nparameter = "c_max"\ncovariate = "sex"\nform = "category"\n'
            'level = "f"\n',
            "never equals 'f'",
        ),
        ('[correlation]\nparameters = ["c_max", "cmax"]\n', "'cmax' is not a parameter"),
    ],
)
def test_a_fit_that_cannot_be_built_is_an_error(more: str, said: str, tmp_path: Path) -> None:
    errors = by_code(check_anything(write_fit(tmp_path, QPCR + more)), "fit-cannot-be-built")
    assert len(errors) == 1
    assert said in errors[0]
    assert "fit.toml: got a fit that cannot be built" in errors[0]


def test_a_published_effect_that_is_none_is_an_error(tmp_path: Path) -> None:
    text = QPCR.replace("seed = 1\n", 'seed = 1\nmodel_covariates = ["c_max~sexx"]\n')
    errors = by_code(check_anything(write_fit(tmp_path, text)), "fit-cannot-be-built")
    assert "'c_max~sexx' is not a covariate effect" in errors[0]


def test_a_subject_without_the_dose_that_starts_the_model_is_an_error(tmp_path: Path) -> None:
    text = HEAD.replace("stein2019", "antigen_driven")
    fit = write_fit(tmp_path, text + '[analytes.flow]\nobserves = "car_t"\n')
    assert by_code(check_anything(fit), "fit-cannot-be-built") == []
    replace_in(fit, "infusions.csv", "p3,0,1.5e6,1\n", "")
    (error,) = by_code(check_anything(fit), "fit-cannot-be-built")
    assert "Subject p3 has no infusion" in error


def test_nothing_left_names_every_reason_and_its_cure(tmp_path: Path) -> None:
    fit = write_fit(tmp_path, QPCR)
    samples = fit / "small" / "samples.csv"
    lines = samples.read_text(encoding="utf-8").splitlines()
    few = [line for line in lines if ",qpcr," not in line or ",1,qpcr," in line]
    text = "\n".join(few).replace(",1,qpcr,", ",-3,qpcr,") + "\n"
    samples.write_text(text, encoding="utf-8")
    (error,) = by_code(check_anything(fit), "fit-cannot-be-built")
    assert "3 of 'qpcr': pre-infusion" in error
    assert "keep = ['pre-infusion'] in fit.toml" in error
    assert "run 'cellkinetics check'" not in error


def test_a_model_file_beside_fit_toml_is_found(tmp_path: Path) -> None:
    fit = write_fit(tmp_path, QPCR.replace('"stein2019"', '"mine.py"'))
    source = (ROOT / "models" / "stein2019.py").read_text(encoding="utf-8")
    (fit / "mine.py").write_text(source, encoding="utf-8")
    assert [f for f in check_anything(fit) if f.severity == "error"] == []


def test_more_than_one_specimen_is_a_warning_until_one_is_chosen(tmp_path: Path) -> None:
    fit = write_fit(tmp_path, QPCR)
    file = fit / "small" / "samples.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    where = ["marrow" if ",28,qpcr," in line else "blood" for line in lines[1:]]
    rows = [f"{lines[0]},specimen", *map(",".join, zip(lines[1:], where, strict=True))]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    (warning,) = by_code(check_anything(fit), "specimens-mixed")
    assert "'qpcr' of more than one specimen: 'blood' (18), 'marrow' (3)" in warning

    (fit / "fit.toml").write_text(QPCR + 'specimen = "blood"\n', encoding="utf-8")
    found = check_anything(fit)
    assert by_code(found, "specimens-mixed") == []
    (left,) = by_code(found, "rows-left-out")
    assert "3 rows of 'qpcr' left out (other specimen; subjects 007, A-2, p3)" in left

    (fit / "fit.toml").write_text(QPCR + 'specimen = "blod"\n', encoding="utf-8")
    (error,) = by_code(check_anything(fit), "fit-cannot-be-built")
    assert "specimen = 'blod'" in error
    assert "Did you mean 'blood'?" in error


def test_infusions_that_the_model_ignores_are_a_warning(tmp_path: Path) -> None:
    fit = write_fit(tmp_path, QPCR)
    replace_in(fit, "infusions.csv", "A-2,0,2e6,2\n", "A-2,0,2e6,2\nA-2,14,2e6,2\n")
    found = check_anything(fit)
    (warning,) = by_code(found, "infusions-ignored")
    assert "subjects A-2" in warning
    assert "stein2019 ignores every infusion after the first" in warning
    assert by_code(found, "several-infusions") == []
    (fit / "fit.toml").write_text(
        HEAD.replace("stein2019", "antigen_driven") + '[analytes.flow]\nobserves = "car_t"\n',
        encoding="utf-8",
    )
    found = check_anything(fit)
    assert by_code(found, "infusions-ignored") == []
    assert len(by_code(found, "several-infusions")) == 1


def test_limits_given_to_check_reach_the_fit(tmp_path: Path) -> None:
    fit = write_fit(tmp_path, QPCR + 'limit = "M2"\n')
    file = fit / "small" / "samples.csv"
    file.write_text(
        file.read_text(encoding="utf-8").replace(",copies/ug,0,50,", ",copies/ug,0,,"),
        encoding="utf-8",
    )
    (error,) = by_code(check_anything(fit), "fit-cannot-be-built")
    assert "method M2 needs the lloq" in error
    assert "limit = 'M3'" in error
    assert "assume_lloq in fit.toml" in error
    assert by_code(check_anything(fit, assume_lloq={"qpcr": 50.0}), "fit-cannot-be-built") == []
    found = check_anything(write_fit(tmp_path, QPCR), assume_lloq={"x": 5.0})
    assert len(by_code(found, "assume-lloq-unknown")) == 1


def test_another_study_is_checked_in_place_of_the_fits_own(tmp_path: Path) -> None:
    fit = write_fit(tmp_path / "fit", QPCR.replace('"small"', '"nowhere"'))
    other = SMALL["write_study"](tmp_path / "other")
    assert [f for f in check_anything(fit, study=other) if f.severity == "error"] == []
    with pytest.raises(SpecError, match="--study goes with a fit"):
        check_anything(other, study=other)


def test_counts_are_in_english(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = check_anything(write_fit(tmp_path, QPCR + "[parameters.cmax]\n"))
    print_findings(found, as_json=False)
    assert "1 error, 0 warnings, 2 info" in capsys.readouterr().out


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    from cellkinetics.cli import app

    monkeypatch.setattr(sys, "argv", ["cellkinetics", *words])
    with pytest.raises(SystemExit) as end:
        app()
    assert end.value.code == 0
    return capsys.readouterr().out


def test_limits_speak_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.loads(run(capsys, monkeypatch, "check", "--limits", "--json"))
    assert [m["name"] for m in said["methods"]] == [f"M{i}" for i in range(1, 8)]
    assert {"name", "cens", "when", "meaning", "says"} <= set(said["readings"][0])


def test_a_card_in_json_has_what_the_printed_one_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = json.loads(run(capsys, monkeypatch, "models", "stein2019", "--json"))
    assert [q["name"] for q in card["states"]] == ["short_lived", "long_lived"]
    assert [q["name"] for q in card["observables"]] == ["transgene"]
    assert card["inputs"][0]["default"] is None  # infinity has no place in JSON
    assert card["identifiability"]
    assert "deviations" in card
    assert card["covariates"][0]["name"].startswith("c_max~")
    assert card["residuals"][0]["observable"] == "transgene"
