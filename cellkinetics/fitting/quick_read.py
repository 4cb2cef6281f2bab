"""What the rows of many subjects say, in one compiled loop.

Numba's disk cache looks at the file of the function that is called and not at the files of the
functions that it calls. The loop calls the densities of another folder, so it is compiled from a
copy of this file that carries their hash: where they change, so does the copy's name.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import cast

import numpy as np
from numba import njit

from cellkinetics import density
from cellkinetics.density import COMBINED
from cellkinetics.density.rows import log_density
from cellkinetics.kernel.cache import load_kernel

RELATIVE_STEP = 1e-4
"""Change of a prediction over which the slope of the log density is differenced."""


def copy_with_hash(folder: Path) -> str:
    """Source of this file, headed by the hash of the densities' files in a folder."""
    files = sorted(folder.glob("*.py"))
    digest = sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return f"# The densities that it calls: {digest}\n{Path(__file__).read_text(encoding='utf-8')}"


@cache
def read_compiled() -> Callable[..., None]:
    """Load the compiled loop; see :func:`read_rows`."""
    module = load_kernel(copy_with_hash(Path(density.__file__).parent))
    return cast(Callable[..., None], module.read_rows)


# fastmath is said in full: left open, numba would take it from whoever compiles this first.
@njit(cache=True, nogil=True, error_model="numpy", fastmath=False)
def read_rows(  # type: ignore[no-untyped-def]
    draw, subject, start, row_start, pred, jac, own_factor, error, factor,
    family, kind, value, lower, upper, floor, nu, offset, is_log, at_a, at_b, at_factor, column,
    log_p, by_error, by_factor, gradient, curvature,
):  # fmt: skip
    """Fill the last five arrays, those of a ``Reading``, from what is known of every row."""
    parameters = jac.shape[1]
    slope = np.zeros(gradient.shape[1])
    for i in range(len(draw)):
        total, d = 0.0, draw[i]
        for r in range(row_start[subject[i]], row_start[subject[i] + 1]):
            at = start[i] + r - row_start[subject[i]]
            shift = offset[r] + factor[d, at_factor[r]]
            if column[r] >= 0:
                shift += own_factor[i, column[r]]
            times = 1.0 if is_log[r] else np.exp(shift)
            f = pred[at] + shift if is_log[r] else pred[at] * times
            a, b = error[d, at_a[r]], error[d, at_b[r]]
            p, by_f, by_a, by_b = log_density(
                family[r],
                kind[r],
                value[r],
                lower[r],
                upper[r],
                floor[r],
                f,
                is_log[r],
                a,
                b,
                nu[r],
            )
            total += p
            by_error[i, at_a[r]] += by_a
            by_error[i, at_b[r]] += by_b
            by_shift = 1.0 if is_log[r] else f
            by_factor[i, at_factor[r]] += by_f * by_shift
            if parameters == 0:
                continue
            step = RELATIVE_STEP
            if not is_log[r]:
                step *= max(abs(f), a if family[r] == COMBINED else 0.0) + 1e-300
            ahead = log_density(
                family[r], kind[r], value[r], lower[r], upper[r], floor[r], f + step, is_log[r],
                a, b, nu[r],
            )[1]  # fmt: skip
            # Where a density is convex (far from a Student-t) the row is taken to say nothing.
            weight = max((by_f - ahead) / step, 0.0)
            for q in range(parameters):
                slope[q] = jac[at, q] * times
            for q in range(parameters, len(slope)):
                slope[q] = by_shift if column[r] == q - parameters else 0.0
            for q in range(len(slope)):
                gradient[i, q] += by_f * slope[q]
                for k in range(len(slope)):
                    curvature[i, q, k] += weight * slope[q] * slope[k]
        log_p[i] = total if np.isfinite(total) else -np.inf
