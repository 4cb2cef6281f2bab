"""A model's card as one self-contained HTML page."""
