"""Which samples are cytokine readings of blood, and between which bounds each one lies."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.study.exclusions import CYTOTOXIC_DRUGS
from cellkinetics.study.limits import DROPPED, INTERVAL, LEFT, RIGHT, classify
from cellkinetics.study.study import Study

# Interleukins, interferons, tumour necrosis factor, colony-stimulating factors, chemokines and
# the soluble mediators that panels of cytokine release measure; CRP and ferritin are no cytokines.
_NAMES = re.compile(
    r"il\d+[a-z0-9]*|ifn[a-z]*|interferon[a-z]*|tnf[a-z0-9]*|g?mcsf|gcsf|mcp\d?|mip[a-z0-9]*|"
    r"(cc|cxc|cx3c)l\d+|ip10|mig|rantes|eotaxin\d?|vegf[a-d]?|tgf[a-z0-9]*|s?il\d+r[a-z]?|scd25|"
    r"granzyme[ab]|perforin|s?fasl|angiopoietin\d|ang[12]|st2|gp130"
)
BLOOD = frozenset({"blood", "peripheral blood", "whole blood", "serum", "plasma"})
AFTER_THERAPY = ("keep", "leave out")


@dataclass(frozen=True)
class Readings:
    """Readings of blood, one a subject, analyte and day, ordered so.

    ``table`` has subject, analyte, time (day), lower, upper (the reading lies between them; equal
    where it was read; ``upper`` is inf above a limit, ``lower`` 0 below one), kind (of
    ``cellkinetics.study.limits``) and first (day of the subject's first infusion). ``left_out``
    counts the samples that are not used: analyte, reason, readings, subjects.
    """

    table: pd.DataFrame
    left_out: pd.DataFrame
    subjects: tuple[str, ...]
    analytes: tuple[str, ...]
    units: dict[str, str]


def is_cytokine(analyte: str) -> bool:
    """Say whether an analyte's name is a cytokine's: IL-6, ifng, GM-CSF, TNF-alpha, CXCL9."""
    plain = re.sub(r"[^a-z0-9]", "", analyte.lower().replace("α", "a").replace("γ", "g"))
    return _NAMES.fullmatch(plain) is not None


def cytokine_analytes(study: Study, chosen: Collection[str] | None = None) -> tuple[str, ...]:
    """Analytes that are cytokines: those that are asked for, else those with a cytokine's name.

    Raises
    ------
    SpecError                     an analyte that is asked for has no samples
    """
    if isinstance(chosen, str):
        raise SpecError(f"analytes={chosen!r} is one text; write a list, such as [{chosen!r}].")
    if chosen is None:
        return tuple(name for name in study.analytes if is_cytokine(name))
    for name in chosen:
        if name not in study.analytes:
            raise SpecError(
                f"{study.name}: no samples of analyte {name!r}. "
                f"{did_you_mean(name, study.analytes)}"
            )
    return tuple(dict.fromkeys(chosen))


def treated(study: Study) -> tuple[str, ...]:
    """Subjects with an infusion, in the study's order; all of them where it lists no infusion."""
    subjects = study.subjects["subject"]
    if len(study.infusions):
        subjects = subjects[subjects.isin(set(study.infusions["subject"]))]
    return tuple(subjects)


def later_therapy(study: Study) -> pd.Series:
    """Day of a subject's first therapy after the infusion that acts on the cells or the disease.

    Transplant and other therapy among the events; conditioning, cytotoxic drugs and another cell
    product among the treatments (by kind, else by drug), as in ``cellkinetics.study.exclusions``.

    Returns
    -------
    Series                        day, by subject; only those who had one
    """
    events = study.events[study.events["event"].isin(["transplant", "other_therapy"])]
    treatments = study.treatments
    drug = treatments["drug"].map(lambda name: "-".join(str(name).lower().split()))
    cuts = treatments["kind"].isin(["conditioning", "cytotoxic", "cell_product"])
    cuts |= treatments["kind"].isna() & drug.isin(CYTOTOXIC_DRUGS)
    both = pd.concat([events[["subject", "time"]], treatments.loc[cuts, ["subject", "time"]]])
    after = both[both["time"] > _first(study, both["subject"])]
    return after.groupby("subject")["time"].min()


def read_cytokines(
    study: Study,
    *,
    analytes: Collection[str] | None = None,
    until: float,
    after_therapy: str = "keep",
) -> Readings:
    """Take the cytokine readings of the treated subjects out of a study.

    Parameters
    ----------
    study : Study
    analytes : collection of str  None: those with a cytokine's name
    until : float, day            later samples are left out, counted
    after_therapy : str           "keep" (treatment policy) or "leave out" readings after a
                                  transplant, cytotoxic drugs or another cell product

    Returns
    -------
    Readings

    Raises
    ------
    SpecError                     an unknown analyte or option
    StudyError                    rows that have no meaning (``classify``)
    """
    if after_therapy not in AFTER_THERAPY:
        raise SpecError(
            f"after_therapy={after_therapy!r}. {did_you_mean(after_therapy, AFTER_THERAPY)}"
        )
    names, subjects = cytokine_analytes(study, analytes), treated(study)
    rows = study.samples[study.samples["analyte"].isin(names)]
    # The combined family keeps what a row says; a log-normal one would refuse zeros as read.
    said = classify(rows, error_family="combined", zeros_as_read=study.settings.zeros_as_read)
    first = _first(study, rows["subject"])
    therapy = rows["subject"].map(later_therapy(study))
    reasons: list[tuple[str, pd.Series]] = [
        ("no value", said["kind"] == DROPPED),
        ("not treated", ~rows["subject"].isin(set(subjects))),
        ("not blood", ~_is_blood(rows)),
        ("another specimen of the same analyte", _other_specimen(rows)),
        (f"after day {until:g}", rows["time"] > until),
    ]
    if after_therapy == "leave out":
        reasons.append(("after another therapy", rows["time"] > therapy))
    why = pd.Series(np.full(len(rows), None, dtype=object), index=rows.index)
    for reason, here in reasons:
        why = why.mask(why.isna() & here, reason)
    table = pd.DataFrame(
        {
            "subject": rows["subject"],
            "analyte": rows["analyte"],
            "time": rows["time"],
            "lower": said["lower"].clip(lower=0),
            "upper": said["upper"],
            "kind": said["kind"],
            "first": first,
            "after_therapy": rows["time"] > therapy,
        }
    )[why.isna()]
    order = np.lexsort(
        (
            table["time"],
            pd.Categorical(table["subject"], subjects).codes,
            pd.Categorical(table["analyte"], names).codes,
        )
    )
    return Readings(
        table.iloc[order].reset_index(drop=True),
        _count(rows, why),
        subjects,
        names,
        {name: study.unit(name) or "" for name in names},
    )


def count_kinds(table: pd.DataFrame) -> pd.DataFrame:
    """Count readings of every analyte: readings, subjects, below, above, between."""
    kinds = {"below": LEFT, "above": RIGHT, "between": INTERVAL}
    marked = table.assign(**{name: table["kind"] == kind for name, kind in kinds.items()})
    grouped = marked.groupby("analyte", sort=False, observed=True)
    counted = grouped.agg(
        readings=("kind", "size"), subjects=("subject", "nunique"), **{k: (k, "sum") for k in kinds}
    )
    return counted.reset_index()


def _first(study: Study, subject: pd.Series) -> pd.Series:
    first = study.infusions.groupby("subject")["time"].min()
    return subject.map(first).fillna(0.0).astype(np.float64)


def _specimen(rows: pd.DataFrame) -> pd.Series:
    """Specimens in one spelling; "" where none is named."""
    plain = {s: str(s).strip().lower() for s in rows["specimen"].dropna().unique()}
    return rows["specimen"].map(plain).fillna("")


def _is_blood(rows: pd.DataFrame) -> pd.Series:
    return _specimen(rows).isin(BLOOD | {""})


def _other_specimen(rows: pd.DataFrame) -> pd.Series:
    """Mark readings that are not of the analyte's most frequent specimen of blood."""
    specimen, blood = _specimen(rows), _is_blood(rows)
    counts = pd.DataFrame({"analyte": rows["analyte"], "specimen": specimen})[blood].value_counts()
    chosen = counts.reset_index().drop_duplicates("analyte").set_index("analyte")["specimen"]
    return blood & (specimen != rows["analyte"].map(chosen))


def _count(rows: pd.DataFrame, why: pd.Series) -> pd.DataFrame:
    frame = rows[["subject", "analyte"]].assign(reason=why).dropna(subset=["reason"])
    counted = frame.groupby(["analyte", "reason"], sort=False)["subject"].agg(["size", "nunique"])
    return counted.rename(columns={"size": "readings", "nunique": "subjects"}).reset_index()
