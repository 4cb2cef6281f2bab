"""Chains from what their files hold to their last draws, several at a time."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cellkinetics.fitting.chain import Chain, Settings
from cellkinetics.fitting.compile import Compiled
from cellkinetics.fitting.plan import chain_seed, plan_chain
from cellkinetics.fitting.progress import ChainState, Reporter
from cellkinetics.fitting.store import Record, Writer

DRAWS_A_LOOK = 10
"""A chain is looked at about as often as it makes this many draws: fewer than 50 are at risk."""

SHORTEST, LONGEST = 0.003, 0.2  # seconds between two looks


@dataclass(frozen=True)
class Run:
    """What all chains have in common; ``exact_within`` as in :func:`plan_chain`."""

    compiled: Compiled
    settings: Settings
    seed: int
    exact_within: float


class Task:
    """One chain: replays or continues what its file holds, and appends to it."""

    def __init__(self, run: Run, index: int, path: Path, record: Record) -> None:
        self._run, self._path, self._record = run, path, record
        self.plan = plan_chain(record, run.settings, exact_within=run.exact_within)
        self.state = ChainState(index)
        if self.plan is not None:
            self.state = self.state.begun(self.plan.settings)
        self._chain: Chain | None = None
        self._writer: Writer | None = None
        self._matched = 0
        self._looked = 0.0

    def start(self) -> None:
        """Start the sampler on the chain's plan."""
        assert self.plan is not None
        if self._writer is None:
            self._writer = Writer(self._path, self._record.length)
        self._matched, self._looked = 0, time.perf_counter()
        self.state = self.state.begun(self.plan.settings)
        seed = chain_seed(self._run.seed, self.state.chain, self.plan.segment)
        self._chain = Chain(self._run.compiled, self.plan.settings, seed, self.plan.at)

    def look(self) -> bool:
        """Keep the draws that are new; say whether the chain is complete.

        Raises
        ------
        FitError                    the sampler or the disk failed
        """
        assert self.plan is not None
        assert self._chain is not None
        assert self._writer is not None
        finished = self._chain.is_finished()  # asked first: what is taken then is the last
        new = self._chain.take()
        known = self.plan.replay[self._matched : self._matched + len(new)]
        if new[: len(known)].tobytes() != known.tobytes():
            # Another machine or version: it makes other draws. Keep those that there are.
            self._chain.stop()
            self.plan = plan_chain(self._record, self._run.settings, exact=False)
            self.start()
            return False
        self._matched += len(known)
        now = time.perf_counter()
        seconds, self._looked = now - self._looked, now
        self._writer.append(new[len(known) :], segment=self.plan.segment, seconds=seconds)
        self.state = self.state.after(new, seconds, replaying=bool(len(known)))
        return finished

    def stop(self) -> None:
        """Stop the sampler; the file keeps what was taken from it."""
        if self._chain is not None:
            self._chain.stop()
        if self._writer is not None:
            self._writer.close()
        self._chain = self._writer = None


def run_tasks(tasks: Sequence[Task], cores: int, report: Reporter) -> None:
    """Run chains to their ends.

    Parameters
    ----------
    tasks : sequence of Task        complete ones are left alone
    cores : int                     chains at a time
    report : Reporter               told the state of all chains after every look
    """
    waiting = deque(task for task in tasks if task.plan is not None)
    active: list[Task] = []
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
                time.sleep(_pause(active))
    finally:
        for task in active:
            task.stop()


def _pause(active: Sequence[Task]) -> float:
    rate = max(task.state.rate for task in active)
    return min(max(DRAWS_A_LOOK / rate, SHORTEST), LONGEST) if rate else 0.01
