"""Malformed study folders: one or more things wrong, of every kind that spreadsheets make."""

import random
from collections.abc import Callable

FILES = {
    "study.toml": """\
name = "three"
simulated = true
dose_unit = "cells/kg"

[units]
wbc = "10^9/L"

[response]
criteria = "ELN2022"
landmark = 60

[endpoints]
efs = "registered"
""",
    "subjects.csv": "subject,weight_kg,sex\n007,70,F\nP02,82.5,M\nP03,60,F\n",
    "infusions.csv": "subject,time,cells\n007,0,1.5e6\nP02,0,2e6\nP03,0,1e6\n",
    "samples.csv": """\
subject,time,analyte,value,unit,cens,lloq,uloq
007,0,qpcr,50,copies/ug,1,50,
007,7,qpcr,1200,copies/ug,0,50,
007,14,qpcr,9800,copies/ug,0,50,
007,28,qpcr,400,copies/ug,0,50,
P02,7,qpcr,640,copies/ug,0,50,
P02,14,qpcr,21000,copies/ug,0,50,
P02,60,qpcr,50,copies/ug,1,50,
007,-1,il6,4,pg/mL,0,2,5000
007,7,il6,900,pg/mL,0,2,5000
P02,-1,il6,2,pg/mL,1,2,5000
P02,7,il6,5000,pg/mL,-1,2,5000
007,7,wbc,1.2,,,,
""",
    "assessments.csv": """\
subject,time,response,marrow_blasts_pct,blood_blasts_pct,anc,platelets,mrd_value,mrd_lod
007,-5,,40,12,0.4,20,,
007,28,CR,2,0,1.4,130,0.02,0.01
P02,28,NR,35,4,0.2,15,,
P03,28,CRi,3,0,0.5,150,,
""",
    "events.csv": """\
subject,time,event
007,300,relapse
007,350,last_contact
P02,60,progression
P02,120,death
P03,200,last_contact
""",
    "toxicities.csv": """\
subject,time,end,term,soc,kind,scale,grade,dlt
007,6,9,Cytokine release syndrome,Immune system disorders,CRS,ASTCT,2,0
P02,100,120,Sepsis,Infections and infestations,other,CTCAE,5,0
""",
    "vitals.csv": "subject,time,temperature_c,hypotension,vasopressors,oxygen,ice_score\n"
    "007,6,39.1,1,0,low_flow,10\n",
    "treatments.csv": """\
subject,time,end,drug,kind
007,-5,-3,fludarabine,lymphodepletion
007,7,7,tocilizumab,tocilizumab
P02,62,66,azacitidine,cytotoxic
""",
}
WRONG = [
    "", "NA", "-", "n/a", "nan", "inf", "-inf", "1e400", "1e308", "-1e308", "9" * 40, "1,5",
    "1.2.3", "<50", ">9", "< 50", "BLQ", "ND", "--5", "12 mg", "2024-01-02", "01/02/2024", "day 7",
    "seven",
    "\u0663", "\u22125", "\u00b55", "\u2028", "\t", "'5", '"', "=1+1", "@SUM(A1)", "#REF!", "TRUE",
    "None", "null", "{0}", "%s", "__import__('os')", "../../x", "CR ", "cr", "DEATH", "dead", "P99",
    "7", "7.0", "-999", "9999", "0", "1", "-0.0", "1e-320", "x" * 500, "\U0001f9ec", "\ud7ff",
]  # fmt: skip
ALWAYS = ("study.toml", "subjects.csv", "infusions.csv")
OPTIONAL = sorted(set(FILES) - set(ALWAYS))
type Files = dict[str, str | bytes]


def malformed_files(rng: random.Random) -> dict[str, bytes]:
    """Damage the clean study, with some of its tables, in three to six ways."""
    some = {*ALWAYS, *rng.sample(OPTIONAL, rng.randint(1, 2))}
    files: Files = {name: text for name, text in FILES.items() if name in some}
    for _ in range(rng.randint(3, 6)):
        rng.choice(DAMAGE)(files, rng)
    return {
        name: data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
        for name, data in files.items()
    }


def _table(files: Files, rng: random.Random, least: int = 2) -> tuple[str, list[list[str]]] | None:
    """One table that is still text, as cells."""
    names = [n for n, t in files.items() if n.endswith(".csv") and isinstance(t, str)]
    rng.shuffle(names)
    for name in names:
        text = files[name]
        assert isinstance(text, str)
        rows = [line.split(",") for line in text.splitlines()]
        if len(rows) >= least:
            return name, rows
    return None


def _put(files: Files, name: str, rows: list[list[str]]) -> None:
    files[name] = "\n".join(",".join(row) for row in rows) + "\n"


def _edit(change: Callable[[list[list[str]], random.Random], None]) -> Callable[..., None]:
    def damage(files: Files, rng: random.Random) -> None:
        found = _table(files, rng)
        if found is not None:
            name, rows = found
            change(rows, rng)
            _put(files, name, rows)

    return damage


def _cell(rows: list[list[str]], rng: random.Random) -> None:
    row = rng.randrange(1, len(rows))
    col = rng.randrange(max(len(rows[row]), 1))
    rows[row][col : col + 1] = [rng.choice(WRONG)]


def _column_wrong(rows: list[list[str]], rng: random.Random) -> None:
    col, text = rng.randrange(len(rows[0])), rng.choice(WRONG)
    for row in rows[1:]:
        row[col : col + 1] = [text]


def _drop_column(rows: list[list[str]], rng: random.Random) -> None:
    col = rng.randrange(len(rows[0]))
    for row in rows:
        del row[col : col + 1]


def _rename_column(rows: list[list[str]], rng: random.Random) -> None:
    col = rng.randrange(len(rows[0]))
    rows[0][col : col + 1] = [rng.choice([*WRONG, *rows[0], "line", "TIME", "Subject", "aval"])]


def _swap_columns(rows: list[list[str]], rng: random.Random) -> None:
    a, b = rng.randrange(len(rows[0])), rng.randrange(len(rows[0]))
    for row in rows[1:]:
        if max(a, b) < len(row):
            row[a], row[b] = row[b], row[a]


def _repeat_row(rows: list[list[str]], rng: random.Random) -> None:
    rows.insert(rng.randrange(1, len(rows) + 1), list(rows[rng.randrange(1, len(rows))]))


def _other_subject(rows: list[list[str]], rng: random.Random) -> None:
    rows[rng.randrange(1, len(rows))][:1] = [rng.choice(("P99", "7", "007 ", "", "p02", "P02"))]


def _other_time(rows: list[list[str]], rng: random.Random) -> None:
    if len(rows[0]) > 1:
        times = ("-30", "0", "0.5", "500", "1e6", "-1e9", "45000", "20240102", "300.0000001")
        rows[rng.randrange(1, len(rows))][1:2] = [rng.choice(times)]


def _shift_row(rows: list[list[str]], rng: random.Random) -> None:
    rows[rng.randrange(1, len(rows))].insert(0, rng.choice(WRONG))


def _no_rows(rows: list[list[str]], rng: random.Random) -> None:
    del rows[1:]


def _half(rows: list[list[str]], rng: random.Random) -> None:
    del rows[rng.randrange(1, len(rows) + 1) :]


def _huge(rows: list[list[str]], rng: random.Random) -> None:
    for row in rows[1:]:
        for i, text in enumerate(row):
            if text.replace(".", "").isdigit() and i > 0 and rng.random() < 0.3:
                row[i] = rng.choice(("1e300", "1e18", "-1", "1e-300", "999999999"))


def _no_file(files: Files, rng: random.Random) -> None:
    files.pop(rng.choice(sorted(files)), None)


def _empty_file(files: Files, rng: random.Random) -> None:
    files[rng.choice(sorted(files))] = rng.choice(("", "\n", "\n\n\n", ",,,\n", " ", "\ufeff"))


def _encoding(files: Files, rng: random.Random) -> None:
    name = rng.choice(sorted(files))
    text = files[name]
    if isinstance(text, str):
        code = rng.choice(("utf-16", "utf-16-le", "cp1252", "utf-8-sig", "utf-32", "utf-7"))
        odd = text.replace("P02", "M\u00fcller")
        files[name] = (odd if rng.random() < 0.5 else text).encode(code, "replace")


def _raw_bytes(files: Files, rng: random.Random) -> None:
    name = rng.choice(sorted(files))
    text = files[name]
    data = bytearray(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    for _ in range(rng.randint(1, 4)):
        data.insert(
            rng.randrange(len(data) + 1), rng.choice((0, 0xFF, 0x80, 0xC3, 0x1B, 0x22, 0x0D))
        )
    files[name] = bytes(data)


def _delimiter(files: Files, rng: random.Random) -> None:
    found = _table(files, rng, least=1)
    if found is not None:
        name, rows = found
        with_what = rng.choice((";", "\t", "|", ", "))
        files[name] = "\n".join(with_what.join(row) for row in rows) + "\n"


def _strange_file(files: Files, rng: random.Random) -> None:
    name = rng.choice(
        ("Samples.csv", "sample.csv", "event.csv", "notes.csv", "~lock.csv", "x.xlsx")
    )
    files[name] = "PK\x03\x04" if name.endswith("x") else "subject,time\n007,1\n"


def _settings(files: Files, rng: random.Random) -> None:
    text = files.get("study.toml")
    if isinstance(text, str):
        old, new = rng.choice(
            (
                ("landmark = 60", "landmark = -1"),
                ("landmark = 60", "landmrk = 60"),
                ("landmark = 60\n", ""),
                ('efs = "registered"', 'efs = "fda"'),
                ('efs = "registered"', 'efs = "eln2017"'),
                ('efs = "registered"', 'efs = "none"'),
                ("simulated = true", "simulated = yes"),
                ("simulated = true", 'horizon = "x"\nsimulated = true'),
                ("simulated = true", "horizon = 1e-9\nsimulated = true"),
                ("simulated = true", "horizon = 30\nsimulated = true"),
                ('name = "three"', 'name = "../../three\\u0000"'),
                ('name = "three"', ""),
                ("cells/kg", "cells/stone"),
                ("10^9/L", "furlongs"),
                ("[units]", "[units"),
            )
        )
        files["study.toml"] = text.replace(old, new)


DAMAGE = (
    _edit(_cell), _edit(_cell), _edit(_column_wrong), _edit(_drop_column),
    _edit(_rename_column), _edit(_swap_columns), _edit(_repeat_row), _edit(_other_subject),
    _edit(_other_time), _edit(_shift_row), _edit(_no_rows), _edit(_half), _edit(_huge), _no_file,
    _empty_file, _encoding, _raw_bytes, _delimiter, _strange_file, _settings,
)  # fmt: skip
