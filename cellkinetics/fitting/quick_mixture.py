"""Mixtures of Student-t distributions as proposals: draw, density, fit to weighted draws.

Everything is batched over a first axis, one mixture for each of its entries.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.special import gammaln

from cellkinetics.kernel.layout import Floats

EM_STEPS = 5
"""Steps of expectation and maximisation of one fit."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Mixtures of multivariate Student-t distributions.

    Attributes
    ----------
    log_share : float array (batch, component)      -inf: the component is not there
    location : float array (batch, component, size)
    root : float array (batch, component, size, size)   triangular; root root' is the scale matrix
    df : float
    """

    log_share: Floats
    location: Floats
    root: Floats
    df: float

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Draws (batch, draw, size), the components in proportion (systematic sampling)."""
        batch, _, size = self.location.shape
        position = (np.arange(count) + rng.random((batch, 1))) / count
        edges = np.exp(self.log_share).cumsum(axis=1)
        component = (edges[:, None, :-1] < position[..., None]).sum(axis=2)
        t = rng.standard_normal((batch, count, size))
        t *= np.sqrt(self.df / rng.chisquare(self.df, (batch, count)))[..., None]
        at = np.arange(batch)[:, None], component
        moved = (self.root[at] @ t[..., None])[..., 0]
        return np.asarray(self.location[at] + moved)

    def log_density(self, x: Floats) -> Floats:
        """Log density of x (batch, draw, size): (batch, draw)."""
        return log_total(self.parts(x))

    def parts(self, x: Floats) -> Floats:
        """Log of each component's part of the density, (batch, draw, component)."""
        size, df = x.shape[2], self.df
        inverse = np.swapaxes(np.linalg.inv(self.root), 2, 3)
        constant = gammaln((df + size) / 2) - gammaln(df / 2) - size / 2 * np.log(df * np.pi)
        constant += self.log_share - np.log(np.diagonal(self.root, axis1=2, axis2=3)).sum(axis=2)
        parts = []
        for m in range(self.location.shape[1]):
            white = (x - self.location[:, m, None]) @ inverse[:, m]
            squared = np.einsum("bkq,bkq->bk", white, white)
            parts.append(constant[:, m, None] - (df + size) / 2 * np.log1p(squared / df))
        return np.stack(parts, axis=2)


def log_total(parts: Floats) -> Floats:
    """Log of the sum of exponentials over the last axis, which is short: term by term."""
    terms = [parts[..., m] for m in range(parts.shape[-1])]
    top = reduce(np.maximum, terms)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):  # no part at all: -inf
        return np.asarray(top + np.log(sum(np.exp(term - top) for term in terms)))


def fit_mixture(
    x: Floats, weight: Floats, components: int, df: float, rng: np.random.Generator
) -> Mixture:
    """Fit mixtures to weighted draws by expectation and maximisation.

    Parameters
    ----------
    x : float array (batch, draw, size)
    weight : float array (batch, draw)          1 in sum
    components : int
    df : float
    rng : numpy.random.Generator                chooses where the components begin

    Returns
    -------
    Mixture

    Source
    ------
    Cappe et al., Stat Comput 2008;18:447 (population Monte Carlo by mixtures)
    """
    batch, _, size = x.shape
    worth = 1.0 / (weight**2).sum(axis=1)
    mean = np.einsum("bk,bkq->bq", weight, x)
    rest = x - mean[:, None]
    whole = np.swapaxes(weight[..., None] * rest, 1, 2) @ rest
    whole += 1e-10 * np.eye(size) * (1e-10 + np.trace(whole, axis1=1, axis2=2))[:, None, None]
    # As if each component had been seen this often with the spread of a part of the whole.
    known = size + 2.0
    part = whole * components ** (-2.0 / max(size, 1))
    first = (weight.cumsum(axis=1)[:, None] < rng.random((batch, components, 1))).sum(axis=2)
    first = np.minimum(first, x.shape[1] - 1)
    location = np.take_along_axis(x, first[..., None], axis=1)
    if components == 1:
        location = mean[:, None]
    found = Mixture(
        np.full((batch, components), -np.log(components)),
        location,
        np.repeat(np.linalg.cholesky(part)[:, None], components, axis=1),
        df,
    )
    for _ in range(EM_STEPS if components > 1 else 1):
        parts = found.parts(x)
        mine = np.exp(parts - log_total(parts)[..., None]) * weight[..., None]
        share = mine.sum(axis=1)
        seen = share * worth[:, None]
        location, root = np.empty_like(location), np.empty_like(found.root)
        for m in range(components):
            own = mine[:, :, m, None]
            moment = np.einsum("bk,bkq->bq", mine[:, :, m], x) * worth[:, None]
            location[:, m] = (moment + mean) / (seen[:, m, None] + 1.0)
            rest = x - location[:, m, None]
            scatter = np.swapaxes(own * rest, 1, 2) @ rest * worth[:, None, None]
            scale = (scatter + known * part) / (seen[:, m] + known)[:, None, None]
            root[:, m] = np.linalg.cholesky(scale)
        found = Mixture(np.log((share + 0.02) / (1 + 0.02 * components)), location, root, df)
    return found
