"""The models: one file each, which declares MODEL; the name of the file is the model's."""
