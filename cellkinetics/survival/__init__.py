"""Estimates from times and events alone: curves, tests, hazards, exact posteriors."""
