"""Names to models: what ships with the package, and a user's own files."""

import importlib
import importlib.resources
import importlib.util
import pkgutil
import sys
from pathlib import Path

from cellkinetics.declare import Model
from cellkinetics.errors import ModelError, SpecError, StudyError, did_you_mean


def model_names() -> list[str]:
    """Names of the models that ship with the package, in alphabetical order."""
    package = importlib.import_module("cellkinetics.models")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__))


def load_model(name: str | Path) -> Model:
    """A model by its catalogue name, or from a Python file that declares MODEL.

    Parameters
    ----------
    name : str or path              ``"stein2019"``, or ``my_model.py``

    Returns
    -------
    Model

    Raises
    ------
    ModelError                      no such model, or the file declares none
    """
    text = str(name)
    if text.endswith(".py"):
        return _from_file(Path(text))
    if text not in model_names():
        raise ModelError(
            f"There is no model '{text}'. {did_you_mean(text, model_names())}"
            " A model of your own is named by its path, ending in .py."
        )
    return _declared(importlib.import_module(f"cellkinetics.models.{text}"), text)


def _from_file(path: Path) -> Model:
    if not path.is_file():
        raise ModelError(f"There is no file '{path}'.")
    path = path.resolve()
    module_name = f"cellkinetics_user_{path.stem}_{abs(hash(str(path))):x}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise ModelError(f"'{path}' is not a Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except ModelError:
            del sys.modules[module_name]
            raise
        except (Exception, SystemExit) as error:
            del sys.modules[module_name]
            raise ModelError(f"{path} cannot be imported: {error!r}") from error
    return _declared(sys.modules[module_name], str(path))


def _declared(module: object, where: str) -> Model:
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise ModelError(f"{where} declares no MODEL = Model(...).")
    return model


def _shipped() -> Path:
    """Folder of the fits and studies that ship with the package."""
    package = importlib.import_module("cellkinetics.fits")
    return Path(str(importlib.resources.files(package)))


def fit_names() -> list[str]:
    """Names of the fits that ship with the package."""
    return sorted(f.parent.name for f in _shipped().glob("*/fit.toml"))


def study_names() -> list[str]:
    """Names of the studies that ship with the package."""
    return sorted(f.parent.name for f in _shipped().glob("studies/*/study.toml"))


def find_fit(name: str | Path) -> Path:
    """Folder of a fit: a path, made absolute, or the name of a fit that ships with the package.

    Raises
    ------
    SpecError                       neither exists
    """
    given = Path(name)
    if given.name == "fit.toml":
        given = given.parent
    if (given / "fit.toml").is_file():
        return given.resolve()  # its name is the fit's, and "." has none
    # A path into a checkout works from anywhere: fits/x names the shipped fit x.
    shipped = _shipped() / given.name
    if str(name) in {given.name, f"fits/{given.name}"} and (shipped / "fit.toml").is_file():
        return shipped
    raise SpecError(
        f"There is no fit '{name}': neither a folder with a fit.toml nor a shipped fit."
        f" {did_you_mean(given.name, fit_names())}"
    )


def find_study(name: str | Path, *, near: Path | None = None) -> Path:
    """Folder (or CSV file) of a study.

    Looked for beside ``near`` (the folder of the fit that names it), then as a path as it is
    given, then among the studies that ship with the package.

    Raises
    ------
    StudyError                      it is in none of these places
    """
    from cellkinetics.study.cdisc.files import is_cdisc_folder  # noqa: PLC0415  (wakes pandas)

    places = [*([near / name] if near is not None else []), Path(name)]
    for place in places:
        if (place / "study.toml").is_file() or place.is_file() or is_cdisc_folder(place):
            return place
    shipped = _shipped() / "studies" / Path(name).name
    if str(name) in {Path(name).name, f"fits/studies/{Path(name).name}"} and shipped.is_dir():
        return shipped
    cure = ""
    if near is not None and (near / "prepare.py").is_file():
        cure = (
            f" Its data cannot be shipped: run 'python {near / 'prepare.py'} --source FOLDER"
            " --out STUDY' (README.md beside it says where the public files are)."
        )
    raise StudyError(
        f"There is no study '{name}': no folder with a study.toml or CDISC data at {places[0]},"
        f" and no shipped study of that name. {did_you_mean(str(name), study_names())}{cure}"
    )
