"""``cellkinetics.solve``: labelled trajectories for anyone who only wants to simulate."""

import numpy as np
import pandas as pd
import pytest

import cellkinetics
from cellkinetics.catalogue import load_model
from cellkinetics.errors import ModelError

STEIN = load_model("stein2019")


def test_variables_are_observables_and_states_with_units_and_labels() -> None:
    out = cellkinetics.solve("stein2019", None, [0.0, 9.3])
    assert set(out.data_vars) == {"transgene", "short_lived", "long_lived", "status", "method"}
    assert out.transgene.dims == ("subject", "time")
    assert out.transgene.shape == (1, 2)
    for name in ("transgene", "short_lived", "long_lived"):
        assert out[name].attrs["units"] == "copies/ug"
        assert out[name].attrs["long_name"]
    assert out.time.attrs["units"] == "day"
    assert out.attrs["model"] == "stein2019"
    assert out.attrs["form"] == "closed"
    assert out.status.values.tolist() == [0]


def test_by_default_daily_to_the_horizon_at_typical_values() -> None:
    out = cellkinetics.solve(STEIN)
    np.testing.assert_array_equal(out.time, np.arange(366.0))
    assert float(out.transgene.sel(time=28.0)[0]) == pytest.approx(1373.56, abs=0.005)


def test_times_keep_their_order() -> None:
    times = [28.0, 0.0, 9.3, 28.0]
    out = cellkinetics.solve(STEIN, None, times)
    np.testing.assert_array_equal(out.time, times)
    np.testing.assert_allclose(
        out.transgene.values[0], [1373.55878, 6.1538462, 24000, 1373.55878], rtol=1e-7
    )


def test_a_mapping_a_table_and_scalars_say_the_same() -> None:
    times = [0.0, 5.0, 9.3]
    mapping = cellkinetics.solve(STEIN, {"c_max": [1e4, 2e4], "t_tocilizumab": 5.0}, times)
    table = pd.DataFrame(
        {"subject": ["P1", "P2"], "c_max": [1e4, 2e4], "t_tocilizumab": [5.0, 5.0]}
    )
    labelled = cellkinetics.solve(STEIN, table, times)
    indexed = cellkinetics.solve(STEIN, table.set_index("subject"), times)
    named = cellkinetics.solve(STEIN, {"subject": ["P1", "P2"], "c_max": [1e4, 2e4],
                                       "t_tocilizumab": 5.0}, times)  # fmt: skip
    assert mapping.subject.values.tolist() == [0, 1]
    for other in (labelled, indexed, named):
        assert other.subject.values.tolist() == ["P1", "P2"]
        np.testing.assert_array_equal(other.transgene, mapping.transgene)


def test_infusions_as_a_table_belong_to_their_subjects() -> None:
    parameters = pd.DataFrame({"subject": ["A", "B"], "rho": [1.2, 1.2]})
    given = pd.DataFrame(
        {"subject": ["B", "A", "B"], "time": [10.0, 0.0, 0.0], "cells": [5e7, 1e8, 2e8]}
    )
    start = [0.0, 10.0, 10.0001]
    out = cellkinetics.solve("antigen_driven", parameters, start, infusions=given)
    effector = out.effector.sel(time=0.0)
    np.testing.assert_allclose(effector, [0.1, 0.2], rtol=1e-12)
    jump = out.effector.values[:, 2] - out.effector.values[:, 1]
    assert jump[1] == pytest.approx(0.05, rel=0.2)
    assert abs(jump[0]) < abs(jump[1])


def test_more_threads_give_the_same() -> None:
    many = {"c_max": np.geomspace(1e3, 1e5, 30)}
    one = cellkinetics.solve(STEIN, many, [1.0, 50.0])
    two = cellkinetics.solve(STEIN, many, [1.0, 50.0], threads=2)
    np.testing.assert_array_equal(one.transgene, two.transgene)


def test_a_subject_that_fails_is_nan_with_a_status_that_is_explained() -> None:
    out = cellkinetics.solve(
        "antigen_driven", {"rho": [1.2, np.nan]}, [0.0, 10.0], infusions=[(0.0, 1e8)]
    )
    assert out.status.values[0] == 0
    assert out.status.values[1] != 0
    assert np.isfinite(out.car_t.values[0]).all()
    assert np.isnan(out.car_t.values[1]).all()
    assert "1: more steps were needed than allowed" in out.status.attrs["meaning"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parameters": {"cmax": 1e4}}, r"'cmax' is not a parameter.*Did you mean 'c_max'\?"),
        (
            {"parameters": {"c_max": [1.0, 2.0], "beta": [1.0, 2.0, 3.0]}},
            r"'c_max' has shape \(2,\)",
        ),
        ({"times": [-1.0, 2.0]}, r"time -1 is before the first infusion \(day 0\)"),
        ({"times": [np.nan]}, "times must be finite"),
        ({"infusions": [(0.0, 1e8)]}, "dose does nothing in this model"),
        ({"times": []}, r"times has shape \(0,\), wanted a list of days"),
        ({"times": [[1.0], [2.0]]}, r"times has shape \(2, 1\)"),
        ({"times": "abc"}, "times is 'abc', wanted numbers"),
        ({"parameters": {"c_max": "high"}}, "'c_max' is 'high', wanted numbers"),
        ({"parameters": {"c_max": -3.0}}, "'c_max' is -3 copies/ug, wanted 0 or more"),
        ({"parameters": {"f_b": [0.1, 2.0]}}, "'f_b' is 2 .*wanted 0 to 1"),
        ({"parameters": {"c_max": np.inf}}, "'c_max' is inf"),
        ({"parameters": {"subject": "P01"}}, r"subject is 'P01', wanted a list.*\['P01'\]"),
        ({"parameters": {"subject": ["A", "A"]}}, "subject 'A' is named twice"),
        ({"parameters": pd.DataFrame({"c_max": [1.0, 2.0]}, index=["A", "A"])}, "named twice"),
        ({"parameters": pd.DataFrame({"subject": [], "c_max": []})}, "there is no subject"),
        ({"parameters": {"subject": ["A"], "c_max": [1.0, 2.0]}}, "1 subjects, but values for 2"),
        ({"parameters": [1.0]}, "wanted a mapping from names to values"),
        ({"threads": 0}, "threads is 0, wanted a whole number above 0"),
        ({"max_steps": 0}, "max_steps is 0, wanted a whole number above 0"),
        ({"rtol": 0.0}, "rtol is 0.0, wanted a number between 1e-13 and 0.01"),
        ({"rtol": 0.5}, "rtol is 0.5"),
        ({"form": "implicit"}, "form 'implicit'. Known: auto, closed, ode"),
    ],
)
def test_mistakes_are_refused_with_a_cure(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        cellkinetics.solve(STEIN, **arguments)  # type: ignore[arg-type]


def test_infusions_of_unknown_subjects_and_without_columns_are_refused() -> None:
    table = pd.DataFrame({"subject": ["X"], "time": [0.0], "cells": [1e8]})
    with pytest.raises(ModelError, match="subject 'X' is not among the subjects"):
        cellkinetics.solve("antigen_driven", {"subject": ["A"], "rho": [1.0]}, [1.0], table)
    with pytest.raises(ModelError, match="there is no column 'cells'"):
        cellkinetics.solve("antigen_driven", None, [1.0], table.drop(columns="cells"))


@pytest.mark.parametrize(
    ("infusions", "message"),
    [
        ([(-5.0, 1e8)], "day -5, wanted a day from 0 on"),
        ([(0.0, -1e8)], "-1e[+]08 cells on day 0, wanted 0 or more"),
        ([(0.0, np.nan)], "nan cells on day 0"),
        (1e8, r"infusions is 100000000.0, wanted \(day, cells\) pairs"),
        ("1e8", "infusions is '1e8', wanted"),
        ([(0.0, 1e8, 1.0)], r"an entry \(0.0, 100000000.0, 1.0\), wanted"),
        ([("day 0", 1e8)], "wanted numbers"),
        (pd.DataFrame({"subject": [0], "time": [-5.0], "cells": [1e8]}), "day -5, wanted"),
        (pd.DataFrame({"subject": [0], "time": [0.0], "cells": ["many"]}), "wanted numbers"),
    ],
)
def test_infusions_that_cannot_be_are_refused(infusions: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        cellkinetics.solve("antigen_driven", None, [1.0], infusions)  # type: ignore[arg-type]


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ModelError, match="model is 3, wanted a Model or the name of one"):
        cellkinetics.solve(3)  # type: ignore[arg-type]


def test_a_rate_of_0_switches_a_process_off() -> None:
    out = cellkinetics.solve(STEIN, {"beta": 0.0}, [20.0, 300.0])
    assert out.status.values.tolist() == [0]
    long_lived = out.long_lived.values[0]
    assert long_lived[0] == pytest.approx(long_lived[1], rel=1e-12)
