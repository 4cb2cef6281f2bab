"""The figures of the cytokines: tables taken from an answer, handed to the drawing functions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cellkinetics.outcome.answer import Answer
from cellkinetics.outcome.cytokine_course import flags
from cellkinetics.outcome.cytokine_readings import read_cytokines
from cellkinetics.study.limits import RIGHT
from cellkinetics.study.study import Study

MOST_SUBJECTS = 60  # drawn; of more, evenly spaced ones in the study's order


def heat_cells(table: pd.DataFrame, names: tuple[str, str], lower: str, upper: str) -> pd.DataFrame:
    """Cells of a heat map of log2 values that are known between bounds.

    Parameters
    ----------
    table : DataFrame
    names : (str, str)            columns of ``table`` that name the cell's row and column
    lower, upper : str            columns with the bounds

    Returns
    -------
    DataFrame                     row, column, value (log2; the finite bound, or the middle of two;
                                  NaN where nothing is known), flag
    """
    low, high = (table[c].to_numpy(np.float64) for c in (lower, upper))
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = np.log2(low), np.log2(high)
        middle = np.where(np.isfinite(a), np.where(np.isfinite(b), (a + b) / 2, a), b)
    return pd.DataFrame(
        {
            "row": table[names[0]].to_numpy(),
            "column": table[names[1]].to_numpy(),
            "value": np.where(np.isfinite(middle), middle, np.nan),
            "flag": flags(table[lower], table[upper]),
        }
    )


def course_levels(study: Study, answer: Answer, *, until: float | None = None) -> pd.DataFrame:
    """Readings as they are drawn: subject, analyte, time, level (the limit if beyond it), kind."""
    drawn = [str(name) for name in dict.fromkeys(answer.subjects["analyte"])]
    last = study.settings.horizon if until is None else until
    table = read_cytokines(study, analytes=drawn, until=last).table
    subjects = list(dict.fromkeys(table["subject"]))
    if len(subjects) > MOST_SUBJECTS:
        keep = np.linspace(0, len(subjects) - 1, MOST_SUBJECTS).astype(int)
        table = table[table["subject"].isin({subjects[i] for i in keep})]
    level = table["upper"].where(table["kind"] != RIGHT, table["lower"])
    return table[["subject", "analyte", "time", "kind"]].assign(level=level)


def draw_figures(
    study: Study, answer: Answer, folder: Path, *, suffixes: Sequence[str] = (".png", ".svg")
) -> list[Path]:
    """Write the heat maps and the courses.

    Parameters
    ----------
    study : Study
    answer : Answer               of ``cytokine``
    folder : Path                 exists
    suffixes : sequence of str    file types

    Returns
    -------
    list of Path                  the files written; none where the study has no cytokine
    """
    # Matplotlib is slow to load, and numbers do not need it.
    from cellkinetics.plot.cytokine import heat_map, spaghetti  # noqa: PLC0415
    from cellkinetics.plot.style import save  # noqa: PLC0415

    if not len(answer.subjects):
        return []
    label = f"{study.name} (SIMULATED data)" if study.simulated else study.name
    visits = answer.more["visits"]
    after = visits[(visits["visit"] > 0) & visits["median_lower"].notna()]
    peaks = answer.subjects[answer.subjects["fold_lower"].notna()]
    levels = course_levels(study, answer)
    shown, subjects = levels["subject"].nunique(), answer.subjects["subject"].nunique()
    who = "" if shown == subjects else f", {shown} of {subjects} subjects"
    figures = {}
    if len(after):
        figures["cytokine-fold"] = heat_map(
            heat_cells(after, ("analyte", "visit"), "median_lower", "median_upper"),
            columns="days since infusion",
            label="median log2 fold change",
            title=f"{label}: change from before the infusion",
        )
    if len(peaks):
        drawn = peaks[peaks["subject"].isin(set(levels["subject"]))]
        figures["cytokine-peak"] = heat_map(
            heat_cells(drawn, ("subject", "analyte"), "fold_lower", "fold_upper"),
            columns="analyte",
            label="log2 (peak / baseline)",
            title=f"{label}: peaks{who}",
        )
    if len(levels):
        units = {name: study.unit(name) or "" for name in levels["analyte"].unique()}
        figures["cytokine-courses"] = spaghetti(
            levels, units=units, title=f"{label}: cytokines in blood{who}"
        )
    return [
        save(figure, folder / f"{name}{suffix}")
        for name, figure in figures.items()
        for suffix in suffixes
    ]
