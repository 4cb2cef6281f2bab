"""Checks of infusions: unit, size, day."""

from collections.abc import Iterator

import numpy as np

from cellkinetics.errors import UnitError
from cellkinetics.study.findings import Finding, at_rows, counted, finding, shown
from cellkinetics.study.study import Study
from cellkinetics.units import Unit, parse_unit

LOWEST, HIGHEST = 1e3, 1e9  # cells/kg


def check_doses(study: Study) -> Iterator[Finding]:
    """Check every infusion."""
    infusions = study.infusions
    if infusions.empty:
        return
    yield from at_rows(
        "dose-not-positive",
        "infusions",
        infusions,
        infusions["cells"] <= 0,
        column="cells",
        came="{cells:g}",
        wanted="a number above 0",
        cure="Delete the row if nothing was infused.",
    )
    yield from _unit_and_size(study)
    first = infusions.sort_values("time", kind="stable").drop_duplicates("subject")
    yield from at_rows(
        "first-infusion-not-day-0",
        "infusions",
        first,
        first["subject"].notna() & (first["time"] != 0) & first["time"].notna(),
        column="time",
        came="a first infusion on day {time:g}",
        wanted="day 0, because time counts from the first infusion",
        cure="Subtract {time:g} from every time of this subject, in all tables.",
    )
    count = infusions.groupby("subject")["line"].transform("count")
    several = infusions.assign(count=count)[(count > 1).to_numpy()]
    yield from at_rows(
        "several-infusions",
        "infusions",
        several,
        ~several.duplicated("subject", keep="first"),
        column=None,
        came="{count} infusions",
        cure="Each one adds its cells on its day.",
    )


def _unit_and_size(study: Study) -> Iterator[Finding]:
    written = study.settings.dose_unit
    where = (
        'Write dose_unit = "cells/kg" (or "cells") into study.toml '
        "(dose_unit=... for a NONMEM-style file)."
    )
    if written is None:
        yield finding(
            "dose-without-unit",
            "study",
            file="study.toml",
            column="dose_unit",
            came=f"{counted(len(study.infusions), 'dose')} in infusions.csv and no unit",
            wanted="dose_unit",
            cure=where,
        )
        return
    try:
        unit = parse_unit(written)
    except UnitError as error:
        yield finding(
            "dose-unit-unknown",
            "study",
            file="study.toml",
            column="dose_unit",
            came=shown(written),
            wanted="a unit",
            cure=f"{error} {where}",
        )
        return
    flat = _is_flat(unit)
    if not flat and not _is_per_kg(unit):
        return
    weight = study.subjects.drop_duplicates("subject").set_index("subject")["weight_kg"]
    kilos = study.infusions["subject"].map(weight).astype(float) if flat else 1.0
    per_kg = study.infusions["cells"] * unit.factor / kilos
    frame = study.infusions.assign(per_kg=per_kg)
    yield from at_rows(
        "dose-outside-range",
        "infusions",
        frame,
        (per_kg > 0) & ~per_kg.between(LOWEST, HIGHEST),
        column="cells",
        came="{per_kg:g} cells/kg",
        wanted=f"usually {LOWEST:g} to {HIGHEST:g} cells/kg",
        cure="Check the number against dose_unit: per kg or flat, cells or millions?",
    )
    yield from at_rows(
        "dose-without-weight",
        "infusions",
        frame,
        np.isnan(per_kg) & frame["cells"].notna() & frame["subject"].notna(),
        column="cells",
        came="{cells:g} " + str(unit).replace("{", "").replace("}", "") + " and no weight_kg",
        cure="The dose per kg cannot be checked; give weight_kg in subjects.csv "
        "(covariates={{'WT': 'weight_kg'}} for a NONMEM-style file).",
    )


def _is_flat(unit: Unit) -> bool:
    return dict(unit.powers) in ({"cells": 1}, {})


def _is_per_kg(unit: Unit) -> bool:
    return dict(unit.powers) in ({"cells": 1, "kg": -1}, {"kg": -1})
