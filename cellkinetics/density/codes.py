"""The numbers by which compiled code knows error models and kinds of rows."""

from typing import Final

LOGNORMAL: Final = 0
STUDENT_T: Final = 1
COMBINED: Final = 2

OBSERVED: Final = 0
LEFT: Final = 1
RIGHT: Final = 2
INTERVAL: Final = 3
