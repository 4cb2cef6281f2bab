"""What is known of each subject besides readings: covariates, model inputs, infusions."""

import numpy as np
import pandas as pd

from cellkinetics.declare import Input, Model
from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.kernel.layout import Dosing, Floats, ragged_start, regular_dosing
from cellkinetics.study.study import Study


def covariate_table(study: Study, subjects: tuple[str, ...]) -> pd.DataFrame:
    """Covariates of each subject: the subjects table, and what the first infusion adds.

    ``cells`` (viable CAR+ cells), ``cells_per_kg``, ``vcn`` and ``transduction_pct`` come from
    the infusions table.

    Parameters
    ----------
    study : Study
    subjects : tuple of str         which, in which order

    Returns
    -------
    DataFrame (subject,)            indexed by subject id
    """
    table = study.subjects.set_index("subject").drop(columns="line", errors="ignore")
    table = table.loc[list(subjects)].copy()
    if not study.infusions.empty:
        first = study.infusions.sort_values("time", kind="stable").drop_duplicates("subject")
        first = first.set_index("subject").reindex(table.index)
        cells, per_kg = _cells(study, first["cells"], table["weight_kg"])
        table["cells"], table["cells_per_kg"] = cells, per_kg
        for column in ("vcn", "transduction_pct"):
            table[column] = first[column]
    return table


def _cells(study: Study, dose: pd.Series, weight: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Dose as cells and as cells/kg, whichever of the two the study gives."""
    per_kg = (study.settings.dose_unit or "cells/kg").replace(" ", "").lower().endswith("/kg")
    weight = pd.to_numeric(weight, errors="coerce")
    return (dose * weight, dose) if per_kg else (dose, dose / weight)


def kernel_constants(
    study: Study,
    model: Model,
    subjects: tuple[str, ...],
    names: tuple[str, ...],
    constants: dict[str, float],
) -> Floats:
    """Values of what the kernel does not estimate: fixed parameters and the model's inputs.

    Parameters
    ----------
    study, model : Study, Model
    subjects : tuple of str
    names : tuple of str            the kernel's constants, in its order
    constants : dict                values of fixed parameters

    Returns
    -------
    float array (subject, constant)
    """
    inputs = {q.name: q for q in model.inputs}
    typical = {q.name: q.typical for q in model.parameters} | constants
    covariates = covariate_table(study, subjects)
    out = np.empty((len(subjects), len(names)))
    for j, name in enumerate(names):
        if name in inputs:
            out[:, j] = _input(study, inputs[name], subjects, covariates)
        else:
            out[:, j] = typical[name]
    return out


def _input(
    study: Study, wanted: Input, subjects: tuple[str, ...], covariates: pd.DataFrame
) -> Floats:
    if wanted.first_treatment:
        table = study.treatments
        drug = wanted.first_treatment.lower()
        given = table[
            (table["drug"].str.lower() == drug) | (table["kind"].astype(str).str.lower() == drug)
        ]
        first = given.groupby("subject")["time"].min()
        return np.array([first.get(s, wanted.default) for s in subjects], dtype=np.float64)
    if wanted.covariate:
        if wanted.covariate not in covariates:
            return np.full(len(subjects), wanted.default)
        values = pd.to_numeric(covariates[wanted.covariate], errors="coerce")
        if values.isna().any():
            raise SpecError(
                f"The model's input '{wanted.name}' is read from covariate '{wanted.covariate}',"
                f" which is missing or no number for subject {values.index[values.isna()][0]}."
            )
        return values.to_numpy(dtype=np.float64)
    return np.full(len(subjects), wanted.default)


def dosing_of(study: Study, model: Model, subjects: tuple[str, ...]) -> Dosing:
    """Infusions as the model takes them: cells, or the reference dosing where the study has none.

    Raises
    ------
    SpecError                       a dose in cells/kg of a subject without weight
    """
    if model.infuse is None:
        return regular_dosing((), len(subjects))
    if study.infusions.empty:
        return regular_dosing(model.reference_dosing, len(subjects))
    position = {s: i for i, s in enumerate(subjects)}
    table = study.infusions[study.infusions["subject"].isin(subjects)].copy()
    without = [s for s in subjects if s not in set(table["subject"])]
    if without:
        raise SpecError(
            f"Subject {without[0]} has no infusion, and {model.name} starts from the dose."
            f" Complete infusions.csv, or leave it out altogether to assume the same for all."
            f" {did_you_mean(without[0], table['subject'].unique())}"
        )
    weight = study.subjects.set_index("subject")["weight_kg"].reindex(table["subject"])
    weight.index = table.index
    table["_cells"], _ = _cells(study, table["cells"], weight)
    if table["_cells"].isna().any():
        bad = table[table["_cells"].isna()].iloc[0]
        raise SpecError(
            f"infusions.csv, line {bad['line']} (subject {bad['subject']}): the dose is per kg, but"
            " subjects.csv has no weight_kg for this subject."
        )
    table["_at"] = [position[s] for s in table["subject"]]
    table = table.sort_values(["_at", "time"], kind="stable")
    return Dosing(
        start=ragged_start(table["_at"].to_numpy(), len(subjects)),
        time=table["time"].to_numpy(dtype=np.float64),
        cells=table["_cells"].to_numpy(dtype=np.float64),
    )
