"""Errors, paths, the atomic writer, the cache, progress and randomness: used everywhere."""
