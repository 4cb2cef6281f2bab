# ruff: noqa: E501  (lists of ugly cells)
"""Malformed CDISC folders: whatever is in them, the answer is findings, never a traceback."""

import json
import random

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from cdisc_files import FILES, write_folder, write_xpt_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellkinetics.errors import CellKineticsError
from cellkinetics.study import check_study, exclusions, findings_to_json, read_study, write_nonmem

NASTY = [
    "", "NA", ".", "-", "0", "-1", "1e400", "nan", "inf", "1,5", '"', "'", "\x00", "\x1b[2J",
    "{value}", "{0}", "%s", "\u0661", "007", " ", "\n", "\r", ",", ";", "<50", ">9", "<", ">=", "<BLQ",
    "1e308", "5e-324", "-0", "2024-01-02", "2024-13-45", "2024-02", "31FEB2024", "99999", "-99999999",
    "45000", "\u22123", "\ud7ff", "\U0001f9ec", "x" * 300, "copies/ug", "10E9/L", "9^9^9", "((((", "MG/ML",
    "DEATH", "Death or progression", "CR", "PD", "USUBJID", "AVAL", "Y", "N", "COPY", "HALFLLOQ",
    "COPY/HALFLLOQ", "/", "LOCF", "DOSE", "h", "DAYS", "CART-01-1001", "None", "1_000", "0x10", "2.5",
]  # fmt: skip
OPTIONS = [
    "", "[analytes]\nCARQPCR = 1\n", "files.ADPC = ['adpc.csv', 'adpc.csv']\n", "[[x]]\n",
    "files.ADLB = ['adae.csv']\n", "[day_of_infusion]\nADLB = 0\nADAE = 0\nADTTE = 0\n",
    "[dtype]\nCOPY = 'original'\nHALFLLOQ = 'original'\nLOCF = 'below'\n", "time_unit = 'parsec'\n",
    "time_unit = 5\n", "encoding = 'cp1252'\n", "[doses]\ntreatments = ['FLUDARABINE']\nunit = 'cells'\n",
    "[analytes]\nIL6 = {unit = 'kg'}\nURCOL = 'colour'\n", "[time_to_event]\nunit = 'MONTHS'\n",
    "[time_to_event.events]\nDeath = 'none'\n'Disease Relapse' = 'death'\n", "\xff",
]  # fmt: skip


def damage(text: str, rng: random.Random) -> bytes:
    """Damage a data set: cells, columns, lines, bytes or the whole."""
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(rng.randint(1, 6)):
        row = rng.randrange(len(rows))
        col = rng.randrange(len(rows[row])) if rows[row] else 0
        match rng.randrange(9):
            case 0 | 1 | 2 | 3:
                rows[row][col : col + 1] = [rng.choice(NASTY)]
            case 4:
                rows.insert(row, list(rows[rng.randrange(len(rows))]))
            case 5:
                del rows[row][col : col + 1]
            case 6:
                rows[0][col : col + 1] = [rng.choice([*NASTY, *rows[0]])]
            case 7:
                for each in rows:
                    each[col : col + 1] = [rng.choice(NASTY)]
            case 8:
                rows = rows[: row + 1]
    data = "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")
    match rng.randrange(12):
        case 0:
            data = data.replace(b",", b";")
        case 1:
            at = rng.randrange(len(data) + 1)
            data = data[:at] + bytes([rng.randrange(256)]) + data[at:]
        case 2:
            data = data[: rng.randrange(len(data) + 1)]
        case 3:
            data = data.upper()
    return data


def answer(folder):
    found = check_study(folder)
    for one in found:
        assert str(one)
        assert "\x1b" not in str(one)
        assert one.line is None or one.line < 10**6, "the number of the file must not show"
        assert "000000" not in (one.came + one.wanted).replace("1000000", ""), str(one)
    assert json.loads(findings_to_json(found))["counts"]["error"] == sum(
        f.severity == "error" for f in found
    )
    errors = [str(f) for f in found if f.severity == "error"]
    if errors:
        with pytest.raises(CellKineticsError) as raised:
            read_study(folder)
        assert all(error in str(raised.value) for error in errors)
        return
    study = read_study(folder)
    assert np.isfinite(study.samples["time"]).all()
    assert np.isfinite(study.events["time"]).all()
    exclusions(study)
    write_nonmem(study, folder.with_suffix(".out"))


@pytest.mark.parametrize("seed", range(60))
def test_damaged_data_sets(tmp_path, seed):
    rng = random.Random(seed)
    names = rng.sample(sorted(FILES), rng.randint(1, 3))
    edits = {name: damage(FILES[name], rng) if rng.random() < 0.95 else None for name in names}
    if rng.random() < 0.3:
        edits["cdisc.toml"] = rng.choice(OPTIONS)
    answer(write_folder(tmp_path / "s", edits))


@pytest.mark.parametrize("seed", range(25))
def test_damaged_transport_files(tmp_path, seed):
    """Bytes changed, cut or swapped in files that SAS could have written."""
    rng = random.Random(seed)
    folder = write_xpt_folder(tmp_path / "xpt", write_folder(tmp_path / "csv", {}))
    for path in rng.sample(sorted(folder.iterdir()), 2):
        data = bytearray(path.read_bytes())
        match rng.randrange(5):
            case 0:
                data = data[: rng.randrange(len(data))]
            case 1:
                data = data[: 80 * rng.randrange(len(data) // 80 + 1)]
            case 2:
                for _ in range(rng.randint(1, 40)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            case 3:
                at = 80 * rng.randrange(len(data) // 80)
                data[at : at + 80] = bytes(rng.randrange(256) for _ in range(80))
            case 4:
                data = bytearray(rng.randrange(256) for _ in range(80 * rng.randint(0, 20)))
        path.write_bytes(bytes(data))
    answer(folder)


@pytest.mark.parametrize("seed", range(15))
def test_transport_files_with_variables_of_the_wrong_kind(tmp_path, seed):
    """Numbers where texts are wanted and texts where numbers are; whole columns missing."""
    rng = random.Random(seed)
    folder = write_xpt_folder(tmp_path / "xpt", write_folder(tmp_path / "csv", {}))
    path = rng.choice(sorted(folder.iterdir()))
    frame, _ = pyreadstat.read_xport(str(path), disable_datetime_conversion=True)
    for column in rng.sample(list(frame.columns), 3):
        match rng.randrange(3):
            case 0:
                frame[column] = pd.Series([rng.choice([0.0, -1.5, 1e20, np.nan])] * len(frame))
            case 1:
                frame[column] = rng.choice([t for t in NASTY if "\x00" not in t and t != "\ud7ff"])
            case 2:
                frame = frame.drop(columns=column)
    pyreadstat.write_xport(frame, str(path), file_format_version=5, table_name="X")
    answer(folder)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from([*sorted(FILES), "adsl.xpt", "adpc.xpt", "cdisc.toml"]),
    data=st.binary(max_size=240) | st.text().map(str.encode),
)
def test_any_bytes(tmp_path, name, data):
    edits = {name: data}
    if name.endswith(".xpt"):
        edits[name.replace(".xpt", ".csv")] = None
    folder = tmp_path / "s"
    for old in folder.glob("*"):
        old.unlink()
    answer(write_folder(folder, edits))
