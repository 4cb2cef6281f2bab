"""A model or a fit in the formats of other programs: SBML for simulators, Stan for samplers."""

from cellkinetics.exporting.sbml import sbml_text
from cellkinetics.exporting.write import Exported, export

__all__ = ["Exported", "export", "sbml_text"]
