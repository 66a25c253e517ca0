"""Readers of untrusted files, with limits."""
