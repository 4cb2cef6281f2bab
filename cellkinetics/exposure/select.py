"""Which rows of a study are readings of a profile, and what each of them says."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError, UnitError, did_you_mean
from cellkinetics.exposure.curves import ABOVE, BELOW, READ, Floats
from cellkinetics.study.exclusions import exclusions
from cellkinetics.study.limits import DROPPED, INTERVAL, LEFT, OBSERVED, RIGHT, classify
from cellkinetics.study.study import Study
from cellkinetics.units import parse_unit

KEYS = ["subject", "analyte", "specimen"]
BEFORE = "before the infusion"


@dataclass(frozen=True)
class Readings:
    """Rows of a study, sorted out.

    Attributes
    ----------
    used : DataFrame              subject, analyte, specimen, time, value, kind, limit, line
    left_out : DataFrame          subject, analyte, specimen, time, reason, line
    """

    used: pd.DataFrame
    left_out: pd.DataFrame


def choose_analytes(study: Study, names: str | Collection[str] | None) -> tuple[str, ...]:
    """Take the analytes asked for, else those that count cells or copies, white cells excepted.

    Raises
    ------
    SpecError                     an analyte without samples, or a study without any
    """
    if not study.analytes:
        raise SpecError(f"{study.name}: the study has no samples, so there is no exposure.")
    if names is None:
        wbc = study.settings.wbc.analyte
        cells = [a for a in study.analytes if a != wbc and _counts_cells(study.unit(a))]
        return tuple(cells or [a for a in study.analytes if a != wbc] or study.analytes)
    chosen = [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in study.analytes:
            raise SpecError(
                f"{study.name}: no samples of analyte '{name}'."
                f" {did_you_mean(name, study.analytes)}"
            )
    return tuple(dict.fromkeys(chosen))


def _counts_cells(unit: str | None) -> bool:
    try:
        powers = dict(parse_unit(unit or "").powers)
    except UnitError:
        return False
    return powers.get("copies", 0) > 0 or powers.get("cells", 0) > 0


def select_readings(
    study: Study, analytes: Sequence[str], *, keep: Collection[str] = ()
) -> Readings:
    """Sort out the rows of some analytes.

    Parameters
    ----------
    study : Study
    analytes : sequence of str
    keep : collection of str      reasons of ``study.exclusions`` that do not count here, such as
                                  "transplant"; a reading at the infusion always counts

    Returns
    -------
    Readings                      every row of these analytes is in one of its two tables
    """
    excluded = exclusions(study, keep=[*keep, "at-infusion"])["reason"]
    mine = study.samples["analyte"].isin(analytes)
    rows = study.samples[mine].copy()
    rows["specimen"] = rows["specimen"].fillna("").astype(object)
    says = classify(
        rows, method="M3", error_family="combined", zeros_as_read=study.settings.zeros_as_read
    )
    reason = excluded[mine].astype(object)
    early = rows["time"] < 0
    reason = reason.mask(early, BEFORE).mask(reason.isna() & (says["kind"] == DROPPED), "no value")
    kind = says["kind"].map(
        {OBSERVED: READ, LEFT: BELOW, INTERVAL: BELOW, RIGHT: ABOVE, DROPPED: BELOW}
    )
    low = kind == BELOW
    value = says["value"].where(says["kind"] != RIGHT, says["lower"])
    limit = rows["lloq"].where(~low, says["upper"])
    table = rows[[*KEYS, "time", "line"]].assign(value=value, kind=kind, limit=limit, reason=reason)
    out = table["reason"].notna()
    return Readings(
        used=table[~out].drop(columns="reason"),
        left_out=table.loc[out, [*KEYS, "time", "reason", "line"]],
    )


def treatment_start(study: Study, treatment: str) -> pd.Series:
    """First day, from the infusion on, of a treatment named by its drug or by its kind.

    Returns
    -------
    Series, index subject         only subjects who had it

    Raises
    ------
    SpecError                     nobody had it
    """
    table = study.treatments
    wanted = treatment.strip().lower()
    drug = table["drug"].astype(str).str.lower()
    kind = table["kind"].fillna("").astype(str).str.lower()
    mine = table[((drug == wanted) | (kind == wanted)) & (table["time"] >= 0)]
    if mine.empty:
        known = sorted({*table["drug"].dropna(), *table["kind"].dropna()})
        raise SpecError(
            f"{study.name}: nobody had '{treatment}' from the infusion on."
            f" {did_you_mean(treatment, known)}"
        )
    return mine.groupby("subject")["time"].min()


def doses(study: Study, subjects: Sequence[str]) -> Floats:
    """Total dose of each subject in the study's dose unit, NaN where there is none."""
    total = study.infusions.groupby("subject")["cells"].sum(min_count=1)
    return total.reindex(list(subjects)).to_numpy(dtype=np.float64)
