"""Numerical building blocks: matrix products, sums of exponentials."""
