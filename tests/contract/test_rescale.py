"""A quantity written in another unit: the factor is checked, and is what the equation computes."""

import pytest
import sympy as sp

from cellkinetics.algebra import rescale
from cellkinetics.balance import check_units
from cellkinetics.declare import Model, Observable, Parameter, State


def giga(factor: float, unit: str = "10^9 cells") -> Model:
    """Cells that are counted in 10^9."""
    return Model(
        name="giga",
        title="giga",
        purpose="a test",
        population="none",
        source="a test",
        states=(State(name="cells_there", unit="10^9 cells", meaning="cells"),),
        observables=(Observable(name="seen", unit="10^9 cells", meaning="cells"),),
        parameters=(
            Parameter(name="k", unit="1/day", typical=1.0, meaning="loss", assumption="a test"),
        ),
        initial=lambda p: {"cells_there": 0},
        infuse=lambda cells, p: {"cells_there": rescale(cells, factor, unit)},
        rhs=lambda t, y, p: {"cells_there": -p.k * y.cells_there},
        observe=lambda y, p: {"seen": y.cells_there},
        reference_dosing=((0.0, 1e8),),
    )


def test_the_true_factor_balances() -> None:
    assert check_units(giga(1e-9)) == []


@pytest.mark.parametrize("factor", [1e9, 1e-6, 1.0])
def test_a_wrong_factor_is_named_with_the_true_one(factor: float) -> None:
    (found,) = check_units(giga(factor))
    assert f"cells is rescaled by {factor:g} to 10^9 cells" in found
    assert "but one cells makes 1e-09 of it" in found


def test_another_dimension_is_none_of_it() -> None:
    (found,) = check_units(giga(1e-9, "pg/mL"))
    assert "makes nothing of it" in found


def test_symbols_are_multiplied() -> None:
    x = sp.Symbol("x")
    assert rescale(x, 1e6, "pg/mL") == 1e6 * x
