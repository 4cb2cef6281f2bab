"""Whether a posterior may be trusted: the checks that every fit must pass."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from cellkinetics.fitting.convergence import e_bfmi, ess_bulk, ess_tail, r_hat
from cellkinetics.kernel.layout import Floats

MAX_R_HAT = 1.01
MIN_ESS = 400
MIN_E_BFMI = 0.3
MAX_DIVERGENT = 1e-3
NAMED = 3
"""How many of the worst quantities a sentence names."""


@dataclass(frozen=True)
class Check:
    """One check: ``value`` against ``limit``, and a sentence that says what was found."""

    name: str
    passed: bool
    value: float
    limit: float
    sentence: str


@dataclass(frozen=True)
class Diagnostics:
    """What was found out about a posterior.

    Attributes
    ----------
    checks : tuple of Check
    quantities : DataFrame          quantity, r_hat, ess_bulk, ess_tail: one row a scalar element
                                    of a free variable
    e_bfmi : float array (chain,)
    divergences : DataFrame         chain, draw, failed (the solver gave up), then the value of
                                    every quantity: one row a divergent draw
    """

    checks: tuple[Check, ...]
    quantities: pd.DataFrame
    e_bfmi: Floats
    divergences: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a summary: checks, E-BFMI, and where each divergence is."""
        return {
            "passed": self.passed,
            "checks": [asdict(check) for check in self.checks],
            "e_bfmi": self.e_bfmi.tolist(),
            "divergences": self.divergences.to_dict("records"),
        }


def diagnose(tree: xr.DataTree) -> Diagnostics:
    """Check a posterior.

    R-hat <= 1.01, bulk and tail ESS >= 400 for every scalar element of every free variable;
    E-BFMI >= 0.3 in every chain; at most 1 divergence in 1,000 draws; no solver failure after
    warm-up.

    Parameters
    ----------
    tree : DataTree                 from :func:`~cellkinetics.fitting.sampling.sample`; another
                                    sampler's must have ``energy`` and ``diverging`` in
                                    ``sample_stats``; all its variables count as free unless the
                                    attribute ``free_variables`` of ``posterior`` names them

    Returns
    -------
    Diagnostics
    """
    posterior, statistics = tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset()
    names, values = _flatten(posterior)
    quantities = pd.DataFrame(
        {
            "quantity": names,
            "r_hat": r_hat(values),
            "ess_bulk": ess_bulk(values),
            "ess_tail": ess_tail(values),
        }
    )
    # An element that is fixed by construction (a correlation with itself) has nothing to check.
    varying = quantities[np.ptp(values, axis=(0, 1)) != 0]
    information = e_bfmi(statistics["energy"].to_numpy())
    diverging = statistics["diverging"].to_numpy().astype(bool)
    failed = (
        statistics["failed"].to_numpy().astype(bool)
        if "failed" in statistics
        else np.zeros_like(diverging)
    )
    located = _locate(diverging, failed, names, values)
    checks = (
        _worst(varying, "r_hat", MAX_R_HAT, "R-hat", largest=True),
        _worst(varying, "ess_bulk", MIN_ESS, "bulk ESS", largest=False),
        _worst(varying, "ess_tail", MIN_ESS, "tail ESS", largest=False),
        _energy(information),
        _divergent(diverging),
        _solved(failed),
    )
    return Diagnostics(checks, quantities, information, located)


def _flatten(posterior: xr.Dataset) -> tuple[list[str], Floats]:
    """Every scalar element of the free variables: names, (chain, draw, quantity)."""
    names: list[str] = []
    parts: list[Floats] = []
    for name in posterior.attrs.get("free_variables", list(posterior.data_vars)):
        array = posterior[name].transpose("chain", "draw", ...)
        shape = array.shape[2:]
        labels = [
            [str(x) for x in array[d].to_numpy()] if d in array.coords else [*map(str, range(n))]
            for d, n in zip(array.dims[2:], shape, strict=True)
        ]
        for index in np.ndindex(*shape):
            inside = ",".join(label[i] for label, i in zip(labels, index, strict=True))
            names.append(f"{name}[{inside}]" if shape else str(name))
        parts.append(array.to_numpy().reshape(*array.shape[:2], -1))
    return names, np.concatenate(parts, axis=2)


def _locate(
    diverging: np.ndarray, failed: np.ndarray, names: list[str], values: Floats
) -> pd.DataFrame:
    chain, draw = np.nonzero(diverging)
    where = {"chain": chain, "draw": draw, "failed": failed[chain, draw]}
    at = dict(zip(names, values[chain, draw].T, strict=True))
    return pd.DataFrame({**where, **at})


def _worst(table: pd.DataFrame, column: str, limit: float, title: str, *, largest: bool) -> Check:
    # What cannot be computed has failed: it sorts first.
    ordered = table.sort_values(column, ascending=not largest, na_position="first")
    bad = ordered[~(ordered[column] <= limit if largest else ordered[column] >= limit)]
    value = float(ordered[column].iloc[0])
    shown = ".4f" if largest else ".0f"
    bound, end = ("at most", "largest") if largest else ("at least", "smallest")
    if bad.empty:
        sentence = f"{title} is {bound} {limit:g} everywhere ({end}: {value:{shown}})."
    else:
        named = [f"{q} {v:{shown}}" for q, v in zip(bad["quantity"], bad[column], strict=True)]
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        sentence = (
            f"{title} should be {bound} {limit:g}, but is not for"
            f" {len(named)} of {len(table)} quantities: {', '.join(named[:NAMED])}{more}."
            + (" The chains disagree." if largest else " More draws are needed.")
        )
    return Check(column, bad.empty, value, limit, sentence)


def _energy(information: Floats) -> Check:
    bad = [i for i, x in enumerate(information) if not x >= MIN_E_BFMI]
    value = float(np.min(information))
    if bad:
        sentence = (
            f"E-BFMI should be at least {MIN_E_BFMI} but is {value:.2f} in chain"
            f" {', '.join(str(i) for i in bad)}: the energy is explored slowly, as when a"
            " between-subject SD can go to zero. Try the other parameterisation (centred)."
        )
    else:
        sentence = f"E-BFMI is at least {MIN_E_BFMI} in every chain (smallest: {value:.2f})."
    return Check("e_bfmi", not bad, value, MIN_E_BFMI, sentence)


def _divergent(diverging: np.ndarray) -> Check:
    count, total = int(diverging.sum()), diverging.size
    by_chain = ", ".join(str(n) for n in diverging.sum(axis=1))
    passed = count <= MAX_DIVERGENT * total
    sentence = f"{count} of {total} draws diverged (by chain: {by_chain})"
    sentence += "." if passed else ", more than 1 in 1,000. Raise target_accept, or reparameterise."
    return Check("divergences", passed, count / total, MAX_DIVERGENT, sentence)


def _solved(failed: np.ndarray) -> Check:
    count = int(failed.sum())
    sentence = (
        f"The log density could not be computed in {count} trajectories after warm-up: the solver"
        " failed. Loosen max_steps, tighten the priors, or see where in the divergences."
        if count
        else "No solver failure after warm-up."
    )
    return Check("solver_failures", count == 0, float(count), 0.0, sentence)
