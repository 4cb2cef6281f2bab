"""Bayesian kinetics of engineered cells: CAR-T by qPCR and flow cytometry."""

from pathlib import Path as _Path

__version__ = "0.1.0"

# In a checkout models/ and fits/ lie beside the package, not in it: let them be found as
# cellkinetics.models and cellkinetics.fits there too (a wheel has them inside).
_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "models").is_dir():
    __path__.append(str(_root))
