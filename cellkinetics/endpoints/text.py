"""The definitions of a result as text, and all of its numbers as one mapping."""

import json
from textwrap import fill
from typing import Any

from cellkinetics.endpoints.options import Options
from cellkinetics.endpoints.run import Endpoints
from cellkinetics.files import records
from cellkinetics.outcome.answer import LEVEL

KIND = "cellkinetics endpoints"  # marks endpoints.json, and with it the folder, as ours
_WIDTH = 100


def definitions(found: Endpoints) -> str:
    """Write the rules that were used.

    Parameters
    ----------
    found : Endpoints

    Returns
    -------
    str
    """
    study = found.study
    out = [
        f"{study.name}: endpoints"
        + (" of SIMULATED data; no patient stands behind any number" if study.simulated else ""),
        "",
        *_wrapped(_settings(found)),
        "",
    ]
    for answer in found.answers.values():
        out += [answer.title, "-" * len(answer.title)]
        out += _wrapped(answer.definition.splitlines())
        if answer.notes:
            out += ["", "In this study:"]
            out += [_flow(f"- {note}", indent="  ") for note in answer.notes]
        out += ["", ""]
    out += ["Checks of this result", "---------------------"]
    for check in found.checks:
        word = "holds" if check.passed else "FAILS"
        out += [f"{word}: {check.name}{f' ({check.detail})' if check.detail else ''}"]
    out += ["", "Made with", "---------"]
    out += [f"{name} {version}" for name, version in found.versions.items()]
    return "\n".join(out) + "\n"


def content(found: Endpoints) -> dict[str, Any]:
    """Everything that is a number, a rule or a source, as JSON can hold it.

    Parameters
    ----------
    found : Endpoints

    Returns
    -------
    dict
    """
    study = found.study
    return {
        "kind": KIND,
        "study": study.name,
        "simulated": study.simulated,
        "description": study.description.strip(),
        "treated": len(found.subjects),
        "options": _options(found.options),
        "settings": json.loads(study.settings.model_dump_json()),
        "endpoints": {
            name: {
                "title": answer.title,
                "definition": answer.definition,
                "notes": list(answer.notes),
                "numbers": records(answer.numbers),
            }
            for name, answer in found.answers.items()
        },
        "checks": [{"check": c.name, "passed": c.passed, "detail": c.detail} for c in found.checks],
        "passed": found.passed,
        "warnings": [str(warning) for warning in found.warnings],
        "rows_after_the_cut": len(found.late),
        "reported_times_that_differ": int((found.reported["agrees"] == False).sum())  # noqa: E712
        if len(found.reported)
        else 0,
        "inputs_sha256": found.inputs,
        "versions": found.versions,
    }


def censoring(options: Options) -> str:
    """Say what censors EFS, DOR, RFS and relapse beside the end of follow-up; often nothing."""
    names = " and ".join(name.replace("_", " ") for name in options.censor_at)
    return f"; {names} censors EFS, DOR, RFS and relapse" if names else ""


def _settings(found: Endpoints) -> list[str]:
    options = found.options
    cut = "none" if options.cutoff is None else f"day {options.cutoff:g} (its own day counts)"
    landmark = found.study.settings.response.landmark
    return [
        f"Treated subjects: {len(found.subjects)}. Time is days since first infusion (day 0); a "
        "month is a twelfth of 365 days.",
        f"Data cut: {cut}. Horizon: day {found.study.settings.horizon:g}. "
        f"Landmark of remission: {'none' if landmark is None else f'day {landmark:g}'}.",
        f"Rules: EFS {options.efs}, DOR {options.dor}{censoring(options)}. "
        f"Kaplan-Meier intervals on the {options.conf_type} scale. "
        f"Intervals are of level {100 * LEVEL:g} %, pointwise, "
        "without correction for their number, unless a number says otherwise.",
        f"Target of response and MRD-negative rates: {options.target:g}.",
    ]


def _options(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.__dataclass_fields__}


def _wrapped(lines: list[str]) -> list[str]:
    return [_flow(line) for line in lines]


def _flow(text: str, indent: str = "") -> str:
    return fill(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
