"""Bayesian kinetics of engineered cells: CAR-T by qPCR and flow cytometry.

The functions of the command line, importable: :func:`read_study`, :func:`check_study`,
:func:`check` (a study or a fit), :func:`limits_table`, :func:`model_names`, :func:`load_model`,
:func:`solve`, :func:`simulate`, :func:`build`, :func:`priors`, :func:`fit`, :func:`load_fit`,
:func:`compare`, :func:`nca`, :func:`write_nca`, :func:`compute_endpoints`, :func:`write_endpoints`,
:func:`new_model`, :func:`export`. Studies, fits
and models are named by path or by the name under which they ship.
"""

from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from cellkinetics.catalogue import check_study, load_model, model_names, read_study
    from cellkinetics.contract.new import new_model
    from cellkinetics.endpoints import compute_endpoints, write_endpoints
    from cellkinetics.exporting import export
    from cellkinetics.exposure import nca, write_nca
    from cellkinetics.fitting import build, fit, load_fit, priors
    from cellkinetics.fitting.comparison import compare
    from cellkinetics.kernel.solve import solve
    from cellkinetics.simulation.run import simulate
    from cellkinetics.study import limits_table
    from cellkinetics.verify import check_anything as check

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "build",
    "check",
    "check_study",
    "compare",
    "compute_endpoints",
    "export",
    "fit",
    "limits_table",
    "load_fit",
    "load_model",
    "model_names",
    "nca",
    "new_model",
    "priors",
    "read_study",
    "simulate",
    "solve",
    "write_endpoints",
    "write_nca",
]

# Imported on first use: --help and simple checks must not wait for PyMC.
_WHERE = {
    "build": ("cellkinetics.fitting", "build"),
    "check": ("cellkinetics.verify", "check_anything"),
    "check_study": ("cellkinetics.catalogue", "check_study"),
    "compare": ("cellkinetics.fitting.comparison", "compare"),
    "compute_endpoints": ("cellkinetics.endpoints", "compute_endpoints"),
    "export": ("cellkinetics.exporting", "export"),
    "fit": ("cellkinetics.fitting", "fit"),
    "limits_table": ("cellkinetics.study", "limits_table"),
    "load_fit": ("cellkinetics.fitting", "load_fit"),
    "load_model": ("cellkinetics.catalogue", "load_model"),
    "model_names": ("cellkinetics.catalogue", "model_names"),
    "nca": ("cellkinetics.exposure", "nca"),
    "new_model": ("cellkinetics.contract.new", "new_model"),
    "priors": ("cellkinetics.fitting", "priors"),
    "read_study": ("cellkinetics.catalogue", "read_study"),
    "simulate": ("cellkinetics.simulation.run", "simulate"),
    "solve": ("cellkinetics.kernel.solve", "solve"),
    "write_endpoints": ("cellkinetics.endpoints", "write_endpoints"),
    "write_nca": ("cellkinetics.exposure", "write_nca"),
}

# In a checkout models/ and fits/ lie beside the package, not in it: let them be found as
# cellkinetics.models and cellkinetics.fits there too (a wheel has them inside).
_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "models").is_dir():
    __path__.append(str(_root))


def __getattr__(name: str) -> _Any:
    if name in _WHERE:
        module, function = _WHERE[name]
        return getattr(_import_module(module), function)
    raise AttributeError(f"module 'cellkinetics' has no attribute '{name}'")
