"""Default priors of the parametric survival models: weak, named, printed with every result."""

from dataclasses import dataclass
from math import log


@dataclass(frozen=True)
class SurvivalPriors:
    """Priors of all parametric survival models; every value is an assumption, not a finding.

    Weibull and log-normal: log(T) = log(median) + spread W, W of median 0 (Weibull: shape = 1 /
    spread). log(median) ~ Normal(log ``median``, ``median_sd``): with 180 days and 2, 95 % from
    4 days to 25 years. log(spread) ~ Normal(0, ``spread_sd``): 95 % from 0.37 to 2.7. Piecewise
    exponential: each hazard ~ Gamma(``events``, rate ``events`` median / log 2): its mean gives
    that median, and it weighs as much as ``events`` events; pieces begin on day 0 and at ``cuts``.
    Point mass at time 0 ~ Beta(``mass``, ``mass``), Jeffreys's.
    """

    median: float = 180.0
    median_sd: float = 2.0
    spread_sd: float = 0.5
    events: float = 0.5
    cuts: tuple[float, ...] = (90.0, 180.0)
    mass: float = 0.5

    @property
    def rate(self) -> float:
        """Rate of the Gamma prior of a hazard, in days."""
        return self.events * self.median / log(2)

    def words(self, model: str, *, mass: bool) -> str:
        """Say the priors of one model."""
        if model == "piecewise-exponential":
            starts = ", ".join(f"{day:g}" for day in (0.0, *self.cuts))
            text = f"hazards from day {starts} ~ Gamma({self.events:g}, {self.rate:.4g} d)"
        else:
            spread = "1/shape" if model == "weibull" else "sigma"
            text = (
                f"log median ~ Normal(log {self.median:g} d, {self.median_sd:g}), "
                f"log {spread} ~ Normal(0, {self.spread_sd:g})"
            )
        return text + (f", P(T = 0) ~ Beta({self.mass:g}, {self.mass:g})" if mass else "")


DEFAULT_PRIORS = SurvivalPriors()
