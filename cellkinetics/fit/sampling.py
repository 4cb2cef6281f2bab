"""NUTS in several chains at once, with draws that survive ``kill -9``."""

import json
import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import xarray as xr

from cellkinetics.errors import FitError
from cellkinetics.fit.chain import STATISTICS, Chain, Settings, statistic
from cellkinetics.fit.compile import Compiled, compile_model
from cellkinetics.fit.files import write_json
from cellkinetics.fit.plan import EXACT_WITHIN, chain_seed, kept_draws, plan_chain
from cellkinetics.fit.progress import ChainState, Reporter, reporter
from cellkinetics.fit.store import Record, Writer, owned, read_record
from cellkinetics.fit.tree import make_tree

__all__ = ["Compiled", "compile_model", "sample"]

RUN = "run.json"
DRAWS_A_LOOK = 12
"""A chain is looked at about as often as it makes this many draws: fewer than 50 are ever at risk."""


def sample(
    compiled: Compiled,
    *,
    seed: int,
    folder: Path,
    draws: int = 1000,
    tune: int = 500,
    chains: int = 4,
    cores: int | None = None,
    target_accept: float = 0.9,
    maxdepth: int = 10,
    adaptation: str = "low_rank",
    resume: bool = False,
    progress: bool | Reporter = True,
    exact_within: float = EXACT_WITHIN,
) -> xr.DataTree:
    """Draw from a posterior by NUTS; can be killed at any moment and resumed.

    The same seed gives the same draws, whatever the number of cores and of chains.

    Parameters
    ----------
    compiled : Compiled             from :func:`~cellkinetics.fit.compile.compile_model`
    seed : int
    folder : Path                   where the draws are kept while they are made
    draws, tune : int               of each chain, after and during warm-up
    chains : int
    cores : int, optional           chains at a time; default: the cores there are
    target_accept : float           mean acceptance rate that the step size is tuned to
    maxdepth : int                  a trajectory has at most 2 ** maxdepth leapfrog steps
    adaptation : str                nutpie's mass matrix: 'low_rank', 'diag' or 'draw_diag'
    resume : bool                   go on with what the folder holds
    progress : bool or Reporter     show it on standard error, or be told about it
    exact_within : float, s         a killed chain with up to this much sampling time is sampled
                                    again from its seed, bit for bit; one with more is continued
                                    at its last draw

    Returns
    -------
    xarray.DataTree                 ``posterior``, ``sample_stats``, dims (chain, draw, ...); attrs
                                    ``segments`` (a chain), ``bit_identical`` (to a run that was
                                    never killed), ``sampling_seconds``

    Raises
    ------
    FitError                        the folder is in use, holds another run or (without
                                    ``resume``) any run; the sampler cannot start
    """
    settings = Settings(draws, tune, target_accept, maxdepth, adaptation)
    width = len(STATISTICS) + compiled.start.size
    paths = [folder / f"chain-{i}.draws" for i in range(chains)]
    with owned(folder):
        _open_run(folder, compiled, settings, seed, chains, resume=resume)
        records = [read_record(path, width) for path in paths]
        _same_posterior(compiled, records, folder)
        tasks = [
            _Task(compiled, settings, seed, i, path, record, exact_within)
            for i, (path, record) in enumerate(zip(paths, records, strict=True))
        ]
        with ExitStack() as stack:
            report: Reporter
            if callable(progress):
                report = progress
            else:
                report = stack.enter_context(reporter(shown=progress))
            _run(tasks, cores or _cores(), report)
        records = [read_record(path, width) for path in paths]
    return make_tree(
        compiled,
        [kept_draws(record.rows)[:draws] for record in records],
        segments=[int(record.segment.max()) + 1 for record in records],
        seconds=[record.seconds for record in records],
        settings={**asdict(settings), "seed": seed},
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _open_run(
    folder: Path, compiled: Compiled, settings: Settings, seed: int, chains: int, *, resume: bool
) -> None:
    """Write down what is sampled, or make sure that it is what was."""
    wanted = {
        **asdict(settings),
        "seed": seed,
        "chains": chains,
        "parameters": list(compiled.names),
    }
    file = folder / RUN
    if not file.exists():
        write_json(file, wanted)
        return
    if not resume:
        raise FitError(
            f"{folder} holds draws of an earlier run."
            " Resume it, overwrite it, or choose another folder."
        )
    found = json.loads(file.read_text(encoding="utf-8"))
    changed = [
        f"{name} was {found.get(name)}, is {value}" if name != "parameters" else "the parameters"
        for name, value in wanted.items()
        if found.get(name) != value
    ]
    if changed:
        raise FitError(
            f"{folder} cannot be resumed, what is sampled has changed: {'; '.join(changed)}."
            " Undo the change, or overwrite the result."
        )


def _same_posterior(compiled: Compiled, records: Sequence[Record], folder: Path) -> None:
    """The log density at a kept draw is what it was, or data, priors or model have changed."""
    for i, record in enumerate(records):
        if not len(record.rows):
            continue
        was = float(statistic(record.rows[-1], "lp"))
        now, _ = compiled.native(record.rows[-1, len(STATISTICS) :])
        if not abs(now - was) <= 1e-3 + 1e-6 * abs(was):
            raise FitError(
                f"{folder} cannot be resumed, the posterior has changed: at the last draw of chain"
                f" {i} the log density was {was:.6g}, is {now:.6g}. Data, priors, model or"
                " tolerances differ: undo the change, or overwrite the result."
            )


class _Task:
    """A chain from what its file holds to its last draw, through one or more segments."""

    def __init__(
        self,
        compiled: Compiled,
        settings: Settings,
        seed: int,
        index: int,
        path: Path,
        record: Record,
        exact_within: float,
    ) -> None:
        self._compiled, self._settings, self._seed = compiled, settings, seed
        self._path, self._record = path, record
        self.plan = plan_chain(record, settings, exact_within=exact_within)
        self.state = ChainState(index)
        if self.plan is not None:
            self.state = self.state.begun(self.plan.settings)
        self._chain: Chain | None = None
        self._writer: Writer | None = None
        self._matched = 0
        self._clock = 0.0

    def start(self) -> None:
        assert self.plan is not None
        self._writer = self._writer or Writer(self._path, self._record.length)
        self._matched = 0
        self._clock = time.perf_counter()
        self.state = self.state.begun(self.plan.settings)
        self._chain = Chain(
            self._compiled,
            self.plan.settings,
            chain_seed(self._seed, self.state.chain, self.plan.segment),
            self.plan.at,
        )

    def look(self) -> bool:
        """Keep what is new; whether the chain is complete."""
        assert self._chain is not None
        assert self._writer is not None
        assert self.plan is not None
        finished = self._chain.is_finished()  # asked before: what comes after is then the last
        new = self._chain.take()
        known = self.plan.replay[self._matched : self._matched + len(new)]
        if new[: len(known)].tobytes() != known.tobytes():
            self._continue_instead()
            return False
        self._matched += len(known)
        fresh = new[len(known) :]
        now = time.perf_counter()
        seconds, self._clock = now - self._clock, now
        self._writer.append(fresh, segment=self.plan.segment, seconds=seconds)
        self.state = self.state.after(new, seconds, replaying=bool(len(known)))
        return finished

    def _continue_instead(self) -> None:
        """The replay makes other draws (another machine, another version): keep what there is."""
        self._chain.stop()
        self.plan = plan_chain(self._record, self._settings, exact=False)
        self.start()

    def stop(self) -> None:
        if self._chain is not None:
            self._chain.stop()
        if self._writer is not None:
            self._writer.close()
        self._chain = self._writer = None


def _run(tasks: Sequence[_Task], cores: int, report: Reporter) -> None:
    waiting = deque(task for task in tasks if task.plan is not None)
    active: list[_Task] = []
    try:
        while waiting or active:
            while waiting and len(active) < cores:
                active.append(waiting.popleft())
                active[-1].start()
            ended = [task for task in active if task.look()]
            for task in ended:
                task.stop()
                active.remove(task)
            report([task.state for task in tasks])
            if not ended:
                rate = max(task.state.rate for task in active)
                time.sleep(min(max(DRAWS_A_LOOK / rate, 0.003), 0.2) if rate else 0.01)
    finally:
        for task in active:
            task.stop()
