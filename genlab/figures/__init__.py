"""Figures: arrays in, matplotlib Figure out; `draw` modules read a run and write the files."""
