"""Options of the command line that take more than a line to say."""

from pathlib import Path
from typing import Annotated

import typer

FitName = Annotated[
    str, typer.Argument(metavar="FIT", help="folder with fit.toml, or a shipped fit")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="result folder")]
StudyPath = Annotated[
    Path | None, typer.Option("--study", metavar="STUDY", help="in place of the study in fit.toml")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace an earlier result")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE.html", help="the card as a page")
]

# Of a simulation.
Subjects = Annotated[
    int | None,
    typer.Option(min=0, help="patients to draw; 0: the typical patient alone; default: 200"),
]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="typical value of a parameter, or an input; may be repeated",
    ),
]
ExampleName = Annotated[
    str | None, typer.Option(metavar="NAME", help="a published patient of the model")
]
ClassName = Annotated[
    str | None, typer.Option("--class", metavar="NAME", help="draw from one class of patients")
]
Covariates = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="of every patient; default: the reference"),
]
Doses = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DOSE[@DAY]",
        help="cells/kg, such as 1e6 or 3e5@1; levels: 1e6,3e6 or LOW:HIGH:N; may be repeated",
    ),
]
Days = Annotated[
    str | None, typer.Option(metavar="DAYS", help="0,7,28 or FROM:TO:STEP; both by commas")
]
Readings = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OBSERVABLE[=LLOQ]",
        help="readings with residual error, as samples.csv; may be repeated",
    ),
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OBSERVABLE=LLOQ",
        help="limit of quantification that persistence is counted from; may be repeated",
    ),
]
