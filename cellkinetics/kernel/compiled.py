"""A model's compiled kernel: predictions and their exact Jacobian for many subjects."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Literal, get_args

import numpy as np

from cellkinetics.declare import Model
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.kernel.cache import load_kernel
from cellkinetics.kernel.layout import Dosing, Floats, Ints, Rows
from cellkinetics.kernel.scaled import scale
from cellkinetics.kernel.source import kernel_source
from cellkinetics.symbolic import trace

Form = Literal["auto", "closed", "ode"]
RTOL = 1e-6
MAX_STEPS = 20_000
STATUS = {
    0: "solved",
    1: "more steps were needed than allowed",
    2: "the step became too small",
    3: "a state or prediction is not a finite number",
}


@dataclass(frozen=True)
class Solution:
    """What a kernel returns.

    Attributes
    ----------
    pred : float array (row,)       log of positive observables and states, natural scale of others;
                                    NaN for the rows of a subject whose solve failed
    jac : float array (row, parameter)      dpred/dphi of the row's own subject
    status : int array (subject,)   0 solved; see ``STATUS``
    steps : int array (subject,)
    """

    pred: Floats
    jac: Floats
    status: Ints
    steps: Ints


@dataclass(frozen=True, eq=False)
class Kernel:
    """Compiled code for one model and one choice of differentiated parameters."""

    model: Model
    wrt: tuple[str, ...]
    constants: tuple[str, ...]
    positive: tuple[bool, ...]
    closed: bool
    source: str
    module: ModuleType

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what rows may ask for: observables, then states."""
        observables = tuple(q.name for q in self.model.observables)
        return observables + tuple(q.name for q in self.model.states)

    def __call__(
        self,
        phi: Floats,
        constants: Floats,
        dosing: Dosing,
        rows: Rows,
        *,
        rtol: float = RTOL,
        max_steps: int = MAX_STEPS,
        threads: int = 1,
    ) -> Solution:
        """Solve every subject at its own times.

        Parameters
        ----------
        phi : float array (subject, parameter)      transformed values of ``wrt``
        constants : float array (subject, constant) natural values of ``constants``
        dosing : Dosing
        rows : Rows
        rtol : float                relative tolerance, sensitivities included
        max_steps : int             per subject
        threads : int               subjects are divided among them

        Returns
        -------
        Solution
        """
        subjects, n_rows = phi.shape[0], len(rows.time)
        out = Solution(
            pred=np.empty(n_rows),
            jac=np.empty((n_rows, len(self.wrt))),
            status=np.zeros(subjects, dtype=np.int64),
            steps=np.zeros(subjects, dtype=np.int64),
        )

        def part(first: int, last: int) -> None:
            self.module.solve(
                np.ascontiguousarray(phi[first:last]),
                np.ascontiguousarray(constants[first:last]),
                dosing.start[first : last + 1],
                dosing.time,
                dosing.cells,
                rows.start[first : last + 1],
                rows.time,
                rows.observable,
                rtol,
                max_steps,
                out.pred,
                out.jac,
                out.status[first:last],
                out.steps[first:last],
            )

        if threads == 1 or subjects < 2 * threads:
            part(0, subjects)
        else:
            edges = np.linspace(0, subjects, 8 * threads + 1).astype(int).tolist()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(part, edges[:-1], edges[1:]))
        return out


@lru_cache(maxsize=64)
def _build(model: Model, wrt: tuple[str, ...], form: Form) -> Kernel:
    if form not in get_args(Form):
        raise ModelError(f"{model.name}: form '{form}'. {did_you_mean(form, get_args(Form))}")
    symbolic = trace(model)
    can_close = symbolic.solution is not None and not symbolic.infuse
    if form == "closed" and not can_close:
        why = "its infusions change the states" if symbolic.infuse else "it declares no solution"
        raise ModelError(f"{model.name} has no closed form to use: {why}. Use form='ode'.")
    if form == "ode" and symbolic.rhs is None:
        raise ModelError(f"{model.name} declares no rhs. Use form='closed'.")
    closed = can_close and form != "ode"
    source = kernel_source(scale(symbolic, wrt), closed=closed)
    positive = tuple(q.positive for q in model.observables) + tuple(
        q.positive for q in model.states
    )
    return Kernel(
        model=model,
        wrt=wrt,
        constants=tuple(q for q in symbolic.parameters if q not in wrt) + tuple(symbolic.inputs),
        positive=positive,
        closed=closed,
        source=source,
        module=load_kernel(source),
    )


def build_kernel(model: Model, wrt: Sequence[str] = (), *, form: Form = "auto") -> Kernel:
    """Generate (or load from disk) the kernel of a model.

    Parameters
    ----------
    model : Model
    wrt : sequence of str           parameters whose sensitivities are carried
    form : 'auto', 'closed', 'ode'  'auto' takes the closed form where there is one

    Returns
    -------
    Kernel

    Raises
    ------
    ModelError                      the model has no such form, or a name is not a parameter
    """
    return _build(model, tuple(wrt), form)
