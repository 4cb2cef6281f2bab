"""Files of an exposure analysis."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from cellkinetics.errors import SpecError
from cellkinetics.exposure.nca import NcaResult
from cellkinetics.exposure.registry import glossary
from cellkinetics.exposure.summary import summarise
from cellkinetics.files import (
    Maker,
    check_folder,
    write_csv,
    write_json,
    write_text,
    write_whole,
)

_MAKER = Maker("exposure.json", "cellkinetics nca", SpecError)
PER_PAGE = 20
MOST_DRAWN = 100
"""Subjects in figures; more would fill a shelf, and nobody would look at them."""


def check_nca_folder(folder: str | Path, *, overwrite: bool = False) -> Path:
    """Refuse a folder that must not be written, before anything is computed.

    Raises
    ------
    SpecError                     a file; a folder that holds what is not ours; an earlier result,
                                  unless ``overwrite``
    """
    return check_folder(folder, _MAKER, overwrite=overwrite)


def write_nca(
    result: NcaResult,
    folder: str | Path,
    *,
    by: str | Mapping[str, str] | None = None,
    figures: bool = True,
    overwrite: bool = False,
) -> list[Path]:
    """Write an exposure analysis, whole or not at all.

    Parameters
    ----------
    result : NcaResult
    folder : path                 made if it does not exist
    by : str or mapping, optional group of the summary, as in ``summarise``
    figures : bool
    overwrite : bool              replace an earlier result of ours

    Returns
    -------
    list of Path                  exposure_subjects.csv (long), exposure_wide.csv,
                                  exposure_summary.csv, exposure_left_out.csv,
                                  exposure_definitions.txt, exposure.json (what the folder holds),
                                  and figures as PNG and SVG

    Raises
    ------
    SpecError                     see :func:`check_nca_folder`; or the disk refuses
    """
    summary = summarise(result, by=by)
    fill = partial(_fill, result, summary, figures=figures)
    return write_whole(folder, _MAKER, fill, overwrite=overwrite)


def _fill(result: NcaResult, summary: pd.DataFrame, target: Path, *, figures: bool) -> None:
    tables: dict[str, pd.DataFrame] = {
        "exposure_subjects": result.long,
        "exposure_wide": result.wide,
        "exposure_summary": summary,
        "exposure_left_out": result.left_out,
    }
    for name, table in tables.items():
        write_csv(target / f"{name}.csv", table)
    meanings = glossary(result.rules)
    words = "\n".join(
        f"{row['metric']}: {row['meaning']}" + (f" [{row['cdisc']}]" if row["cdisc"] else "")
        for row in meanings.to_dict("records")
        if row["metric"] in result.metrics
    )
    remarks = "".join(f"\n{remark}" for remark in result.notes)
    write_text(target / "exposure_definitions.txt", f"{result.definition}{remarks}\n\n{words}\n")
    if figures:
        draw_profiles(result, target)
    files = sorted(entry.name for entry in target.iterdir())
    write_json(
        target / _MAKER.mark,
        {"kind": _MAKER.kind, "study": result.study, "simulated": result.simulated, "files": files},
    )


def draw_profiles(result: NcaResult, target: Path, *, most: int = MOST_DRAWN) -> list[Path]:
    """Draw the profiles of every analyte, as PNG and SVG.

    Parameters
    ----------
    result : NcaResult
    target : Path                 folder, exists
    most : int                    subjects that are drawn; of more, the title says so

    Returns
    -------
    list of Path
    """
    from cellkinetics.plot.exposure import profiles  # noqa: PLC0415  (matplotlib)
    from cellkinetics.plot.style import pages, save  # noqa: PLC0415

    label = f"{result.study}{' (SIMULATED data)' if result.simulated else ''}"
    written = []
    series = result.wide[["analyte", "specimen"]].drop_duplicates()
    for analyte, specimen in zip(series["analyte"], series["specimen"], strict=True):
        readings = _of(result.readings, analyte, specimen)
        metrics = _of(result.wide, analyte, specimen)
        here = set(readings["subject"])
        every = [s for s in metrics["subject"] if s in here]
        split = list(pages(every[:most], PER_PAGE))
        cut = f" (the first {most} of {len(every)})" if len(every) > most else ""
        for number, subjects in enumerate(split, start=1):
            figure = profiles(
                readings[readings["subject"].isin(subjects)],
                metrics,
                subjects,
                title=f"{label}: {' in '.join(x for x in (analyte, specimen) if x)}{cut}",
            )
            stem = "_".join(x for x in ("exposure", analyte, specimen) if x)
            stem += f"_{number}" if len(split) > 1 else ""
            stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem)
            while target / f"{stem}.png" in written:  # "a/b" and "a b" are two analytes
                stem += "_"
            written += [save(figure, target / f"{stem}{end}") for end in (".png", ".svg")]
    return written


def _of(table: pd.DataFrame, analyte: str, specimen: str) -> pd.DataFrame:
    return table[(table["analyte"] == analyte) & (table["specimen"] == specimen)]
