"""Names in scripts that the first font does not have: drawn with another one, or spelt out."""

import pytest
from matplotlib.font_manager import fontManager, get_font
from matplotlib.text import Text
from trials import trial

from cellkinetics.endpoints import compute_endpoints, write_endpoints
from cellkinetics.plot import fonts
from cellkinetics.plot.style import panels, save


def drawn(tmp_path, *texts):
    """Texts of a saved figure: title, legend and both axes' ticks."""
    figure, (axis,) = panels(1)
    axis.set_title(texts[0])
    axis.plot([1, 2], [1, 2], label=texts[1])
    axis.legend()
    axis.set_yticks([1, 2], texts[2:4])
    for suffix in ("png", "svg"):
        save(figure, tmp_path / f"figure.{suffix}")
    ticks = [label.get_text() for label in axis.get_yticklabels()]
    return [axis.get_title(), axis.get_legend().get_texts()[0].get_text(), *ticks], figure


def test_what_no_font_has_is_spelt_out(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "OTHERS", ())
    texts, _ = drawn(tmp_path, "患 $x", "Müller α", "者1", "b")
    assert texts == [r"\u60a3 $x", "Müller α", r"\u80051", "b"]


def test_another_font_that_has_it_is_used(tmp_path, monkeypatch):
    """STIXGeneral ships with matplotlib too and has signs that DejaVu Sans has not."""
    ours, other = (
        set(get_font(fontManager.findfont(name)).get_charmap())
        for name in (fonts.FIRST, "STIXGeneral")
    )
    sign = chr(min(other - ours - set(range(0xE000, 0xF900))))
    monkeypatch.setattr(fonts, "OTHERS", ("No Such Font", "STIXGeneral"))
    texts, figure = drawn(tmp_path, f"a{sign}", f"患{sign}", f"{sign}", "b")
    assert texts == [f"a{sign}", rf"\u60a3{sign}", sign, "b"]
    families = [text.get_fontfamily() for text in figure.findobj(Text) if sign in text.get_text()]
    assert families
    assert all(family == [fonts.FIRST, "STIXGeneral"] for family in families)


def test_plain_names_are_left_alone(tmp_path):
    _, figure = drawn(tmp_path, "P01 (µg/mL)", "P02", "a", "b")
    assert not any(fonts.FIRST in t.get_fontfamily() for t in figure.findobj(Text))


@pytest.mark.parametrize("name", ["患者01", "Пациент", "🧬"])
def test_the_figures_of_a_study_with_such_ids(tmp_path, name):
    study = trial(
        tmp_path / "study",
        f"{name} B",
        events=f"{name} 200 relapse; {name} 300 last_contact; B 100 death",
        responses=f"{name} 28 CR; B 28 NR",
        samples=f"{name} 7 900; {name} 14 8000; {name} 28 300; B 7 100; B 14 700",
    )
    files = write_endpoints(compute_endpoints(study), tmp_path / "out")
    assert any(file.suffix == ".png" for file in files)
