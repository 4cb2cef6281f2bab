"""A model of a user's own works where a shipped one does, in spawned processes too."""

import multiprocessing
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cellkinetics.catalogue import load_model
from cellkinetics.contract.new import new_model
from cellkinetics.errors import ModelError
from cellkinetics.kernel.solve import solve
from cellkinetics.simulation.run import simulate
from cellkinetics.spec import model_of, read_spec

DAYS = [0.0, 5.0, 20.0]


def test_models_reach_a_spawned_process(tmp_path: Path) -> None:
    path = new_model(tmp_path / "mine.py")
    asked = [path, load_model(path), load_model("antigen_driven"), load_model("stein2019")]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap(solve, [(model, None, DAYS) for model in asked])
        drawn = pool.apply(simulate, (load_model(path), None, DAYS), {"subjects": 5})
    for model, there in zip(asked, found, strict=True):
        assert there.identical(solve(model, None, DAYS))
    assert drawn.identical(simulate(path, None, DAYS, subjects=5))


def test_a_model_is_the_same_after_its_journey(tmp_path: Path) -> None:
    path = new_model(tmp_path / "mine.py")
    for name in (path, "stein2019"):
        model = load_model(name)
        assert pickle.loads(pickle.dumps(model)) is model


def test_a_file_that_has_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    path = new_model(tmp_path / "mine.py")
    sent = pickle.dumps(load_model(path))
    path.write_text(path.read_text("utf-8").replace("typical=0.8", "typical=0.9"), "utf-8")
    with pytest.raises(ModelError, match=r"mine\.py has changed since"):
        pickle.loads(sent)


def test_a_saved_change_is_seen_at_once(tmp_path: Path) -> None:
    path = new_model(tmp_path / "mine.py")
    before = solve(path, None, DAYS).car_t.values
    path.write_text(path.read_text("utf-8").replace("typical=0.8", "typical=0.9"), "utf-8")
    after = solve(path, None, DAYS).car_t.values
    assert (after[0, 1:] < before[0, 1:]).all()


def test_two_files_of_one_name_are_two_models(tmp_path: Path) -> None:
    found = []
    for folder, value in (("a", "0.8"), ("b", "0.9")):
        (tmp_path / folder).mkdir()
        path = new_model(tmp_path / folder / "mine.py")
        path.write_text(path.read_text("utf-8").replace("typical=0.8", f"typical={value}"), "utf-8")
        found.append(load_model(path))
    assert [m.parameters[0].typical for m in found] == [0.8, 0.9]


def test_a_result_is_read_with_the_model_that_it_keeps(tmp_path: Path) -> None:
    """It is called model.py there, whatever fit.toml calls it and whatever became of that file."""
    result = tmp_path / "result"
    result.mkdir()
    (result / "fit.toml").write_text(
        'study = "aml5"\nmodel = "mine.py"\nseed = 1\n[analytes.flow]\n', encoding="utf-8"
    )
    new_model(result / "model.py")
    assert model_of(read_spec(result), result).parameters[0].typical == 0.8
    mine = new_model(result / "mine.py")  # beside fit.toml, as the user has it, it comes first
    mine.write_text(mine.read_text("utf-8").replace("typical=0.8", "typical=0.9"), "utf-8")
    assert model_of(read_spec(result), result).parameters[0].typical == 0.9


def test_a_model_changed_in_memory_does_not_travel_as_the_one_on_disk(tmp_path: Path) -> None:
    changed = replace(load_model("antigen_driven"), horizon=10.0)
    assert pickle.loads(pickle.dumps(changed)).horizon == 10.0
    np.testing.assert_array_equal(
        solve(pickle.loads(pickle.dumps(changed)), None, DAYS).car_t,
        solve(changed, None, DAYS).car_t,
    )
