"""Rows that are no measurement of their own: derived, copied or imputed; none is counted twice.

``DTYPE`` is empty in an original record. A row with one stands beside its original (then it is left
out) or in its place: an imputation of half the limit is then all that is left of a sample below it,
and is read as that. ADaM also repeats records without a DTYPE, once for each reference dose
(ATPTREF) or type of baseline (BASETYPE); these are the same sample too.

Source
------
CDISC ADaMIG 1.3, 3.3.5 (DTYPE); ADaM for non-compartmental analysis input data 1.0 (COPY).
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from cellkinetics.study.cdisc.dataset import Bools, Dataset
from cellkinetics.study.cdisc.options import OPTIONS_TOML, CdiscOptions, Derived
from cellkinetics.study.findings import counted, listed

# DTYPE (or a part of one, as in COPY/HALFLLOQ) -> what stands behind it.
KNOWN: dict[str, Derived] = {
    "COPY": "copy",
    **dict.fromkeys(
        ("HALFLLOQ", "HALFLOQ", "HALFLLQ", "HALFBLQ", "LLOQ2", "LLOQ/2", "HALF", "BLQ", "BLLOQ",
         "LLOQ", "ZERO", "BLQ0", "BLQZERO", "LLOQSQRT2"), "below"
    ),
}  # fmt: skip
_CLOCKS = ("ADTM", "AFRLT", "ADT", "ADY", "NFRLT")
_SEQUENCES = ("SRCSEQ", "PCSEQ", "LBSEQ", "RSSEQ")
_REPEATED_FOR = ("ATPTREF", "BASETYPE")
_SPECIMENS = ("PCSPEC", "LBSPEC", "ASPEC", "PARCAT1")


@dataclass(frozen=True)
class Originals:
    """Which records to read, and which of them stand for a sample below its limit."""

    kept: Bools
    below: Bools


def originals(data: Dataset, options: CdiscOptions, rows: Bools) -> Originals:
    """Find the records that are a measurement, each once.

    Parameters
    ----------
    data : Dataset
    options : CdiscOptions        ``dtype``: what further DTYPEs mean
    rows : array (record,) of bool   the records that are read at all

    Returns
    -------
    Originals                     every row left out is counted in a finding of ``data``
    """
    kept, below = rows.copy(), np.zeros(len(data), dtype=bool)
    types = [text.upper() for text in data.texts("DTYPE")]
    keys = _keys(data)
    first = {keys[i]: i for i in reversed(range(len(data))) if rows[i] and not types[i]}
    replaced: dict[Hashable, int] = {}
    beside: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    imputed: list[int] = []
    lone_copies: list[int] = []
    for i in map(int, np.flatnonzero(rows)):
        if not types[i]:
            continue
        meaning = _meaning(types[i], options)
        if meaning == "original":
            continue
        kept[i] = False
        if keys[i] in first:
            beside[types[i]] += 1
            below[first[keys[i]]] |= meaning == "below"
        elif meaning == "leave out":
            alone[types[i]] += 1
        elif keys[i] in replaced:
            beside[types[i]] += 1
            below[replaced[keys[i]]] |= meaning == "below"
        else:
            replaced[keys[i]] = i
            kept[i], below[i] = True, meaning == "below"
            (imputed if meaning == "below" else lone_copies).append(i)
    _tell(data, types, beside, alone, imputed, lone_copies)
    _leave_out_repeats(data, types, keys, kept)
    return Originals(kept, below)


def _meaning(text: str, options: CdiscOptions) -> Derived:
    """What a DTYPE says: the user's word first, then the known ones, part by part."""
    parts = [text, *text.split("/")]
    told = [options.dtype[part] for part in parts if part in options.dtype]
    known = [KNOWN[part] for part in parts if part in KNOWN]
    if told:
        return told[0]
    if known and (text in KNOWN or all(part in KNOWN for part in text.split("/"))):
        return "below" if "below" in known else known[0]
    return "leave out"


def _keys(data: Dataset) -> list[Hashable]:
    """What makes two records the same sample: who, what, in what, when."""
    columns = (data.subjects, data.texts("PARAMCD"), data.texts(*_SPECIMENS), data.texts(*_CLOCKS))
    return list(zip(*columns, strict=True))


def _tell(
    data: Dataset,
    types: Sequence[str],
    beside: Counter[str],
    alone: Counter[str],
    imputed: Sequence[int],
    lone_copies: Sequence[int],
) -> None:
    for text, count in beside.items():
        data.say(
            "derived-rows",
            column="DTYPE",
            came=f"{counted(count, 'record')} with DTYPE {text}, beside the record of that sample",
            cure="Left out, so that the sample is counted once.",
        )
    for text, count in alone.items():
        i = next(i for i, t in enumerate(types) if t == text)
        data.say(
            "derived-without-original",
            i,
            "DTYPE",
            came=f"{counted(count, 'record')} with DTYPE {text} and no record of that sample",
            wanted="the measurement itself",
            cure=f'Left out; dtype.{text.split("/", maxsplit=1)[0]} = "original" in '
            f"{OPTIONS_TOML} reads them as measured.",
        )
    if lone_copies:
        data.say(
            "derived-without-original",
            lone_copies[0],
            "DTYPE",
            came=f"{counted(len(lone_copies), 'record')} with DTYPE COPY and no original",
            wanted="the original record too",
            cure="Each is read once.",
        )
    if imputed:
        names = listed(sorted({types[i] for i in imputed}))
        data.say(
            "imputed-read-as-below",
            imputed[0],
            "DTYPE",
            came=f"{counted(len(imputed), 'record')} with DTYPE {names} in place of the original",
            wanted="the sample as below its limit",
            cure="Each is read as below ALLOQ, not as the number in AVAL.",
        )


def _leave_out_repeats(
    data: Dataset, types: Sequence[str], keys: Sequence[Hashable], kept: Bools
) -> None:
    """Leave out records repeated for another reference dose or type of baseline."""
    if not data.has(*_REPEATED_FOR):
        return
    reference = list(zip(*(data.texts(name) for name in _REPEATED_FOR), strict=True))
    result = list(zip(data.texts("AVAL"), data.texts("AVALC"), data.texts(*_SEQUENCES),
                      strict=True))  # fmt: skip
    seen: dict[Hashable, int] = {}
    again: list[int] = []
    for i in map(int, np.flatnonzero(kept)):
        one = (keys[i], result[i])
        if not types[i] and one in seen and reference[i] != reference[seen[one]]:
            again.append(i)
            kept[i] = False
        seen.setdefault(one, i)
    if again:
        data.say(
            "copied-rows",
            again[0],
            next(name for name in _REPEATED_FOR if data.has(name)),
            came=f"{counted(len(again), 'record')} repeated for another "
            f"{' or '.join(n for n in _REPEATED_FOR if data.has(n))}",
            cure="The same sample: read once.",
        )
