"""Names to models: what ships with the package, and a user's own files."""

import copyreg
import hashlib
import importlib
import importlib.resources
import importlib.util
import pkgutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Unpack

from cellkinetics.declare import Model
from cellkinetics.errors import ModelError, SpecError, StudyError, did_you_mean

if TYPE_CHECKING:
    from cellkinetics.study import Finding, NonmemOptions, Study


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
    module = import_file(path)
    return _declared(module, str(path), origin=(str(path.resolve()), module.__name__))


def import_file(path: Path) -> ModuleType:
    """Import a user's model file; one that has changed since is imported anew.

    Raises
    ------
    ModelError                      there is no such file, or it cannot be imported; its cause is
                                    the exception that the file raised
    """
    if not path.is_file():
        raise ModelError(f"There is no file '{path}'.")
    path = path.resolve()
    # Named by its content: the same in every process, and never an earlier version of the file.
    content = path.read_bytes()
    digest = hashlib.sha256(str(path).encode() + b"\0" + content).hexdigest()[:16]
    name = f"cellkinetics_user_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"'{path}' is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Not by its loader, which may find an old .pyc of a file that was saved within a second.
        exec(compile(content, str(path), "exec", dont_inherit=True), vars(module))
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        line = line_in(error, path)
        place = f", line {line}" if line else ""
        if isinstance(error, ModelError):
            raise ModelError(f"{path.name}{place}: {error}") from error
        raise ModelError(
            f"{path} cannot be imported: {type(error).__name__}: {error}"
            + (f" (line {line})" if line else "")
        ) from error
    return module


def line_in(error: BaseException, path: Path) -> int | None:
    """Line of a file at which an error came up: the innermost one that stands in that file."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


_ORIGIN: dict[int, tuple[Model, tuple[str, str]]] = {}
"""Where models came from, by their identity: a model is kept here, so that it keeps its own."""


def _declared(module: object, where: str, *, origin: tuple[str, str] | None = None) -> Model:
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise ModelError(f"{where} declares no MODEL = Model(...).")
    _ORIGIN[id(model)] = (model, origin or (where, ""))
    return model


def _pickled(model: Model) -> Any:
    """How a model travels to another process: by name, its functions being no data."""
    known = _ORIGIN.get(id(model))
    if known is None:  # one that was changed in memory: as any other object, if it can
        return object.__reduce_ex__(model, 4)
    return _arrived, known[1]


def _arrived(name: str, module: str) -> Model:
    """The model of that name, if its file is still what it was where the model was sent."""
    model = load_model(name)
    if module and _ORIGIN[id(model)][1][1] != module:
        raise ModelError(f"{name} has changed since this model was loaded from it. Load it again.")
    return model


copyreg.pickle(Model, _pickled)


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


def read_study(
    path: str | Path,
    *,
    assume_lloq: Mapping[str, float] | None = None,
    **options: "Unpack[NonmemOptions]",
) -> "Study":
    """Read and check a study: a path, or the name of a study that ships with the package.

    Parameters
    ----------
    path : str or path              a folder of tables or of CDISC data sets, a NONMEM-style .csv,
                                    or a name such as ``"aml5"``
    assume_lloq : mapping           analyte -> limit for its rows that state none
    **options : NonmemOptions       for a NONMEM-style .csv: ``analytes={1: "qpcr"}``,
                                    ``units={"qpcr": "copies/ug"}``, ``dose_unit="cells"`` ...

    Returns
    -------
    Study                           warnings and infos in ``findings``

    Raises
    ------
    StudyError                      no such study, or with the sentence of every error in it
    """
    from cellkinetics.study import read_study as read  # noqa: PLC0415  (wakes pandas)

    return read(_study_place(path), assume_lloq=assume_lloq, **options)


def check_study(
    path: str | Path,
    *,
    assume_lloq: Mapping[str, float] | None = None,
    **options: "Unpack[NonmemOptions]",
) -> "list[Finding]":
    """Look for mistakes in a study; parameters as :func:`read_study` takes them.

    Returns
    -------
    list of Finding                 errors first

    Raises
    ------
    StudyError                      no such study
    """
    from cellkinetics.study import check_study as check  # noqa: PLC0415  (wakes pandas)

    return check(_study_place(path), assume_lloq=assume_lloq, **options)


def _study_place(name: str | Path) -> Path:
    """As the command line finds it; what exists and is no study is for the reader to explain."""
    try:
        return find_study(name)
    except StudyError:
        if Path(name).exists():
            return Path(name)
        raise
