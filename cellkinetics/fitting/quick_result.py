"""The result folder of a quick answer: like that of a sampled fit, and marked in every file."""

import shutil
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.errors import FitError, QuickRefused
from cellkinetics.files import put_in_place, write_json
from cellkinetics.fitting.compile import compile_model
from cellkinetics.fitting.draws import take_draws
from cellkinetics.fitting.figures import curve_figures
from cellkinetics.fitting.folder import FitResult
from cellkinetics.fitting.place import (
    held,
    is_quick,
    is_taken,
    read_identity,
    refuse_foreign,
)
from cellkinetics.fitting.provenance import identity, keep_asked
from cellkinetics.fitting.quick import Approximation, approximate
from cellkinetics.fitting.quick_levels import make_levels
from cellkinetics.fitting.quick_subjects import warm_up
from cellkinetics.fitting.result import assemble, save_tree
from cellkinetics.fitting.summary import summarise
from cellkinetics.fitting.tables import individual_table, parameter_table, write_tables
from cellkinetics.joint import Joint, build_model

MARK = "APPROXIMATE (--quick)"
METHOD = "importance sampling from the mode, Pareto-smoothed; not sampled by NUTS"


def fit_quickly(
    joint: Joint,
    where: Path,
    target: Path,
    *,
    overwrite: bool = False,
    seed: int | None = None,
    started: float | None = None,
) -> FitResult:
    """Approximate the posterior of a fit and write its result folder.

    Parameters
    ----------
    joint : Joint
    where : Path                    folder of the fit
    target : Path                   result folder
    overwrite : bool                throw away an earlier quick answer; never a sampled fit
    seed : int, optional            in place of the seed in fit.toml
    started : float, optional       when the work began (``time.perf_counter``)

    Returns
    -------
    FitResult                       its ``approximate`` is true

    Raises
    ------
    QuickRefused                    the answer failed its checks; nothing is written
    FitError                        the folder is taken, or the model cannot be solved
    """
    with held(target) as place:
        _refuse_taken(place, overwrite=overwrite)
        return _fit_quickly(joint, where, place, seed=seed, started=started)


def _fit_quickly(
    joint: Joint, where: Path, target: Path, *, seed: int | None, started: float | None
) -> FitResult:
    started = time.perf_counter() if started is None else started
    own = {**identity(joint), "method": "quick"}
    if seed is not None:
        own["spec"]["seed"] = seed
    seed = int(own["spec"]["seed"])
    timings = {"prepare": time.perf_counter() - started}
    clock = time.perf_counter()
    model = build_model(joint)
    levels = make_levels(joint, model, compile_model(model))
    warm_up(levels)
    timings["compile"] = time.perf_counter() - clock
    clock = time.perf_counter()
    try:
        answer = approximate(levels, seed)
    except np.linalg.LinAlgError as error:
        raise QuickRefused(
            "The quick answer is refused, and nothing is written. The density has no usable"
            f" curvature at its mode ({error}): the priors may be very wide, or the data say"
            " nothing of a parameter. Sample the posterior: run the same command without --quick."
        ) from error
    timings["approximate"] = time.perf_counter() - clock
    if not all(check.passed for check in answer.checks):
        raise QuickRefused(_refusal(answer))

    clock = time.perf_counter()
    tree = _tree(joint, answer, seed)
    posterior = tree["posterior"].to_dataset()
    parameters = _worth(parameter_table(joint, posterior), answer)
    individuals, shrinkage = (
        table.assign(approximate=True) for table in individual_table(joint, posterior)
    )
    timings["results"] = time.perf_counter() - clock
    # Beside its place until it is whole: what is killed leaves no folder that looks like a result.
    folder = target.with_name(f".{target.name}.tmp")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_json(folder / "identity.json", own)
    save_tree(tree, folder / "posterior.zarr")
    write_tables(folder, joint, parameters, individuals, shrinkage)
    keep_asked(folder, joint, where)
    timings["files"] = time.perf_counter() - clock - timings["results"]
    clock = time.perf_counter()
    title = f"{MARK}: {joint.study.name}, {joint.model.name}"
    title += " (SIMULATED data)" if joint.study.simulated else ""
    curve_figures(joint, take_draws(joint, posterior), folder / "figures", "individual", title)
    timings["figures"] = time.perf_counter() - clock
    timings["total"] = time.perf_counter() - started
    summary = summarise(
        joint,
        own,
        parameters,
        shrinkage,
        checks={"passed": True, "checks": [asdict(check) for check in answer.checks]},
        sampling={"sampler": METHOD, "effective": answer.effective, "seed": seed}
        | {"attempts": answer.attempts, "mode_converged": answer.converged},
        timings=timings,
        approximate=True,
    )
    write_json(folder / "summary.json", summary)
    put_in_place(folder, target)
    return FitResult(target, tree, parameters, individuals, shrinkage, summary)


def _refusal(answer: Approximation) -> str:
    found = " ".join(check.sentence for check in answer.checks if not check.passed)
    return (
        f"The quick answer is refused, and nothing is written. {found}"
        " Sample the posterior: run the same command without --quick."
    )


def _refuse_taken(target: Path, *, overwrite: bool) -> None:
    """Refuse a folder that is taken: a sampled fit is never replaced by an approximation."""
    if not is_taken(target):
        return
    file = target / "identity.json"
    if not (file.is_file() and is_quick(read_identity(target))):
        what = "a sampled fit" if file.is_file() else "files that are no result of cellkinetics"
        raise FitError(
            f"{target} holds {what}, which --quick does not replace. Choose another --out."
        )
    if not overwrite:
        raise FitError(
            f"{target} holds an earlier quick answer. Replace it with --overwrite, or choose"
            " another --out."
        )
    refuse_foreign(target)


def _tree(joint: Joint, answer: Approximation, seed: int) -> xr.DataTree:
    draws = {name: answer.posterior[name] for name in ("chain", "draw")}
    statistics = xr.Dataset(
        {
            "lp": (("chain", "draw"), answer.log_density[None]),
            "diverging": (("chain", "draw"), np.zeros((1, len(answer.log_density)), dtype=bool)),
        },
        coords=draws,
    )
    drawn = xr.DataTree.from_dict({"posterior": answer.posterior, "sample_stats": statistics})
    tree = assemble(joint, drawn, seed=seed)
    tree.attrs = {"approximate": 1, "sampler": METHOD}
    return tree


def _worth(table: pd.DataFrame, answer: Approximation) -> pd.DataFrame:
    """Say what weighted draws are worth: the draws that were kept look like more."""
    count = answer.posterior.sizes["draw"]
    return table.assign(
        mcse=table["mcse"] * np.sqrt(count / answer.effective),
        r_hat=np.nan,
        ess_bulk=answer.effective,
        ess_tail=answer.effective,
        approximate=True,
    )
