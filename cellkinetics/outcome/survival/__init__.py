"""Time to event: who had which event when, and what follows from it, small trials included."""
