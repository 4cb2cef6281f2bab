"""Answers told in the user's own files, where the study did not come as our tables."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from cellkinetics.outcome.answer import Answer
from cellkinetics.study.tables import TABLES

_FILE = re.compile(rf"\b(?:{'|'.join(table.name for table in TABLES)})\.csv\b")


def in_users_words(answer: Answer, sources: Mapping[str, str]) -> Answer:
    """Name the user's files in place of our tables' in every text of an answer.

    Parameters
    ----------
    answer : Answer
    sources : mapping               of a ``Study``: what stands for "events.csv"; empty: no change

    Returns
    -------
    Answer
    """
    if not sources:
        return answer

    def told(text: str) -> str:
        return _FILE.sub(lambda match: sources.get(match.group(), match.group()), text)

    def cell(value: object) -> object:
        return told(value) if isinstance(value, str) else value

    def table(frame: pd.DataFrame) -> pd.DataFrame:
        texts = frame.select_dtypes(object).columns.difference(["subject"], sort=False)
        return frame.assign(**{str(name): frame[name].map(cell) for name in texts})

    return replace(
        answer,
        definition=told(answer.definition),
        subjects=table(answer.subjects),
        numbers=table(answer.numbers),
        more={name: table(frame) for name, frame in answer.more.items()},
        notes=tuple(map(told, answer.notes)),
    )
