"""Times to events that the study itself states (ADTTE), beside the ones derived here."""

from collections.abc import Mapping

import pandas as pd

from cellkinetics.outcome.answer import Answer
from cellkinetics.study.study import Study

COLUMNS = (
    "subject", "endpoint", "title", "time", "event", "our_time", "our_event", "agrees",
    "what", "our_why", "line",
)  # fmt: skip


def against_reported(study: Study, answers: Mapping[str, Answer]) -> pd.DataFrame:
    """Compare the study's own times to events with ours, where an endpoint has the same name.

    Parameters
    ----------
    study : Study                   ``reported`` holds its ADTTE, if it was read from CDISC
    answers : mapping of Answer

    Returns
    -------
    DataFrame                       ``COLUMNS``: a row for each reported time of an endpoint that we
                                    derive; ``agrees`` within a day and with the same event
    """
    parts = []
    theirs = study.reported
    for name in ("efs", "os", "dor", "rfs"):
        ours = answers[name].subjects
        if theirs.empty or "event" not in ours:
            continue
        rows = theirs[theirs["endpoint"].str.lower() == name]
        both = rows.merge(
            ours[["subject", "time", "event", "why"]].rename(
                columns={"time": "our_time", "event": "our_event", "why": "our_why"}
            ),
            on="subject",
            how="left",
        )
        near = (both["time"] - both["our_time"]).abs() <= 1.0
        same = both["event"].astype(float) == both["our_event"].astype(float)
        parts.append(both.assign(agrees=near & same)[list(COLUMNS)])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
