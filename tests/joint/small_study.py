"""A small study on disk, and fits of it, for tests of everything between tables and posterior."""

import textwrap
from pathlib import Path

from cellkinetics.catalogue import load_model
from cellkinetics.joint import Joint, join
from cellkinetics.spec import parse_spec
from cellkinetics.study import read_study

SETTINGS = """
name = "small"
simulated = true
dose_unit = "cells/kg"

[units]
qpcr = "copies/ug"
flow = "cells/uL"
wbc = "10^9/L"
"""

SUBJECTS = """
subject,weight_kg,sex,age
007,70,F,40
A-2,80,M,60
p3,60,F,50
"""

INFUSIONS = """
subject,time,cells,vcn
007,0,1e6,1
A-2,0,2e6,2
p3,0,1.5e6,1
"""


def _samples() -> str:
    lines = ["subject,time,analyte,value,unit,cens,lloq,lod"]
    levels = {"007": 1.0, "A-2": 3.0, "p3": 0.4}
    for subject, level in levels.items():
        for day, copies in (
            (1, 20),
            (4, 300),
            (7, 4000),
            (10, 20000),
            (14, 9000),
            (28, 900),
            (90, 60),
        ):
            value = level * copies
            below = value < 50
            shown, cens = (50, 1) if below else (value, 0)
            lines.append(f"{subject},{day},qpcr,{shown:g},copies/ug,{cens},50,")
            cells = value * 6.6e-6 * 2000
            below = cells < 0.5
            shown, cens = (0.5, 1) if below else (cells, 0)
            lines.append(f"{subject},{day},flow,{shown:g},cells/uL,{cens},0.5,")
        lines.append(f"{subject},0,wbc,1.0,10^9/L,0,,")
        lines.append(f"{subject},90,wbc,3.0,10^9/L,0,,")
    return "\n".join(lines)


def write_study(folder: Path) -> Path:
    """Write the tables; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "study.toml": SETTINGS,
        "subjects.csv": SUBJECTS,
        "infusions.csv": INFUSIONS,
        "samples.csv": _samples(),
    }.items():
        (folder / name).write_text(textwrap.dedent(text).strip() + "\n", encoding="utf-8")
    return folder


BASE = {
    "study": "small",
    "model": "stein2019",
    "seed": 1,
    "analytes": {"qpcr": {}, "flow": {"link": "physical"}},
}


def joined(folder: Path, **changes: object) -> Joint:
    """Join the study with a fit that differs from BASE by ``changes``."""
    spec = parse_spec({**BASE, **changes})
    return join(read_study(write_study(folder)), load_model(spec.model), spec)
