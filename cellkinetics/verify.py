"""``cellkinetics check``: a study by itself, or together with what a fit makes of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellkinetics.catalogue import find_fit, find_study, load_model
from cellkinetics.errors import CellKineticsError, SpecError
from cellkinetics.study import Finding, check_study, read_study
from cellkinetics.study.exclusions import REASONS
from cellkinetics.study.findings import finding


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
    name: str | Path, *, assume_lloq: Mapping[str, float] | None = None
) -> list[Finding]:
    """Check a fit where there is one of that name, else a study.

    Parameters
    ----------
    name : str or path
    assume_lloq : mapping, optional     limit of analytes whose rows give none

    Returns
    -------
    list of Finding
    """
    try:
        folder = find_fit(name)
    except SpecError as not_a_fit:
        try:
            study = find_study(name)
        except CellKineticsError as not_a_study:
            raise type(not_a_study)(f"{not_a_study} {not_a_fit}") from None
        return check_study(study, assume_lloq=assume_lloq)
    return check_fit(folder)


def check_fit(folder: Path) -> list[Finding]:
    """Findings that concern a fit: its study's, and what does not enter its likelihood.

    Parameters
    ----------
    folder : Path                   with a fit.toml

    Returns
    -------
    list of Finding
    """
    # What a fit needs wakes numba; a study alone does not.
    from cellkinetics.observation import observe_study  # noqa: PLC0415
    from cellkinetics.spec import read_spec  # noqa: PLC0415

    spec = read_spec(folder)
    path = find_study(spec.study, near=folder)
    findings = check_study(path, assume_lloq=spec.assume_lloq, **spec.nonmem_options())
    if any(f.severity == "error" for f in findings):
        return findings
    observations = observe_study(
        read_study(path, assume_lloq=spec.assume_lloq, **spec.nonmem_options()),
        load_model(spec.model),
        spec,
    )
    for unused, count in observations.unused.items():
        findings.append(
            finding(
                "analyte-not-fitted",
                "fit",
                file="fit.toml",
                came=f"{count} rows of analyte '{unused}' that this fit does not use",
                cure=f"To use them, add [analytes.{unused}].",
            )
        )
    left = observations.left_out
    for (analyte, reason), rows in left.groupby(["analyte", "reason"], sort=False):
        subjects = ", ".join(dict.fromkeys(rows["subject"]))
        findings.append(
            finding(
                "rows-left-out",
                "samples",
                came=f"{len(rows)} rows of '{analyte}' left out ({reason}; subjects {subjects})",
                cure=f"keep = ['{reason}'] in fit.toml takes them in." if reason in REASONS else "",
            )
        )
    return findings
