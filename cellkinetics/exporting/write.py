"""A model as SBML or a fit as Stan, written to a file that is whole or not there."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellkinetics.catalogue import find_fit, load_model
from cellkinetics.declare import Model
from cellkinetics.errors import FitError, ModelError, SpecError, did_you_mean
from cellkinetics.exporting.sbml import sbml_text
from cellkinetics.exporting.sbml_check import check_sbml
from cellkinetics.exporting.sbml_notes import left_out
from cellkinetics.files import write_json, write_text

if TYPE_CHECKING:
    from cellkinetics.joint import Joint

FORMATS = ("sbml", "stan")
_SUFFIX = {"sbml": ".xml", "stan": ".stan"}


@dataclass(frozen=True)
class Exported:
    """What was written: the files, whether and how the text was checked, and what it leaves out."""

    name: str
    format: str
    files: tuple[Path, ...]
    checked: str
    warnings: tuple[str, ...]
    left_out: tuple[str, ...]


def export(
    name: str | Path,
    *,
    format: str,
    out: str | Path | None = None,
    example: str | None = None,
    patient_class: str | None = None,
    study: str | Path | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write a model as SBML, or a whole fit as a Stan program with its data.

    Parameters
    ----------
    name : str or path              a model (SBML) or a fit (Stan)
    format : 'sbml', 'stan'
    out : path, optional            file to write; default NAME.xml or NAME.stan here. Stan's data
                                    go beside it, with the ending .json
    example, patient_class : str, optional
                                    SBML: whose values; default: the typical patient
    study : str or path, optional   Stan: in place of the study in fit.toml
    overwrite : bool                replace files that are there

    Returns
    -------
    Exported

    Raises
    ------
    ModelError, SpecError, StudyError
                                    nothing of that name, or something in it that the format has no
                                    form for
    FitError                        the file is there already, or its folder is not
    """
    if format not in FORMATS:
        raise SpecError(f"--format {format}: {did_you_mean(format, FORMATS)}")
    if format == "sbml":
        if study is not None:
            raise SpecError("--study goes with --format stan: SBML holds a model, without data.")
        model = _model(name)
        target = _target(out, model.name, format)
        refuse_existing([target], overwrite=overwrite)
        text = sbml_text(model, example=example, patient_class=patient_class)
        check = check_sbml(text)
        write_text(target, text)
        if check.version is None:
            checked = "not checked: python-libsbml is not installed (cellkinetics[export] has it)"
        else:
            checked = f"libsbml {check.version} found no error"
            if check.unchecked:
                checked += f"; units of {check.unchecked} equations it cannot check in full"
        missing = tuple(left_out(model))
        return Exported(model.name, format, (target,), checked, check.warnings, missing)
    if example is not None or patient_class is not None:
        raise SpecError("--example and --class go with --format sbml: a fit has its own patients.")
    return _stan(name, out, study, overwrite=overwrite)


def _stan(
    name: str | Path, out: str | Path | None, study: str | Path | None, *, overwrite: bool
) -> Exported:
    # Late: a fit's parts wake PyMC, which SBML does not need.
    from cellkinetics.exporting.stan import stan_program  # noqa: PLC0415
    from cellkinetics.exporting.stan_data import stan_data  # noqa: PLC0415
    from cellkinetics.fitting.run import prepare  # noqa: PLC0415

    try:
        folder, joint = prepare(name, study=study)
    except SpecError as error:
        try:
            load_model(name)
        except ModelError:
            raise error from None
        raise SpecError(
            f"'{name}' is a model, and Stan gets a whole fit: readings, population and priors."
            " Name a fit (a folder with fit.toml), or export the model with --format sbml."
        ) from None
    target = _target(out, folder.name, "stan")
    data_file = target.with_suffix(".json")
    refuse_existing([target, data_file], overwrite=overwrite)
    program, data = stan_program(joint), stan_data(joint)
    write_json(data_file, data)
    write_text(target, program)
    return Exported(
        folder.name,
        "stan",
        (target, data_file),
        "not compiled: log density and gradient of such programs are held against our own by test",
        (),
        tuple(_not_in_stan(joint)),
    )


def _not_in_stan(joint: "Joint") -> list[str]:
    texts = []
    if joint.model.stochastic is not None:
        texts.append("dying out by chance, which no fit uses: the equations are deterministic")
    count = len(joint.observations.left_out)
    if count:
        texts.append(f"{count} samples kept out of the likelihood ('cellkinetics check' says why)")
    return texts


def _model(name: str | Path) -> Model:
    try:
        return load_model(name)
    except ModelError as error:
        try:
            folder = find_fit(name)
        except SpecError:
            raise error from None
        raise ModelError(
            f"'{name}' is a fit ({folder.name}), and SBML holds a model with one patient. Name its"
            " model, or export the fit with --format stan."
        ) from None


def _target(out: str | Path | None, name: str, format: str) -> Path:
    suffix = _SUFFIX[format]
    if out is None:
        return Path(re.sub(r"[^\w.-]", "_", name) + suffix)
    target = Path(out)
    if format == "stan" and target.suffix == ".json":
        raise SpecError(f"--out {target}: this is where the data go. Give the program's, .stan.")
    return target


def refuse_existing(files: list[Path], *, overwrite: bool) -> None:
    """Refuse a place where nothing can be written, or where something is that may not be lost.

    Raises
    ------
    FitError
    """
    for file in files:
        if not file.parent.is_dir():
            raise FitError(f"There is no folder '{file.parent}'. Make it, or choose another --out.")
        if file.is_dir():
            raise FitError(f"{file} is a folder; --out names a file.")
        if file.exists() and not overwrite:
            raise FitError(f"{file} is there already. Replace it with --overwrite.")
