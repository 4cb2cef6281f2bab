"""What is left to do for a chain, given what its file holds.

A chain that was killed is either *replayed* or *continued*.

Replayed: sampled again from its seed, every kept draw compared bit for bit as it is made anew, and
new draws appended once they are reached. The result is that of a run that was never killed, which
nutpie cannot give in another way: its state cannot be saved. It costs the time that was lost.

Continued: a new segment starts at the last kept draw, with a short warm-up of its own whose draws
are left out. Nothing is sampled twice, but the draws are others than those of an unkilled run.

A chain is replayed while it has no draw after warm-up or little sampling time is in it, counted
over all attempts so that a machine that is interrupted again and again still gets on.
"""

from dataclasses import dataclass, replace

import numpy as np

from cellkinetics.fitting.chain import STATISTICS, Settings, statistic
from cellkinetics.fitting.store import Record
from cellkinetics.kernel.layout import Floats

EXACT_WITHIN = 60.0
"""Seconds of sampling in a chain up to which it is replayed."""

RETUNE = 200
"""Warm-up of a segment that starts at a draw of the posterior."""


@dataclass(frozen=True)
class Plan:
    """The next run of the sampler for a chain.

    Attributes
    ----------
    segment : int
    settings : Settings             draws still to make, warm-up
    at : float array or None        where to start; None: the jittered start of the model
    replay : float array (row, column)  rows on the disk that must come again first
    """

    segment: int
    settings: Settings
    at: Floats | None
    replay: Floats


def kept_draws(rows: Floats) -> Floats:
    """Rows after warm-up, of all segments in order."""
    kept: Floats = rows[statistic(rows, "tuning") == 0]
    return kept


def plan_chain(
    record: Record, settings: Settings, *, exact_within: float = EXACT_WITHIN, exact: bool = True
) -> Plan | None:
    """Decide how a chain goes on.

    Parameters
    ----------
    record : Record                 what its file holds
    settings : Settings             of the whole run
    exact_within : float, s         replay up to this much sampling time
    exact : bool                    False: a replay was tried and gave other draws

    Returns
    -------
    Plan or None                    None: the chain is complete
    """
    kept = kept_draws(record.rows)
    if len(kept) >= settings.draws:
        return None
    nothing = record.rows[:0]
    if not len(record.rows):
        return Plan(0, settings, None, nothing)
    if exact and not record.segment.any() and (not len(kept) or record.seconds <= exact_within):
        return Plan(0, settings, None, record.rows)
    segment = int(record.segment[-1]) + 1
    if not len(kept):
        return Plan(segment, settings, None, nothing)
    rest = replace(settings, draws=settings.draws - len(kept), tune=min(settings.tune, RETUNE))
    return Plan(segment, rest, kept[-1, len(STATISTICS) :], nothing)


def chain_seed(seed: int, chain: int, segment: int) -> int:
    """The sampler's seed for a segment of a chain; does not depend on the number of chains."""
    state = np.random.SeedSequence([seed, chain, segment]).generate_state(1, np.uint64)
    return int(state[0])
