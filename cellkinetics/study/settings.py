"""``study.toml``: what the tables mean and which conventions the study has chosen."""

import copy
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
    model_validator,
)

from cellkinetics.errors import did_you_mean
from cellkinetics.study.findings import Finding, finding, shown

FILE = "study.toml"
OPTIONS_FILE = "the options"  # in place of the file, where there is none

type _Text = Annotated[StrictStr, Field(min_length=1)]
type _Day = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class _Section(BaseModel):
    """A part of study.toml: frozen, and a key that it does not have is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ResponseSettings(_Section):
    """How response is read: criteria, the day by which a remission counts, named windows."""

    criteria: Literal["ELN2017", "ELN2022"] = "ELN2022"
    landmark: _Day | None = None
    windows: dict[_Text, tuple[float, float]] = {}

    @model_validator(mode="after")
    def _windows_run_forward(self) -> Self:
        for name, (first, last) in self.windows.items():
            if not first <= last:
                raise ValueError(
                    f"windows that end after they begin; {name!r} is day {first:g} to {last:g}"
                )
        return self


class EndpointSettings(_Section):
    """Conventions of event-free survival and duration of response.

    ``registered`` is the trial's registered wording. EFS: ``eln2017`` dates a refractory disease
    at its assessment, ``eln2022`` and ``fda`` at day 0. DOR: ``registered`` runs from the first
    response and censors a death without progression, ``from_infusion`` starts at the infusion,
    ``fda`` counts that death as an event.
    """

    efs: Literal["registered", "eln2017", "eln2022", "fda"] = "registered"
    dor: Literal["registered", "from_infusion", "fda"] = "registered"


class MrdSettings(_Section):
    """When measurable residual disease is negative: below ``cutoff_pct`` in ``specimen``.

    The default, 0.1 % of CD45+ cells by flow cytometry, is the ELN's (2018, 2021).
    """

    cutoff_pct: Annotated[float, Field(strict=True, gt=0, le=100)] = 0.1
    specimen: Literal["marrow", "blood"] = "marrow"


def _none(given: Any) -> Any:
    """Read the word "none", because TOML has no empty value."""
    return None if given == "none" else given


class SafetySettings(_Section):
    """Dose-limiting toxicities: the window in which they count, and the rule for stopping.

    ``dlt_window`` is the window's last day, or "none". Its default, 28 days, is usual in trials of
    CAR-T cells; like the limit (stop when P(rate > ``dlt_limit``) > ``dlt_certainty``) it is an
    assumption until the protocol's is written here.
    """

    dlt_window: Annotated[_Day | None, BeforeValidator(_none)] = 28.0
    dlt_limit: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.30
    dlt_certainty: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.80


class WbcSettings(_Section):
    """Which analyte is the white-cell count, and how it is read between two counts."""

    analyte: _Text = "wbc"
    interpolation: Literal["linear", "log", "locf"] = "linear"


class StudySettings(_Section):
    """Everything that ``study.toml`` may say.

    ``units`` maps an analyte to the unit of its values; ``dose_unit`` is the unit of
    ``infusions.cells``. ``zeros_as_read`` names analytes whose zeros are readings (background-free
    assays with additive error); everywhere else a zero without a limit is an error.
    """

    name: _Text
    simulated: StrictBool
    description: StrictStr = ""
    horizon: _Day = 365.0
    dose_unit: _Text | None = None
    units: dict[_Text, _Text] = {}
    zeros_as_read: tuple[_Text, ...] = ()
    response: ResponseSettings = ResponseSettings()
    endpoints: EndpointSettings = EndpointSettings()
    mrd: MrdSettings = MrdSettings()
    safety: SafetySettings = SafetySettings()
    wbc: WbcSettings = WbcSettings()

    @model_validator(mode="after")
    def _landmark_where_needed(self) -> Self:
        if self.endpoints.efs in {"eln2022", "fda"} and self.response.landmark is None:
            raise ValueError(
                "response.landmark, the day by which a remission counts, because endpoints.efs is "
                f"{self.endpoints.efs!r}"
            )
        return self


_EXAMPLE = 'name = "my-study", simulated = false, [units] qpcr = "copies/ug"'


def read_settings(path: Path) -> tuple[StudySettings | None, list[Finding]]:
    """Read ``study.toml``.

    Parameters
    ----------
    path : Path                   the file

    Returns
    -------
    StudySettings or None         None if the file cannot be read at all
    list of Finding
    """
    try:
        raw, text, found = read_toml(path)
    except FileNotFoundError:
        return None, [
            _finding(
                "missing-table",
                came="no such file",
                wanted=f"{FILE} with at least a name and whether the data are simulated",
                cure=f"Write one: {_EXAMPLE}.",
            )
        ]
    return (None, found) if raw is None else settings_from(raw, text)


def read_toml(path: Path) -> tuple[dict[str, Any] | None, str, list[Finding]]:
    """Read a TOML file of settings.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict or None, str, list of Finding   None if it cannot be read; the file's text

    Raises
    ------
    FileNotFoundError
    """
    file = path.name
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        return tomllib.loads(text), text, []
    except FileNotFoundError:
        raise
    except OSError as error:
        fault = _finding(
            "unreadable-file",
            file=file,
            came=f"no file to read ({error.strerror or type(error).__name__})",
            wanted="a readable text file",
            cure="Check its permissions, and that it is a file.",
        )
    except UnicodeDecodeError as error:
        fault = _finding(
            "not-utf8",
            file=file,
            came=f"byte 0x{error.object[error.start]:02x}, which is not UTF-8",
            wanted="UTF-8",
            cure="Save the file again as UTF-8.",
        )
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of 5000 digits
        line = re.search(r"at line ([0-9]+)", str(error))
        fault = _finding(
            "settings-syntax",
            file=file,
            line=int(line[1]) if line else None,
            came=f"text that is not TOML ({error or 'nested too deeply'})",
            wanted="key = value lines under [section] headers",
            cure=f"Texts need double quotes, as in {_EXAMPLE}.",
        )
    return None, "", [fault]


def settings_from(
    raw: Mapping[str, Any], text: str = "", file: str = FILE
) -> tuple[StudySettings, list[Finding]]:
    """Check settings that are already a mapping.

    Parameters
    ----------
    raw : mapping                 as in study.toml
    text : str                    the file's text, to say in which line a key stands
    file : str                    its name, for the findings

    Returns
    -------
    StudySettings, list of Finding   with an error, what can be read without the faulty keys
    """
    try:
        return StudySettings.model_validate(dict(raw)), []
    except ValidationError as error:
        problems = [dict(problem) for problem in error.errors()]
    return _without(raw, problems), explained(StudySettings, problems, text, file)


def explained(
    model: type[BaseModel], problems: list[dict[str, Any]], text: str, file: str
) -> list[Finding]:
    """Turn pydantic's complaints about a file of settings into findings."""
    return [_explain(model, problem, text, file) for problem in problems]


def _without(raw: Mapping[str, Any], problems: list[dict[str, Any]]) -> StudySettings:
    """Read what is left without the faulty keys, to go on checking the tables."""
    rest: dict[str, Any] = {"name": "study", "simulated": False, **copy.deepcopy(dict(raw))}
    for problem in problems:
        *way, last = problem["loc"] or ("endpoints",)
        inner: Any = rest
        for part in way:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.pop(last, None)
        else:
            rest.pop(problem["loc"][0], None)
    rest = {"name": "study", "simulated": False, **rest}
    try:
        return StudySettings.model_validate(rest)
    except ValidationError:
        return StudySettings(name="study", simulated=False)


def _explain(model: type[BaseModel], problem: dict[str, Any], text: str, file: str) -> Finding:
    """Turn one of pydantic's complaints into a finding."""
    path = [str(part) for part in problem["loc"] if part != "[key]"]
    key = ".".join(path)
    line = _line_of(path, text)
    if problem["type"] == "extra_forbidden":
        return _finding(
            "unknown-setting",
            file=file,
            line=line,
            column=key,
            came=f"a key {shown(path[-1])} that does not exist",
            wanted="a known key, because a slip would switch a setting off in silence",
            cure=did_you_mean(path[-1], _keys(model, path[:-1])),
        )
    if problem["type"] == "missing":
        kind = "true or false" if path[-1] == "simulated" else "a text in double quotes"
        return _finding(
            "missing-setting",
            file=file,
            column=key,
            came=f"no {key}",
            wanted=f"{key} = {kind}",
            cure=f"Add it to {file}.",
        )
    came = problem["input"] if path else None
    return _finding(
        "bad-setting",
        file=file,
        line=line,
        column=key or None,
        came=shown(str(came)) if path else "settings that contradict each other",
        wanted=_wanted(problem),
        cure="Correct it.",
    )


_WANTED = {
    "bool_type": "true or false",
    "dict_type": "a [section] of keys",
    "model_type": "a [section] of keys",
    "string_type": "a text in double quotes",
    "string_too_short": "a text that is not empty",
    "float_type": "a number",
    "tuple_type": "a list in square brackets",
    "greater_than": "a number greater than {gt:g}",
    "less_than": "a number less than {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "finite_number": "a finite number",
}


def _wanted(problem: dict[str, Any]) -> str:
    """Say in TOML's words what pydantic wanted."""
    if problem["type"] in _WANTED:
        return _WANTED[problem["type"]].format_map(problem.get("ctx", {}))
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return message.removeprefix("should be ")


def _keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the keys of one section."""
    for part in path:
        if part in model.model_fields:
            inner = _section(model.model_fields[part].annotation)
            if inner is None:
                return []
            model = inner
    return list(model.model_fields)


def _section(annotation: Any) -> type[BaseModel] | None:
    """Find the section that a key holds, by itself or as one of many with names of the user's."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section, reversed(get_args(annotation)))), None)


def _line_of(path: list[str], text: str) -> int | None:
    """Find the line of a key: the first ``key =`` under its section's header, or the header."""
    section: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.fullmatch(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?", line)
        if header:
            section = [part.strip().strip("\"'") for part in header[1].split(".")]
            if section == path:
                return number
            continue
        key = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if key and path:
            here = section + [part.strip("\"'") for part in key[1].split(".")]
            if here == path[: len(here)]:
                return number
    return None


def _finding(
    code: str,
    *,
    came: str,
    wanted: str,
    cure: str,
    file: str = FILE,
    line: int | None = None,
    column: str | None = None,
) -> Finding:
    return finding(
        code, "study", file=file, line=line, column=column, came=came, wanted=wanted, cure=cure
    )
