"""What is ranked: population parameters, joint log-likelihood, one subject's Cmax and AUC0-28d."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from cellkinetics.fitting.draws import (
    linked,
    natural,
    pointwise_log_likelihood,
    predictions,
    take_draws,
)
from cellkinetics.fitting.tables import quantities
from cellkinetics.joint import Joint
from cellkinetics.kernel.compiled import build_kernel
from cellkinetics.kernel.layout import Rows, regular_dosing

type Floats = NDArray[np.float64]

UNTIL = 28.0
NODES = 20
"""Gauss-Legendre nodes between two kinks of the curve."""


def ranked_values(joint: Joint, group: xr.Dataset) -> dict[str, Floats]:
    """Every ranked quantity at every draw.

    Parameters
    ----------
    joint : Joint                           with the data that the log-likelihood is of
    group : Dataset (chain, draw, ...)      posterior, or the one draw of the prior that is true

    Returns
    -------
    dict of name -> float array (draw,)     chains one after the other
    """
    draws = take_draws(joint, group)
    pred = linked(joint, predictions(joint, draws.phi), draws.log_factor)
    cmax, auc = exposure(joint, draws.phi, subject=0)
    who = joint.subjects[0]
    return {
        **{q.name: q.scaled.ravel() for q in quantities(joint, group)},
        "log-likelihood": pointwise_log_likelihood(joint, draws, pred).sum(axis=1),
        f"Cmax({who})": cmax,
        f"AUC0-{UNTIL:g}d({who})": auc,
    }


def exposure(joint: Joint, phi: Floats, *, subject: int) -> tuple[Floats, Floats]:
    """Cmax and AUC0-28d of one subject's transgene under stein2019, without numerical error.

    The curve rises or falls steadily between its switches, so that its maximum is at one of them;
    the area is Gauss-Legendre quadrature between them.

    Parameters
    ----------
    joint : Joint                           of model stein2019
    phi : float array (draw, subject, parameter)
    subject : int                           position

    Returns
    -------
    cmax (draw,), copies/ug; auc (draw,), day * copies/ug
    """
    kernel = build_kernel(joint.model, (), form=joint.spec.kernel.form)
    names, fixed = joint.population.names, joint.kernel.constants
    theta = natural(joint, phi)[:, subject]
    values = {
        name: theta[:, names.index(name)]
        if name in names
        else np.full(len(phi), joint.constants[subject, fixed.index(name)])
        for name in kernel.constants
    }
    zero = np.zeros(len(phi))
    switches = [zero, values["t_tocilizumab"], values["t_corticosteroid"], values["t_max"]]
    # A comedication after the peak changes nothing: the curve is asked up to the peak only.
    rising = np.sort(np.minimum(np.stack(switches, axis=1), values["t_max"][:, None]), axis=1)
    edges = np.minimum(np.column_stack([rising, np.full(len(phi), np.inf)]), UNTIL)
    node, weight = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges, axis=1)[:, :, None] / 2.0
    times = (edges[:, :-1, None] + half * (1.0 + node)).reshape(len(phi), -1)
    asked = np.concatenate([times, rising], axis=1)
    order = np.argsort(asked, axis=1, kind="stable")
    per = asked.shape[1]
    solution = kernel(
        np.empty((len(phi), 0)),
        np.column_stack([values[name] for name in kernel.constants]),
        regular_dosing((), len(phi)),
        Rows(
            start=np.arange(len(phi) + 1, dtype=np.int64) * per,
            time=np.take_along_axis(asked, order, axis=1).ravel(),
            observable=np.full(len(phi) * per, kernel.outputs.index("transgene")),
        ),
    )
    level = np.empty_like(asked)
    np.put_along_axis(level, order, np.exp(solution.pred.reshape(len(phi), per)), axis=1)
    inside = level[:, : times.shape[1]].reshape(len(phi), -1, NODES)
    return level[:, times.shape[1] :].max(axis=1), (half * weight * inside).sum(axis=(1, 2))
