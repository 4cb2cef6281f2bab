"""``cdisc.toml``: what a folder of CDISC data sets does not say by itself; all of it optional."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
)

from cellkinetics.study.findings import Finding
from cellkinetics.study.settings import explained, read_toml
from cellkinetics.study.tables import Event, Response

OPTIONS_TOML = "cdisc.toml"


def _upper(text: Any) -> Any:
    return text.upper() if isinstance(text, str) else text


type _Text = Annotated[StrictStr, Field(min_length=1)]
type _Code = Annotated[_Text, BeforeValidator(_upper)]
type DatasetName = Literal["ADSL", "ADPC", "ADPPK", "ADLB", "ADRS", "ADTTE", "ADAE", "EX", "ADCM"]
type Derived = Literal["leave out", "below", "copy", "original"]


def _short_form(given: Any) -> Any:
    """Read ``CARQPCR = "qpcr"`` and ``ALT = false`` as sections of one key."""
    if isinstance(given, str):
        return {"name": given}
    if isinstance(given, bool):
        return {"read": given}
    return given


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnalyteOptions(_Section):
    """One parameter code: the analyte's name and unit, or ``read = false`` to leave it out."""

    name: _Text | None = None
    unit: _Text | None = None
    read: StrictBool = True


class DoseOptions(_Section):
    """Which EXTRT are the cells (else: those dosed in cells), and the unit where EX has none."""

    treatments: tuple[_Code, ...] = ()
    unit: _Text | None = None


class ResponseOptions(_Section):
    """ADRS: which parameters are a visit's response, whose verdict counts, what the words mean."""

    parameters: tuple[_Code, ...] = ()
    evaluator: _Text | None = None
    values: dict[_Code, Response] = {}


class AssessmentOptions(_Section):
    """Parameter codes of ADLB or ADRS that are columns of ``assessments``."""

    anc: tuple[_Code, ...] = ("ANC", "NEUT", "NEUTSG")
    platelets: tuple[_Code, ...] = ("PLAT", "PLT")
    marrow_blasts_pct: tuple[_Code, ...] = ("BMBLAST", "BLASTBM", "MBLAST")
    blood_blasts_pct: tuple[_Code, ...] = ("PBBLAST", "BLASTPB")
    cellularity: tuple[_Code, ...] = ("BMCELL",)
    mrd_value: tuple[_Code, ...] = ("MRDPCT",)
    mrd_status: tuple[_Code, ...] = ("MRD", "MRDSTAT")

    def columns(self) -> dict[str, str]:
        """Map a parameter code to its column."""
        named: dict[str, tuple[str, ...]] = self.model_dump()
        return {code: column for column, codes in named.items() for code in codes}


class TimeToEventOptions(_Section):
    """ADTTE: which parameters are what, the unit of AVAL, and what EVNTDESC texts mean."""

    survival: tuple[_Code, ...] = ("OS", "OSDTH", "DEATH")
    from_infusion: tuple[_Code, ...] = ("OS", "EFS", "PFS", "TTP", "TTR", "TTRESP")
    unit: _Text | None = None
    events: dict[_Code, Event | Literal["none"]] = {}


class ToxicityOptions(_Section):
    """ADAE: terms of CRS and ICANS, and the scales behind AETOXGR."""

    crs: tuple[_Code, ...] = ("CYTOKINE RELEASE SYNDROME",)
    icans: tuple[_Code, ...] = (
        "IMMUNE EFFECTOR CELL-ASSOCIATED NEUROTOXICITY SYNDROME",
        "IMMUNE EFFECTOR CELL ASSOCIATED NEUROTOXICITY SYNDROME",
        "ICANS",
    )
    scale: _Text | None = None
    crs_scale: _Text | None = None
    icans_scale: _Text | None = None


class CdiscOptions(_Section):
    """Everything that ``cdisc.toml`` may say.

    ``files`` gives a data set other files than its own name. ``day_of_infusion`` is the number that
    the day of infusion has in a data set's ADY or, for ADTTE, in AVAL: 1, or 0 where days count
    from 0. ``time_unit`` is the unit of AFRLT where no AFRLTU or FRLTU says it. ``dtype`` says what
    a DTYPE means beyond those known (COPY, HALFLLOQ and others of their kind).
    """

    encoding: Literal["utf-8", "latin-1", "cp1252"] | None = None
    time_unit: _Text | None = None
    files: dict[DatasetName, tuple[_Text, ...]] = {}
    day_of_infusion: dict[DatasetName, Literal[0, 1]] = {}
    dtype: dict[_Code, Derived] = {}
    analytes: dict[_Code, Annotated[AnalyteOptions, BeforeValidator(_short_form)]] = {}
    doses: DoseOptions = DoseOptions()
    response: ResponseOptions = ResponseOptions()
    assessments: AssessmentOptions = AssessmentOptions()
    time_to_event: TimeToEventOptions = TimeToEventOptions()
    toxicity: ToxicityOptions = ToxicityOptions()

    def first_day(self, dataset: str) -> int:
        """Return the number of the day of infusion in a data set."""
        return next((day for name, day in self.day_of_infusion.items() if name == dataset), 1)

    def files_of(self, dataset: str) -> list[str]:
        """Return the files that the user has named for a data set."""
        return [file for name, some in self.files.items() if name == dataset for file in some]


def read_options(folder: Path) -> tuple[CdiscOptions, list[Finding]]:
    """Read ``cdisc.toml`` of a folder, where there is one.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    CdiscOptions, list of Finding   the defaults where the file is absent or faulty
    """
    try:
        raw, text, found = read_toml(folder / OPTIONS_TOML)
    except FileNotFoundError:
        return CdiscOptions(), []
    if raw is None:
        return CdiscOptions(), found
    try:
        return CdiscOptions.model_validate(raw), []
    except ValidationError as error:
        problems = [dict(problem) for problem in error.errors()]
    return CdiscOptions(), explained(CdiscOptions, problems, text, OPTIONS_TOML)
