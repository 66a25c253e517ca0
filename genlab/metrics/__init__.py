"""Metrics: pure functions from features to numbers, in float64."""

from genlab.vml import settle

settle()
