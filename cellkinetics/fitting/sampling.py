"""NUTS in several chains at once, with draws that survive ``kill -9``."""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import xarray as xr

from cellkinetics.errors import FitError
from cellkinetics.files import write_json
from cellkinetics.fitting.chain import STATISTICS, Settings, statistic
from cellkinetics.fitting.compile import Compiled, compile_model
from cellkinetics.fitting.plan import EXACT_WITHIN, kept_draws
from cellkinetics.fitting.progress import Reporter, reporter
from cellkinetics.fitting.store import Record, owned, read_record
from cellkinetics.fitting.task import Run, Task, run_tasks
from cellkinetics.fitting.tree import make_tree

__all__ = ["Compiled", "compile_model", "sample"]

RUN = "run.json"


def sample(
    compiled: Compiled,
    *,
    seed: int,
    folder: Path,
    draws: int = 1500,
    tune: int = 500,
    chains: int = 4,
    cores: int | None = None,
    target_accept: float = 0.95,
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
    compiled : Compiled             from :func:`~cellkinetics.fitting.compile.compile_model`
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
        run = Run(compiled, settings, seed, exact_within)
        tasks = [Task(run, i, *each) for i, each in enumerate(zip(paths, records, strict=True))]
        with ExitStack() as stack:
            report: Reporter
            if callable(progress):
                report = progress
            else:
                report = stack.enter_context(reporter(shown=progress))
            run_tasks(tasks, cores or _cores(), report)
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
