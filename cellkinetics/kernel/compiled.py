"""A model's compiled kernel: predictions and their exact Jacobian for many subjects."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np

from cellkinetics.declare import Model
from cellkinetics.errors import ModelError, did_you_mean
from cellkinetics.kernel.cache import load_kernel
from cellkinetics.kernel.layout import (
    Bools,
    Dosing,
    Floats,
    Ints,
    Rows,
    dosing_of,
    most_times,
    rows_of,
)
from cellkinetics.kernel.scaled import scale
from cellkinetics.kernel.source import Way, kernel_source
from cellkinetics.symbolic import trace

Form = Literal["auto", "closed", "ode"]
Method = Literal["auto", "explicit", "implicit"]
RTOL = 1e-6
MAX_STEPS = 20_000
# What a solve takes that does not need an implicit method, at RTOL and beside its readings; by
# then an implicit one costs less.
EXPLICIT_STEPS = 2_000
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
    steps : int array (subject,)    of the solve that counts
    implicit : bool array (subject,)        whether that was by the implicit method
    """

    pred: Floats
    jac: Floats
    status: Ints
    steps: Ints
    implicit: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))


@dataclass(frozen=True, eq=False)
class Kernel:
    """Compiled code for one model and one choice of differentiated parameters.

    ``rescues``: a subject that the explicit method does not get through is solved once more, by
    the implicit one, whose code is built when it is first needed.
    """

    model: Model
    wrt: tuple[str, ...]
    constants: tuple[str, ...]
    positive: tuple[bool, ...]
    way: Way
    rescues: bool
    source: str
    module: ModuleType

    @property
    def closed(self) -> bool:
        """Whether the closed form is evaluated, and nothing integrated."""
        return self.way == "closed"

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
        max_steps : int             per subject and method
        threads : int               subjects are divided among them

        Returns
        -------
        Solution
        """
        first = min(max_steps, _explicit_steps(rtol, rows)) if self.rescues else max_steps
        out = self._run(phi, constants, dosing, rows, rtol, first, threads)
        if self.rescues:
            unsolved = _unsolved(out)
            if len(unsolved):
                implicit = build_kernel(self.model, self.wrt, form="ode", method="implicit")
                given = (phi, constants, dosing, rows, rtol, max_steps, threads)
                implicit._again(out, unsolved, given)
                if first < max_steps:
                    self._again(out, _unsolved(out), given)
        return out

    def _run(
        self,
        phi: Floats,
        constants: Floats,
        dosing: Dosing,
        rows: Rows,
        rtol: float,
        max_steps: int,
        threads: int,
    ) -> Solution:
        subjects, n_rows = phi.shape[0], len(rows.time)
        out = Solution(
            pred=np.empty(n_rows),
            jac=np.empty((n_rows, len(self.wrt))),
            status=np.zeros(subjects, dtype=np.int64),
            steps=np.zeros(subjects, dtype=np.int64),
            implicit=np.full(subjects, self.way == "implicit"),
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

    def _again(self, out: Solution, subjects: Ints, given: tuple[Any, ...]) -> None:
        """Solve some subjects of ``given`` by this kernel, into ``out``."""
        phi, constants, dosing, rows, *how = given
        own_rows, places = rows_of(rows, subjects)
        own = self._run(
            phi[subjects], constants[subjects], dosing_of(dosing, subjects), own_rows, *how
        )
        out.pred[places], out.jac[places] = own.pred, own.jac
        for whole, piece in (
            (out.status, own.status),
            (out.steps, own.steps),
            (out.implicit, own.implicit),
        ):
            whole[subjects] = piece


def _unsolved(out: Solution) -> Ints:
    """Subjects for whom the integrator did not get on; another one might."""
    return np.flatnonzero((out.status == 1) | (out.status == 2))


def _explicit_steps(rtol: float, rows: Rows) -> int:
    """Steps after which an implicit method is to be tried."""
    by_tolerance = max(1.0, (RTOL / rtol) ** (1 / 7))
    return int(EXPLICIT_STEPS * by_tolerance) + 2 * most_times(rows)


@lru_cache(maxsize=64)
def _build(model: Model, wrt: tuple[str, ...], form: Form, method: Method) -> Kernel:
    for what, chosen, known in (("form", form, Form), ("method", method, Method)):
        if chosen not in get_args(known):
            hint = did_you_mean(chosen, get_args(known))
            raise ModelError(f"{model.name}: {what} '{chosen}'. {hint}")
    symbolic = trace(model)
    can_close = symbolic.solution is not None and not symbolic.infuse
    if form == "closed" and not can_close:
        why = "its infusions change the states" if symbolic.infuse else "it declares no solution"
        raise ModelError(f"{model.name} has no closed form to use: {why}. Use form='ode'.")
    if form == "closed" and method != "auto":
        raise ModelError(
            f"{model.name}: method='{method}' integrates, form='closed' does not."
            " Leave one of them out."
        )
    if symbolic.rhs is None and (form == "ode" or method != "auto"):
        raise ModelError(f"{model.name} declares no rhs. Use form='closed'.")
    way: Way = "implicit" if model.stiff else "explicit"
    if method != "auto":
        way = method
    elif can_close and form != "ode":
        way = "closed"
    source = kernel_source(scale(symbolic, wrt), way)
    positive = tuple(q.positive for q in model.observables) + tuple(
        q.positive for q in model.states
    )
    return Kernel(
        model=model,
        wrt=wrt,
        constants=tuple(q for q in symbolic.parameters if q not in wrt) + tuple(symbolic.inputs),
        positive=positive,
        way=way,
        rescues=method == "auto" and way == "explicit",
        source=source,
        module=load_kernel(source),
    )


def build_kernel(
    model: Model, wrt: Sequence[str] = (), *, form: Form = "auto", method: Method = "auto"
) -> Kernel:
    """Generate (or load from disk) the kernel of a model.

    Parameters
    ----------
    model : Model
    wrt : sequence of str           parameters whose sensitivities are carried
    form : 'auto', 'closed', 'ode'  'auto' takes the closed form where there is one
    method : 'auto', 'explicit', 'implicit'
                                    how to integrate: 'auto' is implicit for a model declared stiff;
                                    for any other it is explicit, and a subject that needs too many
                                    steps for that is solved implicitly

    Returns
    -------
    Kernel

    Raises
    ------
    ModelError                      the model has no such form, or a name is not a parameter
    """
    return _build(model, tuple(wrt), form, method)
