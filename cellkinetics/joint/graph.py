"""The posterior as a plain ``pm.Model``; never samples.

The graph is kept small on purpose: a few vectors of random variables, one Op for the model, one
for the densities. What is of interest to a reader (typical values, individual parameters) is
computed from the draws afterwards, not in the graph.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from cellkinetics.density import draw_readings
from cellkinetics.joint.mixture import class_coords, class_phi, patient_classes, sum_classes_out
from cellkinetics.joint.together import Joint
from cellkinetics.kernel.density_op import log_density_rows
from cellkinetics.kernel.layout import repeated_dosing, repeated_rows
from cellkinetics.kernel.op import KernelOp

type Tensor = Any
"""A PyTensor variable; PyTensor's own types are partial."""

OMEGA_CALIBRATION_SD = 0.5
"""Half-normal scale of between-subject variability of a calibration factor (assumption)."""


def build_model(joint: Joint, *, likelihood: bool = True) -> pm.Model:
    """The posterior as a plain ``pm.Model``.

    Random variables (all vectors): ``mu`` typical values on the transformed scale, ``omega``
    between-subject SDs, ``eta`` standardised deviations, ``phi_centred`` individual parameters of
    the centred block, ``error`` residual-error parameters, and where there are any ``effect``,
    ``log_calibration``, ``omega_calibration``, ``eta_calibration``, ``correlation_root`` (a
    Cholesky factor), ``class_typical`` and ``class_probability``; ``readings`` is observed. With
    classes of patients ``readings`` is a potential (subject,), classes summed out: see
    :func:`~cellkinetics.joint.mixture.sum_classes_out`.

    Parameters
    ----------
    joint : Joint
    likelihood : bool               False leaves the data out: the prior

    Returns
    -------
    pm.Model
    """
    population, obs = joint.population, joint.observations
    n, m = len(joint.noncentred), len(joint.centred)
    coords: dict[str, list[str]] = {
        "subject": list(obs.subjects),
        "typical": [q.name for q in joint.estimated],
        "iiv": [*joint.noncentred, *joint.centred],
        "iiv_noncentred": list(joint.noncentred),
        "iiv_centred": list(joint.centred),
        "error_parameter": [q.name for q in obs.errors],
        "calibration": [q.name for q in obs.calibrations],
        "covariate_effect": [q.name for q in population.effects],
        **class_coords(population.classes),
    }
    with pm.Model(coords={k: v for k, v in coords.items() if v}) as model:
        mu = _typical_values(joint)
        shift = _covariate_shift(joint)
        blocks = []
        if n + m:
            omega = pm.LogNormal(
                "omega",
                mu=np.log([q.median for q in population.omega]),
                sigma=np.array([q.log_sd for q in population.omega]),
                dims="iiv",
            )
        if n:
            eta = pm.Normal("eta", 0.0, 1.0, dims=("subject", "iiv_noncentred"))
            centre = mu[:n] if shift is None else mu[:n] + shift[:, :n]
            blocks.append(centre + omega[:n] * _correlated(joint, eta))
        if m:
            centre = mu[n : n + m] if shift is None else mu[n : n + m] + shift[:, n : n + m]
            blocks.append(
                pm.Normal("phi_centred", centre, omega[n:], dims=("subject", "iiv_centred"))
            )
        if n + m < len(population.typical):
            rest = mu[n + m :] if shift is None else mu[n + m :] + shift[:, n + m :]
            blocks.append(pt.broadcast_to(rest, (len(obs.subjects), rest.shape[-1])))
        phi = blocks[0] if len(blocks) == 1 else pt.concatenate(blocks, axis=1)
        error = pm.LogNormal(
            "error",
            mu=np.log([q.median for q in obs.errors]),
            sigma=np.array([q.log_sd for q in obs.errors]),
            dims="error_parameter",
        )
        factor = _log_calibration(joint)
        kinds = patient_classes(joint, mu)
        if kinds is None and likelihood:
            _likelihood(joint, phi, error, factor)
        if kinds is not None:
            log_p = None
            if likelihood:
                log_p = _log_densities(joint, class_phi(joint, kinds, phi), error, factor)
            own = (blocks[bool(n)] - centre, omega[n:]) if m else None
            sum_classes_out(joint, kinds, own, log_p)
    return model


def _typical_values(joint: Joint) -> Tensor:
    estimated = joint.estimated
    everyone = joint.population.typical
    free = pm.Normal(
        "mu",
        mu=np.array([q.loc for q in estimated]),
        sigma=np.array([q.sd for q in estimated]),
        dims="typical",
    )
    if len(estimated) == len(everyone):
        return free
    fixed = [q for q in everyone if q.sd == 0]
    pool = pt.concatenate([free, np.array([q.loc for q in fixed])])
    position = {q.name: i for i, q in enumerate([*estimated, *fixed])}
    return pool[np.array([position[q.name] for q in everyone])]


def _covariate_shift(joint: Joint) -> Tensor | None:
    """What covariates add to phi, (subject, parameter), or None."""
    effects = joint.population.effects
    if not effects:
        return None
    coefficient = pm.Normal(
        "effect",
        mu=np.array([q.mean for q in effects]),
        sigma=np.array([q.sd for q in effects]),
        dims="covariate_effect",
    )
    columns = pm.Data("covariates", np.column_stack([q.column for q in effects]))
    names = joint.population.names
    onto = np.zeros((len(effects), len(names)))
    for i, q in enumerate(effects):
        onto[i, names.index(q.parameter)] = 1.0
    # Sums of products, not matrix products, here and below: PyTensor would look for a BLAS.
    return ((columns * coefficient)[:, :, None] * onto).sum(axis=1)


def _correlated(joint: Joint, eta: Tensor) -> Tensor:
    """Correlate the first columns of eta by an LKJ prior, where a fit asks for it."""
    k = len(joint.population.correlated)
    if k < 2:
        return eta
    # PyMC's LKJCorr is the Cholesky factor of a correlation matrix, not the matrix.
    root = pm.LKJCorr("correlation_root", n=k, eta=joint.population.lkj)
    mixed = (eta[:, None, :k] * root).sum(axis=2)
    if k == len(joint.noncentred):
        return mixed
    return pt.concatenate([mixed, eta[:, k:]], axis=1)


def _log_calibration(joint: Joint) -> Tensor | None:
    """Log calibration factor of every row, or None where there is none."""
    obs = joint.observations
    if not obs.calibrations:
        return None
    shared = pm.Normal(
        "log_calibration",
        mu=np.log([q.median for q in obs.calibrations]),
        sigma=np.array([q.log_sd for q in obs.calibrations]),
        dims="calibration",
    )
    which = np.array([a.calibration for a in obs.analytes])[obs.analyte]
    padded = pt.concatenate([shared, np.zeros(1)])
    factor = padded[pm.Data("row_calibration", which % (len(obs.calibrations) + 1))]
    varying = [i for i, q in enumerate(obs.calibrations) if q.per_subject]
    if not varying:
        return factor
    omega = pm.HalfNormal("omega_calibration", OMEGA_CALIBRATION_SD, shape=len(varying))
    eta = pm.Normal("eta_calibration", 0.0, 1.0, shape=(len(obs.subjects), len(varying)))
    column = np.array([varying.index(w) if w in varying else 0 for w in which])
    active = np.isin(which, varying).astype(float)
    return factor + active * (omega * eta)[obs.subject, column]


def _rows(joint: Joint, copies: int = 1) -> dict[str, Tensor]:
    """All that is known of rows and doses, as data; several copies for several classes."""
    obs = joint.observations
    rows, dosing = repeated_rows(obs.rows, copies), repeated_dosing(joint.dosing, copies)
    last = len(obs.errors)
    # A row that is not a reading carries its limit, as in the tables: pm.Data takes no NaN.
    bound = np.where(np.isfinite(obs.upper), obs.upper, obs.lower)
    of_rows = {
        "row_offset": obs.offset,
        "row_family": obs.family,
        "row_kind": obs.kind,
        "row_lower": np.nan_to_num(obs.lower, nan=0.0, neginf=-np.inf, posinf=np.inf),
        "row_upper": np.nan_to_num(obs.upper, nan=0.0, neginf=-np.inf, posinf=np.inf),
        "row_floor": obs.floor,
        "row_nu": obs.nu,
        "row_log": obs.pred_is_log,
        "row_a": np.array([x.a for x in obs.analytes])[obs.analyte] % (last + 1),
        "row_b": np.array([x.b for x in obs.analytes])[obs.analyte] % (last + 1),
        "row_value": np.where(obs.kind == 0, obs.value, bound),
    }
    known = {
        "constants": np.tile(joint.constants, (copies, 1)),
        "infusion_start": dosing.start,
        "infusion_time": dosing.time,
        "infusion_cells": dosing.cells,
        "row_start": rows.start,
        "row_time": rows.time,
        "row_observable": rows.observable,
        **{name: np.tile(value, copies) for name, value in of_rows.items()},
    }
    # As data, so that another study of the same shape needs no new compilation.
    return {name: pm.Data(name, value) for name, value in known.items()}


def _predicted(
    joint: Joint, rows: dict[str, Tensor], phi: Tensor, factor: Tensor | None, copies: int = 1
) -> Tensor:
    """What the assays would read without error, on the kernel's scale."""
    outputs: Any = KernelOp(joint.kernel)(
        phi,
        rows["constants"],
        rows["infusion_start"],
        rows["infusion_time"],
        rows["infusion_cells"],
        rows["row_start"],
        rows["row_time"],
        rows["row_observable"],
        np.float64(joint.spec.kernel.rtol),
        np.int64(joint.spec.kernel.max_steps),
    )
    pred: Tensor = outputs[0]
    total = rows["row_offset"]
    if factor is not None:
        total = total + (pt.concatenate([factor] * copies) if copies > 1 else factor)
    log = joint.observations.pred_is_log
    if log.all():
        return pred + total
    if not log.any():
        return pred * pt.exp(total)
    return pt.where(rows["row_log"], pred + total, pred * pt.exp(total))


def _error_rows(joint: Joint, rows: dict[str, Tensor], error: Tensor) -> tuple[Tensor, Tensor]:
    """The two residual-error parameters of every row."""
    pool = pt.concatenate([error, np.zeros(1)])
    return pool[rows["row_a"]], pool[rows["row_b"]]


def _density_data(rows: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the density of a row takes besides prediction, error and value."""
    names = ("family", "kind", "lower", "upper", "floor", "nu")
    return {name: rows[f"row_{name}"] for name in names} | {"pred_is_log": rows["row_log"]}


def _log_densities(joint: Joint, phi: Tensor, error: Tensor, factor: Tensor | None) -> Tensor:
    """Log density of every row under every class, (row,) or (class * row,)."""
    classes = joint.population.classes
    copies = len(classes.names) if classes and joint.alike_in_a_class else 1
    rows = _rows(joint, copies)
    return log_density_rows(
        _predicted(joint, rows, phi, factor, copies),
        *_error_rows(joint, rows, error),
        value=rows["row_value"],
        **_density_data(rows),
    )


def _likelihood(joint: Joint, phi: Tensor, error: Tensor, factor: Tensor | None) -> None:
    obs, rows = joint.observations, _rows(joint)
    pred = _predicted(joint, rows, phi, factor)
    a, b = _error_rows(joint, rows, error)

    def logp(value: Tensor, pred, a, b) -> Tensor:  # type: ignore[no-untyped-def]
        return log_density_rows(pred, a, b, value=value, **_density_data(rows))

    def random(pred, a, b, rng=None, size=None):  # type: ignore[no-untyped-def]
        return draw_readings(rng, obs.family, pred, obs.pred_is_log, a, b, obs.nu)

    pm.CustomDist(
        "readings",
        pred,
        a,
        b,
        logp=logp,
        random=random,
        observed=rows["row_value"],
        signature="(),(),()->()",
    )
