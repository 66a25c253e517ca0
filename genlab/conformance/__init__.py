"""Checks that code written outside this package can be run through."""
