"""The models that ship with the package: one file each, each declares MODEL."""
