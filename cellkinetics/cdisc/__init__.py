"""CDISC data sets out: exposure as PP, times to events as ADTTE (reading is ``study/cdisc``)."""

from cellkinetics.cdisc.adtte import adtte_table, write_adtte
from cellkinetics.cdisc.pp import pp_table, write_pp
from cellkinetics.cdisc.transport import CdiscError

__all__ = ["CdiscError", "adtte_table", "pp_table", "write_adtte", "write_pp"]
