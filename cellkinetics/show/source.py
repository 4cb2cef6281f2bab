"""How a command reads its study: the same options for every command that takes one."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cellkinetics.study import Finding, Study
    from cellkinetics.study.nonmem_layout import NonmemOptions

# What a NONMEM-style CSV does not say of itself.
_CSV = "NONMEM-style CSV"
_OPTIONS = {
    "assume_lloq": Annotated[
        list[str] | None,
        typer.Option("--assume-lloq", metavar="ANALYTE=VALUE", help="limit for rows without one"),
    ],
    "name": Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NUMBER=ANALYTE",
            help="analyte of a DVID or CMT, say 1=qpcr; 1= leaves its rows out; may be repeated",
            rich_help_panel=_CSV,
        ),
    ],
    "unit": Annotated[
        list[str] | None,
        typer.Option(
            "--unit",
            metavar="ANALYTE=UNIT",
            help="say qpcr=copies/ug; may be repeated",
            rich_help_panel=_CSV,
        ),
    ],
    "dose_unit": Annotated[
        str | None,
        typer.Option("--dose-unit", metavar="UNIT", help="cells or cells/kg", rich_help_panel=_CSV),
    ],
    "time_unit": Annotated[
        str | None,
        typer.Option("--time-unit", metavar="UNIT", help="default: day", rich_help_panel=_CSV),
    ],
    "id_column": Annotated[
        str | None,
        typer.Option(
            "--id", metavar="COLUMN", help="of subjects; default: ID", rich_help_panel=_CSV
        ),
    ],
    "name_column": Annotated[
        str | None,
        typer.Option(
            "--name-column",
            metavar="COLUMN",
            help="whose numbers --name names; default: DVID, else CMT",
            rich_help_panel=_CSV,
        ),
    ],
    "covariate": Annotated[
        list[str] | None,
        typer.Option(
            "--covariate",
            metavar="COLUMN=NAME",
            help="rename a covariate, say WT=weight_kg; WT= leaves it out; one that changes "
            "becomes an analyte; may be repeated",
            rich_help_panel=_CSV,
        ),
    ],
    "settings": Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE.toml",
            help="the rest of what a study.toml says: name, simulated, zeros_as_read, conventions",
            rich_help_panel=_CSV,
        ),
    ],
}


@dataclass(frozen=True)
class Source:
    """What a terminal said of how a study is read; texts as they were typed."""

    assume_lloq: list[str] | None = None
    name: list[str] | None = None
    unit: list[str] | None = None
    dose_unit: str | None = None
    time_unit: str | None = None
    id_column: str | None = None
    name_column: str | None = None
    covariate: list[str] | None = None
    settings: Path | None = None

    def options(self) -> "NonmemOptions":
        """Give the options of a NONMEM-style CSV; empty where none was said."""
        from cellkinetics.show.nonmem import nonmem_options  # noqa: PLC0415  (wakes pandas)

        return nonmem_options(
            self.name or (),
            self.unit or (),
            self.dose_unit,
            self.time_unit,
            self.id_column,
            self.name_column,
            self.covariate or (),
            self.settings,
        )

    def limits(self) -> dict[str, float]:
        """Give the limits that are assumed."""
        from cellkinetics.verify import parse_limits  # noqa: PLC0415

        return parse_limits(self.assume_lloq or [])

    def read(self, study: str) -> "Study":
        """Read a study: a folder, a CSV or the name of a shipped one."""
        from cellkinetics.show.nonmem import read_asked  # noqa: PLC0415

        return read_asked(study, assume_lloq=self.limits(), options=self.options())

    def check(self, what: str, study: Path | None) -> "list[Finding]":
        """Check a study, a fit (with ``study`` in place of its own) or a model."""
        from cellkinetics.verify import check_anything  # noqa: PLC0415

        return check_anything(what, assume_lloq=self.limits(), study=study, options=self.options())

    @staticmethod
    def cure(what: str) -> str:
        """How the command line takes what the findings of a CSV ask for; nothing for a folder."""
        from cellkinetics.show.nonmem import CURE, is_csv  # noqa: PLC0415

        return CURE if is_csv(what) else ""


def reads_study[**P](command: Callable[P, None]) -> Callable[..., None]:
    """Give a command the options of a :class:`Source`, which it takes as its argument ``source``.

    Parameters
    ----------
    command : function              of the command line; one of its parameters is ``source``

    Returns
    -------
    function                        with a parameter for every option in place of ``source``
    """
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "source"]
    more = [
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_OPTIONS[one.name]
        )
        for one in fields(Source)
    ]
    plain = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

    @functools.wraps(command)
    def run(**given: object) -> None:
        said = {one.name: given.pop(one.name) for one in fields(Source)}
        command(**given, source=Source(**said))  # type: ignore[arg-type, call-arg]

    every = [*plain, *more]
    run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in every}
    return run
