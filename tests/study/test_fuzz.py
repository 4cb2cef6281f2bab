"""Malformed folders: whatever is in them, the answer is findings, never a traceback."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_files import FILES, write_study

from cellkinetics.errors import CellKineticsError
from cellkinetics.study import check_study, exclusions, findings_to_json, read_study, write_nonmem

NASTY = [
    "", "NA", ".", "-", "0", "-1", "1e400", "nan", "inf", "1,5", '"', '""', "'", "\x00", "\x1b[2J",
    "{value}", "{0}", "%s", "\u0661", "007", "7", " ", "\n", "\r", ",", ";", "true", "<50", ">9",
    "1e308", "5e-324", "-0", "2024-01-02", "45000", "\u22123", "\ud7ff", "\U0001f9ec", "x" * 300,
    "copies/ug", "10^9/L", "9^9^9", "((((", "degC", "death", "transplant", "CR", "subject", "line",
    "first", "count", "1_000", "0x10", "+5", "1.", ".5", "5.", "None", "cytarabine",
]  # fmt: skip


def damage(text: str, rng: random.Random) -> bytes:
    """Damage a file: cells, columns, lines, bytes or the whole."""
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
                rows = [[*r[col:], *r[:col]] for r in rows]
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
            data = data.replace(b"\n", b"\r\n")
    return data


def answer(folder, **options):
    found = check_study(folder, **options)
    for one in found:
        assert str(one)
        assert "\x1b" not in str(one)
    assert json.loads(findings_to_json(found))["counts"]["error"] == sum(
        f.severity == "error" for f in found
    )
    errors = [str(f) for f in found if f.severity == "error"]
    if errors:
        with pytest.raises(CellKineticsError) as raised:
            read_study(folder, **options)
        assert all(error in str(raised.value) for error in errors)
        return
    study = read_study(folder, **options)
    exclusions(study)
    write_nonmem(study, folder.with_suffix(".out"))


@pytest.mark.parametrize("seed", range(150))
def test_damaged_folder(tmp_path, seed):
    rng = random.Random(seed)
    names = rng.sample(sorted(FILES), rng.randint(1, 4))
    edits = {name: damage(FILES[name], rng) if rng.random() < 0.95 else None for name in names}
    answer(write_study(tmp_path / "s", edits))


@pytest.mark.parametrize("seed", range(60))
def test_damaged_nonmem_file(tmp_path, seed):
    study = read_study(write_study(tmp_path / "two", {}))
    options = write_nonmem(study, tmp_path / "two.csv")
    rng = random.Random(seed)
    (tmp_path / "bad.csv").write_bytes(damage((tmp_path / "two.csv").read_text(), rng))
    answer(tmp_path / "bad.csv", **options)


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(sorted(FILES)), data=st.binary(max_size=200) | st.text().map(str.encode)
)
def test_any_bytes(tmp_path, name, data):
    answer(write_study(tmp_path / "s", {name: data}))
