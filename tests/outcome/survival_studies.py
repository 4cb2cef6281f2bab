"""Studies written by hand for the time-to-event tests: events and responses, a line each."""

from pathlib import Path

from cellkinetics.study import read_study
from cellkinetics.study.study import Study


def study(
    folder: Path,
    subjects: str,
    events: str = "",
    responses: str = "",
    *,
    samples: str = "",
    landmark: int | None = 60,
    horizon: int = 365,
    cuts: str = "",
) -> Study:
    """Write and read a study.

    ``subjects`` "A B"; ``events`` "A 60 relapse; A 90 death"; ``responses`` "A 28 CR"; ``samples``
    "A 14"; ``cuts`` "A 100".
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = subjects.split()
    day_of = dict(item.split() for item in _items(cuts))
    mark = "" if landmark is None else f"[response]\nlandmark = {landmark}\n"
    (folder / "study.toml").write_text(
        f'name = "t"\nsimulated = true\nhorizon = {horizon}\ndose_unit = "cells/kg"\n{mark}'
    )
    _write(folder / "subjects.csv", "subject,data_cut", [f"{s},{day_of.get(s, '')}" for s in ids])
    _write(folder / "infusions.csv", "subject,time,cells", [f"{s},0,1.5e6" for s in ids])
    rows = [f"{s},{t},qpcr,100,copies/ug,0,50" for s, t in map(str.split, _items(samples))]
    _write(folder / "samples.csv", "subject,time,analyte,value,unit,cens,lloq", rows)
    for name, header, text in (
        ("events", "subject,time,event", events),
        ("assessments", "subject,time,response", responses),
    ):
        _write(folder / f"{name}.csv", header, [",".join(item.split()) for item in _items(text)])
    return read_study(folder)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(";") if item.strip()]


def _write(path: Path, header: str, rows: list[str]) -> None:
    path.write_text("\n".join([header, *rows]) + "\n")
