"""Fits of the same readings compared: what each says of a subject that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellkinetics.catalogue import find_fit, find_study, load_model
from cellkinetics.errors import FitError
from cellkinetics.files import Maker, check_folder, write_csv, write_json, write_whole
from cellkinetics.fitting.compile import compile_model
from cellkinetics.fitting.folder import FitResult, load_fit
from cellkinetics.fitting.leave_out import MAX_NOISE, leave_out
from cellkinetics.fitting.provenance import changes, identity
from cellkinetics.fitting.quick_levels import make_levels
from cellkinetics.fitting.refit import refit_without
from cellkinetics.fitting.same_rows import refuse_other_rows
from cellkinetics.joint import Joint, build_model, join
from cellkinetics.spec import model_file, read_spec
from cellkinetics.study import read_study

MAX_K = 0.7
REFIT_UP_TO = 10
"""Subjects up to which every one is left out by a new fit: one of few moves the posterior too far
for weights to follow, and their k is no witness of that."""

MAKER = Maker("compare.json", "cellkinetics compare", FitError)
NAMED = 5
"""How many subjects a sentence names."""


@dataclass(frozen=True)
class Comparison:
    """Fits compared by leaving out subjects.

    Attributes
    ----------
    fits : DataFrame                fit, model, subjects, elpd, se, difference (from the best),
                                    se_difference, p_loo, largest_k, refits, incomplete; best first
    subjects : DataFrame            fit, subject, rows, elpd, lpd, k, noise, refitted, trusted
    failures : tuple of str         why an answer is not complete, or not to be trusted
    """

    fits: pd.DataFrame
    subjects: pd.DataFrame
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every number is there and can be trusted."""
        return not self.failures


@dataclass(frozen=True)
class _Opened:
    label: str
    result: FitResult
    joint: Joint


def compare(
    *results: str | Path | FitResult,
    refit: bool = False,
    study: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    seed: int = 1,
    cores: int | None = None,
    progress: bool = True,
) -> Comparison:
    """Compare fits by the log predictive density of subjects left out.

    A subject's own parameters are integrated out. Where its Pareto k is above 0.7, and always with
    ten subjects or fewer, the fit has to be sampled again without it.

    Parameters
    ----------
    *results : path, name or FitResult      result folders; a fit's name stands for its result in
                                            ``results/NAME`` here
    refit : bool                    sample again where it is needed; otherwise say where
    study : str or path, optional   in place of the study that each fit.toml names
    out : path, optional            folder for compare.csv and compare_subjects.csv
    overwrite : bool                replace an earlier comparison in ``out``
    seed : int
    cores : int, optional           of refits
    progress : bool                 show the progress of refits on standard error

    Returns
    -------
    Comparison

    Raises
    ------
    FitError                        no result, a quick one, one of other data; fits that do not see
                                    the same readings; classes of patients
    """
    if out is not None:
        check_folder(out, MAKER, overwrite=overwrite)
    if not results:
        raise FitError("There is nothing to compare: name one result or more.")
    opened = _labelled([_open(each, study) for each in results])
    for other in opened[1:]:
        refuse_other_rows(opened[0].joint, other.joint, opened[0].label, other.label)
    subjects, failures = [], []
    for each in opened:
        table, why = _leave_out(each, refit=refit, seed=seed, cores=cores, progress=progress)
        subjects.append(table)
        failures += why
    found = Comparison(_summary(opened, subjects), pd.concat(subjects), tuple(failures))
    if out is not None:
        _write(found, out, overwrite=overwrite)
    return found


def _open(what: str | Path | FitResult, study: str | Path | None) -> _Opened:
    """A result and the fit that it is of, made again from the files that it keeps."""
    where = None
    folder = what.folder if isinstance(what, FitResult) else Path(what)
    if not (folder / "identity.json").is_file():
        where = find_fit(folder)
        folder = Path("results") / where.name
        if not (folder / "summary.json").is_file():
            raise FitError(
                f"{where.name} has no result at {folder}. Run 'cellkinetics fit {what}' first, or"
                " name the folder of its result."
            )
    result = what if isinstance(what, FitResult) else load_fit(folder)
    if result.approximate:
        raise FitError(
            f"{folder} is a quick answer: subjects are left out of sampled posteriors only. Run"
            " 'cellkinetics fit' without --quick."
        )
    spec = read_spec(folder)
    own = folder / "model.py"
    named = model_file(spec, where or folder)
    data = read_study(
        find_study(study) if study else find_study(spec.study, near=where or folder),
        assume_lloq=spec.assume_lloq,
        **spec.nonmem_options(),
    )
    joint = join(data, load_model(own if own.is_file() else named or spec.model), spec)
    _refuse_changed(folder, result.summary["identity"], identity(joint))
    if joint.population.classes is not None:
        raise FitError(
            f"{folder} has classes of patients, which leaving out subjects does not know yet: a"
            " subject's own level has a mode in each class. Compare fits with use = false under"
            " [classes]."
        )
    return _Opened(folder.resolve().name, result, joint)


def _labelled(opened: Sequence[_Opened]) -> list[_Opened]:
    """Name each by its folder, and by the whole path where two folders have one name."""
    places = [each.result.folder.resolve() for each in opened]
    names = [place.name for place in places]
    for i, place in enumerate(places):
        if place in places[:i]:
            raise FitError(f"{opened[i].label} is named twice. Leave one of them out.")
    return [
        each if names.count(name) == 1 else replace(each, label=str(each.result.folder))
        for each, name in zip(opened, names, strict=True)
    ]


def _refuse_changed(folder: Path, was: dict[str, Any], now: dict[str, Any]) -> None:
    now["spec"]["seed"] = was["spec"]["seed"]  # may have been given on the command line
    found = changes(was, now)
    if found:
        raise FitError(
            f"{folder} is of something else than what is here now: {'; '.join(found)}. Undo the"
            " change, name the data that it was fitted to with --study, or fit again."
        )


def _leave_out(
    opened: _Opened, *, refit: bool, seed: int, cores: int | None, progress: bool
) -> tuple[pd.DataFrame, list[str]]:
    label, joint, failures = opened.label, opened.joint, []
    if not opened.result.passed:
        failures.append(f"{label}: the fit did not pass its own checks.")
    model = build_model(joint)
    levels = make_levels(joint, model, compile_model(model))
    posterior = opened.result.tree["posterior"].to_dataset()
    table, sites = leave_out(levels, posterior, seed=seed)
    few = len(table) <= REFIT_UP_TO
    needed = few | ~(table["k"] <= MAX_K)
    noisy = ~needed & ~(table["noise"] <= MAX_NOISE)
    table = table.assign(refitted=needed & refit, trusted=~needed & ~noisy)
    if refit:
        if needed.any() and len(table) == 1:
            raise FitError(f"{label} has one subject: without it there is nothing to fit.")
        for i in np.flatnonzero(needed).tolist():
            elpd, wrong = refit_without(
                levels, i, sites, seed=seed + 1 + i, cores=cores, progress=progress
            )
            table.loc[i, ["elpd", "trusted"]] = [elpd, not wrong]
            name = joint.subjects[i]
            failures += [f"{label} without {name}: {sentence}" for sentence in wrong]
    elif needed.any():
        why = (
            f"with {REFIT_UP_TO} subjects or fewer every one is left out by a new fit"
            if few
            else f"Pareto k is above {MAX_K} for {_named(table, needed)}"
        )
        failures.append(f"{label}: no total, {why}. Sample again without them: --refit.")
    if noisy.any():
        failures.append(
            f"{label}: the density of {_named(table, noisy)} is too noisy an estimate"
            f" (variance of its log above {MAX_NOISE})."
        )
    # Nothing that cannot be trusted stands among the numbers.
    missing = (needed & (not refit)) | noisy
    table["elpd"] = table["elpd"].mask(missing)
    table.insert(0, "fit", label)
    return table, failures


def _named(table: pd.DataFrame, chosen: "pd.Series[bool]") -> str:
    names = table.loc[chosen, "subject"].tolist()
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _summary(opened: Sequence[_Opened], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """A row a fit, best first; NaN where a subject is missing."""
    rows = []
    for each, table in zip(opened, tables, strict=True):
        elpd = table["elpd"].to_numpy()
        rows.append(
            {
                "fit": each.label,
                "model": each.joint.model.name,
                "subjects": len(table),
                "elpd": elpd.sum(),
                "se": np.sqrt(len(elpd)) * _sd(elpd),
                "p_loo": float(table["lpd"].sum() - elpd.sum()),
                "largest_k": table["k"].max(),
                "refits": int(table["refitted"].sum()),
                "incomplete": int(np.isnan(elpd).sum()),
            }
        )
    totals = np.array([row["elpd"] for row in rows])
    whole = np.flatnonzero(np.isfinite(totals))
    best = tables[whole[totals[whole].argmax()]]["elpd"].to_numpy() if len(whole) else np.nan
    for row, table in zip(rows, tables, strict=True):
        # Subject by subject: what is hard to foresee in one fit is so in the other.
        behind = table["elpd"].to_numpy() - best
        row["difference"] = behind.sum()
        row["se_difference"] = np.sqrt(len(behind)) * _sd(behind)
    frame = pd.DataFrame(rows).sort_values("elpd", ascending=False, kind="stable")
    columns = ["fit", "model", "subjects", "elpd", "se", "difference", "se_difference"]
    columns += ["p_loo", "largest_k", "refits", "incomplete"]
    return frame[columns].reset_index(drop=True)


def _sd(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _write(found: Comparison, out: str | Path, *, overwrite: bool) -> None:
    def fill(place: Path) -> None:
        write_csv(place / "compare.csv", found.fits)
        write_csv(place / "compare_subjects.csv", found.subjects)
        files = ["compare.csv", "compare_subjects.csv"]
        content = {"kind": MAKER.kind, "files": files, "failures": list(found.failures)}
        write_json(place / MAKER.mark, content)

    write_whole(out, MAKER, fill, overwrite=overwrite)
