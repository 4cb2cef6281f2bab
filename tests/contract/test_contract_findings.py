"""What a user does wrong in a model file gets one finding: its line, what came, and a cure."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellkinetics.catalogue import load_model
from cellkinetics.contract import SOLVED, check_file
from cellkinetics.contract.cases import Case, case_of
from cellkinetics.contract.finding import place_of_model
from cellkinetics.contract.new import new_model
from cellkinetics.contract.solved import check_range
from cellkinetics.declare import Example, PatientClass
from cellkinetics.errors import ModelError
from cellkinetics.kernel.compiled import Solution
from cellkinetics.verify import check_anything


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> str:
    return new_model(tmp_path_factory.mktemp("m") / "my_model.py").read_text(encoding="utf-8")


AT_ITS_LINE = {
    "name-unknown", "key-unknown", "not-symbolic", "function-fails", "switch-unknown",
    "text-missing", "dose-range-wrong",
}  # fmt: skip


def broken(text: str, old: str, new: str, folder: Path) -> tuple[Path, int]:
    """The file with one change, and the line of the change."""
    assert text.count(old) == 1, old
    path = folder / "my_model.py"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path, text[: text.index(old)].count("\n") + 1


def test_the_starting_file_passes_as_it_is(tmp_path: Path) -> None:
    path = new_model(tmp_path / "antigen-loss2.py")
    assert check_file(path) == []
    assert load_model(path).name == "antigen_loss2"
    assert "cellkinetics check antigen-loss2.py" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("p.k * y.effector - p.beta", "p.k * y.efector - p.beta", "name-unknown",
         "got 'efector', which is not a state. Known: effector, memory.  Did you mean 'effector'?"),
        ("-p.alpha, p.rho)", "-p.alhpa, p.rho)", "name-unknown", "Did you mean 'alpha'?"),
        ('"car_t": y.effector', '"cart": y.effector', "key-unknown",
         "observe() that returns 'cart'; wanted an observable. Known: car_t.  Did you mean"),
        ('"memory": p.k * y.effector', '"memroy": p.k * y.effector', "key-unknown",
         "rhs() that returns 'memroy'; wanted a state. Known: effector, memory.  Did you mean"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "growth = -p.alpha if t > p.t_max else p.rho", "not-symbolic", "in place of 'if'"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "import math; growth = math.exp(-p.alpha) * p.rho", "not-symbolic", "in place of 'if'"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "import numpy; growth = numpy.exp(-p.alpha) * p.rho", "not-symbolic", "in place of 'if'"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "growth = max(p.alpha, p.rho)", "not-symbolic", "min and max"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "growth = p.rho / 0 * p.alpha", "function-returns", "(a division by 0?)"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "growth = p.rho * undefined", "function-fails", "NameError: name 'undefined'"),
        ('name="alpha",\n            unit="1/day"',
         'name="alpha",\n            unit="day"', "unit-wrong", "alpha"),
        ('name="k",\n            unit="1/day"',
         'name="k",\n            unit="per fortnight"', "unit-wrong",
         "the unit of 'k' cannot be read"),
        ("p.k * y.effector - p.beta", "p.k - p.beta", "unit-wrong", "but they are subtracted"),
        ('assumption="placeholder; next to nothing"', 'assumption=""', "source-missing",
         "parameter 'm_0': give either a source (with table or equation number) or an assumption"),
        ('symbol="k"', 'symbl="k"', "model-declared-wrongly",
         "got Parameter(symbl=...); wanted a keyword of Parameter."),
        ('name="memory", unit="cells/uL"', 'name="memory"', "model-declared-wrongly",
         "State(...) without 'unit'"),
        ("horizon=365.0", "horizon=365.0, hroizon=1", "model-declared-wrongly",
         "Did you mean 'horizon'?"),
        ('after("peak")', 'after("paek")', "switch-unknown",
         "wanted a switch. Known: peak.  Did you mean 'peak'?"),
        ('return {"peak": p.t_max}', 'return {"peak": p.t_max', "model-not-python",
         "what is not Python"),
        ('return {"peak": p.t_max}', 'return [p.t_max]', "function-returns",
         "switches() that returns list; wanted a dict by name"),
        ('return {"peak": p.t_max}', 'return {"peak": "t_max"}', "function-returns",
         "switches()['peak'] that is str"),
        ("from cellkinetics.algebra import after, log, where",
         "from cellkinetics.algebra import after, log, where, wehn", "model-cannot-be-imported",
         "ImportError: cannot import name 'wehn'"),
        ("from cellkinetics.algebra import after, log, where",
         "from cellkinetics.algebra import after, log, where; import my_helpers",
         "model-cannot-be-imported", "A model is one file"),
        ("value=945.0", "value=900.0", "published-not-reproduced",
         "'growth of effectors from day 2 to day 10' = 945.27"),
        ("(solve, model):", "(solve):", "published-not-reproduced", "TypeError"),
        ("value=945.0,\n            rtol=0.01", "value=945.0,\n            rtol=0.5",
         "published-wrong", "rtol 0.5"),
        ("doses=(1e7, 1e9)", "doses=(1e9, 1e7)", "dose-range-wrong", "least and the largest"),
        ("doses=(1e7, 1e9)", "doses=(1e5, 1e6)", "dose-range-wrong", "without the reference"),
        ('meaning="CAR-T cells in blood"),)', 'meaning="CAR-T cells in blood"))',
         "model-declared-wrongly", "One by itself has a comma after it"),
        ("((0.0, 1e8),)", "((0.0, 1e8))", "model-declared-wrongly", "comma after it"),
        ("horizon=365.0", "horizon=0.0", "model-declared-wrongly", "number of days above 0"),
        ('typical=0.8', 'typical="0.8"', "model-declared-wrongly",
         "'t_double': typical value '0.8'"),
        ('assumption="placeholder; SD on the log scale"', 'assumption=" "', "residual-wrong",
         "no single origin"),
        ("sd=0.4", "sd=float('inf')", "residual-wrong", "sd inf, wanted a number above 0"),
        ("value=945.0", "value=float('nan')", "published-wrong", "nothing can be within rtol"),
        ("    return float(level[1] / level[0])", "    raise SystemExit(0)",
         "published-not-reproduced", "SystemExit"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "growth = p.rho * (y.effector > 5) - p.alpha", "not-symbolic", "in place of 'if'"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "growth = round(p.rho) - p.alpha", "not-symbolic", "in place of 'if'"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "growth = p.rho ^ 2 - p.alpha", "function-fails", "A power is written **"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "p.alpha = p.rho; growth = p.alpha", "function-fails", "'alpha' cannot be set"),
        ("growth = where(after(\"peak\"), -p.alpha, p.rho)",
         "raise SystemExit(1)", "function-fails", "SystemExit"),
        ("p.k * y.effector - p.beta", 'p.k * y["effector"] - p.beta', "function-fails",
         "asked for by name: y.effector"),
        ('"effector": (growth - p.k) * y.effector',
         '"effector": (growth - p.k) * y.effector * (-1) ** 0.5', "function-returns",
         "that is no real number"),
        ('identifiability="what samples can tell of it, and what leans on its assumed value"',
         'identifiability=" "', "identifiability-missing", "what samples can tell"),
        ('observable="car_t", sd=0.4', 'observable="cart", sd=0.4', "residual-wrong",
         "Did you mean 'car_t'?"),
        ('purpose="what it is meant to answer, such as: CAR-T expansion and persistence by flow"',
         'purpose=""', "text-missing", "no purpose"),
        ('"memory": p.k * y.effector - p.beta * y.memory',
         '"memory": p.k * y.effector - p.alpha * y.effector - p.beta * y.memory',
         "state-below-zero", "d memory/dt = -"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_finding_at_its_line(
    started: str, tmp_path: Path, old: str, new: str, code: str, said: str
) -> None:
    path, line = broken(started, old, new, tmp_path)
    found = check_file(path)
    assert code in {f.code for f in found}, [str(f) for f in found]
    (first, *_) = [f for f in found if f.code == code]
    assert said in str(first), str(first)
    assert first.file == "my_model.py"
    assert first.line is not None
    # What is declared over many lines is named by its first, a wrong unit by the equation.
    near = 0 if code in AT_ITS_LINE else 9
    if code != "unit-wrong" and not {"(solve):", "SystemExit(0)"} & set(new.split()):
        assert abs(first.line - line) <= near, str(first)
    assert len(found) == 1, [str(f) for f in found]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lambda", "no word of Python"),
        ("\u03b1", "letters from a to z"),
        ("t", "another name"),
        ("cells", "another name"),
        ("y_memory", "another name"),
        ("after_peak", "another name"),
        ("_m", "another name"),
    ],
)
def test_names_that_equations_or_code_cannot_bear(
    started: str, tmp_path: Path, name: str, said: str
) -> None:
    text = started.replace('name="m_0"', f'name="{name}"').replace("p.m_0", f'getattr(p, "{name}")')
    path = tmp_path / "my_model.py"
    path.write_text(text, encoding="utf-8")
    (found,) = check_file(path)
    assert found.code == "name-invalid"
    assert f"got the name '{name}'; wanted " in str(found)
    assert said in str(found)
    assert found.line == 1 + started[: started.index('name="m_0"')].count("\n")


@pytest.mark.parametrize(
    ("declared", "code", "said"),
    [
        ('covariates=(CovariateEffect(parameter="k", covariate="age", form="pwoer", value=1.0,'
         ' rse=0.5, reference=40.0, assumption="a"),)', "effect-wrong", "Did you mean 'power'?"),
        ('covariates=(CovariateEffect(parameter="k", covariate="age", form="power", value=1.0,'
         ' rse=0.5, assumption="a"),)', "effect-wrong", "reference None, wanted the covariate"),
        ('covariates=(CovariateEffect(parameter="k", covariate="age", form="power", value=1.0,'
         ' rse=0.5, reference=0.0, assumption="a"),)', "effect-wrong", "above 0"),
        ('covariates=(CovariateEffect(parameter="k", covariate="age", form="power",'
         ' value=float("nan"), rse=0.5, reference=1.0, assumption="a"),)', "effect-wrong",
         "no finite number"),
        ('residuals=(Residual(observable="car_t", sd=0.4, assumption="a"),) * 2', "residual-wrong",
         "a second one"),
        ('inputs=(Input(name="w", unit="1", meaning="a", default=float("nan")),)', "input-wrong",
         "NEVER is the time"),
        ('published=(Published(name="a", value=1.0, rtol=0.01, source="a", compute=len),) * 2',
         "published-wrong", "a name that stands twice"),
    ],
)  # fmt: skip
def test_what_is_declared_is_read(
    started: str, tmp_path: Path, declared: str, code: str, said: str
) -> None:
    path = tmp_path / "my_model.py"
    more = "\nfrom dataclasses import replace\nfrom cellkinetics.declare import *\n"
    path.write_text(f"{started}{more}MODEL = replace(MODEL, {declared})\n", encoding="utf-8")
    found = [f for f in check_file(path) if f.severity == "error"]
    assert {f.code for f in found} == {code}, [str(f) for f in found]
    assert said in str(found[0])


@pytest.mark.parametrize("change", ["horizon=10.0", "horizon=28.0"])
def test_a_short_horizon_is_no_mistake(started: str, tmp_path: Path, change: str) -> None:
    path, _ = broken(started, "horizon=365.0", change, tmp_path)
    assert check_file(path) == []


def test_a_file_that_changes_the_working_directory(
    started: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Path("my_model.py").write_text(
        f"import os; os.chdir({str(elsewhere)!r})\n{started}", encoding="utf-8"
    )
    assert check_file("my_model.py") == []


def test_an_unused_parameter_is_named_where_it_is_declared(started: str, tmp_path: Path) -> None:
    path, _ = broken(started, "- p.beta * y.memory", "", tmp_path)
    (found,) = check_file(path)
    assert found.code == "parameter-unused"
    assert found.line == 1 + started[: started.index('name="beta"')].count("\n")
    assert "'beta', which no equation uses" in str(found)


def test_every_wrong_name_is_found_in_one_run(started: str, tmp_path: Path) -> None:
    text = started.replace("y.effector + y.memory", "y.efector + y.memry + p.lambda_z")
    path, _ = broken(text, "p.k * y.effector - p.beta", "p.kk * y.effector - p.beta", tmp_path)
    assert [f.code for f in check_file(path)] == ["name-unknown"] * 4


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("x = 1\n", "model-not-declared", "no MODEL"),
        ("MODEL = 3\n", "model-not-declared", "a MODEL that is int"),
        ("raise SystemExit(3)\n", "model-cannot-be-imported", "SystemExit"),
        ("\x00", "model-not-python", "null bytes"),
        ("def f(:\n", "model-not-python", "invalid syntax"),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, text: str, code: str, said: str) -> None:
    path = tmp_path / "odd.py"
    path.write_bytes(text.encode("latin-1"))
    (found,) = check_file(path)
    assert found.code == code
    assert said in str(found)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (found,) = check_anything(tmp_path / "absent.py")
    assert found.code == "model-not-found"
    assert "cellkinetics new-model" in str(found)


def test_new_model_overwrites_nothing(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("years of work", encoding="utf-8")
    for wrong, said in ((mine, "is not overwritten"), (tmp_path / "m.txt", "ends in .py"),
                        (tmp_path / "no" / "m.py", "there is no folder")):  # fmt: skip
        with pytest.raises(ModelError, match=said):
            new_model(wrong)
    assert mine.read_text(encoding="utf-8") == "years of work"


# Wrong by construction: each check of what is computed must see the fault that it is there for.


def codes(case: Case) -> set[str]:
    place = place_of_model(case.model)
    return {f.code for check in SOLVED.values() for f in check(place, case)}


def test_code_of_other_equations_is_found() -> None:
    model = load_model("stein2019")
    assert model.rhs is not None
    right = model.rhs

    def faster(t: Any, y: Any, p: Any) -> Any:
        return {name: 1.000001 * rate for name, rate in right(t, y, p).items()}

    assert codes(case_of(model)) == set()
    wrong = replace(case_of(model), kernels=case_of(replace(model, rhs=faster)).kernels)
    assert codes(wrong) >= {"code-differs", "closed-form-differs"}


class Leaning:
    """A kernel whose output is off: gradients by 1e-5, or predictions after events."""

    def __init__(self, kernel: Any, what: str) -> None:
        self._kernel, self._what = kernel, what

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernel, name)

    def __call__(self, phi: Any, constants: Any, dosing: Any, rows: Any, **how: Any) -> Solution:
        out = self._kernel(phi, constants, dosing, rows, **how)
        if self._what == "jac":
            return replace(out, jac=out.jac * (1 + 1e-5))
        if self._what == "event":
            return replace(out, pred=out.pred + 1e-5 * np.isin(rows.time, dosing.time))
        if self._what == "status":
            return replace(out, status=out.status + (np.arange(len(out.status)) == 2))
        return replace(out, pred=np.full_like(out.pred, -0.1))


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("jac", "gradient-differs"),
        ("event", "row-on-event"),
        ("status", "not-solved"),
        ("low", "state-below-zero"),
    ],
)
def test_a_kernel_that_is_off_is_found(what: str, code: str) -> None:
    model = load_model("antigen_driven")
    case = case_of(model)
    assert codes(case) == set()
    if what == "low":  # a state on its natural scale, whose kernel says less than 0
        states = tuple(replace(q, positive=q.name != "effector") for q in model.states)
        case = replace(case, model=replace(model, states=states))
    kernels = {form: Leaning(kernel, what) for form, kernel in case.kernels.items()}
    wrong = replace(case, kernels=kernels)  # type: ignore[arg-type]
    found = check_range(place_of_model(model), wrong) if what == "low" else []
    assert code in {f.code for f in found} | (codes(wrong) if what != "low" else set())


def test_an_example_that_cannot_be_solved_is_found() -> None:
    model = load_model("antigen_driven")
    wild = Example(name="wild", meaning="explodes", values={"rho": 1e9, "k_a": 0.0},
                   assumption="a test")  # fmt: skip
    assert codes(case_of(replace(model, examples=(wild,)))) == {"not-solved"}


def test_examples_and_classes_are_read(started: str, tmp_path: Path) -> None:
    from cellkinetics.contract.declared import check_declared

    model = load_model("stein2019")
    place = place_of_model(model)
    wrong = replace(
        model,
        examples=(
            Example(name="a", meaning="a", values={"c_max": -1.0}, assumption="t"),
            Example(name="b", meaning="b", values={"cmax": 1.0}, assumption="t"),
            Example(name="c", meaning="c", values={}, dosing=((0.0, 1e8),), assumption="t"),
            Example(name="d", meaning="d", values={"c_max": 1.0}),
        ),
        classes=(
            PatientClass(name="x", meaning="x", probability=0.5, typical={}, assumption="t"),
            PatientClass(name="x", meaning="x", probability=0.4, typical={}, assumption="t"),
        ),
    )
    said = [str(f) for f in check_declared(place, wrong)]
    for part in ("c_max = -1, which its log scale", "Did you mean 'c_max'?", "dose does nothing",
                 "no single origin", "a name that stands twice", "sum to 0.9"):  # fmt: skip
        assert any(part in text for text in said), part
