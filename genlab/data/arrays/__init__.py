"""Images in arrays: their layout, the meaning of their values, and NumPy's files."""
