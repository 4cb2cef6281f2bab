"""Models with classes of patients, and the density of a subject's readings by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model, PatientClass
from cellkinetics.fitting.draws import flat, natural, take_draws
from cellkinetics.joint import Joint
from cellkinetics.kernel.solve import solve

Floats = NDArray[np.float64]


def kind(name: str, probability: float, **typical: float) -> PatientClass:
    return PatientClass(
        name=name, meaning=name, probability=probability, typical=typical, assumption="for tests"
    )


def with_classes(*classes: PatientClass, model: str = "stein2019") -> Model:
    return replace(load_model(model), classes=classes)


TWO = with_classes(kind("good", 0.7), kind("poor", 0.3, c_max=2000.0, t_max=14.0))
# The third shares what the second changes, and changes a parameter that is not estimated.
THREE = with_classes(
    kind("good", 0.5, c_max=30000.0),
    kind("poor", 0.3, c_max=2000.0),
    kind("slowed", 0.2, f_tocilizumab=0.5),
)


def as_first(group: xr.Dataset) -> xr.Dataset:
    """Draws with everybody in the first class."""
    return group.assign(member=xr.zeros_like(group["member"]))


def by_hand(
    joint: Joint, group: xr.Dataset, class_values: list[dict[str, Floats]]
) -> tuple[Floats, Floats]:
    """Log of probability times density of each subject under each class, (draw, subject, class).

    First that of its own parameters, up to what the first class would give, then that of its
    readings. ``class_values`` are typical values of each class, natural scale, (draw,): written
    out by the test. Readings are log-normal, below a limit by the probability of it.
    """
    names = list(joint.population.names)
    omega = dict(zip([*joint.noncentred, *joint.centred], flat(group, "omega").T, strict=True))
    phi = take_draws(joint, as_first(group)).phi
    theta = natural(joint, phi)
    error = flat(group, "error")
    share = (
        flat(group, "class_probability")
        if "class_probability" in group
        else np.tile(joint.population.classes.probability, (len(error), 1))  # type: ignore[union-attr]
    )
    own = np.log(np.repeat(share[:, None, :], len(joint.subjects), axis=1))
    readings = np.zeros_like(own)
    for k, values in enumerate(class_values):
        for d, s in np.ndindex(own.shape[:2]):
            known: dict[str, Any] = dict(
                zip(joint.kernel.constants, joint.constants[s], strict=True)
            ) | dict(zip(names, theta[d, s], strict=True))
            for name, value in values.items():
                at = names.index(name)
                if name not in omega:
                    known[name] = value[d]
                    continue
                for sign, centre in ((1, value[d]), (-1, class_values[0][name][d])):
                    own[d, s, k] += sign * stats.norm.logpdf(
                        phi[d, s, at], np.log(centre), omega[name][d]
                    )
            readings[d, s, k] = _readings(joint, s, known, error[d])
    return own, readings


def _readings(joint: Joint, subject: int, theta: dict[str, Any], error: Floats) -> float:
    obs = joint.observations
    rows = np.flatnonzero(obs.subject == subject)
    curves = solve(joint.model, theta, obs.rows.time[rows])
    total = 0.0
    for i, r in enumerate(rows):
        analyte = obs.analytes[obs.analyte[r]]
        level = float(curves[analyte.observable].values[0, i]) * np.exp(obs.offset[r])
        sd = error[analyte.a]
        if obs.kind[r] == 0:
            total += stats.lognorm(sd, scale=level).logpdf(obs.value[r])
        else:
            assert obs.kind[r] == 1
            total += stats.norm.logcdf(np.log(obs.upper[r] / level) / sd)
    return total
