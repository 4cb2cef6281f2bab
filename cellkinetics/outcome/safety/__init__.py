"""Safety: adverse events, CRS and ICANS, blood-count recovery, infections, deaths, DLT."""
