"""Elimination written out: any sparse matrix, any order of its rows, and lost digits seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_models import VECTORS

from cellkinetics.kernel.elimination import eliminate, factor_lines, substitution_lines
from cellkinetics.kernel.emit import side_by_side
from cellkinetics.kernel.layout import LANES, Floats


def solved(j: Floats, entries: list[tuple[int, int]], b: Floats) -> tuple[Floats, float]:
    """(I - J)^-1 b by the generated lines, and what the worst pivot kept."""
    e = eliminate(len(j), entries)
    space = {
        **VECTORS,
        "entry": np.repeat([j[entry] for entry in e.given], LANES) if e.given else np.zeros(0),
        "lu": np.zeros(LANES * len(e.factors)),
        "kept": np.zeros(LANES),
        "x": np.repeat(b, LANES),
    }
    lines = [*factor_lines(e), *substitution_lines(e, f"x[{LANES} * {{i}} + l]")]
    with np.errstate(all="ignore"):
        exec("\n".join(side_by_side(lines)), space)
    return np.asarray(space["x"]).reshape(len(b), LANES)[:, 3], float(np.asarray(space["kept"])[3])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(size=st.integers(1, 9), share=st.floats(0, 1), seed=st.integers(0, 10**6))
def test_it_solves_what_numpy_solves(size: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    j = rng.standard_normal((size, size)) * (rng.random((size, size)) < share)
    # Rows of unlike units: the order of pivots must not mind.
    units = 10.0 ** rng.integers(-9, 9, size)
    j = j * units[:, None] / units
    b = rng.standard_normal(size) * units
    entries = [(int(i), int(k)) for i, k in zip(*np.nonzero(j), strict=True)]
    x, kept = solved(j, entries, b)
    if kept < 1e-3:
        return  # digits are lost, and seen to be
    wanted = np.linalg.solve((np.eye(size) - j * units / units[:, None]), b / units) * units
    np.testing.assert_allclose(x / units, wanted / units, rtol=1e-8, atol=1e-9)


def test_a_pivot_that_vanishes_is_seen() -> None:
    """Growth at exactly 1 / (h gamma) beside a second state: the matrix is fine, its order not."""
    j = np.array([[1.0, 2.0], [3.0, 0.5]])
    entries = [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not solved(j, entries, np.ones(2))[1] > 1e-11
    assert solved(0.9 * j, entries, np.ones(2))[1] > 1e-3


def test_what_is_not_a_number_is_seen() -> None:
    j = np.array([[0.1, np.nan], [0.2, 0.3]])
    entries = [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not solved(j, entries, np.ones(2))[1] > 1e-11


@pytest.mark.parametrize("size", [5, 20])
def test_a_chain_and_a_hub_fill_nothing(size: int) -> None:
    chain = [(i, i) for i in range(size)] + [(i + 1, i) for i in range(size - 1)]
    assert len(eliminate(size, chain).factors) == len(chain)
    # One antigen load that drives and is driven by everything else: it is eliminated last.
    hub = [(i, i) for i in range(size)] + [(0, i) for i in range(1, size)]
    hub += [(i, 0) for i in range(1, size)]
    e = eliminate(size, hub)
    assert len(e.factors) == len(hub)
