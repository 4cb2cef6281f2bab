"""The figures of a trial: tables of the answers handed to the drawing functions."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cellkinetics.endpoints.run import Endpoints
from cellkinetics.exposure.write import draw_profiles
from cellkinetics.outcome.answer import LEVEL, Answer
from cellkinetics.outcome.cytokine_figures import draw_figures as draw_cytokines

if TYPE_CHECKING:
    from cellkinetics.plot.style import Drawing

SUFFIXES = (".png", ".svg")
MOST_LANES = 60  # of a swimmer plot, and profiles of exposure up to here
FEW_PROFILES = 20
MOST_TICKS = 300  # on a curve; more would smear it
_AXES = {
    "efs": ("event-free", "days since infusion"),
    "os": ("alive", "days since infusion"),
    "dor": ("still in response", "days since first response"),
    "rfs": ("relapse-free", "days since first remission"),
    "relapse": ("relapsed", "days since first remission"),
}


def draw_all(found: Endpoints, folder: Path) -> list[Path]:
    """Draw every figure that the study has data for, as PNG and SVG.

    Parameters
    ----------
    found : Endpoints
    folder : Path                   exists

    Returns
    -------
    list of Path
    """
    from cellkinetics.plot.style import save  # noqa: PLC0415  (matplotlib is slow to load)

    written = []
    for name, figure in _own(found):
        written += [save(figure, folder / f"{name}{suffix}") for suffix in SUFFIXES]
    written += draw_cytokines(found.study, found.answers["cytokine"], folder, suffixes=SUFFIXES)
    if found.exposure is not None and len(found.exposure.readings):
        many = len(found.exposure.subjects) > MOST_LANES
        written += draw_profiles(found.exposure, folder, most=FEW_PROFILES if many else MOST_LANES)
    return written


def _own(found: Endpoints) -> Iterator[tuple[str, "Drawing"]]:
    from cellkinetics.plot.adverse import adverse_events  # noqa: PLC0415
    from cellkinetics.plot.swimmer import swimmer  # noqa: PLC0415

    study = found.study
    label = f"{study.name} (SIMULATED data)" if study.simulated else study.name
    for name in _AXES:
        answer = found.answers[name]
        if "curve" in answer.more:
            yield name, _curve(answer, found, label)
    lanes = found.lanes
    if lanes is not None and len(lanes.periods) + len(lanes.marks):
        shown = list(lanes.bars["subject"])
        if len(shown) > MOST_LANES:  # evenly spaced, not the longest followed
            at = np.linspace(0, len(shown) - 1, MOST_LANES).astype(int)
            shown = [shown[i] for i in at]
        of = f", {len(shown)} of {len(lanes.bars)}" if len(shown) < len(lanes.bars) else ""
        drawn = set(shown)
        yield (
            "swimmer",
            swimmer(
                *(
                    table[table["subject"].isin(drawn)].reset_index(drop=True)
                    for table in (lanes.bars, lanes.periods, lanes.marks)
                ),
                title=f"{label}: course of each subject{of}{_cut(found)}",
            ),
        )
    terms = found.answers["safety"].more.get("ae_by_term")
    if terms is not None and len(terms):
        yield "adverse_events", adverse_events(terms, title=f"{label}: adverse events{_cut(found)}")


def _curve(answer: Answer, found: Endpoints, label: str) -> "Drawing":
    from cellkinetics.plot.survival import survival_curves  # noqa: PLC0415

    what, axis = _AXES[answer.name]
    curve = answer.more["curve"]
    marks = "ticks: censored"
    if (curve["censored"] > 0).sum() > MOST_TICKS:
        curve, marks = curve.assign(censored=0), "censorings are not marked"
    if answer.name == "dor" and found.options.dor == "from_infusion":
        axis = "days since infusion"
    height = "incidence" if answer.name == "relapse" else "survival"
    return survival_curves(
        {"all": curve},
        at_risk={"all": answer.more["at_risk"]},
        height=height,
        title=f"{label}: {answer.title[:1].lower()}{answer.title[1:]}{_cut(found)}",
        ylabel=what,
        xlabel=axis,
        note=(
            f"band: pointwise {100 * LEVEL:g} % interval, {found.options.conf_type}; "
            + (f"death competes; {marks}" if height == "incidence" else marks)
        ),
    )


def _cut(found: Endpoints) -> str:
    return "" if found.options.cutoff is None else f", data cut day {found.options.cutoff:g}"
