"""What a terminal can say of a NONMEM-style file, as ``read_study`` takes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellkinetics.catalogue import find_study
from cellkinetics.errors import SpecError, StudyError
from cellkinetics.study import Study, read_study
from cellkinetics.study.nonmem_layout import NonmemOptions

CURE = (
    "On the command line: analytes is --name 1=qpcr (1= leaves those rows out), units is --unit "
    "qpcr=copies/ug, dose_unit is --dose-unit cells, time_unit is --time-unit h, id is --id "
    "COLUMN, by is --name-column COLUMN, covariates is --covariate WT=weight_kg, and all else "
    "that a study.toml says is --settings FILE.toml."
)


def nonmem_options(
    names: Sequence[str] = (),
    units: Sequence[str] = (),
    dose_unit: str | None = None,
    time_unit: str | None = None,
    id_column: str | None = None,
    name_column: str | None = None,
    covariates: Sequence[str] = (),
    settings: str | Path | None = None,
) -> NonmemOptions:
    """Collect what was said; what was not is left out.

    Parameters
    ----------
    names : sequence of str         "1=qpcr"; "1=" leaves those rows out
    units : sequence of str         "qpcr=copies/ug"
    dose_unit, time_unit : str, optional
    id_column : str, optional       of subjects
    name_column : str, optional     whose numbers ``names`` names
    covariates : sequence of str    "WT=weight_kg"; "WT=" leaves the column out
    settings : path, optional       a file that says what a study.toml says

    Returns
    -------
    NonmemOptions

    Raises
    ------
    SpecError                       a text of another form, or one thing said twice
    """
    out: NonmemOptions = {}
    if names:
        analytes: dict[int, str | None] = {}
        for key, value in _pairs(names, "--name", "1=qpcr").items():
            if _whole(key) in analytes:
                raise SpecError(f"--name names {_whole(key)} twice.")
            analytes[_whole(key)] = value or None
        out["analytes"] = analytes
    if units:
        given = _pairs(units, "--unit", "qpcr=copies/ug")
        for analyte, unit in given.items():
            if not unit:
                raise SpecError(f"--unit {analyte}=: wanted ANALYTE=UNIT, such as qpcr=copies/ug.")
        out["units"] = given
    if dose_unit is not None:
        out["dose_unit"] = dose_unit
    if time_unit is not None:
        out["time_unit"] = time_unit
    if id_column is not None:
        out["id"] = id_column
    if name_column is not None:
        out["by"] = name_column
    if covariates:
        renamed = _pairs(covariates, "--covariate", "WT=weight_kg")
        out["covariates"] = {column: name or None for column, name in renamed.items()}
    if settings is not None:
        out["settings"] = Path(settings)
    return out


def read_asked(study: str, *, assume_lloq: Mapping[str, float], options: NonmemOptions) -> Study:
    """Read the study that a user names.

    Parameters
    ----------
    study : str                     folder, CSV or name of a shipped study
    assume_lloq : mapping
    options : NonmemOptions         empty unless it is a NONMEM-style CSV

    Returns
    -------
    Study

    Raises
    ------
    StudyError                      for a CSV it also says how the command line takes what is asked
    """
    path = find_study(study)
    try:
        return read_study(path, assume_lloq=assume_lloq, **options)
    except StudyError as error:
        if not is_csv(path):
            raise
        raise StudyError(f"{error}\n{CURE}") from error


def is_csv(study: str | Path) -> bool:
    """Whether a study is one table, which does not say all of itself."""
    return Path(study).suffix.lower() == ".csv"


def _pairs(texts: Sequence[str], option: str, example: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in texts:
        key, sign, value = (piece.strip() for piece in text.partition("="))
        if not (key and sign):
            raise SpecError(f"{option} {text!r}: wanted a text such as {example}.")
        if key in out:
            raise SpecError(f"{option} names {key!r} twice: {out[key]!r} and {value!r}.")
        out[key] = value
    return out


def _whole(key: str) -> int:
    try:
        return int(key)
    except ValueError:
        raise SpecError(
            f"--name {key}=...: wanted a whole number as in the column DVID or CMT, such as "
            "1=qpcr. An analyte that the file gives as text needs a column of numbers "
            "(--name-column)."
        ) from None
