"""Metrics: pure functions from features to numbers, in float64."""
