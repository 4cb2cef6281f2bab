"""The rows of the likelihood: which sample reads which observable, with which error and limits."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellkinetics.declare import Model
from cellkinetics.density import COMBINED, LOGNORMAL, STUDENT_T
from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.kernel.layout import Floats, Ints, Rows, ragged_start
from cellkinetics.observation.link import LinkChoice, choose_link
from cellkinetics.spec import AnalyteSpec, ErrorPrior, FitSpec
from cellkinetics.study.exclusions import REASONS, exclusions
from cellkinetics.study.limits import classify, method_note
from cellkinetics.study.study import Study

FAMILY = {"lognormal": LOGNORMAL, "student_t": STUDENT_T, "combined": COMBINED}
OTHER_SPECIMEN = "other specimen"
ERROR_DEFAULT = ErrorPrior(median=0.5, log_sd=0.5)


@dataclass(frozen=True)
class ErrorParameter:
    """One residual-error parameter: log-normal prior."""

    name: str
    analyte: str
    median: float
    log_sd: float
    origin: str
    assumed: bool


@dataclass(frozen=True)
class Calibration:
    """One calibration factor: log-normal prior; shared, or with a deviation per subject."""

    name: str
    analyte: str
    median: float
    log_sd: float
    per_subject: bool
    origin: str


@dataclass(frozen=True)
class Analyte:
    """How an analyte enters the fit; ``a``, ``b`` are places in the error parameters (-1: none)."""

    name: str
    unit: str
    observable: str
    spec: AnalyteSpec
    a: int
    b: int
    calibration: int
    link: str
    defines_unit: bool
    limits: str
    rows: int
    below: int


@dataclass(frozen=True)
class Observations:
    """Everything that the likelihood needs of the data, sorted by subject and time.

    Attributes
    ----------
    subjects : tuple of str
    analytes, errors, calibrations : tuples
    rows : Rows                     for the kernel
    subject, analyte : int array (row,)     positions
    family, kind : int array (row,)
    value, lower, upper, floor, nu, offset : float array (row,)
    pred_is_log : bool array (row,)
    table : DataFrame (row,)        the samples behind the rows, in the same order
    left_out : DataFrame            samples of these analytes that are not rows, with the reason
    unused : dict                   analytes of the study that no one asked for, with their counts
    """

    subjects: tuple[str, ...]
    analytes: tuple[Analyte, ...]
    errors: tuple[ErrorParameter, ...]
    calibrations: tuple[Calibration, ...]
    rows: Rows
    subject: Ints
    analyte: Ints
    family: Ints
    kind: Ints
    value: Floats
    lower: Floats
    upper: Floats
    floor: Floats
    nu: Floats
    offset: Floats
    pred_is_log: np.ndarray
    table: pd.DataFrame
    left_out: pd.DataFrame
    unused: dict[str, int]


def observe_study(study: Study, model: Model, spec: FitSpec) -> Observations:
    """Turn a study's samples into the rows of a likelihood.

    Parameters
    ----------
    study : Study
    model : Model
    spec : FitSpec

    Returns
    -------
    Observations

    Raises
    ------
    SpecError, StudyError           an unknown analyte, a link or a limit without meaning
    """
    present = study.samples["analyte"].value_counts()
    for name in spec.analytes:
        if name not in present:
            raise SpecError(
                f"fit.toml: the study has no samples of analyte '{name}'."
                f" {did_you_mean(name, [str(a) for a in present.index])}"
            )
    out_of = exclusions(study, keep=spec.keep)["reason"]
    observed = {name: _observable(model, name, a) for name, a in spec.analytes.items()}
    errors: list[ErrorParameter] = []
    calibrations: list[Calibration] = []
    analytes, parts, left = [], [], []
    for position, (name, chosen) in enumerate(spec.analytes.items()):
        samples = study.samples[study.samples["analyte"] == name]
        if chosen.specimen is not None:
            other = _other_specimen(samples, name, chosen.specimen)
            left.append(samples[other].assign(reason=OTHER_SPECIMEN))
            samples = samples[~other]
        reason = out_of.reindex(samples.index)
        left.append(samples[reason.notna()].assign(reason=reason[reason.notna()]))
        samples = samples[reason.isna()]
        rows = classify(
            samples,
            method=chosen.limit,
            error_family=chosen.error,
            zeros_as_read=study.settings.zeros_as_read,
        )
        alone = sum(o == observed[name] for o in observed.values()) == 1
        unit = _unit(study, name)
        declared = next(q for q in model.observables if q.name == observed[name])
        link = choose_link(
            study, chosen, name, unit, declared.unit, samples.reset_index(drop=True), alone=alone
        )
        dropped = rows["dropped"].where(
            rows["dropped"].notna(), pd.Series(link.dropped, index=rows.index, dtype=object)
        )
        left.append(samples[dropped.notna()].assign(reason=dropped[dropped.notna()]))
        kept = dropped.isna().to_numpy()
        a, b = _add_errors(errors, model, observed[name], name, chosen)
        cal = _add_calibration(calibrations, name, link, chosen)
        used = rows[kept]
        analytes.append(
            Analyte(
                name=name,
                unit=unit,
                observable=observed[name],
                spec=chosen,
                a=a,
                b=b,
                calibration=cal,
                link=link.sentence,
                # The only reading of its observable, taken as it is: the model is in its unit.
                defines_unit=link.kind == "fixed" and link.calibration == "none",
                limits=method_note(chosen.limit, chosen.error),
                rows=int(kept.sum()),
                below=int(used["kind"].isin([1, 3]).sum()),
            )
        )
        parts.append(
            samples[kept].assign(
                _kind=used["kind"],
                _value=used["value"],
                _lower=used["lower"],
                _upper=used["upper"],
                _floor=used["floor"],
                _offset=link.offset[kept],
                _analyte=position,
                _observable=[q.name for q in model.observables].index(observed[name]),
                _log=declared.positive,
                _family=FAMILY[chosen.error],
                _nu=chosen.nu,
            )
        )
    table, left_out = pd.concat(parts), pd.concat(left).sort_values("line")
    if table.empty:
        raise SpecError(_nothing_left(left_out))
    order = [str(s) for s in study.subjects["subject"]]
    position_of = {s: i for i, s in enumerate(s for s in order if s in set(table["subject"]))}
    table["_subject"] = [position_of[s] for s in table["subject"]]
    table = table.sort_values(["_subject", "time", "_analyte"], kind="stable")
    return Observations(
        subjects=tuple(position_of),
        analytes=tuple(analytes),
        errors=tuple(errors),
        calibrations=tuple(calibrations),
        rows=Rows(
            start=ragged_start(table["_subject"].to_numpy(), len(position_of)),
            time=table["time"].to_numpy(dtype=np.float64),
            observable=table["_observable"].to_numpy(dtype=np.int64),
        ),
        subject=table["_subject"].to_numpy(dtype=np.int64),
        analyte=table["_analyte"].to_numpy(dtype=np.int64),
        family=table["_family"].to_numpy(dtype=np.int64),
        kind=table["_kind"].to_numpy(dtype=np.int64),
        value=table["_value"].to_numpy(dtype=np.float64),
        lower=table["_lower"].to_numpy(dtype=np.float64),
        upper=table["_upper"].to_numpy(dtype=np.float64),
        floor=table["_floor"].to_numpy(dtype=np.float64),
        nu=table["_nu"].to_numpy(dtype=np.float64),
        offset=table["_offset"].to_numpy(dtype=np.float64),
        pred_is_log=table["_log"].to_numpy(dtype=bool),
        table=table.loc[:, [c for c in table if not str(c).startswith("_")]].reset_index(drop=True),
        left_out=left_out,
        unused={str(a): int(n) for a, n in present.items() if str(a) not in spec.analytes},
    )


def _other_specimen(samples: pd.DataFrame, name: str, wanted: str) -> pd.Series:
    """Which samples are not of the wanted specimen; a row that names none is not."""
    known = [str(s) for s in samples["specimen"].dropna().unique()]
    if wanted not in known:
        raise SpecError(
            f"fit.toml: analytes.{name}.specimen = '{wanted}', but no sample of '{name}' is of"
            f" that specimen. {did_you_mean(wanted, known)}"
        )
    return samples["specimen"] != wanted


def _nothing_left(left_out: pd.DataFrame) -> str:
    """Say why no sample is in the likelihood: every reason with its rows, and the cure."""
    groups = left_out.groupby(["analyte", "reason"], sort=False)
    why = "; ".join(f"{len(rows)} of '{analyte}': {reason}" for (analyte, reason), rows in groups)
    reasons = [reason for reason in left_out["reason"].unique() if reason in REASONS]
    keep = ", ".join(f"'{reason}'" for reason in reasons)
    cure = f" keep = [{keep}] in fit.toml takes those rows in." if reasons else ""
    return f"fit.toml: no sample is left for the likelihood. Left out: {why}.{cure}"


def _observable(model: Model, name: str, chosen: AnalyteSpec) -> str:
    names = [q.name for q in model.observables]
    if chosen.observes is None:
        if len(names) == 1:
            return names[0]
        raise SpecError(
            f"fit.toml: analytes.{name} must say which observable of {model.name} it reads"
            f" (observes = ...): {', '.join(names)}."
        )
    if chosen.observes not in names:
        raise SpecError(
            f"fit.toml: analytes.{name}.observes = '{chosen.observes}' is not an observable of"
            f" {model.name}. {did_you_mean(chosen.observes, names)}"
        )
    return chosen.observes


def _unit(study: Study, name: str) -> str:
    unit = study.unit(name) or study.settings.units.get(name)
    if unit:
        return unit
    raise SpecError(f"samples.csv: analyte '{name}' has no unit. Give it in the unit column.")


def _add_errors(
    errors: list[ErrorParameter], model: Model, observable: str, name: str, chosen: AnalyteSpec
) -> tuple[int, int]:
    """Append the analyte's error parameters; positions of a and b, -1 where there is none."""

    def add(role: str, prior: ErrorPrior, origin: str, *, assumed: bool) -> int:
        errors.append(
            ErrorParameter(f"{name}.{role}", name, prior.median, prior.log_sd, origin, assumed)
        )
        return len(errors) - 1

    if chosen.error == "combined":
        a = add("additive", chosen.additive, "fit.toml", assumed=True) if chosen.additive else -1
        b = (
            add("proportional", chosen.proportional, "fit.toml", assumed=True)
            if chosen.proportional
            else -1
        )
        return a, b
    if chosen.sd is not None:
        return add("sd", chosen.sd, "fit.toml", assumed=True), -1
    published = next((r for r in model.residuals if r.observable == observable), None)
    if published is None:
        return add("sd", ERROR_DEFAULT, "assumption: 0.5 on the log scale", assumed=True), -1
    prior = ErrorPrior(median=published.sd, log_sd=ERROR_DEFAULT.log_sd)
    origin = published.source or f"assumption: {published.assumption}"
    return add("sd", prior, origin, assumed=not published.source), -1


def _add_calibration(
    calibrations: list[Calibration], name: str, link: LinkChoice, spec: AnalyteSpec
) -> int:
    if link.calibration == "none":
        return -1
    said = {"calibration_median", "calibration_log_sd"} & spec.model_fields_set
    origin = "fit.toml" if said else "assumption: a wide prior, for nothing is known of the scale"
    calibrations.append(
        Calibration(
            f"{name}.calibration",
            name,
            link.median,
            link.log_sd,
            link.calibration == "subject",
            origin if link.log_sd else "fixed",
        )
    )
    return len(calibrations) - 1
