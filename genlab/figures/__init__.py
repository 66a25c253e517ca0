"""Figures: most modules turn arrays into a matplotlib Figure; `draw` reads runs, writes files."""
