"""A small study written by hand, read as any other."""

from pathlib import Path

from cellkinetics.study import Study, read_study

HEAD = "subject,time,analyte,value,unit,cens,lloq,uloq,lower,lod,specimen"


def study_of(
    folder: Path,
    rows: list[str],
    *,
    subjects: list[str] | None = None,
    infused: list[str] | None = None,
    settings: str = "",
    treatments: list[str] | None = None,
) -> Study:
    """Write a study; rows are ``subject,time,analyte,value[,cens[,lloq[,uloq[,specimen]]]]``."""
    named = subjects or sorted({row.split(",")[0] for row in rows})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(
        f'name = "made-up"\nsimulated = true\ndose_unit = "cells"\n{settings}'
    )
    (folder / "subjects.csv").write_text("subject\n" + "\n".join(named) + "\n")
    who = named if infused is None else infused
    if who:
        doses = "".join(f"{name},0,1e8\n" for name in who)
        (folder / "infusions.csv").write_text("subject,time,cells\n" + doses)
    if treatments:
        text = "subject,time,drug,kind\n" + "\n".join(treatments) + "\n"
        (folder / "treatments.csv").write_text(text)
    lines = [HEAD]
    for row in rows:
        cells = row.split(",") + [""] * 4
        subject, time, analyte, value, cens, lloq, uloq, specimen = cells[:8]
        lines.append(
            f"{subject},{time},{analyte},{value},pg/mL,{cens},{lloq},{uloq},,,{specimen or 'serum'}"
        )
    (folder / "samples.csv").write_text("\n".join(lines) + "\n")
    return read_study(folder)
