"""A part of a study's table, made from one data set."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cellkinetics.study.cdisc.dataset import Dataset
from cellkinetics.study.convert import empty_frame, to_frame
from cellkinetics.study.tables import BY_NAME, Table
from cellkinetics.study.text import Cells

type Columns = Mapping[str, Sequence[object] | np.ndarray]


def part_of(table: str, data: Dataset, rows: Sequence[int], columns: Columns) -> pd.DataFrame:
    """Make rows of a table from records of a data set.

    Parameters
    ----------
    table : str                   such as "samples"
    data : Dataset                where they come from
    rows : sequence of int        its records, one for each row
    columns : mapping             column -> values, one for each row; NaN and None are empty

    Returns
    -------
    DataFrame                     as ``to_frame`` makes it, its findings added to those of ``data``;
                                  ``line`` carries the number of the file
    """
    if not len(rows):
        return empty_frame(BY_NAME[table])
    names = tuple(columns)
    texts = [[_text(value) for value in columns[name]] for name in names]
    cells = Cells(names, tuple(zip(*texts, strict=True)), tuple(data.code(int(i)) for i in rows))
    frame, found = to_frame(cells, BY_NAME[table], data.file, slips=False)
    data.found.extend(found)
    return frame


def joined(table: Table, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the parts of a table together; none make an empty table."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return empty_frame(table)
    return pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0]


def _text(value: object) -> str:
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else repr(float(value))
    return str(value)
