"""Small trials, written by hand or drawn at random, for the tests of the endpoints."""

from pathlib import Path

from hypothesis import strategies as st

from cellkinetics.study import read_study
from cellkinetics.study.study import Study

HEADERS = {
    "samples": "subject,time,analyte,value,unit,cens,lloq",
    "assessments": "subject,time,response",
    "events": "subject,time,event",
    "toxicities": "subject,time,kind,term,scale,grade",
}


def trial(
    folder: Path,
    subjects: str,
    *,
    events: str = "",
    responses: str = "",
    samples: str = "",
    toxicities: str = "",
    cuts: str = "",
    landmark: int | None = 60,
    horizon: int = 365,
) -> Study:
    """Write and read a trial.

    ``subjects`` "A B"; ``events`` "A 60 relapse; A 90 death"; ``responses`` "A 28 CR"; ``samples``
    "A 14 1200" (qpcr, copies/ug, limit 50); ``cuts`` "A 100". A table without rows is not written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = "" if landmark is None else f"[response]\nlandmark = {landmark}\n"
    (folder / "study.toml").write_text(
        f'name = "small"\nsimulated = true\nhorizon = {horizon}\ndose_unit = "cells/kg"\n{mark}'
    )
    cut = dict(map(str.split, _items(cuts)))
    ids = subjects.split()
    _write(folder / "subjects.csv", "subject,data_cut", [f"{s},{cut.get(s, '')}" for s in ids])
    _write(folder / "infusions.csv", "subject,time,cells", [f"{s},0,1.5e6" for s in ids])
    below = [(*item.split(), "") for item in _items(samples)]
    tables = {
        "samples": [f"{s},{t},qpcr,{v},copies/ug,{int(float(v) <= 50)},50" for s, t, v, _ in below],
        "assessments": [",".join(item.split()) for item in _items(responses)],
        "events": [",".join(item.split()) for item in _items(events)],
        "toxicities": [",".join(item.split()) for item in _items(toxicities)],
    }
    for name, rows in tables.items():
        if rows:
            _write(folder / f"{name}.csv", HEADERS[name], rows)
    return read_study(folder)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(";") if item.strip()]


def _write(path: Path, header: str, rows: list[str]) -> None:
    path.write_text("\n".join([header, *rows]) + "\n")


RESPONSES = ("CR", "CRh", "CRi", "MLFS", "PR", "NR", "NE")
HAPPENED = ("progression", "relapse", "treatment_failure", "transplant", "other_therapy")


@st.composite
def courses(draw) -> dict[str, str]:
    """Courses of one to five subjects, with every kind of event in every order."""
    events, responses, samples, cuts = [], [], [], []
    subjects = [f"S{i}" for i in range(draw(st.integers(1, 5)))]
    for subject in subjects:
        last = draw(st.integers(1, 500))
        for day in draw(st.lists(st.integers(1, 500), max_size=5, unique=True)):
            if day <= last:
                responses.append(f"{subject} {day} {draw(st.sampled_from(RESPONSES))}")
        if subject == "S0":  # so that there is a table of events, and one of assessments
            responses.append(f"{subject} 0 NR")
        seen = draw(
            st.lists(
                st.tuples(st.integers(1, 500), st.sampled_from(HAPPENED)), max_size=3, unique=True
            )
        )
        events += [f"{subject} {day} {what}" for day, what in seen if day <= last]
        ends = ["death", "last_contact", "withdrawal", *([""] if subject != "S0" else [])]
        end = draw(st.sampled_from(ends))
        if end:
            events.append(f"{subject} {last} {end}")
        for day in (0, 7, 14, 28, 90):
            if day <= last:
                samples.append(f"{subject} {day} {draw(st.sampled_from([50, 200, 9000]))}")
        if draw(st.integers(0, 3)) == 0:
            cuts.append(f"{subject} {draw(st.integers(0, 500))}")
    parts = {"events": events, "responses": responses, "samples": samples, "cuts": cuts}
    return {"subjects": " ".join(subjects), **{k: "; ".join(v) for k, v in parts.items()}}
