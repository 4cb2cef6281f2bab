"""Names to models: what ships with the package, and a user's own files."""

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path

from cellkinetics.declare import Model
from cellkinetics.errors import ModelError, did_you_mean


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
        except Exception as error:
            del sys.modules[module_name]
            raise ModelError(f"{path} cannot be imported: {error!r}") from error
    return _declared(sys.modules[module_name], str(path))


def _declared(module: object, where: str) -> Model:
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise ModelError(f"{where} declares no MODEL = Model(...).")
    return model
