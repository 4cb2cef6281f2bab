"""Non-compartmental analysis of a study."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.errors import SpecError
from cellkinetics.exposure.arrays import long_table
from cellkinetics.exposure.curves import ABOVE, BELOW, READ, pack
from cellkinetics.exposure.metric import Metric
from cellkinetics.exposure.of_area import around_treatment, windows_as_metrics
from cellkinetics.exposure.registry import choose_metrics, evaluate, unit_of
from cellkinetics.exposure.rules import (
    WINDOWS,
    Rules,
    Window,
    check_windows,
    describe_rules,
    make_rules,
    parse_windows,
)
from cellkinetics.exposure.select import (
    KEYS,
    choose_analytes,
    doses,
    select_readings,
    treatment_start,
)
from cellkinetics.study.findings import counted
from cellkinetics.study.study import Study

_SAYS = {READ: "read", BELOW: "below", ABOVE: "above"}


@dataclass(frozen=True)
class NcaResult:
    """Exposure of every subject.

    Attributes
    ----------
    study : str
    simulated : bool
    long : DataFrame              subject, analyte, specimen, metric, value, unit, cdisc, flag,
                                  reason; a row for every metric of every profile
    wide : DataFrame              subject, analyte, specimen, a column a metric
    readings : DataFrame          subject, analyte, specimen, time, value, kind (read, below, above;
                                  value is the limit unless read), limit, line, unit
    left_out : DataFrame          subject, analyte, specimen, time, reason, line
    subjects : DataFrame          the study's subjects with their covariates
    rules : Rules
    duration : float              of the infusion, day
    windows : tuple of (start, end)
    notes : tuple of str          what a reader should know of this study
    """

    study: str
    simulated: bool
    long: pd.DataFrame
    wide: pd.DataFrame
    readings: pd.DataFrame
    left_out: pd.DataFrame
    subjects: pd.DataFrame
    rules: Rules
    duration: float
    windows: tuple[Window, ...]
    notes: tuple[str, ...]

    @property
    def definition(self) -> str:
        """The rules used, as text."""
        return describe_rules(self.rules, duration=self.duration)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, in order."""
        return tuple(c for c in self.wide.columns if c not in KEYS)


def nca(
    study: Study,
    *,
    analytes: str | Collection[str] | None = None,
    windows: Sequence[Window] | str = WINDOWS,
    metrics: Sequence[str] | None = None,
    around: str | None = None,
    keep: Collection[str] = (),
    cutoff: float | None = None,
    duration: float = 0.0,
    rules: Rules | None = None,
    **changes: Any,
) -> NcaResult:
    """Measure the exposure of every subject, without a model.

    Parameters
    ----------
    study : Study
    analytes : str or collection, optional    default: those in copies or cells, without white cells
    windows : sequence of (start, end), day   areas wanted; or a text such as "0-7,0-28"
    metrics : sequence of str, optional       default: all of the registry
    around : str, optional        drug (or kind) of ``treatments``: also the areas before and after
    keep : collection of str      readings after a transplant or other therapy are left out as they
                                  are from a fit; reasons named here do not count
    cutoff : float, optional, day readings after it are left out
    duration : float, day         of the infusion, with route 'infusion'
    rules : Rules, optional
    **changes                     single rules: ``trapezoid="linear"``, ``slope="pknca"`` ...;
                                  ``blq="before=zero,after=drop"`` says several at once

    Returns
    -------
    NcaResult                     a row for every subject and analyte, also where nothing was found

    Raises
    ------
    SpecError                     an unknown analyte, metric, rule or treatment; a cut before day 0
    """
    chosen = make_rules(rules, changes)
    spans = parse_windows(windows) if isinstance(windows, str) else check_windows(windows)
    if cutoff is not None and not 0 <= cutoff < np.inf:
        raise SpecError(f"--cutoff {cutoff:g}: wanted a day from the infusion (day 0) on.")
    if (chosen.route == "infusion") != (0 < duration < np.inf):
        raise SpecError(
            f"route '{chosen.route}' with an infusion of {duration:g} days: an infusion needs a"
            " duration above 0, the other routes have none."
        )
    names = choose_analytes(study, analytes)
    selected = select_readings(study, names, keep=keep)
    used, left_out = selected.used, selected.left_out
    if cutoff is not None:
        late = used["time"] > cutoff
        cut = used.loc[late, [*KEYS, "time", "line"]].assign(reason="after the data cut")
        left_out = pd.concat([left_out, cut[left_out.columns]])
        used = used[~late]
    keys = _profiles(study, names)
    at = pd.Series(np.arange(len(keys)), index=pd.MultiIndex.from_frame(keys))
    owner = at.reindex(pd.MultiIndex.from_frame(used[KEYS])).to_numpy()
    began = keys["subject"].map(treatment_start(study, around)) if around is not None else None
    curves = pack(
        owner.astype(np.int64),
        used["time"].to_numpy(dtype=np.float64),
        used["value"].to_numpy(dtype=np.float64),
        used["kind"].to_numpy(dtype=np.int64),
        used["limit"].to_numpy(dtype=np.float64),
        count=len(keys),
        dose=doses(study, list(keys["subject"])),
        duration=np.full(len(keys), float(duration)),
        began=None if began is None else began.to_numpy(dtype=np.float64),
    )
    wanted: list[Metric] = [
        *choose_metrics(metrics),
        *windows_as_metrics(spans, "day"),
        *(around_treatment(around) if around is not None else []),
    ]
    results = evaluate(curves, chosen, wanted)
    long = long_table(keys, results, [""] * len(wanted), [m.code_for(chosen.route) for m in wanted])
    long["unit"] = _units(study, keys, wanted)
    wide = pd.concat([keys, pd.DataFrame({name: f.value for name, f in results.items()})], axis=1)
    said = used.assign(
        value=used["value"].where(used["kind"] != BELOW, used["limit"]),
        kind=used["kind"].map(_SAYS),
        unit=used["analyte"].map({name: study.unit(name) for name in names}),
    )
    return NcaResult(
        study=study.name,
        simulated=study.simulated,
        long=long,
        wide=wide,
        readings=said.reset_index(drop=True),
        left_out=left_out.reset_index(drop=True),
        subjects=study.subjects,
        rules=chosen,
        duration=duration,
        windows=spans,
        notes=_remarks(study, keys, used, left_out, cutoff),
    )


def _profiles(study: Study, names: Sequence[str]) -> pd.DataFrame:
    """Every subject with every analyte and specimen that the study has, analyte by analyte."""
    samples = study.samples[study.samples["analyte"].isin(names)]
    pairs = samples[["analyte"]].assign(specimen=samples["specimen"].fillna(""))
    pairs = pairs.drop_duplicates()
    order = {name: i for i, name in enumerate(names)}
    pairs = pairs.sort_values("analyte", key=lambda a: a.map(order), kind="stable")
    subjects = study.subjects["subject"].to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "subject": np.tile(subjects, len(pairs)),
            "analyte": np.repeat(pairs["analyte"].to_numpy(dtype=object), len(subjects)),
            "specimen": np.repeat(pairs["specimen"].to_numpy(dtype=object), len(subjects)),
        }
    )


def _units(study: Study, keys: pd.DataFrame, metrics: Sequence[Metric]) -> np.ndarray:
    by_analyte = {
        name: np.array(
            [
                unit_of(
                    m.unit,
                    level=study.unit(name) or "",
                    time="day",
                    dose=study.settings.dose_unit or "",
                )
                for m in metrics
            ],
            dtype=object,
        )
        for name in keys["analyte"].unique()
    }
    return np.concatenate([by_analyte[name] for name in keys["analyte"]])


def _remarks(
    study: Study,
    keys: pd.DataFrame,
    used: pd.DataFrame,
    left_out: pd.DataFrame,
    cutoff: float | None,
) -> tuple[str, ...]:
    out = []
    for (analyte, reason), rows in left_out.groupby(["analyte", "reason"], sort=False):
        who = ", ".join(dict.fromkeys(rows["subject"]))
        out.append(
            f"{counted(len(rows), 'reading')} of {analyte} left out: {reason} ({_short(who)})."
        )
    repeated = used.duplicated([*KEYS, "time"], keep=False)
    if repeated.any():
        out.append(f"{int(repeated.sum())} readings share their time with another: averaged.")
    doses_each = study.infusions.groupby("subject").size()
    several = [str(s) for s in doses_each.index[doses_each > 1]]
    if several:
        out.append(
            f"Several infusions ({_short(', '.join(several))}): the dose is their sum, time runs"
            " from the first."
        )
    beyond = int((used["time"] > study.settings.horizon).sum()) if cutoff is None else 0
    if beyond:
        out.append(
            f"Used although after the study's horizon, day {study.settings.horizon:g}: "
            f"{counted(beyond, 'reading')}; a data cut leaves them out."
        )
    heard = set(used["subject"])
    silent = [s for s in keys["subject"].unique() if s not in heard]
    if silent:
        out.append(f"No reading at all: {_short(', '.join(silent))}.")
    return tuple(out)


def _short(text: str, longest: int = 120) -> str:
    return text if len(text) <= longest else f"{text[:longest].rsplit(',', 1)[0]}, ..."
