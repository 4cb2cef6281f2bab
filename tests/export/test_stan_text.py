"""What an exported Stan program and its data say; Stan itself is not needed."""

import json
import math
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from densities import stan_python
from scipy import stats
from wide_model import MODEL as WIDE
from wide_study import CLOSED, MIXED, NATURAL, ODE, joined

from cellkinetics.algebra import NotAbove, Where
from cellkinetics.catalogue import load_model, model_names
from cellkinetics.density import COMBINED, LEFT, OBSERVED, STUDENT_T, log_density
from cellkinetics.errors import ModelError, SpecError
from cellkinetics.exporting.stan import stan_program
from cellkinetics.exporting.stan_code import RESERVED, comment, stan_code, stan_name
from cellkinetics.exporting.stan_data import NEVER, Reading, reading_of, stan_data
from cellkinetics.exporting.stan_model import model_functions
from cellkinetics.fitting.run import prepare
from cellkinetics.joint import Joint


@pytest.fixture(scope="module")
def shipped() -> Joint:
    return prepare("aml5-stein2019")[1]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Joint:
    return joined(tmp_path_factory.mktemp("wide"), CLOSED)


def test_the_program_and_its_data_are_the_same_every_time(shipped: Joint) -> None:
    assert stan_program(shipped) == stan_program(shipped)
    assert stan_data(shipped) == stan_data(shipped)


def test_the_data_are_those_that_the_program_asks_for(shipped: Joint, closed: Joint) -> None:
    for joint in (shipped, closed):
        block = re.search(r"^data \{\n(.*?)^\}", stan_program(joint), re.S | re.M).group(1)
        asked = re.findall(r"^  [^/;]*?(\w+);", block, re.M)
        assert sorted(asked) == sorted(stan_data(joint))


def test_data_are_finite_and_rows_complete(shipped: Joint) -> None:
    data = stan_data(shipped)
    json.dumps(data, allow_nan=False)
    for name, values in data.items():
        if name.startswith("row_"):
            assert len(values) == data["n_rows"] == len(shipped.observations.value)
    known = np.array(data["known"])
    assert ((known == NEVER) == np.isinf(shipped.constants)).all()
    below = shipped.observations.kind == LEFT
    assert below.any()
    np.testing.assert_array_equal(np.array(data["row_kind"]) == 1, below)
    limits = np.log(shipped.observations.upper[below])
    np.testing.assert_array_equal(np.array(data["row_high"])[below], limits)


def test_every_prior_is_in_the_data_and_named_with_its_source(shipped: Joint) -> None:
    program, data = stan_program(shipped), stan_data(shipped)
    assert data["mu_mean"] == [q.loc for q in shipped.estimated]
    assert data["mu_sd"] == [q.sd for q in shipped.estimated]
    assert data["omega_median"] == [q.median for q in shipped.population.omega]
    for q in shipped.estimated:
        assert f"// Prior of {q.name}, {q.scale} scale" in program
        assert q.origin in program
    assert "SIMULATED" in program


def test_switches_are_separate_integrations(tmp_path: Path) -> None:
    joint = joined(tmp_path, ODE)
    program, data = stan_program(joint), stan_data(joint)
    assert "path = ode_rk45_tol(rates, z, t, ts, rtol, atol, max_steps, theta, known, after);" in (
        program
    )
    assert "z[3] + y[3]" in program  # an infusion on the natural scale
    assert "log(exp(z[1]) + y[1])" in program  # and on the log scale
    assert "real offset_ = " in program
    assert data["infusion_start"] == [1, 2, 4, 5]
    assert data["rtol"] == 1e-10
    assert data["atol"] == pytest.approx(1e-11)  # of the smallest depot that matters
    grid = np.array(data["grid"])
    for i in range(3):
        first, last = data["grid_start"][i] - 1, data["grid_start"][i + 1] - 1
        assert (np.diff(grid[first:last]) > 0).all()
    np.testing.assert_array_equal(
        grid[np.array(data["row_place"]) - 1], joint.observations.rows.time
    )


@pytest.mark.parametrize("name", model_names())
def test_every_model_of_the_library_has_its_functions(name: str, tmp_path: Path) -> None:
    """Written for every model; where there is a Stan, its compiler has to accept them."""
    model = load_model(name)
    wrt = [q.name for q in model.parameters if not q.fixed]
    known = [q.name for q in model.parameters if q.fixed] + [q.name for q in model.inputs]
    texts = []
    if model.rhs is not None:
        texts.append(model_functions(model, wrt, known, closed=False))
        assert ("ode_bdf_tol" if model.stiff else "ode_rk45_tol") in texts[0]
    if model.solution is not None:
        texts.append(model_functions(model, wrt, known, closed=True))
    for text in texts:
        for i, q in enumerate(wrt, start=1):
            assert f"theta[{i}] = " in text, q
    for text in texts:
        own = "\n".join(line.removeprefix("  ") for line in text.splitlines())
        check_with_stanc(own, tmp_path / "model.stanfunctions")


@pytest.mark.parametrize("content", [CLOSED, MIXED, NATURAL, ODE])
def test_the_compiler_accepts_every_construct(content: dict[str, Any], tmp_path: Path) -> None:
    stan_python()
    program = stan_program(joined(tmp_path / "study", content))
    check_with_stanc(program, tmp_path / "fit.stan")


def check_with_stanc(text: str, file: Path) -> None:
    """Have Stan's compiler look at a program, without the C++ compiler."""
    stanc = _stanc()
    file.write_text(text, encoding="utf-8")
    run = subprocess.run(
        [stanc, str(file), f"--o={file.with_suffix('.cpp')}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def _stanc() -> str:
    """The compiler from Stan to C++ that comes with pystan."""
    where = (
        "import importlib.util as u; print(u.find_spec('httpstan').submodule_search_locations[0])"
    )
    run = subprocess.run([stan_python(), "-c", where], capture_output=True, text=True, check=True)
    return str(Path(run.stdout.strip()) / "stanc")


# ------------------------------------------------------------------------------- rows


def _as_the_program(q: Reading, family: int, nu: float, f: float, scale: float) -> float:
    """``log_reading`` of the program, by SciPy."""
    y = stats.t(nu, f, scale) if family == STUDENT_T else stats.norm(f, scale)
    if q.kind == 0:
        lp = y.logpdf(q.value)
    elif q.kind == 1:
        lp = y.logcdf(q.high)
    elif q.kind == 2:
        lp = y.logsf(q.low)
    elif q.low > f:
        lp = math.log(y.sf(q.low) - y.sf(q.high))
    else:
        lp = math.log(y.cdf(q.high) - y.cdf(q.low))
    return float(lp - y.logsf(q.floor)) if q.conditional else float(lp)


def test_a_row_means_what_our_density_says() -> None:
    """Every family, kind and floor; the limits in any order that makes sense."""
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(3000):
        family, kind = int(rng.integers(3)), int(rng.integers(4))
        y, pred = float(rng.uniform(0.05, 8)), float(rng.normal(0.5, 0.7))
        lower, upper = np.sort(rng.uniform(-1, 8, 2)).tolist()
        floor = float(rng.choice([-math.inf, 0.0, 0.8]))
        a, b, nu = float(rng.uniform(0.2, 1)), float(rng.uniform(0.1, 0.5)), 3.5
        ours = log_density(family, kind, y, lower, upper, floor, pred, True, a, b, nu)[0]
        q = reading_of(kind, family, y, lower, upper, floor)
        if q is None:
            assert ours == -math.inf
            continue
        f = math.exp(pred) if family == COMBINED else pred
        scale = math.hypot(a, b * f) if family == COMBINED else a
        theirs = _as_the_program(q, family, nu, f, scale)
        if kind == OBSERVED and family != COMBINED:
            theirs -= math.log(y)
        assert theirs == pytest.approx(ours, rel=1e-8, abs=1e-8)
        seen.add((family, q.kind, q.conditional))
    assert len(seen) == 24 - 3  # above a floor nothing is only below something


def test_a_zero_under_a_log_normal_error_is_refused_by_its_line(shipped: Joint) -> None:
    obs = shipped.observations
    value, kind = obs.value.copy(), obs.kind.copy()
    value[3], kind[3] = 0.0, OBSERVED
    broken = replace(shipped, observations=replace(obs, value=value, kind=kind))
    line, subject = obs.table["line"][3], obs.table["subject"][3]
    with pytest.raises(SpecError, match=rf"line {line} \(subject {subject}\).*has no density"):
        stan_data(broken)


# ------------------------------------------------------------------------------- refusals


def test_a_mixture_is_summed_out(tmp_path: Path) -> None:
    joint = joined(tmp_path, MIXED)
    program, data = stan_program(joint), stan_data(joint)
    assert joint.centred == ("level", "rate")
    assert "target += log_sum_exp(class_density[i]);" in program
    assert "phi_centred[i]' ~" not in program  # its density depends on the class
    assert data["class_concentration"] == pytest.approx([3.5, 1.5])
    assert sum(data["class_alike"]) == 2  # share and known
    assert data["own_estimated"] == [1, 2, 0]
    assert data["own_fixed"][2] == pytest.approx(math.log(1.5))


def test_a_prior_without_spread_is_refused(shipped: Joint) -> None:
    first, *others = shipped.observations.errors
    errors = (replace(first, log_sd=0.0), *others)
    fixed = replace(shipped, observations=replace(shipped.observations, errors=errors))
    with pytest.raises(SpecError, match=r"\(error\) has an SD of 0"):
        stan_data(fixed)


def test_a_number_that_json_cannot_hold_is_refused(shipped: Joint) -> None:
    constants = shipped.constants.copy()
    constants[1, 0] = math.nan
    with pytest.raises(SpecError, match=rf"of subject {shipped.subjects[1]} is nan"):
        stan_data(replace(shipped, constants=constants))


def test_names_that_stan_keeps_for_itself() -> None:
    for word in sorted(RESERVED):
        assert stan_name(word) not in RESERVED
    assert stan_name("alpha") == "alpha"
    assert stan_name("alpha", ["alpha", "alpha_"]) == "alpha_x"
    for bad in ("\u03b1", "_hidden", "twice__"):
        with pytest.raises(ModelError, match=f"'{bad}' cannot be exported to Stan"):
            stan_name(bad)


def test_a_users_text_stays_in_its_comment(shipped: Joint) -> None:
    assert comment("a\n} model { reject(1); }\r\nb").count("\n") == 0
    model = replace(shipped.model, title="x\ndata { int n; }\u2028*/")
    head = stan_program(replace(shipped, model=model)).partition("functions {")[0]
    assert all(line.startswith("//") for line in head.splitlines())


# ------------------------------------------------------------------------------- expressions

X, Y, Z = sp.symbols("x y z", positive=True)
FLAG = sp.Symbol("after_peak", real=True)
CALLED = {X: "x", Y: "y", Z: "z[1]", FLAG: "after[1]"}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (X / Y, "x/y"),
        (sp.Rational(1, 2) * X, "(0.5)*x"),
        (X**2 / (X + 1) ** 3, "square(x)/(x + 1.0)^3.0"),
        (X**Y, "x^y"),
        (sp.exp(-X * Z) / Y, "exp(-x*z[1])/y"),
        (Where(FLAG, -X, Y) * Y, "y*(after[1] ? -x : y)"),
        (Where(NotAbove(X, Y), X, 1), "(x <= y ? x : 1.0)"),
        (Where(X * Y, X, 0), "(x*y > 0.5 ? x : 0.0)"),
        (sp.log(2) / X, "log(2.0)/x"),
        (sp.sqrt(X) - 1e-9, "sqrt(x) - 1e-09"),
    ],
)
def test_expressions(expression: Any, wanted: str) -> None:
    code = stan_code(expression, CALLED)
    terms: Callable[[str], list[str]] = lambda text: sorted(text.split(" "))  # noqa: E731
    assert terms(code) == terms(wanted)
    assert not re.search(r"(?<![\w.-])\d+(?![\w.\]])", code), "an integer: 1/2 is 0 in Stan"


def test_an_operation_that_stan_does_not_have() -> None:
    with pytest.raises(ModelError, match="sin is not one of the functions"):
        stan_code(sp.sin(X), CALLED)
    with pytest.raises(ModelError, match="w has no meaning there"):
        stan_code(sp.Symbol("w") * X, CALLED)


def test_a_quotient_of_states_is_a_difference_of_logs() -> None:
    """exp(z2) may be 0 where exp(z1 - z2) is not."""
    names = [q.name for q in WIDE.parameters]
    text = model_functions(WIDE, names, ["t_drug"], closed=False)
    assert "exp(-z[1])" in text
    antigen = load_model("antigen_driven")
    names = [q.name for q in antigen.parameters]
    assert "k*exp(z[1] - z[2])" in model_functions(antigen, names, [], closed=False)
