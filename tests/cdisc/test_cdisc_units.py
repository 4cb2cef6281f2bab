"""Units in CDISC's spelling."""

import pytest

from cellkinetics.errors import UnitError
from cellkinetics.study.cdisc.units import spelt
from cellkinetics.units import convert


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("10^6 CAR-POSITIVE VIABLE T CELLS", "10^6 cells"),
        ("CAR+ T cells/kg", "cells/kg"),
        ("x10^6 CAR T CELLS", "10^6 cells"),
        ("CELLS/KG", "cells/kg"),
        ("COPIES/UG DNA", "copies/ug"),
        ("copies/µg gDNA", "copies/ug"),
        ("x10E9/L", "10^9/L"),
        ("10*3/uL", "10^3/uL"),
        ("GI/L", "10^9/L"),
        ("/uL", "1/uL"),
        ("U/L", "IU/L"),
        ("fraction of 1", "1"),
    ],
)
def test_spelt(text, unit):
    assert spelt(text) == unit


@pytest.mark.parametrize(("upper", "usual"), [("PG/ML", "pg/mL"), ("MG/L", "mg/L"), ("NG", "ng")])
def test_capitals_are_not_prefixes(upper, usual):
    """PG would be a petagram and MG a megagram: factors of 10^27 and 10^9."""
    assert spelt(upper) == usual
    assert convert(1.0, spelt(upper), usual) == 1.0


@pytest.mark.parametrize("text", ["", "10E9/L", "nan", "titre", "1:40", "((", "mm Hg ?"])
def test_refused(text):
    with pytest.raises(UnitError):
        spelt(text)
