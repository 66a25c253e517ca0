"""The square that is taken of a photograph."""
