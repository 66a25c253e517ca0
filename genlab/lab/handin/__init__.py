"""The two archives that students hand in."""
