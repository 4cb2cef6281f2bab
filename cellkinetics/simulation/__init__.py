"""Virtual patients: a model's curves with its published spread between subjects."""
