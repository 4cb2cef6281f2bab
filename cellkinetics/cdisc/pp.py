"""Exposure as a PP-like data set: a record a subject, analyte and metric."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from cellkinetics.cdisc.terms import OWN, PPTEST
from cellkinetics.cdisc.transport import CdiscError, Variable, require, texts_of, write_dataset
from cellkinetics.study.findings import Finding, counted, finding, listed

# PPFLAG and PPFLAGRS are ours: a value that is given but extrapolated or uncertain, and why.
VARIABLES = (
    Variable("STUDYID", "Study Identifier", key=True),
    Variable("DOMAIN", "Domain Abbreviation", key=True),
    Variable("USUBJID", "Unique Subject Identifier", key=True),
    Variable("PPSEQ", "Sequence Number", "number"),
    Variable("PPTESTCD", "Parameter Short Name", key=True),
    Variable("PPTEST", "Parameter Name"),
    Variable("PPCAT", "Parameter Category", key=True),
    Variable("PPSCAT", "Parameter Subcategory"),
    Variable("PPORRES", "Result or Finding in Original Units"),
    Variable("PPORRESU", "Original Units"),
    Variable("PPSTRESC", "Character Result/Finding in Std Format"),
    Variable("PPSTRESN", "Numeric Result/Finding in Standard Units", "number"),
    Variable("PPSTRESU", "Standard Units"),
    Variable("PPSTAT", "Completion Status"),
    Variable("PPREASND", "Reason Parameter Not Calculated"),
    Variable("PPSPEC", "Specimen Material Type"),
    Variable("PPSTINT", "Planned Start of Assessment Interval"),
    Variable("PPENINT", "Planned End of Assessment Interval"),
    Variable("PPFLAG", "Flag of the Value (not CDISC)"),
    Variable("PPFLAGRS", "Reason of the Flag (not CDISC)"),
)
_REQUIRED = ("subject", "analyte", "metric", "value", "unit")
_WINDOW = re.compile(r"AUC([0-9.]+)-([0-9.]+)d")
_CODE = re.compile(r"[A-Z][A-Z0-9]{0,7}")


def pp_table(
    table: pd.DataFrame, *, study: str, codes: dict[str, tuple[str, str]] | None = None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Arrange exposure as PP.

    Parameters
    ----------
    table : DataFrame             a row a subject, analyte and metric: subject, analyte, metric,
                                  value (NaN: not estimable) and unit; optional specimen, cdisc
                                  (PPTESTCD), flag and reason. The metric of an area is AUC0-28d.
    study : str                   STUDYID
    codes : dict, optional        metric -> (PPTESTCD, PPTEST), before ``cdisc`` and our own

    Returns
    -------
    DataFrame, list of Finding    ``VARIABLES``; PPCAT is the analyte, PPSCAT our name of the
                                  metric; one without a code is not written but named in a finding.
                                  Times (TMAX) are days elapsed since the infusion, not study days.

    Raises
    ------
    CdiscError                    a column is missing, or a code is longer than 8 characters
    """
    require(table, _REQUIRED, "The table of exposure")
    given = {**OWN, **(codes or {})}
    metrics = [str(metric) for metric in table["metric"]]
    written = texts_of(table, "cdisc")
    tests = [
        codes[metric]
        if codes and metric in codes
        else ((code, PPTEST.get(code, metric)) if code else given.get(metric, ("", "")))
        for metric, code in zip(metrics, written, strict=True)
    ]
    wrong = next((code for code, _ in tests if code and not _CODE.fullmatch(code)), None)
    if wrong is not None:
        raise CdiscError(f"PPTESTCD {wrong!r} is not of at most 8 capital letters and digits.")
    value = table["value"].to_numpy(dtype=np.float64)
    reason, flag = texts_of(table, "reason"), texts_of(table, "flag")
    given_value = ~np.isnan(value)
    texts = [repr(float(v)) if g else "" for v, g in zip(value, given_value, strict=True)]
    windows = [_WINDOW.fullmatch(metric) for metric in metrics]
    units = texts_of(table, "unit")
    unit = [u if g else "" for u, g in zip(units, given_value, strict=True)]
    out = pd.DataFrame(
        {
            "STUDYID": study,
            "DOMAIN": "PP",
            "USUBJID": texts_of(table, "subject"),
            "PPTESTCD": [code for code, _ in tests],
            "PPTEST": [test for _, test in tests],
            "PPCAT": texts_of(table, "analyte"),
            "PPSCAT": metrics,
            "PPORRES": texts,
            "PPORRESU": unit,
            "PPSTRESC": texts,
            "PPSTRESN": value,
            "PPSTRESU": unit,
            "PPSTAT": np.where(given_value, "", "NOT DONE"),
            "PPREASND": np.where(given_value, "", reason),
            "PPSPEC": [text.upper() for text in texts_of(table, "specimen")],
            "PPSTINT": [f"P{w[1]}D" if w else "" for w in windows],
            "PPENINT": [f"P{w[2]}D" if w else "" for w in windows],
            "PPFLAG": np.where(given_value, flag, ""),
            "PPFLAGRS": np.where(given_value, reason, ""),
        }
    )
    nameless = out["PPTESTCD"] == ""
    found = []
    if nameless.any():
        names = listed(dict.fromkeys(out.loc[nameless, "PPSCAT"]))
        found.append(
            finding(
                "not-written",
                "PP",
                file="pp",
                column="PPTESTCD",
                came=f"{counted(int(nameless.sum()), 'value')} of {names}, which have no code",
                cure="Give codes={metric: (PPTESTCD, PPTEST)} to have them written.",
            )
        )
    out = out[~nameless].reset_index(drop=True)
    out["PPSEQ"] = out.groupby("USUBJID", sort=False).cumcount().to_numpy(dtype=np.float64) + 1
    return out[[variable.name for variable in VARIABLES]], found


def write_pp(
    table: pd.DataFrame,
    path: str | Path,
    *,
    study: str,
    codes: dict[str, tuple[str, str]] | None = None,
) -> list[Finding]:
    """Write exposure as a PP-like data set.

    Parameters
    ----------
    table, study, codes           as in :func:`pp_table`
    path : str or Path            pp.csv or pp.xpt

    Returns
    -------
    list of Finding               what was not written, shortened or spelt in ASCII

    Raises
    ------
    CdiscError
    """
    out, found = pp_table(table, study=study, codes=codes)
    return found + write_dataset(out, path, "PP", "Pharmacokinetic Parameters", VARIABLES)
