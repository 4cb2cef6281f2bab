"""Checks of the list of subjects."""

from collections.abc import Iterator

from cellkinetics.study.check_rows import first_line, loose
from cellkinetics.study.findings import Finding, at_rows, finding
from cellkinetics.study.study import Study


def check_subjects(study: Study) -> Iterator[Finding]:
    """Check the list of subjects itself, and who is in no other table."""
    subjects = study.subjects
    if subjects.empty:
        yield finding(
            "empty-study",
            "subjects",
            came="no subject",
            wanted="one row a subject",
            cure="Add the subjects; an id is enough.",
        )
        return
    ids = subjects["subject"]
    again = subjects.duplicated("subject", keep="first") & ids.notna()
    yield from at_rows(
        "duplicate-subject",
        "subjects",
        subjects.assign(first=first_line(subjects, ["subject"])),
        again,
        column="subject",
        came="the id of line {first} again",
        wanted="one row a subject",
        cure="Merge the two rows, or give one of them its own id.",
    )
    yield from at_rows(
        "data-cut-before-infusion",
        "subjects",
        subjects,
        subjects["data_cut"] < 0,
        column="data_cut",
        came="day {data_cut:g}",
        wanted="a data cut-off on or after the infusion (day 0)",
        cure="Correct it, or leave it empty; a subject who was not infused by the cut-off does not "
        "belong here.",
    )
    once = subjects[ids.notna() & ~again]
    looks = once["subject"].map(loose)
    like = once.groupby(looks, sort=False)["subject"].transform("first")
    yield from at_rows(
        "similar-subjects",
        "subjects",
        once.assign(like=like),
        looks.duplicated(keep="first"),
        column="subject",
        came="{subject}, much like {like}",
        wanted="ids that cannot be confused",
        cure="Nothing to do if they are two people.",
    )
    for code, name in (
        ("subject-without-samples", "samples"),
        ("subject-without-infusion", "infusions"),
    ):
        frame = study.table(name)
        if len(frame):
            yield from at_rows(
                code,
                "subjects",
                once,
                ~once["subject"].isin(frame["subject"]),
                column=None,
                came=f"no row in {name}.csv",
                cure=f"Nothing to do if that is so; otherwise add the rows to {name}.csv.",
            )
