"""The result folder of the endpoints: whole, or not there."""

import re
from functools import partial
from pathlib import Path

import pandas as pd

from cellkinetics import files as folders
from cellkinetics.cdisc import write_adtte, write_pp
from cellkinetics.endpoints.options import EndpointsError
from cellkinetics.endpoints.run import Endpoints
from cellkinetics.endpoints.text import KIND, content, definitions
from cellkinetics.files import write_csv, write_json, write_text
from cellkinetics.study.findings import Finding

MARK = "endpoints.json"
MOST_ROWS = 100_000  # of a table that nobody asked for
_MAKER = folders.Maker(MARK, KIND, EndpointsError)
ADTTE = ("efs", "os", "dor", "rfs")


def default_folder(study: str) -> Path:
    """Folder of a study's endpoints, in the working directory: ``results/NAME-endpoints``."""
    plain = re.sub(r"[^\w.-]+", "-", study, flags=re.ASCII).strip("-.") or "study"
    return Path("results") / f"{plain[:80]}-endpoints"


def result_folder(folder: str | Path | None, study: str, *, overwrite: bool = False) -> Path:
    """Choose the folder of a study's endpoints, and refuse one that must not be written.

    Returns
    -------
    Path                            absolute; :func:`default_folder` where none is asked for

    Raises
    ------
    EndpointsError                  see :func:`check_folder`
    """
    return check_folder(default_folder(study) if folder is None else folder, overwrite=overwrite)


def check_folder(folder: str | Path, *, overwrite: bool = False) -> Path:
    """Refuse a folder that must not be written, before anything is computed.

    Parameters
    ----------
    folder : path
    overwrite : bool                whether an earlier result may be replaced

    Returns
    -------
    Path                            absolute

    Raises
    ------
    EndpointsError                  a file; a folder that holds what is not ours; an earlier result,
                                    unless ``overwrite``
    """
    return folders.check_folder(folder, _MAKER, overwrite=overwrite)


def write_endpoints(
    found: Endpoints,
    folder: str | Path,
    *,
    overwrite: bool = False,
    figures: bool = True,
    xpt: bool = False,
    all_tables: bool = False,
) -> list[Path]:
    """Write a result folder, whole or not at all.

    Parameters
    ----------
    found : Endpoints
    folder : path                   made; its parents too
    overwrite : bool                replace an earlier result of ours
    figures : bool
    xpt : bool                      the CDISC-like tables as SAS transport files too
    all_tables : bool               also further tables of more than ``MOST_ROWS`` rows

    Returns
    -------
    list of Path                    files, in the folder

    Raises
    ------
    EndpointsError                  see :func:`check_folder`; or the disk refuses
    """
    fill = partial(_fill, found, figures=figures, xpt=xpt, all_tables=all_tables)
    return folders.write_whole(folder, _MAKER, fill, overwrite=overwrite)


def _fill(found: Endpoints, folder: Path, *, figures: bool, xpt: bool, all_tables: bool) -> None:
    left_out = _tables(found, folder, all_tables=all_tables)
    remarks = _cdisc(found, folder, left_out, xpt=xpt, all_tables=all_tables)
    write_text(folder / "definitions.txt", definitions(found))
    if figures:
        from cellkinetics.endpoints.figures import draw_all  # noqa: PLC0415  (matplotlib)

        draw_all(found, folder)
    files = sorted(entry.name for entry in folder.iterdir())
    write_json(
        folder / MARK,
        {
            **content(found),
            "cdisc": [str(remark) for remark in remarks],
            "tables_not_written": left_out,
            "files": files,
        },
    )


def _tables(found: Endpoints, folder: Path, *, all_tables: bool) -> dict[str, int]:
    """Write every table but the long ones that nobody asked for; return those with their rows."""
    left_out: dict[str, int] = {}

    def write(name: str, table: pd.DataFrame, *, always: bool = False) -> None:
        if len(table) > MOST_ROWS and not (always or all_tables):
            left_out[f"{name}.csv"] = len(table)
        elif always or len(table.columns):
            write_csv(folder / f"{name}.csv", table)

    for name, answer in found.answers.items():
        write(f"{name}_subjects", answer.subjects, always=True)
        write(f"{name}_summary", answer.numbers, always=True)
        for part, table in answer.more.items():
            # The summary of exposure has more columns than ours: both are kept.
            write(f"{name}_{'metrics_summary' if part == 'summary' else part}", table)
    if len(found.late):
        write("after_the_cut", found.late)
    if len(found.reported):
        write("reported", found.reported)
    return left_out


def _cdisc(
    found: Endpoints, folder: Path, left_out: dict[str, int], *, xpt: bool, all_tables: bool
) -> list[Finding]:
    study = found.study.name
    times = [found.answers[n] for n in ADTTE if "event" in found.answers[n].subjects]
    remarks: list[Finding] = []
    suffixes = (".csv", ".xpt") if xpt else (".csv",)
    for suffix in suffixes:
        if times:
            remarks += write_adtte(times, folder / f"adtte{suffix}", study=study)
        if found.exposure is None:
            continue
        long = found.exposure.long
        if len(long) > MOST_ROWS and not all_tables:
            left_out[f"pp{suffix}"] = len(long)
        else:
            remarks += write_pp(long, folder / f"pp{suffix}", study=study)
    return list(dict.fromkeys(remarks))
