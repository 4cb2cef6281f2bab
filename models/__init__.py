"""The models: one file each, which declares MODEL. The name of the file is the name of the model."""
