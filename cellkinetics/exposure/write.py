"""Files of an exposure analysis."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from cellkinetics.errors import SpecError
from cellkinetics.exposure.nca import NcaResult
from cellkinetics.exposure.registry import glossary
from cellkinetics.exposure.summary import summarise
from cellkinetics.files import write_csv, write_text

PER_PAGE = 20
MOST_DRAWN = 100
"""Subjects in figures; more would fill a shelf, and nobody would look at them."""


def write_nca(
    result: NcaResult,
    folder: str | Path,
    *,
    by: str | Mapping[str, str] | None = None,
    figures: bool = True,
) -> list[Path]:
    """Write an exposure analysis.

    Parameters
    ----------
    result : NcaResult
    folder : path                 made if it does not exist
    by : str or mapping, optional group of the summary, as in ``summarise``
    figures : bool

    Returns
    -------
    list of Path                  exposure_subjects.csv (long), exposure_wide.csv,
                                  exposure_summary.csv, exposure_left_out.csv,
                                  exposure_definitions.txt, and figures as PNG and SVG
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise SpecError(f"{target} is a file; the results need a folder. Choose another --out.")
    target.mkdir(parents=True, exist_ok=True)
    tables: dict[str, pd.DataFrame] = {
        "exposure_subjects": result.long,
        "exposure_wide": result.wide,
        "exposure_summary": summarise(result, by=by),
        "exposure_left_out": result.left_out,
    }
    written = []
    for name, table in tables.items():
        path = target / f"{name}.csv"
        write_csv(path, table)
        written.append(path)
    meanings = glossary(result.rules)
    words = "\n".join(
        f"{row['metric']}: {row['meaning']}" + (f" [{row['cdisc']}]" if row["cdisc"] else "")
        for row in meanings.to_dict("records")
        if row["metric"] in result.metrics
    )
    text = target / "exposure_definitions.txt"
    remarks = "".join(f"\n{remark}" for remark in result.notes)
    write_text(text, f"{result.definition}{remarks}\n\n{words}\n")
    written.append(text)
    return [*written, *(draw_profiles(result, target) if figures else [])]


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
            written += [save(figure, target / f"{stem}{end}") for end in (".png", ".svg")]
    return written


def _of(table: pd.DataFrame, analyte: str, specimen: str) -> pd.DataFrame:
    return table[(table["analyte"] == analyte) & (table["specimen"] == specimen)]
