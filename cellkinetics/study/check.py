"""``check_study``: everything that is wrong with a study, at once."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Unpack

from cellkinetics.study.check_analytes import check_analytes
from cellkinetics.study.check_clinical import check_clinical
from cellkinetics.study.check_doses import check_doses
from cellkinetics.study.check_rows import check_rows
from cellkinetics.study.check_samples import check_samples
from cellkinetics.study.check_subjects import check_subjects
from cellkinetics.study.findings import Finding
from cellkinetics.study.study import Study

CHECKS = (
    check_subjects,
    check_rows,
    check_analytes,
    check_samples,
    check_doses,
    check_clinical,
)
