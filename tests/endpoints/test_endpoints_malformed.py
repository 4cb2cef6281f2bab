"""2,000 malformed study folders: a clear finding or an error, never a traceback, never a number."""

import json
import random
import re
from pathlib import Path

import pytest
from malformed import FILES, malformed_files

from cellkinetics.endpoints import compute_endpoints
from cellkinetics.endpoints.text import content, definitions
from cellkinetics.errors import CellKineticsError, StudyError
from cellkinetics.files import json_text
from cellkinetics.study import Finding, check_study, read_study

FOLDERS, BATCHES = 2000, 20


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def refused(text: str, findings: list[Finding] | None) -> None:
    """Every error says what came, and the check of the study says the same."""
    lines = text.splitlines()
    assert len(lines) > 1, text
    assert all(" got " in line for line in lines[1:]), text
    if findings is not None:
        errors = [f for f in findings if f.severity == "error"]
        assert [f"  {one}" for one in errors] == lines[1:]
        assert all(one.came and one.cure for one in errors)


def judge(folder: Path, *, checked: bool = True) -> str:
    """What becomes of a folder: "error" or "numbers"; anything else is a failure.

    ``check`` and every other command read a study in one and the same way: it is enough to compare
    the two now and then (``checked``).
    """
    try:
        study = read_study(folder)
    except StudyError as error:
        refused(str(error), check_study(folder) if checked else None)
        return "error"
    if checked:
        assert not any(f.severity == "error" for f in check_study(folder))
    found = compute_endpoints(study)
    assert found.passed, [c for c in found.checks if not c.passed]
    for answer in found.answers.values():
        assert answer.numbers["n"].notna().all()
        assert (answer.numbers["method"] != "").all()
        silent = answer.numbers["estimate"].isna() & (answer.numbers["note"] == "")
        assert not silent.any(), (answer.name, answer.numbers[silent])
    json.loads(json_text(content(found)), parse_constant=pytest.fail)
    assert "nan" not in re.findall(r"\w+", definitions(found))
    return "numbers"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_malformed_folders(tmp_path, batch):
    seen = {"error": 0, "numbers": 0}
    for seed in range(batch, FOLDERS, BATCHES):
        files = malformed_files(random.Random(seed))
        try:
            folder = write(tmp_path / f"s{seed}", files)
            seen[judge(folder, checked=seed % 10 == 0)] += 1
        except CellKineticsError as error:
            pytest.fail(f"seed {seed}: a study without errors was refused: {error}")
        except Exception as error:
            error.add_note(f"malformed folder of seed {seed}")
            raise
    assert seen["error"] > 0.8 * FOLDERS / BATCHES, "most damage must be found"


def test_the_clean_study_has_numbers(tmp_path):
    files = {name: text.encode() for name, text in FILES.items()}
    assert judge(write(tmp_path / "clean", files)) == "numbers"
