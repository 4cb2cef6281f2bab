"""Small studies, written by hand, for the tests of response, MRD and safety."""

from pathlib import Path

from cellkinetics.study import Study, read_study

SETTINGS = """\
name = "small"
simulated = true
dose_unit = "cells/kg"

[response]
criteria = "{criteria}"
windows = {{ day_28 = [21, 35] }}
"""


def small_study(
    folder: Path, *, criteria: str = "ELN2022", settings: str = "", **tables: str
) -> Study:
    """Write and read a study; a table is given as csv text, infusions as the list of who was."""
    subjects = tables.pop("subjects", "subject\nA\nB\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(SETTINGS.format(criteria=criteria) + settings)
    (folder / "subjects.csv").write_text(subjects)
    infused = tables.pop("infused", None)
    if infused is None:
        names = [line.split(",")[0] for line in subjects.splitlines()[1:]]
    else:
        names = infused.split()
    doses = "".join(f"{name},0,1e6\n" for name in names)
    (folder / "infusions.csv").write_text(f"subject,time,cells\n{doses}")
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    return read_study(folder)


MARROW = "subject,time,response,marrow_blasts_pct,blood_blasts_pct,anc,platelets"
