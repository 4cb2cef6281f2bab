"""The same metrics on a fit's trajectories: draws of each, a subject at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cellkinetics.errors import FitError, SpecError, did_you_mean
from cellkinetics.exposure.curves import Curves, Floats, Ints, trajectories
from cellkinetics.exposure.metric import Metric
from cellkinetics.exposure.notes import describe
from cellkinetics.exposure.of_area import windows_as_metrics
from cellkinetics.exposure.registry import choose_metrics, evaluate, unit_of
from cellkinetics.exposure.rules import (
    WINDOWS,
    Rules,
    Window,
    check_windows,
    describe_rules,
    make_rules,
)

if TYPE_CHECKING:  # a fit needs PyMC, which the metrics do not
    from cellkinetics.fitting import FitResult
    from cellkinetics.joint import Joint

_LEVELS_AT_A_TIME = 4_000_000  # draws x subjects x times


@dataclass(frozen=True)
class PosteriorMetrics:
    """Draws of every subject's metrics.

    Attributes
    ----------
    subjects, metrics, units : tuple of str
    draws : float array (draw, subject, metric)   NaN where a trajectory has no such metric
    notes : int array (draw, subject, metric)     bits of ``cellkinetics.exposure.notes.Note``
    times : float array (time,), day              where the trajectories were computed
    definition : str                              the rules used, as text
    """

    subjects: tuple[str, ...]
    metrics: tuple[str, ...]
    units: tuple[str, ...]
    draws: Floats
    notes: Ints
    times: Floats
    definition: str

    def of(self, metric: str) -> Floats:
        """Give the draws of one metric, (draw, subject)."""
        if metric not in self.metrics:
            raise SpecError(f"there is no metric '{metric}'. {did_you_mean(metric, self.metrics)}")
        return self.draws[:, :, self.metrics.index(metric)]

    def table(self, level: float = 0.9) -> pd.DataFrame:
        """Summarise the draws.

        Parameters
        ----------
        level : float                 of the equal-tailed interval

        Returns
        -------
        DataFrame                     subject, metric, unit, median, lower, upper, level, estimable
                                      (share of draws), remark (flags of a tenth of the draws or
                                      more)
        """
        tail = (1 - level) / 2
        there = np.isfinite(self.draws)
        quantiles = np.full((3, *self.draws.shape[1:]), np.nan)
        some = there.any(axis=0)
        quantiles[:, some] = np.nanquantile(self.draws[:, some], [0.5, tail, 1 - tail], axis=0)
        rows = []
        for s, subject in enumerate(self.subjects):
            for m, metric in enumerate(self.metrics):
                rows.append(
                    {
                        "subject": subject,
                        "metric": metric,
                        "unit": self.units[m],
                        "median": quantiles[0, s, m],
                        "lower": quantiles[1, s, m],
                        "upper": quantiles[2, s, m],
                        "level": level,
                        "estimable": there[:, s, m].mean(),
                        "remark": _common(self.notes[:, s, m]),
                    }
                )
        return pd.DataFrame(rows)


def metrics_of_posterior(
    result: "FitResult",
    *,
    fit: str | Path | None = None,
    study: str | Path | None = None,
    observable: str | None = None,
    times: Floats | None = None,
    lloq: float | None = None,
    windows: Sequence[Window] = WINDOWS,
    metrics: Sequence[str] | None = None,
    draws: int | None = None,
    rules: Rules | None = None,
    **changes: Any,
) -> PosteriorMetrics:
    """Measure the trajectories of a fit with the metrics that measure samples.

    Parameters
    ----------
    result : FitResult                a finished fit, of ``load_fit``
    fit : path, optional              where its fit.toml lies; default: in the result's folder
    study : path, optional            in place of the study that fit.toml names
    observable : str, optional        of the model; not needed where there is one only
    times : float array, optional, day    default: dense to day 28, then daily to the horizon
    lloq : float, optional            limit of quantification in the observable's unit; default: the
                                      largest that the readings of the assay in that unit state
    windows, metrics, rules, changes  as in ``nca``
    draws : int, optional             so many, spread evenly; default all

    Returns
    -------
    PosteriorMetrics

    Raises
    ------
    FitError                          the study or model is not the one that was fitted
    SpecError                         an unknown observable, metric or rule
    """
    from cellkinetics.fitting.draws import take_draws  # noqa: PLC0415  (loads PyMC)
    from cellkinetics.fitting.provenance import changes as differences  # noqa: PLC0415
    from cellkinetics.fitting.provenance import identity  # noqa: PLC0415
    from cellkinetics.fitting.run import prepare  # noqa: PLC0415

    chosen = make_rules(rules, {"route": "extravascular", **changes})
    _, joint = prepare(fit if fit is not None else result.folder, study=study)
    # How it was sampled does not matter here, what was fitted does.
    now, then = (
        {**of, "spec": {k: v for k, v in of["spec"].items() if k not in ("sampler", "seed")}}
        for of in (identity(joint), result.summary["identity"])
    )
    different = differences(then, now)
    if different:
        raise FitError(
            f"{result.folder}: not the fit of this study and model.\n  " + "\n  ".join(different)
        )
    phi = take_draws(joint, result.tree["posterior"].to_dataset()).phi
    if draws is not None:
        phi = phi[np.linspace(0, len(phi) - 1, min(draws, len(phi))).astype(int)]
    name = _observable(joint, observable)
    unit = joint.unit(next(q.unit for q in joint.model.observables if q.name == name))
    grid = _grid(joint) if times is None else np.unique(np.asarray(times, dtype=np.float64))
    wanted: list[Metric] = [
        *choose_metrics(metrics),
        *windows_as_metrics(check_windows(windows), "day"),
    ]
    limit = _limit(joint, name, unit) if lloq is None else lloq
    dose_unit = joint.study.settings.dose_unit or ""
    values = np.empty((len(phi), len(joint.subjects), len(wanted)))
    notes = np.empty(values.shape, dtype=np.int64)
    step = max(1, _LEVELS_AT_A_TIME // (len(joint.subjects) * len(grid)))
    for first in range(0, len(phi), step):
        part = slice(first, first + step)
        curves = _curves(joint, phi[part], name, grid, limit)
        found = evaluate(curves, chosen, wanted)
        shape = values[part].shape[:2]
        for m, metric in enumerate(wanted):
            values[part, :, m] = found[metric.name].value.reshape(shape)
            notes[part, :, m] = found[metric.name].notes.reshape(shape)
    return PosteriorMetrics(
        subjects=joint.subjects,
        metrics=tuple(m.name for m in wanted),
        units=tuple(unit_of(m.unit, level=unit, time="day", dose=dose_unit) for m in wanted),
        draws=values,
        notes=notes,
        times=grid,
        definition=describe_rules(chosen)
        + f"\nTrajectories at {len(grid)} times to day {grid[-1]:g}, without assay error;"
        + (" no limit." if np.isnan(limit) else f" limit of quantification {limit:g} {unit}."),
    )


def _curves(joint: "Joint", phi: Floats, name: str, times: Floats, limit: float) -> Curves:
    from cellkinetics.exposure.select import doses  # noqa: PLC0415
    from cellkinetics.fitting.draws import predictions  # noqa: PLC0415
    from cellkinetics.kernel.layout import regular_rows  # noqa: PLC0415

    at = [q.name for q in joint.model.observables].index(name)
    count = len(joint.subjects)
    level = predictions(joint, phi, regular_rows(times, [at], count))
    if joint.model.observables[at].positive:
        level = np.exp(level)
    return trajectories(
        times,
        level.reshape(len(phi) * count, len(times)),
        limit=limit,
        dose=np.tile(doses(joint.study, list(joint.subjects)), len(phi)),
    )


def _observable(joint: "Joint", asked: str | None) -> str:
    names = [q.name for q in joint.model.observables]
    if asked is None and len(names) == 1:
        return names[0]
    if asked not in names:
        raise SpecError(f"{joint.model.name}: which observable? {did_you_mean(str(asked), names)}")
    return asked


def _grid(joint: "Joint") -> Floats:
    end = joint.study.settings.horizon
    return np.unique(
        np.concatenate([np.arange(0.0, min(28.0, end), 0.25), np.arange(0, end), [end]])
    )


def _limit(joint: "Joint", observable: str, unit: str) -> float:
    """Largest lower limit that readings in the observable's unit state, NaN without any."""
    obs = joint.observations
    same = [a.name for a in obs.analytes if a.observable == observable and a.unit == unit]
    stated = obs.table.loc[obs.table["analyte"].isin(same), "lloq"]
    return float(stated.max()) if len(stated) else float("nan")


def _common(notes: Ints) -> str:
    """Flags of a tenth of the draws or more, the most frequent first."""
    flags, _ = describe(notes)
    single = pd.Series([f for text in flags for f in text.split(", ") if f], dtype=object)
    counts = single.value_counts()
    return ", ".join(
        f"{flag} in {n / len(notes):.0%}" for flag, n in counts.items() if n >= 0.1 * len(notes)
    )
