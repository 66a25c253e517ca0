"""Drawn dogs: a data set that needs no download."""
