"""Findings about a study's tables, told in the files, records and variables of the user's."""

import re
from collections.abc import Mapping
from dataclasses import replace

from cellkinetics.study.cdisc.dataset import split_line
from cellkinetics.study.cdisc.files import Folder
from cellkinetics.study.cdisc.read import SOURCES
from cellkinetics.study.findings import Finding, line_word
from cellkinetics.study.tables import TABLES

_SUBJECT = {"subject": "USUBJID"}
_SAMPLE = {**_SUBJECT, "time": "ADY", "analyte": "PARAMCD", "value": "AVAL", "unit": "AVALU",
           "cens": "BLQFL", "lloq": "ALLOQ", "uloq": "AULOQ"}  # fmt: skip
_DOSE = {**_SUBJECT, "time": "AFRLT", "cells": "AMT"}

# (data set, table) -> our column -> the variable that it came from.
ORIGIN: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("ADSL", "subjects"): {**_SUBJECT, "weight_kg": "WEIGHTBL", "data_cut": "DCUTDT"},
    ("ADSL", "events"): {**_SUBJECT, "time": "DTHDT"},
    ("ADPC", "samples"): {**_SAMPLE, "time": "AFRLT"},
    ("ADPPK", "samples"): {**_SAMPLE, "time": "AFRLT"},
    ("ADLB", "samples"): _SAMPLE,
    ("ADPC", "infusions"): _DOSE,
    ("ADPPK", "infusions"): _DOSE,
    ("EX", "infusions"): {**_SUBJECT, "time": "EXSTDY", "cells": "EXDOSE"},
    ("EX", "treatments"): {**_SUBJECT, "time": "EXSTDY", "end": "EXENDY", "drug": "EXTRT",
                           "dose": "EXDOSE", "unit": "EXDOSU"},
    ("ADCM", "treatments"): {**_SUBJECT, "time": "ASTDY", "end": "AENDY", "drug": "CMDECOD",
                             "dose": "CMDOSE", "unit": "CMDOSU"},
    ("ADRS", "assessments"): {**_SUBJECT, "time": "ADY", "response": "AVALC",
                              "mrd_status": "AVALC"},
    ("ADLB", "assessments"): {**_SUBJECT, "time": "ADY", "anc": "AVAL", "platelets": "AVAL"},
    ("ADRS", "events"): {**_SUBJECT, "time": "ADY", "event": "AVALC"},
    ("ADTTE", "events"): {**_SUBJECT, "time": "AVAL", "event": "EVNTDESC"},
    ("ADAE", "toxicities"): {**_SUBJECT, "time": "ASTDY", "end": "AENDY", "term": "AEDECOD",
                             "soc": "AEBODSYS", "kind": "AEDECOD", "grade": "AETOXGR",
                             "dlt": "DLTFL"},
}  # fmt: skip

# Cures that speak of columns which a data set does not have.
_CURES = {
    "cens-without-limit": "Give ALLOQ, the limit in AVALC (<50) or --assume-lloq ANALYTE=LIMIT.",
    "first-infusion-not-day-0": "Study days and elapsed times must count from the same infusion: "
    "check AFRLT, EXSTDY and ADSL's TRTSDT.",
    "unknown-subject": "Add the subject to ADSL, or correct USUBJID.",
    "no-end-of-follow-up": "Give LSTALVDT in ADSL, or OS in ADTTE.",
}
_CODED = re.compile(r"\bline ([0-9]{13,})")


def in_users_words(found: Finding, folder: Folder) -> Finding:
    """Tell a finding about one of our tables in the user's files, records and variables.

    Parameters
    ----------
    found : Finding               its ``line`` carries the number of the file
    folder : Folder

    Returns
    -------
    Finding
    """
    file, line, column = found.file, found.line, found.column
    if line is not None and split_line(line)[0]:
        number, line = split_line(line)
        data = folder.file(number)
        file = data.file
        column = ORIGIN.get((data.name, found.table), {}).get(column or "", column)
    elif file == f"{found.table}.csv":
        file = _named(found.table, folder)
        names = [name for name in SOURCES.get(found.table, ()) if folder.of(name)]
        column = ORIGIN.get((names[0] if names else "", found.table), {}).get(column or "", column)
    cure = found.cure if found.cure.startswith("Did you") else _CURES.get(found.code, found.cure)
    came, wanted, cure = (
        _in_files(text, folder, file) for text in (found.came, found.wanted, cure)
    )
    return replace(found, file=file, line=line, column=column, came=came, wanted=wanted, cure=cure)


def _in_files(text: str, folder: Folder, here: str) -> str:
    """Write "record 3 of adlb.xpt" and ADSL in place of our own lines and tables."""

    def place(match: re.Match[str]) -> str:
        number, line = split_line(int(match[1]))
        file = folder.file(number).file
        where = "" if file == here else f" of {file}"
        return f"{line_word(file)} {line}{where}"

    text = _CODED.sub(place, text)
    for table in TABLES:
        text = text.replace(table.file, _named(table.name, folder))
    return text


def sources(folder: Folder) -> dict[str, str]:
    """Say for the file of each of our tables which data sets stand for it."""
    return {table.file: _named(table.name, folder) for table in TABLES}


def _named(table: str, folder: Folder) -> str:
    """Name the data sets behind a table: those that are there, else those that could be."""
    names = SOURCES.get(table, ())
    present = [name for name in names if folder.of(name)]
    return "/".join(present or names) or f"{table}.csv"
