"""A small clean study, written by hand, that the tests of this folder damage in one place."""

from pathlib import Path

FILES = {
    "study.toml": """\
name = "two"
description = "two invented patients"
simulated = true
dose_unit = "cells/kg"

[units]
wbc = "10^9/L"

[response]
criteria = "ELN2022"
landmark = 90

[mrd]
cutoff_pct = 0.1
""",
    "subjects.csv": """\
subject,weight_kg,data_cut,age,sex
007,70,400,55,F
P02,82.5,400,61,M
""",
    "infusions.csv": """\
subject,time,cells,vcn,transduction_pct
007,0,1.5e6,1.5,40
P02,0,2e6,2,35
""",
    "samples.csv": """\
subject,time,analyte,value,unit,cens,lloq,uloq,lower,lod,specimen
007,0,qpcr,50,copies/ug,1,50,,,10,blood
007,7,qpcr,1200,copies/ug,0,50,,,10,blood
007,14,qpcr,9800,copies/ug,0,50,,,10,blood
007,28,qpcr,50,copies/ug,1,50,,10,10,blood
P02,7,qpcr,640,copies/ug,0,50,,,10,blood
P02,14,qpcr,21000,copies/ug,0,50,,,10,blood
007,7,flow,3.5,cells/uL,0,0.5,500,,,blood
007,14,flow,500,cells/uL,-1,0.5,500,,,blood
P02,14,flow,41,cells/uL,0,0.5,500,,,blood
007,7,wbc,1.2,,,,,,,blood
P02,7,wbc,0.8,,,,,,,blood
""",
    "assessments.csv": """\
subject,time,response,marrow_blasts_pct,blood_blasts_pct,extramedullary,anc,platelets,mrd_value,mrd_lod,mrd_status
007,-5,,40,12,0,0.4,20,,,
007,28,CR,2,0,0,1.4,130,0.02,0.01,negative
P02,28,NR,35,4,0,0.2,15,,,
""",
    "events.csv": """\
subject,time,event
007,300,relapse
007,350,last_contact
P02,60,progression
P02,120,death
""",
    "toxicities.csv": """\
subject,time,end,term,soc,kind,scale,grade,dlt
007,6,9,Cytokine release syndrome,Immune system,CRS,ASTCT,2,0
P02,100,120,Sepsis,Infections,other,CTCAE,5,no
""",
    "vitals.csv": """\
subject,time,temperature_c,hypotension,vasopressors,oxygen,ice_score
007,6,39.1,yes,0,low_flow,10
""",
    "treatments.csv": """\
subject,time,end,drug,dose,unit,kind
007,-5,-3,fludarabine,30,mg/m^2,lymphodepletion
007,7,7,tocilizumab,8,mg/kg,tocilizumab
P02,62,66,azacitidine,75,mg/m^2,cytotoxic
""",
}


def write_study(folder: Path, edits: dict[str, str | tuple[str, str] | bytes | None]) -> Path:
    """Write the clean study with edits: a whole text, (old, new), bytes, or None for no file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {**FILES, **edits}:
        content = edits.get(name, FILES.get(name))
        if isinstance(content, tuple):
            old, new = content
            assert old in FILES[name], f"{old!r} is not in {name}"
            content = FILES[name].replace(old, new, 1)
        if isinstance(content, str):
            content = content.encode()
        if content is not None:
            (folder / name).write_bytes(content)
    return folder
