"""How far the chains are: a bar for each in a terminal, plain lines in a log."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from cellkinetics.fitting.chain import Settings, statistic
from cellkinetics.kernel.layout import Floats

LINE_EVERY = 10.0
"""Seconds between the lines of a log, unless a tenth of the run is done sooner."""


@dataclass(frozen=True)
class ChainState:
    """How far a chain is.

    Attributes
    ----------
    chain : int
    done, total : int               draws of the segment that runs, warm-up included
    tuning : bool
    divergences, failures : int     after warm-up; a failed solve is a divergence too
    failures_in_warmup : int
    step_size : float
    steps : int                     leapfrog steps
    seconds : float                 sampling time in this process
    replaying : bool                draws that are on the disk already are being made again
    """

    chain: int
    done: int = 0
    total: int = 0
    tuning: bool = True
    divergences: int = 0
    failures: int = 0
    failures_in_warmup: int = 0
    step_size: float = float("nan")
    steps: int = 0
    seconds: float = 0.0
    replaying: bool = False

    @property
    def rate(self) -> float:
        """Draws a second; 0 before the first."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def begun(self, settings: Settings) -> Self:
        """A segment starts."""
        return replace(self, done=0, total=settings.tune + settings.draws, tuning=True)

    def after(self, rows: Floats, seconds: float, *, replaying: bool) -> Self:
        """Count new rows; see :meth:`cellkinetics.fitting.chain.Chain.take`."""
        tuning, failed = statistic(rows, "tuning"), statistic(rows, "failed")
        last = rows[-1:]
        return replace(
            self,
            done=self.done + len(rows),
            tuning=bool(statistic(last, "tuning")[0]) if len(last) else self.tuning,
            divergences=self.divergences + int(((1 - tuning) * statistic(rows, "diverging")).sum()),
            failures=self.failures + int(((1 - tuning) * failed).sum()),
            failures_in_warmup=self.failures_in_warmup + int((tuning * failed).sum()),
            step_size=float(statistic(last, "step_size")[0]) if len(last) else self.step_size,
            steps=self.steps + int(statistic(rows, "n_steps").sum()),
            seconds=self.seconds + seconds,
            replaying=replaying,
        )


type Reporter = Callable[[Sequence[ChainState]], None]
"""Is told the state of all chains many times a second."""


@contextmanager
def reporter(console: Console | None = None, *, shown: bool = True) -> Iterator[Reporter]:
    """Show progress while the block runs.

    Parameters
    ----------
    console : rich.console.Console, optional    default: standard error
    shown : bool                                False: show nothing

    Yields
    ------
    Reporter                        bars if the console is a terminal, lines otherwise
    """
    if not shown:
        yield lambda states: None
        return
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = [
        TextColumn("chain {task.fields[number]}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[text]}"),
    ]
    with Progress(*columns, console=console, auto_refresh=False, transient=False) as bars:
        yield _bars(bars)


def _bars(bars: Progress) -> Reporter:
    identity: dict[int, TaskID] = {}
    shown = 0.0

    def report(states: Sequence[ChainState]) -> None:
        nonlocal shown
        complete = all(s.done == s.total for s in states)
        if not complete and time.monotonic() - shown < 0.1:
            return
        shown = time.monotonic()
        for s in states:
            if s.chain not in identity:
                identity[s.chain] = bars.add_task("", number=s.chain + 1, text="")
            left = (s.total - s.done) / s.rate if s.rate else None
            text = _text([s]) + (f", {_duration(left)} left" if left else "")
            bars.update(identity[s.chain], total=s.total, completed=s.done, text=text)
        bars.refresh()

    return report


def _lines(console: Console) -> Reporter:
    began = time.monotonic()
    last_time, last_part = began, 0.0

    def report(states: Sequence[ChainState]) -> None:
        nonlocal last_time, last_part
        total, done = sum(s.total for s in states), sum(s.done for s in states)
        part, now = done / total if total else 1.0, time.monotonic()
        if part == last_part or (
            part < 1 and part < last_part + 0.1 and now < last_time + LINE_EVERY
        ):
            return
        last_time, last_part = now, part
        left = (now - began) * (1 - part) / part if part else None
        ahead = f", {_duration(left)} left" if left else ""
        console.print(
            f"sampling {part:4.0%}: {done}/{total} draws, {_text(states)}{ahead}",
            highlight=False,
            soft_wrap=True,
        )

    return report


def _text(states: Sequence[ChainState]) -> str:
    """What one or several chains have met so far."""
    running = [s for s in states if 0 < s.done < s.total] or [s for s in states if s.done]
    if not running:
        return "waiting"
    phase = "replay" if any(s.replaying for s in running) else ""
    phase = phase or ("warm-up" if any(s.tuning for s in running) else "sampling")
    done = sum(s.done for s in running)
    step = sum(s.step_size for s in running) / len(running)
    steps = sum(s.steps for s in running) / max(done, 1)
    failures = sum(s.failures for s in states)
    early = sum(s.failures_in_warmup for s in states)
    parts = [
        phase,
        f"{sum(s.divergences for s in states)} divergences",
        f"step {step:.3g}",
        f"{steps:.0f} leapfrog/draw",
    ]
    if failures or early:
        parts.append(f"{failures} failed solves (and {early} in warm-up)")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
