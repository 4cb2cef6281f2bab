"""What summary.json says of a fit."""

from typing import Any

import pandas as pd

from cellkinetics.fitting.provenance import versions
from cellkinetics.joint import Joint


def summarise(
    joint: Joint,
    own: dict[str, Any],
    parameters: pd.DataFrame,
    shrinkage: pd.DataFrame,
    *,
    checks: dict[str, Any],
    sampling: dict[str, Any],
    timings: dict[str, float],
    approximate: bool = False,
) -> dict[str, Any]:
    """Everything that summary.json says."""
    obs = joint.observations
    return {
        "approximate": approximate,
        "study": joint.study.name,
        "simulated": joint.study.simulated,
        "model": joint.model.name,
        "subjects": len(joint.subjects),
        "analytes": [
            {
                "analyte": a.name,
                "unit": a.unit,
                "observable": a.observable,
                "error": a.spec.error,
                "rows": a.rows,
                "below_limit": a.below,
                "limits": a.limits,
                "link": a.link,
            }
            for a in obs.analytes
        ],
        "left_out": obs.left_out.groupby(["analyte", "reason"])
        .size()
        .reset_index(name="rows")
        .to_dict("records"),
        "interval": "90 % equal-tailed",
        "parameters": parameters.to_dict("records"),
        "shrinkage": shrinkage.to_dict("records"),
        "sampling": {
            "centred": list(joint.centred),
            "noncentred": list(joint.noncentred),
            "closed_form": joint.kernel.closed,
            **sampling,
        },
        "checks": checks,
        "identity": own,
        "versions": versions(),
        "seconds": {k: round(v, 3) for k, v in timings.items()},
    }
