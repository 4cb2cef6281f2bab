"""What a record of ADPC, ADPPK or ADLB says about its reading: a number, below or above a limit.

Below its limit is a record with ``BLQFL`` Y (``BLQFN`` 1), with a text such as ``<50`` or ``<BLQ``
in AVALC (or the SDTM results beside it), an imputation of half the limit, or an empty AVAL where
ALLOQ is given and nothing says that the sample was not read.
"""

import re
from dataclasses import dataclass

import numpy as np

from cellkinetics.study.cdisc.dataset import Bools, Dataset, Floats, mask
from cellkinetics.study.convert import NUMBER
from cellkinetics.study.findings import counted, shown
from cellkinetics.study.text import plain

_RESULTS = ("AVALC", "PCSTRESC", "LBSTRESC", "PCORRES", "LBORRES")
_SIGN = re.compile(r"\s*(<=?|>=?|≤|≥)\s*(.*)")
_BELOW = {"blq", "bql", "bloq", "blloq", "lloq", "loq", "lod", "bll", "belowlloq", "belowlimit",
          "belowlimitofquantification", "belowquantificationlimit", "nd",
          "notdetected", "notdetectable", "undetectable", "undetected"}  # fmt: skip
_ABOVE = {"alq", "aloq", "aulq", "auloq", "uloq", "aboveuloq", "abovelimit"}
_YES, _NO = ("Y", "YES", "1"), ("N", "NO", "0")


@dataclass(frozen=True)
class Readings:
    """Arrays (record,): the columns of ``samples`` in the record's own unit, NaN where empty."""

    value: Floats
    cens: Floats
    lloq: Floats
    uloq: Floats
    lod: Floats


def read_results(data: Dataset, rows: Bools, imputed_below: Bools) -> Readings:
    """Read numbers and limits of some records.

    Parameters
    ----------
    data : Dataset
    rows : array (record,) of bool            the records to read
    imputed_below : array (record,) of bool   those that DTYPE says are below their limit

    Returns
    -------
    Readings                      NaN in the other records
    """
    number = data.numbers("AVAL", "DV") if data.has("AVAL", "DV") else np.full(len(data), np.nan)
    lloq, uloq = data.numbers("ALLOQ", "PCLLOQ", "LBLLOQ"), data.numbers("AULOQ")
    texts = data.texts(*_RESULTS)
    side, limit = _texts(texts)
    category = [plain(text) in _BELOW for text in data.texts("AVALCAT1")]
    side = np.where((side == 0) & mask(category), 1.0, side)
    as_text = [float(t) if NUMBER.fullmatch(t) else np.nan for t in texts]
    number = np.where(np.isnan(number) & (side == 0), as_text, number)
    flag = _flag(data, rows)
    below = rows & ((flag == 1) | (side == 1) | imputed_below)
    above = rows & (side == -1) & ~below
    assumed = rows & ~below & ~above & np.isnan(number) & ~np.isnan(lloq) & (flag != 0)
    assumed &= ~_not_done(data) & mask([not text for text in texts])
    if assumed.any():
        data.say(
            "missing-read-as-below",
            int(np.flatnonzero(assumed)[0]),
            "AVAL",
            came=f"{counted(int(assumed.sum()), 'record')} with an empty AVAL, an ALLOQ and no "
            "word on whether it was below it",
            wanted="BLQFL, or the text in AVALC",
            cure="Read as below ALLOQ; BLQFL N (or PCSTAT NOT DONE) says that it was not read.",
        )
    below |= assumed
    half = below & np.isnan(lloq) & np.isnan(limit) & imputed_below & (number > 0)
    half &= mask(["HALF" in text.upper() for text in data.texts("DTYPE")])
    lloq = np.where(half, 2 * number, lloq)
    # "<10" under an ALLOQ of 50 was not even detected; "<100" has a limit of its own.
    lod = np.where(below & (limit < lloq), limit, np.nan)
    lloq = np.where(below & (np.isnan(lloq) | (limit > lloq)), limit, lloq)
    contradicted = below & (side != 1) & ~imputed_below & (number > lloq)
    at_limit = np.where(np.isnan(lod), lloq, lod)
    value = np.where(below & ~contradicted, at_limit, number)
    top = np.where(np.isnan(limit), np.where(np.isnan(uloq), number, uloq), limit)
    value = np.where(above, top, value)
    cens = np.where(below, 1.0, np.where(above, -1.0, 0.0))
    return Readings(value, cens, lloq, uloq, lod)


def _texts(texts: list[str]) -> tuple[Floats, Floats]:
    """Side (1 below, -1 above, 0 neither) and limit that each text says."""
    side, limit = np.zeros(len(texts)), np.full(len(texts), np.nan)
    for i, text in enumerate(texts):
        match = _SIGN.fullmatch(text)
        rest = match[2] if match else text
        word = plain(rest)
        if match and (word in _BELOW or word in _ABOVE or word == ""):
            side[i] = 1.0 if match[1][0] in "<≤" else -1.0
        elif match:
            lead = NUMBER.match(rest)
            if lead:
                side[i] = 1.0 if match[1][0] in "<≤" else -1.0
                limit[i] = float(lead[0])
        elif word in _BELOW:
            side[i] = 1.0
        elif word in _ABOVE:
            side[i] = -1.0
    return side, limit


def _flag(data: Dataset, rows: Bools) -> Floats:
    """Read BLQFL (or BLQFN): 1, 0, or NaN where it is empty."""
    out = np.full(len(data), np.nan)
    for i, text in enumerate(data.texts("BLQFL", "BLQFN")):
        if text.upper() in _YES:
            out[i] = 1.0
        elif text.upper() in _NO:
            out[i] = 0.0
        elif text and rows[i]:
            data.say(
                "not-allowed",
                i,
                "BLQFL" if data.has("BLQFL") else "BLQFN",
                came=shown(text),
                wanted="Y or N (BLQFN: 1 or 0)",
                cure="Correct it, or leave it empty.",
            )
    return out


def _not_done(data: Dataset) -> Bools:
    texts = data.texts("PCSTAT", "LBSTAT", "ASTAT")
    return mask([bool(text) for text in texts])
