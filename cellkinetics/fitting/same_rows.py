"""Do two fits see the same readings? Otherwise their densities cannot be compared."""

import pandas as pd

from cellkinetics.errors import FitError
from cellkinetics.joint import Joint

NAMED = 3
"""How many rows a sentence names."""

# What a density is of: a reading, as read or within its limits, or given that it is above a floor.
READING = ["subject", "time", "analyte", "kind", "value", "lower", "upper", "floor"]


def refuse_other_rows(one: Joint, other: Joint, label: str, other_label: str) -> None:
    """Refuse two fits that do not see the same readings of the same subjects.

    Parameters
    ----------
    one, other : Joint
    label, other_label : str        their names, for the message

    Raises
    ------
    FitError                        naming the analytes, subjects and rows that differ
    """
    both = {label: _readings(one), other_label: _readings(other)}
    for fit, rival in ((label, other_label), (other_label, label)):
        alone = sorted(set(both[fit]["analyte"]) - set(both[rival]["analyte"]))
        if alone:
            raise FitError(
                f"{label} and {other_label} cannot be compared: {fit} reads {', '.join(alone)},"
                f" {rival} does not, and densities of different readings are different things."
                " Compare fits of the same analytes."
            )
    merged = both[label].merge(
        both[other_label], how="outer", on=[*READING, "again"], indicator="seen_by"
    )
    apart = merged[merged["seen_by"] != "both"]
    if apart.empty:
        return
    places = apart[["subject", "analyte", "time"]].drop_duplicates()
    named = "; ".join(
        f"{row.subject}, {row.analyte}, day {row.time:g}"
        for row in places.head(NAMED).itertuples(index=False)
    )
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    raise FitError(
        f"{label} and {other_label} cannot be compared: they do not see the same readings"
        f" ({named}{more}). Give both the same study, the same keep and the same limit method."
    )


def _readings(joint: Joint) -> pd.DataFrame:
    """A row a reading that enters the likelihood; equal readings are told apart by number."""
    obs = joint.observations
    names = [a.name for a in obs.analytes]
    table = pd.DataFrame(
        {
            "subject": [obs.subjects[i] for i in obs.subject],
            "time": obs.rows.time,
            "analyte": [names[i] for i in obs.analyte],
            "kind": obs.kind,
            "value": obs.value,
            "lower": obs.lower,
            "upper": obs.upper,
            "floor": obs.floor,
        }
    )
    table = table.fillna(0.0)
    return table.assign(again=table.groupby(READING).cumcount())
