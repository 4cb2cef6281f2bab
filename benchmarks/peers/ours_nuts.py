"""This package's engine on the same posteriors: shipped models, kernel and density Ops, nutpie."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt

from cellkinetics.catalogue import load_model
from cellkinetics.declare import Model
from cellkinetics.kernel.compiled import MAX_STEPS, Kernel, build_kernel
from cellkinetics.kernel.density_op import log_density_rows
from cellkinetics.kernel.layout import Rows, ragged_start, regular_dosing
from cellkinetics.kernel.op import KernelOp
from peers.clock import cpu_seconds
from posterior import BLOCKS, ODE_TOLERANCE, Posterior, flat, load, save

# Our names of the posterior's parameters, in its order. An infusion of V cells makes E(0) = f.
WRT = {
    "stein": ("fold_expansion", "t_max", "c_max", "alpha", "f_b", "beta"),
    "antigen": (
        *("rho", "k_a", "alpha", "k", "beta", "g", "kill", "k_e", "f_survive", "b_0", "b_max"),
    ),
}
OBSERVABLES = {"stein": ("transgene",), "antigen": ("car_t", "tumour_cells")}


def shipped(name: str) -> Model:
    """The catalogue's model; Stein's FB, a fraction, on the logit scale as the posterior has it."""
    declared = load_model({"stein": "stein2019", "antigen": "antigen_driven"}[name])
    parameters = tuple(
        dataclasses.replace(q, scale="logit") if q.name == "f_b" else q for q in declared.parameters
    )
    return dataclasses.replace(declared, parameters=parameters)


def model(posterior: Posterior) -> pm.Model:
    """Joint density with the blocks ``mu, log_omega, log_sigma, eta``."""
    declared = shipped(posterior.name)
    kernel = build_kernel(declared, WRT[posterior.name])
    known = {q.name: q.typical for q in declared.parameters}
    known |= {q.name: q.default for q in declared.inputs}
    subjects = len(posterior.subjects)
    infusions = [(0.0, known["v_blood"])] if posterior.name == "antigen" else []
    dosing = regular_dosing(infusions, subjects)
    rows = _rows(posterior, kernel)
    constants = np.tile([known[name] for name in kernel.constants], (subjects, 1))
    with pm.Model() as built:
        block = {
            name: pm.Normal(name, mean, sd, shape=mean.shape)
            for name, (mean, sd) in posterior.prior().items()
        }
        typical = pt.tile(block["mu"], (subjects, 1))
        deviation = pt.exp(block["log_omega"]) * block["eta"]
        phi = pt.inc_subtensor(typical[:, np.array(posterior.varying)], deviation)
        prediction = KernelOp(kernel).make_node(
            phi, constants, dosing.start, dosing.time, dosing.cells,
            rows.start, rows.time, rows.observable, ODE_TOLERANCE, MAX_STEPS,
        )  # fmt: skip
        log_f = prediction.outputs[0]
        sd = pt.exp(block["log_sigma"])[posterior.analyte]
        count, zeros = posterior.time.size, np.zeros(posterior.time.size)
        value = np.exp(posterior.log_value)
        readings = log_density_rows(
            log_f,
            sd,
            zeros,
            family=np.zeros(count, dtype=np.int64),
            kind=posterior.censored.astype(np.int64),
            value=value,
            lower=zeros,
            upper=value,
            floor=np.full(count, -np.inf),
            nu=np.ones(count),
            pred_is_log=np.ones(count, dtype=bool),
        )
        pm.Potential("readings", readings.sum())
    return built


def _rows(posterior: Posterior, kernel: Kernel) -> Rows:
    asked = [kernel.outputs.index(name) for name in OBSERVABLES[posterior.name]]
    return Rows(
        start=ragged_start(posterior.subject, len(posterior.subjects)),
        time=posterior.time,
        observable=np.array(asked)[posterior.analyte],
    )


def prepare(*, threads: int, problem: str) -> dict[str, Callable[..., Any]]:
    """Return the worker's methods."""
    posterior = load(problem)
    built = model(posterior)
    started = time.perf_counter()
    compiled = nutpie.compile_pymc_model(built, backend="numba")
    compile_seconds = time.perf_counter() - started
    density = built.logp_dlogp_function(ravel_inputs=True, mode="NUMBA")
    density.set_extra_values({})

    def evaluate(point: list[float]) -> dict[str, Any]:
        value, gradient = density(np.array(point))
        return {"log_density": float(value), "gradient": gradient.tolist()}

    def sample(
        *, seed: int, chains: int, warmup: int, draws: int, target: float, path: str
    ) -> dict[str, float]:
        starts = iter(range(chains))

        def start(_: int) -> np.ndarray:
            return flat(posterior.start(1000 * seed + next(starts)))

        started, cpu = time.perf_counter(), cpu_seconds()
        trace = nutpie.sample(
            dataclasses.replace(compiled, initial_point_func=start),
            draws=draws,
            tune=warmup,
            chains=chains,
            cores=threads,
            seed=seed,
            target_accept=target,
            progress_bar=False,
        )
        took, used = time.perf_counter() - started, cpu_seconds() - cpu
        save(path, {name: trace.posterior[name].values for name in BLOCKS})
        return {
            "seconds": took,
            "cpu_seconds": used,
            "steps": float(trace.sample_stats.n_steps.sum()),
            "divergences": float(trace.sample_stats.diverging.sum()),
        }

    return {
        "compile_seconds": lambda: compile_seconds,
        "evaluate": evaluate,
        "sample": sample,
    }
