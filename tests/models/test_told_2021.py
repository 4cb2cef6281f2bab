"""What kimmel2021, mueller_schoell2021 and leon_triana2021 say is identifiable, computed."""

import numpy as np
import pytest

from cellkinetics.catalogue import load_model
from cellkinetics.identifiability import identifiability

PHENOTYPES = ("t_n", "t_cm", "t_em", "t_eff")


@pytest.mark.parametrize(
    ("name", "readings", "told"),
    [
        ("kimmel2021", ("car_t",), set()),
        ("kimmel2021", ("car_t", "lymphocytes"), {"k_c", "r_n", "rho_c", "b"}),
        (
            "kimmel2021",
            ("car_t", "lymphocytes", "tumour_volume"),
            {"k_c", "r_n", "rho_c", "b", "r_b", "gamma_b", "k_b"},
        ),
        ("mueller_schoell2021", ("car_t",), {"k12"}),
        ("mueller_schoell2021", PHENOTYPES, {"k12", "k23", "k34", "ke4"}),
        (
            "mueller_schoell2021",
            (*PHENOTYPES, "tumour_volume"),
            {"k12", "k23", "k34", "ke4", "v_ref", "km1"},
        ),
    ],
)
def test_the_statement_is_what_the_fisher_information_says(
    name: str, readings: tuple[str, ...], told: set[str]
) -> None:
    found = identifiability(load_model(name), readings)
    table = found.table
    assert set(table[table["verdict"] == "identified"]["parameter"]) == told


def test_blood_tells_three_directions_of_leon_triana() -> None:
    days = [1.0, 3, 5, 7, 9, 11, 14, 17, 21, 28, 42, 60]
    found = identifiability(load_model("leon_triana2021"), ["car_t_blood"], days)
    assert found.told == 3
    assert (found.table["verdict"] == "not identified").all()
    unseen = {"rho_c", "g_t", "alpha_1", "g_c", "rho_t", "alpha_2", "tau_c", "k"}
    rse = found.table.set_index("parameter")["rse"]
    assert np.isinf(rse[sorted(unseen)]).all()
    assert np.isfinite(rse.drop(sorted(unseen))).all()
