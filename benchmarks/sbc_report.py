"""What a calibration found: summary as plain data, and the figure of ECDF differences."""

from pathlib import Path
from typing import Any

import numpy as np

from cellkinetics.plot.style import COLOURS, GREY, panels, save
from sbc_bands import BandTest, band_test, coverage
from sbc_replicate import MAX_DIVERGENT, MAX_R_HAT, MIN_ESS, RANK_DRAWS, VARIANTS, Variant

ALPHA = 0.05
LEVELS = (0.5, 0.9)


def summarise(lines: list[dict[str, Any]], variant: Variant) -> dict[str, Any]:
    """Band test, coverage and failures of a variant's replicates.

    Parameters
    ----------
    lines : list of dict        as from ``sbc_replicate.run_replicate``
    variant : 'none', 'sign', 'm5'

    Returns
    -------
    dict, plain                 ``passed``: every ECDF inside the band. All replicates that gave
                                draws count, those with a failed check too, since to drop them
                                would choose among the data; ``passed_checks_only`` leaves them out
    """
    ranked = [line for line in lines if "quantities" in line]
    clean = [line for line in ranked if not line["failed_checks"]]
    failed: dict[str, int] = {}
    for name in (name for line in ranked for name in line["failed_checks"]):
        failed[name] = failed.get(name, 0) + 1
    out: dict[str, Any] = {
        "variant": variant,
        "meaning": VARIANTS[variant],
        "replicates": len(lines),
        "ranked": len(ranked),
        "sampler_errors": [
            {"replicate": line["replicate"], "error": line["error"]}
            for line in lines
            if line["error"] is not None
        ],
        "sampled_again": sum(line["attempts"] > 1 for line in lines),
        "checks": {"max_r_hat": MAX_R_HAT, "min_ess": MIN_ESS, "max_divergent": MAX_DIVERGENT},
        "failed_checks": {
            "replicates": [line["replicate"] for line in ranked if line["failed_checks"]],
            "by_check": failed,
        },
        "rows_below_limit": float(np.mean([line["rows_below"] for line in lines])),
        "rank_draws": RANK_DRAWS,
        "alpha": ALPHA,
    }
    if not ranked:
        return out | {"passed": None, "passed_checks_only": None, "quantities": []}
    names, ranks, below = _columns(ranked)
    test = band_test(ranks, RANK_DRAWS, alpha=ALPHA)
    return out | {
        "passed": test.passed,
        "passed_checks_only": (
            band_test(_columns(clean)[1], RANK_DRAWS, alpha=ALPHA).passed if clean else None
        ),
        "smallest_p_value_times_quantities": min(1.0, float(test.p_value.min() * len(names))),
        "seconds": float(np.sum([line["seconds"] for line in lines])),
        "quantities": [
            {
                "quantity": name,
                "p_value": float(test.p_value[i]),
                "outside_band": bool(test.outside[i]),
                "coverage": [
                    {
                        "level": c.level,
                        "share": c.share,
                        "low": c.low,
                        "high": c.high,
                        "consistent": c.consistent,
                    }
                    for c in (coverage(below[:, i], level) for level in LEVELS)
                ],
                "ranks": ranks[:, i].tolist(),
            }
            for i, name in enumerate(names)
        ],
    }


def _columns(
    lines: list[dict[str, Any]],
) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """Names, ranks (replicate, quantity), share of all draws below the truth (same shape)."""
    names = list(lines[0]["quantities"])
    table = np.array([[line["quantities"][name] for name in names] for line in lines])
    return names, table[:, :, 1].astype(np.int64), table[:, :, 2]


def table(summary: dict[str, Any]) -> str:
    """The summary as lines of text."""
    checks = summary["failed_checks"]
    verdict = {True: "all inside", False: "not all inside", None: "nothing to test"}
    rows = [
        f"{summary['variant']}: {summary['meaning']}",
        f"{summary['replicates']} replicates, {summary['ranked']} ranked;"
        f" {len(summary['sampler_errors'])} sampler errors; {summary['sampled_again']} sampled"
        f" again; {len(checks['replicates'])} with a failed check {checks['by_check'] or ''}",
        f"ECDFs and the simultaneous {1 - ALPHA:.0%} band: {verdict[summary['passed']]};"
        f" without failed checks: {verdict[summary['passed_checks_only']]}",
        f"{'quantity':24s}{'p':>9s}  {'50 %':>6s} {'(95 % CI)':13s} {'90 %':>6s} (95 % CI)",
    ]
    for q in summary["quantities"]:
        cover = "  ".join(
            f"{c['share']:6.3f} ({c['low']:.2f}, {c['high']:.2f})" for c in q["coverage"]
        )
        mark = "  OUTSIDE" if q["outside_band"] else ""
        rows.append(f"{q['quantity']:24s}{q['p_value']:9.5f}  {cover}{mark}")
    return "\n".join(rows)


def draw(summary: dict[str, Any], path: Path) -> Path:
    """ECDF of the ranks minus the diagonal, one panel a quantity, with the simultaneous band."""
    names = [q["quantity"] for q in summary["quantities"]]
    ranks = np.array([q["ranks"] for q in summary["quantities"]]).T
    test: BandTest = band_test(ranks, RANK_DRAWS, alpha=ALPHA)
    figure, axes = panels(len(names), columns=6, width=2.1, height=1.7, sharey=True)
    for i, (name, axis) in enumerate(zip(names, axes, strict=True)):
        axis.fill_between(
            test.points,
            test.lower - test.points,
            test.upper - test.points,
            color=GREY,
            alpha=0.3,
            step="mid",
            linewidth=0,
        )
        colour = COLOURS[1] if test.outside[i] else COLOURS[0]
        axis.step(test.points, test.ecdf[i] - test.points, where="mid", color=colour, linewidth=1)
        axis.set_title(name, fontsize=8)
        axis.set_xlim(0, 1)
    figure.supxlabel("rank of the truth among posterior draws, as a fraction", fontsize=8)
    figure.supylabel("ECDF - uniform", fontsize=8)
    figure.suptitle(
        f"Simulation-based calibration, aml5-stein2019 ({summary['meaning']}),"
        f" {len(ranks)} replicates\nsimultaneous {1 - ALPHA:.0%} band over all quantities",
        fontsize=9,
    )
    return save(figure, path, dpi=90)
