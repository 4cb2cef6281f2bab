"""A diagram of states: boxes, what flows between them (solid), what acts on what (thin)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from cellkinetics.plot.style import COLOURS, GREY, INK

type Point = tuple[float, float]

_WIDE, _HIGH = 1.85, 0.74  # of a box
_APART = (3.1, 2.35)  # between boxes
_MOST = 4  # boxes in a row
_UP, _DOWN = COLOURS[2], COLOURS[1]


@dataclass(frozen=True)
class Arrow:
    """A flow: from a box or nothing to a box or nothing; ``own`` is growth of the target itself."""

    source: str | None
    target: str | None
    label: str
    own: bool


def flow_diagram(
    states: Sequence[str],
    arrows: Sequence[Arrow],
    effects: Sequence[tuple[str, str, int]],
    infused: Sequence[str],
    read: Mapping[str, Sequence[str]],
) -> Figure:
    """Draw a model's states.

    Parameters
    ----------
    states : sequence of str
    arrows : sequence of Arrow
    effects : sequence of (str, str, int)   who acts on whom: 1 raises, -1 lowers, 0 both
    infused : sequence of str               states that an infusion adds to
    read : mapping                          observable -> states that it reads

    Returns
    -------
    Figure
    """
    place = _layout(states, arrows)
    xs, ys = [x for x, _ in place.values()], [y for _, y in place.values()]
    left, right = min(xs) - 1.6, max(xs) + 1.6
    low, high = min(ys) - 1.25, max(ys) + 1.3
    figure = Figure(figsize=(0.62 * (right - left), 0.62 * (high - low + 0.8)))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    axis.set_xlim(left, right)
    axis.set_ylim(low - 0.8, high)
    axis.set_aspect("equal")
    for source, target, sign in effects:
        _effect(axis, place[source], place[target], sign)
    for arrow in arrows:
        _arrow(axis, place, arrow)
    for name in infused:
        x, y = place[name]
        _line(axis, (x - 0.7, y + 1.12), (x - 0.7, y + _HIGH / 2), COLOURS[0], width=1.8)
        axis.text(x - 0.64, y + 1.04, "infusion", fontsize=7.5, color=COLOURS[0], va="center")
    for name, (x, y) in place.items():
        axis.add_patch(
            FancyBboxPatch(
                (x - _WIDE / 2, y - _HIGH / 2), _WIDE, _HIGH,
                boxstyle="round,pad=0,rounding_size=0.12", facecolor="white",
                edgecolor=INK, linewidth=1.2, zorder=5,
            )
        )  # fmt: skip
        of = [observable for observable, seen in read.items() if name in seen]
        axis.text(
            x, y + (0.12 if of else 0.0), name, ha="center", va="center", color=INK, zorder=6,
            fontsize=min(9.5, 9.5 * 14 / len(name)),
        )  # fmt: skip
        if of:
            text = "read as " + ", ".join(of[:2]) + (", ..." if len(of) > 2 else "")
            axis.text(
                x, y - 0.19, text, ha="center", va="center", color="#444444", style="italic",
                fontsize=min(6.5, 6.5 * 24 / len(text)), zorder=6,
            )  # fmt: skip
    _legend(axis, arrows, effects, figure.get_figwidth())
    return figure


def _layout(states: Sequence[str], arrows: Sequence[Arrow]) -> dict[str, Point]:
    """Groups of states that flow into each other, a row each; those by themselves together."""
    links = [(a.source, a.target) for a in arrows if a.source and a.target]
    group = {s: {s} for s in states}
    for one, other in links:
        joint = group[one] | group[other]
        for s in joint:
            group[s] = joint
    groups = list({id(g): sorted(g, key=list(states).index) for g in group.values()}.values())
    chains = [_ordered(g, links) for g in groups if len(g) > 1]
    alone = [g[0] for g in groups if len(g) == 1]
    rows = [c[i : i + _MOST] for c in chains for i in range(0, len(c), _MOST)]
    rows += [alone[i : i + _MOST] for i in range(0, len(alone), _MOST)]
    widest = max(len(row) for row in rows)
    place = {}
    for r, row in enumerate(rows):
        # Every other row a little aside: an arrow from above does not run through a box.
        shift = (widest - len(row)) / 2 * _APART[0] + (0.35 if r % 2 and len(rows) > 2 else 0.0)
        for c, name in enumerate(row):
            place[name] = (c * _APART[0] + shift, -r * _APART[1])
    return place


def _ordered(group: Sequence[str], links: Sequence[tuple[str, str]]) -> list[str]:
    """States of a group from the first giver to the last taker."""
    depth = dict.fromkeys(group, 0)
    for _ in group:
        for one, other in links:
            if one in depth and other in depth and depth[other] <= depth[one] < len(group):
                back = (other, one) in links and list(group).index(other) < list(group).index(one)
                if not back:
                    depth[other] = depth[one] + 1
    return sorted(group, key=lambda s: (depth[s], list(group).index(s)))


def _arrow(axis: Axes, place: Mapping[str, Point], arrow: Arrow) -> None:
    if arrow.source and arrow.target:
        start, end = place[arrow.source], place[arrow.target]
        bend = 0.0 if _beside(start, end) else 0.25
        bend += 0.16
        a, b = _edge(start, end), _edge(end, start)
        patch = FancyArrowPatch(
            a, b, arrowstyle="-|>", mutation_scale=12, linewidth=1.8, color=INK, zorder=4,
            connectionstyle=f"arc3,rad={-bend}", shrinkA=0, shrinkB=1,
        )  # fmt: skip
        axis.add_patch(patch)
        middle = _middle(a, b, bend)
        _word(axis, middle, arrow.label)
        return
    if arrow.target and arrow.own:
        x, y = place[arrow.target]
        loop = FancyArrowPatch(
            (x + 0.25, y + _HIGH / 2), (x + 0.73, y + _HIGH / 2), arrowstyle="-|>",
            mutation_scale=10, linewidth=1.5, color=INK, connectionstyle="arc3,rad=-1.5", zorder=4,
            shrinkA=0, shrinkB=1,
        )  # fmt: skip
        axis.add_patch(loop)
        _word(axis, (x + 0.49, y + _HIGH / 2 + 0.55), arrow.label)
        return
    if arrow.target:
        x, y = place[arrow.target]
        top = (x - 0.22, y + _HIGH / 2 + 0.5)
        _nothing(axis, (top[0], top[1] + 0.07))
        _line(axis, top, (top[0], y + _HIGH / 2), INK)
        _word(axis, (top[0], top[1] + 0.27), arrow.label)
    elif arrow.source:
        x, y = place[arrow.source]
        start, end = (x + 0.55, y - _HIGH / 2), (x + 0.55, y - _HIGH / 2 - 0.45)
        _line(axis, start, end, INK)
        _nothing(axis, (end[0], end[1] - 0.07))
        axis.text(
            end[0] + 0.14, end[1] - 0.05, arrow.label, fontsize=7.5, va="center", color=INK,
            zorder=7,
        )  # fmt: skip


def _nothing(axis: Axes, at: Point) -> None:
    axis.add_patch(Circle(at, 0.07, facecolor="white", edgecolor=INK, linewidth=1.0, zorder=4))


def _effect(axis: Axes, start: Point, end: Point, sign: int) -> None:
    colour = {1: _UP, -1: _DOWN, 0: GREY}[sign]
    bend = 0.16 if abs(start[1] - end[1]) > 0.1 else 0.42
    head = _edge(end, start, aside=0.28)
    patch = FancyArrowPatch(
        _edge(start, end, aside=-0.28), head, arrowstyle="-" if sign < 0 else "-|>",
        mutation_scale=8, linewidth=0.9, color=colour, linestyle=(0, (4, 2)), zorder=2,
        connectionstyle=f"arc3,rad={bend}", shrinkA=0, shrinkB=2,
    )  # fmt: skip
    axis.add_patch(patch)
    if sign < 0:  # a blunt end, along the edge that it stops at
        upright = abs(abs(head[0] - end[0]) - _WIDE / 2) < 1e-9
        dx, dy = (0.0, 0.13) if upright else (0.13, 0.0)
        away = 0.06 * np.sign(np.subtract(head, end))
        x, y = head[0] + (away[0] if upright else 0), head[1] + (0 if upright else away[1])
        axis.plot([x - dx, x + dx], [y - dy, y + dy], color=colour, linewidth=1.8, zorder=6)


def _beside(one: Point, other: Point) -> bool:
    return abs(one[1] - other[1]) < 0.1 and abs(one[0] - other[0]) < 1.1 * _APART[0]


def _edge(start: Point, end: Point, *, aside: float = 0.0) -> Point:
    """Where the line from one box's middle to another leaves the first."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    if abs(dx) * _HIGH > abs(dy) * _WIDE:
        side = float(np.sign(dx))
        return start[0] + side * _WIDE / 2, start[1] + 0.5 * aside
    return start[0] + aside, start[1] + float(np.sign(dy)) * _HIGH / 2


def _middle(a: Point, b: Point, bend: float) -> Point:
    """Middle of an arc, a little outside of it."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    reach = 0.5 * bend + 0.14 / max(float(np.hypot(dx, dy)), 1e-9)
    return (a[0] + b[0]) / 2 - reach * dy, (a[1] + b[1]) / 2 + reach * dx


def _line(axis: Axes, start: Point, end: Point, colour: str, *, width: float = 1.5) -> None:
    axis.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=10, linewidth=width, color=colour,
            shrinkA=0, shrinkB=0, zorder=4,
        )
    )  # fmt: skip


def _word(axis: Axes, at: Point, text: str) -> None:
    if text:
        axis.text(
            *at, text, fontsize=7.5, ha="center", va="center", color=INK, zorder=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.9},
        )  # fmt: skip


def _legend(
    axis: Axes, arrows: Sequence[Arrow], effects: Sequence[tuple[str, str, int]], width: float
) -> None:
    signs = {sign for _, _, sign in effects}
    handles = []
    if any(a.source and a.target for a in arrows):
        handles.append(Line2D([], [], color=INK, linewidth=1.8, label="flow"))
    if any(not (a.source and a.target) for a in arrows):
        handles.append(
            Line2D(
                [], [], color=INK, linewidth=1.4, marker="o", markersize=5, fillstyle="none",
                label="growth, production, loss",
            )
        )  # fmt: skip
    for sign, colour, words in ((1, _UP, "raises"), (-1, _DOWN, "lowers"), (0, GREY, "acts on")):
        if sign in signs:
            handles.append(
                Line2D([], [], color=colour, linewidth=1.0, linestyle=(0, (4, 2)), label=words)
            )
    axis.legend(
        handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.0),
        ncols=min(len(handles), max(2, round(width / 1.6))),
        fontsize=7.5, frameon=False, handlelength=2.2,
    )  # fmt: skip
