"""ADRS (and the counts in ADLB) to ``assessments``: one row a subject and day."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cellkinetics.study.cdisc.dataset import Bools, Dataset, mask
from cellkinetics.study.cdisc.days import Calendar, without_day
from cellkinetics.study.cdisc.derived import originals
from cellkinetics.study.cdisc.events import Seen
from cellkinetics.study.cdisc.options import OPTIONS_TOML
from cellkinetics.study.cdisc.readings import read_results
from cellkinetics.study.cdisc.units import factors_to, unit_texts
from cellkinetics.study.convert import to_frame
from cellkinetics.study.findings import Finding, counted, listed, shown
from cellkinetics.study.tables import BY_NAME, RESPONSES
from cellkinetics.study.text import Cells, plain

_VISIT_RESPONSE = ("OVR", "OVRLRESP", "OVRRESP", "OVRALL", "OVRINV", "OVRLRSP", "AMLRESP",
                   "ELNRESP", "RESP", "RSPVIS")  # fmt: skip
_DEATH = ("DEATH", "DTH")
_EVALUATORS = ("RSEVAL", "PARCAT2", "EVAL")
_UNITS = {"anc": "10^9/L", "platelets": "10^9/L"}

# AVALC (letters and digits of it, lower case) -> response, and an event where it says one.
_WORDS: dict[str, tuple[str, str | None]] = {
    **{word.lower(): (word, None) for word in RESPONSES},
    **dict.fromkeys(("completeresponse", "completeremission"), ("CR", None)),
    **dict.fromkeys(
        ("crwithpartialhematologicrecovery", "completeremissionwithpartialhematologicrecovery"),
        ("CRh", None),
    ),
    **dict.fromkeys(
        ("crwithincompletehematologicrecovery", "crp",
         "completeremissionwithincompletehematologicrecovery",
         "completeremissionwithincompletecountrecovery"), ("CRi", None)
    ),
    **dict.fromkeys(("morphologicleukemiafreestate",), ("MLFS", None)),
    **dict.fromkeys(("partialresponse", "partialremission"), ("PR", None)),
    **dict.fromkeys(("sd", "stabledisease", "noresponse", "rd", "refractorydisease",
                     "resistantdisease", "treatmentfailure", "tf"), ("NR", None)),
    **dict.fromkeys(("pd", "progressivedisease", "diseaseprogression"), ("NR", "progression")),
    **dict.fromkeys(("relapse", "relapseddisease", "rel", "diseaserelapse"), ("NR", "relapse")),
    **dict.fromkeys(("notevaluable", "nonevaluable", "inevaluable", "notassessed", "na", "nd",
                     "notdone", "unknown", "missing", "indeterminate"), ("NE", None)),
}  # fmt: skip
_MRD = {
    **dict.fromkeys(("negative", "neg", "mrdnegative", "n", "undetectable", "notdetected"),
                    "negative"),
    **dict.fromkeys(("positive", "pos", "mrdpositive", "y", "detected", "detectable"), "positive"),
    **dict.fromkeys(("notevaluable", "ne", "notdone", "nd", "indeterminate", "unknown"),
                    "not_evaluable"),
}  # fmt: skip


@dataclass
class Visits:
    """What the records say of each subject and day, until the rows of ``assessments`` are made."""

    rows: dict[tuple[str, float], list[dict[str, str | int]]] = field(default_factory=dict)

    def add(self, subject: str, day: float, column: str, value: str, line: int) -> None:
        """Put one value into the first row of its day that has none of its kind."""
        some = self.rows.setdefault((subject, day), [])
        if any(row.get(column) == value for row in some):
            return
        row = next((row for row in some if column not in row), None)
        if row is None:
            row = {"line": line}
            some.append(row)
        row[column] = value

    def frame(self, found: list[Finding]) -> pd.DataFrame:
        """Make the rows of ``assessments``."""
        table = BY_NAME["assessments"]
        rows = [
            (subject, repr(day), row) for (subject, day), some in self.rows.items() for row in some
        ]
        names = table.names[2:]
        cells = Cells(
            table.names,
            tuple((s, d, *(str(row.get(name, "")) for name in names)) for s, d, row in rows),
            tuple(int(row["line"]) for _, _, row in rows),
        )
        frame, problems = to_frame(cells, table, table.file)
        found.extend(problems)
        return frame


def read_responses(data: Dataset, calendar: Calendar, visits: Visits) -> list[Seen]:
    """Read ADRS: each visit's response into ``visits``.

    Parameters
    ----------
    data : Dataset
    calendar : Calendar
    visits : Visits               filled

    Returns
    -------
    list of Seen                  progressions, relapses and deaths in it
    """
    codes = [code.upper() for code in data.texts("PARAMCD")]
    wanted = calendar.options.response.parameters or _VISIT_RESPONSE
    columns = calendar.options.assessments.columns()
    is_response = mask([code in wanted for code in codes])
    is_death = mask([code in _DEATH for code in codes])
    is_column = mask([code in columns for code in codes])
    _other_parameters(data, codes, is_response, is_death | is_column, bool(data.lines))
    rows = originals(data, calendar.options, is_response | is_death | is_column).kept
    rows &= _one_evaluator(data, rows & is_response, calendar.options.response.evaluator)
    day = calendar.study_days(data, ("ADY",), ("ADT",))
    said_yes = mask([text.upper() in {"Y", "YES"} for text in data.texts("AVALC")])
    rows &= ~is_death | said_yes
    rows = without_day(data, day, rows, ("ADY", "ADT"))
    seen = [
        Seen(data.subjects[i], float(day[i]), "death", data, i)
        for i in map(int, np.flatnonzero(rows & is_death))
    ]
    values = {plain(k): v for k, v in calendar.options.response.values.items()}
    read_as: Counter[tuple[str, str]] = Counter()
    for i in map(int, np.flatnonzero(rows & is_response)):
        text = data.texts("AVALC")[i]
        told = values.get(plain(text))
        response, event = (told, None) if told else _WORDS.get(plain(text), (None, None))
        if response is None:
            if text:
                _unknown_response(data, i, text)
            continue
        if response != text:
            read_as[text, response] += 1
        visits.add(data.subjects[i], float(day[i]), "response", response, data.code(i))
        if event:
            seen.append(Seen(data.subjects[i], float(day[i]), event, data, i))
    if read_as:
        data.say(
            "response-read-as",
            column="AVALC",
            came=listed(
                f"{shown(text)} as {response} ({counted(n, 'record')})"
                for (text, response), n in read_as.items()
            ),
            cure=f"response.values in {OPTIONS_TOML} says otherwise.",
        )
    read_columns(data, calendar, visits, rows & is_column)
    return seen


def _unknown_response(data: Dataset, i: int, text: str) -> None:
    data.say(
        "response-unknown",
        i,
        "AVALC",
        came=shown(text),
        wanted=f"a response: {', '.join(RESPONSES)}",
        cure=f'Say what it means in {OPTIONS_TOML}: [response.values] "{text}" = "NR".',
    )


def _other_parameters(
    data: Dataset, codes: list[str], response: Bools, others: Bools, any_record: bool
) -> None:
    left_out = Counter(c for c, r, o in zip(codes, response, others, strict=True) if not (r or o))
    if any_record and not response.any():
        data.say(
            "response-parameter-missing",
            column="PARAMCD",
            came=f"no visit's response among {listed(dict.fromkeys(codes), 12)}",
            wanted=f"one of {listed(_VISIT_RESPONSE, 12)}",
            cure=f'Name it in {OPTIONS_TOML}: response.parameters = ["..."].',
        )
    elif left_out:
        each = listed(f"{code} ({n})" for code, n in left_out.items())
        data.say(
            "parameters-left-out",
            column="PARAMCD",
            came=f"{counted(sum(left_out.values()), 'record')} of derived parameters: {each}",
            cure="They follow from the visits' responses and are not read.",
        )


def _one_evaluator(data: Dataset, rows: Bools, asked: str | None) -> Bools:
    """Keep one evaluator's responses, where several gave theirs."""
    who = data.texts(next((name for name in _EVALUATORS if data.has(name)), "RSEVAL"))
    names = list(dict.fromkeys(who[i] for i in np.flatnonzero(rows) if who[i]))
    if len(names) < 2:
        return np.ones(len(data), dtype=np.bool_)
    used = asked or next((n for n in names if "INVESTIGATOR" in n.upper()), names[0])
    out = rows & mask([name != used for name in who])
    data.say(
        "several-evaluators",
        column=next(name for name in _EVALUATORS if data.has(name)),
        came=f"responses by {listed(names)}",
        cure=f"{used}'s are used; left out: {counted(int(out.sum()), 'record')}; "
        f"response.evaluator in {OPTIONS_TOML} says otherwise.",
    )
    kept: Bools = ~out
    return kept


def read_columns(data: Dataset, calendar: Calendar, visits: Visits, rows: Bools) -> None:
    """Read counts, blasts and MRD from ADLB or ADRS into columns of ``assessments``.

    Parameters
    ----------
    data : Dataset
    calendar : Calendar
    visits : Visits               filled
    rows : array (record,) of bool   the records to read, each an original
    """
    columns = calendar.options.assessments.columns()
    codes = [code.upper() for code in data.texts("PARAMCD")]
    verdict = rows & mask([columns.get(code) == "mrd_status" for code in codes])
    numeric = rows & ~verdict
    day = calendar.study_days(data, ("ADY",), ("ADT",), say=False)
    for i in map(int, np.flatnonzero(verdict & ~np.isnan(day))):
        _add_verdict(data, visits, i, float(day[i]))
    results = read_results(data, numeric, np.zeros(len(data), dtype=np.bool_))
    written = unit_texts(data)
    for column in dict.fromkeys(columns.values()):
        mine = numeric & ~np.isnan(day) & mask([columns.get(code) == column for code in codes])
        if not mine.any():
            continue
        factor, _ = factors_to(data, mine, written, column, _UNITS.get(column, "%"))
        for i in map(int, np.flatnonzero(mine & ~np.isnan(factor))):
            value, below = results.value[i] * factor[i], results.cens[i] == 1
            if np.isnan(value):
                continue
            who, when, line = data.subjects[i], float(day[i]), data.code(i)
            if column == "mrd_value" and below:  # as assessments.csv writes "< 0.01 %"
                visits.add(who, when, "mrd_value", "0.0", line)
                visits.add(who, when, "mrd_lod", repr(float(value)), line)
            else:
                visits.add(who, when, column, repr(float(value)), line)


def _add_verdict(data: Dataset, visits: Visits, i: int, day: float) -> None:
    text = data.texts("AVALC")[i]
    status = _MRD.get(plain(text))
    if status:
        visits.add(data.subjects[i], day, "mrd_status", status, data.code(i))
    elif text:
        data.say(
            "not-allowed",
            i,
            "AVALC",
            came=shown(text),
            wanted="NEGATIVE, POSITIVE or NOT EVALUABLE",
            cure="Correct it.",
        )


def assessment_rows(data: Dataset, calendar: Calendar) -> Bools:
    """Records of ADLB that are columns of ``assessments``, each sample once."""
    columns = calendar.options.assessments.columns()
    codes: Sequence[str] = [code.upper() for code in data.texts("PARAMCD")]
    rows = mask([c in columns and c not in calendar.options.analytes for c in codes])
    return originals(data, calendar.options, rows).kept
