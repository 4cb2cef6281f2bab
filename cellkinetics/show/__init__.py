"""What the command line prints: text for people, JSON for machines."""
