"""A commented model file to start from, which passes the contract as it is."""

import os
import re
from importlib.resources import files
from pathlib import Path

from cellkinetics.errors import ModelError
from cellkinetics.files import write_text


def new_model(path: str | Path) -> Path:
    """Write a starting file.

    Parameters
    ----------
    path : path                     a new file, ending in .py; the model is called after it

    Returns
    -------
    Path

    Raises
    ------
    ModelError                      it exists, does not end in .py, or its folder does not exist
    """
    target = Path(path)
    if target.suffix != ".py":
        raise ModelError(
            f"{path}: a model file ends in .py, such as {target.stem or 'my_model'}.py."
        )
    if os.path.lexists(target):
        raise ModelError(f"{path} exists and is not overwritten. Choose another name.")
    if not target.parent.is_dir():
        raise ModelError(f"{path}: there is no folder '{target.parent}'. Make it first.")
    name = re.sub(r"\W+", "_", target.stem, flags=re.ASCII).strip("_") or "my_model"
    text = files("cellkinetics.contract").joinpath("starting_model.py").read_text(encoding="utf-8")
    if re.fullmatch(r"[\w.-]+", target.name):  # another name could end the text that it stands in
        text = text.replace("my_model.py", target.name)
    write_text(target, text.replace('name="my_model"', f'name="{name}"'))
    return target
