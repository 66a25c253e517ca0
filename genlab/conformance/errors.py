"""The error of a failed check."""

__all__ = ["ConformanceError"]


class ConformanceError(ValueError):
    """An object does not do what every one of its kind must."""
