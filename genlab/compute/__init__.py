"""Devices, precision, and training in several processes."""
