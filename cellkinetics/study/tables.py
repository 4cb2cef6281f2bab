"""The tables of a study, declared once; reading, checking and documentation interpret this.

Time is days since the first infusion in every table. A blank cell, ``NA`` or ``.`` is missing.
"""

from dataclasses import dataclass
from typing import Literal, get_args

type Kind = Literal["text", "number", "choice", "flag"]

MISSING = ("", "NA", ".")
TRUE = ("1", "true", "yes", "y")
FALSE = ("0", "false", "no", "n")


@dataclass(frozen=True)
class Column:
    """One column: what it may hold and what it means.

    ``low`` and ``high`` are what is possible (outside is an error), ``plausible`` what is usual
    (outside is a warning). ``also`` lists names that other programs give to the same thing: they
    are never read as this column, but answered with "did you mean".
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    unit: str = ""
    allowed: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    plausible: tuple[float, float] | None = None
    whole: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One file: its columns, whether it must exist, and what makes two rows the same row.

    ``covariates`` says that columns beyond the declared ones are the user's own and are kept.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool = False
    covariates: bool = False

    @property
    def file(self) -> str:
        """Name of the table's file in the study's folder."""
        return f"{self.name}.csv"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the declared columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the declaration of one column."""
        return next(column for column in self.columns if column.name == name)


SUBJECT = Column(
    "subject",
    "text",
    "the subject's own id, kept as written (leading zeros count)",
    required=True,
    also=("id", "subjectid", "subjid", "usubjid", "patient", "patientid", "patid", "ptid"),
)
TIME = Column(
    "time",
    "number",
    "days since the first infusion (day 0 = infusion)",
    required=True,
    unit="day",
    also=("day", "days", "studyday", "actualday", "nominalday", "ady", "start", "tad"),
)
END = Column("end", "number", "last day, in days since the first infusion", unit="day")

Response = Literal["CR", "CRh", "CRi", "MLFS", "PR", "NR", "NE"]
RESPONSES: tuple[str, ...] = get_args(Response)
Event = Literal[
    "progression",
    "relapse",
    "treatment_failure",
    "death",
    "transplant",
    "other_therapy",
    "last_contact",
    "withdrawal",
]
EVENTS: tuple[str, ...] = get_args(Event)
TREATMENT_KINDS = (
    "lymphodepletion",
    "conditioning",
    "cytotoxic",
    "cell_product",
    "tocilizumab",
    "corticosteroid",
    "supportive",
    "other",
)

TABLES: tuple[Table, ...] = (
    Table(
        "subjects",
        "one row a subject; every further column is a covariate",
        (
            SUBJECT,
            Column(
                "weight_kg",
                "number",
                "body weight",
                unit="kg",
                low=0.3,
                high=700,
                plausible=(3, 250),
                also=("weight", "wt", "bw", "bodyweight", "weightkg", "kg"),
            ),
            Column("data_cut", "number", "day of the data cut-off", unit="day"),
        ),
        key=("subject",),
        required=True,
        covariates=True,
    ),
    Table(
        "infusions",
        "one row an infusion; not every study doses",
        (
            SUBJECT,
            TIME,
            Column(
                "cells",
                "number",
                "dose in the study's dose_unit: viable CAR+ cells, or cells per kg",
                required=True,
                also=("dose", "amt", "amount", "carcells", "cellskg"),
            ),
            Column(
                "vcn",
                "number",
                "vector copy number of the product, copies per transduced cell",
                low=1e-4,
                high=1e3,
                plausible=(0.02, 10),
                also=("vectorcopynumber", "vectorcopies"),
            ),
            Column("transduction_pct", "number", "transduced cells", unit="%", low=0, high=100),
        ),
        key=("subject", "time", "cells"),
    ),
    Table(
        "samples",
        "one row a reading; white cells are an analyte like any other",
        (
            SUBJECT,
            TIME,
            Column(
                "analyte",
                "text",
                "what was measured, such as qpcr, flow, wbc or il6",
                required=True,
                also=("assay", "param", "paramcd", "test", "dvid", "marker"),
            ),
            Column(
                "value",
                "number",
                "the reading; where cens is 1 or -1, the limit",
                also=("dv", "y", "result", "reading", "aval", "concentration", "conc"),
            ),
            Column("unit", "text", "unit of value and of every limit in the row", also=("avalu",)),
            Column(
                "cens",
                "number",
                "1 below the limit, -1 above the upper limit, 0 as read",
                also=("censored", "censor", "blq", "bloq", "bql", "belowlimit", "cnsr"),
            ),
            Column(
                "lloq",
                "number",
                "lower limit of quantification of this row",
                also=("loq", "llq", "limit", "lowerlimit"),
            ),
            Column(
                "uloq",
                "number",
                "upper limit of quantification of this row",
                also=("ulq", "upperlimit"),
            ),
            Column("lower", "number", "with cens 1: the reading is in [lower, value)"),
            Column("lod", "number", "limit of detection of this row", also=("detectionlimit",)),
            Column("specimen", "text", "what was sampled, such as blood or marrow"),
        ),
        key=("subject", "time", "analyte", "specimen"),
    ),
    Table(
        "assessments",
        "one row a response assessment",
        (
            SUBJECT,
            TIME,
            Column("response", "choice", "ELN response; NE not evaluable", allowed=RESPONSES),
            Column("marrow_blasts_pct", "number", "marrow blasts", unit="%", low=0, high=100),
            Column("cellularity", "number", "marrow cellularity", unit="%", low=0, high=100),
            Column("blood_blasts_pct", "number", "blood blasts", unit="%", low=0, high=100),
            Column("auer_rods", "flag", "Auer rods seen"),
            Column("extramedullary", "flag", "extramedullary disease"),
            Column(
                "anc", "number", "neutrophils", unit="10^9/L", low=0, high=1e5, plausible=(0, 100)
            ),
            Column(
                "platelets",
                "number",
                "platelets",
                unit="10^9/L",
                low=0,
                high=1e7,
                plausible=(0, 3000),
            ),
            Column("transfused", "flag", "platelets given in the week before"),
            Column("mrd_value", "number", "measurable residual disease", unit="%", low=0, high=100),
            Column("mrd_lod", "number", "detection limit of mrd_value", unit="%", low=0, high=100),
            Column(
                "mrd_status",
                "choice",
                "the laboratory's own verdict",
                allowed=("negative", "positive", "not_evaluable"),
            ),
        ),
        key=("subject", "time"),
    ),
    Table(
        "events",
        "one row an event, or the last contact",
        (
            SUBJECT,
            TIME,
            Column("event", "choice", "what happened", required=True, allowed=EVENTS),
        ),
        key=("subject", "time", "event"),
    ),
    Table(
        "toxicities",
        "one row a toxicity episode",
        (
            SUBJECT,
            TIME,
            END,
            Column("term", "text", "the reported term"),
            Column("soc", "text", "system organ class"),
            Column(
                "kind",
                "choice",
                "CRS, ICANS or other",
                required=True,
                allowed=("CRS", "ICANS", "other"),
            ),
            Column("scale", "text", "grading scale as reported: ASTCT, CTCAE, Lee2014, Penn ..."),
            Column("grade", "number", "grade on that scale", low=0, high=5, whole=True),
            Column("dlt", "flag", "dose-limiting"),
        ),
        key=("subject", "time", "kind", "term"),
    ),
    Table(
        "vitals",
        "one row a set of signs, for ASTCT grading",
        (
            SUBJECT,
            TIME,
            Column(
                "temperature_c",
                "number",
                "body temperature",
                unit="degree Celsius",
                low=20,
                high=46,
                also=("temperature", "temp", "tempc"),
            ),
            Column("hypotension", "flag", "hypotension"),
            Column(
                "vasopressors",
                "number",
                "vasopressors in use, vasopressin not counted",
                low=0,
                high=10,
                whole=True,
            ),
            Column(
                "oxygen",
                "choice",
                "highest oxygen support",
                allowed=("none", "low_flow", "high_flow", "positive_pressure"),
            ),
            Column("ice_score", "number", "ICE score", low=0, high=10, whole=True, also=("ice",)),
        ),
        key=("subject", "time"),
    ),
    Table(
        "treatments",
        "one row a course of another drug or product",
        (
            SUBJECT,
            TIME,
            END,
            Column("drug", "text", "generic name", required=True),
            Column("dose", "number", "dose", low=0),
            Column("unit", "text", "unit of dose"),
            Column(
                "kind",
                "choice",
                "what it was given for; decides which later samples are kept out",
                allowed=TREATMENT_KINDS,
            ),
        ),
        key=("subject", "time", "drug", "dose"),
    ),
)

BY_NAME = {table.name: table for table in TABLES}
