"""One subject in the functions of a generated module, whatever the module's layout.

A closed form serves one subject at a time; an integrator carries several side by side, component
i of lane l at ``lanes * i + l``.
"""

from types import ModuleType
from typing import Any

import numpy as np

from cellkinetics.kernel.layout import Floats


class Generated:
    """The generated functions, called for one subject in one lane."""

    def __init__(self, module: ModuleType, lane: int = 0) -> None:
        self.module: Any = module
        self.width = 1 if hasattr(module, "states_at") else self.module.LANES
        self.lane = lane % self.width
        self._lane = () if self.width == 1 else (self.lane,)
        self.memory = np.zeros(self.width * self.module.N_MEMORY)
        self.size = self.module.N_ALL

    def _spread(self, values: Floats) -> Floats:
        out = np.zeros(self.width * len(values))
        out[self.lane :: self.width] = values
        return out

    def _taken(self, array: Floats) -> Floats:
        return array[self.lane :: self.width].copy()

    def prepare(self, phi: Floats, constants: Floats, flags: Floats) -> None:
        """Compute what depends on parameters and switch flags alone."""
        self.module.prepare(phi, constants, self.memory, *self._lane)
        first = self.module.FIRST_FLAG
        for f, flag in enumerate(flags):
            self.memory[self.width * (first + f) + self.lane] = flag
        self.module.segment(self.memory, *self._lane)

    def switch_times(self) -> tuple[Floats, Floats]:
        """Times (switch,) and their derivatives (switch, parameter)."""
        n, m = self.module.N_SWITCHES, self.module.N_PARAMETERS
        side = () if self.width == 1 else (self.width,)
        tau, dtau = np.zeros((*side, n + 1)), np.zeros((*side, n + 1, m + 1))
        self.module.switch_times(self.memory, tau, dtau, *self._lane)
        own = (tau, dtau) if self.width == 1 else (tau[self.lane], dtau[self.lane])
        return own[0][:-1], own[1][:-1, :-1]

    def initial(self) -> Floats:
        """States and sensitivities at time 0 on the natural scale."""
        out = np.zeros(self.width * self.size)
        self.module.initial(self.memory, out, *self._lane)
        return self._taken(out)

    def infused(self, cells: float) -> Floats:
        """What an infusion adds to states and sensitivities on the natural scale."""
        out = np.zeros(self.width * self.size)
        self.module.infuse(cells, self.memory, out, *self._lane)
        return self._taken(out)

    def rates(self, t: float, states: Floats) -> Floats:
        """Time derivatives of states and sensitivities on their own scale."""
        out = np.zeros(self.width * self.size)
        times = np.full(self.width, t)
        self.module.rhs(times, self._spread(states), self.memory, out, self.width)
        return self._taken(out)

    def states_at(self, t: float) -> Floats:
        """States and sensitivities of a closed form on their own scale."""
        out = np.zeros(self.size)
        self.module.states_at(t, self.memory, out)
        return out

    def observed(self, o: int, states: Floats) -> tuple[float, Floats]:
        """A prediction and its gradient."""
        jac = np.zeros((1, self.module.N_PARAMETERS))
        spread = self._spread(states)
        pred = self.module.observe(o, spread, self.memory, *self._lane, 0, jac)
        return float(pred), jac[0]
