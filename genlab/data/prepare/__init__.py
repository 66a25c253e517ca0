"""Preparing a set of images once, as a folder of squares."""
