"""Figures: the only importer of matplotlib; functions draw the data that they are given."""
