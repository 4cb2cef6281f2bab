"""What was measured: one frozen object, whatever files it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cellkinetics.study.findings import Finding
from cellkinetics.study.settings import StudySettings


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """A study's settings and tables.

    Every table has all the columns of its declaration in ``cellkinetics.study.tables`` (those that
    a file does not have are filled with missing values) and ``line``, the row's line in its file
    (header = 1). Numbers are float64 (missing NaN), flags ``boolean``, texts object (missing None);
    ``subjects`` also holds the user's covariates. Rows keep the order of the file. Time is days
    since the first infusion. ``findings`` are the warnings and infos of the check.

    ``reported`` holds the times to events that the study's own ADTTE states, to be compared with
    ours: subject, endpoint, title, time (days from the endpoint's origin), event, what, reason, day
    (since the infusion), line; it is empty for a study that was not read from CDISC.

    In a study that was read from CDISC every table but ``subjects`` also has ``file``, the data set
    of each row's ``line``. ``settings_path`` is a file of settings that lies outside ``path``, as a
    NONMEM-style file may have one. ``sources`` says what stands for the file of a table
    ("events.csv") where there is no such file; it is empty for a folder of tables.
    """

    settings: StudySettings
    path: Path
    subjects: pd.DataFrame
    infusions: pd.DataFrame
    samples: pd.DataFrame
    assessments: pd.DataFrame
    events: pd.DataFrame
    toxicities: pd.DataFrame
    vitals: pd.DataFrame
    treatments: pd.DataFrame
    findings: tuple[Finding, ...] = ()
    reported: pd.DataFrame = field(default_factory=pd.DataFrame)
    sources: Mapping[str, str] = field(default_factory=dict)
    settings_path: Path | None = None

    @property
    def name(self) -> str:
        """The study's name."""
        return self.settings.name

    @property
    def description(self) -> str:
        """One line or more on what the study is."""
        return self.settings.description

    @property
    def simulated(self) -> bool:
        """Whether the data are simulated; shown wherever they appear."""
        return self.settings.simulated

    @property
    def analytes(self) -> tuple[str, ...]:
        """Analytes of ``samples``, in the order in which they first appear."""
        return tuple(self.samples["analyte"].dropna().unique())

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns of ``subjects`` that are the user's own."""
        declared = {"subject", "weight_kg", "data_cut", "line"}
        return tuple(name for name in self.subjects.columns if name not in declared)

    def table(self, name: str) -> pd.DataFrame:
        """Return one table by its name."""
        frame = getattr(self, name)
        assert isinstance(frame, pd.DataFrame)
        return frame

    def files(self, name: str) -> pd.Series:
        """File in which each row of a table stands, with the table's index."""
        frame = self.table(name)
        if "file" in frame and name != "subjects":
            return frame["file"]
        return pd.Series(f"{name}.csv", index=frame.index, dtype=object)

    def unit(self, analyte: str) -> str | None:
        """Unit of an analyte's values in its canonical spelling; None if it has no samples."""
        units = self.samples.loc[self.samples["analyte"] == analyte, "unit"].dropna()
        return str(units.iloc[0]) if len(units) else None

    def __repr__(self) -> str:
        """Say in one line what the study holds."""
        kind = "simulated study" if self.simulated else "study"
        return (
            f"<{kind} {self.name!r}: {len(self.subjects)} subjects, {len(self.infusions)} "
            f"infusions, {len(self.samples)} samples of {', '.join(self.analytes) or 'nothing'}>"
        )
