"""Phoenix WinNonlin's own answers, all subjects, six digits."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellkinetics.exposure import METRICS, metrics_of

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CELLKINETICS_DATA", ROOT.parent / "shared" / "data")) / "nca"

CASES = {
    "Theoph_Linear": ("Theoph.csv", "Time", 12, 29, {"dose": 320, "trapezoid": "linear"}),
    "Theoph_Log": ("Theoph.csv", "Time", 12, 29, {"dose": 320, "trapezoid": "linlog"}),
    "Indometh_Linear": (
        "Indometh.csv", "time", 6, 31, {"dose": 25, "trapezoid": "linear", "route": "bolus"},
    ),
}  # fmt: skip
NOT_OURS = ("Vz", "Cl", "Vss")  # volumes and clearances mean nothing for cells
COLUMN = {m.winnonlin: m.name for m in METRICS if m.winnonlin}

pytestmark = pytest.mark.shared


def compare(case: str, **changes: object) -> pd.DataFrame:
    """Relative differences, a row a subject, a column a column of WinNonlin's."""
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is absent: the public data are not shipped")
    file, time, subjects, columns, options = CASES[case]
    readings = pd.read_csv(DATA / file)
    answers = pd.read_csv(DATA / f"Final_Parameters_Pivoted_{case}.csv").set_index("Subject")
    assert len(answers) == subjects
    ours = metrics_of(
        readings[time],
        readings["conc"],
        profile=readings["Subject"],
        windows=(),
        **{**options, **changes},
    ).pivot(index="profile", columns="metric", values="value")
    wanted = [c for c in answers if not c.startswith(NOT_OURS)]
    assert set(wanted) <= set(COLUMN), set(wanted) - set(COLUMN)
    assert len(wanted) == columns
    got = ours[[COLUMN[c] for c in wanted]].reindex(answers.index).to_numpy(dtype=float)
    want = answers[wanted].to_numpy(dtype=float)
    assert np.isfinite(got).all()
    apart = np.where(want == got, 0.0, np.abs(got - want) / np.maximum(np.abs(want), 1e-300))
    return pd.DataFrame(apart, index=answers.index, columns=wanted)


@pytest.mark.parametrize("case", CASES)
def test_every_column_of_every_subject_agrees_to_six_digits(case: str) -> None:
    apart = compare(case)
    assert apart.to_numpy().max() < 5e-7, apart.max()


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("Theoph_Linear", {"trapezoid": "linlog"}),
        ("Theoph_Log", {"trapezoid": "linear"}),
        ("Theoph_Linear", {"tmax": "in"}),
        ("Theoph_Linear", {"tolerance": 0.0}),
        ("Indometh_Linear", {"tmax": "out"}),
        ("Indometh_Linear", {"min_points": 4}),
        ("Indometh_Linear", {"dose": 26}),
    ],
)
def test_a_wrong_rule_does_not_pass(case: str, change: dict[str, object]) -> None:
    assert compare(case, **change).to_numpy().max() > 1e-5
