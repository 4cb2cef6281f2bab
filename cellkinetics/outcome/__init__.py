"""What happened to the patients: response, MRD, safety, cytokines, time to event."""
