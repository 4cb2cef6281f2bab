"""The fits that ship with the package: one folder each, with a fit.toml."""
