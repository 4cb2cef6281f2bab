"""The two posteriors of the sampling benchmark: data, priors, starting points; no sampler.

`README.md` states them in words; every implementation reads the numbers from here. All parameters
live on the whole real line, in the blocks ``mu, log_omega, log_sigma, eta``, so that log densities
can be compared point by point with no Jacobian in between.
"""

import csv
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]
type Index = NDArray[np.int64]

LLOQ = 0.2
OMEGA_SPREAD = 0.5  # prior SD of every log omega
SIGMA_MEDIAN, SIGMA_SPREAD = 0.5, 0.5  # of every residual SD on the log scale
MEMORY_START = 0.02  # M(0), cells/uL, known
ODE_TOLERANCE = 1e-6  # relative and absolute, on log states and elasticities
BLOCKS = ("mu", "log_omega", "log_sigma", "eta")


@dataclass(frozen=True)
class Parameter:
    """Prior of one parameter: typical value, SD of its logarithm (or logit), median omega.

    ``omega`` None: the same for all subjects.
    """

    name: str
    median: float
    spread: float
    omega: float | None = None
    logit: bool = False

    @property
    def centre(self) -> float:
        """Prior mean of the typical value on the transformed scale."""
        return math.log(self.median / (1 - self.median) if self.logit else self.median)


STEIN = (
    Parameter("foldx", 3900.0, 1.0, 1.5),
    Parameter("Tmax", 9.3, 0.5, 0.4),
    Parameter("Cmax", 500.0, 1.5, 1.0),
    Parameter("alpha", 0.16, 0.5, 0.6),
    Parameter("FB", 0.0079, 1.0, 0.8, logit=True),
    Parameter("beta", 0.0032, 1.0, 0.8),
)
ANTIGEN = (
    Parameter("rho", 1.2, 0.3, 0.3),
    Parameter("K_A", 50.0, 0.5),
    Parameter("alpha", 0.25, 0.3, 0.4),
    Parameter("k", 0.03, 0.5),
    Parameter("beta", 0.005, 0.5),
    Parameter("g", 0.08, 0.5),
    Parameter("kill", 1.2, 0.3),
    Parameter("K_E", 5.0, 0.5),
    Parameter("E0", 0.1, 1.0, 1.5),
    Parameter("B0", 800.0, 1.0, 1.5),
    Parameter("B_max", 2000.0, 0.5, 1.0),
)
ANALYTES = {"CAR_T": 0, "CD19pos_BALL": 1}


@dataclass(frozen=True)
class Posterior:
    """Data and priors of one posterior.

    ``subject, analyte, log_value, censored, time`` have one entry a reading, sorted by subject and
    time; a censored reading says log y < ``log_value`` = log LLOQ. ``grid`` holds each subject's
    distinct times, 0 first; subject ``i`` owns ``grid[starts[i]:starts[i + 1]]``, and
    ``at`` says which entry of the grid each reading belongs to.
    """

    name: str
    parameters: tuple[Parameter, ...]
    subjects: tuple[str, ...]
    subject: Index
    time: Array
    analyte: Index
    log_value: Array
    censored: NDArray[np.bool_]
    grid: Array
    starts: Index
    at: Index

    @property
    def varying(self) -> list[int]:
        """Which parameters differ between subjects."""
        return [k for k, p in enumerate(self.parameters) if p.omega is not None]

    @property
    def analytes(self) -> int:
        """How many analytes, each with a residual SD of its own."""
        return int(self.analyte.max()) + 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each block of unknowns."""
        varying = len(self.varying)
        return {
            "mu": (len(self.parameters),),
            "log_omega": (varying,),
            "log_sigma": (self.analytes,),
            "eta": (len(self.subjects), varying),
        }

    def prior(self) -> dict[str, tuple[Array, Array]]:
        """Mean and SD of the normal prior of each block, as arrays of the block's shape."""
        omegas = [p.omega for p in self.parameters if p.omega is not None]
        shapes = self.shapes
        return {
            "mu": (
                np.array([p.centre for p in self.parameters]),
                np.array([p.spread for p in self.parameters]),
            ),
            "log_omega": (np.log(omegas), np.full(len(omegas), OMEGA_SPREAD)),
            "log_sigma": (
                np.full(self.analytes, math.log(SIGMA_MEDIAN)),
                np.full(self.analytes, SIGMA_SPREAD),
            ),
            "eta": (np.zeros(shapes["eta"]), np.ones(shapes["eta"])),
        }

    def start(self, seed: int, spread: float = 0.1) -> dict[str, Array]:
        """Starting point: prior means, moved by ``spread`` prior SDs at random."""
        rng = np.random.default_rng(seed)
        return {
            name: mean + spread * sd * rng.standard_normal(mean.shape)
            for name, (mean, sd) in self.prior().items()
        }

    def individuals(self, draws: Mapping[str, Array]) -> Array:
        """Transformed individual parameters, (..., subject, varying parameter)."""
        typical = draws["mu"][..., None, self.varying]
        return typical + np.exp(draws["log_omega"])[..., None, :] * draws["eta"]


def flat(blocks: Mapping[str, Array]) -> Array:
    """All unknowns as one vector, block after block."""
    return np.concatenate([np.ravel(blocks[name]) for name in BLOCKS])


def save(path: str, draws: Mapping[str, Array]) -> None:
    """Write draws, each block (chain, draw, ...), for the harness to read."""
    np.savez(path, **{name: np.asarray(draws[name]) for name in BLOCKS})  # type: ignore[arg-type]


def data_folder() -> Path:
    """Folder of the public data sets: ``$CELLKINETICS_DATA``, or ``../shared/data``."""
    default = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("CELLKINETICS_DATA", default))


def load(name: str) -> Posterior:
    """Read Liu's 32 patients and join them with the priors of ``stein`` or ``antigen``.

    CAR-T readings of time 0 are left out: the source sets them to zero, nobody measured them.
    """
    parameters = {"stein": STEIN, "antigen": ANTIGEN}[name]
    wanted = {"CAR_T"} if name == "stein" else set(ANALYTES)
    path = data_folder() / "liu2022_ball" / "combined_long.csv"
    with path.open(encoding="utf-8") as stream:
        rows = [
            (row["id"], float(row["time"]), ANALYTES[row["analyte"]], float(row["y"]))
            for row in csv.DictReader(stream)
            if row["analyte"] in wanted
        ]
    rows = sorted(row for row in rows if row[1:3] != (0.0, 0))
    subjects = tuple(sorted({row[0] for row in rows}))
    subject = np.array([subjects.index(row[0]) for row in rows])
    time = np.array([row[1] for row in rows])
    value = np.array([row[3] for row in rows])
    grids = [np.unique([0.0, *time[subject == i]]) for i in range(len(subjects))]
    starts = np.cumsum([0, *(g.size for g in grids)])
    at = [starts[i] + np.searchsorted(grids[i], t) for i, t in zip(subject, time, strict=True)]
    return Posterior(
        name=name,
        parameters=parameters,
        subjects=subjects,
        subject=subject,
        time=time,
        analyte=np.array([row[2] for row in rows]),
        log_value=np.log(np.maximum(value, LLOQ)),
        censored=value <= LLOQ,
        grid=np.concatenate(grids),
        starts=starts,
        at=np.array(at),
    )
