# ruff: noqa: E501  (records of a data set are not folded)
"""A small CDISC study, written by hand after the ADaM structures of admiral's templates.

Subject 1001 is infused on 2024-03-06 (study day 6: treatment starts with lymphodepletion), subject
1002 on 2024-04-01 (study day 1). No writer of this package made any of it.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

FILES = {
    "adsl.csv": """\
STUDYID,USUBJID,SUBJID,AGE,AGEU,SEX,SAFFL,TRT01A,TRTSDT,WEIGHTBL,DTHDT,DTHFL,LSTALVDT,DCUTDT
CART-01,CART-01-1001,1001,54,YEARS,F,Y,CAR-T,2024-03-01,62.5,,,2025-03-05,2025-06-30
CART-01,CART-01-1002,1002,61,YEARS,M,Y,CAR-T,2024-04-01,80,2024-08-29,Y,2024-08-29,2025-06-30
""",
    "adpc.csv": """\
STUDYID,USUBJID,PARAMCD,PARAM,PCSPEC,ADY,AFRLT,FRLTU,ATPTREF,AVAL,AVALC,AVALU,ALLOQ,BLQFL,DTYPE,PCSEQ
CART-01,CART-01-1001,CARQPCR,CAR transgene (copies/ug),BLOOD,6,-1,h,Day 1,,<BLQ,copies/ug,50,Y,,1
CART-01,CART-01-1001,CARQPCR,CAR transgene (copies/ug),BLOOD,6,-1,h,Day 1,25,,copies/ug,50,Y,HALFLLOQ,1
CART-01,CART-01-1001,CARQPCR,CAR transgene (copies/ug),BLOOD,13,168,h,Day 1,1200,1200,copies/ug,50,N,,2
CART-01,CART-01-1001,CARQPCR,CAR transgene (copies/ug),BLOOD,13,168,h,Day 28,1200,1200,copies/ug,50,N,COPY,2
CART-01,CART-01-1001,CARQPCR,CAR transgene (copies/ug),BLOOD,20,336,h,Day 1,9800,9800,copies/ug,50,N,,3
CART-01,CART-01-1001,CARQPCR,CAR transgene (copies/ug),BLOOD,34,672,h,Day 1,25,,copies/ug,50,,HALFLLOQ,4
CART-01,CART-01-1002,CARQPCR,CAR transgene (copies/ug),BLOOD,8,168,h,Day 1,640,640,copies/ug,50,N,,1
CART-01,CART-01-1002,CARQPCR,CAR transgene (copies/ug),BLOOD,15,336,h,Day 1,,<50,copies/ug,,,,2
CART-01,CART-01-1002,CARQPCR,CAR transgene (copies/ug),BLOOD,29,672,h,Day 1,21,21,copies/ng,0.05,N,,3
""",
    "adlb.csv": """\
STUDYID,USUBJID,PARAMCD,PARAM,ADT,ADY,AVAL,AVALC,AVALU,BASETYPE,DTYPE,ANL01FL,LBSEQ
CART-01,CART-01-1001,IL6,Interleukin 6 (pg/mL),2024-03-06,6,3.1,3.1,pg/mL,LAST,,Y,1
CART-01,CART-01-1001,IL6,Interleukin 6 (pg/mL),2024-03-13,13,410,410,pg/mL,LAST,,Y,2
CART-01,CART-01-1001,IL6,Interleukin 6 (pg/mL),2024-03-13,13,410,410,pg/mL,SCREENING,,Y,2
CART-01,CART-01-1001,IL6,Interleukin 6 (pg/mL),2024-03-20,20,410,410,pg/mL,LAST,LOCF,Y,2
CART-01,CART-01-1002,IL6,Interleukin 6 (pg/mL),2024-04-08,8,,>1000,pg/mL,LAST,,Y,1
CART-01,CART-01-1002,IL6,Interleukin 6 (pg/mL),2024-04-15,15,0.0512,0.0512,ng/mL,LAST,,Y,2
CART-01,CART-01-1002,WBC,Leukocytes (10^9/L),2024-04-08,8,1.2,1.2,10^9/L,LAST,,Y,3
CART-01,CART-01-1002,NEUT,Neutrophils (10^9/L),2024-04-29,29,400,400,/uL,LAST,,Y,4
CART-01,CART-01-1002,PLAT,Platelets (10^9/L),2024-04-29,29,15,15,10^9/L,LAST,,Y,5
CART-01,CART-01-1002,URCOL,Color of urine,2024-04-29,29,,YELLOW,,LAST,,Y,6
""",
    "adrs.csv": """\
STUDYID,USUBJID,PARAMCD,PARAM,ADT,ADY,AVALC,RSEVAL,ANL01FL,DTYPE
CART-01,CART-01-1001,OVR,Overall response by visit,2024-04-03,34,CR,INVESTIGATOR,Y,
CART-01,CART-01-1001,OVR,Overall response by visit,2024-04-03,34,CRi,INDEPENDENT ASSESSOR,Y,
CART-01,CART-01-1001,MRD,MRD by flow,2024-04-03,34,NEGATIVE,,Y,
CART-01,CART-01-1001,BOR,Best overall response,2024-04-03,34,CR,INVESTIGATOR,Y,
CART-01,CART-01-1002,OVR,Overall response by visit,2024-04-29,29,SD,INVESTIGATOR,Y,
CART-01,CART-01-1002,OVR,Overall response by visit,2024-05-31,61,PD,INVESTIGATOR,Y,
CART-01,CART-01-1002,DEATH,Death,2024-08-29,151,Y,,Y,
""",
    "adtte.csv": """\
STUDYID,USUBJID,PARAMCD,PARAM,STARTDT,ADT,AVAL,CNSR,EVNTDESC,CNSDTDSC,SRCDOM,SRCVAR
CART-01,CART-01-1001,OS,Overall Survival (Days),2024-03-06,2025-03-05,365,1,Alive,Alive During Study,ADSL,LSTALVDT
CART-01,CART-01-1001,EFS,Event-Free Survival (Days),2024-03-06,2024-12-31,301,0,Disease Relapse,,ADRS,ADT
CART-01,CART-01-1001,DOR,Duration of Response (Days),2024-04-03,2024-12-31,273,0,Relapse,,ADRS,ADT
CART-01,CART-01-1002,OS,Overall Survival (Days),2024-04-01,2024-08-29,151,0,Death,,ADSL,DTHDT
CART-01,CART-01-1002,EFS,Event-Free Survival (Days),2024-04-01,2024-05-31,61,0,Disease Progression,,ADRS,ADT
""",
    "adae.csv": """\
STUDYID,USUBJID,AETERM,AEDECOD,AEBODSYS,ASTDT,ASTDY,AENDT,AENDY,AETOXGR,AESER,DLTFL
CART-01,CART-01-1001,CRS,Cytokine release syndrome,Immune system disorders,2024-03-11,11,2024-03-14,14,2,N,
CART-01,CART-01-1001,Nausea,Nausea,Gastrointestinal disorders,2024-02-28,-2,2024-03-01,1,1,N,
CART-01,CART-01-1002,ICANS,Immune effector cell-associated neurotoxicity syndrome,Nervous system disorders,2024-04-09,9,2024-04-12,12,3,Y,Y
CART-01,CART-01-1002,Sepsis,Sepsis,Infections and infestations,2024-08-20,142,2024-08-29,151,5,Y,
""",
    "ex.csv": """\
STUDYID,DOMAIN,USUBJID,EXSEQ,EXTRT,EXDOSE,EXDOSU,EXSTDTC,EXENDTC,EXSTDY,EXENDY
CART-01,EX,CART-01-1001,1,FLUDARABINE,30,mg/m2,2024-03-01,2024-03-03,1,3
CART-01,EX,CART-01-1001,2,ANTI-CLL1 CAR-T,93.75,10^6 CELLS,2024-03-06T10:15,2024-03-06T10:40,6,6
CART-01,EX,CART-01-1002,1,ANTI-CLL1 CAR-T,160,10^6 CELLS,2024-04-01T09:00,2024-04-01T09:20,1,1
""",
}

TEXTS = {  # variables that are texts even where all their values look like numbers
    "STUDYID", "USUBJID", "SUBJID", "PARAMCD", "PARAM", "AVALC", "AVALU", "AETOXGR", "DTYPE",
    "BLQFL", "EVNTDESC", "CNSDTDSC", "EXTRT", "EXDOSU", "EXSTDTC", "EXENDTC", "FRLTU",
}  # fmt: skip
DATES = {"TRTSDT", "DTHDT", "LSTALVDT", "DCUTDT", "ADT", "STARTDT", "ASTDT", "AENDT"}


def write_folder(folder: Path, edits: dict[str, str | tuple[str, str] | bytes | None]) -> Path:
    """Write the study with edits: a whole text, (old, new), bytes, or None for no file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {**FILES, **edits}:
        content = edits.get(name, FILES.get(name))
        if isinstance(content, tuple):
            old, new = content
            assert old in FILES[name], f"{old!r} is not in {name}"
            content = FILES[name].replace(old, new)
        if isinstance(content, str):
            content = content.encode()
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def write_xpt_folder(folder: Path, source: Path) -> Path:
    """Write the CSV data sets of a folder again as SAS transport files, dates as SAS dates."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.csv")):
        text = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame = pd.DataFrame({name: _typed(name, text[name]) for name in text})
        pyreadstat.write_xport(
            frame,
            str(folder / path.with_suffix(".xpt").name),
            file_format_version=5,
            table_name=path.stem.upper(),
            file_label="written by a test",
            column_labels={name: f"Label of {name}" for name in frame},
            variable_format={name: "DATE9." for name in frame if name in DATES},
        )
    return folder


def _typed(name: str, texts: pd.Series) -> pd.Series:
    if name in DATES:
        days = pd.to_datetime(texts.where(texts != "", None)) - pd.Timestamp(1960, 1, 1)
        return days.dt.days.astype(float)
    numbers = pd.to_numeric(texts.where(texts != "", None), errors="coerce")
    text = name in TEXTS or bool((numbers.isna() & (texts != "")).any()) or numbers.isna().all()
    return texts if text else numbers.astype(np.float64)
