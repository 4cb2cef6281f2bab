"""The table of exposure in Fandrei et al. 2024, made anew from the public data."""

import pandas as pd
import pytest
from fandrei_exposure import SOURCE, TABLE, exposure_table, written

pytestmark = pytest.mark.shared


def test_the_table_is_what_the_data_give() -> None:
    if not SOURCE.is_dir():
        pytest.skip(f"{SOURCE} is absent: the public data are not shipped")
    assert written(exposure_table()) == TABLE.read_text()


def test_what_the_table_says() -> None:
    table = pd.read_csv(TABLE)
    at = table.set_index(["analyte", "group", "metric"])["estimate"]
    # The assays rank patients alike, and more cells go with a deeper response.
    assert at["qpcr / flow", "all", "Cmax Spearman"] > 0.8
    for analyte in ("qpcr", "flow"):
        assert at[analyte, "CR or nCR", "Cmax"] > at[analyte, "PR or less", "Cmax"]
    # No number is of so few patients that it would tell of a single one.
    assert table.loc[table["estimate"].notna(), "n"].min() >= 5
