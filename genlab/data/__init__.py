"""Data: a SOURCE (a name, a file or a folder) becomes one uint8 tensor and its identity."""
