"""Bayesian kinetics of engineered cells: CAR-T by qPCR and flow cytometry.

The functions of the command line, importable: :func:`read_study`, :func:`check_study`,
:func:`load_model`, :func:`solve`, :func:`build`, :func:`fit`, :func:`load_fit`, :func:`nca`,
:func:`compute_endpoints`.
"""

from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from cellkinetics.catalogue import load_model
    from cellkinetics.endpoints import compute_endpoints
    from cellkinetics.exposure import nca
    from cellkinetics.fitting import build, fit, load_fit
    from cellkinetics.kernel.solve import solve
    from cellkinetics.study import check_study, read_study

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "build",
    "check_study",
    "compute_endpoints",
    "fit",
    "load_fit",
    "load_model",
    "nca",
    "read_study",
    "solve",
]

# Imported on first use: --help and simple checks must not wait for PyMC.
_WHERE = {
    "build": "cellkinetics.fitting",
    "check_study": "cellkinetics.study",
    "compute_endpoints": "cellkinetics.endpoints",
    "fit": "cellkinetics.fitting",
    "load_fit": "cellkinetics.fitting",
    "load_model": "cellkinetics.catalogue",
    "nca": "cellkinetics.exposure",
    "read_study": "cellkinetics.study",
    "solve": "cellkinetics.kernel.solve",
}

# In a checkout models/ and fits/ lie beside the package, not in it: let them be found as
# cellkinetics.models and cellkinetics.fits there too (a wheel has them inside).
_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "models").is_dir():
    __path__.append(str(_root))


def __getattr__(name: str) -> _Any:
    if name in _WHERE:
        return getattr(_import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'cellkinetics' has no attribute '{name}'")
