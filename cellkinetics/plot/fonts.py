"""Names in any script: drawn with an installed font that has them, else spelt out, never boxes."""

import functools
from collections.abc import Sequence

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

FIRST = "DejaVu Sans"  # ships with matplotlib
# Fonts with Chinese, Japanese or Korean that systems come with, and fonts of many scripts.
OTHERS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK TC", "Noto Sans SC",
    "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback",
    "PingFang SC", "Hiragino Sans GB", "Hiragino Sans", "Microsoft YaHei", "SimHei", "Yu Gothic",
    "Malgun Gothic", "Arial Unicode MS", "Noto Sans", "Noto Sans Devanagari", "Noto Sans Thai",
)  # fmt: skip


def make_readable(figure: Figure) -> None:
    """Give every text of a figure fonts that have its characters; spell out what no font has."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter):
                _make_ticks_readable(axis)
    for text in figure.findobj(Text):
        if isinstance(text, Text) and not _is_plain(text.get_text()):
            families = fonts_for(text.get_text())
            text.set_text(spelt(text.get_text(), families))
            text.set_fontfamily(families)


def _make_ticks_readable(axis: Axis) -> None:
    """Do the same for ticks, which take their texts from a formatter at every drawing."""
    labels = "".join(label.get_text() for label in axis.get_ticklabels())
    if _is_plain(labels):
        return
    written, families = axis.get_major_formatter(), fonts_for(labels)
    axis.set_major_formatter(FuncFormatter(lambda at, place: spelt(written(at, place), families)))
    axis.set_tick_params(labelfontfamily=families)


def fonts_for(text: str) -> list[str]:
    """Name the fonts, the first and others that are installed, which have a text's characters."""
    families = [FIRST]
    lacking = {c for c in text if not _has(FIRST, c)}
    for family in OTHERS:
        here = {c for c in lacking if _has(family, c)}
        if here:
            families.append(family)
            lacking -= here
    return families


def spelt(text: str, families: Sequence[str]) -> str:
    r"""Spell out, as ``\u60a3``, what none of the fonts has."""
    return "".join(
        c if any(_has(family, c) for family in families) else c.encode("unicode_escape").decode()
        for c in text
    )


def _is_plain(text: str) -> bool:
    return all(_has(FIRST, c) for c in text)


def _has(family: str, character: str) -> bool:
    return character.isascii() or character.isspace() or ord(character) in _characters(family)


@functools.cache
def _characters(family: str) -> frozenset[int]:
    """Code points of an installed font; none where it is not installed."""
    try:
        path = fontManager.findfont(family, fallback_to_default=False)
    except ValueError:
        return frozenset()
    return frozenset(get_font(path).get_charmap())
