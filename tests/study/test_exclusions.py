"""Which samples are kept out of the kinetics, and why."""

import pytest
from study_files import write_study

from cellkinetics.errors import SpecError
from cellkinetics.study import count_exclusions, exclusions, read_study

DAYS = (-3, 0, 7, 20, 28, 35, 60, 90)
SAMPLES = "subject,time,analyte,value,unit\n" + "".join(
    f"{subject},{day},{analyte},{value},{unit}\n"
    for subject in ("007", "P02")
    for analyte, value, unit in (("qpcr", 100, "copies/ug"), ("tumour", 5, "cells/uL"))
    for day in DAYS
)


def study_with(tmp_path, events="", treatments=""):
    return read_study(
        write_study(
            tmp_path,
            {
                "samples.csv": SAMPLES,
                "events.csv": "subject,time,event\n007,350,last_contact\nP02,350,last_contact\n"
                + events,
                "treatments.csv": f"subject,time,drug,kind\n{treatments}",
                "toxicities.csv": None,
                "assessments.csv": None,
            },
        )
    )


def reasons(study, subject="007", analyte="qpcr", **options):
    chosen = (study.samples["subject"] == subject) & (study.samples["analyte"] == analyte)
    out = exclusions(study, **options)
    assert out.index.equals(study.samples.index)
    return dict(zip(study.samples.loc[chosen, "time"], out.loc[chosen, "reason"], strict=True))


def test_samples_before_and_at_the_infusion(tmp_path):
    study = study_with(tmp_path)
    expected = dict.fromkeys(map(float, DAYS))
    assert reasons(study) == expected | {-3.0: "pre-infusion", 0.0: "at-infusion"}
    assert reasons(study, keep=["at-infusion"]) == expected | {-3.0: "pre-infusion"}


def test_keep_one_analyte(tmp_path):
    study = study_with(tmp_path)
    keep = ["at-infusion:tumour"]
    assert reasons(study, analyte="tumour", keep=keep)[0.0] is None
    assert reasons(study, analyte="qpcr", keep=keep)[0.0] == "at-infusion"


@pytest.mark.parametrize(
    ("rows", "after", "reason", "detail"),
    [
        (("007,35,transplant\n", ""), 35, "transplant", "transplant on day 35"),
        (
            ("007,35,transplant\n", "007,28,melphalan,\n"),
            28,
            "conditioning",
            "melphalan from day 28",
        ),
        (("", "007,28,melphalan,\n"), 28, "cytotoxic", "melphalan from day 28"),
        (("", "007,28,Gemtuzumab Ozogamicin,\n"), 28, "cytotoxic", None),
        (("", "007,28,melphalan,conditioning\n"), 28, "conditioning", None),
        (("", "007,28,second product,cell_product\n"), 28, "cell_product", None),
        (("007,28,other_therapy\n", ""), 28, "other_therapy", "other therapy on day 28"),
        (("007,60,other_therapy\n", "007,28,cytarabine,\n"), 28, "cytotoxic", None),
    ],
)
def test_samples_after_what_ends_the_kinetics(tmp_path, rows, after, reason, detail):
    study = study_with(tmp_path, *rows)
    found = reasons(study)
    assert {day for day, why in found.items() if why == reason} >= {
        day for day in map(float, DAYS) if after < day < 60
    }
    assert [found[day] for day in map(float, DAYS) if 0 < day <= after] == [None] * sum(
        0 < day <= after for day in DAYS
    )
    if detail:
        out = exclusions(study)
        assert detail in set(out["detail"])
        assert after in set(out["since"])
    assert set(reasons(study, subject="P02").values()) == {"pre-infusion", "at-infusion", None}


@pytest.mark.parametrize(
    "treatment",
    [
        "007,-5,fludarabine,\n",  # before the infusion: lymphodepletion
        "007,28,tocilizumab,\n",
        "007,28,cytarabine,supportive\n",  # the user says otherwise
        "P02,28,cytarabine,\n",  # somebody else's
    ],
)
def test_treatments_that_end_nothing(tmp_path, treatment):
    assert set(reasons(study_with(tmp_path, "", treatment)).values()) == {
        "pre-infusion",
        "at-infusion",
        None,
    }


def test_every_exclusion_is_counted(tmp_path):
    study = study_with(tmp_path, "007,35,transplant\n")
    counts = count_exclusions(exclusions(study), study.samples)
    assert counts.set_index(["analyte", "reason"]).loc[("qpcr", "transplant")].tolist() == [2, 1]
    assert counts["rows"].sum() == exclusions(study)["reason"].notna().sum()


def test_no_infusions_means_day_0(tmp_path):
    folder = write_study(
        tmp_path,
        {"infusions.csv": None, "samples.csv": SAMPLES, "toxicities.csv": None},
    )
    assert reasons(read_study(folder))[-3.0] == "pre-infusion"


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (["preinfusion"], "'preinfusion' is not a reason to keep samples out. .*'pre-infusion'"),
        (["at-infusion:tumor"], "'at-infusion:tumor': the study has no analyte 'tumor'.*'tumour'"),
        ("at-infusion", r"keep='at-infusion' is one text; write a list, such as \['at-infusion'\]"),
    ],
)
def test_a_slip_in_keep_is_refused(tmp_path, keep, message):
    with pytest.raises(SpecError, match=message):
        exclusions(study_with(tmp_path), keep=keep)
