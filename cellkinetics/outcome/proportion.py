"""A rate in a few subjects: exact and Jeffreys intervals, a posterior under a named prior.

Source
------
Clopper and Pearson, Biometrika 1934;26:404. Brown, Cai and DasGupta, Stat Sci 2001;16:101: the
Jeffreys interval is the equal-tailed interval of Beta(x + 1/2, n - x + 1/2), except that its lower
end is 0 where x = 0 and its upper end is 1 where x = n. (Their *modified* Jeffreys interval, which
also moves the other end and those of x = 1 and n - 1, is not used here.)
"""

from dataclasses import dataclass
from typing import Any

from cellkinetics.errors import SpecError, did_you_mean
from cellkinetics.outcome.answer import LEVEL, number

TARGET = 0.5  # a rate of one half: a study's own target takes its place
NAN = float("nan")


@dataclass(frozen=True)
class BetaPrior:
    """A prior of a rate: Beta(a, b), worth a + b subjects, with a name to print."""

    name: str
    a: float
    b: float

    def __str__(self) -> str:
        """Write it as reports print it."""
        return f"{self.name} Beta({self.a:g}, {self.b:g})"


PRIORS = {
    "uniform": BetaPrior("uniform", 1.0, 1.0),
    "jeffreys": BetaPrior("Jeffreys", 0.5, 0.5),
}


def beta_prior(prior: str | BetaPrior) -> BetaPrior:
    """Return a prior by its name, or the prior itself.

    Raises
    ------
    SpecError                     an unknown name, or a or b that is not a positive number
    """
    if isinstance(prior, str):
        if prior not in PRIORS:
            raise SpecError(f"prior {prior!r} is unknown. {did_you_mean(prior, PRIORS)}")
        prior = PRIORS[prior]
    if not (0 < prior.a < float("inf") and 0 < prior.b < float("inf")):
        raise SpecError(f"prior {prior}: a and b must be positive numbers.")
    return prior


def clopper_pearson(x: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a rate.

    Parameters
    ----------
    x, n : int                    events among subjects
    level : float                 in (0, 1)

    Returns
    -------
    (float, float)                lower and upper end; at least ``level`` coverage whatever the rate

    Raises
    ------
    SpecError                     unless 0 <= x <= n, n >= 1 and 0 < level < 1
    """
    _check(x, n, level)
    tail = (1 - level) / 2
    return (
        0.0 if x == 0 else _quantile(tail, x, n - x + 1),
        1.0 if x == n else _quantile(1 - tail, x + 1, n - x),
    )


def jeffreys(x: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Jeffreys interval of a rate, with end points 0 at x = 0 and 1 at x = n.

    Parameters, Returns, Raises
    ---------------------------
    as :func:`clopper_pearson`; coverage is near ``level`` on average, not at least
    """
    _check(x, n, level)
    tail = (1 - level) / 2
    return (
        0.0 if x == 0 else _quantile(tail, x + 0.5, n - x + 0.5),
        1.0 if x == n else _quantile(1 - tail, x + 0.5, n - x + 0.5),
    )


def posterior(
    x: int, n: int, prior: str | BetaPrior = "uniform", level: float = LEVEL
) -> tuple[float, float, float]:
    """Posterior mean and equal-tailed interval of a rate.

    Parameters
    ----------
    x, n : int                    events among subjects; n = 0 gives the prior
    prior : str or BetaPrior      "uniform", "jeffreys", or one of your own

    Returns
    -------
    (float, float, float)         mean, lower, upper

    Raises
    ------
    SpecError                     an unknown prior; x, n or level out of range
    """
    _check(x, n, level, least=0)
    a, b = _updated(x, n, prior)
    tail = (1 - level) / 2
    return a / (a + b), _quantile(tail, a, b), _quantile(1 - tail, a, b)


def exceeds(x: int, n: int, target: float, prior: str | BetaPrior = "uniform") -> float:
    """Posterior probability that the rate is above ``target``.

    Parameters
    ----------
    x, n : int                    events among subjects; n = 0 gives the prior's own probability
    target : float                in [0, 1]
    prior : str or BetaPrior

    Returns
    -------
    float

    Raises
    ------
    SpecError                     an unknown prior; x, n or target out of range
    """
    from scipy.special import betaincc  # noqa: PLC0415  (slow to load)

    _check(x, n, LEVEL, least=0)
    if not 0 <= target <= 1:
        raise SpecError(f"a target rate of {target:g}; it lies between 0 and 1.")
    a, b = _updated(x, n, prior)
    return float(betaincc(a, b, target))


def rate(
    quantity: str,
    x: int,
    n: int,
    *,
    level: float = LEVEL,
    prior: str | BetaPrior = "uniform",
    target: float | None = None,
    note: str = "",
    unknown: str = "",
) -> list[dict[str, Any]]:
    """Rows of ``Answer.numbers`` for one rate.

    Parameters
    ----------
    quantity : str                what it is a rate of
    x, n : int                    events among subjects; n = 0 gives one row without an estimate
    target : float, optional      adds the probability that the rate exceeds it
    unknown : str                 why nothing is known yet: one row without an estimate

    Returns
    -------
    list of dict                  Clopper-Pearson, Jeffreys, posterior and, with a target, P(rate >
                                  target)
    """
    if n == 0 or unknown:
        why = f"{note}; " if note else ""
        text = f"{why}{unknown or 'no subject'}"
        return [number(quantity, NAN, n=0, events=0, method="rate", note=text)]
    shared: dict[str, Any] = {"n": n, "events": x, "note": note}
    mean, low, high = posterior(x, n, prior, level)
    bayes = f"Beta posterior, prior {beta_prior(prior)}"
    rows = [
        number(quantity, x / n, lower=ends[0], upper=ends[1], level=level, method=name, **shared)
        for name, ends in (
            ("Clopper-Pearson", clopper_pearson(x, n, level)),
            ("Jeffreys", jeffreys(x, n, level)),
        )
    ]
    rows.append(
        number(
            quantity,
            mean,
            lower=low,
            upper=high,
            level=level,
            method=f"{bayes}: mean, equal-tailed interval",
            **shared,
        )
    )
    if target is not None:
        above = exceeds(x, n, target, prior)
        rows.append(number(f"P({quantity} > {target:g})", above, method=bayes, **shared))
    return rows


def _quantile(probability: float, a: float, b: float) -> float:
    from scipy.special import betaincinv  # noqa: PLC0415

    return float(betaincinv(a, b, probability))


def _updated(x: int, n: int, prior: str | BetaPrior) -> tuple[float, float]:
    chosen = beta_prior(prior)
    return chosen.a + x, chosen.b + n - x


def _check(x: int, n: int, level: float, least: int = 1) -> None:
    if not (n >= least and 0 <= x <= n):
        raise SpecError(f"{x} events in {n} subjects; wanted 0 <= events <= subjects >= {least}.")
    if not 0 < level < 1:
        raise SpecError(f"an interval of level {level:g}; it lies between 0 and 1, such as 0.95.")
