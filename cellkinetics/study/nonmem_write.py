"""A study to a NONMEM-style file, with the options that read it back."""

import csv
from pathlib import Path

import numpy as np

from cellkinetics.study.nonmem_layout import NonmemOptions
from cellkinetics.study.study import Study

_HEADER = ["ID", "SUBJECT", "TIME", "AMT", "EVID", "CMT", "DVID", "DV", "MDV", "CENS"]
_LIMITS = {"lower": "LIMIT", "lloq": "LLOQ", "uloq": "ULOQ", "lod": "LOD"}


def write_nonmem(study: Study, path: str | Path) -> NonmemOptions:
    """Write infusions, samples and covariates of a study as a NONMEM-style file.

    Parameters
    ----------
    study : Study
    path : str or Path            the CSV file to write

    Returns
    -------
    NonmemOptions                 what ``read_study(path, **options)`` needs to read it back; the
                                  analytes' units are in it, because the file has no place for them

    Notes
    -----
    ``ID`` numbers the subjects, ``SUBJECT`` holds their own ids. At one time a sample comes before
    a dose, because samples on the day of infusion are drawn first. Specimens, assessments, events
    and the other tables have no place in such a file.
    """
    analytes = dict(enumerate(study.analytes, start=1))
    number = {name: key for key, name in analytes.items()}
    people = study.subjects.set_index("subject")
    ids = {subject: i for i, subject in enumerate(people.index, start=1)}
    covariates = [c for c in ("weight_kg", *study.covariates) if not people[c].isna().all()]
    records: list[tuple[tuple[float, ...], list[object]]] = []

    def add(order: float, subject: str, time: float, middle: list[object]) -> None:
        known = [people.at[subject, name] for name in covariates]
        row = [ids[subject], subject, time, *middle, *known]
        records.append(((ids[subject], time, order), row))

    for row in study.samples.to_dict("records"):
        dvid = number[row["analyte"]]
        cens = 0.0 if np.isnan(row["cens"]) else row["cens"]
        mdv = int(np.isnan(row["value"]) and cens == 0)
        limits = [row[name] for name in _LIMITS]
        add(
            0,
            row["subject"],
            row["time"],
            [np.nan, 0, dvid, dvid, row["value"], mdv, cens, *limits],
        )
    for row in study.infusions.to_dict("records"):
        add(1, row["subject"], row["time"], [row["cells"], 1, 1, *[np.nan] * 2, 1, *[np.nan] * 5])
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_HEADER, *_LIMITS.values(), *covariates])
        for _, cells in sorted(records, key=lambda record: record[0]):
            writer.writerow([_written(cell) for cell in cells])
    options = NonmemOptions(
        analytes=analytes,
        units={name: study.unit(name) or "" for name in study.analytes},
        id="SUBJECT",
        name=study.name,
        simulated=study.simulated,
        zeros_as_read=study.settings.zeros_as_read,
    )
    if study.settings.dose_unit:
        options["dose_unit"] = study.settings.dose_unit
    return options


def _written(cell: object) -> object:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return "."
    if isinstance(cell, float):
        return f"{cell:g}" if float(f"{cell:g}") == cell else repr(float(cell))
    return cell
