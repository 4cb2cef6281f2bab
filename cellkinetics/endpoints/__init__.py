"""Every registered outcome measure of a trial, from a study's tables alone."""
