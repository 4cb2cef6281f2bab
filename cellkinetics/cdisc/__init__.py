"""CDISC ADaM: data sets in as a study, answers out as data sets."""
