"""The part of a set that is learned from."""
