"""The explorer: one run directory in, one self-contained interactive HTML page out."""
