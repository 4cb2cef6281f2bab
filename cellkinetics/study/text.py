"""Bytes of a CSV file to cells of text, with line numbers; nothing is guessed.

Tolerated, because there is one way to read it: a byte order mark, Windows or old Mac line ends,
spaces around a cell, blank lines, blank cells beyond the last column. Anything that could be read
in two ways is a finding.
"""

import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellkinetics.study.findings import Finding, finding, listed, shown

_SAVE_AS = "Save the file again as 'CSV UTF-8 (comma delimited)'."
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}


@dataclass(frozen=True)
class Cells:
    """A file's header and its rows of stripped text; ``lines`` says where each row begins."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


def plain(name: str) -> str:
    """Reduce a column name to lower-case letters and digits, to compare it with others."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def read_cells(
    path: Path, table: str, known: Collection[str], encoding: str | None = None
) -> tuple[Cells | None, list[Finding]]:
    """Read a comma-separated file into text.

    Parameters
    ----------
    path : Path
    table : str                   the table's name, for the findings
    known : collection of str     column names that the table may have (to recognise a delimiter)
    encoding : str, optional      where the user has said that it is not UTF-8

    Returns
    -------
    Cells or None                 None if the file's form is broken
    list of Finding
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return None, [
            finding(
                "unreadable-file",
                table,
                file=path.name,
                came=f"no file to read ({reason})",
                wanted="a readable CSV file",
                cure="Check its permissions, and that it is a file.",
            )
        ]
    text, found = _decode(data, path.name, table, encoding)
    if text is None:
        return None, found
    broken = _delimiter(text, path.name, table, known)
    if broken:
        return None, [broken]
    return _parse(text, path.name, table)


def _decode(
    data: bytes, file: str, table: str, encoding: str | None
) -> tuple[str | None, list[Finding]]:
    came, line = "", None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        came = "text in UTF-16 (Excel calls it 'Unicode text')"
    elif b"\x00" in data:
        came = "a NUL byte: this is no text file (an Excel workbook renamed to .csv?)"
        line = data[: data.index(b"\x00")].count(b"\n") + 1
    else:
        try:
            if data.startswith(b"\xef\xbb\xbf"):
                return data.decode("utf-8-sig"), []
            return data.decode(encoding or "utf-8"), []
        except UnicodeDecodeError as error:
            byte = data[error.start : error.start + 1]
            meant = byte.decode("cp1252", errors="replace")
            came = f"byte 0x{byte.hex()} ({meant!r} in Windows-1252), which is not UTF-8"
            line = data[: error.start].count(b"\n") + 1
    return None, [
        finding("not-utf8", table, file=file, line=line, came=came, wanted="UTF-8", cure=_SAVE_AS)
    ]


def _delimiter(text: str, file: str, table: str, known: Collection[str]) -> Finding | None:
    """Find out whether the header makes more sense with another delimiter than the comma."""
    header = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    names = {plain(name) for name in known}

    def recognised(separator: str) -> int:
        return sum(plain(cell) in names for cell in header.split(separator))

    found = max(_DELIMITERS, key=recognised)
    if header.lower().startswith("sep="):
        came = f"a first line {shown(header)}"
    elif recognised(found) > max(1, recognised(",")):
        came = f"columns separated by {_DELIMITERS[found]}"
    else:
        return None
    return finding(
        "wrong-delimiter",
        table,
        file=file,
        line=1,
        came=came,
        wanted="columns separated by commas, the header in line 1, and decimal points",
        cure="Export it with commas and decimal points (Excel follows the computer's region).",
    )


def _parse(text: str, file: str, table: str) -> tuple[Cells | None, list[Finding]]:
    reader = csv.reader(io.StringIO(text, newline=None), strict=True)
    records: list[tuple[int, list[str]]] = []
    line, broken = 1, ""
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if reader.line_num > line and any("\n" in cell for cell in cells):
                broken = "a line break inside a quoted cell"
                break
            if any(cells):
                records.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        broken = f"quotes that do not pair up ({error})"
    if broken:
        return None, [
            finding(
                "bad-quotes",
                table,
                file=file,
                line=line,
                came=broken,
                wanted="one row a line",
                cure="Look for a stray double quote in or before this line.",
            )
        ]
    if not records:
        return None, [
            finding(
                "empty-file",
                table,
                file=file,
                came="an empty file",
                wanted="a header and rows",
                cure="Fill it, or delete it if there is nothing to say.",
            )
        ]
    head_line, header = records[0]
    found = _check_header(header, head_line, text, file, table)
    rows, bad_rows = _even_rows(records[1:], len(header), file, table)
    found += bad_rows
    keep = [i for i, name in enumerate(header) if name and name not in header[:i]]
    found += [
        finding(
            "unnamed-column",
            table,
            file=file,
            line=head_line,
            came=f"values under column {i + 1}, which has no name",
            wanted="a name for every column that holds something",
            cure="Name the column or delete it.",
        )
        for i, name in enumerate(header)
        if not name and any(cells[i] for _, cells in rows)
    ]
    return (
        Cells(
            tuple(header[i] for i in keep),
            tuple(
                tuple(cells) if len(keep) == len(header) else tuple(cells[i] for i in keep)
                for _, cells in rows
            ),
            tuple(at for at, _ in rows),
        ),
        found,
    )


def _check_header(
    header: Sequence[str], line: int, text: str, file: str, table: str
) -> list[Finding]:
    found: list[Finding] = []
    raw = next(csv.reader([re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]]))
    spaced = [cell for cell in raw if cell != cell.strip()]
    if spaced:
        found.append(
            finding(
                "header-spaces",
                table,
                file=file,
                line=line,
                came=f"spaces around {listed(map(shown, spaced))}",
                wanted="column names without spaces around them",
                cure="They were read without the spaces.",
            )
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    found.extend(
        finding(
            "duplicate-column",
            table,
            file=file,
            line=line,
            column=name,
            came=f"{header.count(name)} columns of this name",
            wanted="one",
            cure="Rename or delete the others.",
        )
        for name in twice
    )
    return found


def _even_rows(
    records: Sequence[tuple[int, list[str]]], width: int, file: str, table: str
) -> tuple[list[tuple[int, list[str]]], list[Finding]]:
    """Keep the rows as long as the header; blank cells beyond it say nothing."""
    rows: list[tuple[int, list[str]]] = []
    found: list[Finding] = []
    for line, cells in records:
        if len(cells) == width:
            rows.append((line, cells))
        elif len(cells) < width or any(cells[width:]):
            found.append(
                finding(
                    "row-length",
                    table,
                    file=file,
                    line=line,
                    came=f"{len(cells)} cells",
                    wanted=f"{width}, as many as the header has",
                    cure="A decimal comma or a comma in a text splits a cell: write 3.5, and put "
                    "texts into double quotes.",
                )
            )
        else:
            rows.append((line, cells[:width]))
    return rows, found
