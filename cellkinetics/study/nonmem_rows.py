"""Rows of a NONMEM-style file, sorted into infusions, samples and covariates."""

from collections import Counter
from collections.abc import Sequence

from cellkinetics.errors import did_you_mean
from cellkinetics.study.findings import counted, listed, shown
from cellkinetics.study.nonmem_layout import DOSING, RESERVED, Layout, NonmemOptions, Row
from cellkinetics.study.text import Cells

_DOSE, _OBSERVATION, _NEITHER = "dose", "observation", "neither"
_SAMPLE = ("subject", "time", "analyte", "value", "cens", "lloq", "uloq", "lower", "lod")


def sort_rows(layout: Layout, rows: Sequence[Row], options: NonmemOptions) -> tuple[Cells, Cells]:
    """Sort rows into infusions and samples; every row that is neither is counted in a finding."""
    infusions: list[Row] = []
    samples: list[Row] = []
    seen: Counter[float | None] = Counter()
    left_out: Counter[str] = Counter()
    old_codes: list[Row] = []
    analytes = options.get("analytes", {})
    for row in rows:
        event, why = _event(layout, row, old_codes)
        if event == _DOSE:
            names = (layout.id, "TIME", "AMT")
            infusions.append((row[0], tuple(layout.cell(row[1], name) for name in names)))
        elif event == _OBSERVATION:
            key = layout.number(row, layout.key) if layout.key else None
            seen[key] += 1
            if layout.key is None:
                analyte = next(iter(analytes.values())) if len(analytes) == 1 else None
            else:
                analyte = analytes.get(int(key)) if key is not None and key.is_integer() else None
            if analyte:
                samples.append((row[0], _sample(layout, row, analyte)))
        elif why:
            left_out[why] += 1
    _explain_keys(layout, seen, options, left_out)
    for why, count in left_out.items():
        say_left_out(layout, count, why)
    if old_codes:
        layout.say(
            "evid-101",
            row=old_codes[0],
            column="EVID",
            table="infusions",
            came=f"{counted(len(old_codes), 'row')} with EVID 101 or alike",
            cure="They are read as doses: nlmixr2 wrote 100 x compartment + 1.",
        )
    return _as_cells(("subject", "time", "cells"), infusions), _as_cells(_SAMPLE, samples)


def say_left_out(layout: Layout, count: int, why: str) -> None:
    """Count rows that are left out because the file says so."""
    layout.say(
        "rows-left-out",
        came=f"{counted(count, 'row')} with {why}",
        cure="That says to leave them out.",
    )


def _as_cells(columns: tuple[str, ...], rows: Sequence[Row]) -> Cells:
    return Cells(columns, tuple(cells for _, cells in rows), tuple(line for line, _ in rows))


def _event(layout: Layout, row: Row, old_codes: list[Row]) -> tuple[str, str]:
    """Say whether a row is a dose, an observation or neither, and why it is left out."""
    amount = layout.number(row, "AMT") or 0.0
    code = layout.number(row, "EVID")
    if code is None:
        code = 1.0 if amount else 0.0
    if 100 < code < 10000 and code % 100 == 1:
        old_codes.append(row)
        code = 1.0
    if code == 1:
        for name in DOSING:
            if (layout.number(row, name) or 0.0) != 0:
                layout.say(
                    "dosing-not-supported",
                    row=row,
                    column=name,
                    table="infusions",
                    came=layout.cell(row[1], name),
                    wanted="0: cells are infused at once",
                    cure="Write every infusion as a row of its own.",
                )
        return _DOSE, ""
    if code == 0 and not amount:
        ignored = layout.number(row, "MDV") == 1
        return (_NEITHER, "MDV 1") if ignored else (_OBSERVATION, "")
    if code == 2:
        return _NEITHER, "EVID 2"
    layout.say(
        "evid-not-supported",
        row=row,
        column="EVID",
        came=f"EVID {code:g} with AMT {amount:g}",
        wanted="0 (observation), 1 (dose, or nlmixr2's 101) or 2 (left out)",
        cure="Resets and steady states have no place here; take the row out.",
    )
    return _NEITHER, ""


def _sample(layout: Layout, row: Row, analyte: str) -> tuple[str, ...]:
    """Write a row as one of samples.csv: LIMIT is the other end of an interval."""
    cells = row[1]
    limit = layout.cell(cells, "LIMIT")
    limit = "" if limit.lower() == "-inf" else limit
    lloq, lower = layout.cell(cells, "LLOQ"), ""
    state = layout.number(row, "CENS" if "CENS" in layout.at else "BLQ")
    if limit and state == -1:
        layout.say(
            "limit-above-not-supported",
            row=row,
            column="LIMIT",
            came=f"LIMIT {shown(limit)} with CENS -1",
            wanted="LIMIT only with CENS 1 or 0",
            cure="Leave LIMIT empty: the reading is then above DV.",
        )
    elif limit and state == 1:
        lower = limit
    elif limit:
        lloq = lloq or limit  # nlmixr2: LIMIT with CENS 0 is the limit that M2 needs
    return (
        layout.cell(cells, layout.id),
        layout.cell(cells, "TIME"),
        analyte,
        layout.cell(cells, "DV"),
        layout.cell(cells, "CENS" if "CENS" in layout.at else "BLQ"),
        lloq,
        layout.cell(cells, "ULOQ"),
        lower,
        layout.cell(cells, "LOD"),
    )


def _explain_keys(
    layout: Layout,
    seen: Counter[float | None],
    options: NonmemOptions,
    left_out: Counter[str],
) -> None:
    """Say which kinds of rows have no analyte, and which analytes have no row."""
    analytes = options.get("analytes", {})
    if layout.key is None:
        if len(analytes) != 1 and seen:
            layout.say(
                "option-missing",
                column="DV",
                came=f"{len(analytes)} analytes for one kind of rows",
                wanted="the analyte that DV holds",
                cure='Give one, as in analytes={1: "qpcr"}, or a column DVID.',
            )
        return
    counts = listed(f"{_plain(key)} ({counted(rows, 'row')})" for key, rows in seen.items())
    for key, rows in seen.items():
        if key is None or key not in analytes:
            layout.say(
                "dvid-unknown",
                column=layout.key,
                came=f"{counted(rows, 'row')} with {layout.key} {_plain(key)}",
                wanted=f"an analyte for each of {counts}",
                cure=f'Give analytes={{{_plain(key)}: "..."}}, or None to leave them out.',
            )
        elif analytes[int(key)] is None:
            left_out[f"{layout.key} {_plain(key)}, which stands for no analyte"] += rows
    for wanted, name in analytes.items():
        if wanted not in seen:
            layout.say(
                "option-not-used",
                column=layout.key,
                came=f"analytes={{{wanted}: {name!r}}} and no such rows",
                wanted=f"one of {counts}" if counts else "samples in the file; it has none",
                cure="Correct the number, or name another column with by=...",
            )


def _plain(key: float | None) -> str:
    return "empty" if key is None else f"{key:g}"


def find_covariates(
    layout: Layout, rows: Sequence[Row], options: NonmemOptions
) -> tuple[Cells, Cells]:
    """Find covariates: those that stay go to subjects, those asked for that change to samples."""
    asked = options.get("covariates", {})
    names = [name for name in layout.at if name not in {*RESERVED, layout.id, layout.key}]
    for name in asked:
        if name not in names:
            layout.say(
                "option-not-used",
                line=1,
                column=name,
                came=f"covariates={{{name!r}: ...}} and no such column",
                wanted="a covariate of the file",
                cure=did_you_mean(name, names),
            )
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(layout.cell(row[1], layout.id), row)
    fixed: dict[str, dict[str, str]] = {}
    varying: list[Row] = []
    for name in names:
        target = asked.get(name, name)
        if target is None:
            continue
        values: dict[str, set[str]] = {}
        for _, cells in rows:
            if layout.cell(cells, name):
                values.setdefault(layout.cell(cells, layout.id), set()).add(
                    layout.cell(cells, name)
                )
        if all(len(of_one) == 1 for of_one in values.values()):
            fixed[target] = {subject: next(iter(of_one)) for subject, of_one in values.items()}
        elif name in asked:
            varying += _as_samples(layout, rows, name, target)
        else:
            layout.say(
                "extra-column",
                line=1,
                column=name,
                came=f"{shown(name)}, which changes within a subject",
                cure=f'It is not used; covariates={{{name!r}: "..."}} reads it as an analyte.',
            )
    subjects = [
        (line, (subject, *(of_one.get(subject, "") for of_one in fixed.values())))
        for subject, (line, _) in first.items()
    ]
    return _as_cells(("subject", *fixed), subjects), _as_cells(_SAMPLE, varying)


def _as_samples(layout: Layout, rows: Sequence[Row], name: str, analyte: str) -> list[Row]:
    """Write a covariate that changes as samples, one for each time at which it is given."""
    done: set[tuple[str, str]] = set()
    out: list[Row] = []
    for line, cells in rows:
        when = (layout.cell(cells, layout.id), layout.cell(cells, "TIME"))
        if layout.cell(cells, name) and when not in done:
            done.add(when)
            out.append((line, (*when, analyte, layout.cell(cells, name), *[""] * 5)))
    return out
