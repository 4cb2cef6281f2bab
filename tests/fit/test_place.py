"""Where results go: nothing is deleted, mixed or taken for whole that is not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cellkinetics.errors import FitError, QuickRefused
from cellkinetics.files import put_in_place
from cellkinetics.fitting import fit, load_fit, quick_result
from cellkinetics.fitting.place import held, make_folder, open_folder
from cellkinetics.fitting.result import save_tree
from cellkinetics.fitting.run import priors

OWN = {"spec": {"seed": 1, "model": "m"}, "data": {}, "settings": "a", "model": "b"}
FIT = Path(__file__).resolve().parents[2] / "fits" / "aml5-stein2019" / "fit.toml"


@pytest.fixture(scope="module")
def quick_answer(tmp_path_factory) -> Path:
    where = tmp_path_factory.mktemp("place") / "answer"
    fit("aml5-stein2019", out=where, quick=True)
    return where


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A fit's own folder, which is the working directory and has an earlier result inside."""
    shutil.copy(FIT, tmp_path / "fit.toml")
    other = tmp_path / "results" / "other"
    other.mkdir(parents=True)
    (other / "summary.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_fit_in_its_own_folder_has_a_folder_of_its_own(here) -> None:
    view = priors(".", draws=100)
    assert view.folder == here / "results" / f"{here.name}-priors"
    assert view.name == here.name
    fit(".", quick=True)
    assert (here / "results" / f"{here.name}-quick" / "summary.json").is_file()
    assert (here / "results" / "other" / "summary.json").is_file()


def test_priors_touch_nothing_that_is_not_theirs(tmp_path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "priors.csv").write_text("my own table")
    for overwrite in (False, True):
        with pytest.raises(FitError, match=r"no result of cellkinetics priors"):
            priors("aml5-stein2019", out=theirs, draws=100, overwrite=overwrite)
    assert (theirs / "priors.csv").read_text() == "my own table"
    view = priors("aml5-stein2019", out=tmp_path / "new", draws=100)
    assert view.figures
    assert {f.name for f in view.folder.iterdir()} == {
        "priors.csv", "priors.json", *(figure.name for figure in view.figures)
    }  # fmt: skip
    with pytest.raises(FitError, match=r"earlier result.*--overwrite"):
        priors("aml5-stein2019", out=tmp_path / "new", draws=100)
    (view.folder / "mine.txt").write_text("x")
    with pytest.raises(FitError, match=r"also holds mine\.txt"):
        priors("aml5-stein2019", out=tmp_path / "new", draws=100, overwrite=True)
    (view.folder / "mine.txt").unlink()
    priors("aml5-stein2019", out=tmp_path / "new", draws=100, overwrite=True)


def test_overwrite_deletes_nothing_that_a_fit_does_not_write(tmp_path) -> None:
    open_folder(tmp_path / "r", OWN, resume=False, overwrite=False)
    (tmp_path / "r" / "other").mkdir()
    with pytest.raises(FitError, match="also holds other"):
        open_folder(tmp_path / "r", OWN, resume=False, overwrite=True)
    assert (tmp_path / "r" / "other").is_dir()
    (tmp_path / "r" / "other").rmdir()
    (tmp_path / "r" / "parameters.csv").write_text("old")
    open_folder(tmp_path / "r", OWN, resume=False, overwrite=True)
    assert [p.name for p in (tmp_path / "r").iterdir()] == ["identity.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize("options", [{"overwrite": True}, {"resume": True}, {"quick": True}])
def test_a_fit_that_is_running_is_left_alone(tmp_path, options) -> None:
    target = tmp_path / "r"
    open_folder(target, OWN, resume=False, overwrite=False)
    script = (
        "import sys, time\nfrom cellkinetics.fitting.place import held\n"
        "with held(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FitError, match=f"is in use: process {holder.pid} on"):
            fit("aml5-stein2019", out=target, progress=False, **options)
    finally:
        holder.kill()
        holder.communicate()
    assert json.loads((target / "identity.json").read_text()) == OWN
    # The lock of a process that was killed holds nothing, and goes with the next one.
    with held(target):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_a_refused_quick_answer_leaves_the_old_one(quick_answer, tmp_path, monkeypatch) -> None:
    old = tmp_path / "old"
    shutil.copytree(quick_answer, old)

    def degenerate(levels, seed):
        raise np.linalg.LinAlgError("the Hessian is not finite")

    monkeypatch.setattr(quick_result, "approximate", degenerate)
    with pytest.raises(QuickRefused, match="no usable curvature"):
        fit("aml5-stein2019", out=old, quick=True, overwrite=True)
    assert load_fit(old).approximate
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_quick_overwrite_replaces_the_old_answer(quick_answer, tmp_path) -> None:
    old = tmp_path / "old"
    shutil.copytree(quick_answer, old)
    fit("aml5-stein2019", out=old, quick=True, overwrite=True, seed=5)
    assert load_fit(old).summary["sampling"]["seed"] == 5
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_a_density_without_curvature_is_a_refusal(tmp_path) -> None:
    text = FIT.read_text(encoding="utf-8") + "\n[priors]\nprior_scale = 30\n"
    (tmp_path / "wide").mkdir()
    (tmp_path / "wide" / "fit.toml").write_text(text, encoding="utf-8")
    with pytest.raises(QuickRefused):
        fit(tmp_path / "wide", out=tmp_path / "out", quick=True)
    assert not (tmp_path / "out").exists()


def test_resuming_a_finished_fit_takes_back_that_it_is_whole(tmp_path) -> None:
    open_folder(tmp_path / "r", OWN, resume=False, overwrite=False)
    (tmp_path / "r" / "summary.json").write_text("{}")
    open_folder(tmp_path / "r", OWN, resume=True, overwrite=False)
    assert not (tmp_path / "r" / "summary.json").exists()
    with pytest.raises(FitError, match="unfinished fit"):
        load_fit(tmp_path / "r")


def test_the_old_draws_stay_until_the_new_ones_are_whole(tmp_path, monkeypatch) -> None:
    place = tmp_path / "posterior.zarr"
    old, new = (xr.DataTree(xr.Dataset({"x": ("d", [value])})) for value in (1.0, 2.0))
    save_tree(old, place)

    def full(*_, **__):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(xr.DataTree, "to_zarr", full)
        with pytest.raises(OSError, match="full"):
            save_tree(new, place)
    kept = xr.open_datatree(place, engine="zarr", consolidated=False)
    assert kept["x"].item() == 1.0
    save_tree(new, place)
    kept = xr.open_datatree(place, engine="zarr", consolidated=False)
    assert kept["x"].item() == 2.0
    assert [p.name for p in tmp_path.iterdir()] == ["posterior.zarr"]


def test_put_in_place_after_a_kill_between_its_two_moves(tmp_path) -> None:
    for name in ("new", ".place.old.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    put_in_place(tmp_path / "new", tmp_path / "place")
    assert [p.name for p in tmp_path.iterdir()] == ["place"]
    assert (tmp_path / "place" / "file").read_text() == "new"


@pytest.mark.parametrize(
    "lost", ["posterior.zarr", "parameters.csv", "individuals.csv", "shrinkage.csv"]
)
def test_a_result_with_a_part_missing_is_said_so(quick_answer, tmp_path, lost) -> None:
    shutil.copytree(quick_answer, tmp_path / "r")
    path = tmp_path / "r" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(FitError, match="not whole"):
        load_fit(tmp_path / "r")


@pytest.mark.parametrize("damage", ["", "{", "[1]"])
def test_a_summary_that_is_damaged_is_said_so(quick_answer, tmp_path, damage) -> None:
    shutil.copytree(quick_answer, tmp_path / "r")
    (tmp_path / "r" / "summary.json").write_text(damage)
    with pytest.raises(FitError, match="not whole"):
        load_fit(tmp_path / "r")


def test_subjects_keep_labels_that_look_like_nothing(quick_answer, tmp_path) -> None:
    shutil.copytree(quick_answer, tmp_path / "r")
    file = tmp_path / "r" / "individuals.csv"
    text = file.read_text()
    for name, odd in (("P01", "null"), ("P02", "None"), ("P03", "n/a"), ("P04", "007")):
        text = text.replace(f"{name},", f"{odd},")
    file.write_text(text)
    found = load_fit(tmp_path / "r").individuals
    assert list(dict.fromkeys(found["subject"])) == ["null", "None", "n/a", "007", "P05"]
    assert found["median"].dtype == float


@pytest.mark.parametrize("content", ["", "{", "[]", '{"spec": 3}', "\xff"])
def test_an_identity_that_is_damaged_is_a_sentence(tmp_path, content) -> None:
    (tmp_path / "identity.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(FitError, match=r"identity\.json"):
        open_folder(tmp_path, OWN, resume=True, overwrite=False)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    for bad in (Path("/proc/nope"), tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(FitError, match="Choose another --out"):
            make_folder(bad)
        with pytest.raises(FitError, match="Choose another --out"), held(bad):
            pass
    with pytest.raises(FitError, match="no place for a result"), held("/"):
        pass


@pytest.mark.parametrize("options", [{}, {"quick": True}])
@pytest.mark.parametrize("numbers", [{"seed": -1}, {"seed": 1.5}, {"seed": True}, {"cores": 0}])
def test_numbers_that_cannot_be_are_refused(tmp_path, options, numbers) -> None:
    with pytest.raises(FitError, match="wanted a whole number"):
        fit("aml5-stein2019", out=tmp_path / "x", **options, **numbers)
    assert list(tmp_path.iterdir()) == []


def test_priors_refuse_numbers_that_cannot_be(tmp_path) -> None:
    for numbers in ({"seed": -1}, {"draws": 0}):
        with pytest.raises(FitError, match="wanted a whole number"):
            priors("aml5-stein2019", out=tmp_path / "x", **numbers)


@pytest.mark.parametrize("quick", [False, True])
def test_resume_and_overwrite_contradict_each_other(tmp_path, quick) -> None:
    with pytest.raises(FitError, match=r"--resume continues .* --overwrite throws it away"):
        fit("aml5-stein2019", out=tmp_path / "x", resume=True, overwrite=True, quick=quick)
    assert list(tmp_path.iterdir()) == []


def test_another_study_is_not_recorded_beside_the_fit(tmp_path) -> None:
    where = tmp_path / "mine"
    where.mkdir()
    shutil.copy(FIT, where / "fit.toml")
    study = tmp_path / "study"
    shutil.copytree(FIT.parents[1] / "studies" / "aml5", study)
    settings = study / "study.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('name = "aml5"', 'name = "other"'), encoding="utf-8")
    with pytest.raises(FitError, match="study 'aml5'; --study gave 'other'"):
        fit(where, out=tmp_path / "x", study=study, record=True)
    assert not (where / "summary.json").exists()
    assert not (tmp_path / "x").exists()
