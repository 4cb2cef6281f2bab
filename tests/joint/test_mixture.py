"""Classes of patients: the graph against sums by hand, exact gradients, what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from mixture_cases import THREE, TWO, by_hand, kind, with_classes
from scipy import stats
from scipy.special import logsumexp
from small_study import BASE, write_study
from test_joint import _point

from cellkinetics.catalogue import load_model
from cellkinetics.errors import ModelError, SpecError
from cellkinetics.fitting.compile import PYTHON
from cellkinetics.fitting.draws import centres, flat, take_draws
from cellkinetics.fitting.membership import draw_members, membership, with_members
from cellkinetics.fitting.prior import prior_draws
from cellkinetics.fitting.tables import individual_table, quantities
from cellkinetics.joint import Joint, build_model, join
from cellkinetics.spec import parse_spec
from cellkinetics.study import read_study

DRAWS = 6


def joined(folder: Path, model: Any = TWO, **changes: Any) -> Joint:
    return join(read_study(write_study(folder)), model, parse_spec({**BASE, **changes}))


def values_of(joint: Joint, group: xr.Dataset, name: str) -> list[dict[str, np.ndarray]]:
    """Typical values of the classes at each draw, read from the variables by their labels."""
    mu = {q.name: np.exp(flat(group, "mu")[:, i]) for i, q in enumerate(joint.estimated)}
    own = np.exp(flat(group, "class_typical"))
    ones = np.ones(len(own))
    if name == "two":
        # In the model's own order of what a class names.
        return [
            {"c_max": mu["c_max"], "t_max": mu["t_max"]},
            {"c_max": own[:, 0], "t_max": own[:, 1]},
        ]
    assert name == "three"
    poor, slowed = own[:, 0], own[:, 1]
    return [
        {"c_max": mu["c_max"], "f_tocilizumab": 1.2 * ones},
        {"c_max": poor, "f_tocilizumab": 1.2 * ones},
        {"c_max": slowed, "f_tocilizumab": 0.5 * ones},
    ]


CASES = {"two": TWO, "three": THREE}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Joint, xr.Dataset]:
    joint = joined(tmp_path / "small", CASES[request.param])
    return request.param, joint, prior_draws(joint, DRAWS, np.random.default_rng(3))


def subject_densities(joint: Joint, group: xr.Dataset, *, likelihood: bool = True) -> np.ndarray:
    """The graph's log density of every subject at every draw."""
    model = build_model(joint, likelihood=likelihood)
    potential = model.replace_rvs_by_values([model["readings"]])[0]
    evaluate = model.compile_fn(
        potential, inputs=model.value_vars, mode=PYTHON, on_unused_input="ignore"
    )
    return np.array([evaluate(_point(model, group, i)) for i in range(group.sizes["draw"])])


def test_each_subject_s_density_is_the_sum_over_classes(
    case: tuple[str, Joint, xr.Dataset],
) -> None:
    name, joint, group = case
    own, readings = by_hand(joint, group, values_of(joint, group, name))
    weighed = own + readings
    theirs = subject_densities(joint, group)
    assert theirs.shape == (DRAWS, len(joint.subjects))
    np.testing.assert_allclose(theirs, logsumexp(weighed, axis=2), rtol=1e-6)
    # A subject assigned to its best class, or classes averaged row by row, would be seen.
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(theirs, weighed.max(axis=2), rtol=1e-6)
    # Without readings it is the prior of individual parameters: a mixture as well.
    prior = subject_densities(joint, group, likelihood=False)
    np.testing.assert_allclose(prior, logsumexp(own, axis=2), rtol=1e-6, atol=1e-9)


def test_membership_is_bayes_rule(case: tuple[str, Joint, xr.Dataset]) -> None:
    name, joint, group = case
    own, readings = by_hand(joint, group, values_of(joint, group, name))
    weighed = own + readings
    found = membership(joint, group)
    wanted = np.exp(weighed - logsumexp(weighed, axis=2, keepdims=True))
    np.testing.assert_allclose(found.probability, wanted, rtol=1e-4, atol=1e-9)
    # Of the readings given all that was drawn; a subject's own parameters speak for its class.
    wanted = logsumexp(weighed, axis=2) - logsumexp(own, axis=2)
    np.testing.assert_allclose(found.log_density, wanted, rtol=1e-6)


def test_draws_take_what_a_class_sets_from_the_class_that_was_drawn(tmp_path: Path) -> None:
    joint = joined(tmp_path / "small", THREE)
    group = prior_draws(joint, DRAWS, np.random.default_rng(3))
    names = list(joint.population.names)
    peak, slowing = names.index("c_max"), names.index("f_tocilizumab")
    assert joint.alike_in_a_class == (slowing,)
    member = flat(group, "member")
    assert set(np.unique(member)) == {0, 1, 2}
    phi, expected = take_draws(joint, group).phi, centres(joint, group)
    np.testing.assert_allclose(np.exp(phi[:, :, slowing]), np.array([1.2, 1.2, 0.5])[member])
    # Where subjects of a class differ, the class moves what is expected of them, not their own.
    moved = group.assign(member=xr.zeros_like(group["member"]))
    np.testing.assert_array_equal(take_draws(joint, moved).phi[:, :, peak], phi[:, :, peak])
    own = flat(group, "class_typical")
    np.testing.assert_array_equal(
        expected[:, :, peak][member == 1], np.tile(own[:, [0]], (1, 3))[member == 1]
    )


def test_the_gradient_is_exact(case: tuple[str, Joint, xr.Dataset]) -> None:
    _, joint, group = case
    model = build_model(joint)
    f = model.compile_fn(model.logp(), mode=PYTHON)
    g = model.compile_fn(model.dlogp(), mode=PYTHON)
    point = _point(model, group, 1)
    gradient, steps = g(point), []
    for name in [v.name for v in model.value_vars]:
        for at in np.ndindex(point[name].shape):
            pair = []
            for sign in (1, -1):
                moved = {k: v.copy() for k, v in point.items()}
                moved[name][at] += sign * 1e-5
                pair.append(float(f(moved)))
            steps.append((pair[0] - pair[1]) / 2e-5)
    np.testing.assert_allclose(gradient, steps, rtol=1e-4, atol=1e-7 * np.abs(steps).max())
    names = {v.name.split("_")[0] for v in model.value_vars}
    assert "class" in names


def test_classes_that_are_alike_are_one(tmp_path: Path) -> None:
    alike = with_classes(kind("one", 0.6), kind("other", 0.4))
    joint = joined(tmp_path / "a", alike, classes={"estimate": False})
    alone = joined(tmp_path / "b", load_model("stein2019"))
    group = prior_draws(joint, 3, np.random.default_rng(4))
    np.testing.assert_allclose(
        subject_densities(joint, group), by_hand(joint, group, [{}, {}])[1][:, :, 0],
        rtol=1e-6,
    )  # fmt: skip
    off = joined(tmp_path / "c", TWO, classes={"use": False})
    assert off.population == alone.population


def test_known_probabilities_are_taken_as_they_are(tmp_path: Path) -> None:
    joint = joined(tmp_path / "a", classes={"estimate": False})
    assert [v.name for v in build_model(joint).free_RVs].count("class_probability") == 0
    group = prior_draws(joint, 4000, np.random.default_rng(1))
    assert flat(group, "member").mean() == pytest.approx(0.3, abs=0.02)


def test_prior_draws_are_those_of_the_graph(tmp_path: Path) -> None:
    import pymc as pm

    joint = joined(tmp_path / "a", THREE, classes={"concentration": 8.0})
    ours = prior_draws(joint, 4000, np.random.default_rng(1))
    # What PyMC warns of changes individual parameters alone: its factor integrates to 1.
    with build_model(joint, likelihood=False), pytest.warns(UserWarning, match="Potentials"):
        theirs = pm.sample_prior_predictive(
            draws=4000, random_seed=2, compile_kwargs={"mode": PYTHON}
        ).prior
    for name in ("class_probability", "class_typical", "mu"):
        for at in range(ours[name].shape[-1]):
            a, b = flat(ours, name)[:, at], flat(theirs, name)[:, at]
            assert stats.ks_2samp(a, b).pvalue > 1e-4, (name, at)
    share = flat(ours, "class_probability")
    np.testing.assert_allclose(share.mean(axis=0), [0.5, 0.3, 0.2], atol=0.01)
    assert share[:, 0].var() == pytest.approx(0.25 / 9, rel=0.1)


def test_what_differs_between_classes_is_sampled_centred(tmp_path: Path) -> None:
    joint = joined(tmp_path / "a")
    assert {"c_max", "t_max"} <= set(joint.centred)
    with pytest.raises(SpecError, match="Leave its 'centred' out"):
        joined(tmp_path / "b", parameters={"c_max": {"centred": False}})
    with pytest.raises(SpecError, match="Leave it out of the correlation"):
        joined(tmp_path / "c", correlation={"parameters": ["alpha", "c_max"]})


def test_tables_name_the_classes(tmp_path: Path) -> None:
    joint = joined(tmp_path / "a")
    group = prior_draws(joint, 40, np.random.default_rng(6))
    names = {q.name: q for q in quantities(joint, group)}
    assert {"c_max[poor]", "t_max[poor]", "P(good)", "P(poor)"} <= set(names)
    assert names["c_max[poor]"].kind == "typical of a class"
    assert "worth 5 patients" in names["P(poor)"].prior
    assert names["P(poor)"].prior_sd == pytest.approx(np.sqrt(0.21 / 6))
    found = membership(joint, group)
    group = with_members(joint, group, found, np.random.default_rng(0))
    table, _ = individual_table(joint, group)
    rows = table[table.parameter.str.startswith("P(")]
    assert list(rows.parameter) == ["P(good)", "P(poor)"] * 3
    np.testing.assert_allclose(rows.groupby("subject", sort=False).probability.sum(), 1.0)
    assert table[~table.parameter.str.startswith("P(")].probability.isna().all()


def test_members_are_drawn_in_proportion() -> None:
    share = np.tile([0.2, 0.0, 0.5, 0.3], (40_000, 1, 1))
    member = draw_members(share, np.random.default_rng(2))
    assert member.shape == (40_000, 1)
    np.testing.assert_allclose(
        np.bincount(member.ravel(), minlength=4) / 40_000, [0.2, 0, 0.5, 0.3], atol=0.01
    )


@pytest.mark.parametrize(
    ("model", "changes", "said"),
    [
        (load_model("stein2019"), {"use": True}, "has no classes of patients"),
        (TWO, {"probabilities": {"por": 0.3}}, "Did you mean 'poor'"),
        (TWO, {"probabilities": {"poor": 0.2}}, "sum to 0.9, not 1"),
        (with_classes(kind("a", 0.5), kind("b", 0.4)), {}, "sum to 0.9, not 1"),
        (
            with_classes(kind("a", 0.5), kind("b", 0.5, t_tocilizumab=3.0)),
            {},
            "sets 't_tocilizumab', which is not a parameter",
        ),
        (
            with_classes(kind("a", 0.5), kind("b", 0.5, c_mx=3.0)),
            {},
            "Did you mean 'c_max'",
        ),
        (with_classes(kind("a", 0.5), kind("b", 0.5, c_max=-3.0)), {}, "class 'b': .*no logarithm"),
        (with_classes(kind("a", 0.5, f_b=2.0), kind("b", 0.5)), {}, "class 'a': .*not between"),
    ],
)
def test_what_makes_no_sense_is_refused(
    model: Any, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises((SpecError, ModelError), match=said):
        joined(tmp_path / "a", model, classes=changes)


def test_fit_toml_is_checked() -> None:
    for wrong, said in (
        ({"concentration": 0}, "concentration"),
        ({"probabilities": {"poor": 1.5}}, "probabilities"),
        ({"concentraton": 3.0}, "Did you mean 'concentration'"),
    ):
        with pytest.raises(SpecError, match=said):
            parse_spec({**BASE, "classes": wrong})
