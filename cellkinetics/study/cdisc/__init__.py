"""CDISC ADaM data sets (and EX) in a folder, as CSV or SAS transport files, to a study."""
