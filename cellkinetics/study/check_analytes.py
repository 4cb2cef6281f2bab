"""Checks of analytes as a whole: names, units, limits that vary, what a physical link needs."""

from collections.abc import Iterator

import pandas as pd

from cellkinetics.errors import UnitError
from cellkinetics.study.findings import Finding, counted, finding, listed, shown
from cellkinetics.study.study import Study
from cellkinetics.study.text import plain
from cellkinetics.units import canonical, convert, parse_unit, same_dimension


def check_analytes(study: Study) -> Iterator[Finding]:
    """Check every analyte once."""
    yield from _names(study)
    for analyte in study.analytes:
        rows = study.samples[study.samples["analyte"] == analyte]
        yield from _units(analyte, rows)
        yield from _limits(analyte, rows)
    yield from _link(study)


def _names(study: Study) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for analyte in study.analytes:
        other = seen.setdefault(plain(analyte) or analyte, analyte)
        if other != analyte:
            first = study.samples[study.samples["analyte"] == analyte].iloc[0]
            yield finding(
                "similar-analytes",
                "samples",
                line=int(first["line"]),
                column="analyte",
                subject=first["subject"],
                came=f"{shown(analyte)}, much like {shown(other)}",
                wanted="one spelling an analyte",
                cure="They are two analytes as written; use one spelling if they are one.",
            )
    known = {"units": study.settings.units, "zeros_as_read": study.settings.zeros_as_read}
    for key, names in known.items():
        for name in names if len(study.samples) else ():
            if name not in study.analytes:
                yield finding(
                    "unit-for-unknown-analyte",
                    "study",
                    file="study.toml",
                    column=f"{key}.{name}" if key == "units" else key,
                    came=f"analyte {shown(name)}, of which there is no sample",
                    wanted=f"one of {listed(study.analytes)}",
                    cure="Correct the name, or take it out.",
                )


def _units(analyte: str, rows: pd.DataFrame) -> Iterator[Finding]:
    blank = rows[rows["unit"].isna()]
    if len(blank):
        yield _at_first(
            "unit-missing",
            blank,
            "unit",
            came=f"{counted(len(blank), 'row')} of {analyte} without a unit",
            wanted="a unit such as copies/ug or cells/uL",
            cure=f'Fill the column unit, or write {analyte} = "..." under [units] in study.toml '
            f"(units={{{analyte!r}: ...}} for a NONMEM-style file).",
        )
    spelt: dict[str, pd.DataFrame] = {}
    for unit, same in rows.groupby("unit", sort=False):
        try:
            spelt[canonical(str(unit))] = same
        except UnitError as error:
            yield _at_first(
                "unit-unknown",
                same,
                "unit",
                came=f"{shown(str(unit))} in {counted(len(same), 'row')} of {analyte}",
                wanted="a unit",
                cure=str(error)[0].upper() + str(error)[1:],
            )
    if len(spelt) > 1:
        usual = max(spelt, key=lambda unit: len(spelt[unit]))
        others = counted(len(spelt[usual]), "other row")
        for unit, same in spelt.items():
            if unit != usual:
                yield _at_first(
                    "unit-mixed",
                    same,
                    "unit",
                    came=f"{unit} in {counted(len(same), 'row')} of {analyte}",
                    wanted=f"one unit for {analyte}: {usual} as in {others}",
                    cure=_conversion(unit, usual),
                )


def _conversion(unit: str, usual: str) -> str:
    if same_dimension(unit, usual):
        return f"Convert value and limits: 1 {unit} is {convert(1.0, unit, usual):g} {usual}."
    return "They measure different things: give one of them another analyte name."


def _limits(analyte: str, rows: pd.DataFrame) -> Iterator[Finding]:
    limits = rows["lloq"].value_counts()
    if len(limits) > 1:
        each = listed(f"{limit:g} ({counted(n, 'row')})" for limit, n in limits.items())
        yield _at_first(
            "lloq-varies",
            rows[rows["lloq"] != limits.index[0]].dropna(subset=["lloq"]),
            "lloq",
            came=f"{len(limits)} limits of {analyte}: {each}",
            cure="Every row is read with its own.",
        )


def _link(study: Study) -> Iterator[Finding]:
    """Say what is missing to turn copies into cells, where both are measured."""
    wbc = study.settings.wbc.analyte
    copies = [a for a in study.analytes if _powers(study, a).get("copies") == 1]
    cells = [a for a in study.analytes if a != wbc and _is_concentration_of_cells(study, a)]
    if not copies or not cells:
        return
    both = f"{listed(copies)} and {listed(cells)}"
    if wbc not in study.analytes:
        yield finding(
            "no-wbc",
            "samples",
            column="analyte",
            came=f"{both} without white-cell counts ({shown(wbc)})",
            cure="Copies per ug DNA become cells/uL through the white cells; without them a "
            "calibration factor is estimated.",
        )
    elif study.infusions["vcn"].isna().all():
        yield finding(
            "no-vcn",
            "infusions",
            column="vcn",
            came=f"{both} without a vector copy number",
            cure="Copies become cells through it; without it a calibration factor is estimated.",
        )


def _powers(study: Study, analyte: str) -> dict[str, int]:
    try:
        return dict(parse_unit(study.unit(analyte) or "").powers)
    except UnitError:
        return {}


def _is_concentration_of_cells(study: Study, analyte: str) -> bool:
    powers = _powers(study, analyte)
    return powers.get("cells") == 1 and any(powers.get(v) == -1 for v in ("L", "mL", "uL"))


def _at_first(
    code: str, rows: pd.DataFrame, column: str, *, came: str, wanted: str = "", cure: str
) -> Finding:
    first = rows.iloc[0]
    return finding(
        code,
        "samples",
        line=int(first["line"]),
        column=column,
        subject=first["subject"],
        came=came,
        wanted=wanted,
        cure=cure,
    )
