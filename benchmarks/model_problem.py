"""One problem a library model: random subjects, days, and how an answer is judged.

All of a model's reference dose is given on day 0, so that no peer has to stop for infusions; values
and elasticities are those of log(y + floor), the floor being the smallest value that the model says
matters. Differentiated are the parameters that a fit estimates.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model
from cellkinetics.kernel.scaled import Scaled, scale
from cellkinetics.symbolic import trace

type Array = NDArray[np.float64]
DAYS = np.array(
    [1, 2, 4, 6, 8, 10, 12, 14, 17, 21, 28, 42, 60, 90, 120, 180, 240, 300, 330, 360], float
)


@dataclass(frozen=True)
class ModelProblem:
    """``subjects`` draws of a model with an SD of 0.3 on the transformed scale."""

    name: str
    subjects: int

    @cached_property
    def model(self) -> Model:
        """The library's model."""
        return load_model(self.name)

    @property
    def wrt(self) -> tuple[str, ...]:
        """Parameters that a fit estimates."""
        return tuple(q.name for q in self.model.parameters if not q.fixed)

    @cached_property
    def scaled(self) -> Scaled:
        """Its equations with positive states on the log scale, for those who can use them."""
        return scale(trace(self.model), self.wrt)

    @property
    def rates(self) -> list[sp.Expr]:
        """dz/dt with no comedication, so that no switch ever happens."""
        never = dict.fromkeys(self.scaled.symbolic.flags.values(), 0.0)
        return [f.xreplace(never) for f in self.scaled.rhs]

    @property
    def cells(self) -> float:
        """The whole dose, given on day 0."""
        return sum(cells for _, cells in self.model.reference_dosing)

    @cached_property
    def phi(self) -> Array:
        """Transformed values of ``wrt`` (subject, parameter)."""
        typical = []
        for q in self.model.parameters:
            if q.fixed:
                continue
            value = {
                "log": lambda q=q: np.log(q.typical),
                "logit": lambda q=q: np.log((q.typical - q.lower) / (q.upper - q.typical)),
                "identity": lambda q=q: q.typical,
            }[q.scale]()
            typical.append(value)
        z = np.random.default_rng(1).standard_normal((self.subjects, len(typical)))
        return np.array(typical) + 0.3 * z

    @property
    def constants(self) -> dict[str, float]:
        """What is not differentiated: fixed parameters and inputs."""
        fixed = {q.name: q.typical for q in self.model.parameters if q.fixed}
        return fixed | {q.name: q.default for q in self.model.inputs}

    def above_floor(self, z: Array, slopes: Array | None) -> tuple[Array, Array | None]:
        """log(y + floor) and its elasticities, from states on the scale they are solved on."""
        logs = np.array(self.scaled.log_state)
        y = np.where(logs, np.exp(np.where(logs, z, 0.0)), z)
        above = np.maximum(y, 0.0) + np.array([q.smallest for q in self.model.states])
        if slopes is None:
            return np.log(above), None
        return np.log(above), slopes * (np.where(logs, y, 1.0) / above)[..., None]
