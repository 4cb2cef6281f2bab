"""The main job: from a fit's folder to a checked result folder."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm

from cellkinetics.catalogue import find_fit, find_study
from cellkinetics.errors import FitError, StudyError
from cellkinetics.files import (
    Maker,
    check_folder,
    write_csv,
    write_json,
    write_whole,
)
from cellkinetics.fitting.diagnostics import diagnose
from cellkinetics.fitting.figures import draw_figures, prior_curves
from cellkinetics.fitting.folder import FitResult, load_fit
from cellkinetics.fitting.place import held, open_folder
from cellkinetics.fitting.prior import prior_draws
from cellkinetics.fitting.provenance import identity, keep_asked
from cellkinetics.fitting.quick_result import fit_quickly
from cellkinetics.fitting.result import assemble, save_tree
from cellkinetics.fitting.sampling import compile_model, sample
from cellkinetics.fitting.summary import summarise
from cellkinetics.fitting.tables import individual_table, parameter_table, prior_table, write_tables
from cellkinetics.joint import Joint, build_model, join
from cellkinetics.spec import model_of, read_spec
from cellkinetics.study import read_study

__all__ = ["FitResult", "PriorView", "build", "fit", "load_fit", "prepare", "priors"]

LOW_RANK_UP_TO = 80
"""Unconstrained parameters up to which a mass matrix of low rank pays off."""


def prepare(fit_name: str | Path, *, study: str | Path | None = None) -> tuple[Path, Joint]:
    """Read everything that a fit names and join it.

    Parameters
    ----------
    fit_name : str or path          a folder with fit.toml, or the name of a shipped fit
    study : str or path, optional   in place of the study that fit.toml names

    Returns
    -------
    (folder of the fit, Joint)
    """
    folder = find_fit(fit_name)
    spec = read_spec(folder)
    data = read_study(
        find_study(study) if study else find_study(spec.study, near=folder),
        assume_lloq=spec.assume_lloq,
        **spec.nonmem_options(),
    )
    return folder, join(data, model_of(spec, folder), spec)


def build(fit_name: str | Path, *, study: str | Path | None = None) -> pm.Model:
    """The posterior of a fit as a plain ``pm.Model``, to be looked at or sampled by other means."""
    return build_model(prepare(fit_name, study=study)[1])


def fit(
    fit_name: str | Path,
    *,
    out: str | Path | None = None,
    study: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    record: bool = False,
    cores: int | None = None,
    seed: int | None = None,
    progress: bool = True,
    quick: bool = False,
) -> FitResult:
    """Sample the posterior of a fit and write its result folder.

    Parameters
    ----------
    fit_name : str or path          a folder with fit.toml, or the name of a shipped fit
    out : path, optional            result folder; default ``results/NAME`` here, with ``quick``
                                    ``results/NAME-quick``
    study : str or path, optional   in place of the study that fit.toml names
    resume : bool                   continue a run that was killed
    overwrite : bool                throw away an earlier result
    record : bool                   copy summary.json beside fit.toml
    cores : int, optional           default: all, at most one a chain
    seed : int, optional            in place of the seed in fit.toml
    progress : bool                 show progress on the terminal, or as lines in a log
    quick : bool                    an approximate answer in seconds, by importance sampling from
                                    the mode; ``resume``, ``record`` and ``cores`` do not go with it

    Returns
    -------
    FitResult                       its ``passed`` says whether the fit's own checks passed

    Raises
    ------
    StudyError, SpecError, ModelError, FitError
    QuickRefused                    the quick answer failed its checks; nothing is written
    """
    started = time.perf_counter()
    _refuse_together(resume=resume, overwrite=overwrite)
    _refuse_numbers(seed=(seed, 0), cores=(cores, 1))
    if quick:
        _refuse_with_quick(resume=resume, record=record, cores=cores is not None)
        where, joint = prepare(fit_name, study=study)
        if joint.population.classes is not None:
            raise FitError(
                "--quick does not go with classes of patients: it looks for one mode of each"
                " subject, and each class may have one. Leave --quick out, or say use = false"
                " under [classes] in fit.toml."
            )
        target = Path(out) if out is not None else Path("results") / f"{where.name}-quick"
        return fit_quickly(joint, where, target, overwrite=overwrite, seed=seed, started=started)
    where, joint = prepare(fit_name, study=study)
    if record and study is not None:
        _refuse_other_study(joint, where)
    own = identity(joint)
    if seed is not None:
        own["spec"]["seed"] = seed
    with held(Path(out) if out is not None else Path("results") / where.name) as target:
        open_folder(target, own, resume=resume, overwrite=overwrite)
        result = _sample_into(
            target,
            joint,
            where,
            own,
            resume=resume,
            cores=cores,
            progress=progress,
            started=started,
        )
    if record:
        write_json(where / "summary.json", result.summary)
    return result


def _sample_into(
    target: Path,
    joint: Joint,
    where: Path,
    own: dict[str, Any],
    *,
    resume: bool,
    cores: int | None,
    progress: bool,
    started: float,
) -> FitResult:
    timings = {"prepare": time.perf_counter() - started}

    sampler = joint.spec.sampler
    compiled = compile_model(build_model(joint))
    timings["compile"] = compiled.seconds
    clock = time.perf_counter()
    drawn = sample(
        compiled,
        draws=sampler.draws,
        tune=sampler.tune,
        chains=sampler.chains,
        cores=cores,
        seed=own["spec"]["seed"],
        target_accept=sampler.target_accept,
        maxdepth=sampler.maxdepth,
        adaptation=mass_matrix(sampler.adaptation, compiled.start.size),
        folder=target / "checkpoint",
        resume=resume,
        progress=progress,
    )
    timings["sample"] = time.perf_counter() - clock
    clock = time.perf_counter()
    diagnostics = diagnose(drawn)
    tree = assemble(joint, drawn, seed=own["spec"]["seed"])
    save_tree(tree, target / "posterior.zarr")
    posterior = tree["posterior"].to_dataset()
    parameters = parameter_table(joint, posterior)
    individuals, shrinkage = individual_table(joint, posterior)
    write_tables(target, joint, parameters, individuals, shrinkage)
    keep_asked(target, joint, where)
    draw_figures(joint, tree, target / "figures")
    timings["results"] = time.perf_counter() - clock
    timings["total"] = time.perf_counter() - started
    summary = summarise(
        joint,
        own,
        parameters,
        shrinkage,
        checks=diagnostics.to_dict(),
        sampling={str(k): v for k, v in drawn.attrs.items()},
        timings=timings,
    )
    # Last: its presence says that the result is whole.
    write_json(target / "summary.json", summary)
    return FitResult(target, tree, parameters, individuals, shrinkage, summary)


def _refuse_together(*, resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise FitError(
            "--resume continues an earlier run and --overwrite throws it away. Leave one of them"
            " out."
        )


def _refuse_numbers(**given: tuple[int | None, int]) -> None:
    for name, (value, least) in given.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise FitError(f"{name} is {value!r}; wanted a whole number, {least} or more.")


def _refuse_other_study(joint: Joint, where: Path) -> None:
    """Refuse to record beside fit.toml what was found in another study than it names."""
    named = joint.spec.study
    try:
        wanted = read_study(find_study(named, near=where), **joint.spec.nonmem_options()).name
    except StudyError:  # its data are not here: the name has to do
        wanted = Path(named).name
    if joint.study.name != wanted:
        raise FitError(
            f"--record keeps summary.json beside the fit.toml of study '{wanted}'; --study gave"
            f" '{joint.study.name}'. Leave --record out, or make a fit of its own for that study."
        )


def _refuse_with_quick(**given: bool) -> None:
    reasons = {
        "resume": "it takes seconds and has nothing to continue",
        "record": "summary.json beside fit.toml is that of a sampled posterior",
        "cores": "it runs on one",
    }
    for option, reason in reasons.items():
        if given[option]:
            raise FitError(f"--quick does not go with --{option}: {reason}. Leave one of them out.")


def mass_matrix(wanted: str, parameters: int) -> str:
    """The mass matrix: of low rank where there are few parameters, its updates being dear."""
    if wanted != "auto":
        return wanted
    return "low_rank" if parameters <= LOW_RANK_UP_TO else "diag"


_PRIORS = Maker("priors.json", "cellkinetics priors", FitError)


@dataclass(frozen=True)
class PriorView:
    """What a fit believes before it has seen data: its table and its figures."""

    folder: Path
    name: str
    parameters: pd.DataFrame
    figures: tuple[Path, ...]


def priors(
    fit_name: str | Path,
    *,
    out: str | Path | None = None,
    study: str | Path | None = None,
    draws: int = 2000,
    seed: int = 1,
    overwrite: bool = False,
) -> PriorView:
    """Show what the priors of a fit imply, before anything is sampled.

    Parameters
    ----------
    fit_name : str or path
    out : path, optional            default ``results/NAME-priors`` here
    study : str or path, optional   in place of the study that fit.toml names
    draws : int
    seed : int
    overwrite : bool                replace an earlier result of this function

    Returns
    -------
    PriorView                       its files are priors.csv, priors.json (what the folder holds)
                                    and figures of the prior's curves

    Raises
    ------
    StudyError, SpecError, ModelError
    FitError                        a folder that holds what is not ours, or an earlier result
    """
    _refuse_numbers(draws=(draws, 1), seed=(seed, 0))
    where, joint = prepare(fit_name, study=study)
    folder = out if out is not None else Path("results") / f"{where.name}-priors"
    target = check_folder(folder, _PRIORS, overwrite=overwrite)
    group = prior_draws(joint, draws, np.random.default_rng(seed))
    table = prior_table(joint, group)
    drawn: list[str] = []

    def fill(place: Path) -> None:
        write_csv(place / "priors.csv", table)
        drawn.extend(figure.name for figure in prior_curves(joint, group, place))
        files = ["priors.csv", *drawn]
        write_json(place / _PRIORS.mark, {"kind": _PRIORS.kind, "files": files})

    write_whole(folder, _PRIORS, fill, overwrite=overwrite)
    return PriorView(target, where.name, table, tuple(target / name for name in drawn))
