"""Write a model's page."""

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from cellkinetics.declare import Model
from cellkinetics.errors import ModelError
from cellkinetics.files import write_text
from cellkinetics.page.content import page_content
from cellkinetics.page.template import PAGE

MARK = b'<meta name="generator" content="cellkinetics'


def page_of(model: Model) -> str:
    """A model's card as one self-contained page; every text of the model is escaped.

    Raises
    ------
    ModelError                      the model cannot be traced or compiled
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(PAGE).render(page_content(model))


def write_page(model: Model, path: str | Path) -> Path:
    """Write a model's page; a file that is no page of ours is left alone.

    Parameters
    ----------
    model : Model
    path : path                     ending in .html

    Returns
    -------
    Path

    Raises
    ------
    ModelError                      of the model; or the file may not be written
    """
    target = Path(path)
    if target.suffix.lower() not in {".html", ".htm"}:
        raise ModelError(f"--html {path}: wanted a file ending in .html, such as card.html.")
    if target.is_dir() or not target.parent.is_dir():
        raise ModelError(f"--html {path}: there is no folder '{target.parent}' to write it in.")
    if target.exists() and MARK not in target.read_bytes():
        raise ModelError(
            f"--html {path}: this file is no page of cellkinetics, so it is not replaced. Choose"
            " another name."
        )
    text = page_of(model)
    write_text(target, text)
    return target
