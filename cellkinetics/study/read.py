"""``read_study``: a study that is safe to compute with, or an error that says all that is wrong."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from cellkinetics.errors import StudyError, UnitError
from cellkinetics.study.check import examine
from cellkinetics.study.findings import counted, errors_of
from cellkinetics.study.nonmem_layout import NonmemOptions
from cellkinetics.study.study import Study
from cellkinetics.units import parse_unit


def read_study(
    path: str | Path,
    *,
    assume_lloq: Mapping[str, float] | None = None,
    **options: Unpack[NonmemOptions],
) -> Study:
    """Read and check a study.

    Parameters
    ----------
    path : str or Path            a folder of tables or of CDISC data sets, or a NONMEM-style .csv
    assume_lloq : mapping         analyte -> limit for its rows that state none
    **options : NonmemOptions     for a NONMEM-style .csv: ``analytes={1: "qpcr"}``,
                                  ``units={"qpcr": "copies/ug"}``, ``dose_unit="cells"`` ...

    Returns
    -------
    Study                         warnings and infos in ``findings``; doses are in cells or cells/kg
                                  (``settings.dose_unit``) even where the file counts in millions

    Raises
    ------
    StudyError                    with the sentence of every error
    """
    study, found = examine(path, assume_lloq or {}, options)
    errors = errors_of(found)
    if errors or study is None:
        lines = "".join(f"\n  {error}" for error in errors)
        raise StudyError(f"{Path(path).name}: {counted(len(errors), 'error')} in the study.{lines}")
    return replace(_in_whole_cells(study), findings=tuple(found))


def _in_whole_cells(study: Study) -> Study:
    """Undo a factor in the dose unit (10^6 cells/kg), so that no reader has to mind it."""
    try:
        unit = parse_unit(study.settings.dose_unit or "")
    except UnitError:
        return study  # without infusions the unit is not needed and not checked
    plain = replace(unit, factor=1.0)
    infusions = study.infusions.assign(cells=study.infusions["cells"] * unit.factor)
    settings = study.settings.model_copy(update={"dose_unit": str(plain)})
    return replace(study, infusions=infusions, settings=settings)
