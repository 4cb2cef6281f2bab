"""What was measured: read it, check it, and say what every reading near a limit means."""

from cellkinetics.study.check import check_study
from cellkinetics.study.exclusions import count_exclusions, exclusions
from cellkinetics.study.findings import Finding, findings_to_json
from cellkinetics.study.limits import classify, limits_table, method_note
from cellkinetics.study.nonmem_layout import NonmemOptions
from cellkinetics.study.nonmem_write import write_nonmem
from cellkinetics.study.read import read_study
from cellkinetics.study.settings import StudySettings
from cellkinetics.study.study import Study

__all__ = [
    "Finding",
    "NonmemOptions",
    "Study",
    "StudySettings",
    "check_study",
    "classify",
    "count_exclusions",
    "exclusions",
    "findings_to_json",
    "limits_table",
    "method_note",
    "read_study",
    "write_nonmem",
]
