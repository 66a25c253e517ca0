"""Numerical building blocks: matrix products, sums of exponentials, finite tensors."""
