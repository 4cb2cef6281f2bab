"""Units as they are written in the field."""

import subprocess
import sys

import numpy as np
import pytest

from cellkinetics.errors import UnitError
from cellkinetics.units import canonical, convert, parse_unit, same_dimension


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("copies/ug", "copies/ug"),
        ("copies/\u00b5g", "copies/ug"),  # micro sign
        ("copies/\u03bcg", "copies/ug"),  # Greek mu
        (" copies / ug DNA ", "copies/ug"),
        ("copies/mcg gDNA", "copies/ug"),
        ("copies per ug", "copies/ug"),
        ("cells/\u00b5L", "cells/uL"),
        ("cells/ul", "cells/uL"),
        ("cells/mm3", "cells/uL"),
        ("/mm\u00b3", "1/uL"),
        ("10^9/L", "10^9/L"),
        ("x10^9/L", "10^9/L"),
        ("\u00d710\u2079/L", "10^9/L"),
        ("10*9/L", "10^9/L"),
        ("10**9/l", "10^9/L"),
        ("1e9/L", "10^9/L"),
        ("G/L", "10^9/L"),
        ("K/uL", "10^3/uL"),
        ("1/day", "1/day"),
        ("/day", "1/day"),
        ("day^-1", "1/day"),
        ("d\u207b\u00b9", "1/day"),
        ("cells/kg", "cells/kg"),
        ("10^6 cells/kg", "10^6 cells/kg"),
        ("copies/1000 cells", "10^-3 copies/cells"),
        ("1/(cells/uL)/day", "uL/cells/day"),
        ("copies/ug*day", "copies*day/ug"),
        ("pg/ml", "pg/mL"),
        ("mg/m^2", "mg/m^2"),
        ("%", "%"),
        ("percent", "%"),
        ("IU/mL", "IU/mL"),
        ("mmol/L", "mmol/L"),
        ("1", "1"),
    ],
)
def test_one_spelling(written, spelt):
    assert canonical(written) == spelt
    assert canonical(spelt) == spelt


@pytest.mark.parametrize(
    "text",
    ["", " ", "copis/ug", "cells/", "/", "((", "cells)", "9^9^9", "10^999", "1/0", "0 cells",
     "cells^x", "cells^100", "1e400/kg", "5e-324^2", "kg" * 60, "degC", "dB", "__class__", "a.b",
     "import os", "2024-01-02", "cells;uL", "(" * 79, "cells\x00"],
)  # fmt: skip
def test_what_is_no_unit_is_refused(text):
    with pytest.raises(UnitError):
        parse_unit(text)


def test_errors_say_what_a_unit_looks_like():
    with pytest.raises(UnitError) as error:
        canonical("copis/ug")
    assert str(error.value) == (
        "'copis/ug' is not a known unit: 'copis' is not. Examples: copies/ug, cells/uL, 10^9/L, "
        "pg/mL, cells/kg, 1/day or %."
    )
    with pytest.raises(UnitError, match=r"10e9 is ten times 10\^9\): write 10\^9 or 1e9"):
        canonical("10E9/L")


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1.2, "10^9/L", "cells/uL", 1200.0),
        (3.5, "cells/uL", "10^6/L", 3.5),
        (1.0, "ng/mL", "pg/mL", 1000.0),
        (2.0, "copies/ng", "copies/ug", 2000.0),
        (0.7, "1/week", "1/day", 0.1),
        (45.0, "%", "1", 0.45),
        (2.5, "10^6 cells/kg", "cells/kg", 2.5e6),
        (24.0, "h", "day", 1.0),
        (5.0, "mg/dL", "mg/dL", 5.0),
    ],
)
def test_convert(value, source, target, expected):
    assert convert(value, source, target) == pytest.approx(expected, rel=1e-12)
    assert isinstance(convert(value, source, target), float)


def test_convert_arrays():
    converted = convert(np.array([[1.0, np.nan], [0.0, 2.0]]), "10^9/L", "cells/uL")
    np.testing.assert_allclose(converted, [[1000.0, np.nan], [0.0, 2000.0]])


def test_units_that_do_not_go_together():
    with pytest.raises(UnitError, match="cannot convert 'copies/ug' to 'cells/uL'"):
        convert(1.0, "copies/ug", "cells/uL")
    assert not same_dimension("copies/ug", "cells/ug")
    assert not same_dimension("IU/mL", "cells/mL")
    assert same_dimension("10^9/L", "cells/uL")
    assert same_dimension("copies/ug*day", "day*copies/ng")
    with pytest.raises(UnitError):
        same_dimension("copies/ug", "nothing")


def test_pint_is_loaded_only_when_it_is_needed():
    code = (
        "import sys; from cellkinetics.units import canonical, convert;"
        "canonical('copies/ug'); convert(1.0, '10^9/L', '10^9/L'); print('pint' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("text", "name", "meant"),
    [
        ("PG/ML", "PG", "pg"),  # to pint a petagram
        ("MG/L", "MG", "mg"),
        ("pg/Ml", "Ml", "mL"),
        ("COPIES/UG", "COPIES", "copies"),
        ("D", "D", "day"),  # to pint a debye
        ("iu/mL", "iu", "IU"),
    ],
)
def test_another_case_is_another_unit(text: str, name: str, meant: str) -> None:
    with pytest.raises(UnitError, match=f"'{name}' is not '{meant}'. Write {meant}."):
        canonical(text)


def test_molar_units_are_no_slip_of_the_metre() -> None:
    assert (canonical("mM"), canonical("mm"), canonical("M")) == ("mM", "mm", "M")
