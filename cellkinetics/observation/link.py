"""How an assay's unit follows from the model's: converted, by physics, or by a calibration factor.

cells/uL = copies/ug DNA * 6.6e-6 ug DNA a cell * white cells/uL / vector copy number
"""

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellkinetics.errors import SpecError
from cellkinetics.spec import AnalyteSpec
from cellkinetics.study.study import Study
from cellkinetics.units import convert, same_dimension

CELL_DNA_UG = 6.6e-6
"""Mass of DNA of one diploid human cell, ug (6.6 pg)."""

TYPICAL_WBC = 5000.0
"""cells/uL, where a calibration factor needs a first guess (assumption)."""

CALIBRATION_LOG_SD = 1.0
"""Prior SD of the log of a calibration factor where nothing else is said (assumption)."""

COPIES, CELLS = "copies/ug", "cells/uL"


@dataclass(frozen=True)
class LinkChoice:
    """How one analyte follows from its observable.

    Attributes
    ----------
    kind : 'unit', 'physical', 'fixed'
    calibration : 'none', 'shared', 'subject'
    median, log_sd : float          prior of the calibration factor
    offset : float array (row,)     log of the known factor
    dropped : object array (row,)   why a row cannot be linked, or None
    sentence : str                  what is done, for tables and reports
    """

    kind: Literal["unit", "physical", "fixed"]
    calibration: Literal["none", "shared", "subject"]
    median: float
    log_sd: float
    offset: NDArray[np.float64]
    dropped: NDArray[np.object_]
    sentence: str


def choose_link(
    study: Study,
    spec: AnalyteSpec,
    analyte: str,
    unit: str,
    observable_unit: str,
    samples: pd.DataFrame,
    *,
    alone: bool,
) -> LinkChoice:
    """Decide how an analyte follows from the model's observable.

    Parameters
    ----------
    study : Study
    spec : AnalyteSpec              ``link`` and ``calibration`` as the user wrote them
    analyte, unit : str             of the readings
    observable_unit : str           of the prediction
    samples : DataFrame (row,)      the analyte's samples
    alone : bool                    no other analyte reads the same observable

    Returns
    -------
    LinkChoice

    Raises
    ------
    SpecError                       a link that the units or the study do not allow
    """
    rows = len(samples)
    none = np.full(rows, None, dtype=object)
    molecular = {_which(unit), _which(observable_unit)} == {"copies", "cells"}
    kind = spec.link
    have_both = molecular and _white_cells(study) is not None and _vcn(study) is not None
    if kind == "auto":
        if same_dimension(unit, observable_unit):
            kind = "unit"
        elif have_both:
            kind = "physical"
        elif molecular:
            kind = "fixed"
        else:
            raise SpecError(
                f"fit.toml: analyte '{analyte}' is in {unit}, but the model predicts"
                f" {observable_unit}. Name another observable (observes = ...), or take the"
                " prediction as it is with link = 'fixed'."
            )
    if kind == "unit":
        if not same_dimension(unit, observable_unit):
            raise SpecError(
                f"fit.toml: analytes.{analyte}.link = 'unit', but {unit} cannot be converted"
                f" to {observable_unit}."
            )
        factor = convert(1.0, observable_unit, unit)
        calibration, median, log_sd = _calibration(spec, "none", 1.0)
        text = "read in the model's unit" if factor == 1 else f"{factor:g} times the prediction"
        return LinkChoice(
            "unit", calibration, median, log_sd, np.full(rows, log(factor)), none, text
        )
    if kind == "fixed":
        # A second assay of one quantity needs a factor; a single one defines the unit.
        guess = 1.0
        if molecular:
            to_cells = CELL_DNA_UG * TYPICAL_WBC
            guess = to_cells if _which(unit) == "cells" else 1.0 / to_cells
        wanted: Literal["none", "shared"] = "none" if alone else "shared"
        calibration, median, log_sd = _calibration(spec, wanted, guess)
        if calibration == "none":
            text = f"taken as it is: typical values are in {unit}"
        else:
            text = f"the prediction times a {calibration} calibration factor"
        return LinkChoice("fixed", calibration, median, log_sd, np.zeros(rows), none, text)
    return _physical(study, spec, analyte, unit, observable_unit, samples, molecular=molecular)


def _physical(
    study: Study,
    spec: AnalyteSpec,
    analyte: str,
    unit: str,
    observable_unit: str,
    samples: pd.DataFrame,
    *,
    molecular: bool,
) -> LinkChoice:
    white, vcn = _white_cells(study), _vcn(study)
    if not molecular:
        raise SpecError(
            f"fit.toml: analytes.{analyte}.link = 'physical' joins copies/ug and cells/uL,"
            f" not {unit} and {observable_unit}."
        )
    if white is None:
        raise SpecError(
            f"fit.toml: analytes.{analyte}.link = 'physical' needs white-cell counts: samples of"
            f" analyte '{study.settings.wbc.analyte}'. There are none; give them, or use"
            " link = 'fixed' with a calibration factor."
        )
    if vcn is None:
        raise SpecError(
            f"fit.toml: analytes.{analyte}.link = 'physical' needs the vector copy number: column"
            " vcn of infusions.csv. Give it, or use link = 'fixed' with a calibration factor."
        )
    dropped = np.full(len(samples), None, dtype=object)
    offset = np.zeros(len(samples))
    sign = 1.0 if _which(unit) == "cells" else -1.0
    canonical = CELLS if sign > 0 else COPIES
    other = COPIES if sign > 0 else CELLS
    units = log(convert(1.0, canonical, unit)) + log(convert(1.0, observable_unit, other))
    for i, (subject, time) in enumerate(zip(samples["subject"], samples["time"], strict=True)):
        if subject not in white:
            dropped[i] = "no white-cell count of this subject"
        elif not vcn.get(subject, 0) > 0:
            dropped[i] = "no vector copy number of this subject"
        else:
            count = _interpolate(*white[subject], float(time), study.settings.wbc.interpolation)
            if count <= 0:
                dropped[i] = "white-cell count is zero"
            else:
                offset[i] = sign * log(CELL_DNA_UG * count / vcn[subject]) + units
    calibration, median, log_sd = _calibration(spec, "none", 1.0)
    text = (
        f"cells/uL = copies/ug x {CELL_DNA_UG:g} ug DNA a cell x white cells/uL"
        f" ({study.settings.wbc.interpolation} between counts) / vector copy number"
    )
    if calibration != "none":
        text += f", times a {calibration} calibration factor"
    return LinkChoice("physical", calibration, median, log_sd, offset, dropped, text)


def _calibration(
    spec: AnalyteSpec, default: Literal["none", "shared"], guess: float
) -> tuple[Literal["none", "shared", "subject"], float, float]:
    chosen = default if spec.calibration == "auto" else spec.calibration
    log_sd = CALIBRATION_LOG_SD if spec.calibration_log_sd is None else spec.calibration_log_sd
    return chosen, spec.calibration_median * guess, log_sd


def _which(unit: str) -> str:
    if same_dimension(unit, COPIES):
        return "copies"
    return "cells" if same_dimension(unit, CELLS) else "other"


def _white_cells(
    study: Study,
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] | None:
    """Times and counts (cells/uL) of each subject, or None where the study has none."""
    table = study.samples[study.samples["analyte"] == study.settings.wbc.analyte]
    table = table[table["value"].notna() & ~(table["cens"].fillna(0) != 0)]
    if table.empty:
        return None
    counts = {}
    for subject, rows in table.groupby("subject", sort=False):
        ordered = rows.sort_values("time", kind="stable")
        values = np.array(
            [convert(float(v), u, CELLS) for v, u in zip(rows["value"], rows["unit"], strict=True)]
        )[np.argsort(rows["time"].to_numpy(), kind="stable")]
        counts[str(subject)] = (ordered["time"].to_numpy(dtype=np.float64), values)
    return counts


def _vcn(study: Study) -> dict[str, float] | None:
    table = study.infusions
    if table.empty or table["vcn"].isna().all():
        return None
    first = table.sort_values("time", kind="stable").drop_duplicates("subject")
    return {str(s): float(v) for s, v in zip(first["subject"], first["vcn"], strict=True)}


def _interpolate(
    times: NDArray[np.float64], counts: NDArray[np.float64], at: float, how: str
) -> float:
    """The count at a time; the nearest one outside the times that were counted."""
    if how == "locf":
        position = int(np.searchsorted(times, at, side="right")) - 1
        return float(counts[max(position, 0)])
    if how == "log":
        if (counts <= 0).any():
            return 0.0
        return float(np.exp(np.interp(at, times, np.log(counts))))
    return float(np.interp(at, times, counts))
