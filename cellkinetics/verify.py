"""``cellkinetics check``: a study by itself, or together with what a fit makes of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cellkinetics.catalogue import find_fit, find_study, model_names
from cellkinetics.errors import CellKineticsError, SpecError
from cellkinetics.study import Finding, Study, check_study, read_study
from cellkinetics.study.exclusions import REASONS
from cellkinetics.study.findings import counted, finding, in_order, listed
from cellkinetics.study.nonmem_layout import NonmemOptions

if TYPE_CHECKING:
    from cellkinetics.declare import Model
    from cellkinetics.spec import FitSpec


def parse_limits(texts: Sequence[str]) -> dict[str, float]:
    """Read ``["qpcr=50"]`` as ``{"qpcr": 50.0}``.

    Raises
    ------
    SpecError                       a text of another form
    """
    out: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            out[name.strip()] = float(value)
        except ValueError:
            raise SpecError(
                f"--assume-lloq {text}: wanted ANALYTE=VALUE, such as qpcr=50."
            ) from None
    return out


def check_anything(
    name: str | Path,
    *,
    assume_lloq: Mapping[str, float] | None = None,
    study: str | Path | None = None,
    options: NonmemOptions | None = None,
) -> list[Finding]:
    """Check a model file, a fit where there is one of that name, else a study or a shipped model.

    Parameters
    ----------
    name : str or path
    assume_lloq : mapping, optional     limit of analytes whose rows give none; for a fit, on top of
                                        what its fit.toml assumes
    study : str or path, optional       of a fit, in place of the study in fit.toml
    options : NonmemOptions, optional   of a NONMEM-style CSV, which no fit is

    Returns
    -------
    list of Finding

    Raises
    ------
    SpecError                           ``study`` without a fit; fit.toml cannot be read
    StudyError, ModelError              nothing of that name
    """
    if options:
        if study is not None:
            raise SpecError("--study goes with a fit, whose fit.toml says what a CSV means.")
        return check_study(find_study(name), assume_lloq=assume_lloq, **options)
    if str(name).endswith(".py"):
        if study is not None or assume_lloq:
            raise SpecError(f"{name} is a model: --study and --assume-lloq do not go with it.")
        from cellkinetics.contract import check_file  # noqa: PLC0415  (wakes numba)

        return check_file(name)
    try:
        folder = find_fit(name)
    except SpecError as not_a_fit:
        if study is not None:
            raise SpecError(f"--study goes with a fit: {not_a_fit}") from None
        try:
            alone = find_study(name)
        except CellKineticsError as not_a_study:
            if str(name) in model_names():
                from cellkinetics.contract import check_shipped  # noqa: PLC0415

                return check_shipped(str(name))
            raise type(not_a_study)(f"{not_a_study} {not_a_fit}") from None
        return check_study(alone, assume_lloq=assume_lloq)
    return check_fit(folder, assume_lloq=assume_lloq, study=study)


def check_fit(
    folder: Path,
    *,
    assume_lloq: Mapping[str, float] | None = None,
    study: str | Path | None = None,
) -> list[Finding]:
    """Findings that concern a fit: its study's, and what does not enter its likelihood.

    Parameters
    ----------
    folder : Path                   with a fit.toml
    assume_lloq, study              as in ``check_anything``

    Returns
    -------
    list of Finding                 errors first; one that the fit cannot be built is among them
    """
    # What a fit needs wakes numba; a study alone does not.
    from cellkinetics.spec import model_of, read_spec  # noqa: PLC0415

    spec = read_spec(folder)
    limits = {**spec.assume_lloq, **(assume_lloq or {})}
    path = find_study(study) if study else find_study(spec.study, near=folder)
    findings = check_study(path, assume_lloq=limits, **spec.nonmem_options())
    if any(f.severity == "error" for f in findings):
        return findings
    model = model_of(spec, folder)
    data = read_study(path, assume_lloq=limits, **spec.nonmem_options())
    return in_order([*_infusions(findings, data, model), *_what_enters(data, model, spec)])


def _infusions(findings: list[Finding], study: Study, model: "Model") -> list[Finding]:
    """Put in place of the study's words on further infusions what this model makes of them."""
    if model.infuse is not None:
        return findings
    kept = [f for f in findings if f.code != "several-infusions"]
    count = study.infusions["subject"].value_counts()
    several = [str(s) for s in count.index[count > 1]]
    if several:
        kept.append(
            finding(
                "infusions-ignored",
                "infusions",
                came=f"more than one infusion (subjects {listed(several)})",
                wanted=f"one a subject: {model.name} ignores every infusion after the first",
                cure="Use a model that declares infuse(), or keep the samples after a second"
                " infusion out.",
            )
        )
    return kept


def _what_enters(study: Study, model: "Model", spec: "FitSpec") -> list[Finding]:
    """Find what does not enter the likelihood, and whether the fit can be built at all."""
    from cellkinetics.observation import (  # noqa: PLC0415
        covariate_table,
        dosing_of,
        kernel_constants,
        observe_study,
    )
    from cellkinetics.population import make_population  # noqa: PLC0415

    findings: list[Finding] = []
    try:
        observations = observe_study(study, model, spec)
    except CellKineticsError as error:
        return [_cannot_be_built(error)]
    try:
        subjects = observations.subjects
        population = make_population(model, spec, covariate_table(study, subjects))
        dosing_of(study, model, subjects)
        names = tuple(q.name for q in model.inputs)
        kernel_constants(study, model, subjects, names, population.constants)
    except CellKineticsError as error:
        findings.append(_cannot_be_built(error))
    for unused, count in observations.unused.items():
        findings.append(
            finding(
                "analyte-not-fitted",
                "fit",
                file="fit.toml",
                came=f"{counted(count, 'row')} of analyte '{unused}', which this fit does not use",
                cure=f"To use them, add [analytes.{unused}].",
            )
        )
    for name, rows in observations.table.groupby("analyte", sort=False):
        specimens = [f"'{s}' ({len(of)})" for s, of in rows.groupby("specimen", dropna=False)]
        if len(specimens) > 1:
            findings.append(
                finding(
                    "specimens-mixed",
                    "samples",
                    column="specimen",
                    came=f"rows of '{name}' of more than one specimen: {listed(specimens)}",
                    wanted="one: the model reads them all as the same quantity",
                    cure=f"Choose one: specimen = ... under [analytes.{name}] in fit.toml.",
                )
            )
    for (analyte, reason), rows in observations.left_out.groupby(["analyte", "reason"], sort=False):
        left = ", ".join(dict.fromkeys(rows["subject"]))
        findings.append(
            finding(
                "rows-left-out",
                "samples",
                came=f"{counted(len(rows), 'row')} of '{analyte}' left out ({reason}; "
                f"{'subjects' if ', ' in left else 'subject'} {left})",
                cure=f"keep = ['{reason}'] in fit.toml takes them in." if reason in REASONS else "",
            )
        )
    return findings


def _cannot_be_built(error: CellKineticsError) -> Finding:
    return finding(
        "fit-cannot-be-built",
        "fit",
        file="fit.toml",
        came="a fit that cannot be built",
        cure=str(error).removeprefix("fit.toml: "),
    )
