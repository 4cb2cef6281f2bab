"""Proposals of each subject's own level: mixtures learnt at one z that follow z wherever it goes.

A subject's likelihood depends on z almost only through its prior: p(u | y, z) is p(y | u) times
Normal(u; centre, Omega). What is learnt is therefore p(y | u), as a mixture of Gaussian functions,
the sites; times the prior at any other z it is a mixture again, in closed form.
"""

from dataclasses import dataclass

import numpy as np

from cellkinetics.fitting.quick_levels import Levels, Shared, shared_at
from cellkinetics.fitting.quick_mixture import Mixture, fit_mixture, log_total
from cellkinetics.fitting.quick_subjects import as_items, every_subject, find_modes, log_joint
from cellkinetics.kernel.layout import Floats

COMPONENTS = 3
DF = 10.0
"""Degrees of freedom: heavier tails than a Gaussian, as importance sampling wants them."""

PRIOR_SHARE = 0.1
"""Part of the draws that is made from the subject's prior while it is learnt, so that nothing that
the prior allows is overlooked."""

STARTS = 8
"""Points of its population from which a subject's first mode is looked for."""


@dataclass(frozen=True, eq=False)
class Sites:
    """A mixture of Gaussian functions of u for every subject.

    Attributes
    ----------
    log_share : float array (subject, component)
    pull : float array (subject, component, own)
    precision : float array (subject, component, own, own)
    """

    log_share: Floats
    pull: Floats
    precision: Floats

    def given(self, shared: Shared) -> Mixture:
        """Proposals of u under draws of z; the batch is (draw, subject), subjects fastest."""
        log_size, location, root = self._times_prior(shared)
        log_share = self.log_share + log_size
        log_share -= log_total(log_share)[..., None]
        batch = log_share.shape[0] * log_share.shape[1]
        return Mixture(
            log_share.reshape(batch, *log_share.shape[2:]),
            location.reshape(batch, *location.shape[2:]),
            root.reshape(batch, *root.shape[2:]),
            DF,
        )

    def _times_prior(self, shared: Shared) -> tuple[Floats, Floats, Floats]:
        """Log integral, mean and root of the covariance of each component times the prior."""
        whiten = shared.whiten
        own = np.swapaxes(whiten, 1, 2) @ whiten
        centre = np.einsum("dqr,dsr->dsq", whiten, shared.centre)
        pull = self.pull + np.einsum("drq,dsr->dsq", whiten, centre)[:, :, None]
        inverse = np.linalg.inv(np.linalg.cholesky(self.precision + own[:, None, None]))
        root = np.swapaxes(inverse, 3, 4)
        moved = (inverse @ pull[..., None])[..., 0]
        log_size = 0.5 * (moved**2).sum(axis=3) - 0.5 * (centre**2).sum(axis=2)[..., None]
        log_size += np.log(np.diagonal(root, axis1=3, axis2=4)).sum(axis=3)
        log_size -= shared.log_root[:, None, None]
        return log_size, (root @ moved[..., None])[..., 0], root


def first_proposal(levels: Levels, z: Floats, rng: np.random.Generator) -> tuple[Mixture, Floats]:
    """Laplace's approximation of each subject at its best mode, found from several starts.

    Returns
    -------
    Mixture (batch subject), log p(y, u | z) at the modes (subject,)
    """
    shared = shared_at(levels, z[None])
    draw, subject = every_subject(levels, 1, STARTS)
    start = shared.centre[0][subject]
    away = rng.standard_normal(start.shape) @ shared.root[0].T
    away[::STARTS] = 0.0
    modes = find_modes(levels, shared, draw, subject, start + away)
    value = modes.value.reshape(-1, STARTS)
    best = value.argmax(axis=1) + STARTS * np.arange(len(value))
    inverse = np.linalg.inv(np.linalg.cholesky(modes.hessian[best]))
    root = np.swapaxes(inverse, 1, 2)[:, None]
    proposal = Mixture(np.zeros((len(best), 1)), modes.u[best][:, None], root, DF)
    return proposal, modes.value[best]


def learn_sites(
    levels: Levels, z: Floats, proposal: Mixture, count: int, rng: np.random.Generator
) -> Sites:
    """As :func:`learn_under`, at z (free,)."""
    return learn_under(levels, shared_at(levels, z[None]), proposal, count, rng)


def learn_under(
    levels: Levels, shared: Shared, proposal: Mixture, count: int, rng: np.random.Generator
) -> Sites:
    """Improve each subject's proposal under one z by one round of population Monte Carlo.

    Parameters
    ----------
    levels : Levels
    shared : Shared                     one draw
    proposal : Mixture                  batch subject
    count : int                         draws of each subject
    rng : numpy.random.Generator

    Returns
    -------
    Sites
    """
    mixture = _with_prior(proposal, shared)
    u = mixture.draw(count, rng)
    value = log_joint(levels, shared, *every_subject(levels, 1, count), as_items(u))
    _, share = normalise(value.reshape(u.shape[:2]) - mixture.log_density(u))
    return _divide_prior(fit_mixture(u, share, COMPONENTS, DF, rng), shared)


def _with_prior(mixture: Mixture, shared: Shared) -> Mixture:
    batch = len(mixture.location)
    root = np.broadcast_to(shared.root[:, None], (batch, 1, *shared.root.shape[1:]))
    share = np.full((batch, 1), np.log(PRIOR_SHARE))
    return Mixture(
        np.concatenate([mixture.log_share + np.log1p(-PRIOR_SHARE), share], axis=1),
        np.concatenate([mixture.location, shared.centre[0][:, None]], axis=1),
        np.concatenate([mixture.root, root], axis=1),
        mixture.df,
    )


def _divide_prior(mixture: Mixture, shared: Shared) -> Sites:
    """The sites whose product with the prior is the mixture."""
    # In units of the prior, in which a site that says nothing has precision 0.
    root, whiten = shared.root[0], shared.whiten[0]
    inverse = np.linalg.inv(mixture.root) @ root
    values, vectors = np.linalg.eigh(np.swapaxes(inverse, 2, 3) @ inverse - np.eye(len(root)))
    standard = (vectors * np.maximum(values, 0.0)[..., None, :]) @ np.swapaxes(vectors, 2, 3)
    location = (mixture.location - shared.centre[0][:, None]) @ whiten.T
    pull = (standard @ location[..., None])[..., 0] + location
    precision = whiten.T @ standard @ whiten
    # From deviations to u itself: the prior's own pull is centre's, not the site's.
    pull = pull @ whiten + (precision @ shared.centre[0][:, None, :, None])[..., 0]
    sites = Sites(np.zeros(mixture.log_share.shape), pull, precision)
    return Sites(mixture.log_share - sites._times_prior(shared)[0][0], pull, precision)


def normalise(log_weight: Floats) -> tuple[Floats, Floats]:
    """Log mean and shares of weights along the last axis; shares of nothing are equal."""
    count = log_weight.shape[-1]
    top = log_weight.max(axis=-1, keepdims=True)
    weight = np.exp(log_weight - np.where(np.isfinite(top), top, 0.0))
    total = weight.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_mean = top + np.log(total / count)
    share = np.divide(weight, total, where=total > 0, out=np.full_like(weight, 1 / count))
    return log_mean[..., 0], share


def effective(share: Floats) -> Floats:
    """Effective number of draws with these weights, along the last axis."""
    return np.asarray(1.0 / (share**2).sum(axis=-1))
